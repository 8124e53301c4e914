"""Revocations in the memory of one process: for a single process, for tests, and for a start."""

import math
import os
import sys
import warnings
from collections.abc import Sequence
from heapq import heappop, heappush
from threading import Lock
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from tokenward.errors import ConfigurationError
from tokenward.stores.expiring import SHARDS, ExpiringMap, ExpiringSet
from tokenward.stores.protocol import Consumed, Consumption, Revocation
from tokenward.stores.recent_uses import RecentUse, later_use, with_use

if TYPE_CHECKING:
    from tokenward.stores.session_records import SessionRecords

__all__ = ["MemoryStore", "SharedMemoryWarning"]

# The time in which a busy store sweeps every shard once. An idle store sweeps one for each call.
_SWEEP_SECONDS: Final = 60.0

_SHARED: Final = (
    "A MemoryStore serves one process: other workers still accept tokens that this one revokes. Use "
    "RedisStore or SqlStore, or MemoryStore(single_process=True) if there is only one process."
)


def _seems_one_of_several() -> bool:
    """Whether there are signs of several workers: of uvicorn, hypercorn, gunicorn or a platform."""
    multiprocessing = sys.modules.get("multiprocessing")
    if multiprocessing is not None and multiprocessing.parent_process() is not None:
        return True

    workers = os.environ.get("WEB_CONCURRENCY", "")
    return (workers.isdecimal() and int(workers) > 1) or os.environ.get(
        "SERVER_SOFTWARE", ""
    ).startswith("gunicorn")


class SharedMemoryWarning(RuntimeWarning):
    """A MemoryStore is used although there seem to be several processes."""


class _Uses(NamedTuple):
    """The record of one session: the token that can be consumed next, and the latest uses."""

    next_token: str
    recent: Sequence[RecentUse]


class MemoryStore:
    """A `RevocationStore` in a dictionary.

    Its size is bounded by expiry: a record is kept as long as the token that it denies, and an hour
    longer in case a clock steps. A check takes the same time with one record as with a million.
    Records are lost when the process ends, and no other process sees them: with several workers, a
    token that one worker has revoked is still accepted by the others. If there seem to be several
    workers, the store warns (`SharedMemoryWarning`); after a fork the child cannot write to it.

    Threads and event loops of one process may share a store. A copy, also a deep copy, is the store
    itself: an independent copy would accept used and revoked tokens again.
    """

    timeout_seconds: float | None = None
    """None: the store never waits."""
    needs_purge: bool = False
    """False: each call removes some of the expired records."""

    def __init__(self, *, single_process: bool = False) -> None:
        """Start without records.

        Args:
            single_process: no other process verifies the same tokens; turns the warning off.
        """
        self._process = os.getpid()
        if not single_process and _seems_one_of_several():
            warnings.warn(_SHARED, SharedMemoryWarning, stacklevel=2)

        self._tokens = ExpiringSet()
        self._sessions = ExpiringSet()
        # For each subject, the time before which its tokens are denied.
        self._subjects: ExpiringMap[float] = ExpiringMap()
        # The uses of refresh tokens by their session.
        self._uses: ExpiringMap[_Uses] = ExpiringMap()
        self._kinds: tuple[ExpiringSet, ...] = (
            self._tokens,
            self._sessions,
            self._subjects,
            self._uses,
        )
        # The latest sealed pair of each session with the end of its grace, and a heap of these ends.
        self._sealed: dict[str, tuple[float, bytes]] = {}
        self._sealed_ends: list[tuple[float, str]] = []

        self._listed: SessionRecords | None = None
        self._retention = 0.0
        self._swept_at = self._next_sweep = -math.inf
        # Held for every change, and never across an await. Reads do not need it.
        self._lock = Lock()

    def __copy__(self) -> Self:
        """Return the store itself."""
        return self

    def __deepcopy__(self, memo: object) -> Self:
        """Return the store itself."""
        return self

    async def is_revoked(
        self, *, jti: str, sid: str | None, sub: str, issued_at: float | None, now: float
    ) -> bool:
        """See `RevocationStore.is_revoked`. It never waits, so all three are read at one moment."""
        if not self._swept_at <= now < self._next_sweep:
            self._sweep_if_free(now)
        if self._tokens.has(jti, now) or (sid is not None and self._sessions.has(sid, now)):
            return True

        if not self._subjects.has(sub, now):
            return False

        moment = self._subjects.get(sub)
        return issued_at is None or moment is None or issued_at < moment

    async def revoke(self, revocation: Revocation, *, now: float) -> None:
        """See `RevocationStore.revoke`."""
        self._refuse_other_process()
        with self._lock:
            self._revoke(revocation, now)
            self._sweep_in_turn(now)

    async def consume(self, consumption: Consumption, *, now: float) -> Consumed:
        """See `RevocationStore.consume`. Reads and writes under one lock."""
        self._refuse_other_process()
        with self._lock:
            consumed = self._consume(consumption, now)
            self._sweep_in_turn(now)
        return consumed

    def session_records(self) -> "SessionRecords":
        """Return the sessions of subjects, for an engine with a `session_list`."""
        if self._listed is None:
            from tokenward.stores.memory_sessions import MemorySessionRecords

            listed = MemorySessionRecords(self._lock, self._refuse_other_process)
            with self._lock:
                if self._listed is None:
                    self._kinds = (*self._kinds, listed.subjects)
                    self._listed = listed
        return self._listed

    async def raise_retention(self, seconds: float) -> float:
        """See `RevocationStore.raise_retention`. After a fork, the child process only reads."""
        if os.getpid() == self._process:
            with self._lock:
                self._retention = max(self._retention, seconds)
        return max(self._retention, seconds)

    async def purge(self, *, now: float) -> int:
        """Remove all expired records and return how many; the event loop runs after each shard."""
        import asyncio  # takes longer to import than this package

        removed = 0
        for _ in range(SHARDS):
            with self._lock:
                removed += self._sweep_shards(now)
            await asyncio.sleep(0)
        return removed

    async def ping(self) -> None:
        """See `RevocationStore.ping`. It never waits.

        Raises:
            ConfigurationError: the store was created before a fork, so this process cannot write.
        """
        self._refuse_other_process()

    async def aclose(self) -> None:
        """See `RevocationStore.aclose`. There is nothing to close."""

    async def __aenter__(self) -> Self:
        """Return the store itself."""
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Close the store."""
        await self.aclose()

    def __len__(self) -> int:
        """Count the records, including the expired ones that have not been removed yet."""
        return sum(map(len, self._kinds))

    def _refuse_other_process(self) -> None:
        if os.getpid() != self._process:
            msg = f"This MemoryStore was created before a fork. {_SHARED}"
            raise ConfigurationError(msg)

    def _revoke(self, revocation: Revocation, now: float) -> None:
        identity, keep_until = revocation.identity, revocation.keep_until
        if revocation.kind == "token":
            self._tokens.add(identity, keep_until=keep_until)
        elif revocation.kind == "session":
            self._sessions.add(identity, keep_until=keep_until)
        else:
            # Without a time, all tokens of the subject are denied.
            before = revocation.issued_before
            earlier = self._subjects.live(identity, now)
            moment = max(math.inf if before is None else before, earlier or 0)
            self._subjects.put(identity, moment, keep_until=keep_until)

    def _consume(self, consumption: Consumption, now: float) -> Consumed:
        session, token, grace_until = consumption.session, consumption.jti, consumption.grace_until
        uses = self._uses.live(session, now)
        recent = () if uses is None else uses.recent
        # A token that was used last is used, even if its successor has the same identity.
        if uses is not None and (token != uses.next_token or token == recent[0].token):
            _, sealed = self._sealed.get(session, (0.0, b""))
            return later_use(recent, token, sealed, now)

        record = _Uses(consumption.successor, with_use(recent, token, grace_until, now))
        self._uses.put(session, record, keep_until=consumption.keep_until)
        # The pair that contains this token must not be returned again.
        if consumption.sealed and grace_until > now:
            self._sealed[session] = grace_until, consumption.sealed
            heappush(self._sealed_ends, (grace_until, session))
        else:
            self._sealed.pop(session, None)
        return Consumed(is_first=True)

    def _sweep_if_free(self, now: float) -> None:
        # Reads never wait; in a child that was forked while the lock was held, they would forever.
        if self._lock.acquire(blocking=False):
            try:
                self._sweep_in_turn(now)
            finally:
                self._lock.release()

    def _sweep_in_turn(self, now: float) -> None:
        # Also swept when the clock has stepped back.
        if not self._swept_at <= now < self._next_sweep:
            self._swept_at = now
            self._next_sweep = now + _SWEEP_SECONDS / SHARDS
            self._sweep_shards(now)

    def _sweep_shards(self, now: float) -> int:
        while self._sealed_ends and self._sealed_ends[0][0] <= now:
            _, session = heappop(self._sealed_ends)
            # A later use of the session may have replaced the pair.
            if self._sealed.get(session, (math.inf, b""))[0] <= now:
                del self._sealed[session]

        return sum(len(each.sweep_next(now)) for each in self._kinds)
