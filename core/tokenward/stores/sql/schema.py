"""The tables of a SqlStore, and the keys of identities in them."""

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import (
    Column,
    ColumnElement,
    Computed,
    Double,
    Index,
    LargeBinary,
    MetaData,
    Table,
    Text,
    func,
    literal_column,
)
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.types import TypeEngine

from tokenward.stores.identities import LONGEST_KEY, key_of
from tokenward.stores.protocol import RECENT_USES
from tokenward.stores.recent_uses import MARK_LENGTH, RecentUse
from tokenward.stores.sql.mysql_types import MysqlKey, MysqlTime

__all__ = [
    "LONGEST_RECENT",
    "RETENTION_KEY",
    "TIME",
    "DamagedRowError",
    "Tables",
    "has_sealed",
    "key_of",
    "key_type",
    "packed_use",
    "revocation_key",
    "unpacked_uses",
]

# The retention is a row among the revocations, so that tables of earlier versions need no new
# table and no new column. No kind of revocation is called "store"; `issued_before` is its value.
RETENTION_KEY: Final = "store:retention"
_USE_LENGTH: Final = MARK_LENGTH + 16
LONGEST_RECENT: Final = RECENT_USES * _USE_LENGTH
# With its kind.
_LONGEST_KEY: Final = LONGEST_KEY + 16
TIME: Final[TypeEngine[float]] = Double().with_variant(MysqlTime(), "mysql", "mariadb")
_SEALED: Final = LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql", "mariadb")


def revocation_key(kind: str, identity: str) -> str:
    """Return the key of a revocation."""
    return f"{kind}:{key_of(identity)}"


class DamagedRowError(RuntimeError):
    """A row holds a value that no SqlStore has written."""

    def __init__(self) -> None:
        """Describe the fault, without the row."""
        super().__init__("A row of this SqlStore is unreadable.")


def packed_use(use: RecentUse) -> str:
    """Return a use as text of one length: its mark, and the end of its grace as a double.

    A statement can then put it before the earlier uses and cut off the oldest, in every database.
    """
    return use.token + struct.pack(">d", use.grace_until).hex()


def unpacked_uses(recent: str) -> Sequence[RecentUse]:
    """Return the uses that are packed in a row, the newest first.

    Raises:
        DamagedRowError: the text is not a sequence of packed uses.
    """
    starts = range(0, len(recent), _USE_LENGTH)
    parts = [recent[start : start + _USE_LENGTH] for start in starts]
    try:
        uses = [
            RecentUse(part[:MARK_LENGTH], *struct.unpack(">d", bytes.fromhex(part[MARK_LENGTH:])))
            for part in parts
        ]
    except (ValueError, struct.error) as exc:
        raise DamagedRowError from exc
    if not uses or any(math.isnan(use.grace_until) for use in uses):
        raise DamagedRowError
    return uses


def has_sealed(table: Table) -> ColumnElement[bool]:
    """Return the condition that a use has a sealed pair, exactly as in the partial indexes."""
    return func.length(table.c.sealed) > literal_column("0")


@dataclass(frozen=True, slots=True)
class Tables:
    """The three tables of one store."""

    prefix: str
    schema: str | None
    is_mysql: bool = False
    metadata: MetaData = field(init=False)
    revocations: Table = field(init=False)
    sessions: Table = field(init=False)
    """The uses of refresh tokens, one row for each session."""
    consumed: Table = field(init=False)
    """The uses that an earlier version has written, one row for each token. Only read and purged."""

    @property
    def purged(self) -> tuple[Table, ...]:
        """The tables of which a purge removes expired rows."""
        return self.revocations, self.sessions, self.consumed

    @property
    def sealed(self) -> tuple[Table, ...]:
        """The tables of which a purge removes sealed pairs."""
        return self.sessions, self.consumed

    def __post_init__(self) -> None:
        """Describe the tables."""
        metadata = MetaData(schema=self.schema)
        key, time, sealed = key_type(_LONGEST_KEY), TIME, _SEALED
        revocations = Table(
            f"{self.prefix}revocations",
            metadata,
            # One column, such as "session:...": without statistics, PostgreSQL then knows that a key
            # finds one row, and never scans the whole table.
            Column("identity", key, primary_key=True),
            Column("keep_until", time, nullable=False),
            Column("issued_before", time),
            sqlite_with_rowid=False,
            mysql_engine="InnoDB",
            mariadb_engine="InnoDB",
        )

        sessions = Table(
            f"{self.prefix}sessions",
            metadata,
            Column("session", key, primary_key=True),
            # The mark of the token that can be consumed next, and the latest uses; see `packed_use`.
            Column("next_token", key, nullable=False),
            Column("recent", key_type(LONGEST_RECENT), nullable=False),
            Column("sealed", sealed, nullable=False),
            Column("used_at", time, nullable=False),
            # Of the last use, and of the latest uses together.
            Column("grace_until", time, nullable=False),
            Column("graces_until", time, nullable=False),
            Column("keep_until", time, nullable=False),
            # The attempt that has written the row, where no statement returns what it has written.
            *([_writer()] if self.is_mysql else []),
            mysql_engine="InnoDB",
            mariadb_engine="InnoDB",
        )

        consumed = Table(
            f"{self.prefix}consumed",
            metadata,
            Column("jti", key, primary_key=True),
            Column("successor", key, nullable=False),
            Column("sealed", sealed, nullable=False),
            Column("used_at", time, nullable=False),
            Column("grace_until", time, nullable=False),
            Column("keep_until", time, nullable=False),
            mysql_engine="InnoDB",
            mariadb_engine="InnoDB",
        )

        for table in (revocations, sessions, consumed):
            Index(f"{table.name}_keep_until", table.c.keep_until)
        # Few rows have a sealed pair at any time, so these stay tiny.
        for table in (sessions, consumed):
            if self.is_mysql:
                # In place of a partial index.
                until = Computed("IF(LENGTH(sealed) > 0, grace_until, NULL)", persisted=True)
                table.append_column(Column("sealed_until", time, until))
            Index(
                f"{table.name}_sealed_grace_until",
                table.c.sealed_until if self.is_mysql else table.c.grace_until,
                postgresql_where=has_sealed(table),
                sqlite_where=has_sealed(table),
            )

        object.__setattr__(self, "metadata", metadata)
        object.__setattr__(self, "revocations", revocations)
        object.__setattr__(self, "sessions", sessions)
        object.__setattr__(self, "consumed", consumed)


def _writer() -> Column[bytes]:
    return Column("writer", mysql.VARBINARY(16), nullable=False, server_default="")


def key_type(longest: int) -> TypeEngine[str]:
    """Return the type of a column of ASCII text with at most this length."""
    # Identities are compared byte by byte, whatever the collation of the database.
    text = Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
    return text.with_variant(MysqlKey(longest), "mysql", "mariadb")
