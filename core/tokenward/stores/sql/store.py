"""Revocations in a database: SQLite in a file, or PostgreSQL, through SQLAlchemy."""

import asyncio
import math
import zlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Self

try:
    from sqlalchemy import URL, MetaData, func, select
    from sqlalchemy.exc import DBAPIError
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
    from sqlalchemy.schema import CreateIndex, CreateTable
except ImportError as _exc:
    _MISSING: Final = "SqlStore needs SQLAlchemy and greenlet: pip install 'tokenward[sql]'"
    raise ImportError(_MISSING, name=_exc.name) from _exc

from tokenward.stores.batching import GroupCommit, TurnBatcher
from tokenward.stores.ownership import Ownership
from tokenward.stores.protocol import CLOCK_SPARE_SECONDS, Consumed, Consumption, Revocation
from tokenward.stores.sql.batch_rows import first_uses, revocation_rows, use_rows
from tokenward.stores.sql.database import Database, is_transient
from tokenward.stores.sql.lookups import Check, Lookups, Replay
from tokenward.stores.sql.postgres_writes import PostgresWrites
from tokenward.stores.sql.schema import RETENTION_KEY, Tables
from tokenward.stores.sql.sqlite_writes import SqliteWrites
from tokenward.stores.sql.upserts import LARGEST_PURGE

__all__ = ["SqlStore"]

# No caller waits for a purge with a timeout, so it may wait longer for other writers. The timeouts
# of the database end each try earlier; the seconds are for a connection that has died.
_PURGE_TRIES: Final = 20
_PURGE_SECONDS: Final = 30.0


class SqlStore:
    """A `RevocationStore` in a database, for any number of processes that share it.

    ::

        store = SqlStore("sqlite+aiosqlite:///revocations.db")
        await store.create_tables()         # or by Alembic, from store.metadata

    Records survive a restart and, if the database is durable, a power failure. The store does not
    purge by itself: call `purge` regularly, from any number of workers.

    Create one store in each process, and use it in one event loop. In another event loop, and while
    the tables are missing, every call raises `ConfigurationError`. All checks of one turn of the
    event loop are one SELECT; writes that arrive while others are in progress share a commit.

    A write has the same deadline as its caller. A write that cannot begin in time is not begun. A
    write that has begun is ended before `timeout_seconds` have passed since the call, even if the
    caller was cancelled. After an error the outcome is unknown only for a commit that was in
    progress at that moment, or whose result was lost with the connection. No transaction stays open.

    Behind a connection pooler (pgbouncer in transaction mode) a store that is created from a URL is
    safe. Set the `schema` there, because the search path belongs to shared connections.

    SQLite must be 3.35 or newer, with its file on a local disk: locks and the write-ahead log do not
    work over a network.

    Identities are stored unchanged if they are short, printable ASCII, otherwise as their SHA-256.
    """

    def __init__(
        self,
        url_or_engine: str | URL | AsyncEngine,
        *,
        table_prefix: str = "tokenward_",
        timeout_seconds: float = 0.5,
        schema: str | None = None,
    ) -> None:
        """Use a database; nothing is sent to it yet.

        Args:
            url_or_engine: ``sqlite+aiosqlite:///file`` or ``postgresql+asyncpg://...``: the store
                creates an engine with at most 8 connections, and closes it. It sets an SQLite file
                to WAL, so that readers never wait, and to a sync at every commit. On direct
                connections to PostgreSQL it sets ``statement_timeout`` and ``lock_timeout`` a little
                below `timeout_seconds`.
                Or your engine with one of these drivers, which the store neither changes nor closes.
                Create it with ``hide_parameters=True``; for SQLite with a busy ``timeout`` below a
                third of `timeout_seconds`; behind a pooler with
                ``connect_args={"statement_cache_size": 0}``, or its first use is refused.
            table_prefix: the beginning of the names of the two tables and their indexes.
            timeout_seconds: the maximum duration of one call, all its tries together; `purge` and
                `create_tables` may take longer.
            schema: the schema of the tables; None: the default of the database.

        Raises:
            ConfigurationError: another database or driver, SQLite in memory, a driver that is not
                installed, a ``statement_cache_size`` in a URL, or a timeout that is not above zero.

        Not checked: that the database and the tables exist.
        """
        self._ownership = Ownership("SqlStore")
        self._database = Database(url_or_engine, timeout_seconds=timeout_seconds)
        self._tables = Tables(table_prefix, schema)
        self._lookups = Lookups(self._tables, is_sqlite=self._database.is_sqlite)
        writes = SqliteWrites if self._database.is_sqlite else PostgresWrites
        self._writes: SqliteWrites | PostgresWrites = writes(self._tables)

        self._checks = TurnBatcher(self._check_all)
        self._replays = TurnBatcher(self._replay_all)
        slots = self._database.slots
        self._revocations = GroupCommit(self._revoke_all, slots, timeout_seconds=timeout_seconds)
        self._uses = GroupCommit(self._consume_all, slots, timeout_seconds=timeout_seconds)
        self._raises = GroupCommit(self._raise_all, slots, timeout_seconds=timeout_seconds)
        self.timeout_seconds: float | None = timeout_seconds
        """The maximum duration of one call."""

    @property
    def metadata(self) -> MetaData:
        """The two tables, for Alembic's ``target_metadata``."""
        return self._tables.metadata

    async def create_tables(self) -> None:
        """Create the missing tables and indexes; any number of workers may do this concurrently.

        Tables of earlier versions get their missing indexes; their columns are the same.

        Call this when the service starts, or use Alembic. ``async with`` does not create tables, so
        that a service needs no right to do so. There is no timeout but that of the database.

        Raises:
            DBAPIError: the database failed or refused.

        Not checked: whether existing tables have the right columns.
        """
        self._ownership.check()
        await self._database.define(self._define)

    async def is_revoked(
        self, *, jti: str, sid: str | None, sub: str, issued_at: float | None, now: float
    ) -> bool:
        """See `RevocationStore.is_revoked`. All checks of one turn of the loop are one SELECT."""
        self._ownership.check()
        return await self._checks.submit(Check(jti, sid, sub, issued_at, now))

    async def revoke(self, revocation: Revocation, *, now: float) -> None:
        """See `RevocationStore.revoke`. The record is committed when this method returns."""
        self._ownership.check()
        await self._revocations.submit((revocation, now))

    async def consume(self, consumption: Consumption, *, now: float) -> Consumed:
        """See `RevocationStore.consume`. The use is committed when this method returns.

        The first use costs one statement. A later use costs another one, to read the sealed pair.
        """
        self._ownership.check()
        if await self._uses.submit((consumption, now)):
            return Consumed(is_first=True)
        return await self._replays.submit(Replay(consumption.jti, now))

    async def raise_retention(self, seconds: float) -> float:
        """See `RevocationStore.raise_retention`. Writes only if the stored value is smaller.

        Raises:
            ValueError: `seconds` is negative or not a number.
        """
        self._ownership.check()
        if not seconds >= 0:
            msg = "seconds must be zero or more."
            raise ValueError(msg)
        stored = await self._database.read(self._lookups.retention)
        return stored if stored >= seconds else await self._raises.submit(seconds)

    async def purge(self, *, now: float) -> int:
        """Remove expired records, a thousand in each transaction, and return how many.

        A record is removed `CLOCK_SPARE_SECONDS` after its end, a sealed pair when its grace has
        ended. Several workers share the work.

        Raises:
            DBAPIError, TimeoutError: the database failed; what was removed before stays removed.
        """
        self._ownership.check()
        await self._purge_all(lambda each: self._writes.unseal(each, now))

        before = now - CLOCK_SPARE_SECONDS
        first = await self._purge_all(lambda each: self._writes.purge(each, 0, before))
        return first + await self._purge_all(lambda each: self._writes.purge(each, 1, before))

    async def aclose(self) -> None:
        """Wait for calls in progress, and close the engine if the store created it."""
        for each in (self._checks, self._revocations, self._uses, self._raises, self._replays):
            await each.drain()
        await self._database.aclose()

    async def __aenter__(self) -> Self:
        """Return the store itself; see `create_tables` for the tables."""
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Close the store."""
        await self.aclose()

    async def _define(self, connection: AsyncConnection) -> None:
        if not self._database.is_sqlite:
            # Without the lock, two workers that find no table would both create it, and one fails.
            name = f"tokenward:{self._tables.schema}:{self._tables.prefix}"
            lock = func.pg_advisory_xact_lock(zlib.crc32(name.encode()))
            await connection.execute(select(lock))

        for table in self.metadata.sorted_tables:
            await connection.execute(CreateTable(table, if_not_exists=True))
            for index in table.indexes:
                await connection.execute(CreateIndex(index, if_not_exists=True))

    async def _purge_all(self, some: Callable[[AsyncConnection], Awaitable[int]]) -> int:
        removed = latest = await self._purge_some(some)
        while latest == LARGEST_PURGE:
            latest = await self._purge_some(some)
            removed += latest
        return removed

    async def _purge_some(self, some: Callable[[AsyncConnection], Awaitable[int]]) -> int:
        tries = 1
        while True:
            try:
                # Released after each try, so that other writes of this process get their turn.
                async with self._database.slots:
                    deadline = asyncio.get_running_loop().time() + _PURGE_SECONDS
                    return await self._database.write(some, may_repeat=False, deadline=deadline)
            except DBAPIError as exc:
                if tries == _PURGE_TRIES or not is_transient(exc.orig):
                    raise
            tries += 1

    async def _check_all(self, checks: Sequence[Check]) -> Sequence[bool]:
        return await self._database.read(lambda each: self._lookups.are_revoked(each, checks))

    async def _replay_all(self, replays: Sequence[Replay]) -> Sequence[Consumed]:
        return await self._database.read(lambda each: self._lookups.later_uses(each, replays))

    async def _revoke_all(
        self, batch: Sequence[tuple[Revocation, float]], deadline: float
    ) -> Sequence[None]:
        rows = revocation_rows(batch)
        now = min(now for _, now in batch)
        await self._database.write(
            lambda each: self._writes.revoke(each, rows, now), may_repeat=True, deadline=deadline
        )
        return [None] * len(batch)

    async def _consume_all(
        self, batch: Sequence[tuple[Consumption, float]], deadline: float
    ) -> Sequence[bool]:
        positions = first_uses(batch)
        rows = use_rows(batch, positions)
        now = min(now for _, now in batch)
        # Not repeated if the outcome is unknown: the first use would then look like a later one.
        won = await self._database.write(
            lambda each: self._writes.consume(each, rows, now), may_repeat=False, deadline=deadline
        )
        won_positions = {positions[key] for key in won}
        return [position in won_positions for position in range(len(batch))]

    async def _raise_all(self, batch: Sequence[float], deadline: float) -> Sequence[float]:
        row = {"identity": RETENTION_KEY, "keep_until": math.inf, "issued_before": max(batch)}
        raised = await self._database.write(
            lambda each: self._writes.raise_retention(each, row), may_repeat=True, deadline=deadline
        )
        return [raised] * len(batch)
