"""A service in Litestar whose own handlers determine the bodies of refusals."""

from collections.abc import Sequence
from typing import Any

from litestar import Litestar, Request, Response, Router, WebSocket, get, post
from litestar.handlers import websocket

from tests.support import ShopClaims
from tokenward import TokenEngine, TokenError
from tokenward.testing.adapters.service import BROWSER_CARRIERS
from tokenward_litestar import TokenAuth


def build(engine: TokenEngine[ShopClaims], kinds: Sequence[type[TokenError]]) -> Litestar:
    """Build the service, with a handler for each class of errors."""
    auth = TokenAuth(engine, carriers=BROWSER_CARRIERS)

    @get("/me", guards=[auth.required(scopes=["orders:read"])])
    async def me() -> dict[str, str]:
        return {"sub": "alice"}

    @websocket("/ws")
    async def greet(socket: WebSocket[Any, Any, Any]) -> None:
        await socket.accept()
        await socket.close()

    @post("/browser/refresh", status_code=200)
    async def refresh(request: Request[Any, Any, Any]) -> dict[str, str]:
        auth.check_origin(request)
        return {"scope": (await auth.refresh(request)).scope}

    # The first class on the app, the others on the router: handlers of all layers count.
    handlers = {kind: _handler(auth, kind) for kind in kinds}
    outer, inner = dict(list(handlers.items())[:1]), dict(list(handlers.items())[1:])
    group = Router(
        "/", route_handlers=[me, greet], guards=[auth.required()], exception_handlers=inner
    )
    outside = Router("/", route_handlers=[refresh], exception_handlers=inner)
    return Litestar([group, outside], plugins=[auth], exception_handlers=outer)


def _handler(auth: TokenAuth[ShopClaims], kind: type[TokenError]):  # type: ignore[no-untyped-def]
    def handle(request: Request[Any, Any, Any], error: TokenError) -> Response[dict[str, str]]:
        assert request.method in {"GET", "POST"}  # also for the handshake of a WebSocket
        refusal = auth.refusal(error)
        body = {"handler": kind.__name__, "error": refusal.code}
        return Response(body, status_code=refusal.status, headers=dict(refusal.headers))

    return handle
