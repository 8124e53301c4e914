"""The drivers for PostgreSQL, and how each is kept safe behind a connection pooler.

A pooler may run a statement that another process prepared under the same name. Behind a pooler, a
statement therefore has no name.
"""

import itertools
import secrets
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from tokenward.errors import ConfigurationError

__all__ = ["POSTGRES_DRIVERS", "Asyncpg", "PostgresDriver", "Psycopg", "StatementNames"]

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


class PostgresDriver(ABC):
    """The connections of one engine, through one driver."""

    option: ClassVar[str]
    """The argument of the driver that turns names off."""
    fix: ClassVar[str]
    """How to create an engine that is safe behind a pooler."""
    dialect_options: ClassVar[dict[str, Any]] = {}
    """More arguments of `create_async_engine`."""

    @abstractmethod
    def connect_args(self) -> dict[str, Any]:
        """Return the arguments of new connections of the store's own engine."""

    async def check_connection(self, connection: AsyncConnection, *, limit_ms: int | None) -> None:
        """Check a new connection, once, before its first use.

        A pooler reports another process id to its clients than the server. Behind a pooler a setting
        of the session would affect other clients, so the server's timeouts are set only on direct
        connections.

        Args:
            connection: a connection that commits each statement.
            limit_ms: the time after which the server cancels a statement of the store's own engine;
                None for a user's engine, which is not changed.

        Raises:
            ConfigurationError: the user's engine is unsafe behind its pooler.
        """
        if _CHECKED in connection.info:
            return
        driver: Any = (await connection.get_raw_connection()).driver_connection

        # Sent without parameters, so that no statement is prepared that a pooler could confuse.
        names = () if limit_ms is None else ("statement_timeout", "lock_timeout")
        settings = ", ".join(f"set_config('{name}', '{limit_ms}', false)" for name in names)
        is_direct = await self._finds_a_row(
            driver,
            f"SELECT {settings or 1} WHERE pg_backend_pid() = {self._reported_pid(driver):d}",
        )

        if limit_ms is not None:
            self._note_connection(driver, is_direct=is_direct)
        elif not is_direct and await self._names_statements(driver):
            raise self.unsafe()
        connection.info[_CHECKED] = True

    def unsafe(self) -> ConfigurationError:
        """Return the error for an engine that names its statements behind a pooler."""
        return ConfigurationError(
            "This engine reaches PostgreSQL through a connection pooler and names its prepared "
            "statements, so that a statement of another process can run instead: create the "
            f"engine with {self.fix}."
        )

    @abstractmethod
    async def _finds_a_row(self, driver: Any, question: str) -> bool:  # noqa: ANN401 - of the driver
        """Send a statement without parameters; return whether its result has a row."""

    @abstractmethod
    def _reported_pid(self, driver: Any) -> int:  # noqa: ANN401 - of the driver
        """Return the process id that the server, or the pooler, has sent to its client."""

    @abstractmethod
    def _note_connection(self, driver: Any, *, is_direct: bool) -> None:  # noqa: ANN401 - of the driver
        """Name the statements of a direct connection of the store's own engine."""

    @abstractmethod
    async def _names_statements(self, driver: Any) -> bool:  # noqa: ANN401 - of the driver
        """Whether a connection of a user's engine names its statements."""


class Asyncpg(PostgresDriver):
    """Connections through asyncpg."""

    option = "statement_cache_size"
    fix = "connect_args={'statement_cache_size': 0} and without prepared_statement_name_func"

    def __init__(self) -> None:
        """Start without names."""
        self._names = StatementNames()

    def connect_args(self) -> dict[str, Any]:
        """See `PostgresDriver`. Without its cache, asyncpg sends unnamed statements."""
        return {self.option: 0, "prepared_statement_name_func": self._names}

    async def _finds_a_row(self, driver: Any, question: str) -> bool:  # noqa: ANN401 - of the driver
        return bool(await driver.execute(question) == "SELECT 1")

    def _reported_pid(self, driver: Any) -> int:  # noqa: ANN401 - of the driver
        return int(driver.get_server_pid())

    def _note_connection(self, driver: Any, *, is_direct: bool) -> None:  # noqa: ANN401, ARG002 - of the driver
        self._names.note_connection(is_direct=is_direct)

    async def _names_statements(self, driver: Any) -> bool:  # noqa: ANN401 - of the driver
        return bool((await driver.prepare("SELECT 1")).get_name())


class Psycopg(PostgresDriver):
    """Connections through psycopg 3."""

    option = "prepare_threshold"
    fix = "connect_args={'prepare_threshold': None}"
    # Saves a question for a type that no column has.
    dialect_options: ClassVar[dict[str, Any]] = {"use_native_hstore": False}

    def connect_args(self) -> dict[str, Any]:
        """See `PostgresDriver`. Without a threshold, psycopg prepares no statement."""
        return {self.option: None}

    async def _finds_a_row(self, driver: Any, question: str) -> bool:  # noqa: ANN401 - of the driver
        return bool((await driver.execute(question)).rowcount == 1)

    def _reported_pid(self, driver: Any) -> int:  # noqa: ANN401 - of the driver
        return int(driver.info.backend_pid)

    def _note_connection(self, driver: Any, *, is_direct: bool) -> None:  # noqa: ANN401 - of the driver
        # The names are those of every psycopg, but on a direct connection there is no other client.
        driver.prepare_threshold = 0 if is_direct else None

    async def _names_statements(self, driver: Any) -> bool:  # noqa: ANN401 - of the driver
        return driver.prepare_threshold is not None


POSTGRES_DRIVERS: Final[dict[str, type[PostgresDriver]]] = {"asyncpg": Asyncpg, "psycopg": Psycopg}
"""The drivers, by SQLAlchemy's names."""
