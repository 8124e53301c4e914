"""The work of other processes in the tests of shared stores; some of them are killed during it."""

import asyncio
import os
import signal
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from multiprocessing.connection import Connection
from typing import Any, Literal

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
    """The schema in PostgreSQL, the database in MariaDB, the prefix of the keys in Redis."""
    # Generous: what is tested is what happens in the end, on however busy a machine.
    timeout_seconds: float = 60.0
    grace_seconds: int = 0
    way: Literal["", "mirrored", "valkey"] = ""
    """Through a mirror, or for an engine with a client of valkey-py."""

    def store(self, client: Any = None) -> Any:
        """Open a store at this place, or over a client of its server."""
        if self.way == "mirrored":
            from tokenward.stores.mirror import MirroredStore

            return MirroredStore(replace(self, way="").store())
        if self.url.startswith("redis"):
            from tokenward.stores.redis import RedisStore

            return RedisStore(
                client or self.url,
                key_prefix=self.part or "",
                timeout_seconds=self.timeout_seconds,
                ephemeral=True,
            )
        return SqlStore(self.url, schema=self.part, timeout_seconds=self.timeout_seconds)

    @asynccontextmanager
    async def engine(self) -> AsyncIterator[TokenEngine[Claims]]:
        """Yield an engine with a store at this place."""
        async with AsyncExitStack() as stack:
            client = None
            if self.way == "valkey":
                import valkey.asyncio

                client = await stack.enter_async_context(valkey.asyncio.from_url(self.url))
            yield self.engine_with(await stack.enter_async_context(self.store(client)))

    def engine_with(self, store: RevocationStore) -> TokenEngine[Claims]:
        """Return an engine with a store; all such engines accept each other's tokens."""
        policy = TokenPolicy(reuse_grace=timedelta(seconds=self.grace_seconds))
        return TokenEngine(KeyRing.from_secret(SECRET), policy=policy, store=store)


@asynccontextmanager
async def prepared(url: str) -> AsyncIterator[Place]:
    """Yield a new, empty place in a service or a file, and remove it afterwards."""
    place = await created(url)
    yield place
    await removed(place)


async def created(url: str) -> Place:
    """Return a new, empty place in a service or a file."""
    name = f"tokenward_test_{uuid.uuid4().hex[:12]}"
    if url.startswith("redis"):
        return Place(url, name)
    place = Place(url, None if url.startswith("sqlite") else name)
    if place.part:
        # MariaDB calls a database a schema too.
        await _execute(url, f"CREATE SCHEMA {place.part}")
    async with SqlStore(url, schema=place.part) as store:
        await store.create_tables()
    return place


async def removed(place: Place) -> None:
    """Remove a place from its service. A file is left to the test's folder."""
    if place.url.startswith("redis+"):
        return  # its servers are the tests' own
    if place.url.startswith("redis"):
        from redis.asyncio import Redis

        async with Redis.from_url(place.url) as client:
            if keys := [key async for key in client.scan_iter(f"{place.part}*", count=10_000)]:
                await client.unlink(*keys)
    elif place.part:
        cascade = " CASCADE" if place.url.startswith("postgresql") else ""
        await _execute(place.url, f"DROP SCHEMA {place.part}{cascade}")


async def emptied(place: Place, *more: str) -> None:
    """Remove all records of a place in a database, also of further tables, but no table."""
    tables = ("tokenward_revocations", "tokenward_sessions", "tokenward_consumed", *more)
    prefix = f"{place.part}." if place.part else ""
    await _execute(place.url, *(f"DELETE FROM {prefix}{table}" for table in tables))  # noqa: S608


async def _execute(url: str, *statements: str) -> None:
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        for statement in statements:
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
