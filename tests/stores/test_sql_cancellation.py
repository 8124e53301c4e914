"""Callers of a SqlStore that are cancelled during a call."""

import asyncio
import gc
import itertools
import sqlite3
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import event, text

from tests.stores.crash_worker import Place, outcome_of
from tests.stores.sql_support import (
    LOST,
    cancelling,
    is_mysql,
    on_users_engine,
    record,
    statements_of,
    with_application_name,
)
from tests.support import NOW


async def test_a_write_that_was_cancelled_before_it_began_is_not_sent(place):
    """A call that is cancelled in its first turn."""
    async with on_users_engine(place) as (engine, store):
        sent = statements_of(engine)
        call = asyncio.create_task(store.revoke(record(), now=NOW))
        await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await store.aclose()
        assert sent == []


async def test_a_cancelled_caller_does_not_disturb_a_running_write(sqlite_place, tmp_path):
    """The others of the batch get their result, or the error."""
    place = replace(sqlite_place, timeout_seconds=1.5)
    for is_locked in (False, True):
        async with place.store() as store:
            other = sqlite3.connect(tmp_path / "revocations.db", isolation_level=None)
            other.execute("BEGIN EXCLUSIVE")
            begun = asyncio.Event()
            event.listen(
                store._database.engine.sync_engine,
                "before_cursor_execute",
                lambda *_, begun=begun: begun.set(),
            )
            calls = [asyncio.create_task(store.revoke(record(each), now=NOW)) for each in "abc"]
            await begun.wait()
            calls[0].cancel()
            if not is_locked:
                other.execute("ROLLBACK")
            answers = await asyncio.gather(*calls, return_exceptions=True)
            assert isinstance(answers[0], asyncio.CancelledError)
            assert [isinstance(each, Exception) for each in answers[1:]] == [is_locked] * 2
            other.close()


@pytest.mark.parametrize("opened", [Place.store, on_users_engine], ids=["url", "engine"])
async def test_a_connection_to_sqlite_that_is_stopped_while_it_closes_ends(sqlite_place, opened):
    """SQLAlchemy stops it if its caller is cancelled; the loop, which cancels once, must not wait forever."""
    async with opened(sqlite_place) as made:
        store = made[-1] if isinstance(made, tuple) else made
        async with store._database.engine.connect() as connection:
            driver = (await connection.get_raw_connection()).driver_connection
            is_free = threading.Event()
            working = asyncio.create_task(driver._execute(is_free.wait))
            closing = asyncio.create_task(driver.close())
            await asyncio.sleep(0)
            driver.stop()
            closing.cancel()
            is_free.set()
            assert await working
            assert await asyncio.wait((closing,), timeout=60) == ({closing}, set())
            await connection.invalidate()


@pytest.mark.parametrize("grace_seconds", [0, 10])
async def test_a_refresh_cancelled_anywhere_leaves_one_live_token_at_most(place, grace_seconds):
    """Afterwards the token works or is consumed; no transaction or connection is left over."""
    place = replace(place, grace_seconds=grace_seconds)
    cancelled = 0
    is_named = place.part and not is_mysql(place.url)
    async with on_users_engine(place, **(with_application_name(place) if is_named else {})) as (
        engine,
        store,
    ):
        issuer = place.engine_with(store)
        for number in itertools.count():
            token = (await issuer.issue_pair("alice")).refresh_token
            with cancelling(number) as create_task:
                call = create_task(outcome_of(issuer, token))
                (result,) = await asyncio.gather(call, return_exceptions=True)
            again = await outcome_of(issuer, token)
            if not isinstance(result, asyncio.CancelledError):
                break
            cancelled += 1
            third = await outcome_of(issuer, token)
            # One pair if any; with a grace it comes again, without one the session has ended.
            assert again not in LOST if grace_seconds else third in LOST
            assert third == again or not grace_seconds
            if again not in LOST and not grace_seconds:
                assert await outcome_of(issuer, again) == "token_revoked"
        assert result == again if grace_seconds else again == "refresh_token_reused"
        assert cancelled > 5
        await store.aclose()
        assert engine.pool.checkedout() == 0
        await assert_nothing_is_open(engine, place)


async def assert_nothing_is_open(engine, place: Place):
    """Check that no connection of an engine is in a transaction."""
    if not place.part:
        path = place.url.removeprefix("sqlite+aiosqlite:///")
        other = sqlite3.connect(path, isolation_level=None, timeout=0)
        other.execute("BEGIN EXCLUSIVE")
        other.close()
        return
    if is_mysql(place.url):
        async with engine.connect() as connection:
            # Fails if a transaction that is open has used a table.
            await connection.exec_driver_sql("SET SESSION lock_wait_timeout = 5")
            await connection.exec_driver_sql(f"LOCK TABLES {place.part}.tokenward_sessions WRITE")
            await connection.invalidate()
        return
    question = text(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = :name "
        "AND state LIKE 'idle in transaction%'"
    )
    async with engine.connect() as connection:
        assert await connection.scalar(question, {"name": place.part}) == 0


# Of a connection to SQLite that a thread has opened too late, and that is closed because nothing uses it.
@pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning")
async def test_a_call_cancelled_while_it_connects_leaves_no_connection_open(place):
    """Each engine is new, so the call opens a connection and sets it up, at any step of which it ends."""

    async def ask(connection):
        return await connection.scalar(text("SELECT 1"))

    cancelled, open_before, threads = 0, descriptors(), {*threading.enumerate()}
    for number in itertools.count():
        async with place.store() as store:
            with cancelling(number) as create_task:
                call = create_task(store._database.read(ask))
                (result,) = await asyncio.gather(call, return_exceptions=True)
        if not isinstance(result, asyncio.CancelledError):
            break
        cancelled += 1
    assert result == 1
    assert cancelled > 2
    if not place.part:  # only the connections to SQLite have threads, which end with them
        for thread in {*threading.enumerate()} - threads:
            thread.join(60)
    gc.collect()
    assert descriptors() <= open_before


def descriptors():
    """Return what this process has open: files, and connections to servers."""
    return set(Path("/proc/self/fd").iterdir())
