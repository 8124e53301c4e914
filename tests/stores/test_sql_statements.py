"""The number of statements and connections that a SqlStore uses."""

import asyncio

from tests.stores.sql_support import (
    collect_events,
    denies,
    on_users_engine,
    record,
    statements_of,
    use,
)
from tests.support import NOW
from tokenward.stores import CLOCK_SPARE_SECONDS


async def test_checks_of_one_turn_are_one_select(place):
    """A hundred checks; three hundred are two, on one connection."""
    async with on_users_engine(place) as (engine, store):
        sent = statements_of(engine)
        checked_out = collect_events(engine, "checkout", lambda *_: 1)
        await asyncio.gather(*(denies(store, str(number)) for number in range(100)))
        assert [each.split()[0] for each in sent] == ["SELECT"]
        await asyncio.gather(*(denies(store, str(number)) for number in range(300)))
        assert len(sent) == 3
        assert len(checked_out) == 2


async def test_many_writes_share_a_commit(place):
    """A thousand uses and a thousand revocations are a few transactions."""
    async with on_users_engine(place) as (engine, store):
        sent = collect_events(engine, "checkout", lambda *_: 1)
        uses = [store.consume(use(str(number)), now=NOW) for number in range(1000)]
        assert all(each.is_first for each in await asyncio.gather(*uses))
        records = [record(str(number)) for number in range(1000)]
        await asyncio.gather(*(store.revoke(each, now=NOW) for each in records))
        assert len(sent) < 20
        assert all(await asyncio.gather(*(denies(store, str(number)) for number in range(1000))))


async def test_purging_goes_in_batches_shared_by_workers(place):
    """No statement deletes more than a thousand, and two workers delete each record once."""
    async with place.store() as store, on_users_engine(place) as (engine, other):
        for keep_until, count in ((NOW + 1, 2500), (NOW + 60, 10)):
            records = [record(f"{keep_until} {n}", keep_until=keep_until) for n in range(count)]
            await asyncio.gather(*(store.revoke(each, now=NOW) for each in records))
            uses = [use(f"{keep_until} {n}", keep_until) for n in range(count)]
            await asyncio.gather(*(store.consume(each, now=NOW) for each in uses))
        sent = statements_of(engine)
        assert await store.purge(now=NOW + CLOCK_SPARE_SECONDS + 0.9) == 0
        due = NOW + 1 + CLOCK_SPARE_SECONDS
        counts = await asyncio.gather(store.purge(now=due), other.purge(now=due))
        # InnoDB locks the row after the last one too, and a locked row is left to the next purge.
        assert sum(counts) + await store.purge(now=due) == 5000
        assert counts[1] <= 1000 * len([each for each in sent if "DELETE" in each])
        assert await denies(store, f"{NOW + 60} 9", now=NOW + 1)
        assert not (await store.consume(use(f"{NOW + 60} 9"), now=NOW + 1)).is_first
