"""What the settings of a Redis server mean for the revocations in it."""

import asyncio
import warnings
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

__all__ = ["RedisEvictionWarning", "RedisPersistenceWarning", "warn_of_losses"]

_SETTINGS: Final = ("maxmemory-policy", "maxmemory", "save", "appendonly")
_KEEPS_NOTHING: Final = (
    "This Redis keeps nothing on disk (save is empty, appendonly is no): a restart forgets every "
    "revocation, and revoked tokens are valid again. Set appendonly to yes, or create the store "
    "with RedisStore(..., ephemeral=True) if you accept that."
)


class RedisEvictionWarning(UserWarning):
    """The server may drop revocations when its memory is full: revoked tokens are valid again."""


class RedisPersistenceWarning(UserWarning):
    """The server keeps nothing on disk: after a restart revoked tokens are valid again."""


async def warn_of_losses(client: Redis, *, timeout_seconds: float, ephemeral: bool) -> None:
    """Warn where the server may lose revocations; a server that hides its settings is not judged.

    Args:
        client: of the server.
        timeout_seconds: how long the server may take to answer.
        ephemeral: whether the caller accepts that a restart loses everything.
    """
    try:
        async with asyncio.timeout(timeout_seconds):
            config = await client.config_get(*_SETTINGS)
    except (RedisError, OSError):
        # Managed servers keep CONFIG to themselves. This is advice; no check depends on it.
        return
    policy = config.get("maxmemory-policy", "noeviction")
    if policy != "noeviction" and int(config.get("maxmemory") or 0):
        msg = (
            f"This Redis may evict revocations (maxmemory-policy {policy}): revoked tokens would "
            "be valid again. Set maxmemory-policy to noeviction, or use a Redis that has it."
        )
        warnings.warn(msg, RedisEvictionWarning, stacklevel=1)
    if not ephemeral and config.get("save") == "" and config.get("appendonly") == "no":
        warnings.warn(_KEEPS_NOTHING, RedisPersistenceWarning, stacklevel=1)
