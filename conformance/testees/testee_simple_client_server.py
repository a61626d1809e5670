"""simple_client_server as a program under test; its module is found on PYTHONPATH as client_server.

It was written for PyCrypto, whose RSA without padding PyCryptodome has taken away: here it is given back, and nothing else.
"""

import os
import sys
import types

from driver import serve

# Only the demonstration's command reads settings by it.
sys.modules.setdefault("decouple", types.SimpleNamespace(config=lambda name: None))

from Crypto.PublicKey import RSA


def number_of(data):
    return int.from_bytes(data, "big")


def bytes_of(number):
    return number.to_bytes(max(1, (number.bit_length() + 7) // 8), "big")


def power(key, data, exponent):
    number = number_of(data)
    if number >= key.n:
        raise ValueError("the number is not below the modulus")
    return bytes_of(pow(number, exponent, key.n))


RSA.RsaKey.encrypt = lambda self, data, _: (power(self, data, self.e),)
RSA.RsaKey.decrypt = lambda self, data: power(self, data, self.d)
RSA.RsaKey.publickey = RSA.RsaKey.public_key

import client_server


class Drawn:
    """In the place of its random numbers: these, in the order in which it draws them."""

    def __init__(self, *values):
        self.values = [bytes.fromhex(value) for value in values]

    def new(self):
        return self

    def read(self, size):
        return self.values.pop(0) if self.values else os.urandom(size)


def drawing(given):
    client_server.Random = Drawn(given["symmetricKey"], given["iv"])


def key_of(text):
    return None if text is None else RSA.import_key(text)


def rsa_encrypt(given):
    return {"ciphertext": key_of(given["key"]).encrypt(bytes.fromhex(given["plaintext"]), 32)[0].hex()}


def rsa_decrypt(given):
    return {"plaintext": key_of(given["key"]).decrypt(bytes.fromhex(given["ciphertext"])).hex()}


def hybrid_encrypt(given):
    drawing(given)
    plaintext = bytes.fromhex(given["plaintext"])
    return {"ciphertext": client_server.hybrid_encrypt(plaintext, key_of(given["key"])).hex()}


def hybrid_decrypt(given):
    plaintext = client_server.hybrid_decrypt_base64(given["base64"], key_of(given["key"]))
    return {"plaintext": (plaintext.encode() if isinstance(plaintext, str) else plaintext).hex()}


def serialize(given):
    data, scheme = client_server.serialize_to_bytes_flexibly(given["value"], ord(given["scheme"]))
    return {"bytes": data.hex(), "scheme": chr(scheme)}


def deserialize(given):
    data = bytes.fromhex(given["bytes"])
    return {"value": client_server.deserialize_from_bytes(data, ord(given["scheme"]))}


class Wire:
    """In the place of its socket: what it sends is kept, and what it receives is told."""

    AF_INET = SOCK_STREAM = SOCK_DGRAM = None

    def __init__(self, reply):
        self.sent, self.reply = None, reply

    def socket(self, *_):
        return self

    def sendto(self, data, _):
        self.sent = data

    def recv(self, size):
        return self.reply[:size]


def asked(reply, **more):
    wire = Wire(reply)
    client_server.socket = wire
    return wire, lambda query: client_server.get_response(query, "127.0.0.1", 1, **more)


def query(given):
    drawing(given)
    key = key_of(given["key"])
    wire, ask = asked(b"0pt0", query_key=key, representation_scheme=ord(given["scheme"]))
    ask(given["value"])
    return {"bytes": wire.sent.hex()}


def reply(given):
    _, ask = asked(bytes.fromhex(given["reply"]), reply_key=key_of(given["replyKey"]))
    return {"value": ask("")}


GETTERS = {
    "echo": lambda query, _: query,
    "row": lambda query, _: ["spinach", "green"],
    "table": lambda query, _: {query.split()[0]: ["spinach", "vegetable", "green"]}[query.split()[0]],
}


def answer(given):
    made = client_server.simple_data_server.__new__(client_server.simple_data_server)
    made.files_timestamps, made.files_data = {}, {}
    made.user_get_result = GETTERS[given["getter"]]
    made.query_key, made.reply_key = key_of(given["queryKey"]), key_of(given["replyKey"])
    client_server.Random = Drawn()
    request = bytes.fromhex(given["request"])
    if given["transport"] == "tcp":
        request = request.split(b"\n")[0].strip().decode("utf-8")
    return {"reply": made.process_request(request).hex()}


serve({
    "simple-client-server": {
        "rsa-encrypt": rsa_encrypt,
        "rsa-decrypt": rsa_decrypt,
        "hybrid-encrypt": hybrid_encrypt,
        "hybrid-decrypt": hybrid_decrypt,
        "serialize": serialize,
        "deserialize": deserialize,
        "query": query,
        "answer": answer,
        "reply": reply,
    }
})
