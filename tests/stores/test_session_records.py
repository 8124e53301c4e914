"""The contract of the stores that keep lists of sessions."""

from contextlib import asynccontextmanager

import pytest

from tokenward import MemoryStore
from tokenward.testing import SessionRecordsContract


class TestMemoryStore(SessionRecordsContract):
    """The contract, for a MemoryStore."""

    @pytest.fixture
    async def store(self):
        """Return an empty store."""
        async with MemoryStore() as opened:
            yield opened


class TestSqlStoreOnSqlite(SessionRecordsContract):
    """The contract, on SQLite."""

    @pytest.fixture
    async def store(self, sqlite_place):
        """Yield a store with the table, which has no rows."""
        async with listing_store(sqlite_place) as opened:
            yield opened


class TestSqlStoreOnPostgres(SessionRecordsContract):
    """The contract, on PostgreSQL with each driver."""

    @pytest.fixture
    async def store(self, new_postgres_place):
        """Yield a store with the table, which has no rows."""
        async with listing_store(new_postgres_place) as opened:
            yield opened


class TestSqlStoreOnMariadb(SessionRecordsContract):
    """The contract, on MariaDB."""

    @pytest.fixture
    async def store(self, mariadb_url):
        """Yield a store with the table, which has no rows."""
        from tests.stores.crash_worker import prepared

        async with prepared(mariadb_url) as place, listing_store(place) as opened:
            yield opened


@asynccontextmanager
async def listing_store(place):
    """Yield a store that lists sessions."""
    async with place.store() as store:
        store.session_records()
        await store.create_tables()
        yield store


def test_threads_that_list_at_the_same_time_share_one_list():
    """Who waits for the lock uses the list of the other, which may have sessions already."""
    store = MemoryStore()
    lock = store._lock

    class Slow:
        """A lock that another thread has had before."""

        def __enter__(self):
            store._lock = lock
            self.other = store.session_records()
            lock.acquire()

        def __exit__(self, *_):
            lock.release()

    store._lock = slow = Slow()
    assert store.session_records() is slow.other
