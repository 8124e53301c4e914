"""Quart's WebSockets: errors of their handlers, and guards of groups."""

import asyncio
import json
from typing import Any

import pytest
from quart import Blueprint, Websocket, websocket

from tests.adapters import quart_service
from tests.adapters.quart_service import EXPIRED, GOOD, Service, greet
from tests.support import FrozenClock
from tokenward import TokenError
from tokenward.testing.adapters import answers
from tokenward.testing.adapters.service import OUTAGE, Headers, bearer, shop_token
from tokenward.testing.adapters.websocket_client import (
    DENIAL_RESPONSE,
    live_websocket,
    open_websocket,
)
from tokenward_quart import current_claims

service = quart_service.service  # a fixture

EXTENSIONS = pytest.mark.parametrize(
    "extensions", [DENIAL_RESPONSE, {}, None], ids=["denial", "none", "null"]
)


@EXTENSIONS
@pytest.mark.parametrize("guards", ["handler", "group"])
@pytest.mark.parametrize(
    ("headers", "answer"),
    [
        ((), answers.MISSING),
        (bearer(EXPIRED), answers.EXPIRED),
        (bearer(shop_token(sub=OUTAGE)), answers.OUT_OF_ORDER),
    ],
    ids=["missing", "expired", "outage"],
)
async def test_refused(
    clock: FrozenClock,
    headers: Headers,
    answer: answers.Answer,
    guards: str,
    extensions: dict[str, object] | None,
) -> None:
    """A refused handshake gets a response or is closed, and the handler never runs."""
    service = Service(clock)
    group = Blueprint("group", __name__)
    seen: list[str] = []

    async def handler() -> None:
        seen.append("called")

    if guards == "group":
        service.auth.guard(group)
        group.websocket("/ws")(handler)
    else:
        group.websocket("/ws")(service.auth.required()(handler))
    service.app.register_blueprint(group)
    outcome = await open_websocket(service.app, "/ws", headers=headers, extensions=extensions)

    assert (outcome.accepted, seen) == (False, [])
    if extensions:
        assert (outcome.status, json.loads(outcome.body)) == (answer.status, answer.body)
    else:
        assert (outcome.close_code, outcome.close_reason) == (answer.close_code, answer.code)


def add_late_socket(service: Service, *, accept: bool, close: bool = False) -> None:
    """Add a WebSocket whose handler decodes a token itself."""

    @service.app.websocket("/late")
    async def late() -> None:
        token = websocket.headers.get("x-token", "")
        if accept:
            await websocket.accept()
            token = str(await websocket.receive())
        if close:
            await websocket.close(4000)
        await websocket.send((await service.engine.decode(token)).sub)
        await websocket.close(1000)


@EXTENSIONS
async def test_error_before_accept(service: Service, extensions: dict[str, object] | None) -> None:
    """A TokenError before accepting becomes a response, or a close code if that is not supported."""
    add_late_socket(service, accept=False)
    headers = [(b"x-token", EXPIRED.encode())]
    outcome = await open_websocket(service.app, "/late", headers=headers, extensions=extensions)

    assert not outcome.accepted
    if extensions:
        assert (outcome.status, json.loads(outcome.body)) == (401, answers.EXPIRED.body)
        assert (b"www-authenticate", str(answers.EXPIRED.challenge).encode()) in outcome.headers
    else:
        assert (outcome.close_code, outcome.close_reason) == (1008, "token_expired")


@EXTENSIONS
@pytest.mark.parametrize(
    ("token", "code", "reason"),
    [
        (EXPIRED, 1008, "token_expired"),
        ("x", 1008, "token_malformed"),
        (shop_token(sub=OUTAGE), 1013, "store_unavailable"),
    ],
    ids=["expired", "malformed", "outage"],
)
async def test_error_after_accept(
    service: Service, token: str, code: int, reason: str, extensions: dict[str, object] | None
) -> None:
    """A TokenError on an open WebSocket closes it, whatever the server supports."""
    add_late_socket(service, accept=True)
    outcome = await open_websocket(service.app, "/late", messages=[token], extensions=extensions)

    assert (outcome.accepted, outcome.close_code, outcome.close_reason) == (True, code, reason)


@EXTENSIONS
@pytest.mark.parametrize("accept", [True, False], ids=["accepted", "handshake"])
async def test_error_after_close_is_quiet(
    service: Service,
    accept: bool,
    extensions: dict[str, object] | None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A TokenError on a WebSocket that the handler has closed sends nothing more."""
    add_late_socket(service, accept=accept, close=True)
    headers = [(b"x-token", EXPIRED.encode())]
    outcome = await open_websocket(
        service.app, "/late", headers=headers, messages=[EXPIRED], extensions=extensions
    )

    assert (outcome.close_code, outcome.messages, outcome.status) == (4000, [], None)
    assert not caplog.records


async def test_good_token_after_accept(service: Service) -> None:
    """A token may also be the first message of an open WebSocket."""
    add_late_socket(service, accept=True)
    outcome = await open_websocket(service.app, "/late", messages=[GOOD])

    assert (outcome.messages, outcome.close_code) == (["alice"], 1000)


@EXTENSIONS
@pytest.mark.parametrize("kind", [401, TokenError], ids=["status", "error"])
async def test_own_handler(
    service: Service, kind: Any, extensions: dict[str, object] | None
) -> None:
    """The app's own handler responds to a refused handshake, and cannot accept it."""
    service.app.register_error_handler(kind, lambda _: ("own", 401))
    service.app.websocket("/ws")(service.auth.required()(greet))
    outcome = await open_websocket(service.app, "/ws", extensions=extensions)

    assert (outcome.accepted, outcome.messages) == (False, [])
    assert (outcome.status, outcome.body) == ((401, b"own") if extensions else (None, b""))
    assert (outcome.close_code is None) == bool(extensions)


@pytest.mark.parametrize("mode", ["testing", "debug"])
async def test_debug_mode(service: Service, mode: str) -> None:
    """Debug mode, testing mode and trapped exceptions do not change a refused handshake."""
    setattr(service.app, mode, True)
    service.app.config["TRAP_HTTP_EXCEPTIONS"] = True
    service.app.websocket("/ws")(service.auth.required()(greet))
    denied = await open_websocket(service.app, "/ws")
    closed = await open_websocket(service.app, "/ws", extensions={})

    assert (denied.status, json.loads(denied.body)) == (401, answers.MISSING.body)
    assert (closed.close_code, closed.close_reason) == (1008, "token_missing")


async def test_own_class_of_sockets(clock: FrozenClock) -> None:
    """An app keeps its own WebSocket class."""
    service = Service(clock, init_app=False)

    class OwnWebsocket(Websocket):
        own = "own"

    service.app.websocket_class = OwnWebsocket
    service.auth.init_app(service.app)

    @service.app.websocket("/ws")
    @service.auth.required()
    async def socket() -> None:
        await websocket.send(f"{websocket.own} {current_claims.sub}")  # type: ignore[attr-defined]

    outcome = await open_websocket(service.app, "/ws", headers=bearer(GOOD))

    assert outcome.messages == ["own alice"]


async def test_while_valid(service: Service, clock: FrozenClock) -> None:
    """A WebSocket is closed when its token expires, and at once if it has already expired."""

    @service.app.websocket("/ws")
    @service.auth.required()
    async def socket() -> None:
        await websocket.accept()
        clock.advance(900)
        async with service.auth.while_valid(websocket, service.auth.current_claims):
            await websocket.receive()

    async with live_websocket(service.app, "/ws", headers=bearer(GOOD)) as live:
        await live.is_over()

    assert (live.outcome.close_code, live.outcome.close_reason) == (1008, "token_expired")


async def test_while_valid_of_a_closed_socket(service: Service, clock: FrozenClock) -> None:
    """A WebSocket that the handler has closed is not closed again."""
    is_over = asyncio.Event()

    @service.app.websocket("/ws")
    @service.auth.required()
    async def socket() -> None:
        await websocket.accept()
        async with service.auth.while_valid(websocket, service.auth.current_claims):
            await websocket.close(4000)
            clock.advance(900)
            await websocket.receive()
        is_over.set()

    async with live_websocket(service.app, "/ws", headers=bearer(GOOD)) as live:
        async with asyncio.timeout(60):
            await is_over.wait()

    assert live.outcome.close_code == 4000
