"""The contract of all stores, for a MemoryStore."""

import pytest

from tokenward import MemoryStore
from tokenward.testing import RevocationStoreContract


class TestMemoryStore(RevocationStoreContract):
    """The contract, for a MemoryStore."""

    @pytest.fixture
    async def store(self):
        """Return an empty store."""
        async with MemoryStore() as opened:
            yield opened
