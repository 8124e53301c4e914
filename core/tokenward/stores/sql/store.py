"""Revocations in a database through SQLAlchemy: SQLite, PostgreSQL, MariaDB or MySQL."""

import math
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, Self

try:
    from sqlalchemy import URL, MetaData
    from sqlalchemy.ext.asyncio import AsyncEngine
except ImportError as _exc:
    _MISSING: Final = (
        "SqlStore needs SQLAlchemy and greenlet: install Tokenward with its extra 'sql'"
    )
    raise ImportError(_MISSING, name=_exc.name) from _exc

from tokenward.stores.batching import GroupCommit, TurnBatcher
from tokenward.stores.feed import RevocationFeed
from tokenward.stores.outages import unavailable_if_it_fails
from tokenward.stores.ownership import Ownership
from tokenward.stores.protocol import CLOCK_SPARE_SECONDS, Consumed, Consumption, Revocation
from tokenward.stores.sql.batch_rows import (
    first_uses,
    revocation_rows,
    token_of_session,
    use_rows,
)
from tokenward.stores.sql.database import Database
from tokenward.stores.sql.definitions import define_feed, define_tables
from tokenward.stores.sql.feed import SqlFeed
from tokenward.stores.sql.lookups import Check, Lookups, Replay
from tokenward.stores.sql.numbered_feed import NumberedFeed
from tokenward.stores.sql.purging import purge_all
from tokenward.stores.sql.schema import RETENTION_KEY, Tables
from tokenward.stores.sql.session_records_method import SessionRecordsMethod
from tokenward.stores.sql.writes import writes_to

if TYPE_CHECKING:
    from tokenward.stores.sql.session_records import SqlSessionRecords

__all__ = ["SqlStore"]


class SqlStore(SessionRecordsMethod):
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
            url_or_engine: ``sqlite+aiosqlite:///file``, ``postgresql+asyncpg://...``,
                ``postgresql+psycopg://...`` or ``mysql+asyncmy://...``: the store creates an engine with at most 8 connections,
                and closes it. It sets an SQLite file to WAL, so that readers never wait, and to a
                sync at every commit. On direct connections to PostgreSQL it sets
                ``statement_timeout`` and ``lock_timeout`` a little below `timeout_seconds`.
                Or your engine with one of these drivers, which the store neither changes nor closes.
                Create it with ``hide_parameters=True``; for SQLite with a busy ``timeout`` below a
                third of `timeout_seconds`; behind a pooler with
                ``connect_args={"statement_cache_size": 0}`` for asyncpg or
                ``{"prepare_threshold": None}`` for psycopg, or its first use is refused.
            table_prefix: the beginning of the names of the three tables and their indexes.
            timeout_seconds: the maximum duration of one call, all its tries together; `purge` and
                `create_tables` may take longer.
            schema: the schema of the tables; None: the default of the database.

        Raises:
            ConfigurationError: another database or driver, SQLite in memory, a driver that is not
                installed, one of these settings in a URL, or a timeout that is not above zero.

        Not checked: that the database and the tables exist.
        """
        self._ownership = Ownership("SqlStore")
        self._database = Database(url_or_engine, timeout_seconds=timeout_seconds)
        kind = self._database.kind
        self._tables = Tables(table_prefix, schema, is_mysql=kind == "mysql")
        self._lookups = Lookups(self._tables, kind)
        self._writes = writes_to(kind, self._tables)
        self._listed: SqlSessionRecords | None = None

        self._checks = TurnBatcher(self._check_all)
        self._replays = TurnBatcher(self._replay_all)
        slots = self._database.slots
        self._revocations = GroupCommit(self._revoke_all, slots, timeout_seconds=timeout_seconds)
        self._uses = GroupCommit(
            self._consume_all,
            slots,
            timeout_seconds=timeout_seconds,
            one_value_of_each=token_of_session,
        )
        self._raises = GroupCommit(self._raise_all, slots, timeout_seconds=timeout_seconds)
        self.timeout_seconds: float | None = timeout_seconds
        """The maximum duration of one call."""
        self.needs_purge: bool = True
        """True: call `purge` regularly."""

    @property
    def metadata(self) -> MetaData:
        """The tables, for Alembic's ``target_metadata``: three, and that of `session_records`."""
        return self._tables.metadata

    async def create_tables(self) -> None:
        """Create the missing tables and indexes; any number of workers may do this concurrently.

        Tables of earlier versions stay as they are, and the missing ones are added.

        Call this when the service starts, or use Alembic. ``async with`` does not create tables, so
        that a service needs no right to do so. There is no timeout but that of the database.

        Raises:
            DBAPIError: the database failed or refused.

        Not checked: whether existing tables have the right columns.
        """
        self._ownership.check()
        await self._database.define(lambda each: define_tables(each, self._tables))

    async def create_feed(self) -> None:
        """Create what a `MirroredStore` needs: two tables, and triggers on the revocations.

        Raises:
            DBAPIError: the database failed or refused.
        """
        await self._database.define(lambda each: define_feed(each, self._tables))

    def feed(self, seconds: float) -> RevocationFeed:
        """See `FollowedStore.feed`. It needs `create_feed`."""
        kind = SqlFeed if self._database.kind == "postgresql" else NumberedFeed
        return kind(self._database, self._tables, seconds)

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
        return await self._replays.submit(Replay(consumption.session, consumption.jti, now))

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
        for place in range(len(self._tables.sealed)):
            await purge_all(self._database, partial(self._writes.unseal, place=place, now=now))

        before, removed = now - CLOCK_SPARE_SECONDS, 0
        for place in range(len(self._tables.purged)):
            removed += await purge_all(
                self._database, partial(self._writes.purge, place=place, before=before)
            )
        if self._listed is not None:
            removed += await self._listed.purge(now)
        return removed

    async def ping(self) -> None:
        """See `RevocationStore.ping`. One SELECT, which names all tables and their columns.

        Raises:
            StoreUnavailableError: the database failed, or did not answer in time.
            ConfigurationError: the tables are missing or of another version, the database is
                read-only, or the store was used before a fork or in another event loop.
        """
        with unavailable_if_it_fails("SqlStore"):
            self._ownership.check()
            await self._database.read(self._lookups.probe)
            if self._listed is not None:
                await self._listed.probe()

    async def aclose(self) -> None:
        """Wait for calls in progress, and close the engine if the store created it."""
        for each in (self._checks, self._revocations, self._uses, self._raises, self._replays):
            await each.drain()
        if self._listed is not None:
            await self._listed.drain()
        await self._database.aclose()

    async def __aenter__(self) -> Self:
        """Return the store itself; see `create_tables` for the tables."""
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Close the store."""
        await self.aclose()

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
