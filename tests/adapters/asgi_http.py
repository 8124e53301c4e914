"""An HTTP client at the level of ASGI, which shows each message of the app."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

Messages = list[MutableMapping[str, Any]]
Headers = Sequence[tuple[bytes, bytes]]


async def exchange(
    app: Callable[..., Awaitable[None]],
    method: str,
    path: str,
    *,
    query: bytes = b"",
    headers: Headers = (),
    body: bytes = b"",
    scheme: str = "http",
) -> Messages:
    """Send one request and return the messages of the app; disconnect after the response."""
    sent: Messages = []
    to_come = [{"type": "http.request", "body": body, "more_body": False}]
    is_answered = asyncio.Event()

    async def receive() -> MutableMapping[str, Any]:
        if to_come:
            return to_come.pop()
        await is_answered.wait()
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            is_answered.set()

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": scheme,
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "root_path": "",
        "headers": [(b"host", b"shop.example"), *headers],
        "client": ("127.0.0.1", 1234),
        "server": ("shop.example", 443 if scheme == "https" else 80),
    }
    await app(scope, receive, send)
    return sent
