"""One HTTP request, as a server passes it to an application (ASGI 3.0)."""

import asyncio
from collections.abc import Callable, Coroutine, MutableMapping
from typing import Any

Headers = list[tuple[bytes, bytes]]
Application = Callable[[Any, Any, Any], Coroutine[Any, Any, None]]

PATH = "/user"
PLAIN: Headers = [(b"host", b"127.0.0.1:8000"), (b"accept", b"*/*"), (b"user-agent", b"bench")]


def bearer_headers(token: str) -> Headers:
    """Return the headers of a request with a token."""
    return [*PLAIN, (b"authorization", f"Bearer {token}".encode())]


async def exchange(app: Application, headers: Headers) -> tuple[int, bytes]:
    """Call an application and return the status and the body."""
    sent: list[MutableMapping[str, Any]] = []
    asked, answered = False, asyncio.get_running_loop().create_future()

    async def receive() -> dict[str, object]:
        nonlocal asked
        if asked:  # The client disconnects once it has the response.
            await answered
            return {"type": "http.disconnect"}
        asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            answered.set_result(None)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": PATH,
        "raw_path": PATH.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": list(headers),
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 50000),
    }
    await app(scope, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent)
