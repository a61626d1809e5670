"""pypssst, the original of PSSST (package pssst), as a program under test."""

from driver import Unsupported, serve

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pssst import PSSSTClient, PSSSTServer
from pssst import pssst as internals

sealed = {}


def raw(public_key):
    return public_key and public_key.public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


class Chosen:
    """In the place of the key class: the next key that is drawn is this one."""

    def __init__(self, ephemeral):
        self.key = X25519PrivateKey.from_private_bytes(bytes.fromhex(ephemeral))

    def generate(self):
        return self.key

    def from_private_bytes(self, data):
        return X25519PrivateKey.from_private_bytes(data)


def client(given):
    require_suite_1(given)
    return PSSSTClient(given["serverPublic"], given.get("clientPrivate"))


def server(given):
    require_suite_1(given)
    return PSSSTServer(given["serverPrivate"])


def require_suite_1(given):
    if given.get("suite", 1) != 1:
        raise Unsupported()


def packed(given):
    made = client(given)
    if "ephemeral" in given:
        internals.X25519PrivateKey = Chosen(given["ephemeral"])
    try:
        return made.pack_request(bytes.fromhex(given["message"]))
    finally:
        internals.X25519PrivateKey = X25519PrivateKey


def public(given):
    key = X25519PrivateKey.from_private_bytes(bytes.fromhex(given["private"]))
    return {"public": raw(key.public_key())}


def derive(given):
    parts = internals._DKF_SHA256(bytes.fromhex(given["dh"]), bytes.fromhex(given["shared"]))
    return dict(zip(("key", "requestNonce", "replyNonce"), (part.hex() for part in parts)))


def pack_request(given):
    return {"packet": packed(given)[0].hex()}


def unpack_request(given):
    message, client_public, _ = server(given).unpack_request(bytes.fromhex(given["packet"]))
    return {"message": message.hex(), "clientPublic": raw(client_public)}


def pack_reply(given):
    _, _, pack = server(given).unpack_request(bytes.fromhex(given["packet"]))
    return {"reply": pack(bytes.fromhex(given["message"])).hex()}


def unpack_reply(given):
    _, unpack = packed(given)
    return {"message": unpack(bytes.fromhex(given["reply"])).hex()}


def unpack_reply_sequence(given):
    _, unpack = packed(given)
    return {"results": [result_of(unpack, reply) for reply in given["replies"]]}


def result_of(unpack, reply):
    try:
        return {"message": unpack(bytes.fromhex(reply)).hex()}
    except Exception:
        return {"rejected": True}


def make_client(given):
    client(given)
    return {}


def make_server(given):
    server(given)
    return {}


def seal_request(given):
    packet, unpack = packed(given)
    sealed[packet.hex()] = unpack
    return {"packet": packet.hex()}


def open_reply(given):
    return {"message": sealed[given["packet"]](bytes.fromhex(given["reply"])).hex()}


serve({
    "pssst": {
        "public": public,
        "derive": derive,
        "pack-request": pack_request,
        "unpack-request": unpack_request,
        "pack-reply": pack_reply,
        "unpack-reply": unpack_reply,
        "unpack-reply-sequence": unpack_reply_sequence,
        "client": make_client,
        "server": make_server,
        "seal-request": seal_request,
        "open-reply": open_reply,
    }
})
