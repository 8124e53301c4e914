"""Handlers that serve published keys and metadata, excluded from guards and from OpenAPI."""

from typing import Any

from litestar import Litestar, Request, Response, route
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler

from tokenward.http import DocumentPublisher
from tokenward_litestar._guard import view_of

__all__ = ["add_document_handlers"]


def add_document_handlers(
    app: Litestar, publisher: DocumentPublisher, exclude_opt_key: str
) -> None:
    """Add a handler for each document."""
    for path in publisher.paths:
        app.register(_handler(publisher, path, exclude_opt_key))


def _handler(publisher: DocumentPublisher, path: str, exclude_opt_key: str) -> HTTPRouteHandler:
    @route(
        path,
        http_method=[HttpMethod.GET, HttpMethod.HEAD, HttpMethod.OPTIONS],
        include_in_schema=False,
        opt={exclude_opt_key: True},
    )
    async def document(request: Request[Any, Any, Any]) -> Response[bytes]:
        response = publisher.respond(view_of(request), path)
        return Response(
            response.body,
            status_code=response.status,
            headers=dict(response.headers),
            media_type=response.headers.get("Content-Type"),
        )

    return document
