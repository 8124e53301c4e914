"""A service in FastAPI that requires tokens which are bound to a key: by DPoP, or by a certificate."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Request, WebSocket

from tests.support import ShopClaims
from tokenward import TokenEngine
from tokenward.testing.adapters import dpop_routes, mtls_routes
from tokenward_fastapi import TokenAuth


def build(engine: TokenEngine[ShopClaims], **checks: Any) -> FastAPI:
    """Build the service with `dpop` or with `mtls`."""
    auth = TokenAuth(engine, **checks)
    bound: dict[str, Any] = dict.fromkeys(checks, "required")
    routes = (dpop_routes if "dpop" in checks else mtls_routes)(auth)
    app = FastAPI()
    auth.init_app(app)
    for path, methods, dependency in routes:
        for method in methods:

            @app.api_route(path, methods=[method])
            async def guarded(claims: Annotated[ShopClaims, Depends(dependency)]) -> dict[str, str]:
                return {"sub": claims.sub}

    @app.get("/maybe-bound")
    async def maybe(
        claims: Annotated[ShopClaims | None, Depends(auth.optional(**bound))],
    ) -> dict[str, str | None]:
        return {"sub": claims.sub if claims else None}

    group = APIRouter(dependencies=[Depends(auth.required(**bound))])

    @group.get("/bound-twice")
    async def twice(
        claims: Annotated[ShopClaims, Depends(auth.required(**bound, scopes=["orders:read"]))],
    ) -> dict[str, str]:
        return {"sub": claims.sub}

    app.include_router(group)

    @app.post("/login")
    async def login(request: Request) -> dict[str, str]:
        key = await auth.proven_key(request)
        pair = await engine.issue_pair("alice", claims={"tenant": "acme"}, bound_to=key)
        return {"access_token": pair.access_token, "refresh_token": pair.refresh_token}

    @app.post("/refresh")
    async def refresh(request: Request) -> dict[str, str]:
        pair = await auth.refresh(request)
        return {"access_token": pair.access_token, "refresh_token": pair.refresh_token}

    @app.websocket("/ws")
    async def socket(
        websocket: WebSocket,
        claims: Annotated[ShopClaims, Depends(auth.required(**bound))],
    ) -> None:
        await websocket.accept()
        await websocket.send_text(claims.sub)
        await websocket.close()

    return app
