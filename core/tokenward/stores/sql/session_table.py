"""The table of the sessions of subjects, which exists only if an engine lists them."""

import hashlib
import json
from typing import Any, Final

from sqlalchemy import Column, Index, Row, Table

from tokenward.stores.identities import LONGEST_KEY
from tokenward.stores.session_records import SessionRecord
from tokenward.stores.sql.schema import TIME, DamagedRowError, Tables, key_of, key_type

__all__ = ["define_session_table", "name_of", "record_in", "row_of"]

_DIGEST_LENGTH: Final = 64
# A character outside of the basic plane takes two escapes of six letters.
_LONGEST_LABEL: Final = 12 * 100


def define_session_table(tables: Tables) -> Table:
    """Add the table to those of a store, so that `create_tables` and Alembic create it."""
    name = f"{tables.prefix}open_sessions"
    table = Table(
        name,
        tables.metadata,
        # A digest of subject and session.
        Column("name", key_type(_DIGEST_LENGTH), primary_key=True),
        Column("subject", key_type(LONGEST_KEY), nullable=False),
        Column("session", key_type(LONGEST_KEY), nullable=False),
        Column("began_at", TIME, nullable=False),
        Column("refreshed_at", TIME, nullable=False),
        Column("keep_until", TIME, nullable=False),
        # The text of a JSON string, which is ASCII in every database.
        Column("label", key_type(_LONGEST_LABEL), nullable=False),
        mysql_engine="InnoDB",
        mariadb_engine="InnoDB",
    )
    Index(f"{name}_subject", table.c.subject)
    Index(f"{name}_keep_until", table.c.keep_until)
    return table


def name_of(subject: str, session: str) -> str:
    """Return the primary key of a session of a subject."""
    # The key of a subject has no line break.
    parts = f"{key_of(subject)}\n{session}"
    return hashlib.sha256(parts.encode("utf-8", "surrogatepass")).hexdigest()


def row_of(subject: str, record: SessionRecord) -> dict[str, Any]:
    """Return the row of a session."""
    return {
        "name": name_of(subject, record.session),
        "subject": key_of(subject),
        "session": record.session,
        "began_at": record.began_at,
        "refreshed_at": record.refreshed_at,
        "keep_until": record.keep_until,
        "label": json.dumps(record.label)[1:-1],
    }


def record_in(row: Row[Any]) -> SessionRecord:
    """Return the session in a row.

    Raises:
        DamagedRowError: the label is unreadable.
    """
    try:
        label = json.loads(f'"{row.label}"')
    except ValueError as exc:
        raise DamagedRowError from exc
    return SessionRecord(row.session, row.began_at, row.refreshed_at, row.keep_until, label)
