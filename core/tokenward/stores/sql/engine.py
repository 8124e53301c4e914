"""SQLAlchemy engines: the store's own, made safe; a user's, refused where it is not."""

import itertools
import secrets
from typing import Any, Final, cast

from sqlalchemy import URL, StaticPool, event, make_url
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from tokenward.errors import ConfigurationError

__all__ = ["CONNECTIONS", "StatementNames", "checked_engine", "named_fault", "open_engine", "prove"]

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
    "SqlStore needs more than one connection: give SQLite a file, or use MemoryStore."
)
_CACHE_SIZE: Final = "statement_cache_size"
_CACHE_IN_URL: Final = (
    "In a URL, statement_cache_size is text, which asyncpg refuses: give the engine "
    "connect_args={'statement_cache_size': 0} instead. SqlStore sets it by itself where it is given "
    "a URL, and allows no other value."
)
_POOLER: Final = (
    "This engine reaches PostgreSQL through a connection pooler and names its prepared statements, "
    "so that those of another process can run in their place: create it with "
    "connect_args={'statement_cache_size': 0} and without prepared_statement_name_func."
)
_NO_TABLES: Final = (
    "The tables of SqlStore are missing or of another version: await store.create_tables(), or "
    "migrate them from store.metadata; check table_prefix and schema, too."
)
# undefined_table, undefined_column; SQLite has no codes of its own for them.
_NO_TABLE_STATES: Final = {"42P01", "42703"}
_NO_TABLE_WORDS: Final = ("no such table", "no such column", "has no column named")
# invalid_sql_statement_name, duplicate_prepared_statement.
_POOLER_STATES: Final = {"26000", "42P05"}
_PROVEN: Final = "tokenward.proven"


class StatementNames:
    """The names of the prepared statements of one engine: unique, or none behind a pooler.

    A named statement is parsed and planned once for a connection. Behind a pooler it would be looked
    for on another connection, so it has no name there, and each call brings its text.
    """

    __slots__ = ("_are_given", "_names")

    def __init__(self) -> None:
        """Give no names until a connection is known to be direct."""
        # Random, so that no other process ever prepares a statement under the same name.
        start = secrets.token_hex(8)
        self._names = (f"tokenward_{start}_{number}" for number in itertools.count())
        self._are_given: bool | None = None

    def __call__(self) -> str:
        """Return the next name."""
        return next(self._names) if self._are_given else ""

    def found(self, *, is_direct: bool) -> None:
        """Note what a new connection is; one that goes through a pooler decides for all."""
        self._are_given = is_direct and self._are_given is not False


def open_engine(
    given: str | URL, timeout_seconds: float, busy_seconds: float, names: StatementNames
) -> AsyncEngine:
    """Create an engine for a URL.

    Raises:
        ConfigurationError: see `SqlStore`.
    """
    url = _read_url(given)
    if cast("type[DefaultDialect]", url.get_dialect()).get_pool_class(url) is StaticPool:
        raise ConfigurationError(_ONE_CONNECTION)
    is_sqlite = url.get_backend_name() == "sqlite"
    if url.query.get(_CACHE_SIZE, "0") != "0":
        raise ConfigurationError(_CACHE_IN_URL)
    # Without a cache of its own, asyncpg sends a statement that has no name with each call.
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
        pass  # see `_read_url`
    if engine is None:
        raise ConfigurationError(_WRONG_URL)
    if is_sqlite:
        event.listen(engine.sync_engine, "connect", _set_up_sqlite)
    return engine


def _read_url(given: str | URL) -> URL:
    """Return the URL of one of the two databases.

    Raises:
        ConfigurationError: it is malformed, or of another database. The error has no cause or
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
    """Return a user's engine if a store can work with it; what needs a connection comes later.

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


async def prove(
    connection: AsyncConnection, *, own_names: StatementNames | None, limit_ms: int
) -> None:
    """Look at a new connection to PostgreSQL, once, before anything is sent through it.

    A pooler tells its clients another process id than the server has. Behind one, a setting of the
    session would reach other clients, so the server's time-outs are set on direct connections alone.

    Args:
        connection: commits by itself.
        own_names: of the store's own engine; None: the engine is the user's, and stays as it is.
        limit_ms: after how long the server gives up a statement of the store's own engine.

    Raises:
        ConfigurationError: the user's engine is not safe behind the pooler that it goes through.
    """
    if _PROVEN in connection.info:
        return
    driver: Any = (await connection.get_raw_connection()).driver_connection
    # Sent as it is, without parameters: nothing is prepared that a pooler could mistake.
    names = () if own_names is None else ("statement_timeout", "lock_timeout")
    settings = ", ".join(f"set_config('{name}', '{limit_ms}', false)" for name in names)
    status = await driver.execute(
        f"SELECT {settings or 1} WHERE pg_backend_pid() = {driver.get_server_pid():d}"
    )
    is_direct = status == "SELECT 1"
    if own_names is not None:
        own_names.found(is_direct=is_direct)
    elif not is_direct and (await driver.prepare("SELECT 1")).get_name():
        raise ConfigurationError(_POOLER)
    connection.info[_PROVEN] = True


def named_fault(error: BaseException | None) -> ConfigurationError | None:
    """Return what a driver's error means if the programmer must mend it, else None."""
    state = getattr(error, "sqlstate", None)
    if state in _POOLER_STATES:
        return ConfigurationError(_POOLER)
    words = str(error)
    if state in _NO_TABLE_STATES or (state is None and any(w in words for w in _NO_TABLE_WORDS)):
        return ConfigurationError(_NO_TABLES)
    return None


def _set_up_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 - as the driver has it
    try:
        cursor = connection.cursor()
        # Readers and the writer do not hold each other up.
        cursor.execute("PRAGMA journal_mode=WAL")
        # NORMAL would lose the last revocations in a power failure.
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.close()
    except BaseException:
        # SQLAlchemy drops a connection that cannot be set up, and its thread would run on.
        connection.close()
        raise
