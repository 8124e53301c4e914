"""The records of a SqlStore, and how long it keeps them."""

import asyncio
import math
import random
import re
import sqlite3

import pytest
from sqlalchemy import func, insert, literal, select, text
from sqlalchemy.ext.asyncio import create_async_engine

from tests.stores.sql_support import is_mysql
from tests.support import NOW
from tokenward import ConfigurationError, Revocation
from tokenward.stores import CLOCK_SPARE_SECONDS, RECENT_USES, Consumed, Consumption
from tokenward.stores.sql import SqlStore
from tokenward.stores.sql.lookups import Replay
from tokenward.stores.sql.postgres_writes import _clear_sealed
from tokenward.stores.sql.schema import DamagedRowError

SEALED = b"\x00sealed pair\xff"
UNUSED = Consumed(is_first=False, sealed=SEALED, is_in_grace=True)
SUPERSEDED = Consumed(is_first=False, is_in_grace=True)
REUSED = Consumed(is_first=False)


def use(jti, successor="none", *, session="s", grace=10.0, sealed=SEALED, keep_until=NOW + 600):
    """Return a use of a token."""
    return Consumption(session, jti, successor, sealed, NOW + grace, keep_until)


async def sealed_in(store):
    """Return the sessions whose sealed pair is in the table."""
    table = store._tables.sessions
    async with store._database.engine.connect() as connection:
        rows = await connection.execute(select(table.c.session, table.c.sealed))
        return sorted(row.session for row in rows if row.sealed)


async def revoke(store, now):
    """Write a revocation."""
    await store.revoke(Revocation("session", "other", NOW + 600), now=now)


# Sealed pairs


async def test_a_sealed_pair_is_removed_when_its_successor_is_used(place):
    """Only this pair: those of other sessions stay until their grace ends."""
    async with place.store() as store:
        await store.consume(use("a", "b"), now=NOW)
        await store.consume(use("x", "y", session="other"), now=NOW)
        assert await sealed_in(store) == ["other", "s"]
        await store.consume(use("b", "c", sealed=b""), now=NOW + 1)
        assert await sealed_in(store) == ["other"]
        assert await store.consume(use("a"), now=NOW + 2) == SUPERSEDED
        assert await store.consume(use("x", session="other"), now=NOW + 2) == UNUSED


@pytest.mark.parametrize("step", ["consume", "revoke", "purge"])
async def test_a_sealed_pair_is_removed_with_the_next_write_after_its_grace(place, step):
    """By any write or purge, of any session."""
    steps = {
        "consume": lambda store, now: store.consume(
            use("other", session="other", sealed=b""), now=now
        ),
        "revoke": revoke,
        "purge": lambda store, now: store.purge(now=now),
    }
    async with place.store() as store:
        await store.consume(use("a", "b"), now=NOW)
        await steps[step](store, NOW + 9.999)
        assert await sealed_in(store) == ["s"]
        assert await store.consume(use("a"), now=NOW + 9.999) == UNUSED
        await steps[step](store, NOW + 10)
        assert await sealed_in(store) == []
        assert await store.consume(use("a"), now=NOW + 10) == REUSED


async def test_a_later_use_knows_whether_it_is_in_the_grace(place):
    """By the grace that the first use has stored, even without a sealed pair."""
    async with place.store() as store:
        await store.consume(use("a", sealed=b""), now=NOW)
        assert await store.consume(use("a", grace=99), now=NOW + 9.999) == SUPERSEDED
        assert await store.consume(use("a", grace=99), now=NOW + 10) == REUSED


async def test_many_sealed_pairs_are_removed_in_parts(place):
    """No step removes more than a thousand, so that none takes long; a purge removes all."""
    async with place.store() as store:
        rows = [
            {"session": str(number), "next_token": "y", "recent": "", "sealed": SEALED,
             "used_at": NOW, "grace_until": NOW + 1, "graces_until": NOW + 1,
             "keep_until": NOW + 600}
            for number in range(3500)
        ]  # fmt: skip
        async with store._database.engine.begin() as connection:
            await connection.execute(store._tables.sessions.insert(), rows)
        await revoke(store, NOW + 1)
        assert len(await sealed_in(store)) == 2500
        assert await store.purge(now=NOW + 1) == 0
        assert await sealed_in(store) == []


async def test_concurrent_uses_remove_sealed_pairs_once_each_and_lose_nothing(place):
    """Stores that remove the same pairs neither fail nor wait for each other."""
    stores = [place.store() for _ in range(4)]
    for number in range(400):
        await stores[0].consume(use("old", "new", session=f"{number}"), now=NOW)
    # Each store uses some sessions and finds the pairs of the others to be due.
    order = random.Random(3)  # noqa: S311 - an order, not a secret
    uses = [
        store.consume(use("new", "next", session=f"{number}"), now=NOW + 20)
        for store in stores
        for number in order.sample(range(400), 300)
    ]
    outcomes = await asyncio.gather(*uses)
    async with stores[0]._database.engine.connect() as connection:
        used = await connection.scalar(
            select(func.count())
            .select_from(stores[0]._tables.sessions)
            .where(stores[0]._tables.sessions.c.used_at == NOW + 20)
        )
    assert [each.is_first for each in outcomes].count(True) == used
    await stores[0].purge(now=NOW + 20)
    assert await sealed_in(stores[0]) == []
    for store in stores:
        await store.aclose()


async def test_a_step_on_sqlite_reads_only_the_pairs_that_are_due(sqlite_place):
    """With any number of sealed pairs."""
    async with sqlite_place.store() as store:
        for name, statement in zip(("sessions", "consumed"), store._writes._unseals, strict=True):
            async with store._database.engine.connect() as connection:
                plan = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", (NOW,))
                steps = [row.detail for row in plan]
            index = f"INDEX tokenward_{name}_sealed_grace_until (grace_until<?)"
            assert [step for step in steps if step.endswith(index)]
            assert not [step for step in steps if step.startswith("SCAN tokenward")]


@pytest.mark.parametrize(("rows", "analyzed"), [(0, False), (20_000, False), (20_000, True)])
async def test_a_step_on_postgresql_reads_only_the_pairs_that_are_due(
    new_postgres_place, rows, analyzed
):
    """Also with a plan for an empty table, and with and without statistics."""
    async with new_postgres_place.store() as store:
        table = store._tables.sessions
        # Asyncpg numbers parameters as PREPARE does.
        dialect = create_async_engine("postgresql+asyncpg://").dialect
        statement = _clear_sealed(table).compile(dialect=dialect)
        texts = {"BYTEA": "''", "FLOAT": f"{NOW}", "TEXT[]": "array['a', 'b']"}
        kinds = dict(re.findall(r"\$(\d)::(\S+?)(?=[\s)])", str(statement)))
        parameters = ", ".join(texts[kinds[number]] for number in sorted(kinds))
        async with store._database.engine.begin() as connection:
            send = connection.exec_driver_sql
            numbers = func.generate_series(1, rows).column_valued("number")
            each = (func.concat("s", numbers), literal("j"), literal(""), literal(SEALED))
            times = (NOW, NOW + 10, NOW + 10, NOW + 60)
            values = select(*each, *map(literal, times))
            names = [column.name for column in table.columns]
            await connection.execute(insert(table).from_select(names, values))
            if analyzed:
                await send(f"ANALYZE {table.fullname}")
            await send("SET LOCAL plan_cache_mode = force_generic_plan")
            await send(f"PREPARE step AS {statement}")
            plan = (await send(f"EXPLAIN EXECUTE step({parameters})")).scalars().all()
            await send("DEALLOCATE step")
    conditions = {line.strip() for line in plan if "Index Cond" in line}
    assert any("grace_until <=" in each for each in conditions)
    assert not [line for line in plan if "Seq Scan" in line]


async def test_of_two_revocations_at_once_the_later_times_stand(place):
    """One transaction writes both: the end of the first, and the moment of the second."""
    async with place.store() as store:
        await asyncio.gather(
            store.revoke(Revocation("subject", "alice", NOW + 9000, NOW - 20), now=NOW),
            store.revoke(Revocation("subject", "alice", NOW + 60, NOW - 10), now=NOW),
        )
        asked = {"jti": "x", "sid": None, "sub": "alice", "now": NOW + 8000}
        assert await store.is_revoked(issued_at=NOW - 15, **asked)
        assert not await store.is_revoked(issued_at=NOW - 5, **asked)


async def test_a_record_that_was_removed_before_it_is_read_counts_as_used(place):
    """A use that was not the first one stays so, even if a purge ran in between."""
    async with place.store() as store:
        assert await store._replays.submit(Replay("s", "a", NOW)) == REUSED


async def test_a_refresh_leaves_no_row_behind(place):
    """Three sessions that refresh twenty times are three rows, with a bounded number of uses."""
    async with place.store() as store:
        table, sizes = store._tables.sessions, []
        for number in range(20):
            # Before the last use, the grace of all others has ended.
            seconds = number if number < 19 else 60
            for session in "abc":
                each = use(f"{number}", f"{number + 1}", session=session, grace=seconds + 5)
                assert (await store.consume(each, now=NOW + seconds)).is_first
            async with store._database.engine.connect() as connection:
                length = select(func.max(func.length(table.c.recent)))
                sizes.append(await connection.scalar(length))
        assert await count_of(store, table) == 3
        assert await count_of(store, store._tables.consumed) == 0
        uses = [min(number + 1, RECENT_USES) for number in range(19)]
        assert sizes == [48 * each for each in (*uses, 1)]


# The retention


async def test_the_retention_is_kept_with_the_records(place):
    """The next process, and a purge far in the future, still find it."""
    async with place.store() as store:
        assert await store.raise_retention(0) == 0
        assert await store.raise_retention(60) == 60
        assert await store.raise_retention(30) == 60
    async with place.store() as store:
        assert await store.purge(now=NOW * 2) == 0
        assert await store.raise_retention(0) == 60
        assert await store.raise_retention(math.inf) == math.inf
        assert await store.raise_retention(90) == math.inf


async def test_the_greatest_of_many_retentions_at_once_wins(place):
    """Whatever the order of the processes, none lowers the value of another."""
    stores = [place.store() for _ in range(4)]
    calls = (
        store.raise_retention(float(number)) for number in range(50, 0, -1) for store in stores
    )
    await asyncio.gather(*calls)
    for store in stores:
        assert await store.raise_retention(0) == 50
        await store.aclose()


async def test_a_known_retention_is_not_written_again(place):
    """Registering only reads, unless it raises the stored value."""
    async with place.store() as store:
        await store.raise_retention(60)
        if place.part is None:
            path = place.url.removeprefix("sqlite+aiosqlite:///")
            other = sqlite3.connect(path, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            assert await store.raise_retention(60) == 60
            other.close()
        else:
            engine = create_async_engine(place.url)
            async with engine.connect() as other:
                table = store._tables.revocations.fullname
                lock = (
                    f"LOCK TABLES {table} READ"
                    if is_mysql(place.url)
                    else f"LOCK TABLE {table} IN SHARE MODE"
                )
                await other.execute(text(lock))
                assert await store.raise_retention(60) == 60
                await other.invalidate()
            await engine.dispose()


@pytest.mark.parametrize("seconds", [-1.0, math.nan])
async def test_an_invalid_retention_is_refused(sqlite_place, seconds):
    """Nothing is stored that could not be raised any more."""
    async with sqlite_place.store() as store:
        with pytest.raises(ValueError, match="zero or more"):
            await store.raise_retention(seconds)
        assert await store.raise_retention(0) == 0


# Clocks


async def test_a_purge_by_a_clock_that_is_ahead_frees_nothing(place):
    """Records outlive their end by the spare time, but no longer deny anything."""
    async with place.store() as store:
        await store.revoke(Revocation("token", "x", NOW + 60), now=NOW)
        await store.consume(use("x", keep_until=NOW + 60), now=NOW)
        assert await store.purge(now=NOW + 60 + CLOCK_SPARE_SECONDS - 1) == 0
        assert await denies(store, "x", now=NOW + 59)
        assert not await denies(store, "x", now=NOW + 60)
        assert not (await store.consume(use("x"), now=NOW + 59)).is_first
        assert await store.purge(now=NOW + 60 + CLOCK_SPARE_SECONDS) == 2


async def denies(store, jti, now):
    """Check only a token."""
    return await store.is_revoked(jti=jti, sid=None, sub="s", issued_at=now, now=now)


# Earlier versions


def former(jti, successor, **changes):
    """Return the row that an earlier version has written for the use of a token."""
    row = {"jti": jti, "successor": successor, "sealed": SEALED, "used_at": NOW}
    return row | {"grace_until": NOW + 10, "keep_until": NOW + 600} | changes


async def write_former(store, *rows):
    """Write rows as an earlier version."""
    async with store._database.engine.begin() as connection:
        await connection.execute(store._tables.consumed.insert(), rows)


async def count_of(store, table):
    """Return the number of rows of a table."""
    async with store._database.engine.connect() as connection:
        return await connection.scalar(select(func.count()).select_from(table))


async def test_a_token_that_an_earlier_version_has_consumed_stays_consumed(place):
    """Within its grace it gets its pair, until a token of its session is consumed."""
    async with place.store() as store:
        await write_former(store, former("a", "b"), former("x", "y"), former("y", "z"))
        assert await store.consume(use("a"), now=NOW + 1) == UNUSED
        assert await store.consume(use("x", session="other"), now=NOW + 1) == SUPERSEDED
        assert await store.consume(use("y", session="other"), now=NOW + 1) == UNUSED
        assert await count_of(store, store._tables.sessions) == 0
        assert (await store.consume(use("b", "c"), now=NOW + 1)).is_first
        assert await store.consume(use("a"), now=NOW + 2) == SUPERSEDED
        assert await store.consume(use("y", session="other"), now=NOW + 2) == UNUSED
        assert await store.consume(use("b"), now=NOW + 2) == UNUSED
        for session, jti in (("s", "a"), ("other", "x"), ("other", "y")):
            assert await store.consume(use(jti, session=session), now=NOW + 10) == REUSED


async def test_an_expired_record_of_an_earlier_version_counts_as_none(place):
    """As before; and the record of the session decides from then on."""
    async with place.store() as store:
        await write_former(store, former("a", "b", keep_until=NOW + 1))
        assert (await store.consume(use("a", "c"), now=NOW + 1)).is_first
        assert await store.consume(use("a"), now=NOW + 2) == UNUSED
        assert await store.consume(use("b"), now=NOW + 2) == REUSED


async def test_records_of_an_earlier_version_are_purged(place):
    """Their sealed pairs when the grace has ended, and the rows with the spare time."""
    async with place.store() as store:
        rows = [former(str(number), "y", keep_until=NOW + 60) for number in range(1500)]
        await write_former(store, *rows)
        assert await store.purge(now=NOW + 10) == 0
        table = store._tables.consumed
        async with store._database.engine.connect() as connection:
            sealed = select(func.count()).where(func.length(table.c.sealed) > 0)
            assert await connection.scalar(sealed) == 0
        assert await store.purge(now=NOW + 60 + CLOCK_SPARE_SECONDS) == 1500
        assert await count_of(store, table) == 0


async def test_tables_of_an_earlier_version_get_the_missing_table(new_place):
    """Without it every refresh names the fix; create_tables adds it, and old tokens go on working."""
    async with new_place.store() as store:
        await write_former(store, former("a", "b"))
        async with store._database.engine.begin() as connection:
            await connection.run_sync(store._tables.sessions.drop)
        for call in (store.consume(use("a"), now=NOW), store.consume(use("b"), now=NOW)):
            with pytest.raises(ConfigurationError, match=r"await store\.create_tables\(\)"):
                await call
        await store.create_tables()
        assert await store.consume(use("a"), now=NOW) == UNUSED
        assert (await store.consume(use("b", "c"), now=NOW)).is_first


@pytest.mark.parametrize(
    "recent", ["", "x", "x" * 33, "x" * 48, "0" * 49, "0" * 32 + "7ff8" + "0" * 12]
)
async def test_a_damaged_row_is_an_outage(place, recent):
    """It is neither "not used" nor a reuse, which would end the session."""
    async with place.store() as store:
        await store.consume(use("a", "b"), now=NOW)
        table = store._tables.sessions
        async with store._database.engine.begin() as connection:
            await connection.execute(table.update().values(recent=recent))
        with pytest.raises(DamagedRowError) as caught:
            await store.consume(use("a"), now=NOW)
        assert "xx" not in str(caught.value)


async def test_tables_of_another_version_are_reported(new_place):
    """A missing column is a configuration error, not an outage."""
    async with new_place.store() as store:
        prefix = f"{new_place.part}." if new_place.part else ""
        async with store._database.engine.begin() as connection:
            await connection.exec_driver_sql(
                f"ALTER TABLE {prefix}tokenward_sessions RENAME COLUMN used_at TO renamed"
            )
        with pytest.raises(ConfigurationError, match="another version"):
            await store.consume(use("a"), now=NOW)


# Processes and event loops


async def consumed(store):
    """Use a token in the running event loop."""
    return await store.consume(use("a"), now=NOW)


def test_a_second_event_loop_is_refused_by_every_call(tmp_path):
    """With the fix, instead of an outage that never ends."""
    with asyncio.Runner() as first:
        store = SqlStore(f"sqlite+aiosqlite:///{tmp_path / 'tokens.db'}")
        first.run(store.create_tables())
        for call in (
            store.create_tables,
            lambda: denies(store, "x", NOW),
            lambda: revoke(store, NOW),
            lambda: consumed(store),
            lambda: store.raise_retention(60),
            lambda: store.purge(now=NOW),
        ):
            with asyncio.Runner() as second, pytest.raises(ConfigurationError, match="event loop"):
                second.run(call())
        assert first.run(consumed(store)).is_first
        first.run(store.aclose())
