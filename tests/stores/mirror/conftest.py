"""The shared stores that the tests mirror."""

from contextlib import asynccontextmanager
from uuid import uuid4

import pytest

from tests.stores.conftest import shared_place_with_feed
from tests.stores.mirror.support import LoggedStore, Uptime

PATIENT = 30.0
SOURCES = ("redis", "postgres", "mariadb", "sqlite")


@pytest.fixture
def uptime():
    """Return an uptime that the test moves on."""
    return Uptime()


@pytest.fixture
def inner():
    """Return a store in memory with a feed."""
    return LoggedStore()


@pytest.fixture(params=("memory", *SOURCES))
async def opened(request, tmp_path):
    """Yield a function that opens a store; all of them share their records."""
    if request.param == "memory":
        shared = LoggedStore()

        @asynccontextmanager
        async def open_memory():
            yield shared

        yield open_memory
        return

    if request.param == "sqlite":
        from tests.stores.crash_worker import created

        place = await created(f"sqlite+aiosqlite:///{tmp_path / 'revocations.db'}")
        async with place.store() as store:
            await store.create_feed()
        yield place.store
        return

    if request.param in {"postgres", "mariadb"}:
        url = request.getfixturevalue(f"{request.param}_url")
        place = await shared_place_with_feed(url, request.getfixturevalue("shared_places"))
        yield place.store
        return

    from tests.stores.redis_store.support import forget
    from tokenward.stores.redis import RedisStore

    url, prefix = request.getfixturevalue("redis_url"), f"tokenward-test-{uuid4().hex}:"
    yield lambda: RedisStore(url, key_prefix=prefix, timeout_seconds=PATIENT, ephemeral=True)
    await forget(url, prefix)
