"""A key ring at one moment, and the states that a key goes through.

::

    pending ──rotate──▶ active ──rotate──▶ verify-only ──expires──▶ removed
       published, verifies   signs            verifies         retire: from any state but active
"""

import math
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple, Self, TypeAlias

from tokenward.errors import ConfigurationError
from tokenward.jose.key import Key
from tokenward.jose.key_source import Signer
from tokenward.keys.index import KeyIndex, index_ring

__all__ = ["KeyEntry", "KeyState", "RingState"]

KeyState: TypeAlias = Literal["pending", "active", "verify-only"]

_STATES: frozenset[KeyState] = frozenset({"pending", "active", "verify-only"})


class KeyEntry(NamedTuple):
    """One key of a ring, and its state."""

    key: Key
    state: KeyState
    verify_until: float | None = None
    """When a verify-only key expires, in seconds since 1970; None: not until it is retired."""


class RingState(NamedTuple):
    """The keys of a ring at one moment. Each change returns a new state, and checks its keys."""

    entries: tuple[KeyEntry, ...]
    """The active key first."""
    lookup: KeyIndex
    signer: Signer | None
    expire_after: Mapping[Key, float]
    """Seconds after which a verify-only key expires, counted from the next use of the ring."""

    @classmethod
    def of(
        cls,
        entries: Iterable[KeyEntry],
        signer: Signer | None = None,
        expire_after: Mapping[Key, float] | None = None,
    ) -> Self:
        """Return the state with these keys.

        Raises:
            ConfigurationError: two keys have the same id, or two keys of one algorithm have no id.
        """
        listed = tuple(entries)
        keys = [entry.key for entry in listed]
        waiting = {key: after for key, after in (expire_after or {}).items() if key in keys}
        return cls(listed, index_ring(keys), signer, waiting)

    @classmethod
    def loaded(cls, entries: Iterable[KeyEntry]) -> Self:
        """Return the state with keys that were saved.

        Raises:
            ConfigurationError: not exactly one key is active, a state is unknown, or see `of`.
        """
        listed = list(entries)
        active = [entry for entry in listed if entry.state == "active"]
        if len(active) != 1 or any(entry.state not in _STATES for entry in listed):
            msg = "A ring has exactly one active key; the others are pending or verify-only."
            raise ConfigurationError(msg)
        return cls.of([*active, *(entry for entry in listed if entry.state != "active")])

    @property
    def active(self) -> Key:
        """The key that signs."""
        return self.entries[0].key

    @property
    def due_at(self) -> float:
        """When `without_expired` changes something, in seconds since 1970."""
        if self.expire_after:
            return -math.inf
        ends = [entry.verify_until for entry in self.entries if entry.verify_until is not None]
        return min(ends, default=math.inf)

    def with_pending(self, key: Key) -> Self:
        """Return the state with one more pending key."""
        return self.of([*self.entries, KeyEntry(key, "pending")], self.signer, self.expire_after)

    def rotated(
        self, key: Key, signer: Signer | None, *, verify_seconds: float | None, now: float | None
    ) -> Self:
        """Return the state in which another key signs; see `KeyRing.rotate`."""
        old, *others = self.entries
        if key.kid == old.key.kid:
            msg = "The active key has this id: a new key needs another one."
            raise ConfigurationError(msg)

        kept = [entry for entry in others if entry.key.kid != key.kid or entry.key.kid is None]
        until = None if verify_seconds is None or now is None else now + verify_seconds
        retiring = [] if verify_seconds == 0 else [KeyEntry(old.key, "verify-only", until)]

        expire_after = self.expire_after
        if verify_seconds is not None and until is None:
            expire_after = {**expire_after, old.key: verify_seconds}

        return self.of([KeyEntry(key, "active"), *retiring, *kept], signer, expire_after)

    def without(self, kid: str) -> Self:
        """Return the state without a key; see `KeyRing.retire`."""
        if kid == self.active.kid:
            msg = "The active key cannot be retired: rotate to another key first."
            raise ConfigurationError(msg)

        kept = [entry for entry in self.entries if entry.key.kid != kid]
        if len(kept) == len(self.entries):
            msg = "The ring has no key of this id."
            raise ConfigurationError(msg)
        return self.of(kept, self.signer, self.expire_after)

    def without_expired(self, now: float) -> Self:
        """Return the state without expired keys, in which each key that expires has a date."""
        dated = [
            entry._replace(verify_until=now + self.expire_after[entry.key])
            if entry.key in self.expire_after
            else entry
            for entry in self.entries
        ]
        kept = [each for each in dated if each.verify_until is None or each.verify_until > now]
        return self.of(kept, self.signer)

    def checked_dates(self) -> Self:
        """Return the state if each key that expires has a date.

        Raises:
            ConfigurationError: `KeyRing.rotate` was called without a time, and the ring has not been
                used since.
        """
        if self.expire_after:
            msg = "The ring does not know the time yet: pass now= to rotate."
            raise ConfigurationError(msg)
        return self
