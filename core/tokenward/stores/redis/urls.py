"""The client for a Redis URL. No error repeats a part of the URL, which may contain a password."""

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, NamedTuple, TypeAlias
from urllib.parse import parse_qsl, unquote

try:
    from redis.asyncio import BlockingConnectionPool, ConnectionPool, Redis, RedisCluster, Sentinel
    from redis.asyncio.cluster import ClusterNode
    from redis.asyncio.connection import parse_url
    from redis.asyncio.retry import Retry
    from redis.asyncio.sentinel import SentinelConnectionPool
    from redis.backoff import NoBackoff
    from redis.exceptions import ConnectionError as RedisConnectionError
    from redis.exceptions import RedisError
except ImportError as _absent:
    _MISSING = "A Redis URL needs the redis package: install Tokenward with its extra 'redis'"
    raise ImportError(_MISSING) from _absent

from tokenward.errors import ConfigurationError
from tokenward.stores.redis.client import RedisClient, cluster_nodes

__all__ = ["OpenedClient", "open_client"]

_MAX_CONNECTIONS: Final = 50
_USER: Final = r"(?:(?P<user>[^/?#\[\]]*)@)?"
# An escape here would be a misplaced user name or password, and errors name the host.
_IPV6: Final = r"\[[0-9A-Fa-f:.]+(?:%25[0-9A-Za-z._-]+)?\]"
_PORT: Final = r"(?::[1-9][0-9]{0,4})?"
_NODE: Final = rf"(?:[^/?#\[\]@:%,]+|{_IPV6}){_PORT}"
_OPTIONS_PART: Final = r"(?:\?(?P<options>[^#]*))?"

_SERVER: Final = re.compile(
    rf"rediss?://{_USER}(?:[^/?#\[\]@:%]*|{_IPV6}){_PORT}(?:/[0-9]{{0,9}})?{_OPTIONS_PART}"
)
_SOCKET: Final = re.compile(rf"unix://{_USER}/[^?#@]+{_OPTIONS_PART}")
_CLUSTER: Final = re.compile(
    rf"rediss?\+cluster://{_USER}(?P<nodes>{_NODE}(?:,{_NODE})*)/?{_OPTIONS_PART}"
)
_SENTINEL: Final = re.compile(
    rf"rediss?\+sentinel://{_USER}(?P<nodes>{_NODE}(?:,{_NODE})*)"
    rf"/(?P<service>[^/?#@]+)(?:/(?P<db>[0-9]{{0,9}}))?{_OPTIONS_PART}"
)
_OPTIONS: Final = frozenset({
    "client_name", "db", "health_check_interval", "max_connections", "password",
    "socket_connect_timeout", "socket_keepalive", "socket_timeout", "ssl_ca_certs", "ssl_ca_data",
    "ssl_ca_path", "ssl_cert_reqs", "ssl_certfile", "ssl_check_hostname", "ssl_ciphers",
    "ssl_keyfile", "ssl_min_version", "ssl_password", "timeout", "username",
})  # fmt: skip
_CLUSTER_OPTIONS: Final = _OPTIONS - {"db", "max_connections", "timeout"}
_SENTINEL_OPTIONS: Final = (_OPTIONS - {"db"}) | {"sentinel_username", "sentinel_password"}
_WRONG_SCHEME: Final = (
    "The URL of Redis must begin with redis://, rediss://, unix://, redis+sentinel://, "
    "rediss+sentinel://, redis+cluster:// or rediss+cluster://."
)
_WRONG_ADDRESS: Final = (
    "The URL of Redis must read redis://user:password@host:port/database (rediss:// likewise), "
    "unix://user:password@/path?db=number, "
    "redis+sentinel://user:password@host:port,host:port/service/database or "
    "redis+cluster://user:password@host:port,host:port, where port and database are numbers. "
    "Percent-encode spaces, '%', '/', '?', '#', '@', ':' and brackets in a user name and password."
)
_WRONG_OPTIONS: Final = (
    "The URL of Redis has an option that is unknown, given twice or has an unusable value after "
    "the '?'. Percent-encode a '?' in a password, or pass your own client of redis.asyncio for "
    "options that a URL cannot express."
)

_Form: TypeAlias = tuple[re.Pattern[str], frozenset[str]]
_FORMS: Final[dict[str, _Form]] = {
    "redis": (_SERVER, _OPTIONS),
    "rediss": (_SERVER, _OPTIONS),
    "unix": (_SOCKET, _OPTIONS),
    "redis+cluster": (_CLUSTER, _CLUSTER_OPTIONS),
    "rediss+cluster": (_CLUSTER, _CLUSTER_OPTIONS),
    "redis+sentinel": (_SENTINEL, _SENTINEL_OPTIONS),
    "rediss+sentinel": (_SENTINEL, _SENTINEL_OPTIONS),
}


class OpenedClient(NamedTuple):
    """A client, and the functions that close its connections."""

    client: RedisClient
    closers: Sequence[Callable[[], Awaitable[None]]]


def open_client(url: str, timeout_seconds: float) -> OpenedClient:
    """Return a new client; nothing is sent yet.

    Args:
        url: the URL of a server, of Sentinels or of nodes of a cluster.
        timeout_seconds: for opening a connection, getting one from the pool, and each reply.

    Raises:
        ConfigurationError: the URL is malformed. The error names the part, and has no cause or
            context, because the errors of URL parsers repeat what they could not parse.
    """
    form = _FORMS.get(url.partition("://")[0]) if "://" in url else None
    if form is None:
        raise ConfigurationError(_WRONG_SCHEME)

    pattern, known = form
    parts = pattern.fullmatch(url)
    # URL parsers silently drop line breaks and tabs.
    if parts is None or not url.isprintable() or " " in url:
        raise ConfigurationError(_WRONG_ADDRESS)

    options = parts["options"]
    if options is not None and not _are_known(options, known):
        raise ConfigurationError(_WRONG_OPTIONS)

    opened = _opened(pattern, parts, timeout_seconds)
    if opened is None:
        raise ConfigurationError(_WRONG_OPTIONS if options else _WRONG_ADDRESS)
    return opened


def _are_known(options: str, known: frozenset[str]) -> bool:
    try:
        names = [
            name for name, _ in parse_qsl(options, keep_blank_values=True, strict_parsing=True)
        ]
    except ValueError:
        return False
    return len({*names}) == len(names) and known.issuperset(names)


def _opened(
    pattern: re.Pattern[str], parts: re.Match[str], timeout_seconds: float
) -> OpenedClient | None:
    """Return the client for a URL; None if no connection accepts its options."""
    try:
        if pattern is _CLUSTER:
            return _cluster_client(parts, timeout_seconds)
        if pattern is _SENTINEL:
            return _sentinel_client(parts, timeout_seconds)
        return _server_client(parts, timeout_seconds)
    except (RedisError, TypeError, ValueError):
        return None


def _server_client(parts: re.Match[str], timeout_seconds: float) -> OpenedClient:
    pool = BlockingConnectionPool.from_url(
        parts[0],
        max_connections=_MAX_CONNECTIONS,
        timeout=timeout_seconds,
        retry=_retry(),
        **_defaults(timeout_seconds),
    )
    _check(pool)
    client = Redis.from_pool(pool)
    return OpenedClient(client, (client.aclose,))


class _SentinelPool(SentinelConnectionPool, BlockingConnectionPool):
    """The connections to the master that the Sentinels name; waits while all are in use."""


def _sentinel_client(parts: re.Match[str], timeout_seconds: float) -> OpenedClient:
    nodes = _nodes(parts, 26379)
    settings = _settings(parts)
    names = ("sentinel_username", "sentinel_password")
    login = {name.removeprefix("sentinel_"): settings.pop(name, None) for name in names}
    of_data = {name: settings.pop(name, None) for name in ("username", "password", "client_name")}
    limits = {
        "max_connections": settings.pop("max_connections", _MAX_CONNECTIONS),
        "timeout": settings.pop("timeout", timeout_seconds),
    }

    # A Sentinel that does not answer must leave enough time to ask the others.
    asking = _defaults(timeout_seconds / (len(nodes) + 1)) | {"retry": Retry(NoBackoff(), 0)}
    of_sentinels = settings | asking | login
    sentinel = Sentinel(nodes, sentinel_kwargs=of_sentinels)  # type: ignore[no-untyped-call]
    client = sentinel.master_for(
        unquote(parts["service"]),
        connection_pool_class=_SentinelPool,
        retry=_retry(),
        db=int(parts["db"] or 0),
        **(_defaults(timeout_seconds) | settings | of_data | limits),
    )
    _check(client.connection_pool)
    # Each by itself: only redis-py 8.1 has a method that closes them all.
    return OpenedClient(client, (client.aclose, *(each.aclose for each in sentinel.sentinels)))


def _cluster_client(parts: re.Match[str], timeout_seconds: float) -> OpenedClient:
    nodes = _nodes(parts, 6379)
    # The client must notice twice within one call that a node does not answer.
    waiting = _defaults(timeout_seconds * 0.3)
    client = RedisCluster(
        startup_nodes=[ClusterNode(host, port) for host, port in nodes],
        retry=Retry(NoBackoff(), 0),
        max_connections=_MAX_CONNECTIONS,
        # Slots that no node has fail their own calls, and no others.
        require_full_coverage=False,
        **(waiting | _settings(parts)),
    )
    for node in client.startup_nodes:
        node.connection_class(**node.connection_kwargs)
    return OpenedClient(client, (lambda: _close_cluster(client),))


async def _close_cluster(client: RedisCluster) -> None:
    await client.aclose()
    # While the client is about to ask for the nodes again, its aclose does nothing.
    nodes = (*cluster_nodes(client), *client.startup_nodes)
    for node in {id(node): node for node in nodes}.values():
        await node.disconnect()


def _nodes(parts: re.Match[str], default_port: int) -> Sequence[tuple[str, int]]:
    found = []
    for each in parts["nodes"].split(","):
        node: dict[str, Any] = {**parse_url(f"redis://{each}")}
        found.append((node["host"], node.get("port", default_port)))
    return found


def _settings(parts: re.Match[str]) -> dict[str, Any]:
    """Return the user name, the password and the options of a URL of several nodes."""
    user = "" if parts["user"] is None else f"{parts['user']}@"
    settings: dict[str, Any] = {**parse_url(f"redis://{user}x?{parts['options'] or ''}")}
    settings.pop("host")
    if parts[0].startswith("rediss"):
        settings["ssl"] = True
    elif any(name.startswith("ssl_") for name in settings):
        raise ValueError
    return settings


def _defaults(timeout_seconds: float) -> dict[str, Any]:
    return {
        "socket_timeout": timeout_seconds,
        "socket_connect_timeout": timeout_seconds,
        # RESP3 has no advantage here, and with it redis-py 8 accepts unread data in a pool.
        "protocol": 2,
    }


def _retry() -> Retry:
    # One immediate retry after a broken connection; none after a timeout.
    return Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,))


def _check(pool: ConnectionPool) -> None:
    """Create a connection that is not connected: wrong options would otherwise fail each call."""
    pool.connection_class(**pool.connection_kwargs)
