"""Many concurrent callers and stores on one database."""

import asyncio
from dataclasses import replace

from tests.stores.crash_worker import outcome_of
from tests.stores.sql_support import LOST, denies, record, use
from tests.support import IS_DEEP, NOW
from tokenward import Revocation

CALLERS = 500
ROUNDS = 20 if IS_DEEP else 4


async def test_fifty_writers_on_one_file_lose_nothing_and_weaken_nothing(sqlite_place):
    """Each with its own connections: all records exist, and the strongest stands."""
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
    """In each round there is one new pair, and all others get the documented error."""
    async with place.engine() as engine:
        for _ in range(ROUNDS):
            token = (await engine.issue_pair("alice")).refresh_token
            calls = (outcome_of(engine, token) for _ in range(CALLERS))
            outcomes = await asyncio.gather(*calls)
            assert len([each for each in outcomes if each not in LOST]) == 1


async def test_within_the_grace_500_refreshes_at_once_get_one_pair(place):
    """In each round all callers get the same pair."""
    async with replace(place, grace_seconds=10).engine() as engine:
        for _ in range(ROUNDS):
            token = (await engine.issue_pair("alice")).refresh_token
            calls = (outcome_of(engine, token) for _ in range(CALLERS))
            outcomes = set(await asyncio.gather(*calls))
            assert len(outcomes) == 1
            assert not outcomes & LOST
