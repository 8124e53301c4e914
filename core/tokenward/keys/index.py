"""What a set of keys is at one moment, and which of them a token's header means."""

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple, TypeAlias

from tokenward.errors import AlgorithmMismatchError, ConfigurationError, UnknownKeyError
from tokenward.jose.key import Key

__all__ = ["KeyEntry", "KeyIndex", "KeyState", "find_key", "index_of", "indexed"]

KeyState: TypeAlias = Literal["pending", "active", "verify-only"]


class KeyEntry(NamedTuple):
    """One key of a ring, and what it is there for."""

    key: Key
    state: KeyState
    verify_until: float | None = None
    """When a verify-only key is gone, in seconds since 1970; None: not until it is retired."""


class KeyIndex(NamedTuple):
    """Keys by what a header may say of them."""

    by_kid: Mapping[str, Key]
    by_algorithm: Mapping[str, list[Key]]
    stand_ins: Mapping[str, Key]
    """By algorithm: the key that verifies whatever key id a token names; see `index_of`."""


def index_of(by_kid: Mapping[str, Key], by_algorithm: Mapping[str, list[Key]]) -> KeyIndex:
    """Add the stand-ins: keys without a given id that are the only ones of their algorithm.

    An issuer writes a key id of its own into its tokens, which a single key that was copied from its
    page, or a shared secret, does not know. No other key could have signed such a token.
    """
    stand_ins = {
        algorithm: keys[0]
        for algorithm, keys in by_algorithm.items()
        if len(keys) == 1 and not keys[0].is_named
    }
    return KeyIndex(by_kid, by_algorithm, stand_ins)


def indexed(keys: Iterable[Key]) -> KeyIndex:
    """Index the keys of a ring.

    Raises:
        ConfigurationError: two keys have the same id, or two of one algorithm have none.
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


def find_key(index: KeyIndex, *, kid: str | None, algorithm: str) -> Key:
    """Find the key of a header among keys, wherever they come from; see `KeyRing.find`."""
    if kid is None:
        candidates = index.by_algorithm.get(algorithm)
        if candidates is None:
            raise AlgorithmMismatchError
        if len(candidates) > 1:
            raise UnknownKeyError
        return candidates[0]
    key = index.by_kid.get(kid)
    if key is None:
        if algorithm not in index.stand_ins:
            raise UnknownKeyError
        return index.stand_ins[algorithm]
    if key.algorithm.name != algorithm:
        raise AlgorithmMismatchError
    return key
