"""A revocation store in Redis, for services of several processes. Needs ``tokenward[redis]``."""

from tokenward.stores.redis.client import RedisClient
from tokenward.stores.redis.server_checks import (
    RedisEvictionWarning,
    RedisPersistenceWarning,
    RedisReplicaWarning,
)
from tokenward.stores.redis.store import RedisStore

__all__ = [
    "RedisClient",
    "RedisEvictionWarning",
    "RedisPersistenceWarning",
    "RedisReplicaWarning",
    "RedisStore",
]
