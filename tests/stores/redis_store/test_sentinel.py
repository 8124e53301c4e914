"""A RedisStore over a master that Sentinels watch: fail-over, and Sentinels that do not answer."""

import asyncio
import signal
from contextlib import suppress

import pytest

from tests.stores.redis_store.servers import start_watched, wait_until
from tests.stores.redis_store.support import PATIENT, denies
from tests.support import NOW
from tokenward import Revocation
from tokenward.stores.redis import RedisStore


async def until_it_answers(store, jti):
    """Check a token until the store answers."""
    async with asyncio.timeout(PATIENT):
        while True:
            with suppress(Exception):  # an outage, which ends by itself
                return await denies(store, jti)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["dies", "hangs"])
async def test_the_store_follows_a_failover_by_itself(server, number):
    """The outage ends without a restart; what the replica had received is still revoked."""
    watched = start_watched(server)
    async with RedisStore(watched.url, timeout_seconds=3, ephemeral=True) as store:
        await store.revoke(Revocation("token", "x", NOW + 60), now=NOW)
        wait_until(lambda: watched.replica.run("DBSIZE") == 1)
        watched.master.send(number)
        wait_until(lambda: watched.replica.says("replication", "role:master"))
        assert await until_it_answers(store, "x")
        await store.revoke(Revocation("token", "y", NOW + 60), now=NOW)
        assert await denies(store, "y")
        assert watched.replica.run("DBSIZE") == 2


async def test_a_sentinel_that_does_not_answer_leaves_time_for_the_others(server):
    """The first of three hangs, and the first call of the store is answered nevertheless."""
    watched = start_watched(server)
    watched.sentinels[0].send(signal.SIGSTOP)
    async with RedisStore(watched.url, timeout_seconds=8, ephemeral=True) as store:
        assert not await denies(store, "x")
    watched.sentinels[0].send(signal.SIGCONT)


async def test_closing_the_store_closes_the_connections_to_the_sentinels(redis_sentinels):
    """Not only those to the master."""
    store = RedisStore(redis_sentinels.url, timeout_seconds=PATIENT, ephemeral=True)
    await denies(store, "x")
    asked = store._client.connection_pool.sentinel_manager.sentinels[0]
    assert asked.connection_pool._available_connections[0].is_connected
    await store.aclose()
    connections = asked.connection_pool._available_connections
    assert not any(each.is_connected for each in connections)
