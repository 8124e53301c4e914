"""Locks, deadlocks and lost connections: bounded waiting, and retries where they are safe."""

import asyncio
import sqlite3
import threading
from dataclasses import replace

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError, OperationalError

from tests.stores.sql_support import (
    denies,
    errors_of,
    on_users_engine,
    record,
    until,
    until_mariadb_waits,
    use,
    with_application_name,
)
from tests.support import NOW
from tokenward import StoreUnavailableError, TokenRevokedError
from tokenward.stores import CLOCK_SPARE_SECONDS, Consumed
from tokenward.stores.sql import SqlStore
from tokenward.stores.sql.batch_rows import use_rows


async def test_a_locked_file_is_an_outage_of_bounded_length(sqlite_place, tmp_path):
    """Three tries, then 503; without the lock everything works again."""
    place = replace(sqlite_place, timeout_seconds=1.5)
    loop = asyncio.get_running_loop()
    other = sqlite3.connect(tmp_path / "revocations.db", isolation_level=None)
    options = {"connect_args": {"timeout": 0.05}}
    async with on_users_engine(place, **options) as (sqlalchemy_engine, store):
        engine = place.engine_with(store)
        pair = await engine.issue_pair("alice")
        errors = errors_of(sqlalchemy_engine)
        other.execute("BEGIN EXCLUSIVE")
        started = loop.time()
        with pytest.raises(OperationalError, match="locked"):
            await store.revoke(record(), now=NOW)
        assert len(errors) == 3
        with pytest.raises(StoreUnavailableError):
            await engine.refresh(pair.refresh_token)
        with pytest.raises(StoreUnavailableError):
            await engine.revoke(pair.access_token)
        assert loop.time() - started < 30
        other.execute("ROLLBACK")
        other.close()
        assert (await engine.refresh(pair.refresh_token)).refresh_token
        await engine.revoke(pair.access_token)
        with pytest.raises(TokenRevokedError):
            await engine.decode(pair.access_token)


async def test_a_purge_waits_for_other_writers(sqlite_place, tmp_path):
    """Longer than a write, because no caller waits with a timeout; but not forever."""
    place = replace(sqlite_place, timeout_seconds=0.1)
    other = sqlite3.connect(tmp_path / "revocations.db", isolation_level=None)
    async with place.store() as store:
        await store.revoke(record(), now=NOW)
        errors = errors_of(store._database.engine)
        other.execute("BEGIN IMMEDIATE")
        call = asyncio.create_task(store.purge(now=NOW + 60 + CLOCK_SPARE_SECONDS))
        await until(lambda: len(errors) > 6)
        other.execute("ROLLBACK")
        assert await call == 1
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(OperationalError, match="locked"):
            await store.purge(now=NOW)
        other.close()


async def test_a_new_file_that_is_locked_is_opened_later(tmp_path):
    """A connection that could not be set up is closed, and leaves no thread behind."""
    other = sqlite3.connect(tmp_path / "new.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    threads = threading.active_count()
    url = f"sqlite+aiosqlite:///{tmp_path / 'new.db'}"
    async with SqlStore(url, timeout_seconds=0.2) as store:
        with pytest.raises(OperationalError, match="locked"):
            await store.create_tables()
        await until(lambda: threading.active_count() <= threads)
        other.close()
        await store.create_tables()
        await store.revoke(record(), now=NOW)
        assert await denies(store, "x")


async def test_a_database_that_hangs_is_an_outage_of_bounded_length(postgres_place):
    """Two hundred callers get 503 in time, no connection is lost, and the store recovers."""
    place = replace(postgres_place, timeout_seconds=1.5)
    loop = asyncio.get_running_loop()
    table = f"{place.part}.tokenward_revocations"
    async with on_users_engine(place) as (sqlalchemy_engine, store):
        engine = place.engine_with(store)
        token = await engine.issue("alice")
        await engine.decode(token)
        async with sqlalchemy_engine.connect() as other:
            await other.execute(text(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"))
            started = loop.time()
            calls = (engine.decode(token) for _ in range(200))
            answers = await asyncio.gather(*calls, return_exceptions=True)
            assert {type(each) for each in answers} == {StoreUnavailableError}
            with pytest.raises(StoreUnavailableError):
                await engine.revoke(token)
            assert loop.time() - started < 30
        await store.aclose()
        assert sqlalchemy_engine.pool.checkedout() == 0
        assert (await engine.decode(token)).sub == "alice"


async def waits_for_a_lock(connection, application):
    """Wait until a connection of an application waits for a lock."""
    question = text(
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE application_name = :name AND wait_event_type = 'Lock'"
    )
    async with asyncio.timeout(20):
        while not await connection.scalar(question, {"name": application}):
            # The views of one transaction stand still.
            await connection.execute(text("SELECT pg_stat_clear_snapshot()"))


async def test_a_serialization_failure_is_retried(postgres_place):
    """In the strictest isolation, the loser of a race gets that result, not an error."""
    options = with_application_name(postgres_place, default_transaction_isolation="serializable")
    async with (
        on_users_engine(postgres_place, **options) as (engine, store),
        on_users_engine(postgres_place) as (other_engine, other),
    ):
        errors = errors_of(engine)
        async with other_engine.connect() as connection:
            (row,) = use_rows([(use(), NOW)], {"x": 0})
            del row["jti"]
            table = other.metadata.tables[f"{postgres_place.part}.tokenward_sessions"]
            await connection.execute(table.insert().values(row))
            call = asyncio.create_task(store.consume(use(), now=NOW))
            await waits_for_a_lock(connection, postgres_place.part)
            await connection.commit()
        assert await call == Consumed(is_first=False)
        assert [each.sqlstate for each in errors] == ["40001"]


async def test_a_deadlock_is_retried(postgres_place):
    """A batch that PostgreSQL chooses as the victim is written by a retry."""
    async with (
        on_users_engine(postgres_place, **with_application_name(postgres_place)) as (engine, store),
        on_users_engine(postgres_place) as (other_engine, _),
    ):
        await asyncio.gather(*(store.revoke(record(each), now=NOW) for each in "ab"))
        errors = errors_of(engine)
        table = store.metadata.tables[f"{postgres_place.part}.tokenward_revocations"]
        lock = select(table).where(table.c.identity == "token:b").with_for_update()
        later = [record(each, keep_until=NOW + 99) for each in "ab"]
        async with other_engine.connect() as connection:
            # Who waits longest for the look-out for deadlocks is not the victim.
            await connection.execute(text("SET LOCAL deadlock_timeout = '30s'"))
            await connection.execute(lock)
            calls = asyncio.gather(*(store.revoke(each, now=NOW) for each in later))
            await waits_for_a_lock(connection, postgres_place.part)
            # Handed over as soon as the victim lets go, before it can try again.
            await connection.execute(text(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE"))
        await calls
        assert [each.sqlstate for each in errors] == ["40P01"]
        assert await denies(store, "a", now=NOW + 98)


async def test_a_deadlock_in_mariadb_is_retried(mariadb_place):
    """A batch that MariaDB chooses as the victim, because it has changed less, is written by a retry."""
    async with (
        on_users_engine(mariadb_place) as (engine, store),
        on_users_engine(mariadb_place) as (other_engine, _),
    ):
        await asyncio.gather(*(store.revoke(record(each), now=NOW) for each in "ab"))
        errors = errors_of(engine)
        tables = store.metadata.tables
        table = tables[f"{mariadb_place.part}.tokenward_revocations"]
        async with other_engine.connect() as connection, other_engine.connect() as observer:
            rows = [{"identity": f"other {number}", "keep_until": NOW} for number in range(50)]
            await connection.execute(table.insert(), rows)
            await connection.execute(
                select(table).where(table.c.identity == "token:b").with_for_update()
            )
            later = [record(each, keep_until=NOW + 99) for each in "ab"]
            calls = asyncio.gather(*(store.revoke(each, now=NOW) for each in later))
            await until_mariadb_waits(observer, mariadb_place.part)
            await connection.execute(
                select(table).where(table.c.identity == "token:a").with_for_update()
            )
            await connection.rollback()
        await calls
        assert [each.args[0] for each in errors] == [1213]
        assert await denies(store, "a", now=NOW + 98)


async def test_lost_connections_are_replaced(postgres_place):
    """Reads and revocations are retried at once; a use is not, because its outcome is unknown."""
    # Waits until each has ended.
    kill = text(
        "SELECT pg_terminate_backend(pid, 20000) FROM pg_stat_activity WHERE application_name = :n"
    )
    async with (
        on_users_engine(postgres_place, **with_application_name(postgres_place)) as (_, store),
        on_users_engine(postgres_place) as (other_engine, _),
    ):

        async def lose():
            async with other_engine.begin() as connection:
                killed = (await connection.execute(kill, {"n": postgres_place.part})).scalars()
                assert set(killed) == {True}

        await store.revoke(record(), now=NOW)
        await lose()
        assert await denies(store, "x")
        await lose()
        await store.revoke(record("y"), now=NOW)
        await lose()
        with pytest.raises(DBAPIError):
            await store.consume(use(), now=NOW)
        assert (await store.consume(use(), now=NOW)).is_first
