"""Revocations in the memory of one process: for a single process, for tests, and for a start."""

import asyncio
import math
import os
import sys
import warnings
from heapq import heappop, heappush
from threading import Lock
from typing import Final, Self

from tokenward.errors import ConfigurationError
from tokenward.stores.expiring import SHARDS, ExpiringMap, ExpiringSet
from tokenward.stores.protocol import Consumed, Consumption, Revocation

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
        self._consumed = ExpiringSet()
        # The successor of each token whose grace has not ended.
        self._graces: ExpiringMap[str] = ExpiringMap()
        self._kinds = (self._tokens, self._sessions, self._subjects, self._consumed)
        # The sealed pairs by their successor, and a heap of them by the end of their grace.
        self._sealed: dict[str, bytes] = {}
        self._sealed_ends: list[tuple[float, str]] = []

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

    async def raise_retention(self, seconds: float) -> float:
        """See `RevocationStore.raise_retention`. After a fork, the child process only reads."""
        if os.getpid() == self._process:
            with self._lock:
                self._retention = max(self._retention, seconds)
        return max(self._retention, seconds)

    async def purge(self, *, now: float) -> int:
        """Remove all expired records and return how many; the event loop runs after each shard."""
        removed = 0
        for _ in range(SHARDS):
            with self._lock:
                removed += self._sweep_shards(now)
            await asyncio.sleep(0)
        return removed

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
            earlier = self._subjects.get(identity) if self._subjects.has(identity, now) else None
            moment = max(math.inf if before is None else before, earlier or 0)
            self._subjects.put(identity, moment, keep_until=keep_until)

    def _consume(self, consumption: Consumption, now: float) -> Consumed:
        jti = consumption.jti
        if self._consumed.has(jti, now):
            successor = self._graces.get(jti) if self._graces.has(jti, now) else None
            if successor is None:
                return Consumed(is_first=False)
            is_used = self._consumed.has(successor, now)
            sealed = b"" if is_used else self._sealed.get(successor, b"")
            return Consumed(is_first=False, sealed=sealed, is_in_grace=True)

        self._consumed.add(jti, keep_until=consumption.keep_until)

        # The pair that contains this token must not be returned again.
        self._sealed.pop(jti, None)

        if consumption.grace_until > now:
            successor = consumption.successor
            self._graces.put(jti, successor, keep_until=consumption.grace_until)
            if consumption.sealed:
                self._sealed[successor] = consumption.sealed
                heappush(self._sealed_ends, (consumption.grace_until, successor))
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
            self._sealed.pop(heappop(self._sealed_ends)[1], None)

        self._graces.sweep_next(now)
        return sum(len(each.sweep_next(now)) for each in self._kinds)
