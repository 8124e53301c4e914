"""A revocation store in Redis, for services of several processes. Needs ``tokenward[redis]``."""

from tokenward.stores.redis.store import (
    RedisEvictionWarning,
    RedisPersistenceWarning,
    RedisStore,
)

__all__ = ["RedisEvictionWarning", "RedisPersistenceWarning", "RedisStore"]
