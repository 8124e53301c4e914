"""A service in Litestar whose challenges name its metadata."""

from typing import Any

from litestar import Litestar, Request, WebSocket, get, post, websocket

from tests.support import ShopClaims
from tokenward import TokenEngine
from tokenward.http import ResourceMetadata
from tokenward_litestar import TokenAuth


def build(engine: TokenEngine[ShopClaims], resource: ResourceMetadata) -> Litestar:
    """Build the service."""
    auth = TokenAuth(engine, resource=resource)
    handlers: list[Any] = []
    for path, guard in {
        "/me": auth.required(),
        "/orders": auth.required(scopes=["orders:read"]),
        "/any": auth.required(scopes=["shop"], any_scope=["orders:read", "admin"]),
        "/fresh": auth.required(fresh=True, scopes=["orders:read"]),
        "/checked": auth.required(scopes=["shop"], check=lambda claims: False),
    }.items():

        @get(path, guards=[guard])
        async def guarded(request: Request[Any, ShopClaims, Any]) -> dict[str, str]:
            return {"sub": str(request.auth.sub)}

        handlers.append(guarded)

    @post("/renew")
    async def renew() -> None:
        await engine.refresh("x")

    @websocket("/ws", guards=[auth.required(scopes=["orders:read"])])
    async def socket(socket: WebSocket[Any, Any, Any]) -> None:
        raise AssertionError

    app = Litestar([*handlers, renew, socket], plugins=[auth])
    auth.publish_resource(app)
    return app
