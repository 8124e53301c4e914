"""The keys that an engine holds, from the day one is published to the day it is gone.

A token's header never chooses an algorithm: it may name a key, and the key knows its own. ::

    pending ──rotate──▶ active ──rotate──▶ verify-only ──its time is over──▶ gone
       published, verifies   signs            verifies         retire: from any state but active
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from threading import Lock
from typing import NamedTuple, Self

from pydantic import JsonValue

from tokenward._arguments import kind_of
from tokenward.errors import ConfigurationError
from tokenward.jose.key import Key
from tokenward.jose.key_source import Signer
from tokenward.keys.index import KeyEntry, KeyIndex, find_key, indexed

__all__ = ["KeyEntry", "KeyRing"]


class _Snapshot(NamedTuple):
    """A ring at one moment: it is replaced as a whole, so that no reader sees half of a change."""

    entries: tuple[KeyEntry, ...]
    lookup: KeyIndex
    signer: Signer | None
    undated: Mapping[Key, float]
    """How many seconds a key still verifies, from the time at which an engine next uses the ring."""


class KeyRing:
    """The keys of one engine: one signs, all verify.

    ::

        KeyRing.from_secret(os.environ["TOKENWARD_SECRET"])
        KeyRing(Key.from_pem(new), verifiers=[Key.from_pem(old_public)])
        ring.rotate(Key.generate("EdDSA"), verify_for=timedelta(days=30))

    What changes it (`publish`, `rotate`, `retire`, `replace`, `drop_expired`) takes effect at once, in
    every engine that holds it. Several threads may change it: the changes are made one after the other.
    """

    # Writers hold the lock. Readers take none: they read the snapshot once.
    __slots__ = ("_lock", "_snapshot", "due_at", "version")

    def __init__(
        self, active: Key | Signer, *, verifiers: Iterable[Key] = (), pending: Iterable[Key] = ()
    ) -> None:
        """Take the key that signs, and those that only verify.

        Args:
            active: the signer. Where it has no private part, the ring verifies and cannot issue.
            verifiers: keys whose tokens are accepted too; usually those that signed before.
            pending: keys that are published and accepted, and will sign later.

        Raises:
            ConfigurationError: two keys have the same id, or two of one algorithm have none.
        """
        self.version: int = 0
        """A number that grows with every change."""
        self.due_at: float = math.inf
        """When the next key expires, in seconds since 1970; see `prepare`."""
        self._lock = Lock()
        key, signer = _parts(active)
        self._install(
            [
                KeyEntry(key, "active"),
                *(
                    KeyEntry(each, "verify-only")
                    for each in _several(verifiers, "verifiers")
                    if each != key
                ),
                *(KeyEntry(each, "pending") for each in _several(pending, "pending")),
            ],
            signer,
            {},
        )

    def __deepcopy__(self, memo: object) -> Self:
        """Return a ring of the same keys that changes independently of this one."""
        with self._lock:
            entries, _, signer, undated = self._snapshot
        twin = type(self)(signer or entries[0].key)
        twin._install(list(entries), signer, undated)  # noqa: SLF001 - of the same class
        return twin

    @classmethod
    def from_entries(cls, entries: Iterable[KeyEntry]) -> Self:
        """Make a ring of keys with their states, as `entries` gives them.

        Raises:
            ConfigurationError: not exactly one is active, or see `KeyRing`.
        """
        listed = list(entries)
        active = [entry for entry in listed if entry.state == "active"]
        if len(active) != 1 or any(entry.state not in _STATES for entry in listed):
            msg = "A ring has exactly one active key; the others are pending or verify-only."
            raise ConfigurationError(msg)
        ring = cls(active[0].key)
        ring._install([*active, *(each for each in listed if each.state != "active")], None, {})
        return ring

    @classmethod
    def from_secret(
        cls, secret: str | bytes, *, algorithm: str = "HS256", kid: str | None = None
    ) -> Self:
        """Make a ring of one `Key.from_secret`."""
        return cls(Key.from_secret(secret, algorithm=algorithm, kid=kid))

    @classmethod
    def from_pem(
        cls,
        pem: str | bytes,
        *,
        algorithm: str | None = None,
        password: str | bytes | None = None,
        kid: str | None = None,
    ) -> Self:
        """Make a ring of one `Key.from_pem`."""
        return cls(Key.from_pem(pem, algorithm=algorithm, password=password, kid=kid))

    @classmethod
    def from_jwk(
        cls,
        jwk: Mapping[str, JsonValue],
        *,
        algorithm: str | None = None,
        kid: str | None = None,
    ) -> Self:
        """Make a ring of one `Key.from_jwk`."""
        return cls(Key.from_jwk(jwk, algorithm=algorithm, kid=kid))

    @classmethod
    def generate(cls, algorithm: str = "EdDSA", *, kid: str | None = None) -> Self:
        """Make a ring of one `Key.generate`."""
        return cls(Key.generate(algorithm, kid=kid))

    @property
    def active(self) -> Key:
        """The key that signs."""
        return self._snapshot.entries[0].key

    @property
    def can_sign(self) -> bool:
        """Whether the ring issues tokens: its active key is private, or has a `Signer`."""
        entries, _, signer, _ = self._snapshot
        return signer is not None or entries[0].key.can_sign

    @property
    def signer(self) -> Signer | None:
        """What signs elsewhere for the active key; None: the key itself does."""
        return self._snapshot.signer

    def signing_key(self) -> Key | Signer:
        """Return the active key, or the `Signer` that signs for it.

        Not checked: that the active key has a private part; see `can_sign`.
        """
        entries, _, signer, _ = self._snapshot
        return entries[0].key if signer is None else signer

    def entries(self) -> tuple[KeyEntry, ...]:
        """Give every key with its state, the active one first.

        Raises:
            ConfigurationError: `rotate` was given no time, and no engine has used the ring since.
        """
        return _dated(self._snapshot).entries

    def publish(self, key: Key) -> None:
        """Add a pending key: its tokens are accepted, and its public half is in `public_jwks`.

        Do this a while before `rotate`, so that whoever keeps a copy of the set knows the key.

        Raises:
            ConfigurationError: a key of this id is there already.
        """
        with self._lock:
            entries, _, signer, undated = self._snapshot
            self._install([*entries, KeyEntry(key, "pending")], signer, undated)

    def rotate(
        self, new_key: Key | Signer, *, verify_for: timedelta | None, now: float | None = None
    ) -> None:
        """Have another key sign from now on; the one that signed before only verifies.

        Args:
            new_key: a new one, or one that is pending or verify-only.
            verify_for: how long the old key still verifies: at least as long as its tokens live.
                Zero: it is gone at once. None: until it is retired.
            now: seconds since 1970; None: the time at which an engine next uses the ring.

        Raises:
            ConfigurationError: the key is the active one, its id is that of another key, or
                `verify_for` is negative.
        """
        if verify_for is not None and verify_for < timedelta(0):
            msg = "verify_for must not be negative."
            raise ConfigurationError(msg)
        key, signer = _parts(new_key)
        seconds = None if verify_for is None else verify_for.total_seconds()
        until = None if seconds is None or now is None else now + seconds
        with self._lock:
            (old, *others), _, _, undated = self._snapshot
            if key.kid == old.key.kid:
                msg = "This key, or one of its id, is the active one: a new key needs its own id."
                raise ConfigurationError(msg)
            kept = [each for each in others if each.key.kid != key.kid or each.key.kid is None]
            retiring = [] if seconds == 0 else [KeyEntry(old.key, "verify-only", until)]
            if seconds is not None and until is None:
                undated = {**undated, old.key: seconds}
            self._install([KeyEntry(key, "active"), *retiring, *kept], signer, undated)

    def retire(self, kid: str) -> None:
        """Let a key go at once: what it signed is refused from now on.

        Raises:
            ConfigurationError: there is no such key, or it is the active one.
        """
        with self._lock:
            entries, _, signer, undated = self._snapshot
            if kid == entries[0].key.kid:
                msg = "The active key cannot be retired: rotate to another first."
                raise ConfigurationError(msg)
            kept = [entry for entry in entries if entry.key.kid != kid]
            if len(kept) == len(entries):
                msg = "There is no key of this id in the ring."
                raise ConfigurationError(msg)
            self._install(kept, signer, undated)

    def replace(self, other: "KeyRing") -> None:
        """Take over the keys of another ring as they are, in one step.

        Raises:
            ConfigurationError: see `entries`.
        """
        taken = _dated(other._snapshot)  # noqa: SLF001 - of the same class
        with self._lock:
            self._install(list(taken.entries), taken.signer, {})

    def drop_expired(self, now: float) -> None:
        """Let the keys go whose time is over. Engines call it through `prepare` when `due_at` has come."""
        with self._lock:
            entries, _, signer, undated = self._snapshot
            dated = [
                entry._replace(verify_until=now + undated[entry.key])
                if entry.key in undated
                else entry
                for entry in entries
            ]
            kept = [each for each in dated if each.verify_until is None or each.verify_until > now]
            self._install(kept, signer, {})

    async def prepare(self, now: float) -> None:
        """Call `drop_expired`; this is how an engine prepares any `KeySource`."""
        self.drop_expired(now)

    async def fetch_for(self, kid: str | None, now: float) -> bool:  # noqa: ARG002 - a protocol's
        """Return False: a ring has no other place to look for a key."""
        return False

    def public_jwks(self) -> dict[str, JsonValue]:
        """Give the set of public keys (RFC 7517 §5): pending, active and verify-only ones.

        Secrets have no public half, and are not in it; nor is any private member.
        """
        published = [
            entry.key.public_jwk()
            for entry in self._snapshot.entries
            if entry.key.algorithm.key_type != "oct"
        ]
        return {"keys": [*published]}

    def find(self, *, kid: str | None, algorithm: str) -> Key:
        """Find the key of a header: exactly by its ``kid``, or the only one of that algorithm.

        A key whose id was not given (`Key.is_named`) is also found by any ``kid`` that no key has, if
        it is the only key of that algorithm.

        Raises:
            UnknownKeyError: there is none, or more than one could be meant.
            AlgorithmMismatchError: the key is bound to another algorithm, or no key has this one.
        """
        return find_key(self._snapshot.lookup, kid=kid, algorithm=algorithm)

    def __iter__(self) -> Iterator[Key]:
        """Go through the keys, the signer first."""
        return (entry.key for entry in self._snapshot.entries)

    def __len__(self) -> int:
        """Count the keys."""
        return len(self._snapshot.entries)

    def __repr__(self) -> str:
        """Say which keys there are, and nothing of what they hold."""
        return f"KeyRing(active={self.active!r}, keys={len(self)})"

    def _install(
        self, entries: list[KeyEntry], signer: Signer | None, undated: Mapping[Key, float]
    ) -> None:
        """Check keys, then replace all at once. The caller holds the lock."""
        lookup = indexed(entry.key for entry in entries)
        ends = [entry.verify_until for entry in entries if entry.verify_until is not None]
        waiting = {entry.key: undated[entry.key] for entry in entries if entry.key in undated}
        self._snapshot = _Snapshot(tuple(entries), lookup, signer, waiting)
        self.due_at = -math.inf if waiting else min(ends, default=math.inf)
        # Last: whoever sees the number sees the keys.
        self.version += 1


_STATES = frozenset({"pending", "active", "verify-only"})


def _dated(snapshot: _Snapshot) -> _Snapshot:
    if snapshot.undated:
        msg = "The ring does not know the time yet: give rotate its now=."
        raise ConfigurationError(msg)
    return snapshot


def _several(keys: Iterable[Key], argument: str) -> tuple[Key, ...]:
    listed = tuple(keys) if isinstance(keys, Iterable) else (None,)
    if not all(isinstance(key, Key) for key in listed):
        msg = f"{argument} must be several keys, as in {argument}=[Key.from_jwk(...)]."
        raise ConfigurationError(msg)
    # A key that was given twice is one key.
    return tuple(dict.fromkeys(listed))


def _parts(key: Key | Signer) -> tuple[Key, Signer | None]:
    if isinstance(key, type) or not isinstance(key, Key | Signer):
        msg = (
            f"A ring signs with a Key or a Signer, not {kind_of(key)}: "
            "give KeyRing(Key.from_secret(...)), or KeyRing.from_secret(...)."
        )
        raise ConfigurationError(msg)
    return (key, None) if isinstance(key, Key) else (key.key, key)
