"""Revocations in a database: SQLite in a file, or PostgreSQL, through SQLAlchemy."""

import asyncio
import math
import zlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Self

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
from tokenward.stores.sql.conflicts import LARGEST_PURGE
from tokenward.stores.sql.database import Database, is_passing
from tokenward.stores.sql.lookups import Check, Lookups, Replay
from tokenward.stores.sql.postgres import PostgresWrites
from tokenward.stores.sql.schema import RETENTION_KEY, Tables, key_of, revocation_key
from tokenward.stores.sql.sqlite import SqliteWrites

__all__ = ["SqlStore"]

# Nobody waits for a purge with a time-out, so it may wait longer for others that write. The
# database's own time-outs end each try earlier; the seconds are for a connection that has died.
_PURGE_TRIES: Final = 20
_PURGE_SECONDS: Final = 30.0


class SqlStore:
    """A `RevocationStore` in a database, for any number of processes that share it.

    ::

        store = SqlStore("sqlite+aiosqlite:///revocations.db")
        await store.create_tables()         # or by Alembic, from store.metadata

    What it has kept survives a restart and, where the database keeps its word, a power failure. It
    does not purge by itself: call `purge` now and then, from as many workers as you like.

    Each process makes its own store, and uses it in one event loop; elsewhere every call raises
    `ConfigurationError`, and so it does while the tables are missing. Checks of one turn of the loop
    are one SELECT; writes that come while others are under way share a commit.

    A write and its caller have one deadline. A write that cannot begin in time is not begun; one that
    has begun is given up before `timeout_seconds` have passed since it was asked for, also when its
    caller has left. What remains uncertain after an error: a commit that was under way at that
    moment, or one whose answer was lost with the connection. No transaction stays open.

    Behind a connection pooler (pgbouncer in transaction mode) a store that is given a URL is safe.
    Name the `schema` there: the search path belongs to connections that are shared.

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
                On its own direct connections to PostgreSQL it sets ``statement_timeout`` and
                ``lock_timeout`` a little below `timeout_seconds`.
                Or your engine with one of these drivers, which stays open and as it is; make it with
                ``hide_parameters=True``; on SQLite with a busy ``timeout`` below a third of
                `timeout_seconds`; and behind a pooler with
                ``connect_args={"statement_cache_size": 0}``, or its first use is refused.
            table_prefix: begins the names of the two tables and their indexes.
            timeout_seconds: how long any one call may take, all its tries together; `purge` and
                `create_tables` may take longer.
            schema: where the tables are; None: where the database looks by itself.

        Raises:
            ConfigurationError: another database or driver, SQLite in memory, a driver that is not
                installed, a ``statement_cache_size`` in a URL, or a time-out that is not above zero.

        Not checked: that the database is there, and the tables in it.
        """
        self._owner = Ownership("SqlStore")
        self._database = Database(url_or_engine, timeout_seconds=timeout_seconds)
        self._tables = Tables(table_prefix, schema)
        self._lookups = Lookups(self._tables, is_sqlite=self._database.is_sqlite)
        writes = SqliteWrites if self._database.is_sqlite else PostgresWrites
        self._writes: SqliteWrites | PostgresWrites = writes(self._tables)
        self._checks = TurnBatcher(self._check_all)
        self._replays = TurnBatcher(self._look_back)
        slots = self._database.slots
        self._revocations = GroupCommit(self._revoke_all, slots, timeout_seconds=timeout_seconds)
        self._uses = GroupCommit(self._consume_all, slots, timeout_seconds=timeout_seconds)
        self._raises = GroupCommit(self._raise_all, slots, timeout_seconds=timeout_seconds)
        self.timeout_seconds: float | None = timeout_seconds
        """How long the engine waits for any one call."""

    @property
    def metadata(self) -> MetaData:
        """The two tables, for Alembic's ``target_metadata``."""
        return self._tables.metadata

    async def create_tables(self) -> None:
        """Create the tables and indexes that are not there; any number of workers may at once.

        Tables of earlier versions get the indexes that they lack; their columns are the same.

        Call it when the service starts, or leave it to Alembic; ``async with`` does not do it, so
        that a service needs no right to create tables. It waits as long as the database does.

        Raises:
            DBAPIError: the database failed or refused.

        Not checked: whether tables that are there have the right columns.
        """
        self._owner.check()
        await self._database.define(self._define)

    async def is_revoked(
        self, *, jti: str, sid: str | None, sub: str, issued_at: float | None, now: float
    ) -> bool:
        """See `RevocationStore.is_revoked`. All checks of one turn of the loop are one SELECT."""
        self._owner.check()
        return await self._checks.ask(Check(jti, sid, sub, issued_at, now))

    async def revoke(self, revocation: Revocation, *, now: float) -> None:
        """See `RevocationStore.revoke`. It is committed when this returns."""
        self._owner.check()
        await self._revocations.ask((revocation, now))

    async def consume(self, consumption: Consumption, *, now: float) -> Consumed:
        """See `RevocationStore.consume`. It is committed when this returns.

        The first use costs one statement; a later one another, to find what the first has sealed.
        """
        self._owner.check()
        if await self._uses.ask((consumption, now)):
            return Consumed(is_first=True)
        return await self._replays.ask(Replay(consumption.jti, now))

    async def raise_retention(self, seconds: float) -> float:
        """See `RevocationStore.raise_retention`. It writes only where it raises the stored value.

        Raises:
            ValueError: `seconds` is negative or not a number.
        """
        self._owner.check()
        if not seconds >= 0:
            msg = "seconds must be zero or more."
            raise ValueError(msg)
        kept = await self._database.read(self._lookups.retention)
        return kept if kept >= seconds else await self._raises.ask(seconds)

    async def purge(self, *, now: float) -> int:
        """Remove expired records, a thousand at a time, and return how many.

        A record is removed `CLOCK_SPARE_SECONDS` after its end, a sealed pair when its grace is
        over. Each thousand is a transaction. Several workers share the work.

        Raises:
            DBAPIError, TimeoutError: the database failed; what was removed before stays removed.
        """
        self._owner.check()
        await self._purge_all(lambda each: self._writes.unseal(each, now))
        before = now - CLOCK_SPARE_SECONDS
        first = await self._purge_all(lambda each: self._writes.purge(each, 0, before))
        return first + await self._purge_all(lambda each: self._writes.purge(each, 1, before))

    async def aclose(self) -> None:
        """Wait for what is under way; close the engine, unless it was given."""
        for each in (self._checks, self._revocations, self._uses, self._raises, self._replays):
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
                # Released after each try, so that the writes of this process get their turn.
                async with self._database.slots:
                    deadline = asyncio.get_running_loop().time() + _PURGE_SECONDS
                    return await self._database.write(some, may_repeat=False, deadline=deadline)
            except DBAPIError as exc:
                if tries == _PURGE_TRIES or not is_passing(exc.orig):
                    raise
            tries += 1

    async def _check_all(self, checks: Sequence[Check]) -> Sequence[bool]:
        return await self._database.read(lambda each: self._lookups.judge(each, checks))

    async def _look_back(self, replays: Sequence[Replay]) -> Sequence[Consumed]:
        return await self._database.read(lambda each: self._lookups.look_back(each, replays))

    async def _revoke_all(
        self, batch: Sequence[tuple[Revocation, float]], deadline: float
    ) -> Sequence[None]:
        rows = _merged(batch)
        now = min(now for _, now in batch)
        await self._database.write(
            lambda each: self._writes.revoke(each, rows, now), may_repeat=True, deadline=deadline
        )
        return [None] * len(batch)

    async def _consume_all(
        self, batch: Sequence[tuple[Consumption, float]], deadline: float
    ) -> Sequence[bool]:
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
        now = min(now for _, now in batch)
        # Not repeated where it may have been done: the winner would be taken for a replay.
        won = await self._database.write(
            lambda each: self._writes.consume(each, rows, now), may_repeat=False, deadline=deadline
        )
        won_places = {firsts[key] for key in won}
        return [place in won_places for place in range(len(batch))]

    async def _raise_all(self, batch: Sequence[float], deadline: float) -> Sequence[float]:
        row = {"identity": RETENTION_KEY, "keep_until": math.inf, "issued_before": max(batch)}
        raised = await self._database.write(
            lambda each: self._writes.raise_retention(each, row), may_repeat=True, deadline=deadline
        )
        return [raised] * len(batch)


def _merged(batch: Sequence[tuple[Revocation, float]]) -> list[dict[str, Any]]:
    """Return one row for each identity, in one order everywhere.

    In one order, no two processes wait for each other.
    """
    found: dict[str, tuple[float, float]] = {}
    for each, now in batch:
        key = revocation_key(each.kind, each.identity)
        keep_until = each.keep_until
        # No moment stands above all moments.
        before = math.inf if each.issued_before is None else each.issued_before
        if key in found:
            earlier_end, earlier_before = found[key]
            keep_until = max(keep_until, earlier_end)
            before = max(before, earlier_before) if earlier_end > now else before
        found[key] = (keep_until, before)
    return [
        {
            "identity": key,
            "keep_until": keep_until,
            "issued_before": None if before == math.inf else before,
        }
        for key, (keep_until, before) in sorted(found.items())
    ]
