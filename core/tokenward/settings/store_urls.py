"""The revocation store that a URL names."""

from typing import Any, Final, Literal, TypeAlias

from tokenward.errors import ConfigurationError
from tokenward.stores.memory import MemoryStore
from tokenward.stores.protocol import RevocationStore

__all__ = ["StoreKind", "store_at", "store_kind"]

StoreKind: TypeAlias = Literal["memory", "sql", "redis"]
"""The kinds of stores that an engine from settings can have."""

_REDIS: Final = frozenset({
    "redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel", "redis+cluster",
    "rediss+cluster",
})  # fmt: skip
_SQL: Final = frozenset(
    {
        "sqlite+aiosqlite",
        "postgresql+asyncpg",
        "postgresql+psycopg",
        "mysql+asyncmy",
        "mariadb+asyncmy",
    }
)
_MEMORY: Final = frozenset({"memory://", "memory://single-process"})
_KNOWN_STORES: Final = (
    "store_url must begin with memory://, sqlite+aiosqlite://, postgresql+asyncpg://, "
    "postgresql+psycopg://, mysql+asyncmy://, redis://, rediss://, unix://, redis+sentinel:// or redis+cluster:// (the last "
    "two also with rediss)."
)


def store_kind(url: str) -> StoreKind:
    """Return the kind of store that a URL names.

    Raises:
        ConfigurationError: the URL has an unknown scheme.
    """
    scheme = url.partition("://")[0]
    if url in _MEMORY:
        return "memory"
    if scheme in _SQL:
        return "sql"
    if scheme in _REDIS:
        return "redis"
    raise ConfigurationError(_KNOWN_STORES)


def store_at(
    url: str, *, prefix: str | None, timeout_seconds: float | None, schema: str | None
) -> RevocationStore:
    """Return the store at a URL; nothing is sent to it yet.

    Raises:
        ConfigurationError: the URL is unusable, or the extra for the store is not installed.
    """
    kind = store_kind(url)
    if kind == "memory":
        return MemoryStore(single_process=url == "memory://single-process")

    options = {"timeout_seconds": timeout_seconds} if timeout_seconds is not None else {}
    try:
        return _sql(url, prefix, schema, options) if kind == "sql" else _redis(url, prefix, options)
    except ImportError as exc:
        raise ConfigurationError(str(exc)) from exc


def _sql(
    url: str, prefix: str | None, schema: str | None, options: dict[str, float]
) -> RevocationStore:
    from tokenward.stores.sql.store import SqlStore

    table_prefix = "tokenward_" if prefix is None else prefix
    return SqlStore(url, table_prefix=table_prefix, schema=schema, **options)


def _redis(url: str, prefix: str | None, options: dict[str, Any]) -> RevocationStore:
    from tokenward.stores.redis.store import RedisStore

    return RedisStore(url, key_prefix="tokenward:" if prefix is None else prefix, **options)
