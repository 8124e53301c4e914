"""The writes of a SqlStore to PostgreSQL: one statement each, and therefore atomic."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Delete,
    Double,
    Executable,
    Integer,
    LargeBinary,
    Select,
    Table,
    Text,
    Update,
    bindparam,
    delete,
    func,
    literal_column,
    or_,
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
    upsert_retention,
    upsert_revocations,
    upsert_uses,
)

__all__ = ["PostgresWrites"]

_NONE: Final[list[str]] = []
# A literal in the statements, so that PostgreSQL plans for few rows and uses an index.
_AT_MOST: Final = literal_column(str(LARGEST_PURGE), Integer)


class PostgresWrites:
    """The statements that write to PostgreSQL."""

    __slots__ = ("_consume", "_purges", "_raise", "_revoke", "_unseal")

    def __init__(self, tables: Tables) -> None:
        """Build the statements."""
        revocations, consumed = tables.revocations, tables.consumed
        unsealing = _clear_sealed(consumed)
        revoking = upsert_revocations(revocations, _rows_into(revocations))
        consuming = upsert_uses(consumed, _rows_into(consumed))
        raising = upsert_retention(revocations, _rows_into(revocations))

        self._revoke = EchoedStatement(lambda echo: _counted(revoking, echo, unsealing))
        self._consume = EchoedStatement(lambda echo: _named(consuming, consumed, echo, unsealing))
        self._raise = EchoedStatement(lambda echo: _greatest(raising, revocations, echo))
        self._unseal = EchoedStatement(lambda echo: _counted(unsealing, echo))

        self._purges = tuple(
            EchoedStatement(partial(_counted, _purge(table))) for table in (revocations, consumed)
        )

    async def revoke(
        self, connection: AsyncConnection, rows: Sequence[dict[str, Any]], now: float
    ) -> None:
        """Write revocations of different identities; remove sealed pairs whose grace has ended."""
        values = {**_columns(rows), "now": now, "used": _NONE}
        written, _ = await self._revoke.run(connection, values)

        if written.number != len(rows):
            raise MismatchedResultError

    async def consume(
        self, connection: AsyncConnection, rows: Sequence[dict[str, Any]], now: float
    ) -> set[str]:
        """Write uses of different tokens, and return the tokens that were used for the first time.

        Also removes sealed pairs whose grace has ended, or whose successor is among these uses.
        """
        columns = _columns(rows)
        values = {**columns, "now": now, "used": columns["jtis"]}
        _, won = await self._consume.run(connection, values)
        return set(won)

    async def raise_retention(self, connection: AsyncConnection, row: dict[str, Any]) -> float:
        """Raise the retention to a value, and return the greater of the value and the stored one."""
        raised, _ = await self._raise.run(connection, _columns([row]))
        return float(raised.retention)

    async def unseal(self, connection: AsyncConnection, now: float) -> int:
        """Remove sealed pairs whose grace has ended, at most `LARGEST_PURGE`; return how many."""
        done, _ = await self._unseal.run(connection, {"now": now, "used": _NONE})
        return int(done.number)

    async def purge(self, connection: AsyncConnection, place: int, before: float) -> int:
        """Remove expired records of a table, at most `LARGEST_PURGE`; return how many."""
        gone, _ = await self._purges[place].run(connection, {"before": before})
        return int(gone.number)


def _columns(rows: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    return {f"{name}s": [row[name] for row in rows] for name in rows[0]}


def _rows_into(table: Table) -> Insert:
    # Arrays, so that the statement is the same for any number of rows, and the rows keep their
    # order: two processes that lock them in the same order cannot deadlock.
    kinds = {column.name: column.type for column in table.columns}
    plain = {
        name: Text if isinstance(kind, Text) else LargeBinary if name == "sealed" else Double
        for name, kind in kinds.items()
    }

    arrays = (bindparam(f"{name}s", type_=ARRAY(kind)) for name, kind in plain.items())
    new = func.unnest(*arrays).table_valued(*plain, name="new").render_derived()
    return insert(table).from_select(list(plain), select(new))


def _clear_sealed(table: Table) -> Update:
    used: ColumnElement[Any] = bindparam("used", type_=ARRAY(Text))
    # Two queries, one for each index: with OR between the two conditions, PostgreSQL would read
    # every row that has a sealed pair.
    expired = table.c.grace_until <= bindparam("now", type_=Double)
    due = _sealed(table, expired).order_by(table.c.grace_until).limit(_AT_MOST)

    superseded = _sealed(table, table.c.successor == func.any(used))

    return (
        update(table)
        # One statement must not change a row twice.
        .where(or_(table.c.jti == _any_of(due), table.c.jti == _any_of(superseded)))
        .where(table.c.jti != func.all(used))
        .values(sealed=b"")
    )


def _sealed(table: Table, condition: ColumnElement[bool]) -> Select[Any]:
    # Rows that another process is changing are skipped.
    found = select(table.c.jti).where(has_sealed(table), condition)
    return found.with_for_update(skip_locked=True)


def _purge(table: Table) -> Delete:
    (key,) = table.primary_key.columns
    expired = table.c.keep_until <= bindparam("before", type_=Double)
    some = select(key).where(expired).limit(_AT_MOST).with_for_update(skip_locked=True)
    return delete(table).where(key == _any_of(some))


def _any_of(some: Select[Any]) -> ColumnElement[Any]:
    # An array is built once; a plain subquery could run, and lock rows, once for each row.
    return func.any(func.array(some.scalar_subquery()))


def _counted(
    write: Insert | Update | Delete, echo: ColumnElement[str], *also: Update
) -> Executable:
    done = write.returning(literal_column("1")).cte("done")
    answer = select(echo.label("echo"), func.count().label("number")).select_from(done)
    return answer.add_cte(*(each.cte("also") for each in also))


def _named(write: Insert, table: Table, echo: ColumnElement[str], also: Update) -> Executable:
    won = write.returning(table.c.jti).cte("won")
    return union_all(select(won.c.jti), select(echo)).add_cte(also.cte("also"))


def _greatest(write: Insert, table: Table, echo: ColumnElement[str]) -> Executable:
    raised = write.returning(table.c.issued_before).cte("raised")
    retention = func.max(raised.c.issued_before).label("retention")
    return select(echo.label("echo"), retention)
