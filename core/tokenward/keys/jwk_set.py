"""A set of keys as another issuer publishes it (RFC 7517 §5): read strictly, and looked up."""

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

from pydantic import JsonValue

from tokenward.errors import ConfigurationError, MalformedTokenError, raise_without_context
from tokenward.jose.algorithms import ALGORITHMS
from tokenward.jose.codec import loads_object
from tokenward.jose.key import Key
from tokenward.keys.index import index_of

__all__ = ["KeySet", "UnusableKeySetError", "read_object"]

_MAX_MEMBERS: Final = 100
_PublicJwk = Mapping[str, JsonValue]


class UnusableKeySetError(Exception):
    """An answer is no JSON object, speaks of another issuer, or has no key that could verify."""


class _Published(NamedTuple):
    key: Key
    kid: str | None
    """The JWK's own; None where it has none, whatever the `Key` calls itself."""
    jwk: _PublicJwk


class KeySet:
    """The keys of one answer that can be used; never empty, and never changed."""

    __slots__ = ("_index", "published")

    def __init__(self, published: Collection[_Published]) -> None:
        """Index what `read` found."""
        self.published: tuple[_Published, ...] = tuple(published)
        """Which keys there are, and as what."""
        by_algorithm: dict[str, list[Key]] = {}
        for each in published:
            by_algorithm.setdefault(each.key.algorithm.name, []).append(each.key)
        by_kid = {each.kid: each.key for each in published if each.kid is not None}
        self._index = index_of(by_kid, by_algorithm)

    @classmethod
    def read(
        cls, body: bytes, *, algorithms: Collection[str] | None, known: "KeySet | None"
    ) -> "KeySet":
        """Read a JWK set.

        Left out are members that make no key here, as RFC 7517 §5 asks; secrets (``oct``) and
        private keys, which nobody may trust once they are published; keys that are bound to none
        of `algorithms`; and *all* keys that share one key id and are not the same.

        Args:
            body: the answer.
            algorithms: the only ones that are wanted; None: all of the table.
            known: the set before; of keys that are in both, its `Key` objects are kept.

        Raises:
            UnusableKeySetError: no JSON object, no list of keys, a hundred and more, or none left.
        """
        members = read_object(body).get("keys")
        if not isinstance(members, list) or len(members) > _MAX_MEMBERS:
            raise UnusableKeySetError
        found: list[_Published] = []
        for member in members:
            published = _published(member, algorithms)
            if published and all(each[1:] != published[1:] for each in found):
                found.append(published)
        times = Counter(each.kid for each in found)
        kept = [each for each in found if each.kid is None or times[each.kid] == 1]
        if not kept:
            raise UnusableKeySetError
        return cls([_remembered(each, known) for each in kept])

    def find(self, *, kid: str | None, algorithm: str) -> Key:
        """Find the key of a header; see `KeyRing.find`.

        Raises:
            UnknownKeyError: there is none, or more than one could be meant.
            AlgorithmMismatchError: the key is bound to another algorithm, or no key has this one.
        """
        return self._index.find(kid=kid, algorithm=algorithm)

    @property
    def keys(self) -> frozenset[Key]:
        """The keys, of which one that stays is the same object."""
        return frozenset(each.key for each in self.published)

    def has(self, kid: str) -> bool:
        """Tell whether a key has this id."""
        return kid in self._index.by_kid

    def __len__(self) -> int:
        """Count the keys."""
        return len(self.published)


def read_object(body: bytes) -> dict[str, JsonValue]:
    """Read a JSON object in UTF-8 in which no name stands twice.

    Raises:
        UnusableKeySetError: it is anything else.
    """
    try:
        return loads_object(body)
    except MalformedTokenError:
        raise_without_context(UnusableKeySetError())


def _published(member: JsonValue, algorithms: Collection[str] | None) -> _Published | None:
    """Give what a member publishes, or None where that is nothing to verify with."""
    if not isinstance(member, dict) or member.get("kty") == "oct" or "d" in member:
        return None
    kid = member.get("kid")
    for name in _names_to_try(member, algorithms):
        try:
            key = Key.from_jwk(member, algorithm=name)
        except ConfigurationError:
            continue
        if algorithms is None or key.algorithm.name in algorithms:
            return _Published(key, kid if isinstance(kid, str) else None, key.public_jwk())
    return None


def _names_to_try(
    member: Mapping[str, JsonValue], algorithms: Collection[str] | None
) -> list[str | None]:
    """Without ``alg``: the usual one of the key's kind, else the first of the table that is wanted."""
    if algorithms is None or "alg" in member:
        return [None]
    return [name for name in ALGORITHMS if name in algorithms]


def _remembered(published: _Published, known: KeySet | None) -> _Published:
    """Give what is in use of the same JWK, so that a change can be told by the identity of a `Key`."""
    olds = () if known is None else known.published
    return next((old for old in olds if old[1:] == published[1:]), published)
