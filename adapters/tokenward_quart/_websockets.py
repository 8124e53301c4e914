"""Tracks whether WebSockets are accepted or closed, which Quart does not record, and closes them."""

from types import new_class
from typing import cast

from quart import Quart, Websocket
from werkzeug.datastructures import Headers

from tokenward.http import Refusal
from tokenward_quart._connection import view_of

__all__ = ["close_refused_websocket", "close_websocket", "track_websockets"]


class TrackedWebsocket(Websocket):
    """A WebSocket that records whether it was accepted and closed."""

    was_accepted = False
    was_closed = False

    async def accept(
        self,
        headers: dict[str, str] | Headers | None = None,
        subprotocol: str | None = None,
    ) -> None:
        """See `quart.Websocket`."""
        await super().accept(headers, subprotocol)
        self.was_accepted = True

    async def close(self, code: int, reason: str = "") -> None:
        """See `quart.Websocket`."""
        await super().close(code, reason)
        self.was_closed = True


def track_websockets(app: Quart) -> None:
    """Make the app use tracked WebSockets, based on its own WebSocket class."""
    if not issubclass(app.websocket_class, TrackedWebsocket):
        bases = (TrackedWebsocket, app.websocket_class)
        app.websocket_class = cast("type[Websocket]", new_class("Websocket", bases))


async def close_websocket(socket: Websocket, code: int, reason: str) -> None:
    """Close a WebSocket, unless the handler has already closed it."""
    if not (isinstance(socket, TrackedWebsocket) and socket.was_closed):
        await socket.close(code, reason)


async def close_refused_websocket(socket: Websocket, refusal: Refusal) -> bool:
    """Close a refused WebSocket, unless an HTTP response can refuse it. Return whether it is closed.

    An HTTP response is possible before the WebSocket is accepted, if the server supports it.
    """
    has_started = isinstance(socket, TrackedWebsocket) and (
        socket.was_accepted or socket.was_closed
    )
    if not has_started and view_of(socket).supports_denial_response:
        return False
    await close_websocket(socket, refusal.close_code, refusal.code)
    return True
