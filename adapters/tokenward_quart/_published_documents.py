"""Views that serve published keys and metadata, excluded from guards and from quart-schema."""

from collections.abc import Awaitable, Callable
from typing import Final

from quart import Quart, Response, request
from werkzeug.datastructures import Headers

from tokenward.http import DocumentPublisher
from tokenward_quart._arguments import check_type
from tokenward_quart._connection import Connection, view_of
from tokenward_quart._openapi import hide_view

__all__ = ["add_document_routes", "is_public", "make_public"]

_PUBLISHED: Final = "_tokenward_public"


def add_document_routes(app: Quart, publisher: DocumentPublisher) -> None:
    """Add a view for each document. Quart accepts HEAD wherever it accepts GET.

    Raises:
        TypeError: `app` is not a Quart app.
    """
    check_type(app, Quart, "Published documents need the Quart app: pass it as the first argument.")
    for path in publisher.paths:
        # Quart takes the part of an endpoint before a dot for a blueprint.
        name = path.replace(".", "-")
        app.add_url_rule(
            path,
            name,
            _view(publisher, path),
            methods=["GET", "OPTIONS"],
            provide_automatic_options=False,
        )


def make_public(view: Callable[..., Awaitable[Response]]) -> None:
    """Exclude a view from guards and from quart-schema."""
    setattr(view, _PUBLISHED, True)
    hide_view(view)


def is_public(app: Quart, connection: Connection) -> bool:
    """Whether a request is for a published document or an endpoint, which need no token."""
    view = app.view_functions.get(connection.endpoint or "")
    return hasattr(view, _PUBLISHED)


def _view(publisher: DocumentPublisher, path: str) -> Callable[[], Awaitable[Response]]:
    async def document() -> Response:
        published = publisher.respond(view_of(request), path)
        response = Response(published.body, published.status)
        # Replaces the default headers of Quart.
        response.headers = Headers(dict(published.headers))
        return response

    make_public(document)
    return document
