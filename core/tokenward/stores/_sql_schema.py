"""The tables of a SqlStore, and the statements on them: each one atomic on its own."""

import hashlib
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from sqlalchemy import (
    Column,
    Delete,
    Double,
    Index,
    LargeBinary,
    MetaData,
    Select,
    Table,
    Text,
    bindparam,
    case,
    delete,
    or_,
    select,
    tuple_,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import ReturningInsert

__all__ = [
    "LARGEST_LOOKUP",
    "LARGEST_PURGE",
    "Statements",
    "Tables",
    "key_of",
    "padded",
    "revocation_key",
]

# Three keys for each stay below the 999 parameters that an old SQLite takes.
LARGEST_LOOKUP: Final = 256
# Deleting so many takes a few milliseconds, for which an SQLite file is locked.
LARGEST_PURGE: Final = 1000
_LONGEST_PLAIN: Final = 200
_HASHED: Final = "sha256:"

Insert: TypeAlias = sqlite.Insert | postgresql.Insert


def key_of(identity: str) -> str:
    """Give the text under which an identity is kept; different identities have different ones.

    Short, printable ASCII stands for itself. Anything else could meet a limit of the database (its
    encoding, NUL, the size of an index row), so its SHA-256 stands in.
    """
    if (
        len(identity) <= _LONGEST_PLAIN
        and identity.isascii()
        and identity.isprintable()
        and not identity.startswith(_HASHED)
    ):
        return identity
    return _HASHED + hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()


def revocation_key(kind: str, identity: str) -> str:
    """Give the text under which a revocation is kept."""
    return f"{kind}:{key_of(identity)}"


def padded(keys: list[str]) -> list[str]:
    """Repeat the last key up to a power of two: the database then sees few different statements."""
    size = 1 << (len(keys) - 1).bit_length()
    return keys + keys[-1:] * (size - len(keys))


@dataclass(frozen=True, slots=True)
class Tables:
    """The two tables of one store."""

    prefix: str
    schema: str | None
    metadata: MetaData = field(init=False)
    revocations: Table = field(init=False)
    consumed: Table = field(init=False)

    def __post_init__(self) -> None:
        """Describe the tables."""
        metadata = MetaData(schema=self.schema)
        # Identities are compared byte by byte, whatever the language of the database.
        key = Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
        revocations = Table(
            f"{self.prefix}revocations",
            metadata,
            # As in "session:...": of a key of one column, PostgreSQL knows without statistics that
            # it finds one row, and never reads the whole table instead.
            Column("identity", key, primary_key=True),
            Column("keep_until", Double, nullable=False),
            Column("issued_before", Double),
            sqlite_with_rowid=False,
        )
        consumed = Table(
            f"{self.prefix}consumed",
            metadata,
            Column("jti", key, primary_key=True),
            Column("successor", key, nullable=False),
            Column("sealed", LargeBinary, nullable=False),
            Column("used_at", Double, nullable=False),
            Column("grace_until", Double, nullable=False),
            Column("keep_until", Double, nullable=False),
        )
        for table in (revocations, consumed):
            Index(f"{table.name}_keep_until", table.c.keep_until)
        object.__setattr__(self, "metadata", metadata)
        object.__setattr__(self, "revocations", revocations)
        object.__setattr__(self, "consumed", consumed)


class Statements:
    """What is said to the database."""

    def __init__(self, tables: Tables, *, is_sqlite: bool) -> None:
        """Build the statements for one of the two databases."""
        insert = sqlite.insert if is_sqlite else postgresql.insert
        self.look_up = _look_up(tables.revocations)
        self.revoke = _revoke(tables.revocations, insert(tables.revocations))
        self.consume = _consume(tables.consumed, insert(tables.consumed))
        self.earlier = _earlier(tables.consumed)
        self.purges = tuple(_purge(table) for table in (tables.revocations, tables.consumed))


def _look_up(table: Table) -> Select[Any]:
    return select(table).where(table.c.identity.in_(bindparam("keys", expanding=True)))


def _revoke(table: Table, insert: Insert) -> Insert:
    kept, new = table.c, insert.excluded
    moment = case(
        # What is over denies nothing any more, and is no reason to deny more than is asked now.
        (kept.keep_until <= bindparam("now"), new.issued_before),
        # No moment stands above all moments.
        (or_(kept.issued_before.is_(None), new.issued_before.is_(None)), None),
        (kept.issued_before > new.issued_before, kept.issued_before),
        else_=new.issued_before,
    )
    later = case((kept.keep_until > new.keep_until, kept.keep_until), else_=new.keep_until)
    return insert.on_conflict_do_update(
        index_elements=[kept.identity],
        set_={"keep_until": later, "issued_before": moment},
    )


def _consume(table: Table, insert: Insert) -> ReturningInsert[Any]:
    """Insert uses, and give back the ``jti`` of each that was the first.

    A row that stands already is locked and looked at again, so that no isolation level lets two
    of them be the first; only one that is over gives way.
    """
    new = insert.excluded
    names = ("successor", "sealed", "used_at", "grace_until", "keep_until")
    return insert.on_conflict_do_update(
        index_elements=[table.c.jti],
        set_={name: new[name] for name in names},
        where=table.c.keep_until <= new.used_at,
    ).returning(table.c.jti)


def _earlier(table: Table) -> Select[Any]:
    following = table.alias()
    return (
        select(
            table.c.jti,
            table.c.sealed,
            table.c.grace_until,
            following.c.keep_until.label("successor_kept_until"),
        )
        .select_from(table.outerjoin(following, following.c.jti == table.c.successor))
        .where(table.c.jti.in_(bindparam("keys", expanding=True)))
    )


def _purge(table: Table) -> Delete:
    columns = list(table.primary_key.columns)
    over = table.c.keep_until <= bindparam("now")
    # Rows that another worker is deleting are left to it (PostgreSQL; SQLite has one writer).
    some = select(*columns).where(over).limit(LARGEST_PURGE).with_for_update(skip_locked=True)
    return delete(table).where(over, tuple_(*columns).in_(some))
