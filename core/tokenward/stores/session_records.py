"""What a store must offer so that an engine can list the open sessions of a subject."""

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple, Protocol

from tokenward.errors import ConfigurationError
from tokenward.stores.protocol import RevocationStore

__all__ = ["PrefixedRecords", "SessionRecord", "SessionRecords", "records_in"]


class SessionRecord(NamedTuple):
    """One session of a subject. All times are in seconds since 1970."""

    session: str
    """The ``sid``, at most 200 printable ASCII characters."""
    began_at: float
    refreshed_at: float
    """The time of the latest recorded refresh; `began_at` if there is none."""
    keep_until: float
    """The time at which the last token of the session has expired; ``math.inf``: never."""
    label: str
    """The label of the login; empty if it has none."""


class SessionRecords(Protocol):
    """The sessions of subjects in one store.

    Every method may raise any exception, which the engine treats as an outage. Each is one atomic
    step, and one round trip if there is a network. A record is not found from its `keep_until` on.
    """

    async def add(self, subject: str, record: SessionRecord, *, now: float) -> None:
        """Add a session. Every `of` after this call returns sees it."""
        ...

    async def refresh(
        self, subject: str, session: str, *, refreshed_at: float, keep_until: float, now: float
    ) -> None:
        """Set the time of the latest refresh; the later `keep_until` stands.

        Do nothing if the session has no record.
        """
        ...

    async def of(self, subject: str, *, now: float) -> Sequence[SessionRecord]:
        """Return the sessions of a subject, in any order."""
        ...

    async def remove(self, subject: str, sessions: Collection[str], *, now: float) -> None:
        """Remove sessions. Those without a record are ignored."""
        ...


def records_in(store: RevocationStore) -> SessionRecords:
    """Return the records of sessions in a store.

    Raises:
        ConfigurationError: the store keeps none.
    """
    found: Callable[[], SessionRecords] | None = getattr(store, "session_records", None)
    if found is None:
        msg = (
            f"A {type(store).__name__} keeps no list of sessions: use a store with "
            "session_records, such as MemoryStore, RedisStore or SqlStore."
        )
        raise ConfigurationError(msg)
    return found()


class PrefixedRecords:
    """The `SessionRecords` of a `PrefixedStore`: its subjects have a prefix."""

    def __init__(self, inner: SessionRecords, prefix: str) -> None:
        """Use the records of a shared store, and the prefix of the names of subjects."""
        self._inner = inner
        self._prefix = prefix

    async def add(self, subject: str, record: SessionRecord, *, now: float) -> None:
        """See `SessionRecords.add`."""
        await self._inner.add(self._prefix + subject, record, now=now)

    async def refresh(
        self, subject: str, session: str, *, refreshed_at: float, keep_until: float, now: float
    ) -> None:
        """See `SessionRecords.refresh`."""
        await self._inner.refresh(
            self._prefix + subject,
            session,
            refreshed_at=refreshed_at,
            keep_until=keep_until,
            now=now,
        )

    async def of(self, subject: str, *, now: float) -> Sequence[SessionRecord]:
        """See `SessionRecords.of`."""
        return await self._inner.of(self._prefix + subject, now=now)

    async def remove(self, subject: str, sessions: Collection[str], *, now: float) -> None:
        """See `SessionRecords.remove`."""
        await self._inner.remove(self._prefix + subject, sessions, now=now)
