"""A node of STP, written from its specification with nothing but Python's own library; plain messages alone.

usage: stp_peer.py USER GROUP UDP_PORT [quiet]

Joins the group by loopback, asks who is there (not where it is quiet), answers whoever asks, keeps its list of peers by
address. Prints a JSON object a line: {"ready": TCP port}, then for each frame {"via", "whole", "ends", "header", "msg"}:
whether all of it came in the one read, and why it would have ended an original (null: it would not). Orders are JSON
objects a line: {"broadcast": [namespace, data]}, {"send": [address, namespace, data]}, {"raw": [port, hex]}, {"ask": true}.
Unlike an original it answers by a new connection, where that answers by the socket that listens, which it then loses.
"""

import json
import socket
import struct
import sys
import threading
import uuid

READ = 4096 * 1000
TIMEOUT = 5
TAKEN = ("ip", "update_time", "self")  # a header that has these ends an original

USER, GROUP, UDP_PORT = sys.argv[1], sys.argv[2], int(sys.argv[3])
SESSION = str(uuid.uuid4())
HOSTNAME = "snake"
peers = {}
printing = threading.Lock()


def say(what):
    with printing:
        print(json.dumps(what), flush=True)


def encode(namespace, data, session=None):
    header = {} if session is None else {"udp_session": session}
    header.update(namespace=namespace, user=USER, hostname=HOSTNAME, udpport=UDP_PORT, tcpport=TCP_PORT, encrypted=False)
    head = json.dumps(header, separators=(",", ":")).encode()
    body = json.dumps({"msg": data}, separators=(",", ":")).encode()
    return struct.pack(">HI", len(head), len(body)) + head + body


def decode(frame):
    """(header, body, whole, why it would end an original); header None where it drops the frame."""
    if len(frame) < 6:
        return None, None, False, "closed at once" if not frame else "under 6 bytes"
    head, size = struct.unpack(">HI", frame[:6])
    whole = len(frame) == 6 + head + size
    try:
        header = json.loads(frame[6 : 6 + head])
    except ValueError:
        return None, None, whole, None
    body = frame[6 + head :] if size else None
    return header, body, whole, why_it_ends(header, body)


def why_it_ends(header, body):
    if not isinstance(header, dict):
        return "header is no object"
    if "user" not in header:
        return "no user"
    if not isinstance(header.get("namespace"), str):
        return "namespace is no text"
    if any(name in header for name in TAKEN) or header.get("strict_parse") is True:
        return "a header name that is taken"
    if header["namespace"] == "/peer-join" and "tcpport" not in header:
        return "/peer-join without tcpport"
    if body is None or header.get("encrypted"):
        return None  # what RSA does not open is dropped
    try:
        value = json.loads(body)
    except ValueError:
        return None
    return None if value is None or isinstance(value, dict) else "body is no object"


def message(header, body):
    """What the function of a namespace is given; None where the frame is dropped."""
    if body is None:
        return {}
    if header.get("encrypted"):
        return None
    try:
        return json.loads(body).get("msg")
    except (ValueError, AttributeError):
        return None


def take(frame, via, address):
    header, body, whole, ends = decode(frame)
    if isinstance(header, dict) and via == "udp" and header.get("udp_session") == SESSION:
        return
    msg = message(header, body) if isinstance(header, dict) else None
    say({"via": via, "whole": whole, "ends": ends, "header": header, "msg": msg, "size": len(frame)})
    if header is None or ends is not None:
        return
    peers[address] = header
    if header["namespace"] == "/peer-join" and via == "udp":
        threading.Thread(target=send_tcp, args=(address, header["tcpport"], "/peer-join", "iamheredude")).start()


def send_tcp(address, port, namespace, data):
    return send_bytes(address, port, encode(namespace, data))


def send_bytes(address, port, frame):
    """True where the other end closes in good order, which is all the receipt there is."""
    try:
        with socket.create_connection((address, port), TIMEOUT) as connection:
            connection.sendall(frame)
            connection.recv(READ)
        return True
    except OSError:
        return False


def hear_datagrams():
    while True:
        datagram, (address, _) = datagrams.recvfrom(READ)
        take(datagram, "udp", address)


def hear_connections():
    while True:
        connection, (address, _) = listener.accept()
        with connection:
            connection.settimeout(TIMEOUT)
            try:
                frame = connection.recv(READ)  # once, whatever has come
                connection.shutdown(socket.SHUT_RDWR)
            except OSError as error:
                say({"via": "tcp", "whole": False, "ends": f"silent or cut: {error}", "header": None, "msg": None})
                continue
        take(frame, "tcp", address)


def broadcast(namespace, data):
    datagrams.sendto(encode(namespace, data, SESSION), (GROUP, UDP_PORT))


def carry_out(order):
    if "broadcast" in order:
        broadcast(*order["broadcast"])
    if "send" in order:
        address, namespace, data = order["send"]
        port = peers[address]["tcpport"]
        say({"sent": send_tcp(address, port, namespace, data)})
    if "raw" in order:
        port, frame = order["raw"]
        say({"sent": send_bytes("127.0.0.1", port, bytes.fromhex(frame))})
    if "ask" in order:
        broadcast("/peer-join", "gimmeurnumberdude")


datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
datagrams.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
datagrams.bind(("", UDP_PORT))
loopback = socket.inet_aton("127.0.0.1")
datagrams.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(GROUP) + loopback)
datagrams.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, loopback)
listener = socket.create_server(("127.0.0.1", 0), backlog=5)
TCP_PORT = listener.getsockname()[1]
for work in (hear_datagrams, hear_connections):
    threading.Thread(target=work, daemon=True).start()
say({"ready": TCP_PORT})
if "quiet" not in sys.argv:
    broadcast("/peer-join", "gimmeurnumberdude")
for line in sys.stdin:
    carry_out(json.loads(line))
