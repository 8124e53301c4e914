"""A SqlStore behind a connection pooler in transaction mode that several services share."""

import asyncio
import re
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from sqlalchemy import event, make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from tests.stores import pooler_worker
from tests.stores.conftest import shared_place
from tests.stores.crash_worker import prepared
from tests.stores.processes import context
from tests.stores.sql_support import is_psycopg
from tests.support import NOW
from tokenward import ConfigurationError, Revocation
from tokenward.stores import Consumption
from tokenward.stores.sql import SqlStore
from tokenward.stores.sql.echoed_statements import MismatchedResultError
from tokenward.stores.sql.postgres_drivers import StatementNames
from tokenward.testing import RevocationStoreContract

# The setting with which a user's engine is safe behind a pooler, for each driver.
SAFE = {"asyncpg": {"statement_cache_size": 0}, "psycopg": {"prepare_threshold": None}}
# Generous: what is tested is that no answer is wrong, on however busy a machine.
PATIENT = 20.0


@pytest.fixture
async def services(postgres_url, pgbouncer_url, shared_places):
    """Yield the stores of two services, each in its own schema behind the same pooler."""
    async with AsyncExitStack() as stack:
        stores = []
        for name in ("one", "other"):
            place = await shared_place(postgres_url, shared_places, name)
            store = SqlStore(pgbouncer_url, schema=place.part, timeout_seconds=PATIENT)
            stores.append(await stack.enter_async_context(store))
        yield stores


class TestSqlStoreBehindPgbouncer(RevocationStoreContract):
    """The contract, through the pooler."""

    @pytest.fixture
    async def store(self, services):
        """Yield an empty store."""
        return services[0]


def safe(url):
    """Return the options of an engine that is safe behind a pooler."""
    return {"connect_args": SAFE[make_url(url).get_driver_name()]}


def fix(url):
    """Return the pattern of the setting that an error names."""
    return re.escape(f"connect_args={SAFE[make_url(url).get_driver_name()]}")


@asynccontextmanager
async def on_users_engine(url, schema, **options):
    """Yield a store on an engine of the user, and the engine."""
    engine = create_async_engine(url, **options)
    async with SqlStore(engine, schema=schema, timeout_seconds=PATIENT) as store:
        yield engine, store
    await engine.dispose()


async def denies(store, jti):
    """Check only a token."""
    return await store.is_revoked(jti=jti, sid=None, sub="s", issued_at=NOW, now=NOW)


def use(jti):
    """Return a use of a token."""
    return Consumption(jti, jti, f"next {jti}", b"", NOW, NOW + 60)


CALLS = {
    "is_revoked": lambda store: denies(store, "x"),
    "revoke": lambda store: store.revoke(Revocation("token", "x", NOW + 60), now=NOW),
    "consume": lambda store: store.consume(use("x"), now=NOW),
    "raise_retention": lambda store: store.raise_retention(60),
    "purge": lambda store: store.purge(now=NOW),
}


async def test_two_services_behind_one_pooler_get_correct_results_under_load(
    postgres_url, pgbouncer_url
):
    """Of thousands of checks and uses, none is wrong and none fails."""
    async with prepared(postgres_url) as one, prepared(postgres_url) as other:
        pipes = []
        for place, name in ((one, "one"), (other, "other")):
            here, there = context.Pipe()
            args = (pgbouncer_url, place.part, name, there)
            # Asyncpg counts prepared statements by process: those of both have the same names.
            context.Process(target=pooler_worker.serve, args=args, daemon=True).start()
            pipes.append(here)
        assert [pipe.recv() for pipe in pipes] == ["ready", "ready"]
        for pipe, name in zip(pipes, ("other", "one"), strict=True):
            pipe.send(name)
        calls = 4 * pooler_worker.CALLERS * pooler_worker.ROUNDS
        assert [pipe.recv() for pipe in pipes] == [{"right": calls}] * 2


@pytest.mark.parametrize("call", CALLS)
async def test_an_engine_that_names_its_statements_is_refused_behind_a_pooler(
    postgres_place, pgbouncer_url, call
):
    """Whichever method is called first, the error names the setting."""
    async with on_users_engine(pgbouncer_url, postgres_place.part) as (_, store):
        with pytest.raises(ConfigurationError, match=fix(pgbouncer_url)) as caught:
            await CALLS[call](store)
        assert "pooler" in str(caught.value)


async def test_an_engine_that_names_its_statements_is_accepted_without_a_pooler(postgres_place):
    """On a direct connection no other client has a statement of the same name."""
    async with on_users_engine(postgres_place.url, postgres_place.part) as (_, store):
        for call in CALLS.values():
            await call(store)


async def test_an_engine_that_names_no_statement_is_accepted_behind_a_pooler(
    postgres_place, pgbouncer_url
):
    """A user's engine with the documented setting works, and its session is not changed."""
    async with on_users_engine(pgbouncer_url, postgres_place.part, **safe(pgbouncer_url)) as (
        engine,
        store,
    ):
        for call in CALLS.values():
            await call(store)
        assert await denies(store, "x")
        async with engine.connect() as connection:
            assert await connection.scalar(text("SHOW statement_timeout")) == "0"


async def test_no_client_of_the_pooler_gets_the_timeouts_of_a_store(services, pgbouncer_url):
    """The server's connections are shared, so a setting of the session would affect others."""
    for store in services:
        await asyncio.gather(*(denies(store, str(number)) for number in range(20)))
    engine = create_async_engine(pgbouncer_url, **safe(pgbouncer_url))
    async with engine.connect() as first, engine.connect() as second:
        for connection in (first, second):
            assert await connection.scalar(text("SHOW statement_timeout")) == "0"
            assert await connection.scalar(text("SHOW lock_timeout")) == "0"
    await engine.dispose()


async def test_statements_are_prepared_once_on_direct_connections(postgres_place):
    """With names that no other process uses, or on connections that no other process uses."""
    names = []
    for _ in range(2):
        async with postgres_place.store() as store:
            for number in range(3):
                await denies(store, str(number))
            async with store._database.engine.connect() as connection:
                found = await connection.exec_driver_sql(
                    "SELECT name FROM pg_prepared_statements WHERE statement LIKE '%%tokenward_revocations%%' "
                    "AND statement NOT LIKE '%%pg_prepared_statements%%'"
                )
                names += found.scalars()
    if is_psycopg(postgres_place.url):
        assert names == ["_pg3_0", "_pg3_0"]
        return
    assert len(set(names)) == len(names) == 2
    assert all(name.startswith("tokenward_") for name in names)


async def test_no_call_makes_asyncpg_read_descriptions_of_types(postgres_url):
    """Its query for them can take seconds, on each connection, while other clients wait."""
    async with (
        prepared(postgres_url) as place,
        on_users_engine(place.url, place.part, pool_size=1, max_overflow=0) as (engine, store),
    ):
        for call in CALLS.values():
            await call(store)
        question = text(
            "SELECT statement LIKE '%typeinfo_tree%' FROM pg_prepared_statements "
            "WHERE statement NOT LIKE '%pg_prepared_statements%'"
        )
        async with engine.connect() as connection:
            assert set((await connection.scalars(question)).all()) == {False}


async def test_statements_have_no_names_once_a_pooler_was_found(services, pgbouncer_url):
    """Connections of the server, which other clients share, stay unchanged."""
    for store in services:
        await asyncio.gather(*(denies(store, str(number)) for number in range(20)))
    engine = create_async_engine(pgbouncer_url, **safe(pgbouncer_url))
    async with engine.connect() as first, engine.connect() as second:
        for connection in (first, second):
            question = text("SELECT count(*) FROM pg_prepared_statements")
            assert await connection.scalar(question) == 0
    await engine.dispose()


def test_a_pooler_on_one_connection_decides_for_all():
    """Statements have names only while every connection is known to be direct."""
    names = StatementNames()
    assert names() == ""
    names.note_connection(is_direct=True)
    assert names() != names() != ""
    names.note_connection(is_direct=False)
    names.note_connection(is_direct=True)
    assert names() == ""


async def forget_statements(engine):
    """Deallocate the prepared statements of a connection without the knowledge of its driver."""
    async with engine.connect() as connection:
        if engine.dialect.driver == "psycopg":
            driver = (await connection.get_raw_connection()).driver_connection
            driver.pgconn.exec_(b"DEALLOCATE ALL")
        else:
            await connection.exec_driver_sql("DEALLOCATE ALL")


async def test_an_unknown_statement_is_reported_with_the_setting(postgres_place):
    """A hidden pooler is detected when the server has lost a prepared statement."""
    options = {"connect_args": {"prepare_threshold": 0}} if is_psycopg(postgres_place.url) else {}
    async with on_users_engine(
        postgres_place.url, postgres_place.part, pool_size=1, max_overflow=0, **options
    ) as (
        engine,
        store,
    ):
        assert not await denies(store, "x")
        await forget_statements(engine)
        with pytest.raises(ConfigurationError, match=fix(postgres_place.url)):
            await denies(store, "x")


@pytest.mark.parametrize("call", CALLS)
async def test_the_result_of_another_statement_is_an_error(postgres_place, call):
    """An empty result of another store's statement never means "not revoked"."""
    async with on_users_engine(postgres_place.url, postgres_place.part) as (engine, store):

        def swap(_connection, _cursor, statement, parameters, *_):
            return re.sub(r"'[0-9a-f]{16}:'", "'0123456789abcdef:'", statement), parameters

        event.listen(engine.sync_engine, "before_cursor_execute", swap, retval=True)
        with pytest.raises(MismatchedResultError, match="another statement"):
            await CALLS[call](store)


async def test_revocations_that_were_not_all_written_are_an_error(postgres_place):
    """The result contains the number of written rows."""
    async with on_users_engine(postgres_place.url, postgres_place.part) as (engine, store):

        def drop(_connection, _cursor, statement, parameters, *_):
            return statement.replace("ON CONFLICT", "LIMIT 0 ON CONFLICT"), parameters

        event.listen(engine.sync_engine, "before_cursor_execute", drop, retval=True)
        with pytest.raises(MismatchedResultError):
            await CALLS["revoke"](store)


SETTINGS = [("asyncpg", "statement_cache_size=100"), ("psycopg", "prepare_threshold=5")]


@pytest.mark.parametrize(("driver", "setting"), SETTINGS)
def test_the_setting_in_a_url_names_the_fix(driver, setting):
    """The driver would get it as text; a store and a user's engine refuse it."""
    url = make_url(f"postgresql+{driver}://h/d?{setting}")
    for given in (url, create_async_engine(url)):
        with pytest.raises(ConfigurationError, match=fix(url)):
            SqlStore(given)


def test_the_setting_of_the_store_is_accepted_in_a_url():
    """As text it would fail, so the store replaces it; only in a user's engine it is refused."""
    url = "postgresql+asyncpg://h/d?statement_cache_size=0"
    assert "statement_cache_size" not in SqlStore(url)._database.engine.url.query
    with pytest.raises(ConfigurationError, match=fix(url)):
        SqlStore(create_async_engine(url))
