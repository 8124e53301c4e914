"""Callers of a SqlStore that are cancelled during a call."""

import asyncio
import sqlite3
from dataclasses import replace

import pytest
from sqlalchemy import event, text

from tests.stores.crash_worker import Place, outcome_of
from tests.stores.sql_support import (
    LOST,
    on_users_engine,
    record,
    run_turns,
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
    place = replace(sqlite_place, timeout_seconds=0.4)
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


@pytest.mark.parametrize("grace_seconds", [0, 10])
async def test_a_refresh_cancelled_anywhere_leaves_one_live_token_at_most(place, grace_seconds):
    """Afterwards the token works or is consumed; no transaction or connection is left over."""
    place = replace(place, grace_seconds=grace_seconds)
    cancelled = 0
    async with on_users_engine(place, **(with_application_name(place) if place.part else {})) as (
        engine,
        store,
    ):
        issuer = place.engine_with(store)
        turns = 0
        while True:
            token = (await issuer.issue_pair("alice")).refresh_token
            call = asyncio.create_task(outcome_of(issuer, token))
            await run_turns(turns)
            call.cancel()
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
            turns += 1 + turns // 20
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
    question = text(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = :name "
        "AND state LIKE 'idle in transaction%'"
    )
    async with engine.connect() as connection:
        assert await connection.scalar(question, {"name": place.part}) == 0
