"""The service of the tests of the test kit, in Quart, and its test client."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from quart import Quart, Response, request, websocket

from tests.support import ShopClaims
from tokenward.engine.verifier import TokenVerifier
from tokenward.http import Carrier
from tokenward.http.dpop import DpopVerifier
from tokenward_quart import TokenAuth


def build(
    engine: TokenVerifier[ShopClaims],
    carriers: Sequence[Carrier] | None,
    dpop: DpopVerifier | None = None,
) -> tuple[Quart, TokenAuth[ShopClaims]]:
    """Build the service and its `TokenAuth`."""
    auth = TokenAuth(engine, carriers=carriers, dpop=dpop)
    app = Quart(__name__)
    auth.init_app(app)

    def add(path: str, *guards: Callable[[Any], Any]) -> None:
        async def sub() -> dict[str, Any]:
            claims = auth.get_claims()
            return {"sub": claims and claims.sub, "tenant": claims and claims.tenant}

        view: Any = sub
        for guard in guards:
            view = guard(view)
        app.add_url_rule(path, path, view, methods=["GET", "POST"])

    add("/me", auth.required())
    add("/maybe", auth.optional())
    add("/orders", auth.required(scopes=["orders:read"]))
    add("/fresh", auth.required(fresh=True))
    add("/checked", auth.required(check=lambda claims: claims.tenant == "acme"))
    add("/refresh-only", auth.required(type="refresh"))
    add("/security", auth.required(), auth.required(scopes=["a"]))

    if dpop is not None:
        add("/bound", auth.required(dpop="required"))

    @app.post("/refresh")
    async def refresh() -> Response:
        response = Response("{}", content_type="application/json")
        auth.set_cookies(response, await auth.refresh(request))
        return response

    @app.websocket("/ws")
    @auth.required()
    async def live() -> None:
        claims = auth.current_claims
        await websocket.accept()
        async with auth.while_valid(websocket, claims, check_every=timedelta(milliseconds=1)):
            await websocket.send(claims.sub)
            await websocket.receive()

    return app, auth


@asynccontextmanager
async def async_client(app: Quart, base_url: str = "http://localhost") -> AsyncIterator[Any]:
    """Return the framework's test client, which is asynchronous."""
    yield app.test_client()
