"""The tables of a SqlStore, and the keys of identities in them."""

import hashlib
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import (
    Column,
    ColumnElement,
    Double,
    Index,
    LargeBinary,
    MetaData,
    Table,
    Text,
    func,
    literal_column,
)
from sqlalchemy.dialects import postgresql

__all__ = ["RETENTION_KEY", "Tables", "has_sealed", "key_of", "revocation_key"]

# The retention is a row among the revocations, so that tables of earlier versions need no new
# table and no new column. No kind of revocation is called "store"; `issued_before` is its value.
RETENTION_KEY: Final = "store:retention"
_LONGEST_PLAIN: Final = 200
_HASHED: Final = "sha256:"


def key_of(identity: str) -> str:
    """Return the key of an identity; different identities have different keys.

    Short, printable ASCII is its own key. Other identities could exceed a limit of the database (its
    encoding, NUL, the size of an index row), so the key is their SHA-256.
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
    """Return the key of a revocation."""
    return f"{kind}:{key_of(identity)}"


def has_sealed(table: Table) -> ColumnElement[bool]:
    """Return the condition that a use has a sealed pair, exactly as in the partial indexes."""
    return func.length(table.c.sealed) > literal_column("0")


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
        # Identities are compared byte by byte, whatever the collation of the database.
        key = Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
        revocations = Table(
            f"{self.prefix}revocations",
            metadata,
            # One column, such as "session:...": without statistics, PostgreSQL then knows that a key
            # finds one row, and never scans the whole table.
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
        # Few rows have a sealed pair at any time, so both stay tiny.
        for column in (consumed.c.grace_until, consumed.c.successor):
            Index(
                f"{consumed.name}_sealed_{column.name}",
                column,
                postgresql_where=has_sealed(consumed),
                sqlite_where=has_sealed(consumed),
            )

        object.__setattr__(self, "metadata", metadata)
        object.__setattr__(self, "revocations", revocations)
        object.__setattr__(self, "consumed", consumed)
