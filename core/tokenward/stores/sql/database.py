"""A database behind SQLAlchemy: spoken to in bounded time, and closed."""

import asyncio
import math
import sqlite3
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from tokenward.errors import ConfigurationError
from tokenward.stores.sql.engine import (
    CONNECTIONS,
    StatementNames,
    checked_engine,
    named_fault,
    open_engine,
    prove,
)

__all__ = ["Database", "is_passing"]

ResultT = TypeVar("ResultT")

_TRIES: Final = 3
# The server gives up before the store does, and the store before its caller: a statement that the
# server has given up is known not to be done.
_SERVER_SHARE: Final = 0.8
# PostgreSQL: serialization_failure, deadlock_detected. Either is sure to have written nothing.
_PASSING_STATES: Final = {"40001", "40P01"}
_PASSING_CODES: Final = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


class Database:
    """An engine, and how statements are run on it.

    Every statement is a transaction of its own on PostgreSQL, so that it costs one round trip and
    leaves nothing open. Writes on SQLite take the lock first (``BEGIN IMMEDIATE``): a transaction
    that reads first and then writes could be refused without waiting.
    """

    def __init__(self, url_or_engine: str | URL | AsyncEngine, *, timeout_seconds: float) -> None:
        """Take an engine, or make one.

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
            # SQLite: three tries fit into the time-out, and the last one's error still gets out.
            else open_engine(url_or_engine, timeout_seconds, timeout_seconds / (_TRIES + 1), names)
        )
        self.is_sqlite: bool = self.engine.dialect.name == "sqlite"
        # SQLite begins no transaction for a SELECT anyway.
        self._plain = (
            self.engine
            if self.is_sqlite
            else self.engine.execution_options(isolation_level="AUTOCOMMIT")
        )
        self._limit_ms = math.ceil(timeout_seconds * _SERVER_SHARE * 1000)
        self.slots: asyncio.Semaphore = asyncio.Semaphore(1 if self.is_sqlite else CONNECTIONS // 2)

    async def read(self, work: Callable[[AsyncConnection], Awaitable[ResultT]]) -> ResultT:
        """Run what only reads."""
        async with asyncio.timeout(self._timeout):
            return await _tried(lambda: self._plainly(work), may_repeat=True)

    async def write(
        self,
        work: Callable[[AsyncConnection], Awaitable[ResultT]],
        *,
        may_repeat: bool,
        deadline: float,
    ) -> ResultT:
        """Run one step that writes; it is committed when this returns.

        Args:
            work: executes the step.
            may_repeat: whether it may be done again where it is not known to have been done.
            deadline: when it must be done, by the clock of the event loop.

        Raises:
            ConfigurationError: the tables are missing, or the engine is unsafe behind its pooler.
            DBAPIError: it failed, three times where trying again could help.
            TimeoutError: it was not done by the deadline; all tries together.
        """
        once = self._immediately if self.is_sqlite else self._plainly
        async with asyncio.timeout_at(deadline):
            return await _tried(lambda: once(work), may_repeat=may_repeat)

    async def define(self, work: Callable[[AsyncConnection], Awaitable[None]]) -> None:
        """Change the schema, in one transaction and in the database's own time."""
        if self.is_sqlite:
            await _tried(lambda: self._immediately(work), may_repeat=True)
            return
        async with self.engine.begin() as connection:
            # For this transaction alone: building an index may take its time.
            for name in ("statement_timeout", "lock_timeout"):
                await connection.exec_driver_sql(f"SET LOCAL {name} = 0")
            await work(connection)

    async def aclose(self) -> None:
        """Close the engine if it is the store's own."""
        if self._is_owned:
            await self.engine.dispose()

    async def _plainly(self, work: Callable[[AsyncConnection], Awaitable[ResultT]]) -> ResultT:
        async with self._plain.connect() as connection:
            if not self.is_sqlite:
                await prove(connection, own_names=self._own_names, limit_ms=self._limit_ms)
            return await work(connection)

    async def _immediately(self, work: Callable[[AsyncConnection], Awaitable[ResultT]]) -> ResultT:
        async with self.engine.connect() as connection:
            await connection.begin()
            raw = await connection.get_raw_connection()
            # The user's engine may begin transactions in a way of its own.
            if not getattr(raw.driver_connection, "in_transaction", False):
                await connection.exec_driver_sql("BEGIN IMMEDIATE")
            result = await work(connection)
            await connection.commit()
            return result


async def _tried(attempt: Callable[[], Awaitable[ResultT]], *, may_repeat: bool) -> ResultT:
    """Try again what failed in passing. Waiting is left to the database's own time-outs."""
    tries = 1
    while True:
        try:
            return await attempt()
        except (DBAPIError, sqlite3.Error) as exc:
            error = exc.orig if isinstance(exc, DBAPIError) else exc
            if (fault := named_fault(error)) is not None:
                raise fault from exc
            is_lost = may_repeat and getattr(exc, "connection_invalidated", False)
            if tries == _TRIES or not (is_lost or is_passing(error)):
                raise
        tries += 1


def is_passing(error: BaseException | None) -> bool:
    """Return whether another transaction was in the way, and nothing has been written."""
    if getattr(error, "sqlstate", None) in _PASSING_STATES:
        return True
    # The low byte is the code; the rest says more (https://sqlite.org/rescode.html).
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _PASSING_CODES
