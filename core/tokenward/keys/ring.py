"""The keys of an engine: one signs, all verify.

The header of a token never chooses an algorithm: it may name a key, and the key has its algorithm.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from threading import Lock
from typing import Self

from pydantic import JsonValue

from tokenward._arguments import kind_of
from tokenward.errors import ConfigurationError
from tokenward.jose.key import Key
from tokenward.jose.key_source import Signer
from tokenward.keys.ring_state import KeyEntry, RingState

__all__ = ["KeyRing"]


class KeyRing:
    """The keys of an engine: one signs, all verify.

    ::

        KeyRing.from_secret(os.environ["TOKENWARD_SECRET"])
        KeyRing(Key.from_pem(new), verifiers=[Key.from_pem(old_public)])
        ring.rotate(Key.generate("EdDSA"), verify_for=timedelta(days=30))

    A change (`publish`, `rotate`, `retire`, `replace`, `drop_expired`) takes effect at once in every
    engine that has the ring. Threads may change it: their changes are made one after the other.
    """

    # Writers hold the lock. Readers take no lock: they read the state once.
    __slots__ = ("_lock", "_state", "due_at", "version")

    def __init__(
        self, active: Key | Signer, *, verifiers: Iterable[Key] = (), pending: Iterable[Key] = ()
    ) -> None:
        """Take the key that signs, and the keys that only verify.

        Args:
            active: the key that signs. With a public key, the ring verifies and cannot issue.
            verifiers: further keys whose tokens are accepted; usually those that signed before.
            pending: keys that are published and accepted, and will sign later.

        Raises:
            ConfigurationError: two keys have the same id, or two keys of one algorithm have no id.
        """
        self.version: int = 0
        """A number that grows with every change."""
        self.due_at: float = math.inf
        """When the next key expires, in seconds since 1970; see `prepare`."""

        self._lock = Lock()
        key, signer = _key_and_signer(active)

        old = [each for each in _checked_keys(verifiers, "verifiers") if each != key]
        entries = [
            KeyEntry(key, "active"),
            *(KeyEntry(each, "verify-only") for each in old),
            *(KeyEntry(each, "pending") for each in _checked_keys(pending, "pending")),
        ]
        self._install(RingState.of(entries, signer))

    def __deepcopy__(self, memo: object) -> Self:
        """Return a ring of the same keys that changes independently of this one."""
        state = self._state
        copy = type(self)(state.signer or state.active)
        copy._install(state)  # noqa: SLF001 - of the same class
        return copy

    @classmethod
    def from_entries(cls, entries: Iterable[KeyEntry]) -> Self:
        """Return a ring of keys with their states, as `entries` returned them.

        Raises:
            ConfigurationError: not exactly one key is active, or see `KeyRing`.
        """
        state = RingState.loaded(entries)
        ring = cls(state.active)
        ring._install(state)
        return ring

    @classmethod
    def from_secret(
        cls, secret: str | bytes, *, algorithm: str = "HS256", kid: str | None = None
    ) -> Self:
        """Return a ring of one key; see `Key.from_secret`."""
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
        """Return a ring of one key; see `Key.from_pem`."""
        return cls(Key.from_pem(pem, algorithm=algorithm, password=password, kid=kid))

    @classmethod
    def from_jwk(
        cls,
        jwk: Mapping[str, JsonValue],
        *,
        algorithm: str | None = None,
        kid: str | None = None,
    ) -> Self:
        """Return a ring of one key; see `Key.from_jwk`."""
        return cls(Key.from_jwk(jwk, algorithm=algorithm, kid=kid))

    @classmethod
    def generate(cls, algorithm: str = "EdDSA", *, kid: str | None = None) -> Self:
        """Return a ring of one key; see `Key.generate`."""
        return cls(Key.generate(algorithm, kid=kid))

    @property
    def active(self) -> Key:
        """The key that signs."""
        return self._state.active

    @property
    def can_sign(self) -> bool:
        """Whether the ring can issue tokens: its active key is private, or has a `Signer`."""
        state = self._state
        return state.signer is not None or state.active.can_sign

    @property
    def signer(self) -> Signer | None:
        """The `Signer` of the active key; None: the key signs itself."""
        return self._state.signer

    def signing_key(self) -> Key | Signer:
        """Return the active key, or the `Signer` that signs for it.

        Not checked: that the active key has a private part; see `can_sign`.
        """
        state = self._state
        return state.active if state.signer is None else state.signer

    def entries(self) -> tuple[KeyEntry, ...]:
        """Return each key with its state, the active key first.

        Raises:
            ConfigurationError: `rotate` was called without `now`, and no engine has used the ring
                since.
        """
        return self._state.checked_dates().entries

    def publish(self, key: Key) -> None:
        """Add a pending key: its tokens are accepted, and its public half is in `public_jwks`.

        Do this some time before `rotate`, so that verifiers which cache the key set know the key.

        Raises:
            ConfigurationError: the ring has a key of this id.
        """
        with self._lock:
            self._install(self._state.with_pending(key))

    def rotate(
        self, new_key: Key | Signer, *, verify_for: timedelta | None, now: float | None = None
    ) -> None:
        """Sign with another key from now on; the old key only verifies.

        Args:
            new_key: a new key, or a pending or verify-only key of the ring.
            verify_for: how long the old key verifies: at least the lifetime of its tokens. Zero: it
                is removed at once. None: until it is retired.
            now: seconds since 1970; None: the time at which an engine next uses the ring.

        Raises:
            ConfigurationError: the key is the active one or has the id of another key, or
                `verify_for` is negative.
        """
        if verify_for is not None and verify_for < timedelta(0):
            msg = "verify_for must not be negative."
            raise ConfigurationError(msg)

        key, signer = _key_and_signer(new_key)
        seconds = None if verify_for is None else verify_for.total_seconds()
        with self._lock:
            self._install(self._state.rotated(key, signer, verify_seconds=seconds, now=now))

    def retire(self, kid: str) -> None:
        """Remove a key: the tokens that it signed are refused from now on.

        Raises:
            ConfigurationError: the ring has no such key, or it is the active key.
        """
        with self._lock:
            self._install(self._state.without(kid))

    def replace(self, other: "KeyRing") -> None:
        """Replace all keys by those of another ring, in one step.

        Raises:
            ConfigurationError: see `entries`.
        """
        state = other._state.checked_dates()  # noqa: SLF001 - of the same class
        with self._lock:
            self._install(state)

    def drop_expired(self, now: float) -> None:
        """Remove expired keys. Engines call this through `prepare` when `due_at` has come."""
        with self._lock:
            self._install(self._state.without_expired(now))

    async def prepare(self, now: float) -> None:
        """Call `drop_expired`; this is how an engine prepares any `KeySource`."""
        self.drop_expired(now)

    async def fetch_for(self, kid: str | None, now: float) -> bool:  # noqa: ARG002 - a protocol's
        """Return False: a ring has no other place to look for a key."""
        return False

    def public_jwks(self) -> dict[str, JsonValue]:
        """Return the set of public keys (RFC 7517 §5): pending, active and verify-only keys.

        It holds no secrets, which have no public half, and no private members.
        """
        published = [
            entry.key.public_jwk()
            for entry in self._state.entries
            if entry.key.algorithm.key_type != "oct"
        ]
        return {"keys": [*published]}

    def find(self, *, kid: str | None, algorithm: str) -> Key:
        """Return the key that a header names: the key of its ``kid``, or the only one of its ``alg``.

        A key without a given id (`Key.is_named`) that is the only one of its algorithm also verifies
        tokens with any unknown ``kid``.

        Raises:
            UnknownKeyError: no key fits, or more than one.
            AlgorithmMismatchError: the key has another algorithm, or no key has this algorithm.
        """
        return self._state.lookup.find(kid=kid, algorithm=algorithm)

    def __iter__(self) -> Iterator[Key]:
        """Iterate over the keys, the active key first."""
        return (entry.key for entry in self._state.entries)

    def __len__(self) -> int:
        """Return the number of keys."""
        return len(self._state.entries)

    def __repr__(self) -> str:
        """Show the active key and the number of keys, never key material."""
        return f"KeyRing(active={self.active!r}, keys={len(self)})"

    def _install(self, state: RingState) -> None:
        """Replace the state as a whole. The caller holds the lock."""
        self._state = state
        self.due_at = state.due_at
        # Last: a reader that sees the new version sees the new keys.
        self.version += 1


def _checked_keys(keys: Iterable[Key], argument: str) -> tuple[Key, ...]:
    listed = tuple(keys) if isinstance(keys, Iterable) else (None,)
    if not all(isinstance(key, Key) for key in listed):
        msg = f"{argument} must be a list of keys, as in {argument}=[Key.from_jwk(...)]."
        raise ConfigurationError(msg)
    # A key that is given twice is one key.
    return tuple(dict.fromkeys(listed))


def _key_and_signer(key: Key | Signer) -> tuple[Key, Signer | None]:
    if isinstance(key, type) or not isinstance(key, Key | Signer):
        msg = (
            f"A ring signs with a Key or a Signer, not {kind_of(key)}: "
            "pass KeyRing(Key.from_secret(...)), or KeyRing.from_secret(...)."
        )
        raise ConfigurationError(msg)
    return (key, None) if isinstance(key, Key) else (key.key, key)
