"""Routes that serve the published keys.

They are Starlette routes, so that OpenAPI and the app's dependencies do not include them.
"""

from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request, Response

from tokenward import KeyPublisher
from tokenward_fastapi._dependency import view_of

__all__ = ["add_key_routes"]


def add_key_routes(app: FastAPI, publisher: KeyPublisher) -> None:
    """Add a route for each document. Starlette accepts HEAD wherever it accepts GET."""
    for path in publisher.paths:
        app.router.add_route(path, _endpoint(publisher, path), ["GET"], include_in_schema=False)


def _endpoint(publisher: KeyPublisher, path: str) -> Callable[[Request], Awaitable[Response]]:
    async def document(request: Request) -> Response:
        response = publisher.respond(view_of(request), path)
        return Response(response.body, response.status, response.headers)

    return document
