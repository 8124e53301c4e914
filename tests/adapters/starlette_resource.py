"""A service in Starlette whose challenges name its metadata."""

from collections.abc import Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from tests.adapters.starlette_adapter import TokenAuth, view_of
from tests.support import ShopClaims
from tokenward import TokenEngine
from tokenward.http import DocumentPublisher, ResourceMetadata


def build(
    engine: TokenEngine[ShopClaims],
    resource: ResourceMetadata,
    make_auth: Callable[..., TokenAuth] = TokenAuth,
) -> Starlette:
    """Build the service with this adapter, or with a faulty one."""
    auth = make_auth(engine, resource=resource)

    async def sub(request: Request) -> JSONResponse:
        return JSONResponse({"sub": request.state.claims.sub})

    async def renew(request: Request) -> None:
        await engine.refresh("x")

    @auth.required(scopes=["orders:read"])
    async def socket(websocket: WebSocket) -> None:
        raise AssertionError

    decorators = {
        "/me": auth.required(),
        "/orders": auth.required(scopes=["orders:read"]),
        "/any": auth.required(scopes=["shop"], any_scope=["orders:read", "admin"]),
        "/fresh": auth.required(fresh=True, scopes=["orders:read"]),
        "/checked": auth.required(scopes=["shop"], check=lambda claims: False),
    }
    routes = [
        *(Route(path, each(sub)) for path, each in decorators.items()),
        Route("/renew", renew, methods=["POST"]),
        WebSocketRoute("/ws", socket),
        *document_routes(resource),
    ]
    app = Starlette(routes=routes)
    auth.init_app(app)
    return app


def document_routes(publisher: DocumentPublisher) -> list[Route]:
    """Return the routes of published documents; Starlette accepts HEAD wherever it accepts GET."""

    async def document(request: Request) -> Response:
        response = publisher.respond(view_of(request), request.scope["path"])
        return Response(response.body, response.status, response.headers)

    return [Route(path, document, methods=["GET", "OPTIONS"]) for path in publisher.paths]
