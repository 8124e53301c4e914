"""What the tests of each adapter's `lifespan` share: an engine that writes down what happens to it."""

import asyncio
from typing import Any

from tests.support import SECRET
from tokenward import Claims, ConfigurationError, KeyRing, MemoryStore, TokenEngine


class Watched(MemoryStore):
    """A store that writes down what happens to it; it may be out of order."""

    needs_purge = True

    def __init__(self, events: list[str], fault: Exception | None = None) -> None:
        super().__init__()
        self._events, self.fault = events, fault

    async def create_tables(self) -> None:
        self._events.append("tables")

    async def ping(self) -> None:
        self._events.append("open")
        if self.fault is not None:
            raise self.fault

    async def aclose(self) -> None:
        self._events.append("closed")


def watched_engine(
    events: list[str], fault: ConfigurationError | None = None
) -> TokenEngine[Claims]:
    """Return an engine with such a store."""
    return TokenEngine(KeyRing.from_secret(SECRET), store=Watched(events, fault))


async def send_lifespan(app: Any, *kinds: str, state: dict[str, object] | None = None) -> list[str]:
    """Send the events of a server, and return the replies of the app.

    The app is cancelled if it waits for a further event.
    """
    waiting, replies = iter(kinds), []
    is_idle = asyncio.Event()

    async def receive() -> dict[str, str]:
        for kind in waiting:
            return {"type": f"lifespan.{kind}"}
        is_idle.set()
        return await asyncio.Future()

    async def send(message: dict[str, str]) -> None:
        replies.append(message["type"].removeprefix("lifespan."))

    scope = {
        "type": "lifespan",
        "asgi": {"version": "3.0"},
        "state": {} if state is None else state,
    }
    serving = asyncio.ensure_future(app(scope, receive, send))
    idle = asyncio.ensure_future(is_idle.wait())
    await asyncio.wait({serving, idle}, return_when=asyncio.FIRST_COMPLETED)
    for each in (serving, idle):
        each.cancel()
    await asyncio.wait({serving, idle})
    return replies
