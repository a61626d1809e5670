"""What lonelypsp 0.0.46 signs, proves and digests."""

import asyncio

from lonelypsp.auth.helpers import hmac_auth_config, token_auth_config
from lonelypsp.stateless.make_strong_etag import (
    GlobAndRecovery,
    StrongEtag,
    TopicAndRecovery,
    make_strong_etag,
)


class Replays:
    """Codes that were seen."""

    def __init__(self):
        self.seen = set()

    async def mark_code_used(self, /, *, code):
        if code in self.seen:
            return "conflict"
        self.seen.add(code)
        return "ok"


SIGNED_BYTES = {
    *("exact", "topic", "identifier", "message_sha512", "sha512"),
    *("subscriber_nonce", "broadcaster_nonce", "tracing"),
}
TO_BROADCASTER = {
    *("subscribe_exact", "subscribe_glob", "notify", "stateful_configure", "check_subscriptions"),
    *("set_subscriptions", "stateful_continue_receive", "confirm_receive", "confirm_missed"),
}


def signed_fields(fields):
    values = {
        name: bytes.fromhex(value) if name in SIGNED_BYTES else value
        for name, value in fields.items()
    }
    if "etag" in values:
        etag = bytes.fromhex(values.pop("etag"))
        values["strong_etag"] = StrongEtag(format=values.pop("etag_format"), etag=etag)
    if "max_size" in values:
        values["max_size"] = int(values["max_size"])
    return values


def sign(given):
    """The original draws the nonce and reads the clock itself: both are told to it, and what it signs is kept."""
    name, made = given["operation"], {}
    side = "Broadcaster" if name in TO_BROADCASTER else "Subscriber"
    cls = getattr(hmac_auth_config, f"To{side}HmacAuth")
    signer = cls(secret=given["secret"], db_config=Replays())
    original = hmac_auth_config.sign

    def watched(*, secret, to_sign, nonce, now):
        made["to_sign"] = to_sign
        return original(secret=secret, to_sign=to_sign, nonce=nonce, now=now)

    values = signed_fields(given["fields"])
    if name != "stateful_configure":
        values["now"] = given["timestamp"]
    hmac_auth_config.sign = watched
    hmac_auth_config.make_nonce = lambda: given["nonce"]
    hmac_auth_config.time = Clock(given["timestamp"])
    authorization = asyncio.run(getattr(signer, f"authorize_{name}")(**values))
    hmac_auth_config.sign = original
    return {"toSign": bytes(made["to_sign"]).hex(), "authorization": authorization}


class Clock:
    def __init__(self, now):
        self.time = lambda: now


def verify(given):
    verifier = hmac_auth_config.ToBroadcasterHmacAuth(secret=given["secret"], db_config=Replays())
    judge = getattr(verifier, f"is_{given['operation']}_allowed")
    values = signed_fields(given["fields"])
    verdicts = [
        asyncio.run(judge(**values, now=float(given["now"]), authorization=header)).name
        for header in given["authorizations"]
    ]
    return {"verdicts": verdicts}


def token_of(given):
    if given["side"] == "to-broadcaster":
        auth = token_auth_config.ToBroadcasterTokenAuth(token=given["token"])
        return auth.authorize_check_subscriptions, auth.is_check_subscriptions_allowed, "url"
    auth = token_auth_config.ToSubscriberTokenAuth(token=given["token"])
    return auth.authorize_missed, auth.is_missed_allowed, "recovery"


def token(given):
    authorize, _, name = token_of(given)
    more = {"topic": b""} if name == "recovery" else {}
    header = asyncio.run(authorize(tracing=b"", now=0, **{name: "http://127.0.0.1/"}, **more))
    return {"authorization": header}


def verify_token(given):
    _, judge, name = token_of(given)
    more = {"topic": b""} if name == "recovery" else {}
    more[name] = "http://127.0.0.1/"
    verdict = asyncio.run(judge(tracing=b"", now=0, authorization=given["authorization"], **more))
    return {"verdicts": [verdict.name]}


def etag(given):
    topics = [TopicAndRecovery(bytes.fromhex(each["topic"]), each["recovery"]) for each in given["topics"]]
    globs = [GlobAndRecovery(each["glob"], each["recovery"]) for each in given["globs"]]
    return {"etag": make_strong_etag(given["url"], topics, globs).etag.hex()}


OPERATIONS = {
    "sign": sign,
    "verify": verify,
    "token": token,
    "verify-token": verify_token,
    "etag": etag,
}
