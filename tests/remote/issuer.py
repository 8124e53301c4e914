"""An issuer on this machine with a real uvicorn; tests choose its responses."""

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import uvicorn

from tests.support import FrozenClock, payload_of, signed
from tests.travelling import TravellingLoop
from tokenward import Claims, Key, MemoryStore, TokenEngine, TokenPolicy
from tokenward.keys import KeySource

JWKS = "/keys"
TIMEOUT = timedelta(seconds=5)
"""That of a `RemoteKeySet` by default."""


@dataclass
class Reply:
    """A response: its content and its behaviour."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    chunks: int = 1
    """How often the body is sent."""
    never_ends: bool = False
    """Whether the connection then stays open until the client goes."""
    drips: bool = False
    """Whether it then goes on, a blank at a time, until the client goes."""


def jwks_of(*keys: Key) -> dict[str, Any]:
    """Return the JWK set of these keys."""
    return {"keys": [key.public_jwk() for key in keys]}


def json_reply(document: object, **headers: str) -> Reply:
    """Return a response with JSON; an underscore in a header's name becomes a hyphen."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(json.dumps(document).encode(), headers=named)


class Issuer:
    """The ASGI app of the issuer; it records its requests."""

    def __init__(self) -> None:
        """Answer every request with 404."""
        self.url = ""
        self.replies: dict[str, Reply | Callable[[], Reply]] = {}
        self.asked: list[str] = []
        self.headers: list[dict[bytes, bytes]] = []
        self.was_asked = threading.Event()
        self.gate = threading.Event()
        self.gate.set()

    @property
    def jwks_url(self) -> str:
        """The URL of the keys."""
        return self.url + JWKS

    def publish(self, *keys: Key, **headers: str) -> None:
        """Publish these keys from now on."""
        self.replies[JWKS] = json_reply(jwks_of(*keys), **headers)

    def token(self, key: Key, **changes: object) -> str:
        """Issue an access token."""
        return signed(payload_of(iss=self.url, **changes), key=key)

    async def time_out(self, after: timedelta = TIMEOUT) -> None:
        """Wait for a request, and let time pass before it gets a response."""
        await asyncio.to_thread(self.was_asked.wait)
        self.was_asked.clear()
        loop = asyncio.get_running_loop()
        assert isinstance(loop, TravellingLoop)
        loop.travel(after)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        self.headers.append(dict(scope["headers"]))
        self.asked.append(scope["path"])
        self.was_asked.set()
        await asyncio.to_thread(self.gate.wait)
        found = self.replies.get(scope["path"], Reply(status=404))
        reply = found() if callable(found) else found
        headers = [(name.encode(), value.encode()) for name, value in reply.headers.items()]
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        for _ in range(reply.chunks):
            await send({"type": "http.response.body", "body": reply.body, "more_body": True})
        if reply.never_ends or reply.drips:
            await _until_gone(receive, send, drips=reply.drips)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _until_gone(receive: Any, send: Any, *, drips: bool) -> None:
    gone = asyncio.create_task(_gone(receive))
    while not gone.done():
        await asyncio.wait({gone}, timeout=0.01 if drips else None)
        if drips:
            await send({"type": "http.response.body", "body": b" ", "more_body": True})


async def _gone(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


@contextmanager
def serving(app: Any, **options: Any) -> Iterator[int]:
    """Serve an ASGI app on a free port of this machine, in a thread; yield the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(app, lifespan="off", log_config=None, **options)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = server.force_exit = True
            thread.join()


def engine_for(
    keys: KeySource, issuer: Issuer, clock: FrozenClock, **policy: Any
) -> TokenEngine[Claims]:
    """Build an engine that accepts the tokens of an issuer."""
    return TokenEngine(
        keys, policy=TokenPolicy(issuer=issuer.url, **policy), store=MemoryStore(), clock=clock
    )


async def run_background_tasks() -> None:
    """Wait for the background tasks."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if others:
        await asyncio.wait(others)
