"""stmp, the last release of STP, as a program under test: frames given to its own listener."""

import asyncio
import io
import os

from driver import serve

os.getlogin = lambda: "testee"  # it is asked for while the module loads, and fails without a terminal

from Crypto.Cipher import PKCS1_OAEP
from Crypto.PublicKey import RSA
from stmp import STMPServer
from stmp.stmp_server.transilation import transilation

ROUTE = "/test-route"


class NoEncryption:
    """So that no key is made for each frame."""

    pub_key = None


def protocol(given):
    made = transilation.TransilationProtocol.__new__(transilation.TransilationProtocol)
    made.encyption = NoEncryption()
    made.encyption.pub_key = given["publicKey"]
    names = ("user", "hostname", "udpport", "tcpport")
    made.default_header = {**{name: given[name] for name in names}, "encrypted": False}
    return made


def pack(given):
    session = given["session"]
    frame = protocol(given).pack(
        {"msg": given["msg"]},
        namespace=given["namespace"],
        pass_pub_key=given["publicKey"] is not None,
        extra_headers={} if session is None else {"udp_session": session},
    )
    return {"frame": frame.hex()}


def sizes(given):
    header, body = transilation.TransilationProtocol.unpack_size_bytes(bytes.fromhex(given["bytes"]))
    return {"headerSize": header, "bodySize": body}


def oaep_encrypt(given):
    plaintext = bytes.fromhex(given["plaintext"])
    if given["seed"] is None:
        return {"ciphertext": transilation.Encryption.encrypt(plaintext, given["publicKey"]).hex()}
    # The original does not take the seed: its library does, which is all that differs.
    key = RSA.import_key(bytes.fromhex(given["publicKey"]))
    cipher = PKCS1_OAEP.new(key=key, randfunc=lambda size: bytes.fromhex(given["seed"]))
    return {"ciphertext": cipher.encrypt(plaintext).hex()}


def node_encryption(private_key):
    encryption = transilation.Encryption.__new__(transilation.Encryption)
    encryption.key = RSA.import_key(bytes.fromhex(private_key))
    encryption._cipher = PKCS1_OAEP.new(key=encryption.key)
    return encryption


def oaep_decrypt(given):
    return {"plaintext": node_encryption(given["privateKey"]).decypt(bytes.fromhex(given["ciphertext"])).hex()}


class OneFrame:
    """A session in which one frame comes; then the listening is over."""

    def __init__(self, frame, given):
        self.protocol = given["protocol"]
        self.frames = [(frame, (given["sender"], 57000))]

    async def read(self, size, loop=None):
        if not self.frames:
            raise EOFError
        return self.frames.pop()


def server(given):
    made = STMPServer.__new__(STMPServer)
    made._callbacks, made._middlewares, made._peers = {}, [], {}
    STMPServer._STMPServer__bind_private_callbacks(made)
    made._t_protocol = transilation.TransilationProtocol.__new__(transilation.TransilationProtocol)
    if "privateKey" in given:
        made._t_protocol.encyption = node_encryption(given["privateKey"])
    made._size_bytes_len = made._t_protocol.size()
    made._max_packet_size = made._t_protocol.max_packet_size
    made._udp_session_id = given.get("ownSession", "")
    made.udp_transport = io.BytesIO()  # closed when the server goes
    return made


def listen(made, frame, given):
    try:
        asyncio.run(made._STMPServerBase__listen_session_manaer(OneFrame(frame, given)))
    except EOFError:
        pass


def receive(given):
    made, outcome = server(given), {}
    made.send_tcp = lambda *_, **more: outcome.update(outcome="answers")

    def taken(packet):
        outcome.update(outcome="delivered", namespace=packet.headers.namespace, data=packet.data)

    made.route(ROUTE)(taken)
    listen(made, bytes.fromhex(given["frame"]), given)
    if outcome:
        return outcome
    return {"outcome": "heard" if made._peers else "dropped"}


def peer(given):
    made = server(given)
    for frame in given["frames"]:
        listen(made, bytes.fromhex(frame), {**given, "protocol": "UDP"})
    record = vars(made._peers[given["sender"]])
    return {name: value for name, value in record.items() if name != "update_time"}


serve({
    "stp": {
        "pack": pack,
        "sizes": sizes,
        "oaep-encrypt": oaep_encrypt,
        "oaep-decrypt": oaep_decrypt,
        "receive": receive,
        "peer": peer,
    }
})
