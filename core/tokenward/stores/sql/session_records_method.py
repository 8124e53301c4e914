"""`SqlStore.session_records`."""

from typing import TYPE_CHECKING

from tokenward.stores.ownership import Ownership
from tokenward.stores.sql.database import Database
from tokenward.stores.sql.schema import Tables

if TYPE_CHECKING:
    from tokenward.stores.session_records import SessionRecords
    from tokenward.stores.sql.session_records import SqlSessionRecords

__all__ = ["SessionRecordsMethod"]


class SessionRecordsMethod:
    """The method `session_records` of `SqlStore`, whose constructor sets the attributes."""

    _database: Database
    _listed: "SqlSessionRecords | None"
    _ownership: Ownership
    _tables: Tables

    def session_records(self) -> "SessionRecords":
        """Return the sessions of subjects, for an engine with a `session_list`.

        They have one more table, ``open_sessions``, which is in `metadata`, and which `create_tables`
        creates, after the first call of this method: an engine calls it when it is built.
        """
        if self._listed is None:
            from tokenward.stores.sql.session_records import SqlSessionRecords

            self._listed = SqlSessionRecords(self._database, self._tables, self._ownership)
        return self._listed
