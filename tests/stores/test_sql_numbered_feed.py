# ruff: noqa: S608 - statements of a test
"""The feed of a SqlStore in SQLite and MariaDB: what a mirror reads of it, and which losses it notices."""

import asyncio
import math

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from tests.stores.conftest import shared_place_with_feed, url_of
from tests.stores.mirror.support import MINUTE, denies, record
from tests.stores.sql_support import until_mariadb_waits
from tests.support import NOW
from tokenward import ConfigurationError
from tokenward.stores.feed import GapError
from tokenward.stores.mirror import MirroredStore
from tokenward.stores.sql import SqlStore

HOUR = 3600.0


@pytest.fixture(params=["sqlite", "mariadb"])
async def place(request, tmp_path, shared_places):
    """Return an empty place whose revocations feed mirrors."""
    return await shared_place_with_feed(url_of(request.param, request, tmp_path), shared_places)


@pytest.fixture
async def store(place):
    """Yield a store with a feed."""
    async with place.store() as opened:
        yield opened


@pytest.fixture
async def mirror(place):
    """Yield a mirror that reads only when the test lets it."""
    async with MirroredStore(place.store(), max_staleness=MINUTE) as opened:
        await opened.catch_up()
        yield opened


def name_in(place, name):
    """Return the full name of a table or trigger."""
    return f"{place.part}.tokenward_{name}" if place.part else f"tokenward_{name}"


def revoking(place, identity, keep_until=NOW + 60):
    """Return a statement of a program that knows of no mirror."""
    table = name_in(place, "revocations")
    return f"INSERT INTO {table} (identity, keep_until) VALUES ('token:{identity}', {keep_until})"


async def run(place, *statements):
    """Execute statements of another program; return the first value of the last result, if any."""
    engine, value = create_async_engine(place.url), None
    async with engine.begin() as connection:
        for statement in statements:
            result = await connection.execute(text(statement))
            value = result.scalar() if result.returns_rows else None
    await engine.dispose()
    return value


async def names_of(feed):
    """Start to read a feed; return the names of its snapshot, and the position."""
    start = await feed.start()
    return {each.name async for part in feed.snapshot() for each in part}, start.position


async def test_changes_are_committed_in_the_order_of_their_numbers(mariadb_url, shared_places):
    """A revocation waits for an earlier one of a transaction that is open; both are read."""
    place = await shared_place_with_feed(mariadb_url, shared_places)
    engine = create_async_engine(place.url)
    async with (
        place.store() as store,
        MirroredStore(place.store(), max_staleness=MINUTE) as mirror,
        engine.connect() as connection,
        engine.connect() as observer,
    ):
        await mirror.catch_up()
        await connection.execute(text(revoking(place, "late")))
        later = asyncio.create_task(store.revoke(record("later"), now=NOW))
        await until_mariadb_waits(observer, place.part)
        await mirror.catch_up()
        assert mirror.records == 0
        await connection.commit()
        await later
        await mirror.catch_up()
        assert await denies(mirror, "late")
        assert await denies(mirror, "later")
        assert mirror.fallbacks == 0
    await engine.dispose()


async def test_many_stores_at_once_wait_for_each_other_without_a_deadlock(place):
    """Whichever records they share, and in whichever order."""
    stores = [place.store() for _ in range(4)]
    async with MirroredStore(place.store(), max_staleness=MINUTE) as mirror:
        await mirror.catch_up()
        await asyncio.gather(
            *(
                store.revoke(record(str((number * step) % 20)), now=NOW)
                for store, step in zip(stores, (1, 3, 7, 19), strict=True)
                for number in range(20)
            )
        )
        await mirror.catch_up()
        assert (mirror.records, mirror.fallbacks) == (20, 0)
    for store in stores:
        await store.aclose()


async def test_a_change_by_another_program_is_read(place, mirror):
    """Triggers feed the mirrors, so whoever writes need not know of them."""
    await run(place, revoking(place, "x"))
    await mirror.catch_up()
    assert await denies(mirror)
    await run(place, f"UPDATE {name_in(place, 'revocations')} SET keep_until = {NOW + 90}")
    await mirror.catch_up()
    assert await denies(mirror, now=NOW + 89)
    assert mirror.fallbacks == 0


async def test_the_retention_is_no_revocation(mirror, store):
    """It is a row of the same table."""
    await store.raise_retention(60)
    await mirror.catch_up()
    assert mirror.records == 0
    assert (await names_of(store.feed(HOUR)))[0] == set()


async def test_changes_serve_a_second_mirror_after_their_time(place, store):
    """Then they have an age. Before, or after a step of the clock, all revocations are read."""
    state, feed = name_in(place, "feed_state"), store.feed(HOUR)
    await store.revoke(record("before"), now=NOW)
    await run(place, f"DELETE FROM {name_in(place, 'feed')}")
    await store.revoke(record("after"), now=NOW)
    assert (await names_of(feed))[0] == {"before", "after"}

    await run(place, f"UPDATE {state} SET since = since - {HOUR + 1}")
    await run(place, f"UPDATE {name_in(place, 'feed')} SET stored_at = stored_at - 1000")
    assert (await names_of(feed))[0] == {"after"}
    changes = [each async for part in feed.snapshot() for each in part]
    assert 930 < changes[0].age_seconds < 1000
    assert (await names_of(store.feed(HOUR + 60)))[0] == {"before", "after"}

    await run(place, f"UPDATE {state} SET seen = seen - 62, since = since - {HOUR + 61}")
    assert (await names_of(feed))[0] == {"before", "after"}


@pytest.mark.parametrize("is_complete", [False, True])
async def test_a_snapshot_has_parts(place, store, monkeypatch, is_complete):
    """Each of them is a statement."""
    monkeypatch.setattr("tokenward.stores.sql.numbered_feed.ROWS_PER_PART", 2)
    feed = store.feed(HOUR)
    await feed.start()
    for number in range(9):
        await store.revoke(record(str(number)), now=NOW)
    if is_complete:
        await run(place, f"UPDATE {name_in(place, 'feed_state')} SET since = since - {HOUR + 1}")
    await feed.start()
    parts = [part async for part in feed.snapshot()]
    assert len(parts) >= 5
    assert {each.name for part in parts for each in part} == set(map(str, range(9)))


async def test_old_changes_are_removed_except_the_newest(place, store, monkeypatch):
    """Not if the clock of the server seems to have stepped, because they could only look old."""
    monkeypatch.setattr("tokenward.stores.sql.numbered_feed.LARGEST_PURGE", 2)
    feed, changes = store.feed(HOUR), name_in(place, "feed")
    for number in range(6):
        await store.revoke(record(str(number)), now=NOW)
    _, position = await names_of(feed)
    count = f"SELECT count(*) FROM {changes}"
    await run(place, f"UPDATE {changes} SET stored_at = stored_at - 3700 WHERE id < 6")
    with pytest.raises(GapError):
        await feed.read(position._replace(content=()))
    await feed.read(position)  # so soon, nothing is removed
    assert await run(place, count) == 6

    state = name_in(place, "feed_state")
    await run(place, f"UPDATE {state} SET seen = seen - 62, since = 0")
    await feed.read(position)
    assert await run(place, count) == 6
    assert await run(place, f"SELECT since FROM {state}") > 0
    left = []
    await run(place, f"UPDATE {state} SET seen = seen - 10")
    for number in range(4):
        if number == 3:
            await run(place, f"UPDATE {state} SET seen = seen - 10")
        await feed.read(position)
        left.append(await run(place, count))
    assert left == [4, 2, 1, 1]


async def test_a_failover_that_lost_changes_is_noticed(place, mirror, store):
    """Later changes then have the numbers of the lost ones."""
    await store.revoke(record("lost"), now=NOW)
    await mirror.catch_up()
    await run(
        place,
        f"DELETE FROM {name_in(place, 'feed')} WHERE identity = 'token:lost'",
        f"DELETE FROM {name_in(place, 'revocations')} WHERE identity = 'token:lost'",
        f"UPDATE {name_in(place, 'feed_state')} SET newest = newest - 1",
    )
    await store.revoke(record("first"), now=NOW)
    await store.revoke(record("second"), now=NOW)
    await mirror.catch_up()
    assert await denies(mirror, "first")
    assert await denies(mirror, "second")
    assert mirror.fallbacks == 0


@pytest.mark.parametrize("damage", ["insert", "update", "state"])
async def test_without_its_triggers_and_state_a_mirror_asks(place, mirror, store, damage):
    """The error says how to create them again; the mirror then begins again."""
    await run(
        place,
        f"DELETE FROM {name_in(place, 'feed_state')}"
        if damage == "state"
        else f"DROP TRIGGER {name_in(place, f'feed_{damage}')}",
    )
    await store.revoke(record("unseen"), now=NOW)
    for begin in (mirror.catch_up, store.feed(HOUR).start):
        with pytest.raises(ConfigurationError, match="create_tables"):
            await begin()
    await mirror.create_tables()
    await mirror.create_tables()
    await mirror.catch_up()
    assert await denies(mirror, "unseen")
    assert mirror.fallbacks == 0


async def test_tables_without_a_feed_are_a_mistake(mariadb_place, sqlite_place):
    """The first read says so, and so does a ping."""
    for place in (mariadb_place, sqlite_place):
        async with MirroredStore(place.store(), max_staleness=MINUTE) as mirror:
            for call in (mirror.catch_up, mirror.ping):
                with pytest.raises(ConfigurationError, match="create_tables"):
                    await call()
            assert mirror.lag_seconds == math.inf


async def test_a_position_of_another_feed_is_a_gap(store):
    """A reader that passes it starts again."""
    with pytest.raises(GapError):
        await store.feed(HOUR).read(None)


async def test_names_are_quoted(place):
    """A prefix may contain anything that the database allows."""
    options = {"schema": place.part or "main", "timeout_seconds": 20}
    async with SqlStore(place.url, table_prefix='Odd "it\'s" `', **options) as inner:
        await inner.create_tables()
        await inner.create_feed()
        async with MirroredStore(inner, max_staleness=MINUTE) as mirror:
            await mirror.catch_up()
            await inner.revoke(record(), now=NOW)
            await mirror.catch_up()
            assert (await denies(mirror), mirror.fallbacks) == (True, 0)
