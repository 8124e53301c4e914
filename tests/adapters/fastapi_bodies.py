"""A service in FastAPI whose own handlers determine the bodies of refusals."""

from collections.abc import Sequence

from fastapi import APIRouter, Depends, FastAPI, Request, WebSocket
from fastapi.responses import JSONResponse

from tests.support import ShopClaims
from tokenward import TokenEngine, TokenError
from tokenward.testing.adapters.service import BROWSER_CARRIERS
from tokenward_fastapi import TokenAuth


def build(engine: TokenEngine[ShopClaims], kinds: Sequence[type[TokenError]]) -> FastAPI:
    """Build the service, with a handler for each class of errors."""
    auth = TokenAuth(engine, carriers=BROWSER_CARRIERS)
    app = FastAPI()
    for kind in kinds:
        app.add_exception_handler(kind, _handler(auth, kind))
    auth.init_app(app)

    group = APIRouter(dependencies=[Depends(auth.required())])

    @group.get("/me", dependencies=[Depends(auth.required(scopes=["orders:read"]))])
    async def me() -> dict[str, str]:
        return {"sub": "alice"}

    @group.websocket("/ws")
    async def greet(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close()

    app.include_router(group)

    @app.post("/browser/refresh")
    async def refresh(request: Request) -> dict[str, str]:
        auth.check_origin(request)
        return {"scope": (await auth.refresh(request)).scope}

    return app


def _handler(auth: TokenAuth[ShopClaims], kind: type[TokenError]):  # type: ignore[no-untyped-def]
    async def handle(_: Request | WebSocket, error: TokenError) -> JSONResponse:
        refusal = auth.refusal(error)
        body = {"handler": kind.__name__, "error": refusal.code}
        return JSONResponse(body, refusal.status, refusal.headers)

    return handle
