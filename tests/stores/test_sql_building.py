"""How a SqlStore is created: URLs, engines, drivers and tables."""

import asyncio
import importlib.util
import sys

import pytest
from sqlalchemy import URL, StaticPool, event
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.aiosqlite import SQLiteDialect_aiosqlite
from sqlalchemy.ext.asyncio import create_async_engine

from tests.stores.sql_support import denies, on_users_engine, record, use
from tests.support import NOW, everything_of
from tokenward import ConfigurationError
from tokenward.stores.sql import SqlStore
from tokenward.stores.sql import store as sql


def test_another_database_is_refused():
    """The message names the URLs that work, and contains no password."""
    for url in (
        "mysql+aiomysql://u:secret@h/d",
        "sqlite:///file",
        "postgresql://h/d",
        "postgresql+psycopg2://u:secret@h/d",
        "no url",
    ):
        with pytest.raises(
            ConfigurationError, match=r"postgresql\+psycopg://user@host/d"
        ) as caught:
            SqlStore(url)
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+asyncpg://u:hunter2@h:port/d",
        "postgresql+asyncpg://u:hunter2/d",
        "postgresql+asyncpg://u:x@h:hunter2/d",
        "postgresql+asyncpg://u:hunter2@[::/d",
        "postgresql+asyncpg://u:x@h/d?port=hunter2",
        "postgresql+asyncpg://u:x@h/d?host=a:hunter2&host=b",
        "postgresql+asyncpg://u:x@h/d?prepared_statement_cache_size=hunter2",
        "postgresql+psycopg://u:hunter2@h:port/d",
        "mysql+asyncmy://u:hunter2@h:port/d",
        "postgresql+psycopg://u:hunter2/d",
        "postgresql+psycopg://u:x@h/d?host=a:hunter2&host=b",
        "sqlite+aiosqlite://hunter2/file",
        "sqlite+aiosqlite:///file?timeout=hunter2",
        "sqlite+aiosqlite:///file?uri=hunter2",
        URL.create("sqlite+aiosqlite", host="hunter2", database="file"),
    ],
)
def test_a_wrong_url_is_refused_and_not_repeated(url):
    """Not in the message, cause, hidden context or traceback: it may hold a password."""
    with pytest.raises(ConfigurationError, match=r"where port is a number") as caught:
        SqlStore(url)
    assert "hunter2" not in everything_of(caught.value)
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


class OtherDialect(SQLiteDialect_aiosqlite):
    """A dialect with another name."""

    name = "other"


def test_an_engine_of_another_database_is_refused():
    """The name of the dialect decides, even if it happens to work."""
    registry.register("other.aio", __name__, "OtherDialect")
    with pytest.raises(ConfigurationError, match="supports SQLite, PostgreSQL, MariaDB"):
        SqlStore(create_async_engine("other+aio:///file"))


def test_a_database_on_one_connection_is_refused():
    """Callers would share a transaction."""
    for url in ("sqlite+aiosqlite://", "sqlite+aiosqlite:///:memory:"):
        with pytest.raises(ConfigurationError, match="more than one connection"):
            SqlStore(url)
    engine = create_async_engine("sqlite+aiosqlite:///file", poolclass=StaticPool)
    with pytest.raises(ConfigurationError, match="more than one connection"):
        SqlStore(engine)


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), True, "1"])
def test_an_invalid_timeout_is_refused(seconds):
    """It must be a number above zero."""
    with pytest.raises(ConfigurationError, match="timeout_seconds"):
        SqlStore("sqlite+aiosqlite:///file", timeout_seconds=seconds)


def test_a_missing_driver_is_reported_with_the_fix(monkeypatch):
    """The message names the extra, for each driver."""
    for driver, url, extra in (
        ("aiosqlite", "sqlite+aiosqlite:///file", "sql"),
        ("asyncpg", "postgresql+asyncpg://h/d", "sql"),
        ("psycopg", "postgresql+psycopg://h/d", "psycopg"),
        ("asyncmy", "mysql+asyncmy://h/d", "mysql"),
        ("asyncmy", "mariadb+asyncmy://h/d", "mysql"),
    ):
        monkeypatch.setitem(sys.modules, driver, None)
        with pytest.raises(ConfigurationError, match=f"install Tokenward with its extra '{extra}'"):
            SqlStore(url)


def test_a_missing_sqlalchemy_is_reported_with_the_fix(monkeypatch):
    """When the module is imported."""
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    spec = importlib.util.spec_from_file_location("tokenward.stores.sql_alone", sql.__file__)
    with pytest.raises(ImportError, match=r"install Tokenward with its extra 'sql'"):
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


async def test_a_users_engine_stays_open(place):
    """Closing the store closes neither the engine nor its connections."""
    async with on_users_engine(place) as (engine, store):
        await store.revoke(record(), now=NOW)
        await store.aclose()
        pool = engine.pool
        assert await denies(store, "x")
        assert engine.pool is pool


async def test_any_number_of_workers_may_create_the_tables_at_once(place):
    """Repeatedly and concurrently; existing records stay."""
    stores = [
        SqlStore(place.url, schema=place.part, table_prefix="many_", timeout_seconds=20)
        for _ in range(8)
    ]
    await asyncio.gather(*(store.create_tables() for store in stores))
    await stores[0].revoke(record(), now=NOW)
    await stores[1].create_tables()
    assert await denies(stores[2], "x")
    for store in stores:
        await store.aclose()


async def test_missing_indexes_are_created_in_mariadb(mariadb_place):
    """It has CREATE INDEX IF NOT EXISTS, but MySQL does not."""
    async with mariadb_place.store() as store, store._database.engine.connect() as connection:
        table = f"{mariadb_place.part}.tokenward_revocations"
        await connection.exec_driver_sql(f"DROP INDEX tokenward_revocations_keep_until ON {table}")
        await store.create_tables()
        found = await connection.exec_driver_sql(f"SHOW INDEX FROM {table}")
        assert "tokenward_revocations_keep_until" in {row.Key_name for row in found}


async def test_the_metadata_creates_the_same_tables(tmp_path):
    """For Alembic and other tools."""
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path / 'other.db'}")
    async with SqlStore(engine, table_prefix="auth_") as store:
        async with engine.begin() as connection:
            await connection.run_sync(store.metadata.create_all)
        assert sorted(store.metadata.tables) == [
            "auth_consumed",
            "auth_revocations",
            "auth_sessions",
        ]
        await store.create_tables()
        await store.revoke(record(), now=NOW)
        assert await denies(store, "x")
        assert (await store.consume(use(), now=NOW)).is_first
    await engine.dispose()


async def test_a_stores_own_sqlite_file_is_durable_and_readable(sqlite_place):
    """Write-ahead log, and a sync of the disk at every commit."""
    async with sqlite_place.store() as store, store._database.engine.connect() as connection:
        modes = [
            (await connection.exec_driver_sql(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "busy_timeout")
        ]
    assert modes == ["wal", 2, sqlite_place.timeout_seconds / 4 * 1000]


async def test_an_engine_may_begin_transactions_itself(sqlite_place):
    """As in SQLAlchemy's recipe for SQLite, which sends BEGIN."""
    async with on_users_engine(sqlite_place) as (engine, store):
        event.listen(engine.sync_engine, "begin", lambda each: each.exec_driver_sql("BEGIN"))
        await store.create_tables()
        await store.revoke(record(), now=NOW)
        assert await denies(store, "x")
