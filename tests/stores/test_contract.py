"""The contract, on every store."""

import pytest

from tokenward import MemoryStore
from tokenward.testing import RevocationStoreContract


class TestMemoryStore(RevocationStoreContract):
    """The store in this process's memory."""

    @pytest.fixture
    async def store(self):
        """Give an empty store."""
        async with MemoryStore() as opened:
            yield opened
