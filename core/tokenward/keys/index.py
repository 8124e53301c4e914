"""Keys by key id and by algorithm, and which of them the header of a token names."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from tokenward.errors import AlgorithmMismatchError, ConfigurationError, UnknownKeyError
from tokenward.jose.key import Key

__all__ = ["KeyIndex", "index_of", "index_ring", "may_share_id"]


class KeyIndex(NamedTuple):
    """Keys by the members of a header that name them."""

    by_kid: Mapping[str, Mapping[str, Key]]
    """The keys of each key id, by the algorithm in the header."""
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

        named = self.by_kid.get(kid)
        if named is None:
            if algorithm not in self.stand_ins:
                raise UnknownKeyError
            return self.stand_ins[algorithm]
        if algorithm not in named:
            raise AlgorithmMismatchError
        return named[algorithm]


def index_of(keys: Iterable[tuple[str | None, Key]]) -> KeyIndex:
    """Return an index with stand-ins: keys without a given id, each the only one of its algorithm.

    An issuer writes its own key id into its tokens. A single key that was copied from its page, or a
    shared secret, does not have this id; yet no other key can have signed the token.

    Args:
        keys: each key with its id, or None. No two keys have both id and algorithm in common.
    """
    by_kid: dict[str, dict[str, Key]] = {}
    by_algorithm: dict[str, list[Key]] = {}
    for kid, key in keys:
        for name in key.algorithm_names:
            by_algorithm.setdefault(name, []).append(key)
            if kid is not None:
                by_kid.setdefault(kid, {})[name] = key

    stand_ins = {
        algorithm: keys[0]
        for algorithm, keys in by_algorithm.items()
        if len(keys) == 1 and not keys[0].is_named
    }
    return KeyIndex(by_kid, by_algorithm, stand_ins)


def index_ring(keys: Iterable[Key]) -> KeyIndex:
    """Return the index of the keys of a ring.

    Raises:
        ConfigurationError: two keys have the same id, or two keys of one algorithm have no id. One
            key pair under several algorithms may have one id.
    """
    listed = list(keys)
    seen: dict[str | None, list[Key]] = {}
    for key in listed:
        siblings = seen.setdefault(key.kid, [])
        if any(not may_share_id(key, sibling) for sibling in siblings):
            msg = "Two keys of the ring have the same id."
            if key.kid is None:
                msg = f"Two {key.algorithm.name} keys of the ring have no id: give each its kid=."
            raise ConfigurationError(msg)
        siblings.append(key)
    return index_of((key.kid, key) for key in listed)


def may_share_id(one: Key, other: Key) -> bool:
    """Whether two keys may both have their id, or both have none, because their algorithms differ.

    Keys with an id must also be one key pair, since a ring retires keys by their id.
    """
    is_one_pair = one.thumbprint is not None and one.thumbprint == other.thumbprint
    return (one.kid is None or is_one_pair) and one.algorithm_names.isdisjoint(
        other.algorithm_names
    )
