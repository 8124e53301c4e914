"""The writes of a SqlStore to SQLite: one transaction each, which holds the lock of the file."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import (
    ClauseElement,
    Delete,
    Table,
    bindparam,
    column,
    delete,
    literal_column,
    select,
    table,
    update,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from tokenward.stores.sql.schema import Tables, has_sealed
from tokenward.stores.sql.upserts import (
    LARGEST_PURGE,
    new_uses,
    upsert_retention,
    upsert_revocations,
    upsert_uses,
)

__all__ = ["SqliteWrites"]


class SqliteWrites:
    """The statements that write to SQLite; see `PostgresWrites`."""

    __slots__ = ("_consume", "_purges", "_raise", "_revoke", "_unseals")

    def __init__(self, tables: Tables) -> None:
        """Build the statements."""
        revocations = tables.revocations
        self._revoke = upsert_revocations(revocations, sqlite.insert(revocations))
        self._consume = _consume(tables)
        self._raise = upsert_retention(revocations, sqlite.insert(revocations)).returning(
            revocations.c.issued_before
        )

        self._unseals = tuple(_clear_sealed(table) for table in tables.sealed)
        self._purges = tuple(_purge(table) for table in tables.purged)

    async def revoke(
        self, connection: AsyncConnection, rows: Sequence[dict[str, Any]], now: float
    ) -> None:
        """Write revocations of different identities; remove sealed pairs whose grace has ended."""
        await self.unseal(connection, 0, now)
        await connection.execute(self._revoke, [{**row, "now": now} for row in rows])

    async def consume(
        self, connection: AsyncConnection, rows: Sequence[dict[str, Any]], now: float
    ) -> set[str]:
        """Write uses of different sessions, and return the sessions of which the use was the first.

        Also removes sealed pairs whose grace has ended.
        """
        await self.unseal(connection, 0, now)
        names, statement = list(rows[0]), self._consume
        marks = ",".join(["(" + ",".join("?" * len(names)) + ")"] * len(rows))
        new = f"WITH new ({','.join(names)}) AS (VALUES {marks}) {statement}"
        won = await _fetch(connection, new, [row[name] for row in rows for name in names])
        return {session for (session,) in won}

    async def raise_retention(self, connection: AsyncConnection, row: dict[str, Any]) -> float:
        """Raise the retention to a value, and return the greater of the value and the stored one."""
        return float((await connection.execute(self._raise, row)).scalar_one())

    async def unseal(self, connection: AsyncConnection, place: int, now: float) -> int:
        """Remove sealed pairs whose grace has ended, at most `LARGEST_PURGE`; return how many."""
        return len(await _fetch(connection, self._unseals[place], (now,)))

    async def purge(self, connection: AsyncConnection, place: int, before: float) -> int:
        """Remove expired records of a table, at most `LARGEST_PURGE`; return how many."""
        return (await connection.execute(self._purges[place], {"before": before})).rowcount


async def _fetch(
    connection: AsyncConnection, statement: str, values: Sequence[object]
) -> Collection[tuple[Any, ...]]:
    # Sent directly to the driver: SQLAlchemy would switch threads four times instead of once.
    driver: Any = (await connection.get_raw_connection()).driver_connection
    found: Collection[tuple[Any, ...]] = await driver.execute_fetchall(statement, values)
    return found


def _consume(tables: Tables) -> str:
    """Return the statement that writes uses; the rows of "new" must be put before it."""
    sessions = tables.sessions
    names = [each.name for each in sessions.columns]
    new = table("new", *(column(name) for name in (*names, "jti")))
    inserted = sqlite.insert(sessions).from_select(names, new_uses(tables, new))
    return _text(upsert_uses(sessions, inserted).returning(sessions.c.session))


def _clear_sealed(table: Table) -> str:
    (key,) = table.primary_key.columns
    expired = table.c.grace_until <= literal_column("?")
    some = select(key).where(has_sealed(table), expired).limit(LARGEST_PURGE)
    due = update(table).where(key.in_(some)).values(sealed=literal_column("x''"))
    return _text(due.returning(literal_column("1")))


def _text(statement: ClauseElement) -> str:
    return str(statement.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True}))


def _purge(table: Table) -> Delete:
    (key,) = table.primary_key.columns
    some = select(key).where(table.c.keep_until <= bindparam("before")).limit(LARGEST_PURGE)
    return delete(table).where(key.in_(some))
