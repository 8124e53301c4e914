"""What refreshes leave behind in each store: records and bytes.

``python -m benchmarks.refresh_records [SESSIONS [REFRESHES]]`` consumes a refresh token of each session
every 15 minutes of a time that it sets, and prints the records of these refreshes and what they take: in Redis
``MEMORY USAGE`` of every key, in PostgreSQL ``pg_total_relation_size`` after a ``VACUUM``, in SQLite the
file, in memory what Python has allocated. Services are those of the tests.
"""

import asyncio
import gc
import os
import sys
import tempfile
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, NamedTuple
from uuid import uuid4

from redis.asyncio import Redis
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from tokenward import MemoryStore, RevocationStore
from tokenward.stores import Consumption
from tokenward.stores.redis import RedisStore
from tokenward.stores.sql import SqlStore

REFRESH_SECONDS: Final = 900
GRACE_SECONDS: Final = 10
KEPT_SECONDS: Final = 30 * 86_400
SEALED_BYTES: Final = 1_000
PATIENT: Final = 60.0
REDIS_URL = os.environ.get("TOKENWARD_TEST_REDIS_URL", "redis://127.0.0.1:6379/0")
POSTGRES_URL = os.environ.get(
    "TOKENWARD_TEST_POSTGRES_URL", "postgresql+asyncpg://root@127.0.0.1:5432/test"
)


class Left(NamedTuple):
    """What refreshes have left in a store."""

    records: int
    size: int


Look = Callable[[], Awaitable[Left]]


@asynccontextmanager
async def in_memory() -> AsyncIterator[tuple[RevocationStore, Look]]:
    """Yield a MemoryStore."""
    gc.collect()
    tracemalloc.start()
    store, (before, _) = MemoryStore(), tracemalloc.get_traced_memory()

    async def look() -> Left:
        gc.collect()
        return Left(len(store), tracemalloc.get_traced_memory()[0] - before)

    yield store, look
    tracemalloc.stop()


@asynccontextmanager
async def in_redis() -> AsyncIterator[tuple[RevocationStore, Look]]:
    """Yield a RedisStore, and remove its keys afterwards."""
    prefix = f"bench-{uuid4().hex}:"

    async def look() -> Left:
        # The server removes sealed pairs by its own clock.
        await asyncio.sleep(GRACE_SECONDS + 1)
        keys = [key async for key in client.scan_iter(f"{prefix}*", count=10_000)]
        uses = [key for key in keys if not key.endswith(b"retention")]
        sizes = [await client.memory_usage(key, samples=0) for key in uses]
        return Left(len(uses), sum(size or 0 for size in sizes))

    async with (
        Redis.from_url(REDIS_URL) as client,
        RedisStore(REDIS_URL, key_prefix=prefix, timeout_seconds=PATIENT, ephemeral=True) as store,
    ):
        yield store, look
        async for key in client.scan_iter(f"{prefix}*", count=10_000):
            await client.unlink(key)


@asynccontextmanager
async def in_sqlite() -> AsyncIterator[tuple[RevocationStore, Look]]:
    """Yield an SqlStore in a file."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "tokens.db"
        engine = create_async_engine(f"sqlite+aiosqlite:///{file}")
        async with SqlStore(str(engine.url), timeout_seconds=PATIENT) as store:
            await store.create_tables()

            async def look() -> Left:
                async with engine.connect() as connection:
                    await connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
                return Left(await rows_of(engine, store), file.stat().st_size)

            yield store, look
        await engine.dispose()


@asynccontextmanager
async def in_postgres() -> AsyncIterator[tuple[RevocationStore, Look]]:
    """Yield an SqlStore in PostgreSQL, and drop its tables afterwards."""
    engine = create_async_engine(POSTGRES_URL)
    prefix = f"bench_{uuid4().hex[:12]}_"
    async with SqlStore(POSTGRES_URL, table_prefix=prefix, timeout_seconds=PATIENT) as store:
        await store.create_tables()

        async def look() -> Left:
            size = 0
            autocommit = engine.execution_options(isolation_level="AUTOCOMMIT")
            async with autocommit.connect() as connection:
                for table in store.metadata.sorted_tables:
                    await connection.execute(text(f"VACUUM {table.name}"))
                    total = func.pg_total_relation_size(table.name)
                    size += await connection.scalar(select(total)) or 0
            return Left(await rows_of(engine, store), size)

        yield store, look
        async with engine.begin() as connection:
            await connection.run_sync(store.metadata.drop_all)
    await engine.dispose()


async def rows_of(engine: AsyncEngine, store: SqlStore) -> int:
    """Return the number of rows of an SqlStore, without those of revocations."""
    async with engine.connect() as connection:
        tables = [each for each in store.metadata.sorted_tables if "issued_before" not in each.c]
        counts = [
            await connection.scalar(select(func.count()).select_from(each)) for each in tables
        ]
    return sum(count or 0 for count in counts)


STORES = {
    "MemoryStore": in_memory,
    "SqlStore, SQLite": in_sqlite,
    "SqlStore, PostgreSQL": in_postgres,
    "RedisStore": in_redis,
}


async def left_in(name: str, sessions: int, refreshes: int) -> Left:
    """Return what all refreshes have left in a store."""
    now = time.time()
    ids = [f"{number:032x}" for number in range(sessions)]
    tokens = list(ids)
    async with STORES[name]() as (store, look):
        before = await look()
        for _ in range(refreshes):
            now += REFRESH_SECONDS
            successors = [uuid4().hex for _ in ids]
            uses = [
                Consumption(
                    *names, os.urandom(SEALED_BYTES), now + GRACE_SECONDS, now + KEPT_SECONDS
                )
                for names in zip(ids, tokens, successors, strict=True)
            ]
            answers = await asyncio.gather(*(store.consume(use, now=now) for use in uses))
            if not all(answer.is_first for answer in answers):
                raise AssertionError
            tokens = successors
            if name == "SqlStore, PostgreSQL":
                await look()  # as its autovacuum does between two refreshes of a session
        await store.purge(now=now + REFRESH_SECONDS)
        del uses, successors
        after = await look()
    return Left(after.records - before.records, after.size - before.size)


async def main(sessions: int = 100, refreshes: int = 200) -> None:
    """Print a row for each store."""
    print(f"{sessions} sessions, {refreshes} refreshes each")
    for name in STORES:
        try:
            left = await left_in(name, sessions, refreshes)
        except OSError as exc:
            print(f"{name}: not measured ({type(exc).__name__})")
            continue
        print(f"{name}: {left.records:,} records, {left.size:,} bytes")


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:])))
