"""Revocations in this process's memory: for one process, for tests, and to start with."""

import asyncio
import math
from typing import Final, Self

from tokenward.revocation import Revocation

__all__ = ["MemoryStore"]

# With a million entries a shard has about 4,000: its dict grows, and is swept, in well under 1 ms.
_SHARDS: Final = 256
# Dicts place by the low bits of a hash; sharding by them as well would make the keys collide.
_SHARD_BITS_AT: Final = 40
# In this time a busy store sweeps every shard once; a quiet one sweeps a shard a write.
_SWEEP_SECONDS: Final = 60.0


def _shard_of(identity: str) -> int:
    return (hash(identity) >> _SHARD_BITS_AT) % _SHARDS


class _ExpiringSet:
    """Identities, each with the time until which it is kept, in shards that stay small.

    Nothing ever walks through all of them in one step.
    """

    __slots__ = ("_next", "_shards")

    def __init__(self) -> None:
        self._shards: list[dict[str, float]] = [{} for _ in range(_SHARDS)]
        self._next = 0

    def add(self, identity: str, *, keep_until: float) -> None:
        shard = self._shards[_shard_of(identity)]
        shard[identity] = max(keep_until, shard.get(identity, keep_until))

    def has(self, identity: str, now: float) -> bool:
        # As in _shard_of, without the call: this is asked for every token.
        shard = self._shards[(hash(identity) >> _SHARD_BITS_AT) % _SHARDS]
        return shard.get(identity, 0.0) > now

    def sweep_next(self, now: float) -> list[str]:
        """Forget what is over in the next shard, and give it back."""
        shard = self._shards[self._next]
        self._next = (self._next + 1) % _SHARDS
        over = [identity for identity, keep_until in shard.items() if keep_until <= now]
        for identity in over:
            del shard[identity]
        return over

    def __len__(self) -> int:
        return sum(map(len, self._shards))


class _Moments(_ExpiringSet):
    """Identities that are kept together with the moment before which they are denied."""

    __slots__ = ("_moments",)

    def __init__(self) -> None:
        super().__init__()
        self._moments: list[dict[str, float]] = [{} for _ in range(_SHARDS)]

    def add_moment(self, identity: str, moment: float, *, keep_until: float) -> None:
        self.add(identity, keep_until=keep_until)
        shard = self._moments[_shard_of(identity)]
        shard[identity] = max(moment, shard.get(identity, moment))

    def moment(self, identity: str) -> float:
        return self._moments[_shard_of(identity)][identity]

    def sweep_next(self, now: float) -> list[str]:
        over = super().sweep_next(now)
        for identity in over:
            del self._moments[_shard_of(identity)][identity]
        return over


class MemoryStore:
    """A `RevocationStore` in a dictionary.

    Bounded by expiry: an entry lives as long as the token that it denies. A look-up costs the same
    with one entry as with a million. What it knows is lost when the process ends, and no other
    process sees it: with several workers, a token that one has revoked is still good at the others.
    """

    def __init__(self) -> None:
        """Start with nothing revoked."""
        self._tokens = _ExpiringSet()
        self._sessions = _ExpiringSet()
        self._subjects = _Moments()
        self._consumed = _ExpiringSet()
        self._kinds = (self._tokens, self._sessions, self._subjects, self._consumed)
        self._next_sweep = 0.0

    async def is_revoked(
        self, *, jti: str, sid: str | None, sub: str, issued_at: float | None, now: float
    ) -> bool:
        """See `RevocationStore.is_revoked`. Never waits, so it reads all three at one moment."""
        if self._tokens.has(jti, now) or (sid is not None and self._sessions.has(sid, now)):
            return True
        if not self._subjects.has(sub, now):
            return False
        return issued_at is None or issued_at < self._subjects.moment(sub)

    async def revoke(self, revocation: Revocation, *, now: float) -> None:
        """See `RevocationStore.revoke`."""
        identity, keep_until = revocation.identity, revocation.keep_until
        if revocation.kind == "token":
            self._tokens.add(identity, keep_until=keep_until)
        elif revocation.kind == "session":
            self._sessions.add(identity, keep_until=keep_until)
        else:
            # Without a moment, everything of the subject is denied.
            before = revocation.issued_before
            moment = math.inf if before is None else before
            self._subjects.add_moment(identity, moment, keep_until=keep_until)
        self._sweep_in_turn(now)

    async def consume(self, jti: str, *, keep_until: float, now: float) -> bool:
        """See `RevocationStore.consume`. Never waits, so nobody can come between look and write."""
        if self._consumed.has(jti, now):
            return False
        self._consumed.add(jti, keep_until=keep_until)
        self._sweep_in_turn(now)
        return True

    async def purge(self, *, now: float) -> int:
        """Forget everything that is over, letting the event loop run after each slice."""
        forgotten = 0
        for _ in range(_SHARDS):
            forgotten += self._sweep_slice(now)
            await asyncio.sleep(0)
        return forgotten

    async def aclose(self) -> None:
        """See `RevocationStore.aclose`. There is nothing to give back."""

    async def __aenter__(self) -> Self:
        """Give the store itself."""
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Close it."""
        await self.aclose()

    def __len__(self) -> int:
        """Count the records, those included that are over and not yet swept."""
        return sum(map(len, self._kinds))

    def _sweep_in_turn(self, now: float) -> None:
        if now >= self._next_sweep:
            self._next_sweep = now + _SWEEP_SECONDS / _SHARDS
            self._sweep_slice(now)

    def _sweep_slice(self, now: float) -> int:
        return sum(len(each.sweep_next(now)) for each in self._kinds)
