"""The checks of a RedisStore's arguments, and the client that the store uses."""

import math
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from tokenward._arguments import refuse
from tokenward.stores.redis.client import RedisClient

__all__ = ["check_arguments", "client_of"]

_Closers: TypeAlias = Sequence[Callable[[], Awaitable[None]]]


def check_arguments(key_prefix: str, timeout_seconds: float, wait_replicas: int) -> None:
    """Refuse arguments that cannot be used.

    Raises:
        ConfigurationError: an argument is invalid.
    """
    if not isinstance(key_prefix, str) or not key_prefix:
        refuse("key_prefix must be text that is not empty, such as 'tokenward:'.")
    if type(timeout_seconds) not in {int, float} or not 0 < timeout_seconds < math.inf:
        refuse("timeout_seconds must be a finite number above zero.")
    if type(wait_replicas) is not int or wait_replicas < 0:
        refuse("wait_replicas must be a number of replicas, or zero.")


def client_of(
    url_or_client: str | RedisClient, timeout_seconds: float
) -> tuple[RedisClient, _Closers]:
    """Return the client for a URL, or the given client, and what closes it with the store.

    Raises:
        ConfigurationError: it is neither a usable URL nor an asynchronous client.
        ImportError: redis-py, which a URL needs, is not installed.
    """
    if not isinstance(url_or_client, str):
        if not isinstance(url_or_client, RedisClient):
            refuse(
                "url_or_client must be a URL or an asynchronous client: Redis or RedisCluster of "
                "redis.asyncio, the result of Sentinel.master_for, or a client of valkey.asyncio."
            )
        return url_or_client, ()

    # Your own client of valkey-py needs no redis-py.
    from tokenward.stores.redis.urls import open_client

    return open_client(url_or_client, timeout_seconds)
