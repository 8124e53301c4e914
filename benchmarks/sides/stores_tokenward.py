"""A store, empty and full: checks, refreshes, and checks of a hundred callers at once.

``stores_tokenward.py MATERIAL STORE ENTRIES``; STORE is ``memory``, ``sqlite`` or ``redis``. SQLite uses a temporary file.
Redis is the server of ``TOKENWARD_TEST_REDIS_URL``; all keys have a unique prefix and are removed at the end.
"""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from uuid import uuid4

from answering import Case, answer, expect_equal, steady
from redis.asyncio import Redis
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import create_async_engine

from tokenward import KeyRing, MemoryStore, Revocation, RevocationStore, TokenEngine
from tokenward.stores.redis import RedisStore
from tokenward.stores.sql import SqlStore

CALLERS, CHECKS_OF_EACH = 100, 20
KEPT_SECONDS = 86_400
REDIS_URL = os.environ.get("TOKENWARD_TEST_REDIS_URL", "redis://127.0.0.1:6379/0")
RUNS_ON = {
    "memory": (),
    "sqlite": ("sqlalchemy", "aiosqlite"),
    "redis": ("redis",),
}
Check = Callable[[object], Awaitable[object]]
# A store is waited for, so the time that passes counts.
waiting = partial(steady, clock=time.perf_counter)


def revocations(entries: int, now: float) -> list[Revocation]:
    """Return unexpired revocations of some tokens."""
    return [Revocation("token", f"{number:032x}", now + KEPT_SECONDS) for number in range(entries)]


async def fill(store: RevocationStore, entries: int, now: float) -> None:
    """Revoke some tokens, a thousand at a time."""
    records = revocations(entries, now)
    for start in range(0, entries, 1000):
        batch = records[start : start + 1000]
        await asyncio.gather(*(store.revoke(each, now=now) for each in batch))


@asynccontextmanager
async def memory(entries: int, now: float) -> AsyncIterator[RevocationStore]:
    """Yield a filled MemoryStore."""
    store = MemoryStore()
    await fill(store, entries, now)
    yield store


@asynccontextmanager
async def sqlite(entries: int, now: float) -> AsyncIterator[RevocationStore]:
    """Yield a filled SqlStore in a file."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite+aiosqlite:///{Path(folder) / 'tokens.db'}"
        async with SqlStore(url) as store:
            await store.create_tables()
            # Written in bulk: one transaction for each record would take longer than the measurement.
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
    """Yield a filled RedisStore, and remove its keys afterwards."""
    prefix = f"bench:{uuid4().hex}:"
    async with RedisStore(
        REDIS_URL, key_prefix=prefix, timeout_seconds=30, ephemeral=True
    ) as store:
        await fill(store, entries, now)
        yield store
    async with Redis.from_url(REDIS_URL) as client:
        keys = [key async for key in client.scan_iter(f"{prefix}*", count=10_000)]
        for start in range(0, len(keys), 10_000):
            await client.unlink(*keys[start : start + 10_000])


def many_callers(check: Check) -> Case:
    """Return a case of `CALLERS` concurrent callers, each with `CHECKS_OF_EACH` checks."""

    async def caller() -> None:
        for _ in range(CHECKS_OF_EACH):
            await check(None)

    async def burst(_: object) -> None:
        await asyncio.gather(*(caller() for _ in range(CALLERS)))

    return waiting(burst)


async def cases_of(store: RevocationStore, kind: str, entries: int) -> dict[str, Case]:
    """Return the cases of a store, after a check that it recognises a revoked token."""
    now = time.time()
    engine = TokenEngine(KeyRing.generate("HS256"), store=store)
    pair = await engine.issue_pair("alice")

    async def check(_: object) -> bool:
        return await store.is_revoked(jti="j", sid="s", sub="alice", issued_at=now, now=now)

    async def refresh(_: object) -> None:
        nonlocal pair
        pair = await engine.refresh(pair.refresh_token)

    expect_equal(await check(None), False, kind)  # noqa: FBT003 - the expected value
    if entries:
        found = await store.is_revoked(jti=f"{0:032x}", sid=None, sub="a", issued_at=now, now=now)
        expect_equal(found, True, kind)  # noqa: FBT003 - the expected value
    return {
        f"check/{kind}": waiting(check),
        f"refresh/{kind}": waiting(refresh),
        f"burst/{kind}": many_callers(check),
    }


async def main(name: str, entries: int) -> None:
    """Prepare an empty and a full store, and answer."""
    build = {"memory": memory, "sqlite": sqlite, "redis": redis}[name]
    now = time.time()
    async with build(0, now) as empty, build(entries, now) as full:
        cases = await cases_of(empty, "empty", 0) | await cases_of(full, "full", entries)
        if name != "redis":
            await answer(cases, RUNS_ON[name])
            return
        async with Redis.from_url(REDIS_URL) as client:

            async def exists(_: object) -> object:
                return await client.exists("bench")

            await answer(cases | {"burst/exists": many_callers(exists)}, RUNS_ON[name])


if __name__ == "__main__":
    asyncio.run(main(sys.argv[2], int(sys.argv[3])))
