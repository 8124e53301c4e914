"""The statements about the sessions of subjects: those for PostgreSQL repeat their call in the result."""

from collections.abc import Sequence
from typing import Any, Final, Protocol

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Double,
    Integer,
    Row,
    Select,
    Table,
    Text,
    bindparam,
    cast,
    column,
    delete,
    func,
    literal_column,
    null,
    select,
    type_coerce,
    union_all,
    update,
)
from sqlalchemy.dialects import mysql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from tokenward.stores.sql.database import Kind
from tokenward.stores.sql.echoed_statements import EchoedStatement, MismatchedResultError
from tokenward.stores.sql.postgres_writes import (
    any_of,
    columns_of,
    counted,
    new_rows,
    rows_into,
)
from tokenward.stores.sql.schema import TIME
from tokenward.stores.sql.upserts import LARGEST_PURGE, greater

__all__ = ["SessionStatements", "session_statements"]

_AT_MOST: Final[ColumnElement[int]] = literal_column(str(LARGEST_PURGE), Integer)


class SessionStatements(Protocol):
    """The statements for one table. Each is one step, for rows of different names."""

    async def add(self, connection: AsyncConnection, rows: Sequence[dict[str, Any]]) -> None:
        """Write sessions."""
        ...

    async def refresh(self, connection: AsyncConnection, rows: Sequence[dict[str, Any]]) -> None:
        """Set `refreshed_at` and the later `keep_until` of those that have not ended at `now`."""
        ...

    async def of(self, connection: AsyncConnection, subject: str) -> Sequence[Row[Any]]:
        """Return the rows of a subject."""
        ...

    async def remove(self, connection: AsyncConnection, names: Sequence[str]) -> None:
        """Remove sessions."""
        ...

    async def purge(self, connection: AsyncConnection, before: float) -> int:
        """Remove expired sessions, at most `LARGEST_PURGE`; return how many."""
        ...


def session_statements(kind: Kind, table: Table) -> SessionStatements:
    """Return the statements for a kind of database."""
    if kind == "postgresql":
        return _PostgresStatements(table)
    return _PlainStatements(table, is_mysql=kind == "mysql")


class _PlainStatements:
    """For SQLite, MariaDB and MySQL: one transaction each."""

    def __init__(self, table: Table, *, is_mysql: bool) -> None:
        others = [each.name for each in table.columns if not each.primary_key]
        self._add: Any
        if is_mysql:
            adding = mysql.insert(table)
            self._add = adding.on_duplicate_key_update({x: adding.inserted[x] for x in others})
        else:
            inserting = sqlite.insert(table)
            self._add = inserting.on_conflict_do_update(
                index_elements=[table.c.name], set_={x: inserting.excluded[x] for x in others}
            )
        until = bindparam("until", type_=TIME)
        self._refresh = (
            update(table)
            .where(
                table.c.name == bindparam("key"), table.c.keep_until > bindparam("now", type_=TIME)
            )
            .values(
                refreshed_at=bindparam("at", type_=TIME),
                keep_until=greater(table.c.keep_until, until),
            )
        )
        self._of = select(table).where(table.c.subject == bindparam("subject"))
        self._remove = delete(table).where(table.c.name.in_(bindparam("keys", expanding=True)))
        expired = table.c.keep_until <= bindparam("before", type_=TIME)
        self._expired = select(table.c.name).where(expired).limit(LARGEST_PURGE)

    async def add(self, connection: AsyncConnection, rows: Sequence[dict[str, Any]]) -> None:
        """See `SessionStatements`."""
        for row in rows:
            await connection.execute(self._add, row)

    async def refresh(self, connection: AsyncConnection, rows: Sequence[dict[str, Any]]) -> None:
        """See `SessionStatements`."""
        for row in rows:
            values = {
                "key": row["name"],
                "at": row["refreshed_at"],
                "until": row["keep_until"],
                "now": row["now"],
            }
            await connection.execute(self._refresh, values)

    async def of(self, connection: AsyncConnection, subject: str) -> Sequence[Row[Any]]:
        """See `SessionStatements`."""
        return (await connection.execute(self._of, {"subject": subject})).all()

    async def remove(self, connection: AsyncConnection, names: Sequence[str]) -> None:
        """See `SessionStatements`."""
        # Old SQLite has at most 999 parameters.
        for start in range(0, len(names), 500):
            await connection.execute(self._remove, {"keys": names[start : start + 500]})

    async def purge(self, connection: AsyncConnection, before: float) -> int:
        """See `SessionStatements`."""
        found = (await connection.execute(self._expired, {"before": before})).scalars().all()
        await self.remove(connection, sorted(found))
        return len(found)


class _PostgresStatements:
    """For PostgreSQL: one statement each."""

    def __init__(self, table: Table) -> None:
        inserting = rows_into(table, select(new_rows(table)))
        others = [each.name for each in table.columns if not each.primary_key]
        adding = inserting.on_conflict_do_update(
            index_elements=[table.c.name], set_={x: inserting.excluded[x] for x in others}
        )
        self._add = EchoedStatement(lambda echo: counted(adding, echo))

        names = ("name", "refreshed_at", "keep_until", "now")
        arrays = (bindparam(f"{name}s", type_=ARRAY(Text)) for name in names)
        texts = func.unnest(*arrays).table_valued(*(column(name, Text) for name in names))
        new = texts.render_derived(name="new").c
        refreshing = (
            update(table)
            .where(table.c.name == new.name, table.c.keep_until > cast(new.now, Double))
            .values(
                refreshed_at=cast(new.refreshed_at, Double),
                keep_until=greater(table.c.keep_until, cast(new.keep_until, Double)),
            )
        )
        self._refresh = EchoedStatement(lambda echo: counted(refreshing, echo))

        wanted = select(table).where(table.c.subject == bindparam("subject", type_=Text))
        nothing = [type_coerce(null(), each.type) for each in list(table.columns)[1:]]
        self._of = EchoedStatement(lambda echo: union_all(wanted, select(echo, *nothing)))

        keys: Any = bindparam("keys", type_=ARRAY(Text))
        removing = delete(table).where(table.c.name == func.any(keys))
        self._remove = EchoedStatement(lambda echo: counted(removing, echo))
        expired = table.c.keep_until <= bindparam("before", type_=Double)
        some: Select[Any] = select(table.c.name).where(expired).limit(_AT_MOST)
        purging = delete(table).where(
            table.c.name == any_of(some.with_for_update(skip_locked=True))
        )
        self._purge = EchoedStatement(lambda echo: counted(purging, echo))

    async def add(self, connection: AsyncConnection, rows: Sequence[dict[str, Any]]) -> None:
        """See `SessionStatements`."""
        written, _ = await self._add.run(connection, columns_of(rows))
        if written.number != len(rows):
            raise MismatchedResultError

    async def refresh(self, connection: AsyncConnection, rows: Sequence[dict[str, Any]]) -> None:
        """See `SessionStatements`."""
        await self._refresh.run(connection, columns_of(rows))

    async def of(self, connection: AsyncConnection, subject: str) -> Sequence[Row[Any]]:
        """See `SessionStatements`."""
        _, found = await self._of.run(connection, {"subject": subject})
        return list(found.values())

    async def remove(self, connection: AsyncConnection, names: Sequence[str]) -> None:
        """See `SessionStatements`."""
        await self._remove.run(connection, {"keys": list(names)})

    async def purge(self, connection: AsyncConnection, before: float) -> int:
        """See `SessionStatements`."""
        gone, _ = await self._purge.run(connection, {"before": before})
        return int(gone.number)
