"""A service in Starlette that requires tokens which are bound to a key: by DPoP, or by a certificate."""

from collections.abc import Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from tests.adapters.starlette_adapter import TokenAuth, view_of
from tests.support import ShopClaims
from tokenward import TokenEngine
from tokenward.testing.adapters import dpop_routes, mtls_routes


def build(
    engine: TokenEngine[ShopClaims],
    make_auth: Callable[..., TokenAuth] = TokenAuth,
    **checks: Any,
) -> Starlette:
    """Build the service with this adapter, or with a faulty one."""
    auth = make_auth(engine, **checks)
    required: dict[str, Any] = dict.fromkeys(checks, "required")
    routes = (dpop_routes if "dpop" in checks else mtls_routes)(auth)

    async def sub(request: Request) -> JSONResponse:
        claims = request.state.claims
        return JSONResponse({"sub": claims.sub if claims else None})

    async def login(request: Request) -> JSONResponse:
        key = await auth.authenticator.proven_key(view_of(request))
        pair = await engine.issue_pair("alice", claims={"tenant": "acme"}, bound_to=key)
        return JSONResponse(
            {"access_token": pair.access_token, "refresh_token": pair.refresh_token}
        )

    async def refresh(request: Request) -> JSONResponse:
        pair = await auth.refresh(request)
        return JSONResponse(
            {"access_token": pair.access_token, "refresh_token": pair.refresh_token}
        )

    @auth.required(**required)
    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(websocket.state.claims.sub)
        await websocket.close()

    bound = auth.required(**required)
    app = Starlette(
        routes=[
            *(Route(path, guard(sub), methods=list(methods)) for path, methods, guard in routes),
            Route("/maybe-bound", auth.optional(**required)(sub)),
            Route("/bound-twice", bound(bound(sub))),
            Route("/login", login, methods=["POST"]),
            Route("/refresh", refresh, methods=["POST"]),
            WebSocketRoute("/ws", socket),
        ]
    )
    auth.init_app(app)
    return app
