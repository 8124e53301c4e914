"""What settings name, opened: files of keys, and stores by their URL."""

from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import JsonValue

from tokenward._codec import loads_object
from tokenward.errors import ConfigurationError, MalformedTokenError
from tokenward.keyring import KeyRing
from tokenward.keys import Key
from tokenward.keysources import RemoteKeys
from tokenward.revocation import RevocationStore
from tokenward.stores.memory import MemoryStore

__all__ = [
    "is_remote_in_clear",
    "jwks_file_ring",
    "open_issuer",
    "open_key_directory",
    "open_remote_keys",
    "open_store",
    "read_key_file",
    "read_secret_file",
    "store_kind",
]

_LARGEST_FILE: Final = 1_048_576
_MAX_BRACKETS: Final = 1_024
_REDIS: Final = frozenset({"redis", "rediss", "unix"})
_SQL: Final = frozenset({"sqlite+aiosqlite", "postgresql+asyncpg"})
_MEMORY: Final = frozenset({"memory://", "memory://single-process"})
_KNOWN_STORES: Final = (
    "store_url must begin with memory://, sqlite+aiosqlite://, postgresql+asyncpg://, "
    "redis://, rediss:// or unix://."
)


def read_key_file(path: Path) -> bytes:
    """Give what a file of keys holds.

    Raises:
        ConfigurationError: it cannot be read, or is too large to be one.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_FILE + 1)
    except OSError as exc:
        msg = f"The key file cannot be read: {exc.strerror}."
        raise ConfigurationError(msg) from exc
    if len(content) > _LARGEST_FILE:
        msg = "The key file is too large: it holds more than a mebibyte."
        raise ConfigurationError(msg)
    return content


def read_secret_file(path: Path) -> bytes:
    """Give the secret in a file, without the line break that editors put at its end."""
    return read_key_file(path).removesuffix(b"\n").removesuffix(b"\r")


def jwks_file_ring(path: Path) -> KeyRing:
    """Make a ring of a JWKS file (RFC 7517 §5), or of a file with one JWK.

    Keys that are there for something else than signatures are left out (RFC 7517 §5).

    Raises:
        ConfigurationError: it is no such file, or no key in it can be used.
    """
    content = read_key_file(path)
    try:
        parsed = loads_object(content, max_brackets=_MAX_BRACKETS)
    except MalformedTokenError:
        parsed = {}
    listed = parsed.get("keys", [parsed])
    keys = [
        each
        for each in map(_key_of, listed if isinstance(listed, list) else [])
        if each is not None
    ]
    if not keys:
        msg = "The file is no JSON Web Key Set, or holds no key that can be used."
        raise ConfigurationError(msg)
    return KeyRing(keys[0], verifiers=keys[1:])


def open_key_directory(path: Path) -> KeyRing:
    """Load a directory of keys.

    Raises:
        ConfigurationError: it is none, or a key in it cannot be used.
    """
    from tokenward.keydir import KeyDirectory

    return KeyDirectory(path).load()


def open_remote_keys(url: str, algorithm: str | None) -> RemoteKeys:
    """Make ready to fetch a key set; nothing is sent yet.

    Raises:
        ConfigurationError: the address cannot be used, or httpx is not installed.
    """
    from tokenward.jwks import RemoteKeySet

    return RemoteKeySet(url, algorithms=None if algorithm is None else [algorithm])


def open_issuer(issuer: str, algorithm: str | None) -> RemoteKeys:
    """Make ready to find the keys of an OpenID Connect issuer; see `open_remote_keys`."""
    from tokenward.jwks import RemoteKeySet

    return RemoteKeySet.from_issuer(issuer, algorithms=None if algorithm is None else [algorithm])


def _key_of(jwk: JsonValue) -> Key | None:
    try:
        return Key.from_jwk(jwk) if isinstance(jwk, dict) else None
    except ConfigurationError:
        return None


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
    from tokenward.stores.sql import SqlStore

    table_prefix = "tokenward_" if prefix is None else prefix
    return SqlStore(url, table_prefix=table_prefix, schema=schema, **options)


def _redis(url: str, prefix: str | None, options: dict[str, Any]) -> RevocationStore:
    from tokenward.stores.redis import RedisStore

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
