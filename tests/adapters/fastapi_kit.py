"""The service of the tests of the test kit, in FastAPI, and its test clients."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Annotated, Any

import httpx
from fastapi import Depends, FastAPI, Request, Response, Security, WebSocket
from fastapi.testclient import TestClient

from tests.support import ShopClaims
from tokenward.engine.verifier import TokenVerifier
from tokenward.http import Carrier
from tokenward.http.dpop import DpopVerifier
from tokenward_fastapi import TokenAuth


def build(
    engine: TokenVerifier[ShopClaims],
    carriers: Sequence[Carrier] | None,
    dpop: DpopVerifier | None = None,
) -> tuple[FastAPI, TokenAuth[ShopClaims]]:
    """Build the service and its `TokenAuth`."""
    auth = TokenAuth(engine, carriers=carriers, dpop=dpop)
    app = FastAPI()
    auth.init_app(app)

    def add(path: str, dependency: Callable[..., Any], **route: Any) -> None:
        @app.api_route(path, methods=["GET", "POST"], **route)
        async def sub(claims: Annotated[ShopClaims | None, Depends(dependency)]) -> dict[str, Any]:
            return {"sub": claims and claims.sub, "tenant": claims and claims.tenant}

    add("/me", auth.required())
    add("/maybe", auth.optional())
    add("/orders", auth.required(scopes=["orders:read"]))
    add("/fresh", auth.required(fresh=True))
    add("/checked", auth.required(check=lambda claims: claims.tenant == "acme"))
    add("/refresh-only", auth.required(type="refresh"))
    add("/security", auth.required(), dependencies=[Security(auth.required(), scopes=["a"])])

    if dpop is not None:
        add("/bound", auth.required(dpop="required"))

    @app.post("/refresh")
    async def refresh(request: Request, response: Response) -> dict[str, str]:
        pair = await auth.refresh(request)
        auth.set_cookies(response, pair)
        return {}

    @app.websocket("/ws")
    async def live(
        websocket: WebSocket, claims: Annotated[ShopClaims, Depends(auth.required())]
    ) -> None:
        await websocket.accept()
        async with auth.while_valid(websocket, claims, check_every=timedelta(milliseconds=1)):
            await websocket.send_text(claims.sub)
            async for _ in websocket.iter_text():
                pass

    return app, auth


def sync_client(app: Any, base_url: str = "http://testserver") -> TestClient:
    """Return the framework's synchronous test client."""
    return TestClient(app, base_url=base_url)


def async_client(app: Any, base_url: str = "http://testserver") -> httpx.AsyncClient:
    """Return an asynchronous client."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base_url)
