"""Fixtures of the tests of RedisStore."""

from uuid import uuid4

import pytest
from redis.asyncio import Redis

from tests.stores.redis_store import servers
from tests.stores.redis_store.support import PATIENT, forget
from tokenward.stores.redis import RedisStore


@pytest.fixture
async def prefix(redis_url):
    """Yield a new key prefix, and remove its keys afterwards."""
    own = f"tokenward-test-{uuid4().hex}:"
    yield own
    await forget(redis_url, own)


@pytest.fixture
async def client(redis_url):
    """Yield a client to inspect the server."""
    async with Redis.from_url(redis_url) as opened:
        yield opened


@pytest.fixture
async def store(redis_url, prefix):
    """Yield an empty store with a long timeout, for slow machines."""
    async with RedisStore(
        redis_url, key_prefix=prefix, timeout_seconds=PATIENT, ephemeral=True
    ) as opened:
        yield opened


@pytest.fixture
def server(redis_program, tmp_path):
    """Yield a function that starts a new Redis."""
    with servers.servers(tmp_path) as start:
        yield start
