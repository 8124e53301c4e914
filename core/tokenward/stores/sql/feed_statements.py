# ruff: noqa: S608 - every name in a statement is quoted
"""The statements of the feed of a SqlStore in PostgreSQL, and the trigger that fills it.

A trigger, so that every process that writes feeds the mirrors, whatever its version. The state has no
write-ahead log: PostgreSQL empties it after a crash and in a fail-over. Then it may use transaction
numbers again, so readers must begin again, and they notice by the epoch.
"""

from typing import Final

from sqlalchemy import MetaData, Table
from sqlalchemy.dialects import postgresql

from tokenward.stores.sql.feed_rows import ROWS_PER_PART
from tokenward.stores.sql.schema import Tables

__all__ = ["MOST_CHANGES", "FeedStatements"]

MOST_CHANGES: Final = 20_000
"""A reader that is further behind begins again, in parts."""
_MOST_REMOVED: Final = 10_000
# A step of the server's clock by less is not noticed.
_CLOCK_STEP_SECONDS: Final = 60
_NOW: Final = "CAST(extract(epoch FROM clock_timestamp()) AS double precision)"
_SNAPSHOT: Final = "CAST(pg_current_snapshot() AS text)"
_EARLIER: Final = "CAST(CAST(:snapshot AS text) AS pg_snapshot)"
_KEPT: Final = "CAST(:kept AS double precision)"


class FeedStatements:
    """The statements for the tables of one store. `{echo}` is replaced by `EchoedStatement`."""

    def __init__(self, tables: Tables) -> None:
        """Write the statements."""
        quote = postgresql.dialect().identifier_preparer  # type: ignore[no-untyped-call]
        prefix, schema = tables.prefix, tables.schema

        def named(name: str) -> str:
            return quote.format_table(Table(f"{prefix}{name}", MetaData(schema=schema)))

        revocations = quote.format_table(tables.revocations)
        feed, state, function = named("feed"), named("feed_state"), named("feed_change")
        trigger, index = quote.quote(f"{prefix}feed"), quote.quote(f"{prefix}feed_xid")

        self.tables: tuple[str, ...] = (
            (
                f"CREATE TABLE IF NOT EXISTS {feed} ("
                "id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "
                # Rows are not ordered by their id: a lower one may be committed later.
                "xid xid8 NOT NULL DEFAULT pg_current_xact_id(), "
                f"stored_at double precision NOT NULL DEFAULT {_NOW}, "
                "identity text NOT NULL, keep_until double precision NOT NULL, "
                "issued_before double precision)"
            ),
            f"CREATE INDEX IF NOT EXISTS {index} ON {feed} (xid)",
            (
                f"CREATE UNLOGGED TABLE IF NOT EXISTS {state} ("
                "one integer PRIMARY KEY, epoch text NOT NULL, since double precision NOT NULL, "
                "kept double precision NOT NULL, seen double precision NOT NULL)"
            ),
            (
                f"CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$ "
                "BEGIN IF left(NEW.identity, 6) <> 'store:' THEN "
                f"INSERT INTO {feed} (identity, keep_until, issued_before) "
                "VALUES (NEW.identity, NEW.keep_until, NEW.issued_before); "
                "END IF; RETURN NULL; END $$"
            ),
        )
        """Create what is missing, except the trigger."""
        is_fed = (
            "EXISTS (SELECT 1 FROM pg_catalog.pg_trigger WHERE "
            f"tgrelid = to_regclass('{_literal(revocations)}') AND "
            f"tgname = '{_literal(f'{prefix}feed')}' AND tgenabled IN ('O', 'A'))"
        )
        self.is_fed: str = f"SELECT {is_fed}"
        """Whether the trigger exists and is enabled."""
        self.trigger: tuple[str, ...] = (
            f"DROP TRIGGER IF EXISTS {trigger} ON {revocations}",
            # Waits for the transactions that write without it.
            (
                f"CREATE TRIGGER {trigger} AFTER INSERT OR UPDATE ON {revocations} "
                f"FOR EACH ROW EXECUTE FUNCTION {function}()"
            ),
            # The changes of an earlier trigger have a gap.
            f"DELETE FROM {state}",
        )
        """Create the trigger."""

        self.start: str = (
            f"WITH started AS (INSERT INTO {state} AS old (one, epoch, since, kept, seen) "
            f"SELECT 1, CAST(:new_epoch AS text), now, {_KEPT}, now FROM (SELECT {_NOW} AS now) AS n "
            "ON CONFLICT (one) DO UPDATE SET "
            # Changes that are older than `kept` may be gone.
            "since = CASE WHEN old.kept < excluded.kept "
            "THEN greatest(old.since, excluded.seen - old.kept) ELSE old.since END, "
            "kept = greatest(old.kept, excluded.kept) RETURNING epoch, since) "
            f"SELECT {{echo}}, epoch, since, {_SNAPSHOT} AS snapshot, {_NOW} AS now FROM started"
        )
        """Create the state, or keep changes for longer."""

        columns = "CAST(id AS text), identity, keep_until, issued_before, NULL"
        self.read: str = (
            f"SELECT {{echo}} AS key, {_SNAPSHOT} AS identity, "
            f"CAST({is_fed} AS integer) AS keep_until, CAST(NULL AS double precision) AS issued_before, "
            f"(SELECT epoch FROM {state}) AS extra UNION ALL "
            f"SELECT {columns} FROM {feed} WHERE xid = ANY(ARRAY(SELECT pg_snapshot_xip({_EARLIER}))) "
            # Ordered, so that the index is used however few statistics there are.
            f"UNION ALL SELECT {columns} FROM (SELECT * FROM {feed} "
            f"WHERE xid >= pg_snapshot_xmax({_EARLIER}) ORDER BY xid LIMIT {MOST_CHANGES + 1}) AS new"
        )
        """Read the changes of transactions that had not ended at an earlier snapshot, or begun."""

        self.changes: str = (
            f"SELECT {{echo}} AS key, NULL AS identity, {_NOW} AS keep_until, "
            "CAST(NULL AS double precision) AS issued_before, "
            "CAST(NULL AS double precision) AS extra UNION ALL "
            "SELECT CAST(id AS text), identity, keep_until, issued_before, stored_at FROM ("
            f"SELECT * FROM {feed} WHERE id > CAST(:after AS bigint) "
            f"ORDER BY id LIMIT {ROWS_PER_PART}) AS part"
        )
        """Read all changes, in parts."""

        self.records: str = (
            f"SELECT {{echo}} AS key, NULL AS identity, {_NOW} AS keep_until, "
            "CAST(NULL AS double precision) AS issued_before, "
            "CAST(NULL AS double precision) AS extra UNION ALL "
            "SELECT identity, identity, keep_until, issued_before, NULL FROM ("
            f"SELECT * FROM {revocations} WHERE identity > CAST(:after AS text) "
            f"ORDER BY identity LIMIT {ROWS_PER_PART}) AS part"
        )
        """Read all revocations, in parts."""

        self.maintain: str = (
            f"WITH old AS (SELECT seen FROM {state} FOR UPDATE), "
            f"seen AS (UPDATE {state} AS new SET seen = {_NOW}, since = "
            f"CASE WHEN {_NOW} - old.seen > {_CLOCK_STEP_SECONDS} THEN {_NOW} ELSE since END "
            f"FROM old RETURNING {_NOW} - old.seen <= {_CLOCK_STEP_SECONDS} AS is_steady) "
            "SELECT {echo}, coalesce(bool_and(is_steady), false) AS is_steady FROM seen"
        )
        """Note that somebody reads. Otherwise the clock of the server may have stepped."""

        self.remove: str = (
            f"WITH gone AS (DELETE FROM {feed} WHERE id IN (SELECT id FROM "
            f"(SELECT id, stored_at FROM {feed} ORDER BY id LIMIT {_MOST_REMOVED}) AS first "
            f"WHERE stored_at < {_NOW} - {_CLOCK_STEP_SECONDS} - "
            f"(SELECT kept FROM {state})) RETURNING 1) SELECT {{echo}}, count(*) AS number FROM gone"
        )
        """Remove changes that are too old."""


def _literal(name: str) -> str:
    return name.replace("'", "''")
