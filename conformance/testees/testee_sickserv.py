"""sickserv as a program under test, of one version: SICKSERV_VERSION, by default the last. Of others it answers nothing."""

import copy
import inspect
import os

from driver import Unsupported, serve

from sickserv import rc4, util

VERSION = os.environ.get("SICKSERV_VERSION", "0.1.3")
# 0.0.1 is given the key itself; later versions look it up by the name of a system.
TAKES_KEY = "key" == next(iter(inspect.signature(util.process_payload).parameters))
SYSTEM = "testee"


def from_json(value):
    if isinstance(value, dict):
        if "$bytes" in value:
            return bytes.fromhex(value["$bytes"])
        return {name: from_json(member) for name, member in value.items()}
    return [from_json(item) for item in value] if isinstance(value, list) else value


def to_json(value):
    if isinstance(value, dict):
        return {name: to_json(member) for name, member in value.items()}
    if isinstance(value, list):
        return [to_json(item) for item in value]
    return {"$bytes": value.hex()} if isinstance(value, (bytes, bytearray)) else value


def require_version(given):
    if given["version"] != VERSION:
        raise Unsupported()


def key_for(given):
    require_version(given)
    if TAKES_KEY:
        return given["key"]
    util.set_key(SYSTEM, given["key"])
    return SYSTEM


def process(given):
    payload = copy.deepcopy(from_json(given["payload"]))
    return {"wire": util.process_payload(key_for(given), payload)}


def unprocess(given):
    return {"payload": to_json(util.unprocess_payload(key_for(given), given["wire"]))}


serve({
    "sickserv": {
        "rc4-encrypt": lambda given: {"hex": rc4.encrypt(given["key"], given["text"])},
        "rc4-decrypt": lambda given: {"text": rc4.decrypt(given["key"], given["hex"])},
        "process": process,
        "unprocess": unprocess,
    }
})
