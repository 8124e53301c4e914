"""The contract's service in FastAPI, and shared helpers of the tests for FastAPI.

`service` and `bare` are fixtures; a test module that uses them assigns them to its own names.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response, WebSocket

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
from tokenward_fastapi import TokenAuth

GOOD = shop_token()
EXPIRED = shop_token(exp=NOW)
ORDERS = shop_token(scope="orders:read")


def build(engine: TokenEngine[ShopClaims]) -> FastAPI:
    """Build the service of the contract."""
    auth = TokenAuth(engine)
    app = FastAPI()
    auth.init_app(app)
    _add_plain_routes(app, auth, engine)
    _add_groups(app, auth)
    add_sockets(app, auth)
    browser = TokenAuth(engine, carriers=BROWSER_CARRIERS, scheme_name="Shop")
    browser.init_app(app)
    _add_browser_routes(app, browser)
    _add_browser_form(app, browser)
    _add_more_sockets(app, auth, browser)
    return app


def _add_plain_routes(
    app: FastAPI, auth: TokenAuth[ShopClaims], engine: TokenEngine[ShopClaims]
) -> None:
    @app.get("/public")
    async def public() -> dict[str, bool]:
        return {"public": True}

    @app.get("/me")
    async def me(claims: Annotated[ShopClaims, Depends(auth.required())]) -> dict[str, Any]:
        return {"sub": claims.sub, "tenant": claims.tenant, "extra": claims.extra}

    @app.get("/slow")
    async def slow(claims: Annotated[ShopClaims, Depends(auth.required())]) -> dict[str, str]:
        await pause()
        return {"sub": claims.sub}

    @app.post("/renew", responses=auth.responses)
    async def renew(request: Request) -> dict[str, str]:
        pair = await engine.refresh(await request.body())
        return {"scope": pair.scope}

    @app.post("/renew-json")
    async def renew_json(request: Request) -> dict[str, str]:
        pair = await engine.refresh(json.loads(await request.body())["refresh_token"])
        return {"scope": pair.scope}

    for path, dependency in {
        "/maybe": auth.optional(),
        "/maybe-orders": auth.optional(scopes=["orders:read"]),
    }.items():

        @app.get(path)
        async def maybe(
            claims: Annotated[ShopClaims | None, Depends(dependency)],
        ) -> dict[str, str | None]:
            return {"sub": claims.sub if claims else None}

    for path, methods, dependency in guarded_routes(auth):
        _add_sub(app, path, dependency, methods)


def _add_sub(
    app: FastAPI | APIRouter,
    path: str,
    dependency: Callable[..., Any],
    methods: Sequence[str] = ("GET",),
) -> None:
    for method in methods:

        @app.api_route(path, methods=[method])
        async def sub(claims: Annotated[ShopClaims, Depends(dependency)]) -> dict[str, str]:
            return {"sub": claims.sub}


def _add_browser_routes(app: FastAPI, auth: TokenAuth[ShopClaims]) -> None:
    engine = auth.authenticator.engine

    def hand_over(response: Response, pair: TokenPair) -> dict[str, str | None]:
        auth.set_cookies(response, pair)
        names = ("access_token", "refresh_token", "csrf_token")
        return {name: getattr(pair, name) for name in names}

    @app.post("/browser/login", responses=auth.responses)
    async def login(request: Request, response: Response) -> dict[str, str | None]:
        auth.check_origin(request)
        return hand_over(response, await engine.issue_pair("alice", claims={"tenant": "acme"}))

    @app.post("/browser/refresh", openapi_extra=auth.refresh_operation())
    @app.api_route("/browser/renew", methods=["GET", "HEAD"], include_in_schema=False)
    async def refresh(request: Request, response: Response) -> dict[str, str | None]:
        return hand_over(response, await auth.refresh(request, check=is_employed))

    @app.post("/browser/logout")
    async def logout(
        response: Response, claims: Annotated[ShopClaims, Depends(auth.required())]
    ) -> dict[str, str]:
        await engine.revoke_session(claims)
        auth.clear_cookies(response)
        return {"sub": claims.sub}

    @app.api_route("/browser/leave", methods=["GET", "HEAD"], include_in_schema=False)
    async def leave(
        claims: Annotated[ShopClaims, Depends(auth.required(type="refresh"))],
    ) -> dict[str, str]:
        return {"sub": claims.sub}

    @app.post("/browser/maybe")
    async def maybe(
        claims: Annotated[ShopClaims | None, Depends(auth.optional())],
    ) -> dict[str, str | None]:
        return {"sub": claims.sub if claims else None}

    @app.get("/browser/me")
    @app.post("/browser/me")
    @app.put("/browser/me")
    async def me(claims: Annotated[ShopClaims, Depends(auth.required())]) -> dict[str, str]:
        return {"sub": claims.sub}


def _add_browser_form(app: FastAPI, auth: TokenAuth[ShopClaims]) -> None:
    @app.post("/browser/form", dependencies=[Depends(auth.required())])
    async def form(request: Request) -> dict[str, object]:
        return {"note": (await request.form())["note"]}


def _add_groups(app: FastAPI, auth: TokenAuth[ShopClaims]) -> None:
    group = APIRouter(dependencies=[Depends(auth.required())])
    _add_sub(group, "/twice", auth.required(scopes=["orders:read"]))
    _add_sub(group, "/crossed", auth.required(type="refresh"))
    app.include_router(group)

    admins = auth.required(scopes=["admin"])
    admin = APIRouter(prefix="/admin", dependencies=[Depends(admins)])
    _add_sub(admin, "", admins)

    @admin.get("/users")
    async def users() -> dict[str, list[str]]:
        return {"users": []}

    app.include_router(admin)


def add_sockets(app: FastAPI, auth: TokenAuth[ShopClaims]) -> None:
    """Add the WebSockets of the contract."""

    async def greet(websocket: WebSocket, claims: ShopClaims | None) -> None:
        await websocket.accept()
        await websocket.send_text(claims.sub if claims else "")
        await websocket.close()

    @app.websocket("/ws")
    async def required(
        websocket: WebSocket, claims: Annotated[ShopClaims, Depends(auth.required())]
    ) -> None:
        await greet(websocket, claims)

    @app.websocket("/ws/maybe")
    async def maybe(
        websocket: WebSocket, claims: Annotated[ShopClaims | None, Depends(auth.optional())]
    ) -> None:
        await greet(websocket, claims)

    @app.websocket("/ws/orders", dependencies=[Depends(auth.required())])
    async def orders(
        websocket: WebSocket,
        claims: Annotated[ShopClaims, Depends(auth.required(scopes=["orders:read"]))],
    ) -> None:
        await greet(websocket, claims)


def _add_more_sockets(
    app: FastAPI, auth: TokenAuth[ShopClaims], browser: TokenAuth[ShopClaims]
) -> None:
    def add_greeting(path: str, dependency: Callable[..., Any], subprotocol: str | None) -> None:
        @app.websocket(path)
        async def greet(
            websocket: WebSocket, claims: Annotated[ShopClaims, Depends(dependency)]
        ) -> None:
            await websocket.accept(subprotocol)
            await websocket.send_text(claims.sub)
            await websocket.close()

    add_greeting("/ws/query", auth.required(carriers=[QueryCarrier()]), None)
    add_greeting("/ws/protocol", auth.required(carriers=[WebSocketProtocolCarrier()]), "bearer")
    add_greeting("/browser/ws", browser.required(), None)

    def add_live(path: str, dependency: Callable[..., Any]) -> None:
        @app.websocket(path)
        async def live(
            websocket: WebSocket, claims: Annotated[ShopClaims, Depends(dependency)]
        ) -> None:
            await websocket.accept()
            async with auth.while_valid(websocket, claims, check_every=timedelta(milliseconds=1)):
                async for text in websocket.iter_text():
                    await websocket.send_text(text)

    add_live("/ws/live", auth.required())
    add_live("/ws/recent", auth.required(max_age=timedelta(minutes=10)))

    @app.websocket("/ws/stubborn")
    async def stubborn(
        websocket: WebSocket, claims: Annotated[ShopClaims, Depends(auth.required())]
    ) -> None:
        await websocket.accept()
        async with auth.while_valid(websocket, claims, check_every=timedelta(milliseconds=1)):
            with suppress(asyncio.CancelledError):
                await websocket.receive()
            await websocket.receive()

    @app.websocket("/ws/raises")
    async def raises(websocket: WebSocket) -> None:
        await websocket.accept()
        raise TokenRevokedError


class Service:
    """An engine, its adapter, a FastAPI app and its client."""

    def __init__(self, clock: FrozenClock, *, init_app: bool = True, **options: Any) -> None:
        """Create the adapter of the engine."""
        self.key = CountingKey.from_secret(SECRET)
        self.engine = contract_engine(clock, key=self.key)
        self.auth = TokenAuth(self.engine, **options)
        self.app = FastAPI()
        if init_app:
            self.auth.init_app(self.app)
        self.client = client_of(self.app)

    def get(self, path: str, token: str | None = GOOD, **more: Any) -> Any:
        """Send a GET request, with or without a token."""
        headers = [] if token is None else list(bearer(token))
        return self.client.get(path, headers=headers, **more)

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document that FastAPI generates."""
        return self.app.openapi()


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


def protect(service: Service) -> None:
    """Add a route that requires a token, and one that raises an HTTPException."""

    @service.app.get("/", dependencies=[Depends(service.auth.required())])
    async def root() -> None: ...

    @service.app.get("/teapot")
    async def teapot() -> None:
        raise HTTPException(418, "short and stout")
