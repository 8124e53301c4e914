"""Routes that serve published keys and metadata.

They are Starlette routes, so that OpenAPI and the app's dependencies do not include them.
"""

from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request, Response

from tokenward.http import DocumentPublisher
from tokenward_fastapi._dependency import view_of

__all__ = ["add_document_routes"]


def add_document_routes(app: FastAPI, publisher: DocumentPublisher) -> None:
    """Add a route for each document. Starlette accepts HEAD wherever it accepts GET."""
    for path in publisher.paths:
        endpoint = _endpoint(publisher, path)
        app.router.add_route(path, endpoint, ["GET", "OPTIONS"], include_in_schema=False)


def _endpoint(publisher: DocumentPublisher, path: str) -> Callable[[Request], Awaitable[Response]]:
    async def document(request: Request) -> Response:
        response = publisher.respond(view_of(request), path)
        return Response(response.body, response.status, response.headers)

    return document
