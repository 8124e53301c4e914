"""The lists of sessions in a database: the table, the purge, and what goes wrong."""

import asyncio
import math
import subprocess
import sys

import pytest
from sqlalchemy import event, select, update

from tests.stores.crash_worker import prepared
from tests.stores.sql_support import statements_of
from tests.stores.test_session_records import listing_store
from tests.support import NOW, SECRET, FrozenClock
from tokenward import ConfigurationError, KeyRing, StoreUnavailableError, TokenEngine
from tokenward.engine import SessionList
from tokenward.stores.protocol import CLOCK_SPARE_SECONDS
from tokenward.stores.session_records import SessionRecord
from tokenward.stores.sql import SqlStore
from tokenward.stores.sql.echoed_statements import MismatchedResultError
from tokenward.stores.sql.schema import DamagedRowError
from tokenward.testing import SessionRecordsContract

PATIENT = 20.0


class TestBehindPgbouncer(SessionRecordsContract):
    """The contract, through a pooler in transaction mode."""

    @pytest.fixture
    async def store(self, postgres_url, pgbouncer_url):
        """Yield a store with the table, which has no rows."""
        async with prepared(postgres_url) as place:
            async with listing_store(place):
                pass
            options = {"schema": place.part, "timeout_seconds": PATIENT}
            async with SqlStore(pgbouncer_url, **options) as store:
                yield store


def record(name, keep_until=NOW + 60):
    """Return a record."""
    return SessionRecord(name, NOW, NOW, keep_until, "Phone")


def table_of(store):
    """Return the table of sessions."""
    (table,) = [
        each for each in store.metadata.sorted_tables if each.name.endswith("open_sessions")
    ]
    return table


def engine_on(store):
    """Build an engine that lists sessions."""
    return TokenEngine(
        KeyRing.from_secret(SECRET), store=store, clock=FrozenClock(), session_list=SessionList()
    )


async def test_the_table_exists_only_for_those_who_list_sessions(new_place):
    """Otherwise the store has the tables that it always had; then a mistake names the fix."""
    async with new_place.store() as store:
        assert len(store.metadata.tables) == 3
        engine = engine_on(store)
        assert len(store.metadata.tables) == 4
        fix = r"await store\.create_tables\(\)"
        for call in (store.ping, lambda: engine.issue_pair("alice")):
            with pytest.raises(ConfigurationError, match=fix):
                await call()
        await store.create_tables()
        await store.create_tables()
        await store.ping()
        await engine.issue_pair("alice", label="Phone")
        assert [each.label for each in await engine.sessions("alice")] == ["Phone"]


async def test_a_missing_column_is_found_by_a_ping(new_place):
    """As of a table of another version."""
    async with listing_store(new_place) as store:
        table = table_of(store)
        async with store._database.engine.begin() as connection:
            name = f"{table.schema}.{table.name}" if table.schema else table.name
            await connection.exec_driver_sql(f"ALTER TABLE {name} RENAME COLUMN label TO note")
        with pytest.raises(ConfigurationError, match="missing or of another version"):
            await store.ping()


async def test_running_creates_the_table(new_place):
    """As it creates all others."""
    async with new_place.store() as store:
        engine = engine_on(store)
        async with engine.running(create_tables=True, purge_every=None):
            await engine.issue_pair("alice")
            assert len(await engine.sessions("alice")) == 1


async def test_a_purge_removes_expired_sessions(new_place):
    """An hour after their end, as all records, however many there are."""
    async with listing_store(new_place) as store:
        records = store.session_records()
        some = [records.add("alice", record(f"s{number}"), now=NOW) for number in range(20)]
        await asyncio.gather(*some)
        await records.add("alice", record("endless", math.inf), now=NOW)
        await records.add("bob", record("long", NOW + 6_000), now=NOW)
        assert await store.purge(now=NOW + 59 + CLOCK_SPARE_SECONDS) == 0
        assert await store.purge(now=NOW + 60 + CLOCK_SPARE_SECONDS) == 20
        assert await store.purge(now=NOW + 60 + CLOCK_SPARE_SECONDS) == 0
        assert [each.session for each in await records.of("alice", now=NOW)] == ["endless"]
        assert [each.session for each in await records.of("bob", now=NOW)] == ["long"]


async def test_two_processes_that_write_the_same_sessions_lose_none(new_place):
    """Whatever the order in which they lock them; the later end stands."""
    async with listing_store(new_place) as one, new_place.store() as other:
        names = [f"s{number:02}" for number in range(30)]
        for name in names:
            await one.session_records().add("alice", record(name), now=NOW)
        writes = []
        for store, order in ((one, names), (other, names[::-1])):
            records = store.session_records()
            for place, name in enumerate(order):
                until = NOW + 100 + place
                writes.append(
                    records.refresh("alice", name, refreshed_at=NOW + 1, keep_until=until, now=NOW)
                )
                writes.append(records.add("alice", record(f"{id(store)}-{name}"), now=NOW))
        await asyncio.gather(*writes)
        found = await one.session_records().of("alice", now=NOW)
        ends = {each.session: each.keep_until for each in found}
        assert len(found) == 90
        assert all(ends[name] == NOW + 100 + max(x, 29 - x) for x, name in enumerate(names))


async def test_a_damaged_record_is_an_outage(new_place):
    """Never an empty list."""
    async with listing_store(new_place) as store:
        engine = engine_on(store)
        await engine.issue_pair("alice")
        table = table_of(store)
        async with store._database.engine.begin() as connection:
            await connection.execute(update(table).values(label='"'))
        with pytest.raises(DamagedRowError):
            await store.session_records().of("alice", now=NOW)
        with pytest.raises(StoreUnavailableError):
            await engine.sessions("alice")


async def test_sessions_that_were_not_all_written_are_an_error(new_postgres_place):
    """The result contains the number of written rows."""
    async with listing_store(new_postgres_place) as store:

        def drop(_connection, _cursor, statement, parameters, *_):
            return statement.replace("ON CONFLICT", "LIMIT 0 ON CONFLICT"), parameters

        engine = store._database.engine
        event.listen(engine.sync_engine, "before_cursor_execute", drop, retval=True)
        with pytest.raises(MismatchedResultError):
            await store.session_records().add("alice", record("one"), now=NOW)


async def test_the_table_contains_text_of_every_label_as_ascii(new_place):
    """No setting of a database or a connection changes it."""
    async with listing_store(new_place) as store:
        records = store.session_records()
        label = "Ä'\"\\😀"
        await records.add("ä" * 300, SessionRecord("one", NOW, NOW, NOW + 60, label), now=NOW)
        async with store._database.engine.connect() as connection:
            (row,) = (await connection.execute(select(table_of(store)))).all()
        assert row.label == "\\u00c4'\\\"\\\\\\ud83d\\ude00"
        assert row.subject.startswith("sha256:")
        assert [each.label for each in await records.of("ä" * 300, now=NOW)] == [label]


async def test_a_store_waits_for_its_writes_before_it_closes(new_place):
    """Also for those of callers that were cancelled."""
    async with listing_store(new_place) as store:
        task = asyncio.create_task(store.session_records().add("alice", record("one"), now=NOW))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await store.aclose()
        await task
    async with new_place.store() as store:
        found = await store.session_records().of("alice", now=NOW)
        assert [each.session for each in found] == ["one"]


async def test_logins_at_the_same_time_share_a_commit(sqlite_place):
    """While one is written, the others are collected."""
    async with listing_store(sqlite_place) as store:
        sent = statements_of(store._database.engine)
        records = store.session_records()
        await asyncio.gather(
            *(records.add("alice", record(f"s{number}"), now=NOW) for number in range(50))
        )
        assert sent.count("BEGIN IMMEDIATE") <= 3
        assert len(await records.of("alice", now=NOW)) == 50


def test_a_store_without_a_list_does_not_import_it():
    """The table and its statements are for those who list sessions."""
    program = """
import sys
from tokenward.stores.sql import SqlStore
SqlStore("sqlite+aiosqlite:///x.db")
print([name for name in sys.modules if "session_" in name and "tokenward.stores" in name])
"""
    found = subprocess.run(  # noqa: S603 - the same Python
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "['tokenward.stores.sql.session_records_method']"
