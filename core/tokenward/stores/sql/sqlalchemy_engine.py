"""SQLAlchemy engines: created for a URL with safe options, or a user's engine, checked."""

import functools
from collections.abc import Callable
from typing import Any, Final, TypeAlias, cast

from sqlalchemy import URL, StaticPool, event, make_url
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from tokenward.errors import ConfigurationError
from tokenward.stores.sql.mysql_driver import MysqlDriver
from tokenward.stores.sql.postgres_drivers import POSTGRES_DRIVERS, PostgresDriver

__all__ = [
    "CONNECTIONS",
    "Driver",
    "checked_engine",
    "configuration_fault",
    "mysql_code",
    "open_engine",
]

Driver: TypeAlias = PostgresDriver | MysqlDriver

CONNECTIONS: Final = 8
_DRIVERS: Final[dict[str, Callable[[], Driver]]] = {**POSTGRES_DRIVERS, "asyncmy": MysqlDriver}
# The drivers, and the extras that install them.
_EXTRAS: Final = {
    "sqlite+aiosqlite": "sql",
    "postgresql+asyncpg": "sql",
    "postgresql+psycopg": "psycopg",
    "mysql+asyncmy": "mysql",
    "mariadb+asyncmy": "mysql",
}
_SUPPORTED: Final = (
    "SqlStore supports SQLite, PostgreSQL, MariaDB and MySQL: sqlite+aiosqlite:///file, "
    "postgresql+asyncpg://user@host/database, postgresql+psycopg://user@host/database or "
    "mysql+asyncmy://user@host/database."
)
_WRONG_URL: Final = (
    "The URL of SqlStore must read postgresql+asyncpg://user:password@host:port/database (or "
    "postgresql+psycopg://..., mysql+asyncmy://...), where port is a number, or sqlite+aiosqlite:///file. Percent-encode "
    "'%', '/', '?', '#', '@', ':' and brackets in a user name and password, and check the options "
    "after the '?'."
)
_ONE_CONNECTION: Final = (
    "SqlStore needs more than one connection: use an SQLite file, or MemoryStore."
)
_NO_TABLES: Final = (
    "The tables of SqlStore are missing or of another version: await store.create_tables(), or "
    "migrate them from store.metadata; also check table_prefix and schema."
)
# undefined_table, undefined_column; SQLite has no codes for these errors.
_NO_TABLE_STATES: Final = {"42P01", "42703"}
# ER_NO_SUCH_TABLE, ER_BAD_FIELD_ERROR.
_NO_TABLE_CODES: Final = {1146, 1054}
_NO_TABLE_WORDS: Final = ("no such table", "no such column", "has no column named")
# invalid_sql_statement_name, duplicate_prepared_statement.
_POOLER_STATES: Final = {"26000", "42P05"}


def open_engine(
    given: str | URL, timeout_seconds: float, busy_seconds: float
) -> tuple[AsyncEngine, Driver | None]:
    """Return a new engine for a URL, with safe options, and its driver if that is of a server.

    Raises:
        ConfigurationError: see `SqlStore`.
    """
    url = _parse_url(given)
    if cast("type[DefaultDialect]", url.get_dialect()).get_pool_class(url) is StaticPool:
        raise ConfigurationError(_ONE_CONNECTION)

    driver = _driver(url.get_driver_name())
    own: dict[str, Any] = {"timeout": busy_seconds} if driver is None else driver.connect_args()
    more = {} if driver is None else driver.dialect_options
    if isinstance(driver, PostgresDriver):
        _check_option(url, driver, allowed="0")
        url = url.difference_update_query([driver.option])

    engine: AsyncEngine | None = None
    try:
        engine = create_async_engine(
            url,
            hide_parameters=True,
            pool_size=CONNECTIONS,
            max_overflow=0,
            pool_timeout=timeout_seconds,
            connect_args=own,
            **more,
        )
    except ImportError as exc:
        msg = (
            "SqlStore needs a driver that is not installed: install Tokenward with its extra "
            f"'{_EXTRAS[url.drivername]}'"
        )
        raise ConfigurationError(msg) from exc
    except (ArgumentError, ValueError):
        pass  # see `_parse_url`

    if engine is None:
        raise ConfigurationError(_WRONG_URL)

    if driver is None:
        event.listen(engine.sync_engine, "connect", _stop_once)
        event.listen(engine.sync_engine, "connect", _set_up_sqlite)
    return engine, driver


def _parse_url(given: str | URL) -> URL:
    """Return the URL of a supported database and driver.

    Raises:
        ConfigurationError: the URL is malformed, or of another database. The error has no cause or
            context, because the errors of URL parsers repeat parts of a URL.
    """
    driver = given.drivername if isinstance(given, URL) else str(given).partition("://")[0]
    if driver not in _EXTRAS:
        raise ConfigurationError(_SUPPORTED)
    try:
        return make_url(given)
    except (ArgumentError, ValueError):
        pass
    raise ConfigurationError(_WRONG_URL)


def checked_engine(engine: AsyncEngine) -> tuple[AsyncEngine, Driver | None]:
    """Return a user's engine and its driver; the driver completes the check of each connection.

    Raises:
        ConfigurationError: see `SqlStore`.
    """
    if f"{engine.dialect.name}+{engine.dialect.driver}" not in _EXTRAS:
        raise ConfigurationError(_SUPPORTED)
    if isinstance(engine.pool, StaticPool):
        raise ConfigurationError(_ONE_CONNECTION)
    driver = _driver(engine.dialect.driver)
    if driver is None:
        event.listen(engine.sync_engine, "connect", _stop_once)
    elif isinstance(driver, PostgresDriver):
        _check_option(engine.url, driver)
    return engine, driver


def _driver(name: str) -> Driver | None:
    kind = _DRIVERS.get(name)
    return None if kind is None else kind()


def mysql_code(error: BaseException | None) -> int | None:
    """Return the number of an error of MariaDB or MySQL; None for other errors."""
    code = error.args[0] if error is not None and error.args else None
    return code if isinstance(code, int) else None


def _check_option(url: URL, driver: PostgresDriver, *, allowed: str | None = None) -> None:
    """Refuse the option that turns names off in a URL, unless its text is what the store sets itself.

    Raises:
        ConfigurationError: with the fix.
    """
    if url.query.get(driver.option, allowed) != allowed:
        msg = (
            f"In a URL, {driver.option} is text, which the driver refuses: create the engine with "
            f"{driver.fix} instead. For a URL, SqlStore sets the option itself, and allows no other "
            "value."
        )
        raise ConfigurationError(msg)


def configuration_fault(
    error: BaseException | None, driver: Driver | None
) -> ConfigurationError | None:
    """Return the error for a mistake of the configuration that a driver reported, else None."""
    state = getattr(error, "sqlstate", None)
    if isinstance(driver, PostgresDriver) and state in _POOLER_STATES:
        return driver.unsafe()

    words = str(error)
    is_of_sqlite = driver is None and any(each in words for each in _NO_TABLE_WORDS)
    is_of_mysql = isinstance(driver, MysqlDriver) and mysql_code(error) in _NO_TABLE_CODES
    if state in _NO_TABLE_STATES or is_of_sqlite or is_of_mysql:
        return ConfigurationError(_NO_TABLES)
    return None


def _stop_once(connection: Any, _record: object) -> None:  # noqa: ANN401 - of the driver
    """Stop a connection to SQLite only once, however often it is asked to stop.

    SQLAlchemy stops a connection that does not close in time. The thread of the connection then ends
    without an answer to a second stop, for which a cancelled `close` would wait forever.
    """
    driver = connection.driver_connection
    driver.stop = functools.cache(driver.stop)


def _set_up_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 - of the driver
    cursor = connection.cursor()
    # Readers and the writer do not block each other.
    cursor.execute("PRAGMA journal_mode=WAL")
    # NORMAL would lose the last revocations in a power failure.
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()
