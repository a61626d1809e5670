"""lonelypss, the original of lonelyps' broadcaster, as a program under test: the HTTP bodies that its own routes read."""

import asyncio
from unittest.mock import MagicMock

from driver import Unsupported, serve

from lonelypsp.auth.config import AuthResult
from lonelypss.routes import (
    check_subscriptions,
    notify,
    set_subscriptions,
    subscribe_exact,
    subscribe_glob,
    unsubscribe_exact,
    unsubscribe_glob,
)
from lonelypss.util.sync_io import read_exact

MODULES = (
    *(subscribe_exact, subscribe_glob, unsubscribe_exact, unsubscribe_glob),
    *(check_subscriptions, set_subscriptions, notify),
)
ROUTES = {
    route.path: (module, route.endpoint) for module in MODULES for route in module.router.routes
}
NAMES = {"exact": "topic", "message_sha512": "sha512", "strong_etag": "etag"}
HIDDEN = {"now", "authorization", "subscriptions"}


class Request:
    def __init__(self, body):
        self.body = body

    async def stream(self):
        yield self.body


class Config:
    """Allows everything, and keeps what it was told."""

    message_body_spool_size = 1 << 20

    def __init__(self):
        self.tracer, self.http_notify_client_session, self.told = MagicMock(), None, {}

    def __getattr__(self, name):
        if not name.startswith("is_"):
            raise AttributeError(name)
        return self.allow

    async def allow(self, **told):
        for name, value in told.items():
            if name not in HIDDEN:
                self.told[NAMES.get(name, name)] = value
        return AuthResult.OK

    async def unavailable(self, **_):
        """After this nothing more is done."""
        return "unavailable"

    subscribe_exact = subscribe_glob = unsubscribe_exact = unsubscribe_glob = unavailable

    async def check_subscriptions(self, **_):
        raise EOFError

    async def set_subscriptions(self, *, subscriptions, **_):
        self.told["topics"] = [each async for each in subscriptions.topics()]
        self.told["globs"] = [each async for each in subscriptions.globs()]
        return "unavailable"


def decode_body(given):
    if given["path"] not in ROUTES:
        raise Unsupported()
    module, endpoint = ROUTES[given["path"]]
    config = Config()
    module.get_config_from_request = lambda _: config

    async def told_of(topic, body, *, content_length, **_):
        config.told["length"] = str(content_length)
        config.told["message"] = read_exact(body, content_length)
        raise EOFError

    notify.handle_trusted_notify = told_of
    try:
        response = asyncio.run(endpoint(Request(bytes.fromhex(given["body"])), None))
    except EOFError:
        response = None
    if response is not None and response.status_code == 400:
        raise ValueError("400")
    return {"fields": {member: value_of(value) for member, value in config.told.items()}}


def value_of(value):
    if isinstance(value, (bytes, bytearray)):
        return value.hex()
    if hasattr(value, "etag"):
        return value.etag.hex()
    return [listed(each) for each in value] if isinstance(value, list) else value


def listed(each):
    if hasattr(each, "glob"):
        return {"glob": each.glob, "recovery": each.recovery}
    return {"topic": each.topic.hex(), "recovery": each.recovery}


serve({"lonelyps": {"decode-body": decode_body}})
