"""The feed of a SqlStore in PostgreSQL, for a `MirroredStore`: changes by transaction, polled."""

import asyncio
import math
import secrets
from collections.abc import AsyncIterator, Sequence
from typing import Any, NamedTuple

from tokenward.errors import ConfigurationError
from tokenward.stores.feed import Change, FeedStart, GapError, Reading
from tokenward.stores.sql.database import Database
from tokenward.stores.sql.echoed_statements import EchoedResult, EchoedStatement
from tokenward.stores.sql.feed_rows import (
    MAINTAIN_EVERY_SECONDS,
    NOT_FED,
    ROWS_PER_PART,
    change_of,
    deadline_of,
    is_revocation,
)
from tokenward.stores.sql.feed_statements import MOST_CHANGES, FeedStatements
from tokenward.stores.sql.schema import Tables

__all__ = ["SqlFeed"]


class _Position(NamedTuple):
    """What the last read could see: every other change is new to the reader."""

    epoch: str
    snapshot: str


class SqlFeed:
    """A `RevocationFeed` in PostgreSQL."""

    def __init__(self, database: Database, tables: Tables, seconds: float) -> None:
        """Build the statements; nothing is sent yet.

        Args:
            database: the database of the store.
            tables: the tables of the store.
            seconds: how long a revocation stays in the feed, at least.
        """
        self._database = database
        self._kept = seconds
        self._is_complete = False
        self._started_at = 0.0
        self._maintained_at = -math.inf

        statements = FeedStatements(tables)
        self._start = EchoedStatement(statements.start)
        self._read = EchoedStatement(statements.read)
        self._changes = EchoedStatement(statements.changes)
        self._records = EchoedStatement(statements.records)
        self._maintain = EchoedStatement(statements.maintain)
        self._remove = EchoedStatement(statements.remove)

    async def start(self) -> FeedStart:
        """See `RevocationFeed.start`. A snapshot follows in any case, if possible of the changes."""
        # A step of the clock makes changes look older than they are.
        self._maintained_at = -math.inf
        await self._maintain_feed()
        own, _ = await self._write(
            self._start, {"new_epoch": secrets.token_hex(8), "kept": self._kept}
        )
        self._is_complete, self._started_at = own.since <= own.now - self._kept, own.now
        return FeedStart(_Position(own.epoch, own.snapshot), is_complete=False)

    async def snapshot(self) -> AsyncIterator[Sequence[Change]]:
        """See `RevocationFeed.snapshot`. One statement for each part."""
        statement = self._changes if self._is_complete else self._records
        after: int | str = 0 if self._is_complete else ""
        while True:
            _, rows = await self._query(statement, {"after": after})
            yield [
                change_of(row, 0.0 if row.extra is None else self._started_at - row.extra)
                for row in rows.values()
                if is_revocation(row)
            ]
            if len(rows) < ROWS_PER_PART:
                return
            after = max(map(int, rows)) if self._is_complete else max(rows)

    async def read(self, position: object) -> Reading:
        """See `RevocationFeed.read`. One statement.

        Raises:
            GapError: the database has crashed or was replaced, or the reader is far behind.
            ConfigurationError: the tables or the trigger are missing; see `SqlStore.create_feed`.
            Exception: the database failed.
        """
        if not isinstance(position, _Position):
            raise GapError
        await self._maintain_feed()

        own, rows = await self._query(self._read, {"snapshot": position.snapshot})
        if not own.keep_until:
            raise ConfigurationError(NOT_FED)
        if own.extra != position.epoch or len(rows) > MOST_CHANGES:
            raise GapError
        changes = [change_of(row, 0.0) for row in rows.values()]
        return Reading(changes, _Position(own.extra, own.identity), is_last=True)

    async def _maintain_feed(self) -> None:
        """Remove old changes, unless the clock seems to have stepped: they might only look old."""
        now = asyncio.get_running_loop().time()
        if now < self._maintained_at + MAINTAIN_EVERY_SECONDS:
            return
        own, _ = await self._write(self._maintain, {})
        if own.is_steady:
            await self._write(self._remove, {})
        self._maintained_at = now

    async def _query(self, statement: EchoedStatement, values: dict[str, Any]) -> EchoedResult:
        return await self._database.read(lambda each: statement.run(each, values))

    async def _write(self, statement: EchoedStatement, values: dict[str, Any]) -> EchoedResult:
        deadline = deadline_of(self._database)
        return await self._database.write(
            lambda each: statement.run(each, values), may_repeat=True, deadline=deadline
        )
