"""A WebSocket client for tests: speaks ASGI to an app, with no network, and is as strict as a server."""

from collections import deque
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["DENIAL_RESPONSE", "Outcome", "open_websocket"]

DENIAL_RESPONSE: Mapping[str, object] = {"websocket.http.response": {}}
"""The extensions of a server that can answer a handshake with an HTTP response."""


@dataclass
class Outcome:
    """How a handshake ended, and what was said after it."""

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
        """Take a message of the app.

        Raises:
            RuntimeError: the protocol does not allow it now.
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
    app: Any,
    path: str,
    *,
    headers: Iterable[tuple[bytes, bytes]] = (),
    subprotocols: Iterable[str] = (),
    extensions: Mapping[str, object] | None = DENIAL_RESPONSE,
    messages: Iterable[str] = (),
) -> Outcome:
    """Open a WebSocket, send some messages, hang up, and tell what the app did.

    Args:
        app: an ASGI app.
        path: of the socket.
        headers: of the handshake, as raw bytes.
        subprotocols: that the client offers.
        extensions: of the server; `DENIAL_RESPONSE`, an empty mapping, or None.
        messages: texts that the client sends once it is accepted.
    """
    outcome = Outcome()
    has_hung_up = False
    to_come: deque[MutableMapping[str, Any]] = deque([{"type": "websocket.connect"}])
    to_come += [{"type": "websocket.receive", "text": text} for text in messages]

    async def receive() -> MutableMapping[str, Any]:
        nonlocal has_hung_up
        if to_come:
            return to_come.popleft()
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

    scope = {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "scheme": "ws",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"shop.example"), *headers],
        "client": ("127.0.0.1", 1234),
        "server": ("shop.example", 80),
        "subprotocols": list(subprotocols),
        "state": {},
        "extensions": extensions,
    }
    await app(scope, receive, send)
    return outcome
