"""What both databases do where a record exists already, and which rows are due to be cleaned."""

from typing import Final, TypeVar

from sqlalchemy import ColumnElement, Table, bindparam, case, or_
from sqlalchemy.dialects import postgresql, sqlite

__all__ = ["LARGEST_PURGE", "keeping_the_greater", "keeping_the_stronger", "unless_used"]

InsertT = TypeVar("InsertT", sqlite.Insert, postgresql.Insert)

# Cleaning so many rows takes a few milliseconds, for which an SQLite file is locked.
LARGEST_PURGE: Final = 1000


def keeping_the_stronger(table: Table, insert: InsertT) -> InsertT:
    """Insert revocations; where one exists, the later times win."""
    kept, new = table.c, insert.excluded
    moment = case(
        # An expired record denies nothing, and is no reason to deny more than the new one asks.
        (kept.keep_until <= bindparam("now"), new.issued_before),
        # No moment stands above all moments.
        (or_(kept.issued_before.is_(None), new.issued_before.is_(None)), None),
        else_=_greater(kept.issued_before, new.issued_before),
    )
    return insert.on_conflict_do_update(
        index_elements=[kept.identity],
        set_={"keep_until": _greater(kept.keep_until, new.keep_until), "issued_before": moment},
    )


def keeping_the_greater(table: Table, insert: InsertT) -> InsertT:
    """Insert the retention; where there is one, the greater wins."""
    kept, new = table.c.issued_before, insert.excluded.issued_before
    return insert.on_conflict_do_update(
        index_elements=[table.c.identity], set_={"issued_before": _greater(kept, new)}
    )


def unless_used(table: Table, insert: InsertT) -> InsertT:
    """Insert uses; where one exists, nothing happens unless it has expired.

    The existing row is locked and looked at again, so that no isolation level lets two uses be the
    first.
    """
    names = ("successor", "sealed", "used_at", "grace_until", "keep_until")
    return insert.on_conflict_do_update(
        index_elements=[table.c.jti],
        set_={name: insert.excluded[name] for name in names},
        where=table.c.keep_until <= insert.excluded.used_at,
    )


def _greater(kept: ColumnElement[float], new: ColumnElement[float]) -> ColumnElement[float]:
    return case((kept > new, kept), else_=new)
