"""A service in Quart that requires tokens which are bound to a key: by DPoP, or by a certificate."""

from typing import Any

from quart import Blueprint, Quart, request, websocket

from tests.support import ShopClaims
from tokenward import TokenEngine
from tokenward.testing.adapters import dpop_routes, mtls_routes
from tokenward_quart import TokenAuth


def build(engine: TokenEngine[ShopClaims], **checks: Any) -> Quart:
    """Build the service with `dpop` or with `mtls`."""
    auth = TokenAuth(engine, **checks)
    bound: dict[str, Any] = dict.fromkeys(checks, "required")
    routes = (dpop_routes if "dpop" in checks else mtls_routes)(auth)
    app = Quart(__name__)
    auth.init_app(app)
    for path, methods, guard in routes:

        @app.route(path, methods=list(methods), endpoint=path)
        @guard
        async def guarded() -> dict[str, str]:
            return {"sub": auth.current_claims.sub}

    @app.get("/maybe-bound")
    @auth.optional(**bound)
    async def maybe() -> dict[str, str | None]:
        claims = auth.get_claims()
        return {"sub": claims.sub if claims else None}

    group = Blueprint("group", __name__)
    auth.guard(group, **bound)

    @group.get("/bound-twice")
    @auth.required(**bound, scopes=["orders:read"])
    async def twice() -> dict[str, str]:
        return {"sub": auth.current_claims.sub}

    app.register_blueprint(group)

    @app.post("/login")
    async def login() -> dict[str, str]:
        key = await auth.proven_key(request)
        pair = await engine.issue_pair("alice", claims={"tenant": "acme"}, bound_to=key)
        return {"access_token": pair.access_token, "refresh_token": pair.refresh_token}

    @app.post("/refresh")
    async def refresh() -> dict[str, str]:
        pair = await auth.refresh(request)
        return {"access_token": pair.access_token, "refresh_token": pair.refresh_token}

    @app.websocket("/ws")
    @auth.required(**bound)
    async def socket() -> None:
        await websocket.accept()
        await websocket.send(auth.current_claims.sub)
        await websocket.close(1000)

    return app
