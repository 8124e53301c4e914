"""A database behind SQLAlchemy: transactions with timeouts and retries."""

import asyncio
import math
import sqlite3
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from tokenward.errors import ConfigurationError
from tokenward.stores.sql.sqlalchemy_engine import (
    CONNECTIONS,
    StatementNames,
    check_connection,
    checked_engine,
    configuration_fault,
    open_engine,
)

__all__ = ["Database", "is_transient"]

ResultT = TypeVar("ResultT")

_TRIES: Final = 3
# The server cancels before the store does, and the store before its caller: a statement that the
# server has cancelled is known to have had no effect.
_SERVER_SHARE: Final = 0.8
# PostgreSQL: serialization_failure, deadlock_detected. Both have certainly written nothing.
_TRANSIENT_STATES: Final = {"40001", "40P01"}
_TRANSIENT_CODES: Final = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


class Database:
    """An SQLAlchemy engine, and how statements are run on it.

    On PostgreSQL every statement is one transaction, which costs one round trip and leaves nothing
    open. On SQLite a write takes the lock first (``BEGIN IMMEDIATE``), because a transaction that
    reads before it writes can be refused without waiting.
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

        self._timeout = timeout_seconds

        names = StatementNames()
        self._is_owned = not isinstance(url_or_engine, AsyncEngine)
        self._own_names = names if self._is_owned else None
        self.engine: AsyncEngine = (
            checked_engine(url_or_engine)
            if isinstance(url_or_engine, AsyncEngine)
            # SQLite: three tries fit into the timeout, with time left to report the last error.
            else open_engine(url_or_engine, timeout_seconds, timeout_seconds / (_TRIES + 1), names)
        )

        self.is_sqlite: bool = self.engine.dialect.name == "sqlite"
        # On SQLite a SELECT does not begin a transaction.
        self._autocommit = (
            self.engine
            if self.is_sqlite
            else self.engine.execution_options(isolation_level="AUTOCOMMIT")
        )

        self._limit_ms = math.ceil(timeout_seconds * _SERVER_SHARE * 1000)
        self.slots: asyncio.Semaphore = asyncio.Semaphore(1 if self.is_sqlite else CONNECTIONS // 2)

    async def read(self, work: Callable[[AsyncConnection], Awaitable[ResultT]]) -> ResultT:
        """Run a step that only reads.

        Raises:
            ConfigurationError: the tables are missing, or the engine is unsafe behind its pooler.
            DBAPIError: the database failed, also when the step was repeated.
            TimeoutError: the step was not finished in time, all tries together.
        """
        async with asyncio.timeout(self._timeout):
            return await _with_retries(lambda: self._in_autocommit(work), may_repeat=True)

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
        attempt = self._with_lock if self.is_sqlite else self._in_autocommit
        async with asyncio.timeout_at(deadline):
            return await _with_retries(lambda: attempt(work), may_repeat=may_repeat)

    async def define(self, work: Callable[[AsyncConnection], Awaitable[None]]) -> None:
        """Change the schema in one transaction, without a timeout."""
        if self.is_sqlite:
            await _with_retries(lambda: self._with_lock(work), may_repeat=True)
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

    async def _in_autocommit(
        self, work: Callable[[AsyncConnection], Awaitable[ResultT]]
    ) -> ResultT:
        async with self._autocommit.connect() as connection:
            if not self.is_sqlite:
                await check_connection(
                    connection, own_names=self._own_names, limit_ms=self._limit_ms
                )
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


async def _with_retries(attempt: Callable[[], Awaitable[ResultT]], *, may_repeat: bool) -> ResultT:
    """Repeat an attempt after a transient error, without a pause: the database has its own timeouts."""
    tries = 1
    while True:
        try:
            return await attempt()
        except (DBAPIError, sqlite3.Error) as exc:
            error = exc.orig if isinstance(exc, DBAPIError) else exc
            if (fault := configuration_fault(error)) is not None:
                raise fault from exc

            is_lost = may_repeat and getattr(exc, "connection_invalidated", False)
            if tries == _TRIES or not (is_lost or is_transient(error)):
                raise
        tries += 1


def is_transient(error: BaseException | None) -> bool:
    """Whether another transaction caused the error, and nothing was written."""
    if getattr(error, "sqlstate", None) in _TRANSIENT_STATES:
        return True
    # The low byte is the primary code (https://sqlite.org/rescode.html).
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _TRANSIENT_CODES
