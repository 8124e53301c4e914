# ruff: noqa: S608 - every name in a statement is quoted
"""The tables of the feed of a SqlStore in SQLite, MariaDB or MySQL, and the triggers that fill it.

Triggers, so that every process that writes feeds the mirrors, whatever its version. Each change gets the
next number while its transaction holds the row of the state, so numbers are committed in their order.
"""

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Integer,
    MetaData,
    Select,
    Table,
    bindparam,
    column,
    func,
    literal,
    literal_column,
    select,
    table,
    true,
)
from sqlalchemy.dialects import mysql, sqlite

from tokenward.stores.sql.schema import TIME, Tables

__all__ = ["TRIGGERS", "NumberedTables"]

TRIGGERS: Final = 2

_NUMBER: Final = BigInteger().with_variant(Integer(), "sqlite")


class NumberedTables:
    """The tables, the triggers, and the statements that read."""

    def __init__(self, tables: Tables, *, changes_per_read: int) -> None:
        """Describe them.

        Args:
            tables: the tables of the store.
            changes_per_read: how many changes the statement `read` returns at most.
        """
        metadata = MetaData(schema=tables.schema)
        identity = tables.revocations.c.identity.type
        options: dict[str, Any] = {"mysql_engine": "InnoDB", "mariadb_engine": "InnoDB"}
        self.is_mysql: bool = tables.is_mysql
        self.changes: Table = Table(
            f"{tables.prefix}feed",
            metadata,
            Column("id", _NUMBER, primary_key=True, autoincrement=False),
            Column("stored_at", TIME, nullable=False),
            Column("identity", identity, nullable=False),
            Column("keep_until", TIME, nullable=False),
            Column("issued_before", TIME),
            **options,
        )
        self.state: Table = Table(
            f"{tables.prefix}feed_state",
            metadata,
            Column("one", Integer, primary_key=True, autoincrement=False),
            Column("newest", _NUMBER, nullable=False),
            # None: the triggers are being created.
            Column("since", TIME),
            Column("kept", TIME, nullable=False),
            Column("seen", TIME, nullable=False),
            **options,
        )

        # Whole seconds in MySQL, where a more exact time is local, and ambiguous when clocks go back.
        now = "UNIX_TIMESTAMP()" if self.is_mysql else "(julianday('now') - 2440587.5) * 86400.0"
        self.now: ColumnElement[float] = literal_column(now, TIME)
        self._revocations = tables.revocations
        self._triggers = {
            event: f"{tables.prefix}feed_{event.lower()}" for event in ("INSERT", "UPDATE")
        }
        self.count_triggers: Select[Any] = self._count_triggers()
        """There must be `TRIGGERS`."""
        self.lock: Select[tuple[Any, ...]] = select(
            self.state, self.now.label("now")
        ).with_for_update()
        """Read the state, and let no other transaction number a change meanwhile."""

        following = select(self.changes).where(self.changes.c.id >= bindparam("number"))
        following = following.order_by(self.changes.c.id).limit(changes_per_read + 1)
        part = following.subquery("part")
        self.read: Select[tuple[Any, ...]] = (
            select(
                self.state.c.since,
                self.state.c.seen,
                self.now.label("now"),
                self.count_triggers.scalar_subquery().label("triggers"),
                *part.c,
            )
            .select_from(self.state.outerjoin(part, true()))
            .order_by(part.c.id)
        )
        """Read the change of a number and those after it; one row without a change if there is none."""

    @property
    def trigger_statements(self) -> tuple[str, ...]:
        """The statements that create the triggers, and replace those that exist."""
        dialect = mysql.dialect() if self.is_mysql else sqlite.dialect()
        quote = dialect.identifier_preparer
        # A trigger of SQLite is in the schema of its table, and names no other.
        prefix = f"{quote.quote_schema(self.state.schema)}." if self.state.schema else ""
        state, feed = (
            quote.format_table(each, use_schema=self.is_mysql)
            for each in (self.state, self.changes)
        )
        revocations = quote.format_table(self._revocations, use_schema=self.is_mysql)
        # Before the row in MySQL: all transactions lock the state first, and so never one another.
        moment = "BEFORE" if self.is_mysql else "AFTER"
        is_revocation = "SUBSTR(NEW.identity, 1, 6) <> 'store:'"
        begin, end = (
            (f"FOR EACH ROW BEGIN IF {is_revocation} THEN", "END IF; END")
            if self.is_mysql
            else (f"FOR EACH ROW WHEN {is_revocation} BEGIN", "END")
        )
        change = (
            f"UPDATE {state} SET newest = newest + 1; "
            f"INSERT INTO {feed} (id, stored_at, identity, keep_until, issued_before) "
            f"SELECT newest, {self.now}, NEW.identity, NEW.keep_until, NEW.issued_before FROM {state};"
        )
        statements: list[str] = []
        for event, name in self._triggers.items():
            trigger = f"{prefix}{quote.quote(name)}"
            statements += (
                f"DROP TRIGGER IF EXISTS {trigger}",
                f"CREATE TRIGGER {trigger} {moment} {event} ON {revocations} {begin} {change} {end}",
            )
        return tuple(statements)

    def _count_triggers(self) -> Select[Any]:
        names, schema = list(self._triggers.values()), self.state.schema
        if not self.is_mysql:
            master = table("sqlite_master", column("type"), column("name"), schema=schema)
            found = select(func.count()).select_from(master)
            return found.where(master.c["type"] == "trigger", master.c["name"].in_(names))
        keys = ("TRIGGER_SCHEMA", "EVENT_OBJECT_TABLE", "TRIGGER_NAME")
        triggers = table("TRIGGERS", *map(column, keys), schema="information_schema")
        of_schema, of_table, name = (triggers.c[key] for key in keys)
        wanted = func.database() if schema is None else literal(schema)
        found = select(func.count()).select_from(triggers)
        return found.where(of_schema == wanted, of_table == self._revocations.name, name.in_(names))
