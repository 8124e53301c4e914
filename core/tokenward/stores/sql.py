"""Revocations in a database: SQLite in a file, or PostgreSQL, through SQLAlchemy."""

import zlib
from collections.abc import Sequence
from operator import itemgetter
from typing import Final, Self

try:
    from sqlalchemy import URL, Delete, MetaData, func, select
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
    from sqlalchemy.schema import CreateIndex, CreateTable
except ImportError as _exc:
    _MISSING: Final = "SqlStore needs SQLAlchemy and greenlet: pip install 'tokenward[sql]'"
    raise ImportError(_MISSING, name=_exc.name) from _exc

from tokenward.revocation import Consumed, Consumption, Revocation
from tokenward.stores._batching import GroupCommit, TurnBatcher
from tokenward.stores._sql_database import Database
from tokenward.stores._sql_lookups import Check, Replay, find_sealed, judge
from tokenward.stores._sql_schema import LARGEST_PURGE, Statements, Tables, key_of, revocation_key

__all__ = ["SqlStore"]


class SqlStore:
    """A `RevocationStore` in a database, for any number of processes that share it.

    ::

        store = SqlStore("sqlite+aiosqlite:///revocations.db")
        await store.create_tables()         # or by Alembic, from store.metadata

    What it has kept survives a restart and, where the database keeps its word, a power failure. It
    does not purge by itself: call `purge` now and then, from as many workers as you like.

    Each process makes its own store, and uses it in one event loop. Checks of one turn of the loop
    are one SELECT; writes that come while others are under way share a commit.

    Caller and work are kept apart: a caller who is cancelled leaves at once, and what they asked for
    is either not begun, or comes to its end within the time-out. No transaction stays open.

    SQLite must be 3.35 or newer, and its file on a disk of this machine: locks and the write-ahead
    log do not work over a network.

    Identities are stored as they are where they are short, printable ASCII, else as their SHA-256.
    """

    def __init__(
        self,
        url_or_engine: str | URL | AsyncEngine,
        *,
        table_prefix: str = "tokenward_",
        timeout_seconds: float = 0.5,
        schema: str | None = None,
    ) -> None:
        """Take a database; nothing is sent to it yet.

        Args:
            url_or_engine: ``sqlite+aiosqlite:///file`` or ``postgresql+asyncpg://...``: the store
                makes an engine of its own, with at most 8 connections, and closes it. An SQLite
                file is set to WAL, so that readers never wait, and to a sync at every commit.
                Or your engine, which stays open and as it is; make it with ``hide_parameters=True``
                and, on SQLite, with a busy ``timeout`` below a third of `timeout_seconds`.
            table_prefix: begins the names of the two tables and their indexes.
            timeout_seconds: how long any one call may take, all its tries together.
            schema: where the tables are; None: where the database looks by itself.

        Raises:
            ConfigurationError: another database or driver, SQLite in memory, a driver that is not
                installed, or a time-out that is not above zero.

        Not checked: that the database is there, and the tables in it.
        """
        self._database = Database(url_or_engine, timeout_seconds=timeout_seconds)
        self._tables = Tables(table_prefix, schema)
        self._statements = Statements(self._tables, is_sqlite=self._database.is_sqlite)
        self._checks = TurnBatcher(self._check_all)
        self._replays = TurnBatcher(self._find_sealed)
        self._revocations = GroupCommit(self._revoke_all, self._database.slots)
        self._uses = GroupCommit(self._consume_all, self._database.slots)
        self.timeout_seconds: float | None = timeout_seconds
        """How long the engine waits for any one call."""

    @property
    def metadata(self) -> MetaData:
        """The two tables, for Alembic's ``target_metadata``."""
        return self._tables.metadata

    async def create_tables(self) -> None:
        """Create the tables and indexes that are not there; any number of workers may at once.

        Call it when the service starts, or leave it to Alembic; ``async with`` does not do it, so
        that a service needs no right to create tables. It waits as long as the database does.

        Raises:
            DBAPIError: the database failed or refused.

        Not checked: whether tables that are there have the right columns.
        """
        await self._database.define(self._define)

    async def is_revoked(
        self, *, jti: str, sid: str | None, sub: str, issued_at: float | None, now: float
    ) -> bool:
        """See `RevocationStore.is_revoked`. All checks of one turn of the loop are one SELECT."""
        return await self._checks.ask(Check(jti, sid, sub, issued_at, now))

    async def revoke(self, revocation: Revocation, *, now: float) -> None:
        """See `RevocationStore.revoke`. It is committed when this returns."""
        await self._revocations.ask((revocation, now))

    async def consume(self, consumption: Consumption, *, now: float) -> Consumed:
        """See `RevocationStore.consume`. It is committed when this returns.

        The first use costs one statement; a later one another, to find what the first has sealed.
        """
        if await self._uses.ask((consumption, now)):
            return Consumed(is_first=True)
        return Consumed(
            is_first=False, sealed=await self._replays.ask(Replay(consumption.jti, now))
        )

    async def purge(self, *, now: float) -> int:
        """Forget what is over, a thousand records at a time, and tell how many that were.

        Each thousand is a transaction of its own. Several workers share the work.

        Raises:
            DBAPIError, TimeoutError: the database failed; what was deleted before stays so.
        """
        forgotten = 0
        for statement in self._statements.purges:
            deleted = LARGEST_PURGE
            while deleted == LARGEST_PURGE:
                deleted = await self._purge_some(statement, now)
                forgotten += deleted
        return forgotten

    async def aclose(self) -> None:
        """Wait for what is under way; close the engine, unless it was given."""
        for each in (self._checks, self._revocations, self._uses, self._replays):
            await each.drain()
        await self._database.aclose()

    async def __aenter__(self) -> Self:
        """Give the store itself; see `create_tables` for the tables."""
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Close it."""
        await self.aclose()

    async def _define(self, connection: AsyncConnection) -> None:
        if not self._database.is_sqlite:
            # Without the lock, two that find nothing there both create, and one of them fails.
            name = f"tokenward:{self._tables.schema}:{self._tables.prefix}"
            lock = func.pg_advisory_xact_lock(zlib.crc32(name.encode()))
            await connection.execute(select(lock))
        for table in self.metadata.sorted_tables:
            await connection.execute(CreateTable(table, if_not_exists=True))
            for index in table.indexes:
                await connection.execute(CreateIndex(index, if_not_exists=True))

    async def _purge_some(self, statement: Delete, now: float) -> int:
        async def write(connection: AsyncConnection) -> int:
            return (await connection.execute(statement, {"now": now})).rowcount

        async with self._database.slots:
            return await self._database.write(write, may_repeat=False)

    async def _check_all(self, checks: Sequence[Check]) -> Sequence[bool]:
        return await self._database.read(lambda each: judge(each, self._statements, checks))

    async def _find_sealed(self, replays: Sequence[Replay]) -> Sequence[bytes]:
        return await self._database.read(lambda each: find_sealed(each, self._statements, replays))

    async def _revoke_all(self, batch: Sequence[tuple[Revocation, float]]) -> Sequence[None]:
        rows = {
            (revocation_key(each.kind, each.identity), each.keep_until, each.issued_before, now)
            for each, now in batch
        }
        # In one order everywhere, so that no two processes wait for each other.
        names = ("identity", "keep_until", "issued_before", "now")
        ordered = [dict(zip(names, row, strict=True)) for row in sorted(rows, key=itemgetter(0))]

        async def write(connection: AsyncConnection) -> None:
            await connection.execute(self._statements.revoke, ordered)

        await self._database.write(write, may_repeat=True)
        return [None] * len(batch)

    async def _consume_all(self, batch: Sequence[tuple[Consumption, float]]) -> Sequence[bool]:
        # Of several uses of one token in a batch, only the first can be the first of all.
        firsts: dict[str, int] = {}
        for place, (use, _) in enumerate(batch):
            firsts.setdefault(key_of(use.jti), place)
        rows = [
            {
                "jti": key,
                "successor": key_of(use.successor),
                "sealed": use.sealed,
                "used_at": now,
                "grace_until": use.grace_until,
                "keep_until": use.keep_until,
            }
            for key, (use, now) in ((key, batch[firsts[key]]) for key in sorted(firsts))
        ]

        async def write(connection: AsyncConnection) -> set[int]:
            won = await connection.execute(self._statements.consume, rows)
            return {firsts[key] for key in won.scalars()}

        # Not repeated where it may have been done: the winner would be taken for a replay.
        won = await self._database.write(write, may_repeat=False)
        return [place in won for place in range(len(batch))]
