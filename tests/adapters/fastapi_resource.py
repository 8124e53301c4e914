"""A service in FastAPI whose challenges name its metadata."""

from typing import Annotated

from fastapi import Depends, FastAPI, Security, WebSocket

from tests.support import ShopClaims
from tokenward import TokenEngine
from tokenward.http import ResourceMetadata
from tokenward_fastapi import TokenAuth


def build(engine: TokenEngine[ShopClaims], resource: ResourceMetadata) -> FastAPI:
    """Build the service."""
    auth = TokenAuth(engine, resource=resource)
    app = FastAPI()
    auth.init_app(app)
    auth.publish_resource(app)
    for path, dependency in {
        "/me": auth.required(),
        "/orders": auth.required(scopes=["orders:read"]),
        "/any": auth.required(scopes=["shop"], any_scope=["orders:read", "admin"]),
        "/fresh": auth.required(fresh=True, scopes=["orders:read"]),
        "/checked": auth.required(scopes=["shop"], check=lambda claims: False),
    }.items():

        @app.get(path)
        async def guarded(claims: Annotated[ShopClaims, Depends(dependency)]) -> dict[str, str]:
            return {"sub": str(claims.sub)}

    @app.get("/security")
    async def security(
        claims: Annotated[ShopClaims, Security(auth.required(scopes=["a"]), scopes=["b"])],
    ) -> dict[str, str]:
        return {"sub": str(claims.sub)}

    @app.post("/renew")
    async def renew() -> None:
        await engine.refresh("x")

    @app.websocket("/ws")
    async def socket(
        websocket: WebSocket,
        claims: Annotated[ShopClaims, Depends(auth.required(scopes=["orders:read"]))],
    ) -> None:
        raise AssertionError

    return app
