"""The contract's service in Starlette."""

import asyncio
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, TypeAlias

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from tests.adapters.starlette_adapter import Decorator, TokenAuth
from tests.support import ShopClaims
from tokenward import TokenEngine, TokenPair, TokenRevokedError
from tokenward.http import (
    QueryCarrier,
    Requirement,
    TokenMiddleware,
    WebSocketProtocolCarrier,
)
from tokenward.testing.adapters import (
    BROWSER_CARRIERS,
    guarded_routes,
    is_employed,
    pause,
)

MakeAuth: TypeAlias = Callable[..., TokenAuth]
OFTEN = timedelta(milliseconds=1)


def build(engine: TokenEngine[ShopClaims], make_auth: MakeAuth = TokenAuth) -> Starlette:
    """Build the service of the contract with this adapter, or with a faulty one."""
    auth = make_auth(engine)
    browser = make_auth(engine, carriers=BROWSER_CARRIERS)
    routes = [
        *_plain_routes(auth, engine),
        *_groups(auth),
        *_sockets(auth, browser),
        *_session_routes(browser, engine),
        *_browser_routes(browser),
    ]
    app = Starlette(routes=routes)
    auth.init_app(app)
    return app


def route(path: str, endpoint: Any, *methods: str, group: Sequence[Middleware] = ()) -> Route:
    """Return a route, which may belong to a group."""
    return Route(path, endpoint, methods=methods or ["GET"], middleware=group)


def _subject(request: Request) -> JSONResponse:
    claims = request.state.claims
    return JSONResponse({"sub": claims.sub if claims else None})


async def sub(request: Request) -> JSONResponse:
    """Answer with the subject of the token."""
    return _subject(request)


def _plain_routes(auth: TokenAuth, engine: TokenEngine[ShopClaims]) -> list[BaseRoute]:
    async def public(request: Request) -> JSONResponse:
        return JSONResponse({"public": True})

    async def me(request: Request) -> JSONResponse:
        claims = request.state.claims
        return JSONResponse({"sub": claims.sub, "tenant": claims.tenant, "extra": claims.extra})

    async def slow(request: Request) -> JSONResponse:
        await pause()
        return _subject(request)

    async def renew(request: Request) -> JSONResponse:
        return JSONResponse({"scope": (await engine.refresh(await request.body())).scope})

    async def renew_json(request: Request) -> JSONResponse:
        token = json.loads(await request.body())["refresh_token"]
        return JSONResponse({"scope": (await engine.refresh(token)).scope})

    return [
        route("/public", public),
        route("/me", auth.required()(me)),
        route("/slow", auth.required()(slow)),
        route("/renew", renew, "POST"),
        route("/renew-json", renew_json, "POST"),
        route("/maybe", auth.optional()(sub)),
        route("/maybe-orders", auth.optional(scopes=["orders:read"])(sub)),
        *(route(path, guard(sub), *methods) for path, methods, guard in guarded_routes(auth)),
    ]


def _groups(auth: TokenAuth) -> list[BaseRoute]:
    async def users(request: Request) -> JSONResponse:
        return JSONResponse({"users": []})

    middleware, authenticator = TokenMiddleware[ShopClaims], auth.authenticator
    group = [Middleware(middleware, authenticator=authenticator)]
    admins = Requirement[ShopClaims](scopes=["admin"])
    admin = [Middleware(middleware, authenticator=authenticator, requirement=admins)]
    return [
        route("/twice", auth.required(scopes=["orders:read"])(sub), group=group),
        route("/crossed", auth.required(type="refresh")(sub), group=group),
        route("/admin", sub, group=admin),
        route("/admin/users", users, group=admin),
    ]


def _session_routes(auth: TokenAuth, engine: TokenEngine[ShopClaims]) -> list[BaseRoute]:
    def hand_over(pair: TokenPair) -> JSONResponse:
        names = ("access_token", "refresh_token", "csrf_token")
        response = JSONResponse({name: getattr(pair, name) for name in names})
        auth.set_cookies(response, pair)
        return response

    async def login(request: Request) -> JSONResponse:
        auth.check_origin(request)
        return hand_over(await engine.issue_pair("alice", claims={"tenant": "acme"}))

    async def refresh(request: Request) -> JSONResponse:
        return hand_over(await auth.refresh(request, check=is_employed))

    @auth.required()
    async def logout(request: Request) -> JSONResponse:
        await engine.revoke_session(request.state.claims)
        response = _subject(request)
        auth.set_cookies(response, None)
        return response

    return [
        route("/browser/login", login, "POST"),
        route("/browser/refresh", refresh, "POST"),
        route("/browser/renew", refresh, "GET", "HEAD"),
        route("/browser/logout", logout, "POST"),
    ]


def _browser_routes(auth: TokenAuth) -> list[BaseRoute]:
    @auth.required()
    async def form(request: Request) -> JSONResponse:
        return JSONResponse({"note": (await request.form())["note"]})

    return [
        route("/browser/leave", auth.required(type="refresh")(sub)),
        route("/browser/maybe", auth.optional()(sub), "POST"),
        route("/browser/me", auth.required()(sub), "GET", "POST", "PUT"),
        route("/browser/form", form, "POST"),
    ]


def _greeting(path: str, decorator: Decorator, protocol: str | None = None) -> WebSocketRoute:
    @decorator
    async def greet(websocket: WebSocket) -> None:
        claims = websocket.state.claims
        await websocket.accept(protocol)
        await websocket.send_text(claims.sub if claims else "")
        await websocket.close()

    return WebSocketRoute(path, greet)


def _sockets(auth: TokenAuth, browser: TokenAuth) -> list[BaseRoute]:
    async def live(websocket: WebSocket) -> None:
        await websocket.accept()
        async with auth.while_valid(websocket, OFTEN):
            async for text in websocket.iter_text():
                await websocket.send_text(text)

    @auth.required()
    async def stubborn(websocket: WebSocket) -> None:
        await websocket.accept()
        async with auth.while_valid(websocket, OFTEN):
            with suppress(asyncio.CancelledError):
                await websocket.receive()
            await websocket.receive()

    async def raises(websocket: WebSocket) -> None:
        await websocket.accept()
        raise TokenRevokedError

    orders = auth.required(scopes=["orders:read"])
    in_protocol = auth.required(carriers=[WebSocketProtocolCarrier()])
    return [
        _greeting("/ws", auth.required()),
        _greeting("/ws/maybe", auth.optional()),
        _greeting("/ws/orders", lambda endpoint: auth.required()(orders(endpoint))),
        _greeting("/ws/query", auth.required(carriers=[QueryCarrier()])),
        _greeting("/ws/protocol", in_protocol, "bearer"),
        _greeting("/browser/ws", browser.required()),
        WebSocketRoute("/ws/live", auth.required()(live)),
        WebSocketRoute("/ws/recent", auth.required(max_age=timedelta(minutes=10))(live)),
        WebSocketRoute("/ws/stubborn", stubborn),
        WebSocketRoute("/ws/raises", raises),
    ]
