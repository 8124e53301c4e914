"""The writes of a SqlStore, by the kind of its database."""

from typing import Final, Literal, TypeAlias

from tokenward.stores.sql.mysql_writes import MysqlWrites
from tokenward.stores.sql.postgres_writes import PostgresWrites
from tokenward.stores.sql.schema import Tables
from tokenward.stores.sql.sqlite_writes import SqliteWrites

__all__ = ["Writes", "writes_to"]

Writes: TypeAlias = SqliteWrites | PostgresWrites | MysqlWrites

_OF_KIND: Final[dict[str, type[Writes]]] = {
    "sqlite": SqliteWrites,
    "postgresql": PostgresWrites,
    "mysql": MysqlWrites,
}


def writes_to(kind: Literal["sqlite", "postgresql", "mysql"], tables: Tables) -> Writes:
    """Return the statements that write to a database of this kind."""
    return _OF_KIND[kind](tables)
