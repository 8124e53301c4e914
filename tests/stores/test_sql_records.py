"""The records of a SqlStore, and how long it keeps them."""

import asyncio
import math
import re
import sqlite3

import pytest
from sqlalchemy import func, insert, literal, select, text
from sqlalchemy.ext.asyncio import create_async_engine

from tests.support import NOW
from tokenward import ConfigurationError, Revocation
from tokenward.stores import CLOCK_SPARE_SECONDS, Consumed, Consumption
from tokenward.stores.sql import SqlStore
from tokenward.stores.sql.postgres_writes import _clear_sealed

SEALED = b"\x00sealed pair\xff"
UNUSED = Consumed(is_first=False, sealed=SEALED, is_in_grace=True)
SUPERSEDED = Consumed(is_first=False, is_in_grace=True)
REUSED = Consumed(is_first=False)


def use(jti, successor="none", *, grace=10.0, sealed=SEALED, keep_until=NOW + 600):
    """Return a use of a token."""
    return Consumption(jti, successor, sealed, NOW + grace, keep_until)


async def sealed_in(store):
    """Return the tokens whose sealed pair is in the table."""
    table = store._tables.consumed
    async with store._database.engine.connect() as connection:
        rows = await connection.execute(select(table.c.jti, table.c.sealed))
        return sorted(row.jti for row in rows if row.sealed)


async def revoke(store, now):
    """Write a revocation."""
    await store.revoke(Revocation("session", "other", NOW + 600), now=now)


# Sealed pairs


async def test_a_sealed_pair_is_removed_when_its_successor_is_used(place):
    """Only this pair: those of other sessions stay until their grace ends."""
    async with place.store() as store:
        await store.consume(use("a", "b"), now=NOW)
        await store.consume(use("x", "y"), now=NOW)
        assert await sealed_in(store) == ["a", "x"]
        await store.consume(use("b", "c"), now=NOW + 1)
        assert await sealed_in(store) == ["b", "x"]
        assert await store.consume(use("a"), now=NOW + 2) == SUPERSEDED
        assert await store.consume(use("b"), now=NOW + 2) == UNUSED


@pytest.mark.parametrize("step", ["consume", "revoke", "purge"])
async def test_a_sealed_pair_is_removed_with_the_next_write_after_its_grace(place, step):
    """By any write or purge, of any session."""
    steps = {
        "consume": lambda store, now: store.consume(use("other", sealed=b""), now=now),
        "revoke": revoke,
        "purge": lambda store, now: store.purge(now=now),
    }
    async with place.store() as store:
        await store.consume(use("a", "b"), now=NOW)
        await steps[step](store, NOW + 9.999)
        assert await sealed_in(store) == ["a"]
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


async def test_many_sealed_pairs_of_an_earlier_version_are_removed_in_parts(place):
    """No step removes more than a thousand, so that none takes long; a purge removes all."""
    async with place.store() as store:
        rows = [
            {"jti": str(number), "successor": "y", "sealed": SEALED, "used_at": NOW,
             "grace_until": NOW + 1, "keep_until": NOW + 600}
            for number in range(3500)
        ]  # fmt: skip
        async with store._database.engine.begin() as connection:
            await connection.execute(store._tables.consumed.insert(), rows)
        await revoke(store, NOW + 1)
        assert len(await sealed_in(store)) == 2500
        assert await store.purge(now=NOW + 1) == 0
        assert await sealed_in(store) == []


async def test_concurrent_uses_remove_sealed_pairs_once_each_and_lose_nothing(place):
    """Stores that remove the same pairs neither fail nor wait for each other."""
    stores = [place.store() for _ in range(4)]
    for number in range(200):
        await stores[0].consume(use(f"old {number}", f"new {number}"), now=NOW)
    uses = (
        store.consume(use(f"new {number}", f"next {number}"), now=NOW + 20)
        for number in range(200)
        for store in stores
    )
    outcomes = await asyncio.gather(*uses)
    assert [each.is_first for each in outcomes].count(True) == 200
    assert [name for name in await sealed_in(stores[0]) if name.startswith("old")] == []
    for store in stores:
        await store.aclose()


async def test_a_step_on_sqlite_reads_only_the_pairs_that_are_due(sqlite_place):
    """With any number of sealed pairs, both conditions use an index."""
    async with sqlite_place.store() as store:
        statement = "?, ?".join(store._writes._unseal)
        async with store._database.engine.connect() as connection:
            values = (NOW, "a", "b")
            plan = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
            steps = [row.detail for row in plan]
    table = "SEARCH tokenward_consumed USING INDEX"
    assert f"{table} tokenward_consumed_sealed_grace_until (grace_until<?)" in steps
    assert f"{table} tokenward_consumed_sealed_successor (successor=?)" in steps
    assert not [step for step in steps if step.startswith("SCAN tokenward")]


@pytest.mark.parametrize(("rows", "analyzed"), [(0, False), (20_000, False), (20_000, True)])
async def test_a_step_on_postgresql_reads_only_the_pairs_that_are_due(
    postgres_place, rows, analyzed
):
    """Also with a plan for an empty table, and with and without statistics."""
    async with postgres_place.store() as store:
        table = store._tables.consumed
        statement = _clear_sealed(table).compile(dialect=store._database.engine.dialect)
        values = {"BYTEA": "''", "FLOAT": f"{NOW}", "TEXT[]": "array['a', 'b']"}
        kinds = dict(re.findall(r"\$(\d)::(\S+?)(?=[\s)])", str(statement)))
        parameters = ", ".join(values[kinds[number]] for number in sorted(kinds))
        async with store._database.engine.begin() as connection:
            send = connection.exec_driver_sql
            numbers = func.generate_series(1, rows).column_valued("number")
            each = (func.concat("j", numbers), func.concat("s", numbers), literal(SEALED))
            times = (literal(NOW), literal(NOW + 10), literal(NOW + 60))
            names = [column.name for column in table.columns]
            await connection.execute(insert(table).from_select(names, select(*each, *times)))
            if analyzed:
                await send(f"ANALYZE {table.fullname}")
            await send("SET LOCAL plan_cache_mode = force_generic_plan")
            await send(f"PREPARE step AS {statement}")
            plan = (await send(f"EXPLAIN EXECUTE step({parameters})")).scalars().all()
            await send("DEALLOCATE step")
    conditions = {line.strip() for line in plan if "Index Cond" in line}
    assert any("grace_until <=" in each for each in conditions)
    assert any("successor = ANY" in each for each in conditions)
    assert not [line for line in plan if "Seq Scan" in line]


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
                await other.execute(text(f"LOCK TABLE {table} IN SHARE MODE"))
                assert await store.raise_retention(60) == 60
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


async def test_tables_of_an_earlier_version_get_missing_indexes(place):
    """create_tables adds them; the retention needs no new table or column."""
    async with place.store() as store:
        names = [each.name for each in store._tables.consumed.indexes if "sealed" in each.name]
        assert len(names) == 2
        prefix = f"{place.part}." if place.part else ""
        async with store._database.engine.begin() as connection:
            for name in names:
                await connection.exec_driver_sql(f"DROP INDEX {prefix}{name}")
        await store.consume(use("a", "b"), now=NOW)
        await store.create_tables()
        await revoke(store, NOW + 10)
        assert await sealed_in(store) == []
        assert await store.raise_retention(60) == 60
        async with store._database.engine.begin() as connection:
            for name in names:
                await connection.exec_driver_sql(f"DROP INDEX {prefix}{name}")


async def test_tables_of_another_version_are_reported(place):
    """A missing column is a configuration error, not an outage."""
    async with place.store() as store:
        prefix = f"{place.part}." if place.part else ""
        async with store._database.engine.begin() as connection:
            await connection.exec_driver_sql(
                f"ALTER TABLE {prefix}tokenward_consumed RENAME COLUMN used_at TO renamed"
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
