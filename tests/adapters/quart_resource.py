"""A service in Quart whose challenges name its metadata."""

from quart import Quart

from tests.support import ShopClaims
from tokenward import TokenEngine
from tokenward.http import ResourceMetadata
from tokenward_quart import TokenAuth


def build(engine: TokenEngine[ShopClaims], resource: ResourceMetadata) -> Quart:
    """Build the service."""
    auth = TokenAuth(engine, resource=resource)
    app = Quart(__name__)
    auth.init_app(app)
    auth.publish_resource(app)
    for path, guard in {
        "/me": auth.required(),
        "/orders": auth.required(scopes=["orders:read"]),
        "/any": auth.required(scopes=["shop"], any_scope=["orders:read", "admin"]),
        "/fresh": auth.required(fresh=True, scopes=["orders:read"]),
        "/checked": auth.required(scopes=["shop"], check=lambda claims: False),
    }.items():

        @app.get(path, endpoint=path)
        @guard
        async def guarded() -> dict[str, str]:
            return {"sub": str(auth.current_claims.sub)}

    @app.post("/renew")
    async def renew() -> str:
        await engine.refresh("x")
        return ""

    @app.websocket("/ws")
    @auth.required(scopes=["orders:read"])
    async def socket() -> None:
        raise AssertionError

    return app
