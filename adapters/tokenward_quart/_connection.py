"""The request or the WebSocket that is being handled, and how the core sees it."""

from collections.abc import MutableMapping
from typing import Any, TypeAlias, cast

from quart import (
    Request,
    Websocket,
    has_request_context,
    has_websocket_context,
    request,
    websocket,
)

from tokenward import RequestView

__all__ = ["Connection", "connection", "scope_of", "view_of"]

Connection: TypeAlias = Request | Websocket


def connection() -> Connection:
    """Give the proxy of what is being handled.

    Raises:
        RuntimeError: nothing is, or a WebSocket's handler is calling an app in its own context.
    """
    is_websocket = has_websocket_context()
    if is_websocket and has_request_context():
        # Quart does not tell which is the inner one, and the outer one's token is not the answer.
        msg = "A request and a WebSocket are handled in one context: run the inner in another."
        raise RuntimeError(msg)
    return websocket if is_websocket else request


def scope_of(found: Connection) -> MutableMapping[str, Any]:
    """Give the ASGI scope."""
    return cast("MutableMapping[str, Any]", found.scope)


def view_of(found: Connection) -> RequestView:
    """Show a request or a handshake to the core; Quart keeps a body that was read."""
    if isinstance(found, Websocket):
        return RequestView(scope_of(found))
    request = found

    async def body() -> bytes:
        return cast("bytes", await request.get_data(as_text=False))

    return RequestView(scope_of(request), body)
