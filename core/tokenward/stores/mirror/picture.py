"""The recent revocations of a shared store, in the memory of one process."""

import math
from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple

from tokenward.stores.expiring import SHARD_BITS_AT, SHARDS, ExpiringMap, ExpiringSet
from tokenward.stores.feed import Change
from tokenward.stores.identities import is_digest, key_of
from tokenward.stores.protocol import CLOCK_SPARE_SECONDS

__all__ = ["Picture"]

# A few milliseconds: the event loop waits meanwhile.
_LARGEST_REMOVAL: Final = 5_000


class _Kind:
    """The records of one kind of identities."""

    __slots__ = ("again", "count", "digests", "records", "shards")

    def __init__(self, records: ExpiringSet) -> None:
        self.records = records
        self.shards = records.shards
        self.count = 0
        """How many names there are; without any, nothing need be looked up."""
        self.digests = 0
        """How many names are digests; without any, each identity can be looked up as it is."""
        self.again: dict[str, int] = {}
        """How often a record was added again. It is removed when the last addition is old."""

    def add(self, name: str, keep_until: float) -> None:
        if not self.records.add(name, keep_until=keep_until):
            self.again[name] = self.again.get(name, 0) + 1
            return
        self.count += 1
        self.digests += is_digest(name)

    def remove(self, name: str) -> None:
        later = self.again.pop(name, 0)
        if later > 1:
            self.again[name] = later - 1
        if not later:
            self.records.remove(name)
            self.count -= 1
            self.digests -= is_digest(name)


class _Batch(NamedTuple):
    """Records that came together, and the uptime at which they are removed."""

    remove_at: float
    kind: _Kind
    names: list[str]


class Picture:
    """Records of revocations, each kept for the same time from its revocation on."""

    __slots__ = (
        "_batches",
        "_keep_seconds",
        "_kinds",
        "_moments",
        "_sessions",
        "_subjects",
        "_tokens",
    )

    def __init__(self, keep_seconds: float) -> None:
        """Start empty.

        Args:
            keep_seconds: how long a record is kept after the revocation.
        """
        self._keep_seconds = keep_seconds
        # For each subject, the time before which its tokens are denied.
        self._moments: ExpiringMap[float] = ExpiringMap()
        self._tokens = _Kind(ExpiringSet())
        self._sessions = _Kind(ExpiringSet())
        self._subjects = _Kind(self._moments)
        self._kinds = {
            "token": self._tokens,
            "session": self._sessions,
            "subject": self._subjects,
        }
        # In the order of removal. Lists of names, because a dict could not be walked by age.
        self._batches: deque[_Batch] = deque()

    def add(self, changes: Sequence[Change], *, uptime: float, now: float | None) -> None:
        """Add records.

        Args:
            changes: the records. Of two records of one identity, the later times stand.
            uptime: when the read began that delivered them.
            now: the time of the engine, if it is known.
        """
        # Beyond this time it makes no difference when a record expires, and all share one number.
        far = math.inf if now is None else now + self._keep_seconds + CLOCK_SPARE_SECONDS

        youngest = min((change.age_seconds for change in changes), default=0.0)
        remove_at = uptime + self._keep_seconds - youngest
        batches: dict[str, _Batch] = {}
        for change in changes:
            kind, name = self._kinds[change.kind], change.name
            if kind is self._subjects:
                # The record is merged with an expired one as well, so it may deny more.
                moment = max(self._moments.get(name) or 0.0, change.issued_before)
                self._moments.set_value(name, moment)
            kind.add(name, math.inf if change.keep_until >= far else change.keep_until)
            batches.setdefault(change.kind, _Batch(remove_at, kind, [])).names.append(name)
        self._batches.extend(batches.values())

    def denies(self, jti: str, sid: str | None, sub: str, issued_at: float, now: float) -> bool:
        """Return whether a record denies the token; see `RevocationStore.is_revoked`."""
        # As in ExpiringSet.has, without the calls, because this runs for every request.
        kind = self._tokens
        if kind.count and jti:
            name = key_of(jti) if kind.digests else jti
            shard = kind.shards[(hash(name) >> SHARD_BITS_AT) % SHARDS]
            if name in shard and shard[name] > now:
                return True
        kind = self._sessions
        if kind.count and sid:
            name = key_of(sid) if kind.digests else sid
            shard = kind.shards[(hash(name) >> SHARD_BITS_AT) % SHARDS]
            if name in shard and shard[name] > now:
                return True
        kind = self._subjects
        if kind.count and sub:
            name = key_of(sub) if kind.digests else sub
            shard = kind.shards[(hash(name) >> SHARD_BITS_AT) % SHARDS]
            if name in shard and shard[name] > now:
                moment = self._moments.get(name)
                return moment is None or issued_at < moment
        return False

    def remove_old(self, uptime: float) -> None:
        """Remove records whose time has passed, some thousands at most."""
        removed = 0
        while self._batches and self._batches[0].remove_at <= uptime:
            _, kind, names = self._batches.popleft()
            for name in names:
                kind.remove(name)
            removed += len(names)
            if removed >= _LARGEST_REMOVAL:
                return

    def __len__(self) -> int:
        """Count the records."""
        return sum(kind.count for kind in self._kinds.values())
