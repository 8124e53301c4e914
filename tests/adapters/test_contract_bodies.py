"""The app's own handlers for our errors: asked first, whatever raises the error."""

import json
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType

import httpx
import pytest

from tests.adapters.adapters import WANTED
from tests.support import NOW, FrozenClock
from tokenward import InvalidTokenError, StoreUnavailableError, TokenError
from tokenward.errors import MissingTokenError, OriginNotAllowedError, TokenExpiredError
from tokenward.testing.adapters import answers
from tokenward.testing.adapters.exchanges import assert_answer
from tokenward.testing.adapters.service import (
    OUTAGE,
    Headers,
    bearer,
    client_of,
    contract_engine,
    shop_token,
)
from tokenward.testing.adapters.websocket_client import DENIAL_RESPONSE, open_websocket

GOOD, EXPIRED = bearer(shop_token()), bearer(shop_token(exp=NOW))
OUTAGE = bearer(shop_token(sub=OUTAGE))
EXPIRED_REFRESH = bearer(shop_token(type="refresh", exp=NOW))
EVIL = ((b"origin", b"https://evil.example"),)

REFUSED = [
    ("GET", "/me", (), [TokenError], answers.MISSING, "TokenError"),
    ("GET", "/me", (), [TokenError, MissingTokenError], answers.MISSING, "MissingTokenError"),
    ("GET", "/me", EXPIRED, [TokenError, InvalidTokenError], answers.EXPIRED, "InvalidTokenError"),
    ("GET", "/me", GOOD, [TokenError], answers.too_little("orders:read"), "TokenError"),
    ("GET", "/me", OUTAGE, [StoreUnavailableError], answers.OUT_OF_ORDER, "StoreUnavailableError"),
    ("POST", "/browser/refresh", (), [MissingTokenError], answers.MISSING, "MissingTokenError"),
    (
        "POST",
        "/browser/refresh",
        EXPIRED_REFRESH,
        [TokenError, TokenExpiredError],
        answers.EXPIRED,
        "TokenExpiredError",
    ),
    ("POST", "/browser/refresh", EVIL, [OriginNotAllowedError], None, "OriginNotAllowedError"),
]
"""A request, the classes that have a handler, the usual answer, and the handler that is called."""


@pytest.fixture(params=WANTED)
def framework(request: pytest.FixtureRequest) -> ModuleType:
    """Return the module that builds the service with one adapter."""
    return import_module(f"tests.adapters.{request.param}_bodies")


async def send(
    framework: ModuleType,
    clock: FrozenClock,
    kinds: Sequence[type[TokenError]],
    method: str,
    path: str,
    headers: Headers,
) -> httpx.Response:
    """Send one request to the service."""
    async with client_of(framework.build(contract_engine(clock), kinds)) as client:
        return await client.request(method, path, headers=list(headers))


@pytest.mark.parametrize(("method", "path", "headers", "kinds", "answer", "name"), REFUSED)
async def test_own_handler(
    framework: ModuleType,
    clock: FrozenClock,
    method: str,
    path: str,
    headers: Headers,
    kinds: list[type[TokenError]],
    answer: answers.Answer | None,
    name: str,
) -> None:
    """The most specific handler is called, and has the status and the challenge of the refusal."""
    usual = await send(framework, clock, [], method, path, headers)
    own = await send(framework, clock, kinds, method, path, headers)

    if answer is not None:
        assert_answer(usual, answer)
    assert own.json() == {"handler": name, "error": usual.json()["code"]}
    assert own.status_code == usual.status_code
    for header in ("www-authenticate", "retry-after"):
        assert own.headers.get_list(header) == usual.headers.get_list(header)


async def test_a_handler_for_another_error_is_not_called(
    framework: ModuleType, clock: FrozenClock
) -> None:
    """A refusal for which the app has no handler is the usual one."""
    response = await send(framework, clock, [MissingTokenError], "GET", "/me", EXPIRED)

    assert_answer(response, answers.EXPIRED)


async def test_own_handler_for_a_websocket(framework: ModuleType, clock: FrozenClock) -> None:
    """The handler's response refuses a handshake, if the server can send one."""
    app = framework.build(contract_engine(clock), [MissingTokenError])
    outcome = await open_websocket(app, "/ws", extensions=DENIAL_RESPONSE)

    assert (outcome.accepted, outcome.status) == (False, 401)
    assert json.loads(outcome.body) == {"handler": "MissingTokenError", "error": "token_missing"}
    assert (b"www-authenticate", str(answers.MISSING.challenge).encode()) in outcome.headers


async def test_a_server_without_denial_responses(framework: ModuleType, clock: FrozenClock) -> None:
    """The handshake is refused by a close message instead, and never accepted."""
    app = framework.build(contract_engine(clock), [MissingTokenError])
    outcome = await open_websocket(app, "/ws", extensions={})

    assert (outcome.accepted, outcome.status) == (False, None)
    # Quart does not tell which error its handler answered, and sends 1000.
    assert outcome.close_code in ({1000} if "quart" in framework.__name__ else {1008})
