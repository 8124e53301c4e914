"""What a check and a refresh cost in each store, empty and with a million revoked tokens.

Run it with ``nox -s bench``. SQLite lies in a temporary file; Redis is asked where
``TOKENWARD_TEST_REDIS_URL`` says (by default 127.0.0.1:6379), under a key prefix of its own, and is left
out where nothing answers. Each figure is the median over blocks; the empty and the full store take turns.
"""

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import create_async_engine

from tokenward import KeyRing, MemoryStore, Revocation, RevocationStore, TokenEngine
from tokenward.stores.redis import RedisStore
from tokenward.stores.sql import SqlStore

CONCURRENCY = 100
REDIS_URL = os.environ.get("TOKENWARD_TEST_REDIS_URL", "redis://127.0.0.1:6379/0")


def revocations(entries: int, now: float) -> list[Revocation]:
    """Make live revocations of as many tokens."""
    return [Revocation("token", f"{number:032x}", now + 86_400) for number in range(entries)]


async def fill(store: RevocationStore, entries: int, now: float) -> None:
    """Revoke as many tokens, a thousand at once."""
    records = revocations(entries, now)
    for start in range(0, entries, 1000):
        batch = records[start : start + 1000]
        await asyncio.gather(*(store.revoke(each, now=now) for each in batch))


@asynccontextmanager
async def memory(entries: int, now: float) -> AsyncIterator[RevocationStore]:
    """Give a filled MemoryStore."""
    store = MemoryStore()
    await fill(store, entries, now)
    yield store


@asynccontextmanager
async def sqlite(entries: int, now: float) -> AsyncIterator[RevocationStore]:
    """Give a filled SqlStore in a file."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite+aiosqlite:///{Path(folder) / 'tokens.db'}"
        async with SqlStore(url) as store:
            await store.create_tables()
            # Written in bulk: a transaction for each would take longer than what is measured.
            engine = create_async_engine(url)
            table = next(
                each for each in store.metadata.sorted_tables if "issued_before" in each.columns
            )
            values = [
                {"identity": f"{each.kind}:{each.identity}", "keep_until": each.keep_until}
                for each in revocations(entries, now)
            ]
            async with engine.begin() as connection:
                for start in range(0, entries, 50_000):
                    await connection.execute(insert(table), values[start : start + 50_000])
            await engine.dispose()
            yield store


@asynccontextmanager
async def redis(entries: int, now: float) -> AsyncIterator[RevocationStore]:
    """Give a filled RedisStore, and take its keys away afterwards."""
    prefix = f"bench:{uuid4().hex}:"
    async with RedisStore(REDIS_URL, key_prefix=prefix, timeout_seconds=30) as store:
        await fill(store, entries, now)
        yield store
    client = Redis.from_url(REDIS_URL)
    doomed = [key async for key in client.scan_iter(f"{prefix}*", count=10_000)]
    for start in range(0, len(doomed), 10_000):
        await client.unlink(*doomed[start : start + 10_000])
    await client.aclose()


async def microseconds(call: Callable[[], Awaitable[object]], calls: int) -> float:
    """Time some calls, one after the other."""
    start = time.perf_counter()
    for _ in range(calls):
        await call()
    return (time.perf_counter() - start) / calls * 1e6


async def checks_a_second(check: Callable[[], Awaitable[object]], calls: int) -> float:
    """Time checks of a hundred callers at once."""

    async def caller() -> None:
        for _ in range(calls // CONCURRENCY):
            await check()

    start = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(CONCURRENCY)))
    return calls / (time.perf_counter() - start)


async def compare(
    name: str, empty: RevocationStore, full: RevocationStore, blocks: int, calls: int
) -> str:
    """Measure an empty and a full store in turn; give a line of a Markdown table."""
    now = time.time()

    def check_of(store: RevocationStore) -> Callable[[], Awaitable[object]]:
        return lambda: store.is_revoked(jti="j", sid="s", sub="alice", issued_at=now, now=now)

    async def refresh_cost(store: RevocationStore) -> float:
        engine = TokenEngine(KeyRing.generate("HS256"), store=store)
        pair = await engine.issue_pair("alice")
        start = time.perf_counter()
        for _ in range(calls):
            pair = await engine.refresh(pair.refresh_token)
        return (time.perf_counter() - start) / calls * 1e6

    figures: dict[str, list[float]] = {}
    for _ in range(blocks):
        for kind, store in (("empty", empty), ("full", full)):
            check = check_of(store)
            figures.setdefault(f"check {kind}", []).append(await microseconds(check, calls))
            figures.setdefault(f"refresh {kind}", []).append(await refresh_cost(store))
            figures.setdefault(f"rate {kind}", []).append(await checks_a_second(check, 10 * calls))
    middle = {what: statistics.median(values) for what, values in figures.items()}
    return (
        f"| {name} | {middle['check empty']:.1f} | {middle['check full']:.1f} "
        f"| {middle['check full'] / middle['check empty']:.2f} | {middle['refresh empty']:.0f} "
        f"| {middle['refresh full']:.0f} | {middle['refresh full'] / middle['refresh empty']:.2f} "
        f"| {middle['rate full']:,.0f} |"
    )


async def plain_exists(blocks: int, calls: int) -> str:
    """Measure RedisStore's checks at concurrency 100 against an EXISTS for each."""
    client = Redis.from_url(REDIS_URL)
    async with RedisStore(REDIS_URL, key_prefix=f"bench:{uuid4().hex}:") as store:
        own, plain = [], []
        for _ in range(blocks):
            own.append(
                await checks_a_second(
                    lambda: store.is_revoked(jti="j", sid="s", sub="a", issued_at=1, now=1), calls
                )
            )
            plain.append(await checks_a_second(lambda: client.exists("bench"), calls))
    await client.aclose()
    ratio = statistics.median(a / b for a, b in zip(own, plain, strict=True))
    return (
        f"\nRedisStore: {statistics.median(own):,.0f} checks a second at concurrency {CONCURRENCY}; "
        f"a plain EXISTS for each: {statistics.median(plain):,.0f}; ratio {ratio:.2f}."
    )


async def redis_answers() -> bool:
    """Tell whether there is a Redis."""
    client = Redis.from_url(REDIS_URL)
    try:
        return bool(await client.ping())
    except RedisError:
        return False
    finally:
        await client.aclose()


async def main() -> None:
    """Measure every store and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few entries and blocks")
    quick = parser.parse_args().quick
    entries, blocks = (10_000, 3) if quick else (1_000_000, 15)
    stores = {"memory": (memory, 2000), "SQLite": (sqlite, 100)}
    if await redis_answers():
        stores["Redis"] = (redis, 200)
    print(f"0 and {entries:,} revoked tokens; microseconds a call, one caller\n")
    print("| store | check, 0 | full | ratio | refresh, 0 | full | ratio | checks/s at 100 |")
    print("|---|---|---|---|---|---|---|---|")
    now = time.time()
    for name, (build, calls) in stores.items():
        async with build(0, now) as empty, build(entries, now) as full:
            print(await compare(name, empty, full, blocks, calls), flush=True)
    if "Redis" in stores:
        print(await plain_exists(blocks, 20_000))


if __name__ == "__main__":
    asyncio.run(main())
