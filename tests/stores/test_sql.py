"""What is the SqlStore's own: engines, tables, statements, locks, and callers who go away."""

import asyncio
import importlib.util
import sqlite3
import sys
import threading
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from sqlalchemy import URL, StaticPool, event, select, text
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.aiosqlite import SQLiteDialect_aiosqlite
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import create_async_engine

from tests.stores.crash_worker import Place, outcome_of
from tests.support import IS_DEEP, NOW, everything_of
from tokenward import ConfigurationError, Revocation, StoreUnavailableError, TokenRevokedError
from tokenward.stores import CLOCK_SPARE_SECONDS, Consumed, Consumption
from tokenward.stores.sql import SqlStore
from tokenward.stores.sql import store as sql
from tokenward.testing import RevocationStoreContract

CALLERS = 500
ROUNDS = 20 if IS_DEEP else 4
LOST = {"refresh_token_reused", "token_revoked"}


class TestSqlStoreOnSqlite(RevocationStoreContract):
    """The contract, on SQLite."""

    @pytest.fixture
    async def store(self, sqlite_place):
        """Give an empty store."""
        async with sqlite_place.store() as opened:
            yield opened


class TestSqlStoreOnPostgres(RevocationStoreContract):
    """The contract, on PostgreSQL."""

    @pytest.fixture
    async def store(self, postgres_place):
        """Give an empty store."""
        async with postgres_place.store() as opened:
            yield opened


async def denies(store, jti, *, now=NOW):
    """Ask for a token alone."""
    return await store.is_revoked(jti=jti, sid=None, sub="s", issued_at=now, now=now)


def record(identity="x", **changes):
    """Make a revocation of a token."""
    return replace(Revocation("token", identity, NOW + 60), **changes)


def use(jti="x", keep_until=NOW + 60):
    """Make a use of a token."""
    return Consumption(jti, "successor", b"", NOW, keep_until)


@asynccontextmanager
async def borrowed(place, **options):
    """Give an engine of the user's own, and a store on it."""
    engine = create_async_engine(place.url, **options)
    async with SqlStore(engine, schema=place.part, timeout_seconds=place.timeout_seconds) as store:
        yield engine, store
    await engine.dispose()


def heard(engine, name, pick):
    """Collect what `pick` makes of each event of an engine."""
    events = []
    event.listen(engine.sync_engine, name, lambda *args: events.append(pick(*args)))
    return events


def statements_of(engine):
    """Collect the statements that an engine sends."""
    return heard(engine, "before_cursor_execute", lambda _c, _cursor, statement, *_: statement)


def errors_of(engine):
    """Collect the driver's errors."""
    return heard(engine, "handle_error", lambda context: context.original_exception)


async def turn(times):
    """Let the event loop run."""
    for _ in range(times):
        await asyncio.sleep(0)


async def until(condition):
    """Return when a condition holds."""
    async with asyncio.timeout(20):
        while not condition():
            await turn(1)


# How it is made


def test_another_database_is_refused():
    """The message says which databases there are, and holds no password."""
    for url in ("mysql+aiomysql://u:secret@h/d", "sqlite:///file", "postgresql://h/d", "no url"):
        with pytest.raises(ConfigurationError, match=r"supports SQLite and PostgreSQL") as caught:
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
        "sqlite+aiosqlite://hunter2/file",
        "sqlite+aiosqlite:///file?timeout=hunter2",
        "sqlite+aiosqlite:///file?uri=hunter2",
        URL.create("sqlite+aiosqlite", host="hunter2", database="file"),
    ],
)
def test_a_wrong_url_is_refused_and_not_repeated(url):
    """Not in the message, the cause, the hidden context or the traceback: it may hold a password."""
    with pytest.raises(ConfigurationError, match=r"where port is a number") as caught:
        SqlStore(url)
    assert "hunter2" not in everything_of(caught.value)
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


class OtherDialect(SQLiteDialect_aiosqlite):
    """A dialect by another name."""

    name = "other"


def test_an_engine_of_another_database_is_refused():
    """The name of the dialect decides, not that it happens to work."""
    registry.register("other.aio", __name__, "OtherDialect")
    with pytest.raises(ConfigurationError, match="supports SQLite and PostgreSQL"):
        SqlStore(create_async_engine("other+aio:///file"))


def test_a_database_on_one_connection_is_refused():
    """Callers would end up in each other's transactions."""
    for url in ("sqlite+aiosqlite://", "sqlite+aiosqlite:///:memory:"):
        with pytest.raises(ConfigurationError, match="more than one connection"):
            SqlStore(url)
    engine = create_async_engine("sqlite+aiosqlite:///file", poolclass=StaticPool)
    with pytest.raises(ConfigurationError, match="more than one connection"):
        SqlStore(engine)


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), True, "1"])
def test_a_time_out_that_cannot_be_meant_is_refused(seconds):
    """It is a number above zero."""
    with pytest.raises(ConfigurationError, match="timeout_seconds"):
        SqlStore("sqlite+aiosqlite:///file", timeout_seconds=seconds)


def test_an_absent_driver_is_named_with_what_installs_it(monkeypatch):
    """The extra is said, whichever driver it is."""
    for driver, url in (
        ("aiosqlite", "sqlite+aiosqlite:///file"),
        ("asyncpg", "postgresql+asyncpg://h/d"),
    ):
        monkeypatch.setitem(sys.modules, driver, None)
        with pytest.raises(ConfigurationError, match=r"pip install 'tokenward\[sql\]'"):
            SqlStore(url)


def test_an_absent_sqlalchemy_is_named_with_what_installs_it(monkeypatch):
    """Importing the module says so."""
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    spec = importlib.util.spec_from_file_location("tokenward.stores.sql_alone", sql.__file__)
    with pytest.raises(ImportError, match=r"pip install 'tokenward\[sql\]'"):
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


async def test_a_borrowed_engine_stays_open(place):
    """Closing the store leaves the engine and its connections to the user."""
    async with borrowed(place) as (engine, store):
        await store.revoke(record(), now=NOW)
        await store.aclose()
        pool = engine.pool
        assert await denies(store, "x")
        assert engine.pool is pool


async def test_tables_are_made_by_any_number_of_workers_at_once(tmp_path, postgres_place):
    """Once, twice and at the same time; what is in them stays."""
    for url, schema in (
        (f"sqlite+aiosqlite:///{tmp_path / 'new.db'}", None),
        (postgres_place.url, postgres_place.part),
    ):
        stores = [
            SqlStore(url, schema=schema, table_prefix="many_", timeout_seconds=20) for _ in range(8)
        ]
        await asyncio.gather(*(store.create_tables() for store in stores))
        await stores[0].revoke(record(), now=NOW)
        await stores[1].create_tables()
        assert await denies(stores[2], "x")
        for store in stores:
            await store.aclose()


async def test_the_metadata_makes_the_same_tables(tmp_path):
    """Alembic, or whoever else creates from it, gets what the store needs."""
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path / 'other.db'}")
    async with SqlStore(engine, table_prefix="auth_") as store:
        async with engine.begin() as connection:
            await connection.run_sync(store.metadata.create_all)
        assert sorted(store.metadata.tables) == ["auth_consumed", "auth_revocations"]
        await store.create_tables()
        await store.revoke(record(), now=NOW)
        assert await denies(store, "x")
        assert (await store.consume(use(), now=NOW)).is_first
    await engine.dispose()


async def test_an_own_sqlite_file_is_safe_and_lets_readers_in(sqlite_place):
    """Write-ahead log, and a sync of the disk at every commit."""
    async with sqlite_place.store() as store, store._database.engine.connect() as connection:
        modes = [
            (await connection.exec_driver_sql(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "busy_timeout")
        ]
    assert modes == ["wal", 2, sqlite_place.timeout_seconds / 4 * 1000]


async def test_an_engine_that_begins_transactions_its_own_way_will_do(sqlite_place):
    """As in SQLAlchemy's recipe for SQLite, which sends BEGIN itself."""
    async with borrowed(sqlite_place) as (engine, store):
        event.listen(engine.sync_engine, "begin", lambda each: each.exec_driver_sql("BEGIN"))
        await store.create_tables()
        await store.revoke(record(), now=NOW)
        assert await denies(store, "x")


# What it keeps


async def test_what_is_kept_survives_reopening(place):
    """Revocations and uses are there for the next process."""
    async with place.store() as store:
        await store.revoke(record(), now=NOW)
        await store.consume(use(), now=NOW)
    async with place.store() as store:
        assert await denies(store, "x")
        assert await store.consume(use(), now=NOW) == Consumed(is_first=False)


async def test_odd_identities_are_kept_apart(place):
    """NUL, halves of a character, great length, and the text that stands in for one of them."""
    odd = ["a\x00b", "a", "\ud800", "\ud801", "x" * 16_000, "x" * 16_001, "", "é"]
    async with place.store() as store:
        for identity in odd:
            assert not await denies(store, identity)
            assert (await store.consume(use(identity), now=NOW)).is_first
            await store.revoke(record(identity), now=NOW)
            assert await denies(store, identity)
        stand_in = sql.key_of("é")
        assert not await denies(store, stand_in)


async def test_a_record_that_is_over_gives_way(place):
    """A subject that was denied whole, and a token that was used, begin anew."""
    async with place.store() as store:
        await store.revoke(Revocation("subject", "alice", NOW + 10), now=NOW)
        await store.revoke(Revocation("subject", "alice", NOW + 99, NOW + 20), now=NOW + 20)
        asked = {"jti": "j", "sid": None, "sub": "alice", "now": NOW + 21}
        assert await store.is_revoked(**asked, issued_at=NOW + 19)
        assert not await store.is_revoked(**asked, issued_at=NOW + 20)
        assert (await store.consume(use(), now=NOW)).is_first
        assert (await store.consume(use(keep_until=NOW + 99), now=NOW + 60)).is_first
        assert not (await store.consume(use(), now=NOW + 98)).is_first


CALLS = {
    "is_revoked": lambda store: denies(store, "a-very-secret-identity"),
    "revoke": lambda store: store.revoke(record("a-very-secret-identity"), now=NOW),
    "consume": lambda store: store.consume(use("a-very-secret-identity"), now=NOW),
    "raise_retention": lambda store: store.raise_retention(60),
    "purge": lambda store: store.purge(now=NOW),
}


async def remove_tables(store):
    """Drop the tables of a store."""
    async with store._database.engine.begin() as connection:
        await connection.run_sync(store.metadata.drop_all)


@pytest.mark.parametrize("call", CALLS)
async def test_missing_tables_are_named_with_what_creates_them(place, call):
    """The programmer's mistake is told apart from an outage, whichever call finds it."""
    async with place.store() as store:
        await remove_tables(store)
        with pytest.raises(ConfigurationError, match=r"await store\.create_tables\(\)"):
            await CALLS[call](store)
        await store.create_tables()
        await CALLS[call](store)


@pytest.mark.parametrize("call", ["is_revoked", "revoke", "consume"])
async def test_no_error_holds_an_identity(place, call):
    """Neither the statement's values nor the driver's words get out, with their causes."""
    async with place.store() as store:
        await remove_tables(store)
        with pytest.raises(ConfigurationError) as caught:
            await CALLS[call](store)
        cause = caught.value.__cause__
        assert "tokenward_" in str(cause)
        assert "very-secret" not in f"{caught.value} {cause} {getattr(cause, 'orig', None)!r}"


# What it sends


async def test_checks_of_one_turn_are_one_select(place):
    """A hundred of them; three hundred are two on one connection."""
    async with borrowed(place) as (engine, store):
        sent = statements_of(engine)
        checked_out = heard(engine, "checkout", lambda *_: 1)
        await asyncio.gather(*(denies(store, str(number)) for number in range(100)))
        assert [each.split()[0] for each in sent] == ["SELECT"]
        await asyncio.gather(*(denies(store, str(number)) for number in range(300)))
        assert len(sent) == 3
        assert len(checked_out) == 2


async def test_a_busy_store_lets_many_writes_share_a_commit(place):
    """A thousand uses and a thousand revocations are a handful of transactions."""
    async with borrowed(place) as (engine, store):
        sent = heard(engine, "checkout", lambda *_: 1)
        uses = [store.consume(use(str(number)), now=NOW) for number in range(1000)]
        assert all(each.is_first for each in await asyncio.gather(*uses))
        records = [record(str(number)) for number in range(1000)]
        await asyncio.gather(*(store.revoke(each, now=NOW) for each in records))
        assert len(sent) < 20
        assert all(await asyncio.gather(*(denies(store, str(number)) for number in range(1000))))


async def test_purging_goes_in_batches_shared_by_workers(place):
    """No statement deletes more than a thousand, and two workers delete each record once."""
    async with place.store() as store, borrowed(place) as (engine, other):
        for keep_until, count in ((NOW + 1, 2500), (NOW + 60, 10)):
            records = [record(f"{keep_until} {n}", keep_until=keep_until) for n in range(count)]
            await asyncio.gather(*(store.revoke(each, now=NOW) for each in records))
            uses = [use(f"{keep_until} {n}", keep_until) for n in range(count)]
            await asyncio.gather(*(store.consume(each, now=NOW) for each in uses))
        sent = statements_of(engine)
        assert await store.purge(now=NOW + CLOCK_SPARE_SECONDS + 0.9) == 0
        due = NOW + 1 + CLOCK_SPARE_SECONDS
        counts = await asyncio.gather(store.purge(now=due), other.purge(now=due))
        assert sum(counts) == 5000
        assert counts[1] <= 1000 * len([each for each in sent if "DELETE" in each])
        assert await denies(store, f"{NOW + 60} 9", now=NOW + 1)
        assert not (await store.consume(use(f"{NOW + 60} 9"), now=NOW + 1)).is_first


# Races


async def test_fifty_writers_on_one_file_lose_nothing_and_weaken_nothing(sqlite_place):
    """Each with connections of its own: all records are there, and the strongest stands."""
    stores = [sqlite_place.store() for _ in range(50)]

    async def write(number):
        await stores[number].revoke(record(f"own {number}"), now=NOW)
        shared = Revocation("subject", "shared", NOW + 100 + number, NOW + number)
        await stores[number].revoke(shared, now=NOW)
        return (await stores[number].consume(use("shared"), now=NOW)).is_first

    firsts = await asyncio.gather(*(write(number) for number in range(50)))
    assert firsts.count(True) == 1
    asked = {"jti": "j", "sid": None, "sub": "shared"}
    for number, store in enumerate(stores):
        assert await denies(stores[0], f"own {number}")
        assert await store.is_revoked(**asked, issued_at=NOW + 48.9, now=NOW + 148)
        assert not await store.is_revoked(**asked, issued_at=NOW + 49, now=NOW + 148)
    for store in stores:
        await store.aclose()


async def test_of_500_refreshes_at_once_one_wins(place):
    """In each round: one pair, and the documented error for everybody else."""
    async with place.engine() as engine:
        for _ in range(ROUNDS):
            token = (await engine.issue_pair("alice")).refresh_token
            calls = (outcome_of(engine, token) for _ in range(CALLERS))
            outcomes = await asyncio.gather(*calls)
            assert len([each for each in outcomes if each not in LOST]) == 1


async def test_within_the_grace_500_refreshes_at_once_get_one_pair(place):
    """In each round everybody gets the same one."""
    async with replace(place, grace_seconds=10).engine() as engine:
        for _ in range(ROUNDS):
            token = (await engine.issue_pair("alice")).refresh_token
            calls = (outcome_of(engine, token) for _ in range(CALLERS))
            outcomes = set(await asyncio.gather(*calls))
            assert len(outcomes) == 1
            assert not outcomes & LOST


# What stands in the way


async def test_a_locked_file_is_an_outage_of_bounded_length(sqlite_place, tmp_path):
    """Three tries, then 503; when the lock is gone, everything works again."""
    place = replace(sqlite_place, timeout_seconds=0.4)
    loop = asyncio.get_running_loop()
    other = sqlite3.connect(tmp_path / "revocations.db", isolation_level=None)
    options = {"connect_args": {"timeout": 0.05}}
    async with borrowed(place, **options) as (sqlalchemy_engine, store):
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
        assert loop.time() - started < 5
        other.execute("ROLLBACK")
        other.close()
        assert (await engine.refresh(pair.refresh_token)).refresh_token
        await engine.revoke(pair.access_token)
        with pytest.raises(TokenRevokedError):
            await engine.decode(pair.access_token)


async def test_a_purge_waits_for_others_that_write(sqlite_place, tmp_path):
    """Nobody waits for it with a time-out, so it is more patient than a write; not for ever."""
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


async def test_a_database_that_hangs_holds_nobody_up(postgres_place):
    """Two hundred callers end with 503 in bounded time, no connection is lost, and it recovers."""
    place = replace(postgres_place, timeout_seconds=0.3)
    loop = asyncio.get_running_loop()
    table = f"{place.part}.tokenward_revocations"
    async with borrowed(place) as (sqlalchemy_engine, store):
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
            assert loop.time() - started < 5
        await store.aclose()
        assert sqlalchemy_engine.pool.checkedout() == 0
        assert (await engine.decode(token)).sub == "alice"


async def waits_for_a_lock(connection, application):
    """Return when a connection of an application waits for a lock."""
    question = text(
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE application_name = :name AND wait_event_type = 'Lock'"
    )
    async with asyncio.timeout(20):
        while not await connection.scalar(question, {"name": application}):
            # The views of one transaction stand still.
            await connection.execute(text("SELECT pg_stat_clear_snapshot()"))


def named(place, **settings):
    """Give the options of an engine whose connections can be told apart."""
    return {"connect_args": {"server_settings": {"application_name": place.part, **settings}}}


async def test_a_serialization_failure_is_tried_again(postgres_place):
    """In the strictest isolation, who loses to a transaction is told so, and not of an error."""
    options = named(postgres_place, default_transaction_isolation="serializable")
    async with (
        borrowed(postgres_place, **options) as (engine, store),
        borrowed(postgres_place) as (other_engine, other),
    ):
        errors = errors_of(engine)
        async with other_engine.connect() as connection:
            row = {"jti": "x", "used_at": NOW, "grace_until": NOW, "keep_until": NOW + 60}
            table = other.metadata.tables[f"{postgres_place.part}.tokenward_consumed"]
            await connection.execute(table.insert().values(successor="y", sealed=b"", **row))
            call = asyncio.create_task(store.consume(use(), now=NOW))
            await waits_for_a_lock(connection, postgres_place.part)
            await connection.commit()
        assert await call == Consumed(is_first=False)
        assert [each.sqlstate for each in errors] == ["40001"]


async def test_a_deadlock_is_tried_again(postgres_place):
    """A batch that PostgreSQL chooses as the victim is written after all."""
    async with (
        borrowed(postgres_place, **named(postgres_place)) as (engine, store),
        borrowed(postgres_place) as (other_engine, _),
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


async def test_lost_connections_are_replaced(postgres_place):
    """Reads and revocations are tried again at once; of a use nobody knows whether it was done."""
    kill = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = :n"
    )
    async with (
        borrowed(postgres_place, **named(postgres_place)) as (engine, store),
        borrowed(postgres_place) as (other_engine, _),
    ):
        opened = heard(engine, "connect", lambda connection, _: connection.driver_connection)

        async def lose():
            async with other_engine.begin() as connection:
                killed = await connection.execute(kill, {"n": postgres_place.part})
                assert killed.all()
            await until(lambda: all(each.is_closed() for each in opened))

        await store.revoke(record(), now=NOW)
        await lose()
        assert await denies(store, "x")
        await lose()
        await store.revoke(record("y"), now=NOW)
        await lose()
        with pytest.raises(DBAPIError):
            await store.consume(use(), now=NOW)
        assert (await store.consume(use(), now=NOW)).is_first


# Callers who go away


async def test_who_leaves_before_a_write_begins_has_nothing_done(place):
    """A call that is cancelled in its first turn is not sent."""
    async with borrowed(place) as (engine, store):
        sent = statements_of(engine)
        call = asyncio.create_task(store.revoke(record(), now=NOW))
        await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await store.aclose()
        assert sent == []


async def test_who_leaves_during_a_write_does_not_disturb_it(sqlite_place, tmp_path):
    """Others of the same batch get their answer, or the error, as if nothing had happened."""
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
    """Afterwards the token works or is consumed; no transaction and no connection stays behind."""
    place = replace(place, grace_seconds=grace_seconds)
    cancelled = 0
    async with borrowed(place, **(named(place) if place.part else {})) as (engine, store):
        issuer = place.engine_with(store)
        turns = 0
        while True:
            token = (await issuer.issue_pair("alice")).refresh_token
            call = asyncio.create_task(outcome_of(issuer, token))
            await turn(turns)
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
        await nothing_is_open(engine, place)


async def nothing_is_open(engine, place: Place):
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
