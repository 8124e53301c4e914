"""Views that serve the published keys, excluded from guards and from quart-schema."""

from collections.abc import Awaitable, Callable
from typing import Final

from quart import Quart, Response, request
from werkzeug.datastructures import Headers

from tokenward import KeyPublisher
from tokenward_quart._connection import Connection, view_of
from tokenward_quart._openapi import hide_view

__all__ = ["add_key_routes", "is_published_document"]

_PUBLISHED: Final = "_tokenward_document"


def add_key_routes(app: Quart, publisher: KeyPublisher) -> None:
    """Add a view for each document. Quart accepts HEAD wherever it accepts GET."""
    for path in publisher.paths:
        # Quart takes the part of an endpoint before a dot for a blueprint.
        name = path.replace(".", "-")
        app.add_url_rule(path, name, _view(publisher, path), methods=["GET"])


def is_published_document(app: Quart, connection: Connection) -> bool:
    """Whether a request is for one of the published documents, which are public."""
    view = app.view_functions.get(connection.endpoint or "")
    return hasattr(view, _PUBLISHED)


def _view(publisher: KeyPublisher, path: str) -> Callable[[], Awaitable[Response]]:
    async def document() -> Response:
        published = publisher.respond(view_of(request), path)
        response = Response(published.body, published.status)
        # Replaces the default headers of Quart.
        response.headers = Headers(dict(published.headers))
        return response

    setattr(document, _PUBLISHED, True)
    hide_view(document)
    return document
