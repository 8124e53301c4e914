"""Revocations in this process's memory: for one process, for tests, and to start with."""

import asyncio
import math
import os
import sys
import warnings
from typing import Final, Generic, Self, TypeVar

from tokenward.errors import ConfigurationError
from tokenward.revocation import Consumed, Consumption, Revocation

__all__ = ["MemoryStore", "SharedMemoryWarning"]

ValueT = TypeVar("ValueT")

# With a million entries a shard has about 4,000: its dict grows, and is swept, in well under 1 ms.
_SHARDS: Final = 256
# Dicts place by the low bits of a hash; sharding by them as well would make the keys collide.
_SHARD_BITS_AT: Final = 40
# In this time a busy store sweeps every shard once; a quiet one sweeps a shard a write.
_SWEEP_SECONDS: Final = 60.0


_SHARED: Final = (
    "A MemoryStore serves one process: what one worker revokes, the others still accept. Use "
    "RedisStore or SqlStore, or say MemoryStore(single_process=True)."
)


def _seems_one_of_several() -> bool:
    """Look for the traces of uvicorn's and hypercorn's workers, of gunicorn, and of platforms."""
    multiprocessing = sys.modules.get("multiprocessing")
    if multiprocessing is not None and multiprocessing.parent_process() is not None:
        return True
    workers = os.environ.get("WEB_CONCURRENCY", "")
    return (workers.isdecimal() and int(workers) > 1) or os.environ.get(
        "SERVER_SOFTWARE", ""
    ).startswith("gunicorn")


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


class _ExpiringMap(_ExpiringSet, Generic[ValueT]):
    """Identities that are kept together with a value."""

    __slots__ = ("_values",)

    def __init__(self) -> None:
        super().__init__()
        self._values: list[dict[str, ValueT]] = [{} for _ in range(_SHARDS)]

    def put(self, identity: str, value: ValueT, *, keep_until: float) -> None:
        self.add(identity, keep_until=keep_until)
        self._values[_shard_of(identity)][identity] = value

    def get(self, identity: str) -> ValueT | None:
        """Give the value, also of one that is over and not yet swept."""
        return self._values[_shard_of(identity)].get(identity)

    def sweep_next(self, now: float) -> list[str]:
        over = super().sweep_next(now)
        for identity in over:
            del self._values[_shard_of(identity)][identity]
        return over


class SharedMemoryWarning(RuntimeWarning):
    """A MemoryStore is used where there seem to be several processes."""


class MemoryStore:
    """A `RevocationStore` in a dictionary.

    Bounded by expiry: an entry lives as long as the token that it denies. A look-up costs the same
    with one entry as with a million. What it knows is lost when the process ends, and no other
    process sees it: with several workers, a token that one has revoked is still good at the others.
    Where it seems to be one of several it warns (`SharedMemoryWarning`), and after a fork the child
    cannot write to it.
    """

    timeout_seconds: float | None = None
    """It never waits."""

    def __init__(self, *, single_process: bool = False) -> None:
        """Start with nothing revoked.

        Args:
            single_process: you know that no other process judges the same tokens; no warning.
        """
        self._process = os.getpid()
        if not single_process and _seems_one_of_several():
            warnings.warn(_SHARED, SharedMemoryWarning, stacklevel=2)
        self._tokens = _ExpiringSet()
        self._sessions = _ExpiringSet()
        # The moment before which each subject's tokens are denied.
        self._subjects: _ExpiringMap[float] = _ExpiringMap()
        self._consumed = _ExpiringSet()
        # What was consumed a short while ago, for as long as it may come again.
        self._graces: _ExpiringMap[Consumption] = _ExpiringMap()
        self._kinds = (
            self._tokens, self._sessions, self._subjects, self._consumed, self._graces,
        )  # fmt: skip
        self._next_sweep = 0.0

    async def is_revoked(
        self, *, jti: str, sid: str | None, sub: str, issued_at: float | None, now: float
    ) -> bool:
        """See `RevocationStore.is_revoked`. Never waits, so it reads all three at one moment."""
        if self._tokens.has(jti, now) or (sid is not None and self._sessions.has(sid, now)):
            return True
        if not self._subjects.has(sub, now):
            return False
        moment = self._subjects.get(sub)
        return issued_at is None or moment is None or issued_at < moment

    async def revoke(self, revocation: Revocation, *, now: float) -> None:
        """See `RevocationStore.revoke`."""
        self._refuse_other_process()
        identity, keep_until = revocation.identity, revocation.keep_until
        if revocation.kind == "token":
            self._tokens.add(identity, keep_until=keep_until)
        elif revocation.kind == "session":
            self._sessions.add(identity, keep_until=keep_until)
        else:
            # Without a moment, everything of the subject is denied.
            before = revocation.issued_before
            earlier = self._subjects.get(identity) if self._subjects.has(identity, now) else None
            moment = max(math.inf if before is None else before, earlier or 0)
            self._subjects.put(identity, moment, keep_until=keep_until)
        self._sweep_in_turn(now)

    async def consume(self, consumption: Consumption, *, now: float) -> Consumed:
        """See `RevocationStore.consume`. Never waits, so nobody can come between look and write."""
        self._refuse_other_process()
        jti = consumption.jti
        if self._consumed.has(jti, now):
            earlier = self._graces.get(jti) if self._graces.has(jti, now) else None
            if earlier is None or self._consumed.has(earlier.successor, now):
                return Consumed(is_first=False)
            return Consumed(is_first=False, sealed=earlier.sealed)
        self._consumed.add(jti, keep_until=consumption.keep_until)
        if consumption.grace_until > now:
            self._graces.put(jti, consumption, keep_until=consumption.grace_until)
        self._sweep_in_turn(now)
        return Consumed(is_first=True)

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

    def _refuse_other_process(self) -> None:
        if os.getpid() != self._process:
            msg = f"This MemoryStore was made before a fork. {_SHARED}"
            raise ConfigurationError(msg)

    def _sweep_in_turn(self, now: float) -> None:
        if now >= self._next_sweep:
            self._next_sweep = now + _SWEEP_SECONDS / _SHARDS
            self._sweep_slice(now)

    def _sweep_slice(self, now: float) -> int:
        return sum(len(each.sweep_next(now)) for each in self._kinds)
