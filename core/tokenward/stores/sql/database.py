"""A database behind SQLAlchemy: transactions with timeouts and retries."""

import asyncio
import math
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, Literal, TypeAlias, TypeVar, cast

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from tokenward.errors import ConfigurationError
from tokenward.stores.sql.mysql_driver import ISOLATION, MYSQL_DIALECTS, MysqlDriver
from tokenward.stores.sql.sqlalchemy_engine import (
    CONNECTIONS,
    checked_engine,
    configuration_fault,
    mysql_code,
    open_engine,
)

__all__ = ["Database", "Kind", "is_transient"]

ResultT = TypeVar("ResultT")
Kind: TypeAlias = Literal["sqlite", "postgresql", "mysql"]

_TRIES: Final = 3
# The server cancels before the store does, and the store before its caller: a statement that the
# server has cancelled is known to have had no effect.
_SERVER_SHARE: Final = 0.8
_STORE_SHARE: Final = 0.9
# PostgreSQL: serialization_failure, deadlock_detected. Both have certainly written nothing.
_TRANSIENT_STATES: Final = {"40001", "40P01"}
# MariaDB and MySQL: ER_LOCK_DEADLOCK, and ER_CHECKREAD, which says that a row has changed.
_MYSQL_CODES: Final = {1213, 1020}
_TRANSIENT_CODES: Final = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


class Database:
    """An SQLAlchemy engine, and how statements are run on it.

    On PostgreSQL every statement is one transaction, which costs one round trip and leaves nothing
    open. On SQLite a write takes the lock first (``BEGIN IMMEDIATE``), because a transaction that
    reads before it writes can be refused without waiting. On MariaDB and MySQL a write is a
    transaction of a few statements.
    """

    def __init__(self, url_or_engine: str | URL | AsyncEngine, *, timeout_seconds: float) -> None:
        """Use an engine, or create one for a URL.

        Raises:
            ConfigurationError: see `SqlStore`.
        """
        if (
            isinstance(timeout_seconds, bool)
            or not isinstance(timeout_seconds, int | float)
            or not 0 < timeout_seconds < math.inf
        ):
            msg = "timeout_seconds must be a number above zero."
            raise ConfigurationError(msg)

        self.timeout_seconds: float = timeout_seconds

        self._is_owned = not isinstance(url_or_engine, AsyncEngine)
        self.engine: AsyncEngine
        self.engine, self._driver = (
            checked_engine(url_or_engine)
            if isinstance(url_or_engine, AsyncEngine)
            # SQLite: three tries fit into the timeout, with time left to report the last error.
            else open_engine(url_or_engine, timeout_seconds, timeout_seconds / (_TRIES + 1))
        )

        name = self.engine.dialect.name
        self.kind: Kind = "mysql" if name in MYSQL_DIALECTS else cast("Kind", name)
        # On SQLite a SELECT does not begin a transaction, and the own engine for MySQL commits each
        # statement on all its connections.
        self._autocommit = (
            self.engine
            if self.kind == "sqlite" or (self.kind == "mysql" and self._is_owned)
            else self.engine.execution_options(isolation_level="AUTOCOMMIT")
        )

        limit_ms = math.ceil(timeout_seconds * _SERVER_SHARE * 1000)
        self._limit_ms = limit_ms if self._is_owned else None
        self.slots: asyncio.Semaphore = asyncio.Semaphore(
            1 if self.kind == "sqlite" else CONNECTIONS // 2
        )

    async def read(self, work: Callable[[AsyncConnection], Awaitable[ResultT]]) -> ResultT:
        """Run a step that only reads.

        Raises:
            ConfigurationError: the tables are missing, or the engine is unsafe behind its pooler.
            DBAPIError: the database failed, also when the step was repeated.
            TimeoutError: the step was not finished in time, all tries together.
        """
        deadline = asyncio.get_running_loop().time() + self.timeout_seconds * _STORE_SHARE
        return await self._by(deadline, lambda: self._in_autocommit(work), may_repeat=True)

    async def write(
        self,
        work: Callable[[AsyncConnection], Awaitable[ResultT]],
        *,
        may_repeat: bool,
        deadline: float,
    ) -> ResultT:
        """Run a step that writes; it is committed when this method returns.

        Args:
            work: executes the step.
            may_repeat: whether the step may be repeated if its outcome is unknown.
            deadline: the time by which it must be finished, by the clock of the event loop.

        Raises:
            ConfigurationError: the tables are missing, or the engine is unsafe behind its pooler.
            DBAPIError: the database failed; three times if a retry could help.
            TimeoutError: the step was not finished by the deadline, all tries together.
        """
        attempt = {
            "sqlite": self._with_lock,
            "postgresql": self._in_autocommit,
            "mysql": self._in_transaction,
        }[self.kind]
        return await self._by(deadline, lambda: attempt(work), may_repeat=may_repeat)

    async def define(self, work: Callable[[AsyncConnection], Awaitable[None]]) -> None:
        """Change the schema in one transaction, without a timeout."""
        if self.kind == "sqlite":
            await self._with_retries(lambda: self._with_lock(work), may_repeat=True)
            return
        if isinstance(self._driver, MysqlDriver):
            async with self._autocommit.connect() as connection:
                await self._driver.lift_limits(connection)
                try:
                    await work(connection)
                finally:
                    # Its limits and its lock end with it.
                    await connection.invalidate()
            return
        async with self.engine.begin() as connection:
            # For this transaction only: building an index may take long.
            for name in ("statement_timeout", "lock_timeout"):
                await connection.exec_driver_sql(f"SET LOCAL {name} = 0")
            await work(connection)

    async def aclose(self) -> None:
        """Close the engine if the store created it."""
        if self._is_owned:
            await self.engine.dispose()

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[AsyncConnection]:
        async with self._autocommit.connect() as connection:
            if self._driver is not None:
                await self._driver.check_connection(connection, limit_ms=self._limit_ms)
            yield connection

    async def _in_autocommit(
        self, work: Callable[[AsyncConnection], Awaitable[ResultT]]
    ) -> ResultT:
        async with self._connected() as connection:
            return await work(connection)

    async def _with_lock(self, work: Callable[[AsyncConnection], Awaitable[ResultT]]) -> ResultT:
        async with self.engine.connect() as connection:
            await connection.begin()
            raw = await connection.get_raw_connection()
            # The user's engine may already have begun a transaction.
            if not getattr(raw.driver_connection, "in_transaction", False):
                await connection.exec_driver_sql("BEGIN IMMEDIATE")

            result = await work(connection)
            await connection.commit()
            return result

    async def _in_transaction(
        self, work: Callable[[AsyncConnection], Awaitable[ResultT]]
    ) -> ResultT:
        async with self._connected() as connection:
            try:
                if not self._is_owned:
                    await connection.exec_driver_sql(f"SET {ISOLATION}")
                await connection.exec_driver_sql("BEGIN")
                result = await work(connection)
                await connection.exec_driver_sql("COMMIT")
            except BaseException:
                # The server undoes the transaction of a connection that is closed.
                await connection.invalidate()
                raise
            return result

    async def _by(
        self, deadline: float, attempt: Callable[[], Awaitable[ResultT]], *, may_repeat: bool
    ) -> ResultT:
        end = deadline + self.timeout_seconds * (1 - _STORE_SHARE)
        # At the deadline, psycopg asks the server to cancel and waits for it. At the end, a second
        # cancellation closes the connection.
        async with asyncio.timeout_at(end), asyncio.timeout_at(deadline):
            return await self._with_retries(attempt, may_repeat=may_repeat)

    async def _with_retries(
        self, attempt: Callable[[], Awaitable[ResultT]], *, may_repeat: bool
    ) -> ResultT:
        """Repeat an attempt after a transient error, without a pause: the database has its own timeouts."""
        tries = 1
        while True:
            try:
                return await attempt()
            except (DBAPIError, sqlite3.Error) as exc:
                error = exc.orig if isinstance(exc, DBAPIError) else exc
                if (fault := configuration_fault(error, self._driver)) is not None:
                    raise fault from exc

                is_lost = may_repeat and getattr(exc, "connection_invalidated", False)
                if tries == _TRIES or not (is_lost or is_transient(error)):
                    raise
            tries += 1


def is_transient(error: BaseException | None) -> bool:
    """Whether another transaction caused the error, and nothing was written."""
    if getattr(error, "sqlstate", None) in _TRANSIENT_STATES or mysql_code(error) in _MYSQL_CODES:
        return True
    # The low byte is the primary code (https://sqlite.org/rescode.html).
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _TRANSIENT_CODES
