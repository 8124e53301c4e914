"""The contract of all stores, on SQLite, PostgreSQL and MariaDB."""

import pytest

from tokenward.testing import RevocationStoreContract


class TestSqlStoreOnSqlite(RevocationStoreContract):
    """The contract, on SQLite."""

    @pytest.fixture
    async def store(self, sqlite_place):
        """Yield an empty store."""
        async with sqlite_place.store() as opened:
            yield opened


class TestSqlStoreOnPostgres(RevocationStoreContract):
    """The contract, on PostgreSQL."""

    @pytest.fixture
    async def store(self, postgres_place):
        """Yield an empty store."""
        async with postgres_place.store() as opened:
            yield opened


class TestSqlStoreOnMariadb(RevocationStoreContract):
    """The contract, on MariaDB."""

    @pytest.fixture
    async def store(self, mariadb_place):
        """Yield an empty store."""
        async with mariadb_place.store() as opened:
            yield opened
