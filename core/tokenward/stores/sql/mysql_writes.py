"""The writes of a SqlStore to MariaDB and MySQL: one transaction each.

The databases have no RETURNING in common, so a row contains which attempt has written it. The rows
of a batch are one parameter, a JSON document of numbers and hexadecimal digits.
"""

import json
import secrets
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Double, Table
from sqlalchemy.dialects import mysql
from sqlalchemy.ext.asyncio import AsyncConnection

from tokenward.stores.recent_uses import MARK_LENGTH
from tokenward.stores.sql.mysql_types import stored_time, time_of
from tokenward.stores.sql.schema import LONGEST_RECENT, Tables
from tokenward.stores.sql.upserts import LARGEST_PURGE

__all__ = ["MysqlWrites"]

# Two digits for each byte.
_KINDS: Final = {"sealed": "LONGTEXT", "recent": f"VARCHAR({2 * LONGEST_RECENT})"}
_QUOTED: Final = mysql.dialect().identifier_preparer


class MysqlWrites:
    """The statements that write to MariaDB and MySQL; see `PostgresWrites`."""

    __slots__ = ("_consume", "_purges", "_raise", "_read_retention", "_revoke", "_unseals", "_won")

    def __init__(self, tables: Tables) -> None:
        """Build the statements."""
        revocations = _QUOTED.format_table(tables.revocations)
        self._revoke = _revoke(tables)
        self._raise = _raise(tables)
        self._read_retention = f"SELECT issued_before FROM {revocations} WHERE identity = UNHEX(%s)"  # noqa: S608

        sessions = _QUOTED.format_table(tables.sessions)
        self._consume = _consume(tables)
        self._won = f"SELECT session FROM {sessions} WHERE writer = UNHEX(%s) AND session IN"  # noqa: S608

        self._unseals = tuple(_Cleaning(table, "sealed_until") for table in tables.sealed)
        self._purges = tuple(_Cleaning(table, "keep_until") for table in tables.purged)

    async def revoke(
        self, connection: AsyncConnection, rows: Sequence[dict[str, Any]], now: float
    ) -> None:
        """Write revocations of different identities; remove sealed pairs whose grace has ended."""
        await connection.exec_driver_sql(self._revoke, (_document(rows), now))
        await self.unseal(connection, 0, now)

    async def consume(
        self, connection: AsyncConnection, rows: Sequence[dict[str, Any]], now: float
    ) -> set[str]:
        """Write uses of different sessions, and return the sessions of which the use was the first.

        Also removes sealed pairs whose grace has ended.
        """
        writer = secrets.token_bytes(16)
        written = _document([row | {"writer": writer} for row in rows])
        await connection.exec_driver_sql(self._consume, (written,))

        keys = [_hex(row["session"]) for row in rows]
        won = await connection.exec_driver_sql(
            f"{self._won} ({_marks(keys)})", (writer.hex(), *keys)
        )
        # Other rows are locked last, and none is waited for, so two processes cannot deadlock.
        sessions = {bytes(session).decode("ascii") for (session,) in won}
        await self.unseal(connection, 0, now)
        return sessions

    async def raise_retention(self, connection: AsyncConnection, row: dict[str, Any]) -> float:
        """Raise the retention to a value, and return the greater of the value and the stored one."""
        await connection.exec_driver_sql(self._raise, (_document([row]),))
        stored = await connection.exec_driver_sql(self._read_retention, (_hex(row["identity"]),))
        return time_of(stored.scalar_one())

    async def unseal(self, connection: AsyncConnection, place: int, now: float) -> int:
        """Remove sealed pairs whose grace has ended, at most `LARGEST_PURGE`; return how many."""
        return await self._unseals[place].run(connection, "UPDATE {} SET sealed = ''", now)

    async def purge(self, connection: AsyncConnection, place: int, before: float) -> int:
        """Remove expired records of a table, at most `LARGEST_PURGE`; return how many."""
        return await self._purges[place].run(connection, "DELETE FROM {}", before)


class _Cleaning:
    """Changes the rows whose time has passed, except those that another process is changing."""

    __slots__ = ("_find", "_key", "_table")

    def __init__(self, table: Table, time: str) -> None:
        (key,) = table.primary_key.columns
        self._table, self._key = _QUOTED.format_table(table), key.name
        self._find = (
            f"SELECT {self._key} FROM {self._table} WHERE {time} <= %s "  # noqa: S608
            f"ORDER BY {time} LIMIT {LARGEST_PURGE} FOR UPDATE SKIP LOCKED"
        )

    async def run(self, connection: AsyncConnection, change: str, time: float) -> int:
        """Change the rows, and return how many."""
        found = await connection.exec_driver_sql(self._find, (stored_time(time),))
        keys = [bytes(key).hex() for (key,) in found]
        if keys:
            statement = f"{change.format(self._table)} WHERE {self._key} IN ({_marks(keys)})"
            await connection.exec_driver_sql(statement, tuple(keys))
        return len(keys)


def _hex(key: str) -> str:
    return key.encode("ascii").hex()


def _marks(keys: Sequence[str]) -> str:
    return ",".join(["UNHEX(%s)"] * len(keys))


def _document(rows: Sequence[dict[str, Any]]) -> str:
    """Return the rows as JSON; a value that is None is left out."""
    return json.dumps(
        [{name: _plain(value) for name, value in row.items() if value is not None} for row in rows]
    )


def _plain(value: str | float | bytes) -> str | float:
    if isinstance(value, bytes):
        return value.hex()
    return _hex(value) if isinstance(value, str) else stored_time(value)


def _insert(table: Table, where: str, updates: Sequence[str], *more: str) -> str:
    """Return the insert of the rows of a document, in their order."""
    written = [column for column in table.columns if column.computed is None]
    times = {column.name for column in written if isinstance(column.type, Double)}
    names = [column.name for column in written]

    kinds = (
        # Short, because MariaDB cannot compare long text with a key in a batch of many rows.
        f"{name} {'DOUBLE' if name in times else _KINDS.get(name, 'VARCHAR(432)')} PATH '$.{name}'"
        for name in (*names, *more)
    )
    read = (
        f"texts.{name} AS {name}" if name in times else f"UNHEX(texts.{name}) AS {name}"
        for name in (*names, *more)
    )
    document = f"JSON_TABLE(%s, '$[*]' COLUMNS({', '.join(kinds)}))"
    rows = f"SELECT {', '.join(read)} FROM {document} AS texts"  # noqa: S608 - names of columns
    values = ", ".join(f"new.{name}" for name in names)
    return (
        f"INSERT INTO {_QUOTED.format_table(table)} ({', '.join(names)}) "  # noqa: S608
        f"SELECT {values} FROM ({rows}) AS new {where}"
        f"ON DUPLICATE KEY UPDATE {', '.join(updates)}"
    )


def _revoke(tables: Tables) -> str:
    """Return the insert of revocations; for an existing record, the later times stand."""
    kept = _QUOTED.format_table(tables.revocations)
    moment = (
        # An expired record denies nothing, so its moment must not extend that of the new record.
        f"CASE WHEN {kept}.keep_until <= %s THEN new.issued_before "
        # Without a moment, everything is denied.
        f"WHEN {kept}.issued_before IS NULL OR new.issued_before IS NULL THEN NULL "
        f"ELSE GREATEST({kept}.issued_before, new.issued_before) END"
    )
    # Each update sees those before it.
    latest = f"keep_until = GREATEST({kept}.keep_until, new.keep_until)"
    return _insert(tables.revocations, "", [f"issued_before = {moment}", latest])


def _raise(tables: Tables) -> str:
    kept = _QUOTED.format_table(tables.revocations)
    greatest = f"GREATEST({kept}.issued_before, new.issued_before)"
    return _insert(tables.revocations, "", [f"issued_before = {greatest}"])


def _consume(tables: Tables) -> str:
    """Return the insert of uses; see `upsert_uses`."""
    kept, former = _QUOTED.format_table(tables.sessions), _QUOTED.format_table(tables.consumed)
    is_next = f"{kept}.next_token = LEFT(new.recent, {MARK_LENGTH})"
    is_running = f"{kept}.keep_until > new.used_at AND {kept}.graces_until > new.used_at"
    recent = f"CONCAT(new.recent, IF({is_running}, {kept}.recent, ''))"
    updates = {
        "recent": f"LEFT({recent}, {LONGEST_RECENT})",
        **{name: f"new.{name}" for name in ("next_token", "sealed", "used_at", "grace_until")},
        "graces_until": f"GREATEST({kept}.graces_until, new.graces_until)",
        "keep_until": f"GREATEST({kept}.keep_until, new.keep_until)",
    }
    first = f"IF({kept}.keep_until <= new.used_at OR {is_next}, new.writer, {kept}.writer)"
    return _insert(
        tables.sessions,
        f"WHERE NOT EXISTS (SELECT 1 FROM {former} AS former "  # noqa: S608
        "WHERE former.jti = new.jti AND former.keep_until > new.used_at) ",
        [
            # Each update sees those before it: what they replace is read here.
            f"writer = {first}",
            *(
                f"{name} = IF({kept}.writer = new.writer, {value}, {kept}.{name})"
                for name, value in updates.items()
            ),
        ],
        "jti",
    )
