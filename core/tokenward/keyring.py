"""The ring of keys that an engine holds.

A token's header never chooses an algorithm: it may name a key, and the key knows its own.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Self

from pydantic import JsonValue

from tokenward.errors import AlgorithmMismatchError, ConfigurationError, UnknownKeyError
from tokenward.keys import Key

__all__ = ["KeyRing"]


class KeyRing:
    """The keys of one engine: one signs, all verify.

    ::

        KeyRing.from_secret(os.environ["TOKENWARD_SECRET"])
        KeyRing(Key.from_pem(new), verifiers=[Key.from_pem(old_public)])

    It cannot be changed. A new ring, in a new engine, is a new configuration.
    """

    __slots__ = ("_active", "_by_algorithm", "_by_kid", "_keys")

    def __init__(self, active: Key, *, verifiers: Iterable[Key] = ()) -> None:
        """Take the key that signs, and those that only verify.

        Args:
            active: the signer. Where it has no private part, the ring verifies and cannot issue.
            verifiers: keys whose tokens are accepted too; usually those that signed before.

        Raises:
            ConfigurationError: two keys have the same id, or two of one algorithm have none.
        """
        self._active = active
        self._keys = tuple(dict.fromkeys((active, *verifiers)))
        self._by_kid: dict[str, Key] = {}
        self._by_algorithm: dict[str, list[Key]] = {}
        for key in self._keys:
            siblings = self._by_algorithm.setdefault(key.algorithm.name, [])
            if key.kid is None and any(sibling.kid is None for sibling in siblings):
                msg = f"Two {key.algorithm.name} keys of the ring have no id: give each its kid=."
                raise ConfigurationError(msg)
            if key.kid in self._by_kid:
                msg = "Two keys of the ring have the same id."
                raise ConfigurationError(msg)
            if key.kid is not None:
                self._by_kid[key.kid] = key
            siblings.append(key)

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
        return self._active

    def find(self, *, kid: str | None, algorithm: str) -> Key:
        """Find the key of a header: exactly by its ``kid``, or the only one of that algorithm.

        Raises:
            UnknownKeyError: there is none, or more than one could be meant.
            AlgorithmMismatchError: the key is bound to another algorithm, or no key has this one.
        """
        if kid is None:
            candidates = self._by_algorithm.get(algorithm)
            if candidates is None:
                raise AlgorithmMismatchError
            if len(candidates) > 1:
                raise UnknownKeyError
            return candidates[0]
        key = self._by_kid.get(kid)
        if key is None:
            raise UnknownKeyError
        if key.algorithm.name != algorithm:
            raise AlgorithmMismatchError
        return key

    def __iter__(self) -> Iterator[Key]:
        """Go through the keys, the signer first."""
        return iter(self._keys)

    def __len__(self) -> int:
        """Count the keys."""
        return len(self._keys)

    def __repr__(self) -> str:
        """Say which keys there are, and nothing of what they hold."""
        return f"KeyRing(active={self.active!r}, keys={len(self)})"
