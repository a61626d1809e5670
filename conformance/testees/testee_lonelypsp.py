"""lonelypsp, the original of lonelyps' protocol, as a program under test, of one revision: LONELYPSP_REVISION.

The package has the messages of a WebSocket, what is signed, and etags; HTTP bodies and globs are in its server and client.
"""

import dataclasses
import importlib
import io
import os
import pkgutil

from driver import Unsupported, serve

import lonelypsp.stateful.messages as messages
from lonelypsp.stateful import constants, parser, parser_helpers

REVISION = os.environ.get("LONELYPSP_REVISION", "0.0.46")
NAMES = {
    name: member
    for module in pkgutil.iter_modules(messages.__path__)
    for name, member in vars(importlib.import_module(f"{messages.__name__}.{module.name}")).items()
}
TYPES = {
    "s2b": constants.SubscriberToBroadcasterStatefulMessageType,
    "b2s": constants.BroadcasterToSubscriberStatefulMessageType,
}
PARSERS = {
    "s2b": (parser_helpers.parse_s2b_message_prefix, parser.S2B_AnyMessageParser),
    "b2s": (parser_helpers.parse_b2s_message_prefix, parser.B2S_AnyMessageParser),
}

# The kit's name for each of the original's.
MEMBERS = {
    "subscriber_nonce": "subscriberNonce",
    "broadcaster_nonce": "broadcasterNonce",
    "enable_zstd": "enableZstd",
    "enable_training": "enableTraining",
    "initial_dict": "initialDictionary",
    "num_subscribers": "subscribers",
    "compressor_id": "compressor",
    "compression_level": "level",
    "min_size": "minSize",
    "max_size": "maxSize",
    "part_id": "part",
    "compressed_length": "compressedLength",
    "decompressed_length": "decompressedLength",
    "uncompressed_length": "decompressedLength",
    "verified_compressed_sha512": "sha512",
    "verified_uncompressed_sha512": "sha512",
    "unverified_compressed_sha512": "sha512",
    "unverified_uncompressed_sha512": "sha512",
    "compressed_message": "body",
    "uncompressed_message": "body",
    "payload": "body",
    "dictionary": "body",
}
LONG = {"compressor", "part", "compressedLength", "decompressedLength", "maxSize"}
BYTES = {
    *("subscriberNonce", "broadcasterNonce", "tracing"),
    *("topic", "identifier", "sha512", "body"),
}


def require_revision(given):
    if given["revision"] != REVISION:
        raise Unsupported()


def member_of(cls, name):
    if "Zstd" in cls.__name__ and name == "identifier":
        return "compressor"
    return MEMBERS.get(name, name)


def class_of(message, direction):
    kind = message["type"].replace("-start", "").replace("-part", "")
    name = direction.upper() + "_" + "".join(word.capitalize() for word in kind.split("-"))
    if message["type"].endswith("-part"):
        return kind, NAMES[name + "Continuation"]
    if message["type"].endswith("-start"):
        name += "Start"
    if "compressor" in message and "zstd" not in kind:
        name += "Uncompressed" if message["compressor"] == "0" else "Compressed"
    return kind, NAMES[name]


def value_from(member, value, kind):
    if value is None or (member == "compressor" and value == "0" and "zstd" not in kind):
        return None
    if member in BYTES:
        return bytes.fromhex(value)
    if member in LONG or (member == "subscribers" and kind == "confirm-notify"):
        return int(value)
    return value


def encode_message(given):
    require_revision(given)
    message, direction = given["message"], given["direction"]
    kind, cls = class_of(message, direction)
    values = {"type": TYPES[direction][kind.upper().replace("-", "_")]}
    for field in dataclasses.fields(cls):
        if field.name != "type":
            member = member_of(cls, field.name)
            values[field.name] = value_from(member, message.get(member), kind)
    serialize = NAMES[f"serialize_{direction}_{kind.replace('-', '_')}"]
    return {"bytes": bytes(serialize(cls(**values), minimal_headers=given["minimal"])).hex()}


def decode_message(given):
    require_revision(given)
    parse_prefix, any_parser = PARSERS[given["direction"]]
    body = io.BytesIO(bytes.fromhex(given["bytes"]))
    prefix = parse_prefix(body)
    return {"message": fields_of(any_parser.parse(prefix.flags, prefix.type, body))}


def fields_of(message):
    cls = type(message)
    kind = message.type.name.lower().replace("_", "-")
    fields = {"type": kind}
    if kind.endswith("-stream"):
        fields["type"] += "-part" if cls.__name__.endswith("Continuation") else "-start"
    for field in dataclasses.fields(cls):
        if field.name == "type" or (field.name == "part_id" and fields["type"].endswith("-start")):
            continue
        member, value = member_of(cls, field.name), getattr(message, field.name)
        fields[member] = value_of(member, value, kind)
    if "Uncompressed" in cls.__name__:
        length = getattr(message, "uncompressed_length", None)
        length = len(bytes.fromhex(fields["body"])) if length is None else length
        fields["decompressedLength"] = str(length)
        if kind != "notify":
            fields["compressedLength"] = str(length)
    return fields


def value_of(member, value, kind):
    if isinstance(value, (bytes, bytearray)):
        return value.hex()
    if member in LONG or (member == "subscribers" and kind == "confirm-notify"):
        return str(value or 0)
    return value


operations = {"encode-message": encode_message, "decode-message": decode_message}
if REVISION == "0.0.46":
    from lonelypsp_authorization import OPERATIONS

    operations |= OPERATIONS
serve({"lonelyps": operations})
