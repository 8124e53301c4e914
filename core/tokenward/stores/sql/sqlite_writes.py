"""The writes of a SqlStore to SQLite: one transaction each, which holds the lock of the file."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Delete, Table, bindparam, delete, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from tokenward.stores.sql.schema import Tables
from tokenward.stores.sql.upserts import (
    LARGEST_PURGE,
    upsert_retention,
    upsert_revocations,
    upsert_uses,
)

__all__ = ["SqliteWrites"]


class SqliteWrites:
    """The statements that write to SQLite; see `PostgresWrites`."""

    __slots__ = ("_consume", "_purges", "_raise", "_revoke", "_unseal")

    def __init__(self, tables: Tables) -> None:
        """Build the statements."""
        revocations, consumed = tables.revocations, tables.consumed
        self._revoke = upsert_revocations(revocations, sqlite.insert(revocations))
        self._consume = upsert_uses(consumed, sqlite.insert(consumed)).returning(consumed.c.jti)
        self._raise = upsert_retention(revocations, sqlite.insert(revocations)).returning(
            revocations.c.issued_before
        )

        self._unseal = _clear_sealed(consumed)
        self._purges = tuple(_purge(table) for table in (revocations, consumed))

    async def revoke(
        self, connection: AsyncConnection, rows: Sequence[dict[str, Any]], now: float
    ) -> None:
        """Write revocations of different identities; remove sealed pairs whose grace has ended."""
        await self.unseal(connection, now)
        await connection.execute(self._revoke, [{**row, "now": now} for row in rows])

    async def consume(
        self, connection: AsyncConnection, rows: Sequence[dict[str, Any]], now: float
    ) -> set[str]:
        """Write uses of different tokens, and return the tokens that were used for the first time.

        Also removes sealed pairs whose grace has ended, or whose successor is among these uses.
        """
        await self.unseal(connection, now, [row["jti"] for row in rows])
        return set((await connection.execute(self._consume, list(rows))).scalars())

    async def raise_retention(self, connection: AsyncConnection, row: dict[str, Any]) -> float:
        """Raise the retention to a value, and return the greater of the value and the stored one."""
        return float((await connection.execute(self._raise, row)).scalar_one())

    async def unseal(
        self, connection: AsyncConnection, now: float, used: Sequence[str] = ()
    ) -> int:
        """Remove sealed pairs whose grace has ended, at most `LARGEST_PURGE`; return how many."""
        # Sent directly to the driver: SQLAlchemy would switch threads four times instead of once.
        driver: Any = (await connection.get_raw_connection()).driver_connection
        start, end = self._unseal
        statement = f"{start}{','.join('?' * len(used))}{end}"
        return len(await driver.execute_fetchall(statement, (now, *used)))

    async def purge(self, connection: AsyncConnection, place: int, before: float) -> int:
        """Remove expired records of a table, at most `LARGEST_PURGE`; return how many."""
        return (await connection.execute(self._purges[place], {"before": before})).rowcount


def _clear_sealed(table: Table) -> tuple[str, str]:
    """Return the statement in two parts; the placeholders of the used tokens go between them."""
    name = sqlite.dialect().identifier_preparer.format_table(table)
    # Two queries, one for each index: with OR between the two conditions, SQLite would read every
    # row that has a sealed pair.
    sealed = f"SELECT jti FROM {name} WHERE length(sealed) > 0 AND"  # noqa: S608 - a quoted name

    due = f"SELECT jti FROM ({sealed} grace_until <= ? LIMIT {LARGEST_PURGE})"  # noqa: S608
    some = f"{due} UNION ALL {sealed} successor IN ("
    return f"UPDATE {name} SET sealed = x'' WHERE jti IN ({some}", ")) RETURNING 1"  # noqa: S608


def _purge(table: Table) -> Delete:
    (key,) = table.primary_key.columns
    some = select(key).where(table.c.keep_until <= bindparam("before")).limit(LARGEST_PURGE)
    return delete(table).where(key.in_(some))
