"""The warnings of a RedisStore about a server that may lose records."""

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
async def test_a_server_that_may_evict_causes_one_warning(server, policy, decode):
    """However many callers are first at once; the warning names the policy and the fix."""
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
async def test_a_server_without_eviction_or_with_hidden_settings_causes_none(server, options):
    """Checks still succeed."""
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
async def test_a_server_without_persistence_causes_one_warning(server, decode):
    """It names the settings and the fix, and needs no additional command."""
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
async def test_a_server_with_persistence_causes_no_warning(server, options, ephemeral):
    """Nor does a server whose loss the caller accepts."""
    own = server(*options)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        async with RedisStore(own.url, timeout_seconds=PATIENT, ephemeral=ephemeral) as store:
            await denies(store, "x")
            await background()
    assert warned == []
