"""Keys by key id and by algorithm, and which of them the header of a token names."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from tokenward.errors import AlgorithmMismatchError, ConfigurationError, UnknownKeyError
from tokenward.jose.key import Key

__all__ = ["KeyIndex", "index_of", "index_ring"]


class KeyIndex(NamedTuple):
    """Keys by the members of a header that name them."""

    by_kid: Mapping[str, Key]
    by_algorithm: Mapping[str, list[Key]]
    stand_ins: Mapping[str, Key]
    """The key of an algorithm that verifies tokens with any unknown key id; see `index_of`."""

    def find(self, *, kid: str | None, algorithm: str) -> Key:
        """Return the key that a header names; see `KeyRing.find`."""
        if kid is None:
            candidates = self.by_algorithm.get(algorithm)
            if candidates is None:
                raise AlgorithmMismatchError
            if len(candidates) > 1:
                raise UnknownKeyError
            return candidates[0]

        key = self.by_kid.get(kid)
        if key is None:
            if algorithm not in self.stand_ins:
                raise UnknownKeyError
            return self.stand_ins[algorithm]
        if key.algorithm.name != algorithm:
            raise AlgorithmMismatchError
        return key


def index_of(by_kid: Mapping[str, Key], by_algorithm: Mapping[str, list[Key]]) -> KeyIndex:
    """Return an index with stand-ins: keys without a given id, each the only one of its algorithm.

    An issuer writes its own key id into its tokens. A single key that was copied from its page, or a
    shared secret, does not have this id; yet no other key can have signed the token.
    """
    stand_ins = {
        algorithm: keys[0]
        for algorithm, keys in by_algorithm.items()
        if len(keys) == 1 and not keys[0].is_named
    }
    return KeyIndex(by_kid, by_algorithm, stand_ins)


def index_ring(keys: Iterable[Key]) -> KeyIndex:
    """Return the index of the keys of a ring.

    Raises:
        ConfigurationError: two keys have the same id, or two keys of one algorithm have no id.
    """
    by_kid: dict[str, Key] = {}
    by_algorithm: dict[str, list[Key]] = {}
    for key in keys:
        siblings = by_algorithm.setdefault(key.algorithm.name, [])
        if key.kid is None and any(sibling.kid is None for sibling in siblings):
            msg = f"Two {key.algorithm.name} keys of the ring have no id: give each its kid=."
            raise ConfigurationError(msg)

        if key.kid in by_kid:
            msg = "Two keys of the ring have the same id."
            raise ConfigurationError(msg)

        if key.kid is not None:
            by_kid[key.kid] = key
        siblings.append(key)
    return index_of(by_kid, by_algorithm)
