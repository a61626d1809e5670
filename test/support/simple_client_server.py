"""A peer of the simple_client_server wire, written from its specification with nothing but Python's own library.

usage: simple_client_server.py KEYS client PORT udp|tcp p|H t|j|p TEXT     prints repr of the answer, or "no answer"
       simple_client_server.py KEYS server TABLE                           prints its port, then serves
KEYS is a JSON file with n, e and d of the two RSA pairs; TABLE a JSON object from query to answer.
"""

import base64
import json
import os
import pickle
import socket
import sys
import threading

BLOCK = 128


def make_sbox():
    box, p, q = [0] * 256, 1, 1
    while True:
        p ^= (p << 1) ^ (0x11B if p & 0x80 else 0)
        p &= 0xFF
        for shift in (1, 2, 4):
            q ^= (q << shift) & 0xFF
        if q & 0x80:
            q ^= 0x09
        rotated = q
        for shift in (1, 2, 3, 4):
            rotated ^= ((q << shift) | (q >> (8 - shift))) & 0xFF
        box[p] = rotated ^ 0x63
        if p == 1:
            break
    box[0] = 0x63
    return box


SBOX = make_sbox()


def double(byte):
    return ((byte << 1) ^ 0x1B) & 0xFF if byte & 0x80 else byte << 1


def expand(key):
    words = [list(key[i : i + 4]) for i in range(0, 32, 4)]
    constant = 1
    while len(words) < 60:
        word = list(words[-1])
        if len(words) % 8 == 0:
            word = [SBOX[byte] for byte in word[1:] + word[:1]]
            word[0] ^= constant
            constant = double(constant)
        elif len(words) % 8 == 4:
            word = [SBOX[byte] for byte in word]
        words.append([left ^ right for left, right in zip(words[-8], word)])
    return [sum(words[4 * i : 4 * i + 4], []) for i in range(15)]


def encrypt_block(keys, block):
    state = [left ^ right for left, right in zip(block, keys[0])]
    for number, key in enumerate(keys[1:], 1):
        state = [SBOX[state[(5 * i) % 16]] for i in range(16)]
        if number < 14:
            mixed = []
            for column in range(0, 16, 4):
                a = state[column : column + 4]
                every = a[0] ^ a[1] ^ a[2] ^ a[3]
                mixed += [a[i] ^ every ^ double(a[i] ^ a[(i + 1) % 4]) for i in range(4)]
            state = mixed
        state = [left ^ right for left, right in zip(state, key)]
    return bytes(state)


def cfb8(key, iv, data, decrypting):
    keys, register, out = expand(key), iv, bytearray()
    for byte in data:
        result = byte ^ encrypt_block(keys, register)[0]
        register = register[1:] + bytes([byte if decrypting else result])
        out.append(result)
    return bytes(out)


def as_bytes(number):
    return number.to_bytes(max(1, (number.bit_length() + 7) // 8), "big")


def close(text, pair):
    key, iv = os.urandom(32), os.urandom(16)
    block = as_bytes(pow(int.from_bytes(iv + key, "big"), pair["e"], pair["n"]))
    return base64.b64encode(block + iv + cfb8(key, iv, text, False))


def open_(payload, pair):
    data = base64.b64decode(payload)
    number = as_bytes(pow(int.from_bytes(data[:BLOCK], "big"), pair["d"], pair["n"]))[:48]
    iv, key = number[:16], number[16:]
    return cfb8(key, iv, data[BLOCK:], True)[16:]


def serialize(value, representation):
    if representation == "p":
        return pickle.dumps(value)
    return (json.dumps(value) if representation == "j" else str(value)).encode()


def deserialize(data, representation):
    if representation == "p":
        return pickle.loads(data)
    return json.loads(data) if representation == "j" else data.decode()


def ask(pairs, port, transport, scheme, representation, text):
    payload = serialize(text, representation)
    if scheme == "H":
        payload = close(payload, pairs["query"])
    packet = b"0" + scheme.encode() + representation.encode() + b"0" + payload + b"\n"
    kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.settimeout(5)
        sock.connect(("127.0.0.1", port))
        sock.sendall(packet)
        reply = sock.recv(1024)
        while transport == "tcp":
            more = sock.recv(1024)
            if not more:
                break
            reply += more
    if len(reply) < 4:
        return "no answer"
    body = reply[4:]
    return repr(deserialize(open_(body, pairs["reply"]) if scheme == "H" else body, representation))


def answer(pairs, table, packet):
    header, payload = packet[:4], packet[4:].strip()
    scheme, representation = chr(header[1]), chr(header[2])
    query = deserialize(open_(payload, pairs["query"]) if scheme == "H" else payload, representation)
    body = serialize(table[query], representation)
    return header + (close(body, pairs["reply"]) if scheme == "H" else body)


def serve(pairs, table):
    stream = socket.create_server(("127.0.0.1", 0))
    port = stream.getsockname()[1]
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind(("127.0.0.1", port))

    def serve_datagrams():
        while True:
            packet, address = datagrams.recvfrom(8192)
            datagrams.sendto(answer(pairs, table, packet), address)

    threading.Thread(target=serve_datagrams, daemon=True).start()
    print(port, flush=True)
    while True:
        connection, _ = stream.accept()
        with connection, connection.makefile("rb") as lines:
            line = lines.readline()
            if line[1:2] == b"H":  # in plain the original fails and closes
                connection.sendall(answer(pairs, table, line))


def main(keys, mode, *rest):
    with open(keys) as file:
        pairs = {
            name: {part: int(pair[part], 16) for part in "ned"} for name, pair in json.load(file)["keys"].items()
        }
    if mode == "server":
        return serve(pairs, json.loads(rest[0]))
    port, transport, scheme, representation, text = rest
    print(ask(pairs, int(port), transport, scheme, representation, text))


main(*sys.argv[1:])
