"""The feed of a SqlStore in SQLite, MariaDB or MySQL, for a `MirroredStore`: changes by number, polled."""

import math
from collections.abc import AsyncIterator, Sequence
from itertools import takewhile
from typing import Any, Final, NamedTuple

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from tokenward.errors import ConfigurationError
from tokenward.stores.feed import Change, FeedStart, GapError, Reading
from tokenward.stores.sql.database import Database
from tokenward.stores.sql.feed_rows import (
    CLOCK_STEP_SECONDS,
    MAINTAIN_EVERY_SECONDS,
    NOT_FED,
    ROWS_PER_PART,
    change_of,
    deadline_of,
    is_revocation,
)
from tokenward.stores.sql.numbered_tables import TRIGGERS, NumberedTables
from tokenward.stores.sql.schema import Tables
from tokenward.stores.sql.upserts import LARGEST_PURGE

__all__ = ["NumberedFeed"]

_CHANGES_PER_READ: Final = 1_000
# An entry that stands for no revocation: a reader needs one whose place it remembers.
_BEGINNING: Final = "store:feed"


class _Position(NamedTuple):
    """The last change that was read, which must still be there."""

    number: int
    content: tuple[object, ...]


class NumberedFeed:
    """A `RevocationFeed` in SQLite, MariaDB or MySQL."""

    def __init__(self, database: Database, tables: Tables, seconds: float) -> None:
        """Build the statements; nothing is sent yet.

        Args:
            database: the database of the store.
            tables: the tables of the store.
            seconds: how long a revocation stays in the feed, at least.
        """
        self._database = database
        self._kept = seconds
        self._revocations = tables.revocations
        self._feed = NumberedTables(tables, changes_per_read=_CHANGES_PER_READ)
        self._started_at = 0.0
        self._is_complete = False
        self._has_old = False

    async def start(self) -> FeedStart:
        """See `RevocationFeed.start`. A snapshot follows in any case, if possible of the changes.

        Raises:
            ConfigurationError: the tables or the triggers are missing; see `SqlStore.create_feed`.
            Exception: the database failed.
        """
        position = await self._write(self._begin)
        return FeedStart(position, is_complete=False)

    async def snapshot(self) -> AsyncIterator[Sequence[Change]]:
        """See `RevocationFeed.snapshot`. One statement for each part."""
        table = self._feed.changes if self._is_complete else self._revocations
        after: int | str = 0 if self._is_complete else ""
        (key,) = table.primary_key.columns
        while True:
            part = select(table).where(key > after).order_by(key).limit(ROWS_PER_PART)
            rows = await self._database.read(lambda each: each.execute(part))  # noqa: B023
            found = rows.all()
            yield [
                change_of(row, self._started_at - row.stored_at if self._is_complete else 0.0)
                for row in found
                if is_revocation(row)
            ]
            if len(found) < ROWS_PER_PART:
                return
            after = getattr(found[-1], key.name)

    async def read(self, position: object) -> Reading:
        """See `RevocationFeed.read`. One statement.

        Raises:
            GapError: the database has lost changes, as in a fail-over, or the reader is far behind.
            ConfigurationError: the tables or the triggers are missing; see `SqlStore.create_feed`.
            Exception: the database failed.
        """
        if not isinstance(position, _Position):
            raise GapError
        values = {"number": position.number}
        result = await self._database.read(lambda each: each.execute(self._feed.read, values))
        rows = result.all()
        if not rows or rows[0].since is None or rows[0].triggers != TRIGGERS:
            raise ConfigurationError(NOT_FED)
        first, following = rows[0], rows[1:]
        if first.id is None or _position(first) != position:
            raise GapError

        if self._has_old or not 0 <= first.now - first.seen <= MAINTAIN_EVERY_SECONDS:
            await self._maintain()
        last = following[-1] if following else first
        changes = [change_of(row, 0.0) for row in following if is_revocation(row)]
        return Reading(changes, _position(last), is_last=len(following) < _CHANGES_PER_READ)

    async def _begin(self, connection: AsyncConnection) -> _Position:
        """Note the newest change; no transaction that began before can number another one."""
        own = (await connection.execute(self._feed.lock)).one_or_none()
        triggers = await connection.scalar(self._feed.count_triggers)
        if own is None or own.since is None or triggers != TRIGGERS:
            raise ConfigurationError(NOT_FED)

        # Infinity: these are the first readers. Changes that are older than `kept` may be gone.
        since = _since(own) if own.since <= own.now else own.now
        if own.kept < self._kept:
            since = max(since, own.seen - own.kept)
        changes = self._feed.changes
        newest = select(changes).order_by(changes.c.id.desc()).limit(1)
        found = (await connection.execute(newest)).one_or_none()
        number = own.newest
        if found is None:
            number += 1
            row = {"identity": _BEGINNING, "keep_until": math.inf, "stored_at": own.now}
            await connection.execute(insert(changes), row | {"id": number})
            found = (await connection.execute(newest)).one()
        await connection.execute(
            update(self._feed.state).values(
                newest=number, since=since, kept=max(own.kept, self._kept), seen=own.now
            )
        )
        self._started_at = own.now
        self._is_complete = since <= own.now - self._kept
        return _position(found)

    async def _maintain(self) -> None:
        """Note that somebody reads, and remove old changes.

        Not if the clock seems to have stepped, because changes could only look old.
        """
        oldest = await self._write(self._see)
        self._has_old = oldest is not None and await self._write(
            lambda each: self._remove(each, oldest)
        )

    async def _see(self, connection: AsyncConnection) -> float | None:
        own = (await connection.execute(self._feed.lock)).one()
        state = update(self._feed.state).values(seen=own.now, since=_since(own))
        await connection.execute(state)
        return own.now - own.kept - CLOCK_STEP_SECONDS if _is_steady(own) else None

    async def _remove(self, connection: AsyncConnection, oldest: float) -> bool:
        """Remove some changes, never the newest one; return whether there may be more."""
        changes = self._feed.changes
        first = select(changes.c.id, changes.c.stored_at).order_by(changes.c.id)
        *rows, _newest = (await connection.execute(first.limit(LARGEST_PURGE + 1))).all()
        old = [row.id for row in takewhile(lambda row: row.stored_at < oldest, rows)]
        if old:
            await connection.execute(delete(changes).where(changes.c.id <= old[-1]))
        return len(old) == LARGEST_PURGE

    async def _write(self, work: Any) -> Any:  # noqa: ANN401 - of the step
        deadline = deadline_of(self._database)
        return await self._database.write(work, may_repeat=True, deadline=deadline)


def _position(row: Row[Any]) -> _Position:
    return _Position(row.id, (row.identity, row.keep_until, row.issued_before, row.stored_at))


def _is_steady(own: Row[Any]) -> bool:
    return bool(own.now - own.seen <= CLOCK_STEP_SECONDS)


def _since(own: Row[Any]) -> float:
    """Return the time from which on ages are known: not before a step of the clock."""
    return float(own.since if _is_steady(own) else own.now)
