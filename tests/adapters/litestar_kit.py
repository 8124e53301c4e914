"""The service of the tests of the test kit, in Litestar, and its test clients."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from litestar import Litestar, Request, Response, WebSocket, post, route, websocket
from litestar.handlers import HTTPRouteHandler
from litestar.testing import AsyncTestClient, TestClient
from litestar.types import Guard

from tests.support import ShopClaims
from tokenward.engine.verifier import TokenVerifier
from tokenward.http import Carrier
from tokenward.http.dpop import DpopVerifier
from tokenward_litestar import TokenAuth


def build(
    engine: TokenVerifier[ShopClaims],
    carriers: Sequence[Carrier] | None,
    dpop: DpopVerifier | None = None,
) -> tuple[Litestar, TokenAuth[ShopClaims]]:
    """Build the service and its `TokenAuth`."""
    auth = TokenAuth(engine, carriers=carriers, dpop=dpop)

    def at(path: str, *guards: Guard) -> HTTPRouteHandler:
        @route(path, http_method=["GET", "POST"], guards=guards, status_code=200)
        async def sub(request: Request[Any, Any, Any]) -> dict[str, Any]:
            claims = request.auth
            return {"sub": claims and claims.sub, "tenant": claims and claims.tenant}

        return sub

    @post("/refresh", status_code=200)
    async def refresh(request: Request[Any, Any, Any]) -> Response[dict[str, str]]:
        response: Response[dict[str, str]] = Response({})
        auth.set_cookies(response, await auth.refresh(request))
        return response

    @websocket("/ws", guards=[auth.required()])
    async def live(socket: WebSocket[Any, Any, Any]) -> None:
        await socket.accept()
        async with auth.while_valid(socket, socket.auth, check_every=timedelta(milliseconds=1)):
            await socket.send_text(socket.auth.sub)
            await socket.receive_text()

    handlers = [
        at("/me", auth.required()),
        at("/maybe", auth.optional()),
        at("/orders", auth.required(scopes=["orders:read"])),
        at("/fresh", auth.required(fresh=True)),
        at("/checked", auth.required(check=lambda claims: claims.tenant == "acme")),
        at("/refresh-only", auth.required(type="refresh")),
        at("/security", auth.required(), auth.required(scopes=["a"])),
        refresh,
        live,
    ]
    bound = [] if dpop is None else [at("/bound", auth.required(dpop="required"))]
    return Litestar([*handlers, *bound], plugins=[auth]), auth


def sync_client(app: Any, base_url: str = "http://testserver.local") -> TestClient[Any]:
    """Return the framework's synchronous test client."""
    return TestClient(app, base_url=base_url)


def async_client(app: Any, base_url: str = "http://testserver.local") -> AsyncTestClient[Any]:
    """Return the framework's asynchronous test client."""
    return AsyncTestClient(app, base_url=base_url)
