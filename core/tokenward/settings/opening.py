"""What settings name, opened: files of keys, and stores by their URL."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from tokenward.errors import ConfigurationError
from tokenward.jose.key_source import RemoteKeys
from tokenward.keys.files import holds_private_pem, read_named_file, refuse_open_file
from tokenward.keys.ring import KeyRing
from tokenward.stores.memory import MemoryStore
from tokenward.stores.protocol import RevocationStore

__all__ = [
    "is_remote_in_clear",
    "open_issuer",
    "open_key_directory",
    "open_remote_keys",
    "open_store",
    "pem_file_ring",
    "secret_file_ring",
    "store_kind",
]

_REDIS: Final = frozenset({"redis", "rediss", "unix"})
_SQL: Final = frozenset({"sqlite+aiosqlite", "postgresql+asyncpg"})
_MEMORY: Final = frozenset({"memory://", "memory://single-process"})
_KNOWN_STORES: Final = (
    "store_url must begin with memory://, sqlite+aiosqlite://, postgresql+asyncpg://, "
    "redis://, rediss:// or unix://."
)


def secret_file_ring(path: Path, *, algorithm: str, kid: str | None) -> KeyRing:
    """Make a ring of the HMAC secret in a file, without the line break that editors put at its end.

    Raises:
        ConfigurationError: the file cannot be read, others can read it, or the secret is unfit.
    """
    file = read_named_file(path)
    refuse_open_file(file)
    secret = file.content.removesuffix(b"\n").removesuffix(b"\r")
    with _named(path):
        return KeyRing.from_secret(secret, algorithm=algorithm, kid=kid)


def pem_file_ring(
    path: Path, *, algorithm: str | None, password: str | None, kid: str | None
) -> KeyRing:
    """Make a ring of the key in a PEM file.

    Raises:
        ConfigurationError: the file cannot be read, it holds a private key that others can read, or
            no key that can be used.
    """
    file = read_named_file(path)
    if holds_private_pem(file.content):
        refuse_open_file(file)
    with _named(path):
        return KeyRing.from_pem(file.content, algorithm=algorithm, password=password, kid=kid)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Name the file in what is said of its content."""
    try:
        yield
    except ConfigurationError as error:
        msg = f"{str(path)!r}: {error}"
        raise type(error)(msg) from error


def open_key_directory(path: Path) -> KeyRing:
    """Load a directory of keys.

    Raises:
        ConfigurationError: it is none, or a key in it cannot be used.
    """
    from tokenward.keys.directory import KeyDirectory

    return KeyDirectory(path).load()


def open_remote_keys(url: str, algorithm: str | None) -> RemoteKeys:
    """Make ready to fetch a key set; nothing is sent yet.

    Raises:
        ConfigurationError: the address cannot be used, or httpx is not installed.
    """
    from tokenward.keys.remote import RemoteKeySet

    return RemoteKeySet(url, algorithms=None if algorithm is None else [algorithm])


def open_issuer(issuer: str, algorithm: str | None) -> RemoteKeys:
    """Make ready to find the keys of an OpenID Connect issuer; see `open_remote_keys`."""
    from tokenward.keys.remote import RemoteKeySet

    return RemoteKeySet.from_issuer(issuer, algorithms=None if algorithm is None else [algorithm])


def store_kind(url: str) -> str:
    """Tell ``memory``, ``sql`` or ``redis``.

    Raises:
        ConfigurationError: it is the URL of nothing that Tokenward knows.
    """
    scheme = url.partition("://")[0]
    if url in _MEMORY:
        return "memory"
    if scheme in _SQL:
        return "sql"
    if scheme in _REDIS:
        return "redis"
    raise ConfigurationError(_KNOWN_STORES)


def open_store(
    url: str, *, prefix: str | None, timeout_seconds: float | None, schema: str | None
) -> RevocationStore:
    """Make the store of a URL; nothing is sent to it yet.

    Raises:
        ConfigurationError: the URL cannot be used, or the extra for it is not installed.
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


def is_remote_in_clear(url: str) -> bool:
    """Whether what is sent to a store crosses a network unencrypted.

    An address that cannot be read counts as remote: databases take some that `urlsplit` refuses.
    """
    try:
        parts = urlsplit(url)
        is_local = _is_local(parts.hostname)
    except ValueError:
        return True
    if parts.scheme == "redis":
        return not is_local
    return parts.scheme == "postgresql+asyncpg" and not is_local and "ssl" not in parts.query


def _is_local(host: str | None) -> bool:
    return host is None or host in {"localhost", "::1"} or host.startswith("127.")
