"""Litestar's WebSockets: refused before they are accepted, closed afterwards."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
from litestar import Litestar, WebSocket, get
from litestar.exceptions import WebSocketDisconnect
from litestar.handlers import (
    WebsocketListener,
    WebsocketRouteHandler,
    websocket,
    websocket_listener,
)
from litestar.routes import HTTPRoute, WebSocketRoute
from litestar.types import ASGIApp, Receive, Scope, Send

from tests.adapters.litestar_service import (
    EXPIRED,
    GOOD,
    NamedDependency,
    Service,
    connect,
    socket_at,
)
from tests.support import FrozenClock, ShopClaims
from tokenward import TokenRejectedError
from tokenward.testing.adapters import answers
from tokenward.testing.adapters.service import OUTAGE, shop_token
from tokenward.testing.adapters.websocket_client import DENIAL_RESPONSE, open_websocket
from tokenward_litestar import TokenAuth

SERVERS = pytest.mark.parametrize("extensions", [DENIAL_RESPONSE, {}], ids=["denial", "none"])
LATE = (b"x-token", EXPIRED.encode())


@pytest.fixture
def service(clock: FrozenClock) -> Service:
    """Return an engine and its adapter."""
    return Service(clock)


def late(service: Service, *, accept: bool, close: bool = False, hang_up: bool = False) -> Litestar:
    """Build an app whose WebSocket decodes a token itself, before or after accepting."""

    @websocket("/late")
    async def late(socket: WebSocket[Any, Any, Any]) -> None:
        token = socket.headers.get("x-token", "")
        if accept:
            await socket.accept()
            token = await socket.receive_text()
        if close:
            await socket.close(4000)
        if hang_up:
            with pytest.raises(WebSocketDisconnect):
                await socket.receive_text()
        await socket.send_text((await service.engine.decode(token)).sub)
        await socket.close()

    return service.app(late)


async def test_error_before_accept_is_denied(service: Service) -> None:
    """A TokenError that a handler raises before accepting becomes an HTTP response."""
    outcome = await open_websocket(late(service, accept=False), "/late", headers=[LATE])

    assert (outcome.status, json.loads(outcome.body)) == (401, answers.EXPIRED.body)
    assert (b"www-authenticate", str(answers.EXPIRED.challenge).encode()) in outcome.headers


@pytest.mark.parametrize("extensions", [{}, None], ids=["none", "null"])
async def test_error_before_accept_closes(
    service: Service, extensions: dict[str, object] | None
) -> None:
    """A TokenError before accepting closes the WebSocket, if the server has no denial responses."""
    app = late(service, accept=False)
    outcome = await open_websocket(app, "/late", headers=[LATE], extensions=extensions)

    assert (outcome.close_code, outcome.close_reason) == (1008, "token_expired")


@pytest.mark.parametrize("extensions", [DENIAL_RESPONSE, {}, None], ids=["denial", "none", "null"])
@pytest.mark.parametrize(
    ("token", "code", "reason"),
    [
        (EXPIRED, 1008, "token_expired"),
        ("", 1008, "token_malformed"),
        (shop_token(sub=OUTAGE), 1013, "store_unavailable"),
    ],
    ids=["expired", "empty", "outage"],
)
async def test_error_after_accept_closes(
    service: Service, token: str, code: int, reason: str, extensions: dict[str, object] | None
) -> None:
    """A TokenError on an open WebSocket closes it, whatever the server supports."""
    app = late(service, accept=True)
    outcome = await open_websocket(app, "/late", messages=[token], extensions=extensions)

    assert (outcome.accepted, outcome.close_code, outcome.close_reason) == (True, code, reason)


@SERVERS
async def test_error_after_close_is_quiet(service: Service, extensions: dict[str, object]) -> None:
    """A TokenError on a WebSocket that the handler has closed sends nothing more."""
    app = late(service, accept=True, close=True)
    outcome = await open_websocket(app, "/late", messages=[EXPIRED], extensions=extensions)

    assert (outcome.close_code, outcome.messages) == (4000, [])


@SERVERS
async def test_error_after_hanging_up_is_quiet(
    service: Service, extensions: dict[str, object]
) -> None:
    """A TokenError on a WebSocket whose client has disconnected sends nothing more."""
    app = late(service, accept=True, hang_up=True)
    outcome = await open_websocket(app, "/late", messages=[EXPIRED], extensions=extensions)

    assert (outcome.close_code, outcome.messages) == (None, [])


async def test_good_token_after_accept(service: Service) -> None:
    """A token may also be the first message of an open WebSocket."""
    outcome = await open_websocket(late(service, accept=True), "/late", messages=[GOOD])

    assert (outcome.messages, outcome.close_code) == (["alice"], 1000)


async def test_other_errors_are_left_alone(service: Service) -> None:
    """An unrelated error closes the WebSocket as Litestar does."""

    @websocket("/ws")
    async def fails(socket: WebSocket[Any, Any, Any]) -> None:
        raise LookupError

    outcome = await connect(service.app(fails), "/ws", None)

    assert (outcome.status, outcome.close_code) == (None, 4500)


async def test_nowhere(service: Service) -> None:
    """Litestar closes a WebSocket to an unknown path."""
    outcome = await connect(service.app(), "/nowhere")

    assert (outcome.accepted, outcome.status) == (False, None)
    assert outcome.close_code is not None


async def test_two_plugins(clock: FrozenClock) -> None:
    """With two plugins, each refuses its own WebSockets, and the first handles errors of handlers."""
    service = Service(clock)
    shop = TokenAuth(service.engine, realm="shop")
    staff = TokenAuth(service.engine, realm="staff", dependency_key="staff")

    @websocket("/raises")
    async def raises(socket: WebSocket[Any, Any, Any]) -> None:
        raise TokenRejectedError

    app = service.app(
        socket_at("/shop", shop.required()),
        socket_at("/staff", staff.required()),
        raises,
        plugins=[shop, staff],
    )
    said = [
        dict((await connect(app, path, None)).headers)[b"www-authenticate"].split(b",")[0]
        for path in ("/shop", "/staff", "/raises")
    ]

    assert said == [b'Bearer realm="%s"' % realm for realm in (b"shop", b"staff", b"shop")]


async def test_error_of_a_middleware(service: Service) -> None:
    """A TokenError that a middleware raises affects no other WebSocket."""

    def failing(app: ASGIApp) -> ASGIApp:
        async def middleware(scope: Scope, receive: Receive, send: Send) -> None:
            if b"fail" in scope["query_string"]:
                raise TokenRejectedError
            await app(scope, receive, send)

        return middleware

    app = service.app(socket_at("/ws", service.auth.required()), middleware=[failing])

    assert not (await connect(app, "/ws", query=b"fail")).accepted
    assert (await connect(app, "/ws")).messages == ["alice"]


def _listener(service: Service) -> WebsocketRouteHandler:
    @websocket_listener("/listen", guards=[service.auth.required()])
    async def listen(data: str, claims: NamedDependency[ShopClaims]) -> str:
        return f"{claims.sub}: {data}"

    return listen


def _listener_class(service: Service) -> type[WebsocketListener]:
    class Listen(WebsocketListener):
        path = "/listen"

        async def on_receive(self, data: str, claims: NamedDependency[ShopClaims]) -> str:
            return f"{claims.sub}: {data}"

    Listen.guards = [service.auth.required()]
    return Listen


@pytest.mark.parametrize("listener", [_listener, _listener_class], ids=["function", "class"])
async def test_listener(service: Service, listener: Any) -> None:
    """A listener is refused before it is accepted, and gets the claims with every message."""
    app = service.app(listener(service))
    refused = await connect(app, "/listen", None, messages=["hello"])
    closed = await connect(app, "/listen", EXPIRED, extensions={})
    opened = await connect(app, "/listen", messages=["hello", "again"])

    assert (refused.accepted, refused.status, refused.messages) == (False, 401, [])
    assert (closed.accepted, closed.close_code, closed.close_reason) == (
        False,
        1008,
        "token_expired",
    )
    assert (opened.accepted, opened.messages) == (True, ["alice: hello", "alice: again"])


async def test_error_of_a_listener(service: Service) -> None:
    """A TokenError that a listener raises closes the WebSocket with its code."""

    @websocket_listener("/listen")
    async def listen(data: str) -> str:
        return (await service.engine.decode(data)).sub

    outcome = await connect(service.app(listen), "/listen", None, messages=[GOOD, EXPIRED])

    assert outcome.messages == ["alice"]
    assert (outcome.close_code, outcome.close_reason) == (1008, "token_expired")


@pytest.mark.parametrize("ended_by", ["nobody", "client", "handler"])
async def test_while_valid(service: Service, clock: FrozenClock, ended_by: str) -> None:
    """An expired token closes the WebSocket once, unless it is already closed."""
    ended: list[bool] = []

    @websocket("/ws", guards=[service.auth.required()])
    async def live(socket: WebSocket[Any, ShopClaims, Any]) -> None:
        await socket.accept()
        every = timedelta(milliseconds=1)
        async with service.auth.while_valid(socket, socket.auth, check_every=every):
            if ended_by == "client":
                with pytest.raises(WebSocketDisconnect):
                    await socket.receive_text()
            if ended_by == "handler":
                await socket.close(4000)
            clock.advance(900)
            await asyncio.Event().wait()
        ended.append(True)

    outcome = await connect(service.app(live), "/ws")

    closed = {"nobody": (1008, "token_expired"), "client": (None, None), "handler": (4000, "")}
    assert (outcome.close_code, outcome.close_reason) == closed[ended_by]
    assert ended == [True]


async def test_only_handlers_of_sockets_pay_for_refusals(service: Service) -> None:
    """Each handler of WebSockets gets one middleware for all plugins and paths; one of HTTP gets none."""

    @websocket(["/ws", "/again"], guards=[service.auth.required()])
    async def live(socket: WebSocket[Any, ShopClaims, Any]) -> None:
        await socket.accept()

    @get("/", guards=[service.auth.required()])
    async def plain() -> None: ...

    second = TokenAuth(service.engine, scheme_name="Second", dependency_key="second")
    app = Litestar([live, plain], plugins=[service.auth, second])

    found: dict[str, list[int]] = {"ws": [], "http": []}
    for route in app.routes:
        if isinstance(route, WebSocketRoute):
            found["ws"].append(len(route.route_handler.resolve_middleware()))
        elif isinstance(route, HTTPRoute) and route.path == "/":
            found["http"] += [len(each.resolve_middleware()) for each in route.route_handlers]

    assert found == {"ws": [1, 1], "http": [0, 0]}
    assert live.middleware is None
