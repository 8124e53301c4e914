"""The contract's service in Litestar, and shared helpers of the tests for Litestar."""

import asyncio
import json
from contextlib import suppress
from datetime import timedelta
from typing import Annotated, Any, TypeVar

import httpx
from litestar import (
    Controller,
    Litestar,
    Request,
    Response,
    Router,
    WebSocket,
    get,
    head,
    post,
    route,
)
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler, WebsocketRouteHandler, websocket
from litestar.types import Guard

from tests.support import NOW, SECRET, CountingKey, FrozenClock, ShopClaims
from tokenward import TokenEngine, TokenPair, TokenRevokedError
from tokenward.http import QueryCarrier, WebSocketProtocolCarrier
from tokenward.testing.adapters.service import (
    BROWSER_CARRIERS,
    bearer,
    client_of,
    contract_engine,
    guarded_routes,
    is_employed,
    pause,
    shop_token,
)
from tokenward.testing.adapters.websocket_client import Outcome, open_websocket
from tokenward_litestar import TokenAuth

try:
    from litestar.di import NamedDependency
except ImportError:  # Before Litestar 2.23, which recognises a dependency by its name only.
    NamedDependency = Annotated[TypeVar("T"), "a dependency"]  # type: ignore[misc, assignment]

GOOD = shop_token()
EXPIRED = shop_token(exp=NOW)
ORDERS = shop_token(scope="orders:read")


def build(engine: TokenEngine[ShopClaims]) -> Litestar:
    """Build the service of the contract."""
    auth = TokenAuth(engine)
    browser = TokenAuth(
        engine, carriers=BROWSER_CARRIERS, scheme_name="Shop", dependency_key="session"
    )
    return Litestar(
        [
            *_plain_routes(auth, engine),
            *_groups(auth),
            *sockets(auth),
            *_more_sockets(auth, browser),
            _browser_routes(browser),
        ],
        plugins=[auth, browser],
    )


def sub_at(path: str, guard: Guard, *methods: str) -> HTTPRouteHandler:
    """Return a handler that answers with the subject of the token."""

    @route(path, http_method=methods or "GET", guards=[guard], status_code=200)
    async def sub(claims: NamedDependency[ShopClaims]) -> dict[str, str]:
        return {"sub": claims.sub}

    return sub


def maybe_at(path: str, guard: Guard, *methods: str) -> HTTPRouteHandler:
    """Return a handler that answers with the subject of the token, if there is one."""

    @route(path, http_method=methods or "GET", guards=[guard], status_code=200)
    async def maybe(claims: NamedDependency[ShopClaims | None]) -> dict[str, str | None]:
        return {"sub": claims.sub if claims else None}

    return maybe


def _plain_routes(
    auth: TokenAuth[ShopClaims], engine: TokenEngine[ShopClaims]
) -> list[HTTPRouteHandler]:
    @get("/public")
    async def public() -> dict[str, bool]:
        return {"public": True}

    @get("/me", guards=[auth.required()])
    async def me(request: Request[Any, ShopClaims, Any]) -> dict[str, Any]:
        claims = request.auth
        return {"sub": claims.sub, "tenant": claims.tenant, "extra": claims.extra}

    @get("/slow", guards=[auth.required()])
    async def slow(request: Request[Any, ShopClaims, Any]) -> dict[str, str]:
        await pause()
        return {"sub": request.auth.sub}

    @post("/renew", status_code=200, responses=auth.responses)
    async def renew(request: Request[Any, Any, Any]) -> dict[str, str]:
        pair = await engine.refresh(await request.body())
        return {"scope": pair.scope}

    @post("/renew-json", status_code=200)
    async def renew_json(request: Request[Any, Any, Any]) -> dict[str, str]:
        pair = await engine.refresh(json.loads(await request.body())["refresh_token"])
        return {"scope": pair.scope}

    return [
        public,
        me,
        slow,
        renew,
        renew_json,
        maybe_at("/maybe", auth.optional()),
        maybe_at("/maybe-orders", auth.optional(scopes=["orders:read"])),
        *(sub_at(path, guard, *methods) for path, methods, guard in guarded_routes(auth)),
    ]


def _groups(auth: TokenAuth[ShopClaims]) -> list[Router | type[Controller]]:
    group = Router(
        "/",
        guards=[auth.required()],
        route_handlers=[
            sub_at("/twice", auth.required(scopes=["orders:read"])),
            sub_at("/crossed", auth.required(type="refresh")),
        ],
    )

    class Admin(Controller):
        path = "/admin"
        guards = (auth.required(scopes=["admin"]),)

        @get()
        async def sub(self, claims: NamedDependency[ShopClaims]) -> dict[str, str]:
            return {"sub": claims.sub}

        @get("/users")
        async def users(self) -> dict[str, list[str]]:
            return {"users": []}

    return [group, Admin]


def _browser_routes(auth: TokenAuth[ShopClaims]) -> Router:
    engine = auth.authenticator.engine

    def hand_over(pair: TokenPair) -> Response[dict[str, str | None]]:
        names = ("access_token", "refresh_token", "csrf_token")
        response = Response({name: getattr(pair, name) for name in names})
        auth.set_cookies(response, pair)
        return response

    @post("/login", status_code=200, responses=auth.responses)
    async def login(request: Request[Any, Any, Any]) -> Response[dict[str, str | None]]:
        auth.check_origin(request)
        return hand_over(await engine.issue_pair("alice", claims={"tenant": "acme"}))

    @post("/refresh", status_code=200, operation_class=auth.refresh_operation())
    async def refresh(request: Request[Any, Any, Any]) -> Response[dict[str, str | None]]:
        return hand_over(await auth.refresh(request, check=is_employed))

    @get("/renew")
    async def renew(request: Request[Any, Any, Any]) -> Response[dict[str, str | None]]:
        return hand_over(await auth.refresh(request, check=is_employed))

    @head("/renew")
    async def renew_head(request: Request[Any, Any, Any]) -> Response[None]:
        response = Response(None)
        auth.set_cookies(response, await auth.refresh(request, check=is_employed))
        return response

    handlers = [login, refresh, renew, renew_head, *_session_routes(auth)]
    return Router("/browser", route_handlers=handlers)


def _session_routes(auth: TokenAuth[ShopClaims]) -> list[HTTPRouteHandler]:
    engine = auth.authenticator.engine

    @post("/logout", guards=[auth.required()], status_code=200)
    async def logout(session: NamedDependency[ShopClaims]) -> Response[dict[str, str]]:
        await engine.revoke_session(session)
        response = Response({"sub": session.sub})
        auth.clear_cookies(response)
        return response

    @post("/form", guards=[auth.required()], status_code=200)
    async def form(request: Request[Any, Any, Any]) -> dict[str, object]:
        return {"note": (await request.form())["note"]}

    @route("/me", http_method=["GET", "POST", "PUT"], guards=[auth.required()], status_code=200)
    async def me(session: NamedDependency[ShopClaims]) -> dict[str, str]:
        return {"sub": session.sub}

    @get("/leave", guards=[auth.required(type="refresh")])
    async def leave(session: NamedDependency[ShopClaims]) -> dict[str, str]:
        return {"sub": session.sub}

    @post("/maybe", guards=[auth.optional()], status_code=200)
    async def maybe(session: NamedDependency[ShopClaims | None]) -> dict[str, str | None]:
        return {"sub": session.sub if session else None}

    return [logout, leave, form, maybe, me]


def socket_at(path: str, *guards: Guard, subprotocol: str | None = None) -> WebsocketRouteHandler:
    """Return a WebSocket handler that sends the subject of the token."""

    @websocket(path, guards=guards)
    async def greet(socket: WebSocket[Any, ShopClaims | None, Any]) -> None:
        claims = socket.auth
        await socket.accept(subprotocol)
        await socket.send_text(claims.sub if claims else "")
        await socket.close()

    return greet


def sockets(auth: TokenAuth[ShopClaims]) -> list[WebsocketRouteHandler]:
    """Return the WebSockets of the contract."""
    return [
        socket_at("/ws", auth.required()),
        socket_at("/ws/maybe", auth.optional()),
        socket_at("/ws/orders", auth.required(scopes=["orders:read"]), auth.required()),
    ]


def _more_sockets(
    auth: TokenAuth[ShopClaims], browser: TokenAuth[ShopClaims]
) -> list[WebsocketRouteHandler]:
    def live_at(path: str, guard: Guard) -> WebsocketRouteHandler:
        @websocket(path, guards=[guard])
        async def live(socket: WebSocket[Any, ShopClaims, Any]) -> None:
            await socket.accept()
            async with auth.while_valid(socket, socket.auth, check_every=timedelta(milliseconds=1)):
                async for text in socket.iter_data():
                    await socket.send_text(text)

        return live

    @websocket("/ws/stubborn", guards=[auth.required()])
    async def stubborn(socket: WebSocket[Any, ShopClaims, Any]) -> None:
        await socket.accept()
        async with auth.while_valid(socket, socket.auth, check_every=timedelta(milliseconds=1)):
            with suppress(asyncio.CancelledError):
                await socket.receive()
            await socket.receive()

    @websocket("/ws/raises")
    async def raises(socket: WebSocket[Any, Any, Any]) -> None:
        await socket.accept()
        raise TokenRevokedError

    in_protocol = auth.required(carriers=[WebSocketProtocolCarrier()])
    return [
        socket_at("/ws/query", auth.required(carriers=[QueryCarrier()])),
        socket_at("/ws/protocol", in_protocol, subprotocol="bearer"),
        socket_at("/browser/ws", browser.required()),
        live_at("/ws/live", auth.required()),
        live_at("/ws/recent", auth.required(max_age=timedelta(minutes=10))),
        stubborn,
        raises,
    ]


class Service:
    """An engine and its adapter; each test builds its own Litestar app."""

    def __init__(self, clock: FrozenClock, **options: Any) -> None:
        """Create the adapter of the engine."""
        self.key = CountingKey.from_secret(SECRET)
        self.engine = contract_engine(clock, key=self.key)
        self.auth = TokenAuth(self.engine, **options)

    def app(
        self, *handlers: BaseRouteHandler | Router | type[Controller], **options: Any
    ) -> Litestar:
        """Build an app with the plugin, or with other plugins."""
        return Litestar(handlers, **{"plugins": [self.auth], **options})


async def ask(
    app: Litestar, path: str = "/", token: str | None = GOOD, method: str = "GET", **more: Any
) -> httpx.Response:
    """Send a request, with or without a token."""
    headers = [] if token is None else list(bearer(token))
    async with client_of(app) as client:
        return await client.request(method, path, headers=headers, **more)


async def connect(app: Litestar, path: str, token: str | None = GOOD, **more: Any) -> Outcome:
    """Open a WebSocket, with or without a token."""
    headers = () if token is None else bearer(token)
    return await open_websocket(app, path, headers=headers, **more)


def challenge_of(response: httpx.Response) -> str | None:
    """Return the challenge of a response, or None."""
    value: str | None = response.headers.get("www-authenticate")
    return value
