"""Fixtures of the tests of RedisStore."""

import shutil
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from tests.stores.conftest import REQUIRED
from tests.stores.redis_store.support import PATIENT, Server, forget
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
def server(tmp_path):
    """Yield a function that starts a new Redis."""
    if shutil.which("redis-server") is None:
        message = "This test starts a Redis of its own: install redis-server."
        if REQUIRED:
            pytest.fail(message)
        pytest.skip(message)
    started = []

    def start(*options: str) -> Server:
        own = Server(tmp_path, *options)
        started.append(own)
        own.start()
        return own

    yield start
    for own in started:
        own.kill()
