"""The contract of all stores, for a RedisStore over every form of Redis and both clients."""

import pytest

from tests.stores.redis_store.forms import FORMS, opened_store
from tokenward.testing import RevocationStoreContract


class TestRedisStore(RevocationStoreContract):
    """The contract, with a URL, and with users' clients."""

    @pytest.fixture(params=FORMS)
    async def store(self, request):
        """Yield an empty store."""
        async with opened_store(request.param, request.getfixturevalue) as opened:
            yield opened
