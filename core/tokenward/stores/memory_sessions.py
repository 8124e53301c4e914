"""The sessions of subjects in the memory of one process."""

from collections.abc import Callable, Collection, Mapping, Sequence
from threading import Lock

from tokenward.stores.expiring import ExpiringMap
from tokenward.stores.session_records import SessionRecord

__all__ = ["MemorySessionRecords"]


class MemorySessionRecords:
    """The `SessionRecords` of a `MemoryStore`."""

    def __init__(self, lock: Lock, refuse_other_process: Callable[[], None]) -> None:
        """Start without records.

        Args:
            lock: held for every change, as in the store.
            refuse_other_process: refuses a write after a fork.
        """
        self._lock = lock
        self._refuse_other_process = refuse_other_process
        # The sessions of each subject by their ``sid``. A change replaces the mapping, so that reads
        # need no lock.
        self.subjects: ExpiringMap[Mapping[str, SessionRecord]] = ExpiringMap()
        """The records, which the store sweeps."""

    async def add(self, subject: str, record: SessionRecord, *, now: float) -> None:
        """See `SessionRecords.add`."""
        self._refuse_other_process()
        with self._lock:
            self._put(subject, {**self._live(subject, now), record.session: record})

    async def refresh(
        self, subject: str, session: str, *, refreshed_at: float, keep_until: float, now: float
    ) -> None:
        """See `SessionRecords.refresh`."""
        self._refuse_other_process()
        with self._lock:
            live = self._live(subject, now)
            record = live.get(session)
            if record is not None:
                until = max(record.keep_until, keep_until)
                record = record._replace(refreshed_at=refreshed_at, keep_until=until)
                self._put(subject, {**live, session: record})

    async def of(self, subject: str, *, now: float) -> Sequence[SessionRecord]:
        """See `SessionRecords.of`."""
        return list(self._live(subject, now).values())

    async def remove(self, subject: str, sessions: Collection[str], *, now: float) -> None:
        """See `SessionRecords.remove`."""
        self._refuse_other_process()
        with self._lock:
            live = self._live(subject, now)
            left = {name: each for name, each in live.items() if name not in sessions}
            if left:
                self._put(subject, left)
            elif live:
                self.subjects.remove(subject)

    def _live(self, subject: str, now: float) -> Mapping[str, SessionRecord]:
        kept = self.subjects.live(subject, now) or {}
        return {name: each for name, each in kept.items() if each.keep_until > now}

    def _put(self, subject: str, records: Mapping[str, SessionRecord]) -> None:
        until = max(each.keep_until for each in records.values())
        self.subjects.put(subject, records, keep_until=until)
