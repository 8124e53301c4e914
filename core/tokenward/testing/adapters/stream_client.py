"""A stream whose events a test sends, and a client that reads it as it is sent."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias, cast

from tokenward.testing.adapters.service import Headers

__all__ = ["StreamClient", "StreamEvents"]

_App: TypeAlias = Callable[..., Awaitable[None]]


class StreamEvents:
    """The events of the service, which the test sends."""

    def __init__(self) -> None:
        """Start without events."""
        self.queue: asyncio.Queue[str] = asyncio.Queue()
        self.is_closed: asyncio.Event = asyncio.Event()

    async def __call__(self) -> AsyncIterator[str]:
        """Send the events of the test, and record when the stream is closed."""
        try:
            while True:
                yield await self.queue.get()
        finally:
            self.is_closed.set()

    async def closes(self) -> None:
        """Wait until the stream is closed."""
        async with asyncio.timeout(10):
            await self.is_closed.wait()


class StreamClient:
    """A client that reads a response as it is sent, until it disconnects."""

    def __init__(self, app: object, path: str, headers: Headers) -> None:
        """Send the request."""
        self.status: int | None = None
        self.body: bytes = b""
        self.is_complete: bool = False
        self._news = asyncio.Condition()
        self._has_left = asyncio.Event()
        self._request: list[MutableMapping[str, Any]] = [{"type": "http.request", "body": b""}]
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "scheme": "http",
            "method": "GET",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(b"host", b"shop.example"), *headers],
            "client": ("127.0.0.1", 1234),
            "server": ("shop.example", 80),
        }
        running = cast("_App", app)(scope, self._receive, self._send)
        self.exchange: asyncio.Future[None] = asyncio.ensure_future(running)

    async def has(self, text: bytes) -> None:
        """Wait until the body contains a text."""
        async with asyncio.timeout(10), self._news:
            await self._news.wait_for(lambda: text in self.body)

    async def ends(self) -> None:
        """Wait until the response is complete."""
        async with asyncio.timeout(10), self._news:
            await self._news.wait_for(lambda: self.is_complete)
        self._has_left.set()
        await self.exchange

    def leave(self) -> None:
        """Disconnect."""
        self._has_left.set()

    async def _receive(self) -> MutableMapping[str, Any]:
        if self._request:
            return self._request.pop()
        await self._has_left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: MutableMapping[str, Any]) -> None:
        async with self._news:
            self.status = message.get("status", self.status)
            self.body += message.get("body", b"")
            is_body = message["type"] == "http.response.body"
            self.is_complete = is_body and not message.get("more_body", False)
            self._news.notify_all()
