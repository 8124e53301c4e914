"""The client for a Redis URL. No error repeats a part of the URL, which may contain a password."""

import re
from typing import Final
from urllib.parse import parse_qsl

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from tokenward.errors import ConfigurationError

__all__ = ["hide_arguments", "open_client"]

_MAX_CONNECTIONS: Final = 50
_SERVER: Final = re.compile(
    r"rediss?://"
    r"(?:[^/?#\[\]]*@)?"
    # An escape here would be a misplaced user name or password, and errors name the host.
    r"(?:[^/?#\[\]@:%]*|\[[0-9A-Fa-f:.]+(?:%25[0-9A-Za-z._-]+)?\])"
    r"(?::[1-9][0-9]{0,4})?"
    r"(?:/[0-9]{0,9})?"
    r"(?:\?(?P<options>[^#]*))?"
)
_SOCKET: Final = re.compile(
    r"unix://(?:[^/?#\[\]]*@)?/[^?#@]+(?:\?(?P<options>[^#]*))?",
)
_OPTIONS: Final = frozenset({
    "client_name", "db", "health_check_interval", "max_connections", "password",
    "socket_connect_timeout", "socket_keepalive", "socket_timeout", "ssl_ca_certs", "ssl_ca_data",
    "ssl_ca_path", "ssl_cert_reqs", "ssl_certfile", "ssl_check_hostname", "ssl_ciphers",
    "ssl_keyfile", "ssl_min_version", "ssl_password", "timeout", "username",
})  # fmt: skip
_WRONG_SCHEME: Final = "The URL of Redis must begin with redis://, rediss:// or unix://."
_WRONG_ADDRESS: Final = (
    "The URL of Redis must read redis://user:password@host:port/database (rediss:// likewise) or "
    "unix://user:password@/path?db=number, where port and database are numbers. Percent-encode "
    "spaces, '%', '/', '?', '#', '@', ':' and brackets in a user name and password."
)
_WRONG_OPTIONS: Final = (
    "The URL of Redis has an option that is unknown, given twice or has an unusable value after "
    "the '?'. Percent-encode a '?' in a password, or pass your own redis.asyncio.Redis for options "
    "that a URL cannot express."
)


def open_client(url: str, timeout_seconds: float) -> Redis:
    """Return a new client; nothing is sent yet.

    Args:
        url: the URL of a server.
        timeout_seconds: for opening a connection, getting one from the pool, and each reply.

    Raises:
        ConfigurationError: the URL is malformed. The error names the part, and has no cause or
            context, because the errors of URL parsers repeat what they could not parse.
    """
    if not url.startswith(("redis://", "rediss://", "unix://")):
        raise ConfigurationError(_WRONG_SCHEME)

    parts = (_SOCKET if url.startswith("unix") else _SERVER).fullmatch(url)
    # URL parsers silently drop line breaks and tabs.
    if parts is None or not url.isprintable() or " " in url:
        raise ConfigurationError(_WRONG_ADDRESS)

    options = parts["options"]
    if options is not None and not _are_known(options):
        raise ConfigurationError(_WRONG_OPTIONS)

    pool = _pool_of(url, timeout_seconds)
    if pool is None:
        raise ConfigurationError(_WRONG_OPTIONS if options else _WRONG_ADDRESS)
    return Redis.from_pool(pool)


def _are_known(options: str) -> bool:
    try:
        names = [
            name for name, _ in parse_qsl(options, keep_blank_values=True, strict_parsing=True)
        ]
    except ValueError:
        return False
    return len({*names}) == len(names) and _OPTIONS.issuperset(names)


def _pool_of(url: str, timeout_seconds: float) -> BlockingConnectionPool | None:
    try:
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=_MAX_CONNECTIONS,
            timeout=timeout_seconds,
            socket_timeout=timeout_seconds,
            socket_connect_timeout=timeout_seconds,
            # One immediate retry after a broken connection; none after a timeout.
            retry=Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
            # RESP3 has no advantage here, and with it redis-py 8 accepts unread data in a pool.
            protocol=2,
        )
        # Not connected; without this, options that no connection takes would fail at each call.
        pool.connection_class(**pool.connection_kwargs)
    except (RedisError, TypeError, ValueError):
        return None
    return pool


def hide_arguments(error: BaseException) -> None:
    """Remove the arguments of a command from an error of the server, and from its causes.

    A server that does not know a command repeats its arguments: the password of AUTH, or a key of
    EVALSHA with an identity in it.
    """
    seen: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is None or each in seen:
            continue
        seen.append(each)
        if isinstance(each, RedisError):
            each.args = (str(each).partition(", with args")[0],)
        waiting += (each.__cause__, each.__context__)
