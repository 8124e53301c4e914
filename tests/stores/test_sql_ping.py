"""What SqlStore.ping finds out, with one statement."""

import asyncio

import pytest
from sqlalchemy import event, text

from tests.stores.sql_support import on_users_engine, statements_of, with_application_name
from tests.support import everything_of
from tokenward import ConfigurationError, StoreUnavailableError
from tokenward.stores.sql import SqlStore


async def test_a_ping_is_one_select(place):
    """On a connection that is open; it names every column of all tables."""
    async with on_users_engine(place) as (engine, store):
        await store.ping()
        sent = statements_of(engine)
        await store.ping()
        (statement,) = sent
    columns = [column for table in store.metadata.sorted_tables for column in table.columns]
    assert all(f"{column.table.name}.{column.name}" in statement for column in columns)


@pytest.mark.parametrize("name", ["revocations", "sessions", "consumed"])
async def test_a_missing_table_is_reported_with_the_fix(new_place, name):
    """Whichever of the three is missing."""
    async with new_place.store() as store:
        (table,) = [each for each in store.metadata.sorted_tables if each.name.endswith(name)]
        async with store._database.engine.begin() as connection:
            await connection.run_sync(table.drop)
        with pytest.raises(ConfigurationError, match=r"await store\.create_tables\(\)"):
            await store.ping()
        await store.create_tables()
        await store.ping()


async def test_a_missing_column_is_reported_with_the_fix(new_place):
    """As of tables of another version; no call of the store has needed the column yet."""
    async with new_place.store() as store:
        table = f"{new_place.part}.tokenward_sessions" if new_place.part else "tokenward_sessions"
        async with store._database.engine.begin() as connection:
            rename = f"ALTER TABLE {table} RENAME COLUMN used_at TO used"
            await connection.execute(text(rename))
        with pytest.raises(ConfigurationError, match="missing or of another version"):
            await store.ping()


async def test_a_postgresql_that_is_read_only_is_a_mistake(postgres_place):
    """As a standby is; a check alone would not notice."""
    options = with_application_name(postgres_place, default_transaction_read_only="on")
    async with on_users_engine(postgres_place, **options) as (_, store):
        assert await store.raise_retention(0) == 0
        with pytest.raises(ConfigurationError, match=r"read-only.*primary"):
            await store.ping()


async def test_a_mariadb_that_is_read_only_is_a_mistake(mariadb_place):
    """As a replica should be. The server of the tests is not, so another value takes its place."""
    async with on_users_engine(mariadb_place) as (engine, store):

        @event.listens_for(engine.sync_engine, "before_cursor_execute", retval=True)
        def as_a_replica(_connection, _cursor, statement, values, *_):
            return statement.replace("@@global.read_only", "NOT @@global.read_only"), values

        with pytest.raises(ConfigurationError, match=r"read-only.*primary"):
            await store.ping()


async def test_an_unreachable_database_is_an_outage():
    """The message names the classes of the errors, and contains no part of the URL."""
    url = "postgresql+asyncpg://user:hunter2@127.0.0.1:1/db"
    async with SqlStore(url, timeout_seconds=20) as store:
        with pytest.raises(StoreUnavailableError, match="ConnectionRefusedError") as caught:
            await store.ping()
    assert "check that its server runs" in str(caught.value)
    assert "hunter2" not in everything_of(caught.value)


async def test_a_database_that_does_not_answer_is_an_outage_in_time():
    """A server that accepts the connection and says nothing."""
    writers = []
    async with await asyncio.start_server(lambda _, to: writers.append(to), "127.0.0.1", 0) as mute:
        port = mute.sockets[0].getsockname()[1]
        url = f"postgresql+asyncpg://u@127.0.0.1:{port}/db"
        async with SqlStore(url, timeout_seconds=0.1) as store, asyncio.timeout(20):
            with pytest.raises(StoreUnavailableError, match="TimeoutError"):
                await store.ping()
        for writer in writers:
            writer.close()
