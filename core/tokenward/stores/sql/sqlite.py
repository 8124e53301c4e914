"""What a SqlStore writes to SQLite: each step runs in one transaction that holds the lock."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Delete, Table, bindparam, delete, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from tokenward.stores.sql.conflicts import (
    LARGEST_PURGE,
    keeping_the_greater,
    keeping_the_stronger,
    unless_used,
)
from tokenward.stores.sql.schema import Tables

__all__ = ["SqliteWrites"]


class SqliteWrites:
    """The statements that write; see `PostgresWrites`."""

    __slots__ = ("_consume", "_purges", "_raise", "_revoke", "_unseal")

    def __init__(self, tables: Tables) -> None:
        """Build them."""
        revocations, consumed = tables.revocations, tables.consumed
        self._revoke = keeping_the_stronger(revocations, sqlite.insert(revocations))
        self._consume = unless_used(consumed, sqlite.insert(consumed)).returning(consumed.c.jti)
        self._raise = keeping_the_greater(revocations, sqlite.insert(revocations)).returning(
            revocations.c.issued_before
        )
        self._unseal = _unsealing(consumed)
        self._purges = tuple(_purge(table) for table in (revocations, consumed))

    async def revoke(
        self, connection: AsyncConnection, rows: Sequence[dict[str, Any]], now: float
    ) -> None:
        """Write revocations, no two of one identity, and remove sealed pairs whose grace is over."""
        await self.unseal(connection, now)
        await connection.execute(self._revoke, [{**row, "now": now} for row in rows])

    async def consume(
        self, connection: AsyncConnection, rows: Sequence[dict[str, Any]], now: float
    ) -> set[str]:
        """Write uses, no two of one token, and return the tokens whose first use this was.

        Sealed pairs whose grace is over, or whose successor is among these uses, are removed.
        """
        await self.unseal(connection, now, [row["jti"] for row in rows])
        return set((await connection.execute(self._consume, list(rows))).scalars())

    async def raise_retention(self, connection: AsyncConnection, row: dict[str, Any]) -> float:
        """Write the retention where it is greater than the stored one, and return the greater."""
        return float((await connection.execute(self._raise, row)).scalar_one())

    async def unseal(
        self, connection: AsyncConnection, now: float, used: Sequence[str] = ()
    ) -> int:
        """Remove some of the sealed pairs whose grace is over, and return how many."""
        # Sent past SQLAlchemy, which would pass from thread to thread four times instead of once.
        driver: Any = (await connection.get_raw_connection()).driver_connection
        start, end = self._unseal
        statement = f"{start}{','.join('?' * len(used))}{end}"
        return len(await driver.execute_fetchall(statement, (now, *used)))

    async def purge(self, connection: AsyncConnection, place: int, before: float) -> int:
        """Remove some of the records of one table that expired before a time; return how many."""
        return (await connection.execute(self._purges[place], {"before": before})).rowcount


def _unsealing(table: Table) -> tuple[str, str]:
    """Return the statement, without the placeholders of the used tokens in its middle."""
    name = sqlite.dialect().identifier_preparer.format_table(table)
    # Two queries, one for each index: with OR between the two conditions, SQLite reads every row
    # that has a sealed pair.
    sealed = f"SELECT jti FROM {name} WHERE length(sealed) > 0 AND"  # noqa: S608 - a quoted name
    due = f"SELECT jti FROM ({sealed} grace_until <= ? LIMIT {LARGEST_PURGE})"  # noqa: S608
    some = f"{due} UNION ALL {sealed} successor IN ("
    return f"UPDATE {name} SET sealed = x'' WHERE jti IN ({some}", ")) RETURNING 1"  # noqa: S608


def _purge(table: Table) -> Delete:
    (key,) = table.primary_key.columns
    some = select(key).where(table.c.keep_until <= bindparam("before")).limit(LARGEST_PURGE)
    return delete(table).where(key.in_(some))
