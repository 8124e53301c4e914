"""A service in Litestar that requires tokens which are bound to a key: by DPoP, or by a certificate."""

from typing import Any

from litestar import Litestar, Request, Router, WebSocket, get, post, route, websocket

from tests.support import ShopClaims
from tokenward import TokenEngine
from tokenward.testing.adapters import dpop_routes, mtls_routes
from tokenward_litestar import TokenAuth


def build(engine: TokenEngine[ShopClaims], **checks: Any) -> Litestar:
    """Build the service with `dpop` or with `mtls`."""
    auth = TokenAuth(engine, **checks)
    bound: dict[str, Any] = dict.fromkeys(checks, "required")
    routes = (dpop_routes if "dpop" in checks else mtls_routes)(auth)
    handlers: list[Any] = []
    for path, methods, guard in routes:

        @route(path, http_method=list(methods), guards=[guard], status_code=200)
        async def guarded(request: Request[Any, ShopClaims, Any]) -> dict[str, str]:
            return {"sub": request.auth.sub}

        handlers.append(guarded)

    @get("/maybe-bound", guards=[auth.optional(**bound)])
    async def maybe(request: Request[Any, ShopClaims | None, Any]) -> dict[str, str | None]:
        return {"sub": request.auth.sub if request.auth else None}

    @get("/bound-twice", guards=[auth.required(**bound, scopes=["orders:read"])])
    async def twice(request: Request[Any, ShopClaims, Any]) -> dict[str, str]:
        return {"sub": request.auth.sub}

    group = Router("/", route_handlers=[twice], guards=[auth.required(**bound)])

    @post("/login")
    async def login(request: Request[Any, Any, Any]) -> dict[str, str]:
        key = await auth.proven_key(request)
        pair = await engine.issue_pair("alice", claims={"tenant": "acme"}, bound_to=key)
        return {"access_token": pair.access_token, "refresh_token": pair.refresh_token}

    @post("/refresh")
    async def refresh(request: Request[Any, Any, Any]) -> dict[str, str]:
        pair = await auth.refresh(request)
        return {"access_token": pair.access_token, "refresh_token": pair.refresh_token}

    @websocket("/ws", guards=[auth.required(**bound)])
    async def socket(socket: WebSocket[Any, ShopClaims, Any]) -> None:
        await socket.accept()
        await socket.send_text(socket.auth.sub)
        await socket.close()

    return Litestar([*handlers, maybe, login, refresh, group, socket], plugins=[auth])
