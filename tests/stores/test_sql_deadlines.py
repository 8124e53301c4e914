"""A write and its caller share a deadline: a write that failed for its caller is not done later."""

import asyncio
import sqlite3
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from tests.stores.sql_support import is_mysql
from tests.stores.stalling_proxy import StallingProxy
from tests.support import NOW
from tokenward import Revocation
from tokenward.stores import Consumption
from tokenward.stores.sql import SqlStore

SECONDS = 1.0


@asynccontextmanager
async def locked(place):
    """Keep all other writers out."""
    if place.part is None:
        path = place.url.removeprefix("sqlite+aiosqlite:///")
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        yield
        other.close()
        return
    engine = create_async_engine(place.url)
    async with engine.connect() as connection:
        names = [f"{place.part}.tokenward_{each}" for each in ("revocations", "sessions")]
        if is_mysql(place.url):
            await connection.exec_driver_sql(f"LOCK TABLES {' WRITE, '.join(names)} WRITE")
        else:
            await connection.exec_driver_sql(f"LOCK TABLE {', '.join(names)}")
        yield
        # Not to the pool, which would keep the locks of MariaDB.
        await connection.invalidate()
    await engine.dispose()


def use(jti):
    """Return a use of a token."""
    return Consumption(jti, jti, f"next {jti}", b"", NOW, NOW + 60)


def revoke(store, jti):
    """Write a revocation."""
    return store.revoke(Revocation("token", jti, NOW + 60), now=NOW)


async def denies(store, jti):
    """Check only a token."""
    return await store.is_revoked(jti=jti, sid=None, sub="s", issued_at=NOW, now=NOW)


async def as_the_engine_calls(call):
    """Await a call for at most the timeout."""
    async with asyncio.timeout(SECONDS):
        return await call


async def begun(store, calls):
    """Start calls one after the other, until the database has a statement of each."""
    sent = asyncio.Queue()
    engine = store._database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", lambda *args: sent.put_nowait(args[2]))
    tasks = []
    async with asyncio.timeout(20):
        for call in calls:
            tasks.append(asyncio.create_task(as_the_engine_calls(call)))
            await sent.get()
    return tasks


async def test_a_write_that_failed_for_its_caller_is_not_done_later(place):
    """Neither one that waits for the database, nor one that waits for those."""
    place = replace(place, timeout_seconds=SECONDS)
    slots = 4 if place.part else 1
    async with place.store() as store:
        await asyncio.gather(*(denies(store, "none") for _ in range(slots)))
        async with locked(place):
            tasks = await begun(store, (revoke(store, f"{number}") for number in range(slots)))
            calls = [revoke(store, "waiting"), store.consume(use("waiting"), now=NOW)]
            tasks += [asyncio.create_task(as_the_engine_calls(call)) for call in calls]
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(each, Exception) for each in outcomes)
        for batcher in (store._revocations, store._uses):
            await batcher.drain()
    async with replace(place, timeout_seconds=20).store() as store:
        for jti in ("waiting", *map(str, range(slots))):
            assert not await denies(store, jti)
        assert (await store.consume(use("waiting"), now=NOW)).is_first


async def test_the_server_cancels_before_the_caller_gives_up(postgres_place):
    """After four fifths of the timeout, for the statement and for each lock."""
    async with replace(postgres_place, timeout_seconds=20).store() as store:
        await denies(store, "x")
        async with store._database.engine.connect() as connection:
            for name in ("statement_timeout", "lock_timeout"):
                assert await connection.scalar(text(f"SHOW {name}")) == "16s"


async def test_a_write_that_the_server_cancels_has_no_effect(postgres_place):
    """Its error says so, and the connection stays open."""
    async with replace(postgres_place, timeout_seconds=20).store() as store:
        opened = []
        event.listen(store._database.engine.sync_engine, "connect", lambda *_: opened.append(1))
        await denies(store, "x")
        async with store._database.engine.begin() as connection:
            await connection.execute(text("SET lock_timeout = 50"))
        async with locked(postgres_place):
            with pytest.raises(DBAPIError) as caught:
                await revoke(store, "x")
        assert caught.value.orig.sqlstate == "55P03"  # lock_not_available
        assert not await denies(store, "x")
        await revoke(store, "y")
        assert len(opened) == 1


async def test_a_server_that_stops_to_answer_is_an_outage_of_bounded_length(place):
    """Not even a driver that waits for the cancellation of its statement delays a call."""
    if place.part is None:
        pytest.skip("SQLite has no server.")
    async with StallingProxy(place.url).running() as proxy:
        place = replace(place, url=proxy.url, timeout_seconds=SECONDS)
        async with place.store() as store:
            await revoke(store, "x")
            proxy.flows.clear()
            calls = [denies(store, "x"), revoke(store, "y"), store.consume(use("z"), now=NOW)]
            async with asyncio.timeout(6 * SECONDS):
                outcomes = await asyncio.gather(*calls, return_exceptions=True)
            assert {type(each) for each in outcomes} == {TimeoutError}
            proxy.flows.set()
            assert await denies(store, "x")
            await revoke(store, "y")


async def test_creating_tables_has_no_timeout(postgres_place):
    """However long building an index takes."""
    async with replace(postgres_place, timeout_seconds=SECONDS).store() as store:
        await revoke(store, "x")
        limits = []

        def note(connection, _cursor, statement, *_):
            if statement.startswith("\nCREATE TABLE"):
                limits.extend(
                    connection.exec_driver_sql(f"SHOW {name}").scalar()
                    for name in ("statement_timeout", "lock_timeout")
                )

        event.listen(store._database.engine.sync_engine, "before_cursor_execute", note)
        await store.create_tables()
    assert set(limits) == {"0"}


async def test_a_users_engine_keeps_its_settings(postgres_place):
    """The server's timeouts are set only on the store's own connections."""
    engine = create_async_engine(postgres_place.url, pool_size=1, max_overflow=0)
    async with SqlStore(engine, schema=postgres_place.part, timeout_seconds=60) as store:
        await revoke(store, "x")
        async with engine.connect() as connection:
            assert await connection.scalar(text("SHOW statement_timeout")) == "0"
    await engine.dispose()
