"""Inserts that both databases share, and what they do if the record exists already."""

from typing import Final, TypeVar

from sqlalchemy import ColumnElement, Table, bindparam, case, or_
from sqlalchemy.dialects import postgresql, sqlite

__all__ = ["LARGEST_PURGE", "upsert_retention", "upsert_revocations", "upsert_uses"]

InsertT = TypeVar("InsertT", sqlite.Insert, postgresql.Insert)

# The rows that one statement removes: a few milliseconds, in which an SQLite file is locked.
LARGEST_PURGE: Final = 1000


def upsert_revocations(table: Table, insert: InsertT) -> InsertT:
    """Return an insert of revocations; for an existing record, the later times stand."""
    kept, new = table.c, insert.excluded
    moment = case(
        # An expired record denies nothing, so its moment must not extend that of the new record.
        (kept.keep_until <= bindparam("now"), new.issued_before),
        # Without a moment, everything is denied.
        (or_(kept.issued_before.is_(None), new.issued_before.is_(None)), None),
        else_=_greater(kept.issued_before, new.issued_before),
    )
    return insert.on_conflict_do_update(
        index_elements=[kept.identity],
        set_={"keep_until": _greater(kept.keep_until, new.keep_until), "issued_before": moment},
    )


def upsert_retention(table: Table, insert: InsertT) -> InsertT:
    """Return an insert of the retention; the greater value stands."""
    kept, new = table.c.issued_before, insert.excluded.issued_before
    return insert.on_conflict_do_update(
        index_elements=[table.c.identity], set_={"issued_before": _greater(kept, new)}
    )


def upsert_uses(table: Table, insert: InsertT) -> InsertT:
    """Return an insert of uses; an existing record is replaced only if it has expired.

    The database locks the existing row and reads it again, so that two uses can never both be the
    first, at any isolation level.
    """
    names = ("successor", "sealed", "used_at", "grace_until", "keep_until")
    return insert.on_conflict_do_update(
        index_elements=[table.c.jti],
        set_={name: insert.excluded[name] for name in names},
        where=table.c.keep_until <= insert.excluded.used_at,
    )


def _greater(kept: ColumnElement[float], new: ColumnElement[float]) -> ColumnElement[float]:
    return case((kept > new, kept), else_=new)
