"""Inserts that both databases share, and what they do if the record exists already."""

from typing import Final, TypeVar

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    Table,
    and_,
    bindparam,
    case,
    exists,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite

from tokenward.stores.recent_uses import MARK_LENGTH
from tokenward.stores.sql.schema import LONGEST_RECENT, Tables

__all__ = [
    "LARGEST_PURGE",
    "greater",
    "new_uses",
    "upsert_retention",
    "upsert_revocations",
    "upsert_uses",
]

InsertT = TypeVar("InsertT", sqlite.Insert, postgresql.Insert)

# The rows that one statement removes: a few milliseconds, in which an SQLite file is locked.
LARGEST_PURGE: Final = 1000
# Literals, because a parameter would have no type in PostgreSQL.
_NOTHING: Final[ColumnElement[str]] = literal_column("''")


def upsert_revocations(table: Table, insert: InsertT) -> InsertT:
    """Return an insert of revocations; for an existing record, the later times stand."""
    kept, new = table.c, insert.excluded
    moment = case(
        # An expired record denies nothing, so its moment must not extend that of the new record.
        (kept.keep_until <= bindparam("now"), new.issued_before),
        # Without a moment, everything is denied.
        (or_(kept.issued_before.is_(None), new.issued_before.is_(None)), None),
        else_=greater(kept.issued_before, new.issued_before),
    )
    return insert.on_conflict_do_update(
        index_elements=[kept.identity],
        set_={"keep_until": greater(kept.keep_until, new.keep_until), "issued_before": moment},
    )


def upsert_retention(table: Table, insert: InsertT) -> InsertT:
    """Return an insert of the retention; the greater value stands."""
    kept, new = table.c.issued_before, insert.excluded.issued_before
    return insert.on_conflict_do_update(
        index_elements=[table.c.identity], set_={"issued_before": greater(kept, new)}
    )


def new_uses(tables: Tables, new: FromClause) -> Select[tuple[object, ...]]:
    """Return the rows to insert: those of tokens that an earlier version has not consumed.

    Args:
        tables: the tables.
        new: the columns of the table `sessions`, and ``jti``, the key of the token.
    """
    former = tables.consumed.c
    is_consumed = exists().where(former.jti == new.c.jti, former.keep_until > new.c.used_at)
    return select(*(new.c[column.name] for column in tables.sessions.c)).where(~is_consumed)


def upsert_uses(table: Table, insert: InsertT) -> InsertT:
    """Return an insert of uses; an existing record is replaced by the use of its next token.

    An expired record counts as none. The database locks the existing row and reads it again, so that
    two uses can never both be the first, at any isolation level.
    """
    kept, new = table.c, insert.excluded
    is_live = kept.keep_until > new.used_at
    is_next = kept.next_token == _beginning(new.recent, MARK_LENGTH)
    earlier = case((and_(is_live, kept.graces_until > new.used_at), kept.recent), else_=_NOTHING)
    replaced = ("next_token", "sealed", "used_at", "grace_until")
    return insert.on_conflict_do_update(
        index_elements=[kept.session],
        set_={
            **{name: new[name] for name in replaced},
            "recent": _beginning(new.recent.concat(earlier), LONGEST_RECENT),
            "graces_until": greater(kept.graces_until, new.graces_until),
            "keep_until": greater(kept.keep_until, new.keep_until),
        },
        where=or_(~is_live, is_next),
    )


def _beginning(text: ColumnElement[str], length: int) -> ColumnElement[str]:
    return func.substr(text, literal_column("1"), literal_column(str(length)))


def greater(kept: ColumnElement[float], new: ColumnElement[float]) -> ColumnElement[float]:
    """Return the greater of two numbers, in every database."""
    return case((kept > new, kept), else_=new)
