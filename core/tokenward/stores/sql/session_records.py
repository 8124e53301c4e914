"""The sessions of subjects in a database."""

import math
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any

from sqlalchemy import false, select
from sqlalchemy.ext.asyncio import AsyncConnection

from tokenward.stores.batching import GroupCommit
from tokenward.stores.ownership import Ownership
from tokenward.stores.protocol import CLOCK_SPARE_SECONDS
from tokenward.stores.session_records import SessionRecord
from tokenward.stores.sql.database import Database
from tokenward.stores.sql.purging import purge_all
from tokenward.stores.sql.schema import Tables, key_of
from tokenward.stores.sql.session_statements import session_statements
from tokenward.stores.sql.session_table import define_session_table, name_of, record_in, row_of

__all__ = ["SqlSessionRecords"]


class SqlSessionRecords:
    """The `SessionRecords` of a `SqlStore`. Writes that arrive while others run share a commit."""

    def __init__(self, database: Database, tables: Tables, ownership: Ownership) -> None:
        """Use the database of a store, and add the table to its tables."""
        self._database = database
        self._ownership = ownership
        table = define_session_table(tables)
        self._statements = session_statements(database.kind, table)
        # Names every column and reads no row.
        self._probe = select(select(table).where(false()).exists())

        def commits(
            write_all: Callable[[Sequence[Any], float], Awaitable[Sequence[None]]],
        ) -> GroupCommit[Any, None]:
            return GroupCommit(write_all, database.slots, timeout_seconds=database.timeout_seconds)

        self._adds = commits(self._add_all)
        self._refreshes = commits(self._refresh_all)
        self._removes = commits(self._remove_all)

    async def add(self, subject: str, record: SessionRecord, *, now: float) -> None:  # noqa: ARG002
        """See `SessionRecords.add`. The record is committed when this method returns."""
        self._ownership.check()
        await self._adds.submit(row_of(subject, record))

    async def refresh(
        self, subject: str, session: str, *, refreshed_at: float, keep_until: float, now: float
    ) -> None:
        """See `SessionRecords.refresh`. The change is committed when this method returns."""
        self._ownership.check()
        row = {
            "name": name_of(subject, session),
            "refreshed_at": refreshed_at,
            "keep_until": keep_until,
            "now": now,
        }
        await self._refreshes.submit(row)

    async def of(self, subject: str, *, now: float) -> Sequence[SessionRecord]:
        """See `SessionRecords.of`. One SELECT.

        Raises:
            DamagedRowError: a record is unreadable.
        """
        self._ownership.check()
        key = key_of(subject)
        rows = await self._database.read(lambda each: self._statements.of(each, key))
        return [record_in(row) for row in rows if row.keep_until > now]

    async def remove(self, subject: str, sessions: Collection[str], *, now: float) -> None:  # noqa: ARG002
        """See `SessionRecords.remove`. The records are gone when this method returns."""
        self._ownership.check()
        await self._removes.submit([name_of(subject, each) for each in sessions])

    async def probe(self) -> None:
        """Fail unless the table can be read and has all columns.

        Raises:
            ConfigurationError: it is missing or of another version.
            DBAPIError: the database failed or refused.
        """

        async def run(connection: AsyncConnection) -> None:
            (await connection.execute(self._probe)).one()

        await self._database.read(run)

    async def purge(self, now: float) -> int:
        """Remove expired records and return how many; see `SqlStore.purge`."""
        before = now - CLOCK_SPARE_SECONDS
        return await purge_all(self._database, lambda each: self._statements.purge(each, before))

    async def drain(self) -> None:
        """Wait until no write is in progress."""
        for each in (self._adds, self._refreshes, self._removes):
            await each.drain()

    async def _add_all(self, batch: Sequence[dict[str, Any]], deadline: float) -> Sequence[None]:
        rows = _in_order({row["name"]: row for row in batch})
        return await self._write(lambda each: self._statements.add(each, rows), batch, deadline)

    async def _refresh_all(
        self, batch: Sequence[dict[str, Any]], deadline: float
    ) -> Sequence[None]:
        merged: dict[str, dict[str, Any]] = {}
        for row in batch:
            earlier = merged.get(row["name"], {})
            until = max(row["keep_until"], earlier.get("keep_until", -math.inf))
            merged[row["name"]] = {**row, "keep_until": until}
        rows = _in_order(merged)
        return await self._write(lambda each: self._statements.refresh(each, rows), batch, deadline)

    async def _remove_all(self, batch: Sequence[Sequence[str]], deadline: float) -> Sequence[None]:
        names = sorted({name for some in batch for name in some})
        return await self._write(lambda each: self._statements.remove(each, names), batch, deadline)

    async def _write(
        self,
        work: Callable[[AsyncConnection], Awaitable[None]],
        batch: Sequence[object],
        deadline: float,
    ) -> Sequence[None]:
        # Each write has the same effect if it is repeated.
        await self._database.write(work, may_repeat=True, deadline=deadline)
        return [None] * len(batch)


def _in_order(rows: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows in one order everywhere, so that two processes that lock them cannot deadlock."""
    return [row for _, row in sorted(rows.items())]
