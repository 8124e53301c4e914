"""What a type checker must accept as a client of a RedisStore; it is checked by mypy, and never run."""

import redis.asyncio
import valkey.asyncio

from tokenward import RevocationStore
from tokenward.stores.redis import RedisClient, RedisStore

clients: list[RedisClient] = [
    redis.asyncio.Redis(),
    redis.asyncio.RedisCluster(host="localhost"),
    valkey.asyncio.Valkey(),
    valkey.asyncio.ValkeyCluster(host="localhost"),
]
stores: list[RevocationStore] = [RedisStore(each) for each in clients]
store: RevocationStore = RedisStore("redis+sentinel://localhost/shop", ephemeral=True)
