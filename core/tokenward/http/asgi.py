"""Sends a refusal as ASGI messages, for every framework and server that speaks ASGI."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from tokenward.errors import ConfigurationError
from tokenward.http.refusal import Refusal
from tokenward.http.request import RequestView

__all__ = ["send_refusal"]

Message: TypeAlias = MutableMapping[str, Any]
"""An ASGI message; the ASGI specification defines the type of each value."""


async def send_refusal(
    refusal: Refusal,
    scope: MutableMapping[str, Any],
    send: Callable[[Message], Awaitable[None]],
    *,
    is_accepted: bool = False,
) -> None:
    """Send a refusal to the client of an ASGI connection.

    A request gets a response. A WebSocket handshake gets the same response if the server supports
    the extension ``websocket.http.response``; otherwise the WebSocket is closed with the refusal's
    close code and with its `code` as the reason.

    Args:
        refusal: the result of `Authenticator.refusal`.
        scope: the ASGI scope of the connection.
        send: the ``send`` function of the connection. Nothing else may have been sent, except for
            the acceptance of a WebSocket.
        is_accepted: whether a WebSocket has already been accepted, so that it can only be closed.

    Raises:
        ConfigurationError: the scope is neither a request nor a WebSocket.
    """
    if scope["type"] not in ("http", "websocket"):
        msg = "send_refusal needs the scope of a request or of a WebSocket: let others pass."
        raise ConfigurationError(msg)

    view = RequestView(scope)
    if view.is_websocket and (is_accepted or not view.supports_denial_response):
        code, reason = refusal.close_code, refusal.code
        await send({"type": "websocket.close", "code": code, "reason": reason})
        return

    content = refusal.content
    headers = {
        "Content-Type": "application/json",
        "Content-Length": str(len(content)),
        **refusal.headers,
    }
    kind = "websocket.http.response" if view.is_websocket else "http.response"
    await send(
        {
            "type": f"{kind}.start",
            "status": refusal.status,
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        }
    )
    await send({"type": f"{kind}.body", "body": content, "more_body": False})
