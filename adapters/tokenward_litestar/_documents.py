"""The documents about the keys, as handlers that stay out of OpenAPI and that guards leave out."""

from typing import Any

from litestar import Litestar, Request, Response, route
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler

from tokenward import KeyPublisher
from tokenward_litestar._guard import view_of

__all__ = ["add_documents"]


def add_documents(app: Litestar, publisher: KeyPublisher, exclude_opt_key: str) -> None:
    """Add a handler for each document."""
    for path in publisher.paths:
        app.register(_handler(publisher, path, exclude_opt_key))


def _handler(publisher: KeyPublisher, path: str, exclude_opt_key: str) -> HTTPRouteHandler:
    @route(
        path,
        http_method=[HttpMethod.GET, HttpMethod.HEAD],
        include_in_schema=False,
        opt={exclude_opt_key: True},
    )
    async def document(request: Request[Any, Any, Any]) -> Response[bytes]:
        answer = publisher.respond(view_of(request), path)
        return Response(
            answer.body,
            status_code=answer.status,
            headers=dict(answer.headers),
            media_type=answer.headers.get("Content-Type"),
        )

    return document
