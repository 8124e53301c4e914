"""The contract's service in Quart, and shared helpers of the tests for Quart.

`service` and `bare` are fixtures; a test module that uses them assigns them to its own names.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

import httpx
import pytest
from quart import Blueprint, Quart, Response, jsonify, request, websocket

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
from tokenward_quart import TokenAuth, current_claims

GOOD = shop_token()
EXPIRED = shop_token(exp=NOW)
ORDERS = shop_token(scope="orders:read")

Decorator = Callable[[Any], Any]


def build(engine: TokenEngine[ShopClaims]) -> Quart:
    """Build the service of the contract."""
    auth = TokenAuth(engine)
    app = Quart(__name__)
    auth.init_app(app)
    _add_plain_routes(app, auth)
    _add_groups(app, auth)
    add_sockets(app, auth)
    browser = TokenAuth(engine, carriers=BROWSER_CARRIERS, scheme_name="Shop")
    browser.init_app(app)
    _add_browser_routes(app, browser)
    _add_more_sockets(app, auth, browser)
    return app


def _add_plain_routes(app: Quart, auth: TokenAuth[ShopClaims]) -> None:
    engine = auth.authenticator.engine

    @app.get("/public")
    async def public() -> dict[str, bool]:
        return {"public": True}

    @app.get("/me")
    @auth.required()
    async def me() -> dict[str, Any]:
        claims = auth.current_claims
        return {"sub": claims.sub, "tenant": claims.tenant, "extra": claims.extra}

    @app.get("/slow")
    @auth.required()
    async def slow() -> dict[str, str]:
        await pause()
        return {"sub": current_claims.sub}

    @app.post("/renew")
    @auth.responses
    async def renew() -> dict[str, str]:
        return {"scope": (await engine.refresh(await request.get_data())).scope}

    @app.post("/renew-json")
    async def renew_json() -> dict[str, str]:
        token = json.loads(await request.get_data())["refresh_token"]
        return {"scope": (await engine.refresh(token)).scope}

    for path, methods, decorator in [
        ("/maybe", ("GET",), auth.optional()),
        ("/maybe-orders", ("GET",), auth.optional(scopes=["orders:read"])),
        *guarded_routes(auth),
    ]:
        _add_sub(app, auth, path, decorator, methods)


def _add_sub(
    app: Quart | Blueprint,
    auth: TokenAuth[ShopClaims],
    path: str,
    decorator: Decorator,
    methods: Sequence[str] = ("GET",),
) -> None:
    @app.route(path, methods=[*methods], endpoint=f"sub{path.replace('/', '-')}")
    @decorator
    async def sub() -> dict[str, str | None]:
        claims = auth.get_claims()
        return {"sub": claims.sub if claims else None}


def _add_groups(app: Quart, auth: TokenAuth[ShopClaims]) -> None:
    group = Blueprint("group", __name__)
    auth.guard(group)
    _add_sub(group, auth, "/twice", auth.required(scopes=["orders:read"]))
    _add_sub(group, auth, "/crossed", auth.required(type="refresh"))
    app.register_blueprint(group)

    admin = Blueprint("admin", __name__, url_prefix="/admin")
    auth.guard(admin, scopes=["admin"])

    @admin.get("")
    async def root() -> dict[str, str]:
        return {"sub": current_claims.sub}

    @admin.get("/users")
    async def users() -> dict[str, list[str]]:
        return {"users": []}

    app.register_blueprint(admin)


def _add_browser_routes(app: Quart, auth: TokenAuth[ShopClaims]) -> None:
    engine = auth.authenticator.engine
    browser = Blueprint("browser", __name__, url_prefix="/browser")

    def hand_over(pair: TokenPair) -> Response:
        names = ("access_token", "refresh_token", "csrf_token")
        response = jsonify({name: getattr(pair, name) for name in names})
        auth.set_cookies(response, pair)
        return response

    @browser.post("/login")
    @auth.responses
    async def login() -> Response:
        auth.check_origin(request)
        return hand_over(await engine.issue_pair("alice", claims={"tenant": "acme"}))

    @browser.post("/refresh")
    @browser.get("/renew")
    @auth.refresh_operation()
    async def refresh() -> Response:
        return hand_over(await auth.refresh(request, check=is_employed))

    @browser.post("/logout")
    @auth.required()
    async def logout() -> Response:
        await engine.revoke_session(auth.current_claims)
        response = jsonify(sub=current_claims.sub)
        auth.clear_cookies(response)
        return response

    @browser.get("/leave")
    @auth.required(type="refresh")
    async def leave() -> dict[str, str]:
        return {"sub": current_claims.sub}

    @browser.post("/maybe")
    @auth.optional()
    async def maybe() -> dict[str, str | None]:
        claims = auth.get_claims()
        return {"sub": claims.sub if claims else None}

    @browser.route("/me", methods=["GET", "POST", "PUT"])
    @auth.required()
    async def me() -> dict[str, str]:
        return {"sub": current_claims.sub}

    @browser.post("/form")
    @auth.required()
    async def form() -> dict[str, object]:
        return {"note": (await request.form)["note"]}

    app.register_blueprint(browser)


async def greet() -> None:
    """Accept the WebSocket, send the subject of its claims, and close it."""
    await websocket.accept()
    await websocket.send(current_claims.sub)
    await websocket.close(1000)


def add_sockets(app: Quart, auth: TokenAuth[ShopClaims]) -> None:
    """Add the WebSockets of the contract."""
    app.websocket("/ws", endpoint="ws")(auth.required()(greet))
    group = Blueprint("sockets", __name__)
    auth.guard(group)

    @app.websocket("/ws/maybe")
    @auth.optional()
    async def maybe() -> None:
        claims = auth.get_claims()
        await websocket.accept()
        await websocket.send(claims.sub if claims else "")
        await websocket.close(1000)

    group.websocket("/ws/orders")(auth.required(scopes=["orders:read"])(greet))
    app.register_blueprint(group)


def _add_more_sockets(
    app: Quart, auth: TokenAuth[ShopClaims], browser: TokenAuth[ShopClaims]
) -> None:
    @app.websocket("/ws/protocol")
    @auth.required(carriers=[WebSocketProtocolCarrier()])
    async def protocol() -> None:
        await websocket.accept(subprotocol="bearer")
        await greet()

    query = auth.required(carriers=[QueryCarrier()])
    app.websocket("/ws/query", endpoint="ws-query")(query(greet))
    app.websocket("/browser/ws", endpoint="browser-ws")(browser.required()(greet))

    async def live() -> None:
        await websocket.accept()
        every = timedelta(milliseconds=1)
        async with auth.while_valid(websocket, auth.current_claims, check_every=every):
            while True:
                await websocket.send(await websocket.receive())

    app.websocket("/ws/live", endpoint="ws-live")(auth.required()(live))
    recent = auth.required(max_age=timedelta(minutes=10))
    app.websocket("/ws/recent", endpoint="ws-recent")(recent(live))

    @app.websocket("/ws/stubborn")
    @auth.required()
    async def stubborn() -> None:
        await websocket.accept()
        every = timedelta(milliseconds=1)
        async with auth.while_valid(websocket, auth.current_claims, check_every=every):
            with suppress(asyncio.CancelledError):
                await websocket.receive()
            await websocket.receive()

    @app.websocket("/ws/raises")
    async def raises() -> None:
        await websocket.accept()
        raise TokenRevokedError


class Service:
    """An engine, its adapter, a Quart app and its client."""

    def __init__(self, clock: FrozenClock, *, init_app: bool = True, **options: Any) -> None:
        """Create the adapter of the engine."""
        self.key = CountingKey.from_secret(SECRET)
        self.engine = contract_engine(clock, key=self.key)
        self.auth = TokenAuth(self.engine, **options)
        self.app = Quart(__name__)
        if init_app:
            self.auth.init_app(self.app)
        self.client = client_of(self.app)

    async def get(self, path: str, token: str | None = GOOD, **more: Any) -> httpx.Response:
        """Send a GET request, with or without a token."""
        headers = [] if token is None else list(bearer(token))
        return await self.client.get(path, headers=headers, **more)


@pytest.fixture
async def service(clock: FrozenClock) -> AsyncIterator[Service]:
    """Return a service whose app has called `init_app`."""
    service = Service(clock)
    async with service.client:
        yield service


@pytest.fixture
async def bare(clock: FrozenClock) -> AsyncIterator[Service]:
    """Return a service without `init_app`."""
    service = Service(clock, init_app=False)
    async with service.client:
        yield service


def challenge_of(response: httpx.Response) -> str | None:
    """Return the challenge of a response, or None."""
    value: str | None = response.headers.get("www-authenticate")
    return value


def protect(service: Service) -> list[str]:
    """Add a route that requires a token, and return a list that grows when the route runs."""
    seen: list[str] = []

    @service.app.get("/")
    @service.auth.required()
    async def root() -> str:
        seen.append("called")
        return current_claims.sub

    return seen
