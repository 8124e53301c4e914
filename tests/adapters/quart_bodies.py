"""A service in Quart whose own handlers determine the bodies of refusals."""

from collections.abc import Sequence

from quart import Blueprint, Quart, request, websocket

from tests.support import ShopClaims
from tokenward import TokenEngine, TokenError
from tokenward.testing.adapters.service import BROWSER_CARRIERS
from tokenward_quart import TokenAuth


def build(engine: TokenEngine[ShopClaims], kinds: Sequence[type[TokenError]]) -> Quart:
    """Build the service, with a handler for each class of errors."""
    auth = TokenAuth(engine, carriers=BROWSER_CARRIERS)
    app = Quart(__name__)
    for kind in kinds:
        app.register_error_handler(kind, _handler(auth, kind))
    auth.init_app(app)

    group = Blueprint("group", __name__)
    auth.guard(group)

    @group.get("/me")
    @auth.required(scopes=["orders:read"])
    async def me() -> dict[str, str]:
        return {"sub": "alice"}

    @group.websocket("/ws")
    async def greet() -> None:
        await websocket.accept()
        await websocket.close(1000)

    app.register_blueprint(group)

    @app.post("/browser/refresh")
    async def refresh() -> dict[str, str]:
        auth.check_origin(request)
        return {"scope": (await auth.refresh(request)).scope}

    return app


def _handler(auth: TokenAuth[ShopClaims], kind: type[TokenError]):  # type: ignore[no-untyped-def]
    async def handle(error: TokenError) -> tuple[dict[str, str], int, dict[str, str]]:
        refusal = auth.refusal(error)
        body = {"handler": kind.__name__, "error": refusal.code}
        return body, refusal.status, dict(refusal.headers)

    return handle
