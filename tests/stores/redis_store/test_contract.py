"""The contract of all stores, for a RedisStore."""

import pytest
from redis.asyncio import Redis

from tests.stores.redis_store.support import PATIENT
from tokenward.stores.redis import RedisStore
from tokenward.testing import RevocationStoreContract


class TestRedisStore(RevocationStoreContract):
    """The contract, with a URL, and with a user's clients that decode or do not."""

    @pytest.fixture(params=["url", "bytes", "text", "resp2"])
    async def store(self, request, redis_url, prefix):
        """Yield an empty store."""
        if request.param == "url":
            async with RedisStore(
                redis_url, key_prefix=prefix, timeout_seconds=PATIENT, ephemeral=True
            ) as opened:
                yield opened
            return
        options = {"protocol": 2} if request.param == "resp2" else {}
        decode = request.param == "text"
        async with (
            Redis.from_url(redis_url, decode_responses=decode, **options) as client,
            RedisStore(
                client, key_prefix=prefix, timeout_seconds=PATIENT, ephemeral=True
            ) as opened,
        ):
            yield opened
