"""The middleware of the page about the core in Starlette and in Falcon."""

import json

import falcon.asgi
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route, WebSocketRoute

from tests.adapters.asgi_http import exchange
from tests.docs.pages import block_with, names_of, run
from tests.support import engine_with
from tokenward.http import Authenticator, Requirement, TokenMiddleware
from tokenward.testing.adapters.websocket_client import open_websocket

NEEDED = Requirement(scopes=["orders:read"])


def starlette_routes():
    """Return the routes of a shop in Starlette."""

    async def orders(request):
        return JSONResponse({"orders_of": request.state.claims.sub})

    async def live(websocket):
        await websocket.accept()
        await websocket.send_text(websocket.state.claims.sub)
        await websocket.close()

    return [Route("/orders", orders), WebSocketRoute("/live", live)]


def starlette_app():
    """Return a shop in Starlette, without protection."""
    return Starlette(routes=starlette_routes())


def falcon_app():
    """Return a shop in Falcon, without protection."""

    class Orders:
        async def on_get(self, request, response):
            response.media = {"orders_of": request.scope["state"]["claims"].sub}

    class Live:
        async def on_websocket(self, request, websocket):
            await websocket.accept()
            await websocket.send_text(request.scope["state"]["claims"].sub)
            await websocket.close()

    app = falcon.asgi.App()
    app.add_route("/orders", Orders())
    app.add_route("/live", Live())
    return app


@pytest.fixture
async def headers(clock):
    """Return the headers of a sufficient and of a weak token, by engine."""

    async def issue(engine):
        tokens = [await engine.issue("alice", scopes=[scope]) for scope in ("orders:read", "x")]
        return [[(b"authorization", b"Bearer " + token.encode())] for token in tokens]

    return issue


@pytest.mark.parametrize("build", [starlette_app, falcon_app])
async def test_the_middleware_of_the_page(clock, headers, build):
    """Handlers get the claims; requests and WebSockets without a sufficient token are refused."""
    engine = engine_with(clock)
    names = await names_of("without-framework.md", engine=engine, app=build())
    block = block_with("without-framework.md", "TokenMiddleware(app")
    app = (await run(block, names))["protected"]
    good, weak = await headers(engine)

    start, body = await exchange(app, "GET", "/orders", headers=good)
    assert (start["status"], json.loads(body["body"])) == (200, {"orders_of": "alice"})
    start, body = await exchange(app, "GET", "/orders", headers=weak)
    assert (start["status"], json.loads(body["body"])["code"]) == (403, "insufficient_scope")
    assert (await open_websocket(app, "/live", headers=good)).messages == ["alice"]
    assert (await open_websocket(app, "/live")).status == 401
    closed = await open_websocket(app, "/live", extensions=None)
    assert (closed.accepted, closed.close_code) == (False, 1008)


async def test_starlette_builds_the_middleware(clock, headers):
    """`add_middleware` protects a whole app, and the middleware of a mount a part of it."""
    engine = engine_with(clock)
    settings = {"authenticator": Authenticator(engine), "requirement": NEEDED}
    good, weak = await headers(engine)
    whole = starlette_app()
    whole.add_middleware(TokenMiddleware, **settings)
    guarded = Mount(
        "/api", routes=starlette_routes(), middleware=[Middleware(TokenMiddleware, **settings)]
    )

    async def health(request):
        return JSONResponse({"healthy": True})

    part = Starlette(routes=[Route("/health", health), guarded])
    for app, prefix in ((whole, ""), (part, "/api")):
        assert (await exchange(app, "GET", f"{prefix}/orders", headers=good))[0]["status"] == 200
        assert (await exchange(app, "GET", f"{prefix}/orders", headers=weak))[0]["status"] == 403
        assert (await open_websocket(app, f"{prefix}/live", headers=good)).messages == ["alice"]
        assert (await open_websocket(app, f"{prefix}/live", headers=weak)).status == 403
    assert (await exchange(part, "GET", "/health"))[0]["status"] == 200
