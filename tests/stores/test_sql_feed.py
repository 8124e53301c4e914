# ruff: noqa: S608 - statements of a test
"""The feed of a SqlStore in PostgreSQL: what a mirror reads of it, and which losses it notices."""

import math
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from tests.stores.conftest import shared_place_with_feed
from tests.stores.mirror.support import MINUTE, denies, record
from tests.support import NOW
from tokenward import ConfigurationError
from tokenward.stores.feed import GapError
from tokenward.stores.mirror import MirroredStore
from tokenward.stores.sql import SqlStore

HOUR = 3600.0


@pytest.fixture
async def place(postgres_driver_url, shared_places):
    """Return an empty schema whose revocations feed mirrors."""
    return await shared_place_with_feed(postgres_driver_url, shared_places)


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


@asynccontextmanager
async def connected(place):
    """Yield a connection of another program."""
    engine = create_async_engine(place.url)
    async with engine.connect() as connection:
        await connection.execute(text(f"SET search_path = {place.part}"))
        await connection.commit()
        yield connection
    await engine.dispose()


async def run(place, statement):
    """Execute a statement of another program; return the first value of its result, if any."""
    async with connected(place) as connection:
        result = await connection.execute(text(statement))
        value = result.scalar() if result.returns_rows else None
        await connection.commit()
        return value


def revoking(identity):
    """Return a statement that revokes a token without a store."""
    return (
        "INSERT INTO tokenward_revocations (identity, keep_until) "
        f"VALUES ('token:{identity}', {NOW + 60})"
    )


async def names_of(feed):
    """Start, and return the names of the snapshot and the position."""
    start = await feed.start()
    return {each.name async for part in feed.snapshot() for each in part}, start.position


async def test_a_transaction_that_commits_late_is_read(place, mirror, store):
    """Also if changes with higher numbers, of other transactions, were read before."""
    async with connected(place) as connection:
        await connection.execute(text(revoking("late")))
        await store.revoke(record("meanwhile"), now=NOW)
        await mirror.catch_up()
        assert await denies(mirror, "meanwhile")
        assert not await denies(mirror, "late")
        await store.revoke(record("afterwards"), now=NOW)
        await connection.commit()
    await mirror.catch_up()
    assert await denies(mirror, "late")
    assert await denies(mirror, "afterwards")
    assert mirror.fallbacks == 0


async def test_a_long_transaction_of_others_costs_no_reads(place, store):
    """Each change is read once."""
    feed = store.feed(HOUR)
    _, position = await names_of(feed)
    async with connected(place) as connection:
        await connection.execute(text("CREATE TEMPORARY TABLE anything (x int)"))
        for number in range(3):
            await store.revoke(record(str(number)), now=NOW)
            reading = await feed.read(position)
            assert [each.name for each in reading.changes] == [str(number)]
            position = reading.position
        assert (await feed.read(position)).changes == []


async def test_a_change_by_another_program_is_read(place, mirror):
    """A trigger feeds the mirrors, so whoever writes need not know of them."""
    await run(place, revoking("x"))
    await mirror.catch_up()
    assert await denies(mirror)
    await run(place, f"UPDATE tokenward_revocations SET keep_until = {NOW + 90}")
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
    """Before that, they lack revocations from before the feed. Then they have an age."""
    feed = store.feed(HOUR)
    await run(place, "DELETE FROM tokenward_feed_state")
    await store.revoke(record("before"), now=NOW)
    await run(place, "DELETE FROM tokenward_feed")
    await store.revoke(record("after"), now=NOW)
    assert (await names_of(feed))[0] == {"before", "after"}

    await run(place, f"UPDATE tokenward_feed_state SET since = since - {HOUR}")
    await run(place, "UPDATE tokenward_feed SET stored_at = stored_at - 1000")
    assert (await names_of(feed))[0] == {"after"}
    ((change,),) = [part async for part in feed.snapshot()]
    assert 930 < change.age_seconds < 1000
    assert (await names_of(store.feed(HOUR + 60)))[0] == {"before", "after"}

    # A step of the clock makes changes look older than they are.
    await run(place, f"UPDATE tokenward_feed_state SET seen = seen - 61, since = since - {HOUR}")
    assert (await names_of(feed))[0] == {"before", "after"}


@pytest.mark.parametrize("is_complete", [False, True])
async def test_a_snapshot_has_parts(place, store, monkeypatch, is_complete):
    """Each of them is a statement."""
    monkeypatch.setattr("tokenward.stores.sql.feed.ROWS_PER_PART", 2)
    monkeypatch.setattr("tokenward.stores.sql.feed_statements.ROWS_PER_PART", 2)
    for number in range(11):
        await store.revoke(record(str(number)), now=NOW)
    feed = store.feed(HOUR)
    await feed.start()
    since = "since - 4000" if is_complete else "since"
    await run(place, f"UPDATE tokenward_feed_state SET since = {since}")
    await feed.start()
    parts = [part async for part in feed.snapshot()]
    assert len(parts) == 6
    assert {each.name for part in parts for each in part} == set(map(str, range(11)))


async def test_old_changes_are_removed(place, store):
    """Not if the clock of the server seems to have stepped, because they could only look old."""
    _, position = await names_of(store.feed(HOUR))
    feed = store.feed(HOUR)
    await store.revoke(record("old"), now=NOW)
    await store.revoke(record("new"), now=NOW)
    await run(
        place, "UPDATE tokenward_feed SET stored_at = stored_at - 3700 WHERE identity = 'token:old'"
    )
    await run(place, "UPDATE tokenward_feed_state SET seen = seen - 61, since = 0")
    await feed.read(position)
    assert await run(place, "SELECT count(*) FROM tokenward_feed") == 2
    assert await run(place, "SELECT since FROM tokenward_feed_state") > 0
    await feed.read(position)  # so soon, nothing is removed
    assert await run(place, "SELECT count(*) FROM tokenward_feed") == 2
    await store.feed(HOUR).read(position)
    assert await run(place, "SELECT identity FROM tokenward_feed") == "token:new"


async def test_a_crash_of_the_server_is_noticed(place, mirror, store):
    """It empties the state, which is not logged; transaction numbers may then be used again."""
    assert await run(
        place, "SELECT relpersistence FROM pg_class WHERE oid = 'tokenward_feed_state'::regclass"
    ) in {"u", b"u"}
    await store.revoke(record("before"), now=NOW)
    await run(place, "DELETE FROM tokenward_feed_state")
    await run(place, "DELETE FROM tokenward_feed")
    await mirror.catch_up()
    assert await denies(mirror, "before")
    assert mirror.fallbacks == 0


async def test_a_reader_that_is_far_behind_begins_again(place, mirror, store):
    """It reads everything in parts, instead of very much at once."""
    feed = store.feed(HOUR)
    _, position = await names_of(feed)
    await run(
        place,
        "INSERT INTO tokenward_revocations (identity, keep_until) "
        f"SELECT 'token:' || n, {NOW + 60} FROM generate_series(1, 20001) AS n",
    )
    with pytest.raises(GapError):
        await feed.read(position)
    await mirror.catch_up()
    assert (mirror.records, mirror.fallbacks) == (20_001, 0)


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TRIGGER tokenward_feed ON tokenward_revocations",
        "ALTER TABLE tokenward_revocations DISABLE TRIGGER tokenward_feed",
    ],
)
async def test_without_the_trigger_a_mirror_asks(place, mirror, store, statement):
    """The error says how to create it again; the mirror then begins again."""
    await run(place, statement)
    await store.revoke(record("unseen"), now=NOW)
    with pytest.raises(ConfigurationError, match="create_tables"):
        await mirror.catch_up()
    await mirror.create_tables()
    await mirror.catch_up()
    assert await denies(mirror, "unseen")
    assert mirror.fallbacks == 0


async def test_tables_without_a_feed_are_a_mistake(new_postgres_place):
    """The first read says so, and so does a ping."""
    async with MirroredStore(new_postgres_place.store(), max_staleness=MINUTE) as mirror:
        for call in (mirror.catch_up, mirror.ping):
            with pytest.raises(ConfigurationError, match="create_tables"):
                await call()
        assert mirror.lag_seconds == math.inf
        await mirror.create_tables()
        await mirror.ping()


async def test_a_position_of_another_feed_is_a_gap(store):
    """A reader that passes it starts again."""
    with pytest.raises(GapError):
        await store.feed(HOUR).read(None)


async def test_names_are_quoted(new_postgres_place):
    """A prefix may contain anything that PostgreSQL allows."""
    async with SqlStore(
        new_postgres_place.url,
        schema=new_postgres_place.part,
        table_prefix='Odd "it\'s" ',
        timeout_seconds=20,
    ) as inner:
        await inner.create_tables()
        await inner.create_feed()
        await inner.create_feed()
        async with MirroredStore(inner, max_staleness=MINUTE) as mirror:
            await mirror.catch_up()
            await inner.revoke(record(), now=NOW)
            await mirror.catch_up()
            assert (await denies(mirror), mirror.fallbacks) == (True, 0)
