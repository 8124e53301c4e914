"""A database behind SQLAlchemy: opened, spoken to in bounded time, and closed."""

import asyncio
import math
import sqlite3
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar, cast

from sqlalchemy import URL, StaticPool, event, make_url
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from tokenward.errors import ConfigurationError

__all__ = ["Database"]

ResultT = TypeVar("ResultT")

_DRIVERS: Final = {"sqlite+aiosqlite", "postgresql+asyncpg"}
_SUPPORTED: Final = (
    "SqlStore supports SQLite and PostgreSQL: sqlite+aiosqlite:///file or "
    "postgresql+asyncpg://user@host/database."
)
_ONE_CONNECTION: Final = (
    "SqlStore needs more than one connection: give SQLite a file, or use MemoryStore."
)
_TRIES: Final = 3
_CONNECTIONS: Final = 8
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
        self._is_owned = not isinstance(url_or_engine, AsyncEngine)
        self.engine = (
            url_or_engine
            if isinstance(url_or_engine, AsyncEngine)
            else _open(url_or_engine, timeout_seconds)
        )
        if self.engine.dialect.name not in {"sqlite", "postgresql"}:
            raise ConfigurationError(_SUPPORTED)
        if isinstance(self.engine.pool, StaticPool):
            raise ConfigurationError(_ONE_CONNECTION)
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        # SQLite begins no transaction for a SELECT anyway.
        self._plain = (
            self.engine
            if self.is_sqlite
            else self.engine.execution_options(isolation_level="AUTOCOMMIT")
        )
        self.slots = asyncio.Semaphore(1 if self.is_sqlite else _CONNECTIONS // 2)

    async def read(self, work: Callable[[AsyncConnection], Awaitable[ResultT]]) -> ResultT:
        """Run what only reads."""
        return await self._run(work, self._plainly, may_repeat=True)

    async def write(
        self, work: Callable[[AsyncConnection], Awaitable[ResultT]], *, may_repeat: bool
    ) -> ResultT:
        """Run one statement that writes; it is committed when this returns.

        Args:
            work: executes the statement.
            may_repeat: whether it may be done again where it is not known to have been done.

        Raises:
            DBAPIError: it failed, three times where trying again could help.
            TimeoutError: it took longer than the time-out, all tries together.
        """
        once = self._immediately if self.is_sqlite else self._plainly
        return await self._run(work, once, may_repeat=may_repeat)

    async def define(self, work: Callable[[AsyncConnection], Awaitable[None]]) -> None:
        """Change the schema, in one transaction and in the database's own time."""
        if self.is_sqlite:
            await _tried(lambda: self._immediately(work), may_repeat=True)
            return
        async with self.engine.begin() as connection:
            await work(connection)

    async def aclose(self) -> None:
        """Close the engine if it is the store's own."""
        if self._is_owned:
            await self.engine.dispose()

    async def _run(
        self,
        work: Callable[[AsyncConnection], Awaitable[ResultT]],
        once: Callable[[Callable[[AsyncConnection], Awaitable[ResultT]]], Awaitable[ResultT]],
        *,
        may_repeat: bool,
    ) -> ResultT:
        async with asyncio.timeout(self._timeout):
            return await _tried(lambda: once(work), may_repeat=may_repeat)

    async def _plainly(self, work: Callable[[AsyncConnection], Awaitable[ResultT]]) -> ResultT:
        async with self._plain.connect() as connection:
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
        except DBAPIError as exc:
            is_lost = exc.connection_invalidated and may_repeat
            if tries == _TRIES or not (is_lost or _is_passing(exc.orig)):
                raise
        tries += 1


def _is_passing(error: BaseException | None) -> bool:
    """Tell whether another transaction was in the way, and nothing has been written."""
    if getattr(error, "sqlstate", None) in _PASSING_STATES:
        return True
    # The low byte is the code; the rest says more (https://sqlite.org/rescode.html).
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _PASSING_CODES


def _open(given: str | URL, timeout_seconds: float) -> AsyncEngine:
    try:
        url = make_url(given)
    except ArgumentError as exc:
        raise ConfigurationError(_SUPPORTED) from exc
    if url.drivername not in _DRIVERS:
        raise ConfigurationError(_SUPPORTED)
    if cast("type[DefaultDialect]", url.get_dialect()).get_pool_class(url) is StaticPool:
        raise ConfigurationError(_ONE_CONNECTION)
    is_sqlite = url.get_backend_name() == "sqlite"
    # SQLite: three tries fit into the time-out, and the last one's error still gets out.
    own: dict[str, Any] = {"timeout": timeout_seconds / (_TRIES + 1)} if is_sqlite else {}
    try:
        engine = create_async_engine(
            url,
            hide_parameters=True,
            pool_size=_CONNECTIONS,
            max_overflow=0,
            pool_timeout=timeout_seconds,
            connect_args=own,
        )
    except ImportError as exc:
        msg = "SqlStore needs a driver that is not installed: pip install 'tokenward[sql]'"
        raise ConfigurationError(msg) from exc
    if is_sqlite:
        event.listen(engine.sync_engine, "connect", _set_up_sqlite)
    return engine


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
