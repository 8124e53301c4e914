"""How a WebSocket is closed: Quart does not tell how far one has come."""

from types import new_class
from typing import cast

from quart import Quart, Websocket
from werkzeug.datastructures import Headers

from tokenward.http import Refusal
from tokenward_quart._connection import view_of

__all__ = ["close", "close_refused", "watch_sockets"]


class WatchedWebsocket(Websocket):
    """A WebSocket that remembers whether it was accepted and closed."""

    was_accepted = False
    was_closed = False

    async def accept(
        self,
        headers: dict[str, str] | Headers | None = None,
        subprotocol: str | None = None,
    ) -> None:
        """See Quart."""
        await super().accept(headers, subprotocol)
        self.was_accepted = True

    async def close(self, code: int, reason: str = "") -> None:
        """See Quart."""
        await super().close(code, reason)
        self.was_closed = True


def watch_sockets(app: Quart) -> None:
    """Have the app's WebSockets remember how far they have come, whatever class they are of."""
    if not issubclass(app.websocket_class, WatchedWebsocket):
        bases = (WatchedWebsocket, app.websocket_class)
        app.websocket_class = cast("type[Websocket]", new_class("Websocket", bases))


async def close(socket: Websocket, code: int, reason: str) -> None:
    """Close a WebSocket, unless the handler has done so."""
    if not (isinstance(socket, WatchedWebsocket) and socket.was_closed):
        await socket.close(code, reason)


async def close_refused(socket: Websocket, refusal: Refusal) -> bool:
    """Close a WebSocket that no HTTP response would reach, and tell whether it is closed.

    One that was not accepted is left to the response, where the server can send one.
    """
    is_begun = isinstance(socket, WatchedWebsocket) and (socket.was_accepted or socket.was_closed)
    if not is_begun and view_of(socket).supports_denial_response:
        return False
    await close(socket, refusal.close_code, refusal.code)
    return True
