"""The request or the WebSocket that is being handled, and how the core sees it."""

from collections.abc import MutableMapping
from typing import Any, TypeAlias, TypeVar, cast

from quart import (
    Request,
    Websocket,
    has_request_context,
    has_websocket_context,
    request,
    websocket,
)
from werkzeug.local import LocalProxy

from tokenward.http import RequestView

__all__ = ["Connection", "connection", "current", "scope_of", "view_of"]

FoundT = TypeVar("FoundT")

Connection: TypeAlias = Request | Websocket


def connection() -> Connection:
    """Give what is being handled: the object itself, for each look through a proxy takes its time.

    Raises:
        RuntimeError: nothing is, or a WebSocket's handler is calling an app in its own context.
    """
    is_websocket, is_request = has_websocket_context(), has_request_context()
    if is_websocket and is_request:
        # Quart does not tell which is the inner one, and the outer one's token is not the answer.
        msg = "A request and a WebSocket are handled in one context: run the inner in another."
        raise RuntimeError(msg)
    if not (is_websocket or is_request):
        msg = "There are no claims here: no request and no WebSocket is being handled."
        raise RuntimeError(msg)
    return current(websocket if is_websocket else request)


def current(proxy: FoundT) -> FoundT:
    """Give what one of Quart's proxies stands for now."""
    return cast("LocalProxy[FoundT]", proxy)._get_current_object()  # noqa: SLF001 - it is documented


def scope_of(found: Connection) -> MutableMapping[str, Any]:
    """Give the ASGI scope."""
    return cast("MutableMapping[str, Any]", found.scope)


def view_of(found: Connection) -> RequestView:
    """Show a request or a handshake to the core; Quart keeps a body that was read."""
    if isinstance(found, Websocket):
        return RequestView(scope_of(found))

    async def body() -> bytes:
        return cast("bytes", await found.get_data(as_text=False))

    return RequestView(scope_of(found), body)
