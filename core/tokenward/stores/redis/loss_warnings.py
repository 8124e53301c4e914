"""Warnings about a Redis server that may lose revocations."""

import asyncio
import warnings
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

__all__ = ["RedisEvictionWarning", "RedisPersistenceWarning", "warn_of_losses"]

_SETTINGS: Final = ("maxmemory-policy", "maxmemory", "save", "appendonly")
_KEEPS_NOTHING: Final = (
    "This Redis stores nothing on disk (save is empty, appendonly is no): a restart loses every "
    "revocation, and revoked tokens are valid again. Set appendonly to yes, or create the store "
    "with RedisStore(..., ephemeral=True) if you accept that."
)


class RedisEvictionWarning(UserWarning):
    """The server may evict revocations when its memory is full: revoked tokens are valid again."""


class RedisPersistenceWarning(UserWarning):
    """The server stores nothing on disk: after a restart revoked tokens are valid again."""


async def warn_of_losses(client: Redis, *, timeout_seconds: float, ephemeral: bool) -> None:
    """Warn if the server may lose revocations; a server that hides its settings is not checked.

    Args:
        client: a client of the server.
        timeout_seconds: how long to wait for the server.
        ephemeral: whether the caller accepts that a restart loses everything.
    """
    try:
        async with asyncio.timeout(timeout_seconds):
            config = await client.config_get(*_SETTINGS)
    except (RedisError, OSError):
        # Managed servers refuse CONFIG. This is advice only; no check depends on it.
        return

    policy = config.get("maxmemory-policy", "noeviction")
    if policy != "noeviction" and int(config.get("maxmemory") or 0):
        msg = (
            f"This Redis may evict revocations (maxmemory-policy {policy}): revoked tokens would "
            "be valid again. Set maxmemory-policy to noeviction, or use another Redis."
        )
        warnings.warn(msg, RedisEvictionWarning, stacklevel=1)

    if not ephemeral and config.get("save") == "" and config.get("appendonly") == "no":
        warnings.warn(_KEEPS_NOTHING, RedisPersistenceWarning, stacklevel=1)
