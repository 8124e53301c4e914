"""What one process can do with each store, and how much memory or disk a record takes.

``python -m benchmarks.capacity [--store URL ...] [--seconds N] [--write]`` from the root of the checkout. It measures MemoryStore,
SqlStore with a temporary SQLite file, and each store that is named by a URL. It creates its own schema or key prefix in them,
and removes it at the end. ``--write`` puts the table into docs/deployment.md.
"""

import argparse
import asyncio
import gc
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from uuid import uuid4

from sqlalchemy import text

from benchmarks.document import with_blocks
from benchmarks.tables import Table, conditions, number, today
from tokenward import KeyRing, MemoryStore, TokenEngine, TokenPair, TokenPolicy
from tokenward.stores import RevocationStore
from tokenward.stores.redis import RedisStore
from tokenward.stores.sql import SqlStore

DOCUMENT = Path("docs/deployment.md")
CALLERS = 64
SESSIONS = 5_000
AT_ONCE = 500
COLUMNS = (
    "store", "checks/s of a core", "refreshes/s of a core", "bytes a revoked session",
    "bytes a refreshed session",
)  # fmt: skip

Size = Callable[[], Awaitable[int]]


class Opened(NamedTuple):
    """A store to measure."""

    name: str
    store: RevocationStore
    size: Size
    """Returns the bytes that its records take."""


@asynccontextmanager
async def in_memory() -> AsyncIterator[Opened]:
    """Open a MemoryStore."""

    async def size() -> int:
        # Started here, because it makes everything slower.
        tracemalloc.start()
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    yield Opened("`MemoryStore`", MemoryStore(single_process=True), size)


@asynccontextmanager
async def in_sqlite() -> AsyncIterator[Opened]:
    """Open a SqlStore with a temporary file."""
    with TemporaryDirectory() as directory:
        file = Path(directory) / "tokens.db"
        async with SqlStore(f"sqlite+aiosqlite:///{file}", timeout_seconds=30) as store:
            await store.create_tables()

            async def size() -> int:
                async with store._database.engine.connect() as connection:  # noqa: SLF001 - its file
                    await connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
                return file.stat().st_size

            yield Opened("`SqlStore`, SQLite", store, size)


@asynccontextmanager
async def in_sql(url: str) -> AsyncIterator[Opened]:
    """Open a SqlStore in a new schema of a PostgreSQL, MariaDB or MySQL server."""
    schema = f"tokenward_capacity_{uuid4().hex[:8]}"
    async with SqlStore(url, schema=schema, timeout_seconds=30) as store:
        engine = store._database.engine  # noqa: SLF001 - to make the schema and to ask for sizes
        tables = [f"{schema}.{each.name}" for each in store.metadata.sorted_tables]
        if engine.dialect.name == "postgresql":
            refresh = "SELECT 1"
            sizes = "SELECT " + " + ".join(f"pg_total_relation_size('{each}')" for each in tables)
            drop = f"DROP SCHEMA {schema} CASCADE"
        else:
            refresh = f"ANALYZE TABLE {', '.join(tables)}"
            sizes = (
                "SELECT sum(data_length + index_length) FROM information_schema.tables "  # noqa: S608
                f"WHERE table_schema = '{schema}'"
            )
            drop = f"DROP SCHEMA {schema}"

        async def size() -> int:
            async with engine.begin() as connection:
                await connection.execute(text(refresh))
                return int((await connection.execute(text(sizes))).scalar_one())

        async with engine.begin() as connection:
            await connection.execute(text(f"CREATE SCHEMA {schema}"))
        try:
            await store.create_tables()
            yield Opened(f"`SqlStore`, {url.partition('://')[0]}", store, size)
        finally:
            async with engine.begin() as connection:
                await connection.execute(text(drop))


@asynccontextmanager
async def in_redis(url: str) -> AsyncIterator[Opened]:
    """Open a RedisStore with a new prefix. The sizes of keys are those that the server reports."""
    from redis.asyncio import Redis

    prefix = f"tokenward-capacity-{uuid4().hex[:8]}:"
    async with (
        Redis.from_url(url) as client,
        RedisStore(url, key_prefix=prefix, timeout_seconds=30, ephemeral=True) as store,
    ):

        async def size() -> int:
            keys = [each async for each in client.scan_iter(f"{prefix}*", count=1000)]
            async with client.pipeline(transaction=False) as pipe:
                for key in keys:
                    pipe.memory_usage(key)
                return sum(await pipe.execute())

        try:
            yield Opened("`RedisStore`", store, size)
        finally:
            async for key in client.scan_iter(f"{prefix}*", count=1000):
                await client.delete(key)


class Rate(NamedTuple):
    """How fast the calls of all callers were."""

    of_a_core: float
    """The calls a second of processor time of this process, without that of the store's server."""
    a_second: float
    p99_ms: float

    def __str__(self) -> str:
        """Show what depends on how busy the machine is, too."""
        rates = f"{number(self.of_a_core)}/s of a core, {number(self.a_second)}/s on this machine"
        return f"{rates}, p99 {number(self.p99_ms)} ms"


async def rate(seconds: float, calls: list[Callable[[], Awaitable[object]]]) -> Rate:
    """Return how fast all callers together repeat their calls."""
    took: list[float] = []
    ends = time.perf_counter() + seconds

    async def repeat(call: Callable[[], Awaitable[object]]) -> None:
        while (began := time.perf_counter()) < ends:
            await call()
            took.append(time.perf_counter() - began)
            # A store in memory never waits, and would not let the other callers run.
            await asyncio.sleep(0)

    began, used = time.perf_counter(), time.process_time()
    await asyncio.gather(*map(repeat, calls))
    lasted, used = time.perf_counter() - began, time.process_time() - used
    return Rate(len(took) / used, len(took) / lasted, quantiles(took, n=100)[-1] * 1000)


async def bytes_each(size: Size, write: Callable[[int], Awaitable[object]]) -> float:
    """Return the bytes that each of many sessions takes."""
    before = await size()
    for start in range(0, SESSIONS, AT_ONCE):
        await asyncio.gather(*map(write, range(start, start + AT_ONCE)))
    return (await size() - before) / SESSIONS


def engine_on(store: RevocationStore) -> TokenEngine[Any]:
    """Return an engine whose refreshes leave no pair for a grace."""
    policy = TokenPolicy(reuse_grace=timedelta(0))
    return TokenEngine(KeyRing.generate("HS256"), store=store, policy=policy)


async def measure(opened: Opened, seconds: float) -> tuple[str, ...]:
    """Return the row of a store."""
    engine = engine_on(opened.store)
    tokens = [await engine.issue(f"user-{number}") for number in range(CALLERS)]
    pairs = [await engine.issue_pair(f"user-{number}") for number in range(CALLERS)]

    def refresh_of(number: int) -> Callable[[], Awaitable[object]]:
        async def refresh() -> None:
            pairs[number] = await engine.refresh(pairs[number].refresh_token)

        return refresh

    checks = await rate(seconds, [lambda token=token: engine.decode(token) for token in tokens])
    refreshes = await rate(seconds, [refresh_of(number) for number in range(CALLERS)])

    revoked = await bytes_each(opened.size, lambda number: engine.revoke_session(f"{number:032x}"))

    async def begin_and_refresh(_number: int) -> None:
        pair: TokenPair = await engine.issue_pair("alice")
        await engine.refresh(pair.refresh_token)

    refreshed = await bytes_each(opened.size, begin_and_refresh)
    tracemalloc.stop()
    print(f"{opened.name}: checks {checks}; refreshes {refreshes}", flush=True)
    figures = (checks.of_a_core, refreshes.of_a_core, revoked, refreshed)
    return (opened.name, *map(number, figures))


async def run(urls: list[str], seconds: float) -> Table:
    """Measure all stores, one after the other."""
    stores = [in_memory(), in_sqlite()]
    stores += [in_redis(url) if url.startswith("redis") else in_sql(url) for url in urls]
    rows = []
    for store in stores:
        async with store as opened:
            rows.append(await measure(opened, seconds))
    libraries = {name: version(name) for name in ("sqlalchemy", "redis")}
    note = (
        f"One process with {CALLERS} concurrent callers, HS256, each access token seen before, no reuse grace; services on the "
        "same machine. The rates are calls per second of the processor time that this process uses, all layers included: what a "
        f"core of your service can do while the store keeps up. {SESSIONS:,} sessions were revoked, and as many refreshed once, "
        f"for the bytes of a record with its indexes. {conditions(libraries, [today()])}"
    )
    return Table(COLUMNS, rows, [note])


def main() -> None:
    """Measure, print the table, and write it if that is wanted."""
    parser = argparse.ArgumentParser(prog="benchmarks.capacity", description=__doc__)
    parser.add_argument("--store", action="append", default=[], metavar="URL")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    parser.add_argument("--write", action="store_true", help=f"write the table into {DOCUMENT}")
    options = parser.parse_args()
    table = asyncio.run(run(options.store, options.seconds)).markdown()
    print(table)
    if options.write:
        document = DOCUMENT.read_text(encoding="utf-8")
        DOCUMENT.write_text(with_blocks(document, {"capacity": table}), encoding="utf-8")


if __name__ == "__main__":
    main()
