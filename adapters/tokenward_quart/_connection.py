"""The current request or WebSocket, and the core's view of it."""

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

from tokenward.http import RequestView

__all__ = ["Connection", "current_connection", "scope_of", "unwrap_proxy", "view_of"]

ObjectT = TypeVar("ObjectT")

Connection: TypeAlias = Request | Websocket


def current_connection() -> Connection:
    """Return the current request or WebSocket: the object itself, because Quart's proxies are slow.

    Raises:
        RuntimeError: there is no request and no WebSocket; or there are both, because the handler
            of a WebSocket calls an app in its own context.
    """
    is_websocket, is_request = has_websocket_context(), has_request_context()
    if is_websocket and is_request:
        # Quart does not show which is the inner one, and the token of the outer one would be wrong.
        msg = "A request and a WebSocket share one context: handle the inner one in a new context."
        raise RuntimeError(msg)
    if not (is_websocket or is_request):
        msg = "There are no claims: no request or WebSocket is being handled."
        raise RuntimeError(msg)

    return unwrap_proxy(websocket if is_websocket else request)


def unwrap_proxy(proxy: ObjectT) -> ObjectT:
    """Return the object behind one of Quart's proxies."""
    current: ObjectT = proxy._get_current_object()  # type: ignore[attr-defined] # noqa: SLF001 - documented
    return current


def scope_of(connection: Connection) -> MutableMapping[str, Any]:
    """Return the ASGI scope."""
    scope: MutableMapping[str, Any] = connection.scope  # type: ignore[assignment] # a dictionary
    return scope


def view_of(connection: Connection) -> RequestView:
    """Return the core's view of a request or handshake. Quart caches the body it reads."""
    if isinstance(connection, Websocket):
        return RequestView(scope_of(connection))

    async def body() -> bytes:
        return cast("bytes", await connection.get_data(as_text=False))

    return RequestView(scope_of(connection), body)
