"""How a RedisStore is created and closed."""

import asyncio
import math
import sys
from uuid import uuid4

import pytest
import redis
from redis.asyncio import Redis

from tests.stores.redis_store.support import PATIENT, background, denies, forget
from tests.support import NOW
from tokenward import ConfigurationError, Revocation
from tokenward.stores import Consumption
from tokenward.stores.redis import RedisStore


@pytest.mark.parametrize(
    "wrong", [None, 6379, b"redis://localhost", redis.Redis(), redis.asyncio.Sentinel([])]
)
def test_other_arguments_than_a_server_are_refused(wrong):
    """Only a URL or an asynchronous client is accepted, and the message says so."""
    with pytest.raises(ConfigurationError, match=r"asynchronous client.*redis\.asyncio"):
        RedisStore(wrong)


@pytest.mark.parametrize("key_prefix", ["", None, b"x"])
def test_an_invalid_prefix_is_refused(key_prefix):
    """Without a prefix, keys could collide with those of others."""
    with pytest.raises(ConfigurationError, match="key_prefix"):
        RedisStore("redis://localhost", key_prefix=key_prefix)


@pytest.mark.parametrize("timeout", [0, -1, math.inf, math.nan, True, "1", None])
def test_an_invalid_timeout_is_refused(timeout):
    """Every call has a limit."""
    with pytest.raises(ConfigurationError, match="timeout_seconds"):
        RedisStore("redis://localhost", timeout_seconds=timeout)


@pytest.mark.parametrize("wait_replicas", [-1, 1.0, True, None])
def test_an_invalid_number_of_replicas_is_refused(wait_replicas):
    """Zero or more."""
    with pytest.raises(ConfigurationError, match="wait_replicas"):
        RedisStore("redis://localhost", wait_replicas=wait_replicas)


def test_a_prefix_that_undoes_hash_tags_is_refused_in_a_cluster():
    """The keys of a session would be in two slots; other braces keep them together."""
    with pytest.raises(ConfigurationError, match="empty braces"):
        RedisStore("redis+cluster://localhost", key_prefix="a{}:")
    for key_prefix in ("a{b}:", "a{:", "}{a:", "a}:"):
        assert RedisStore("redis+cluster://localhost", key_prefix=key_prefix)
    assert RedisStore("redis://localhost", key_prefix="a{}:")


def test_the_store_has_a_timeout():
    """Half a second by default."""
    assert RedisStore("redis://localhost").timeout_seconds == 0.5
    assert RedisStore("redis://localhost", timeout_seconds=2).timeout_seconds == 2


def test_without_the_package_a_url_says_what_to_install(monkeypatch):
    """The message contains the command."""
    monkeypatch.setitem(sys.modules, "redis.asyncio", None)
    monkeypatch.delitem(sys.modules, "tokenward.stores.redis.urls", raising=False)
    with pytest.raises(ImportError, match=r"install Tokenward with its extra 'redis'"):
        RedisStore("redis://localhost")


async def named_clients(client, name):
    """Count the connections with a name."""
    return sum(each["name"] == name for each in await client.client_list())


async def test_the_store_closes_its_connections(redis_url, client, prefix):
    """Those of a URL, also with a call in progress."""
    name = uuid4().hex
    async with RedisStore(
        f"{redis_url}?client_name={name}", key_prefix=prefix, ephemeral=True
    ) as store:
        await denies(store, "x")
        assert await named_clients(client, name) >= 1
        left = asyncio.create_task(denies(store, "x"))
        await asyncio.sleep(0)
        left.cancel()
    async with asyncio.timeout(PATIENT):
        while await named_clients(client, name):
            pass


async def test_the_users_client_stays_open(redis_url, client, prefix):
    """The user closes it."""
    async with Redis.from_url(redis_url, client_name=uuid4().hex) as own:
        async with RedisStore(
            own, key_prefix=prefix, timeout_seconds=PATIENT, ephemeral=True
        ) as store:
            await denies(store, "x")
            await background()
        assert await named_clients(client, own.get_connection_kwargs()["client_name"]) >= 1
        assert await own.ping()


async def test_an_unused_store_can_be_closed(redis_url):
    """There is nothing to close."""
    await RedisStore(redis_url).aclose()


# One process and one event loop


def test_a_second_event_loop_is_refused(redis_url, prefix_of_loops):
    """Every call fails at once with the fix, instead of failing in the client forever."""
    store = RedisStore(redis_url, key_prefix=prefix_of_loops, ephemeral=True)
    with asyncio.Runner() as first, asyncio.Runner() as second:
        first.run(denies(store, "x"))
        for call in (
            denies(store, "x"),
            store.revoke(Revocation("token", "x", NOW + 60), now=NOW),
            store.consume(Consumption("x", "x", "y", b"", NOW, NOW + 60), now=NOW),
            store.raise_retention(900),
            store.aclose(),
        ):
            with pytest.raises(
                ConfigurationError, match="RedisStore is in use in another event loop"
            ):
                second.run(call)
        assert not first.run(denies(store, "x"))
        first.run(store.aclose())


@pytest.fixture
def prefix_of_loops(redis_url):
    """Yield a key prefix for a test that runs its own event loops."""
    own = f"tokenward-test-{uuid4().hex}:"
    yield own
    asyncio.run(forget(redis_url, own))
