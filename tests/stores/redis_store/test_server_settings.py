"""What a RedisStore says about a server that may lose records."""

import asyncio
import warnings

import pytest
from redis.asyncio import Redis

from tests.stores.redis_store.support import PATIENT, background, calls_of, denies
from tests.support import NOW
from tokenward import Revocation
from tokenward.stores.redis import RedisEvictionWarning, RedisPersistenceWarning, RedisStore


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl"])
@pytest.mark.parametrize("decode", [False, True])
async def test_a_server_that_may_evict_is_warned_of_once(server, policy, decode):
    """However many are first at once; the warning names the policy and the mend."""
    own = server("--maxmemory", "100mb", "--maxmemory-policy", policy)
    async with (
        Redis.from_url(own.url, decode_responses=decode) as client,
        RedisStore(client, timeout_seconds=PATIENT, ephemeral=True) as store,
    ):

        async def use_it():
            for _ in range(3):
                await asyncio.gather(*(denies(store, str(number)) for number in range(50)))
                await store.revoke(Revocation("token", "x", NOW + 60), now=NOW)
                await background()

        with pytest.warns(RedisEvictionWarning, match=rf"{policy}.*noeviction") as warned:
            await use_it()
        assert len(warned) == 1
        assert await calls_of(own.url, "config|get") == [1]


@pytest.mark.parametrize(
    "options",
    [
        ("--maxmemory", "100mb", "--maxmemory-policy", "noeviction"),
        ("--maxmemory-policy", "allkeys-lru"),
        ("--rename-command", "CONFIG", ""),
    ],
    ids=["noeviction", "unbounded", "CONFIG is refused"],
)
async def test_a_server_that_does_not_evict_or_does_not_tell_is_left_alone(server, options):
    """Nothing is warned of, and checks go on."""
    own = server(*options)
    async with RedisStore(own.url, timeout_seconds=PATIENT, ephemeral=True) as store:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            assert not await denies(store, "x")
            await background()
        assert warned == []
        await store.revoke(Revocation("token", "x", NOW + 60), now=NOW)
        assert await denies(store, "x")


@pytest.mark.parametrize("decode", [False, True])
async def test_a_server_that_keeps_nothing_on_disk_is_warned_of_once(server, decode):
    """The warning names the settings and the mend, and comes from a look that is made anyway."""
    own = server("--appendonly", "no")
    async with (
        Redis.from_url(own.url, decode_responses=decode) as client,
        RedisStore(client, timeout_seconds=PATIENT) as store,
    ):

        async def use_it():
            for _ in range(3):
                await denies(store, "x")
                await background()

        with pytest.warns(RedisPersistenceWarning, match=r"appendonly.*ephemeral=True") as warned:
            await use_it()
        assert len(warned) == 1
        assert await calls_of(own.url, "config|get") == [1]


@pytest.mark.parametrize(
    ("options", "ephemeral"),
    [(("--appendonly", "yes"), False), (("--save", "3600 1"), False), ((), True)],
    ids=["append-only file", "snapshots", "accepted"],
)
async def test_a_server_that_keeps_something_is_not_warned_of(server, options, ephemeral):
    """Nor one whose loss the caller accepts."""
    own = server(*options)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        async with RedisStore(own.url, timeout_seconds=PATIENT, ephemeral=ephemeral) as store:
            await denies(store, "x")
            await background()
    assert warned == []
