"""The documents about the keys, as views that stay out of quart-schema and that guards leave out."""

from collections.abc import Awaitable, Callable
from typing import Final

from quart import Quart, Response, request
from werkzeug.datastructures import Headers

from tokenward import KeyPublisher
from tokenward_quart._connection import Connection, view_of
from tokenward_quart._schema import hide_view

__all__ = ["add_documents", "is_document"]

_DOCUMENT: Final = "_tokenward_document"


def add_documents(app: Quart, publisher: KeyPublisher) -> None:
    """Add a view for each document; Quart lets HEAD in wherever GET is."""
    for path in publisher.paths:
        # A dot in the name of an endpoint would make the part before it a blueprint.
        name = path.replace(".", "-")
        app.add_url_rule(path, name, _view(publisher, path), methods=["GET"])


def is_document(app: Quart, found: Connection) -> bool:
    """Tell whether a request is for one of the documents, which are for everybody."""
    view = app.view_functions.get(found.endpoint or "")
    return hasattr(view, _DOCUMENT)


def _view(publisher: KeyPublisher, path: str) -> Callable[[], Awaitable[Response]]:
    async def document() -> Response:
        answer = publisher.respond(view_of(request), path)
        response = Response(answer.body, answer.status)
        # In place of those that Quart thinks of itself.
        response.headers = Headers(dict(answer.headers))
        return response

    setattr(document, _DOCUMENT, True)
    hide_view(document)
    return document
