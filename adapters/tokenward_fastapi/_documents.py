"""The documents about the keys, as routes of Starlette: outside of OpenAPI and of dependencies."""

from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request, Response

from tokenward import KeyPublisher
from tokenward_fastapi._dependency import view_of

__all__ = ["add_documents"]


def add_documents(app: FastAPI, publisher: KeyPublisher) -> None:
    """Add a route for each document; Starlette lets HEAD in wherever GET is."""
    for path in publisher.paths:
        app.router.add_route(path, _endpoint(publisher, path), ["GET"], include_in_schema=False)


def _endpoint(publisher: KeyPublisher, path: str) -> Callable[[Request], Awaitable[Response]]:
    async def document(request: Request) -> Response:
        answer = publisher.respond(view_of(request), path)
        return Response(answer.body, answer.status, answer.headers)

    return document
