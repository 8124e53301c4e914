"""The keys of an engine: one signs, all verify.

The header of a token never chooses an algorithm: it may name a key, and the key has its algorithm.
"""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from threading import Lock
from typing import TYPE_CHECKING, Self

from pydantic import JsonValue

from tokenward.jose.hmac_secrets import SecretEncoding
from tokenward.jose.key import Key
from tokenward.jose.key_source import Signer
from tokenward.keys.ring_arguments import checked_keys, key_and_signer, keys_in_pem_map
from tokenward.keys.ring_changes import ChangingMethods
from tokenward.keys.ring_state import KeyEntry, RingState

if TYPE_CHECKING:
    from tokenward.keys.jwk_set import SkippedKey

__all__ = ["KeyRing"]


class KeyRing(ChangingMethods):
    """The keys of an engine: one signs, all verify.

    ::

        KeyRing.from_secret(os.environ["TOKENWARD_SECRET"])
        KeyRing(Key.from_pem(new), verifiers=[Key.from_pem(old_public)])
        ring.rotate(Key.generate(), verify_for=timedelta(days=30))

    A change (`publish`, `rotate`, `retire`, `replace`, `drop_expired`) takes effect at once in every
    engine that has the ring. Threads may change it: their changes are made one after the other.
    """

    # Writers hold the lock. Readers take no lock: they read the state once.
    __slots__ = ("skipped_keys",)

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
        self.skipped_keys: tuple[SkippedKey, ...] = ()
        """The members that `from_jwk_set` did not use."""

        self._lock = Lock()
        key, signer = key_and_signer(active)

        old = [each for each in checked_keys(verifiers, "verifiers") if each != key]
        entries = [
            KeyEntry(key, "active"),
            *(KeyEntry(each, "verify-only") for each in old),
            *(KeyEntry(each, "pending") for each in checked_keys(pending, "pending")),
        ]
        self._install(RingState.of(entries, signer))

    def __deepcopy__(self, memo: object) -> Self:
        """Return a ring of the same keys that changes independently of this one."""
        state = self._state
        copy = type(self)(state.signer or state.active)
        copy._install(state)  # noqa: SLF001 - of the same class
        copy.skipped_keys = self.skipped_keys
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
        cls,
        secret: str | bytes,
        *,
        algorithm: str = "HS256",
        kid: str | None = None,
        encoding: SecretEncoding | None = None,
    ) -> Self:
        """Return a ring of one key; see `Key.from_secret`."""
        return cls(Key.from_secret(secret, algorithm=algorithm, kid=kid, encoding=encoding))

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
    def from_jwk_set(
        cls,
        jwk_set: Mapping[str, JsonValue] | str | bytes,
        *,
        algorithms: Collection[str] | None = None,
    ) -> Self:
        """Return a ring of the public keys in a JWK set (RFC 7517 §5); it verifies and cannot issue.

        Members that are not usable keys are skipped, as by `RemoteKeySet`, and listed in
        `skipped_keys`: also secrets and private keys. To sign, load your key with `from_jwk`.

        Args:
            jwk_set: the text of the set, or the parsed JSON object.
            algorithms: the only accepted algorithms; None: all except HMAC.

        Raises:
            ConfigurationError: this is not a JWK set, or no key in it is usable; the message has the
                reasons.
        """
        from tokenward.keys.jwk_set import read_local_set  # most rings come from other keys

        found = read_local_set(jwk_set, algorithms)
        active, *others = (each.key for each in found.published)
        ring = cls(active, verifiers=others)
        ring.skipped_keys = found.skipped
        return ring

    @classmethod
    def from_pem_map(cls, pems: Mapping[str, str | bytes], *, algorithm: str | None = None) -> Self:
        """Return a ring of public keys by their key ids; it verifies and cannot issue.

        Google and Firebase publish their certificates as such a JSON object.

        Args:
            pems: the parsed JSON object: a certificate or a public key for each ``kid``.
            algorithm: see `Key.from_pem`, also for what is not checked of a certificate.

        Raises:
            ConfigurationError: this is not a mapping, it is empty, a member is private or unusable,
                or the algorithm is unknown. No member is skipped.
        """
        active, *others = keys_in_pem_map(pems, algorithm)
        return cls(active, verifiers=others)

    @classmethod
    def generate(cls, algorithm: str = "Ed25519", *, kid: str | None = None) -> Self:
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

    def replace(self, other: "KeyRing") -> None:
        """Replace all keys by those of another ring, in one step.

        Raises:
            ConfigurationError: see `entries`.
        """
        state = other._state.checked_dates()  # noqa: SLF001 - of the same class
        with self._lock:
            self._install(state)
            self.skipped_keys = other.skipped_keys

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
