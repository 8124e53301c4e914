"""A WebSocket client that calls an app with ASGI, without a network, and as strictly as a server."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, cast

__all__ = ["DENIAL_RESPONSE", "LiveSocket", "Outcome", "live_websocket", "open_websocket"]

_App: TypeAlias = Callable[..., Awaitable[None]]
DENIAL_RESPONSE: Final[Mapping[str, object]] = {"websocket.http.response": {}}
"""The extensions of a server that can answer a handshake with an HTTP response."""
_PATIENCE_TURNS = 1_000
"""Of the event loop, before a client whose app wants to hear more hangs up."""


@dataclass
class Outcome:
    """The result of a handshake, and the messages after it."""

    accepted: bool = False
    subprotocol: str | None = None
    messages: list[str | bytes] = field(default_factory=list)
    close_code: int | None = None
    close_reason: str | None = None
    status: int | None = None
    """The status of the denial response; None: there was none."""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""

    @property
    def is_over(self) -> bool:
        """Whether the app has closed the socket or answered it in full."""
        return self.close_code is not None or (self.status is not None and self._body_is_whole)

    _body_is_whole: bool = False

    def take(self, message: Mapping[str, Any]) -> None:
        """Accept a message of the app.

        Raises:
            RuntimeError: the protocol does not allow the message in this state.
        """
        kind = message["type"]
        if self.is_over or kind not in self._allowed():
            msg = f"A server does not expect {kind} now."
            raise RuntimeError(msg)
        match kind:
            case "websocket.accept":
                self.accepted = True
                self.subprotocol = message.get("subprotocol")
            case "websocket.send":
                text = message.get("text")
                self.messages.append(message["bytes"] if text is None else text)
            case "websocket.close":
                self.close_code = message.get("code", 1000)
                self.close_reason = message.get("reason", "")
            case "websocket.http.response.start":
                self.status = message["status"]
                self.headers = list(message["headers"])
            case _:
                self.body += message.get("body", b"")
                self._body_is_whole = not message.get("more_body", False)

    def _allowed(self) -> set[str]:
        if self.accepted:
            return {"websocket.send", "websocket.close"}
        if self.status is not None:
            return {"websocket.http.response.body"}
        return {"websocket.accept", "websocket.close", "websocket.http.response.start"}


async def open_websocket(
    app: object,
    path: str,
    *,
    query: bytes = b"",
    headers: Iterable[tuple[bytes, bytes]] = (),
    subprotocols: Iterable[str] = (),
    extensions: Mapping[str, object] | None = DENIAL_RESPONSE,
    messages: Iterable[str] = (),
) -> Outcome:
    """Open a WebSocket, send some messages, disconnect, and return what the app did.

    Args:
        app: an ASGI app.
        path: the path of the socket.
        query: the query string.
        headers: the headers of the handshake, as raw bytes.
        subprotocols: the subprotocols that the client offers.
        extensions: the server's ASGI extensions: `DENIAL_RESPONSE`, an empty mapping, or None.
        messages: the texts that the client sends after the handshake is accepted.
    """
    outcome = Outcome()
    has_hung_up = False
    to_come: deque[MutableMapping[str, Any]] = deque([{"type": "websocket.connect"}])
    to_come += [{"type": "websocket.receive", "text": text} for text in messages]

    async def receive() -> MutableMapping[str, Any]:
        nonlocal has_hung_up
        if to_come:
            return to_come.popleft()
        # Quart reads ahead of its handler, which may still send something.
        for _ in range(_PATIENCE_TURNS):
            await asyncio.sleep(0)
        has_hung_up = True
        return {"type": "websocket.disconnect", "code": 1000}

    async def send(message: MutableMapping[str, Any]) -> None:
        if str(message["type"]).startswith("websocket.http.") and not extensions:
            msg = "The server has no denial response."
            raise RuntimeError(msg)
        if has_hung_up:
            msg = "The client has hung up."
            raise ConnectionResetError(msg)
        outcome.take(message)

    scope = _scope_of(path, query, headers, subprotocols, extensions)
    await cast("_App", app)(scope, receive, send)
    return outcome


class LiveSocket:
    """A WebSocket that stays open during a test."""

    def __init__(self) -> None:
        """Start the app with the handshake."""
        self.outcome: Outcome = Outcome()
        self._to_come: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()
        self._to_come.put_nowait({"type": "websocket.connect"})
        self._news = asyncio.Condition()

    async def ask(self, text: str) -> str | bytes:
        """Send a text and return the next message from the app."""
        seen = len(self.outcome.messages)
        self._to_come.put_nowait({"type": "websocket.receive", "text": text})
        await self._wait_for(lambda: len(self.outcome.messages) > seen)
        return self.outcome.messages[seen]

    async def is_accepted(self) -> None:
        """Wait until the app has accepted the socket."""
        await self._wait_for(lambda: self.outcome.accepted)

    async def is_over(self) -> None:
        """Wait until the app has closed the socket."""
        await self._wait_for(lambda: self.outcome.is_over)

    def hang_up(self) -> None:
        """Disconnect."""
        self._to_come.put_nowait({"type": "websocket.disconnect", "code": 1000})

    async def receive(self) -> MutableMapping[str, Any]:
        """Return the next message of the client; see ASGI."""
        return await self._to_come.get()

    async def send(self, message: MutableMapping[str, Any]) -> None:
        """Accept a message of the app; see ASGI."""
        async with self._news:
            self.outcome.take(message)
            self._news.notify_all()

    async def _wait_for(self, predicate: Callable[[], bool]) -> None:
        async with asyncio.timeout(10), self._news:
            await self._news.wait_for(predicate)


@asynccontextmanager
async def live_websocket(
    app: object, path: str, *, headers: Iterable[tuple[bytes, bytes]] = ()
) -> AsyncIterator[LiveSocket]:
    """Open a WebSocket for the duration of the block, then disconnect and wait for the app."""
    socket = LiveSocket()
    scope = _scope_of(path, b"", headers, (), DENIAL_RESPONSE)
    running = asyncio.ensure_future(cast("_App", app)(scope, socket.receive, socket.send))
    try:
        yield socket
    finally:
        socket.hang_up()
        async with asyncio.timeout(10):
            await running


def _scope_of(
    path: str,
    query: bytes,
    headers: Iterable[tuple[bytes, bytes]],
    subprotocols: Iterable[str],
    extensions: Mapping[str, object] | None,
) -> MutableMapping[str, Any]:
    return {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "scheme": "ws",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "root_path": "",
        "headers": [(b"host", b"shop.example"), *headers],
        "client": ("127.0.0.1", 1234),
        "server": ("shop.example", 80),
        "subprotocols": list(subprotocols),
        "state": {},
        "extensions": extensions,
    }
