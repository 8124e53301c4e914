"""The work of other processes in the tests of shared stores; some of them are killed during it."""

import asyncio
import os
import signal
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.connection import Connection

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from tests.support import SECRET
from tokenward import (
    Claims,
    KeyRing,
    Revocation,
    RevocationStore,
    TokenEngine,
    TokenError,
    TokenPolicy,
)
from tokenward.stores.sql import SqlStore


@dataclass(frozen=True)
class Place:
    """The location of a store's records; can be sent to another process."""

    url: str
    part: str | None = None
    """The schema in PostgreSQL, the prefix of the keys in Redis."""
    # Generous: what is tested is what happens in the end, on however busy a machine.
    timeout_seconds: float = 20.0
    grace_seconds: int = 0

    def store(self) -> RevocationStore:
        """Open a store at this place."""
        if self.url.startswith("redis"):
            from tokenward.stores.redis import RedisStore

            return RedisStore(
                self.url,
                key_prefix=self.part or "",
                timeout_seconds=self.timeout_seconds,
                ephemeral=True,
            )
        return SqlStore(self.url, schema=self.part, timeout_seconds=self.timeout_seconds)

    @asynccontextmanager
    async def engine(self) -> AsyncIterator[TokenEngine[Claims]]:
        """Yield an engine with a store at this place."""
        async with self.store() as store:
            yield self.engine_with(store)

    def engine_with(self, store: RevocationStore) -> TokenEngine[Claims]:
        """Return an engine with a store; all such engines accept each other's tokens."""
        policy = TokenPolicy(reuse_grace=timedelta(seconds=self.grace_seconds))
        return TokenEngine(KeyRing.from_secret(SECRET), policy=policy, store=store)


@asynccontextmanager
async def prepared(url: str) -> AsyncIterator[Place]:
    """Yield a new, empty place in a service or a file, and remove it afterwards."""
    name = f"tokenward_test_{uuid.uuid4().hex[:12]}"
    if url.startswith("redis"):
        from redis.asyncio import Redis

        yield Place(url, name)
        async with Redis.from_url(url) as client:
            async for key in client.scan_iter(f"{name}*"):
                await client.delete(key)
        return
    schema = name if url.startswith("postgresql") else None
    place = Place(url, schema)
    if schema:
        await _execute(url, f"CREATE SCHEMA {schema}")
    async with SqlStore(url, schema=schema) as store:
        await store.create_tables()
    yield place
    if schema:
        await _execute(url, f"DROP SCHEMA {schema} CASCADE")


async def _execute(url: str, statement: str) -> None:
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.execute(text(statement))
    await engine.dispose()


async def outcome_of(engine: TokenEngine[Claims], token: str) -> str:
    """Refresh a token; return the new refresh token, or the code of the error."""
    try:
        return (await engine.refresh(token)).refresh_token
    except TokenError as exc:
        return exc.code


def refresh_at_once(place: Place, callers: int, parent: Connection) -> None:
    """Refresh each received token with many callers at once, and send the outcome of each."""

    async def run() -> None:
        async with place.engine() as engine:
            parent.send("ready")
            while token := parent.recv():
                calls = (outcome_of(engine, token) for _ in range(callers))
                parent.send(await asyncio.gather(*calls))

    asyncio.run(run())


def rotate_until_killed(place: Place, token: str, parent: Connection) -> None:
    """Refresh one token after the other, and send each new one immediately."""

    async def run() -> None:
        following = token
        async with place.engine() as engine:
            # Connects, and builds every statement: the first rotation of a process is slow.
            await engine.refresh((await engine.issue_pair("bob")).refresh_token)
            parent.send("ready")
            while True:
                following = (await engine.refresh(following)).refresh_token
                parent.send(following)

    asyncio.run(run())


def revoke_and_die(place: Place, token: str) -> None:
    """Die between the commit of a revocation and its return."""

    class Dying:
        """Forwards every call, and ends the process with the first revocation."""

        def __init__(self, store: RevocationStore) -> None:
            self._store = store

        def __getattr__(self, name: str) -> object:
            return getattr(self._store, name)

        async def revoke(self, revocation: Revocation, *, now: float) -> None:
            await self._store.revoke(revocation, now=now)
            os.kill(os.getpid(), signal.SIGKILL)

    async def run() -> None:
        async with place.store() as store:
            await place.engine_with(Dying(store)).revoke(token)  # type: ignore[arg-type]

    asyncio.run(run())
