"""The writes of a SqlStore to PostgreSQL: one statement each, and therefore atomic."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    Column,
    ColumnElement,
    Delete,
    Double,
    Executable,
    Integer,
    LargeBinary,
    Select,
    Subquery,
    Table,
    Text,
    Update,
    bindparam,
    cast,
    column,
    delete,
    func,
    literal_column,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from tokenward.stores.sql.echoed_statements import EchoedStatement, MismatchedResultError
from tokenward.stores.sql.schema import Tables, has_sealed
from tokenward.stores.sql.upserts import (
    LARGEST_PURGE,
    new_uses,
    upsert_retention,
    upsert_revocations,
    upsert_uses,
)

__all__ = ["PostgresWrites", "any_of", "columns_of", "counted", "new_rows", "rows_into"]

_NONE: Final[list[str]] = []
# A literal in the statements, so that PostgreSQL plans for few rows and uses an index.
_AT_MOST: Final = literal_column(str(LARGEST_PURGE), Integer)


class PostgresWrites:
    """The statements that write to PostgreSQL."""

    __slots__ = ("_consume", "_purges", "_raise", "_revoke", "_unseals")

    def __init__(self, tables: Tables) -> None:
        """Build the statements."""
        revocations, sessions = tables.revocations, tables.sessions
        unsealing = _clear_sealed(sessions)
        revocation_rows = rows_into(revocations, select(new_rows(revocations)))
        revoking = upsert_revocations(revocations, revocation_rows)
        raising = upsert_retention(revocations, revocation_rows)
        use_rows = rows_into(sessions, new_uses(tables, new_rows(sessions, "jti")))
        consuming = upsert_uses(sessions, use_rows)

        self._revoke = EchoedStatement(lambda echo: counted(revoking, echo, unsealing))
        self._consume = EchoedStatement(lambda echo: _named(consuming, sessions, echo, unsealing))
        self._raise = EchoedStatement(lambda echo: _greatest(raising, revocations, echo))

        self._unseals = tuple(
            EchoedStatement(partial(counted, _clear_sealed(table))) for table in tables.sealed
        )
        self._purges = tuple(
            EchoedStatement(partial(counted, _purge(table))) for table in tables.purged
        )

    async def revoke(
        self, connection: AsyncConnection, rows: Sequence[dict[str, Any]], now: float
    ) -> None:
        """Write revocations of different identities; remove sealed pairs whose grace has ended."""
        values = {**columns_of(rows), "now": now, "written": _NONE}
        written, _ = await self._revoke.run(connection, values)

        if written.number != len(rows):
            raise MismatchedResultError

    async def consume(
        self, connection: AsyncConnection, rows: Sequence[dict[str, Any]], now: float
    ) -> set[str]:
        """Write uses of different sessions, and return the sessions of which the use was the first.

        Also removes sealed pairs whose grace has ended.
        """
        columns = columns_of(rows)
        values = {**columns, "now": now, "written": columns["sessions"]}
        _, won = await self._consume.run(connection, values)
        return set(won)

    async def raise_retention(self, connection: AsyncConnection, row: dict[str, Any]) -> float:
        """Raise the retention to a value, and return the greater of the value and the stored one."""
        raised, _ = await self._raise.run(connection, columns_of([row]))
        return float(raised.retention)

    async def unseal(self, connection: AsyncConnection, place: int, now: float) -> int:
        """Remove sealed pairs whose grace has ended, at most `LARGEST_PURGE`; return how many."""
        done, _ = await self._unseals[place].run(connection, {"now": now, "written": _NONE})
        return int(done.number)

    async def purge(self, connection: AsyncConnection, place: int, before: float) -> int:
        """Remove expired records of a table, at most `LARGEST_PURGE`; return how many."""
        gone, _ = await self._purges[place].run(connection, {"before": before})
        return int(gone.number)


def columns_of(rows: Sequence[dict[str, Any]]) -> dict[str, list[str | None]]:
    """Return the parameters of `new_rows`: an array of text for each column."""
    return {f"{name}s": [_text(row[name]) for row in rows] for name in rows[0]}


def _text(value: str | float | bytes | None) -> str | None:
    if isinstance(value, bytes):
        return value.hex()
    return None if value is None else str(value)


def new_rows(table: Table, *more: str) -> Subquery:
    """Return rows of a table, with further columns of text, as parameters.

    Arrays, so that the statement is the same for any number of rows, and the rows keep their order:
    two processes that lock them in the same order cannot deadlock. Arrays of text, because asyncpg
    first reads the description of any other array from the server, on each connection. A slow
    query: behind a pooler, it delays all clients when a service starts.
    """
    names = [*(each.name for each in table.columns), *more]
    arrays = (bindparam(f"{name}s", type_=ARRAY(Text)) for name in names)
    texts = func.unnest(*arrays).table_valued(*(column(name, Text) for name in names), name="texts")

    rows = texts.render_derived().c
    return select(
        *(_of_type(rows[each.name], each) for each in table.columns),
        *(rows[name] for name in more),
    ).subquery("new")


def _of_type(text: ColumnElement[Any], column: Column[Any]) -> ColumnElement[Any]:
    if isinstance(column.type, LargeBinary):
        return func.decode(text, literal_column("'hex'"), type_=LargeBinary).label(column.name)
    if isinstance(column.type, Double):
        return cast(text, Double).label(column.name)
    return text


def rows_into(table: Table, rows: Select[Any]) -> Insert:
    """Return an insert of rows that have all columns of a table, in their order."""
    return insert(table).from_select([column.name for column in table.columns], rows)


def _clear_sealed(table: Table) -> Update:
    (key,) = table.primary_key.columns
    written: ColumnElement[Any] = bindparam("written", type_=ARRAY(Text))
    expired = table.c.grace_until <= bindparam("now", type_=Double)
    due = select(key).where(has_sealed(table), expired).order_by(table.c.grace_until)
    # Rows that another process is changing are skipped.
    some = due.limit(_AT_MOST).with_for_update(skip_locked=True)
    return (
        update(table)
        .where(key == any_of(some))
        # One statement must not change a row twice.
        .where(key != func.all(written))
        .values(sealed=b"")
    )


def _purge(table: Table) -> Delete:
    (key,) = table.primary_key.columns
    expired = table.c.keep_until <= bindparam("before", type_=Double)
    some = select(key).where(expired).limit(_AT_MOST).with_for_update(skip_locked=True)
    return delete(table).where(key == any_of(some))


def any_of(some: Select[Any]) -> ColumnElement[Any]:
    """Return what a key must equal to be one of those that a query finds."""
    # An array is built once; a plain subquery could run, and lock rows, once for each row.
    return func.any(func.array(some.scalar_subquery()))


def counted(write: Insert | Update | Delete, echo: ColumnElement[str], *also: Update) -> Executable:
    """Return a write whose result is the echo and the number of its rows; also run other updates."""
    done = write.returning(literal_column("1")).cte("done")
    answer = select(echo.label("echo"), func.count().label("number")).select_from(done)
    return answer.add_cte(*(each.cte("also") for each in also))


def _named(write: Insert, table: Table, echo: ColumnElement[str], also: Update) -> Executable:
    won = write.returning(table.c.session).cte("won")
    # The rows of "won" are locked first: after that, nothing waits, so two processes cannot deadlock.
    return union_all(select(won.c.session), select(echo)).add_cte(also.cte("also"))


def _greatest(write: Insert, table: Table, echo: ColumnElement[str]) -> Executable:
    raised = write.returning(table.c.issued_before).cte("raised")
    retention = func.max(raised.c.issued_before).label("retention")
    return select(echo.label("echo"), retention)
