"""SQLAlchemy engines: created for a URL with safe options, or a user's engine, checked."""

import itertools
import secrets
from typing import Any, Final, cast

from sqlalchemy import URL, StaticPool, event, make_url
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from tokenward.errors import ConfigurationError

__all__ = [
    "CONNECTIONS",
    "StatementNames",
    "check_connection",
    "checked_engine",
    "configuration_fault",
    "open_engine",
]

CONNECTIONS: Final = 8
_DRIVERS: Final = {"sqlite+aiosqlite", "postgresql+asyncpg"}
_SUPPORTED: Final = (
    "SqlStore supports SQLite and PostgreSQL: sqlite+aiosqlite:///file or "
    "postgresql+asyncpg://user@host/database."
)
_WRONG_URL: Final = (
    "The URL of SqlStore must read postgresql+asyncpg://user:password@host:port/database, where port "
    "is a number, or sqlite+aiosqlite:///file. Percent-encode '%', '/', '?', '#', '@', ':' and "
    "brackets in a user name and password, and check the options after the '?'."
)
_ONE_CONNECTION: Final = (
    "SqlStore needs more than one connection: use an SQLite file, or MemoryStore."
)
_CACHE_SIZE: Final = "statement_cache_size"
_CACHE_IN_URL: Final = (
    "In a URL, statement_cache_size is text, which asyncpg refuses: create the engine with "
    "connect_args={'statement_cache_size': 0} instead. For a URL, SqlStore sets the option itself, "
    "and allows no other value."
)
_POOLER: Final = (
    "This engine reaches PostgreSQL through a connection pooler and names its prepared statements, "
    "so that a statement of another process can run instead: create the engine with "
    "connect_args={'statement_cache_size': 0} and without prepared_statement_name_func."
)
_NO_TABLES: Final = (
    "The tables of SqlStore are missing or of another version: await store.create_tables(), or "
    "migrate them from store.metadata; also check table_prefix and schema."
)
# undefined_table, undefined_column; SQLite has no codes for these errors.
_NO_TABLE_STATES: Final = {"42P01", "42703"}
_NO_TABLE_WORDS: Final = ("no such table", "no such column", "has no column named")
# invalid_sql_statement_name, duplicate_prepared_statement.
_POOLER_STATES: Final = {"26000", "42P05"}
_CHECKED: Final = "tokenward.checked"


class StatementNames:
    """The names of an engine's prepared statements: unique, or empty behind a pooler.

    A named statement is parsed and planned once for each connection. Behind a pooler the name could
    reach another connection, so the statement has no name there, and each call sends its text.
    """

    __slots__ = ("_is_direct", "_names")

    def __init__(self) -> None:
        """Start without names, until a connection is known to be direct."""
        # Random, so that no other process ever prepares a statement under the same name.
        start = secrets.token_hex(8)
        self._names = (f"tokenward_{start}_{number}" for number in itertools.count())
        self._is_direct: bool | None = None

    def __call__(self) -> str:
        """Return the next name."""
        return next(self._names) if self._is_direct else ""

    def note_connection(self, *, is_direct: bool) -> None:
        """Note whether a new connection is direct; one through a pooler turns all names off."""
        self._is_direct = is_direct and self._is_direct is not False


def open_engine(
    given: str | URL, timeout_seconds: float, busy_seconds: float, names: StatementNames
) -> AsyncEngine:
    """Return a new engine for a URL, with safe options.

    Raises:
        ConfigurationError: see `SqlStore`.
    """
    url = _parse_url(given)
    if cast("type[DefaultDialect]", url.get_dialect()).get_pool_class(url) is StaticPool:
        raise ConfigurationError(_ONE_CONNECTION)

    is_sqlite = url.get_backend_name() == "sqlite"
    if url.query.get(_CACHE_SIZE, "0") != "0":
        raise ConfigurationError(_CACHE_IN_URL)

    # Without its cache, asyncpg sends an unnamed statement with each call.
    safe = {_CACHE_SIZE: 0, "prepared_statement_name_func": names}
    own: dict[str, Any] = {"timeout": busy_seconds} if is_sqlite else safe

    engine: AsyncEngine | None = None
    try:
        engine = create_async_engine(
            url.difference_update_query([_CACHE_SIZE]),
            hide_parameters=True,
            pool_size=CONNECTIONS,
            max_overflow=0,
            pool_timeout=timeout_seconds,
            connect_args=own,
        )
    except ImportError as exc:
        msg = "SqlStore needs a driver that is not installed: pip install 'tokenward[sql]'"
        raise ConfigurationError(msg) from exc
    except (ArgumentError, ValueError):
        pass  # see `_parse_url`

    if engine is None:
        raise ConfigurationError(_WRONG_URL)

    if is_sqlite:
        event.listen(engine.sync_engine, "connect", _set_up_sqlite)
    return engine


def _parse_url(given: str | URL) -> URL:
    """Return the URL of one of the two databases.

    Raises:
        ConfigurationError: the URL is malformed, or of another database. The error has no cause or
            context, because the errors of URL parsers repeat parts of a URL.
    """
    driver = given.drivername if isinstance(given, URL) else str(given).partition("://")[0]
    if driver not in _DRIVERS:
        raise ConfigurationError(_SUPPORTED)
    try:
        return make_url(given)
    except (ArgumentError, ValueError):
        pass
    raise ConfigurationError(_WRONG_URL)


def checked_engine(engine: AsyncEngine) -> AsyncEngine:
    """Return a user's engine if a store can use it; `check_connection` completes the check.

    Raises:
        ConfigurationError: see `SqlStore`.
    """
    if f"{engine.dialect.name}+{engine.dialect.driver}" not in _DRIVERS:
        raise ConfigurationError(_SUPPORTED)
    if isinstance(engine.pool, StaticPool):
        raise ConfigurationError(_ONE_CONNECTION)
    if _CACHE_SIZE in engine.url.query:
        raise ConfigurationError(_CACHE_IN_URL)
    return engine


async def check_connection(
    connection: AsyncConnection, *, own_names: StatementNames | None, limit_ms: int
) -> None:
    """Check a new connection to PostgreSQL, once, before its first use.

    A pooler reports another process id to its clients than the server. Behind a pooler a setting of
    the session would affect other clients, so the server's timeouts are set only on direct
    connections.

    Args:
        connection: a connection that commits each statement.
        own_names: the statement names of the store's own engine; None for a user's engine, which
            is not changed.
        limit_ms: the time after which the server cancels a statement of the store's own engine.

    Raises:
        ConfigurationError: the user's engine is unsafe behind its pooler.
    """
    if _CHECKED in connection.info:
        return

    driver: Any = (await connection.get_raw_connection()).driver_connection

    # Sent without parameters, so that no statement is prepared that a pooler could confuse.
    names = () if own_names is None else ("statement_timeout", "lock_timeout")
    settings = ", ".join(f"set_config('{name}', '{limit_ms}', false)" for name in names)
    status = await driver.execute(
        f"SELECT {settings or 1} WHERE pg_backend_pid() = {driver.get_server_pid():d}"
    )
    is_direct = status == "SELECT 1"

    if own_names is not None:
        own_names.note_connection(is_direct=is_direct)
    elif not is_direct and (await driver.prepare("SELECT 1")).get_name():
        raise ConfigurationError(_POOLER)

    connection.info[_CHECKED] = True


def configuration_fault(error: BaseException | None) -> ConfigurationError | None:
    """Return the error for a mistake of the configuration that a driver reported, else None."""
    state = getattr(error, "sqlstate", None)
    if state in _POOLER_STATES:
        return ConfigurationError(_POOLER)

    words = str(error)
    if state in _NO_TABLE_STATES or (state is None and any(w in words for w in _NO_TABLE_WORDS)):
        return ConfigurationError(_NO_TABLES)
    return None


def _set_up_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 - of the driver
    try:
        cursor = connection.cursor()
        # Readers and the writer do not block each other.
        cursor.execute("PRAGMA journal_mode=WAL")
        # NORMAL would lose the last revocations in a power failure.
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.close()
    except BaseException:
        # SQLAlchemy drops a connection that cannot be set up, but its thread would continue.
        connection.close()
        raise
