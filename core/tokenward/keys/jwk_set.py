"""A JWK set of another issuer (RFC 7517 §5): read strictly, and searched by header."""

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

from pydantic import JsonValue

from tokenward.errors import ConfigurationError, MalformedTokenError, raise_without_context
from tokenward.jose.algorithms import ALGORITHMS
from tokenward.jose.codec import loads_object
from tokenward.jose.key import Key
from tokenward.keys.index import index_of

__all__ = ["JwkSet", "UnusableJwkSetError", "read_object"]

_MAX_MEMBERS: Final = 100
_PublicJwk = Mapping[str, JsonValue]


class UnusableJwkSetError(Exception):
    """A document is not a JSON object, is of another issuer, or has no key that can verify."""


class _Published(NamedTuple):
    key: Key
    kid: str | None
    """``kid`` of the JWK; None without one, although the `Key` then has a thumbprint."""
    jwk: _PublicJwk


class JwkSet:
    """The usable keys of one document; never empty, and never changed."""

    __slots__ = ("_index", "published")

    def __init__(self, published: Collection[_Published]) -> None:
        """Index the keys that `read` found."""
        self.published: tuple[_Published, ...] = tuple(published)
        """The keys with their JWKs."""
        by_algorithm: dict[str, list[Key]] = {}
        for each in published:
            by_algorithm.setdefault(each.key.algorithm.name, []).append(each.key)
        by_kid = {each.kid: each.key for each in published if each.kid is not None}

        self._index = index_of(by_kid, by_algorithm)

    @classmethod
    def read(
        cls, body: bytes, *, algorithms: Collection[str] | None, known: "JwkSet | None"
    ) -> "JwkSet":
        """Read a JWK set.

        Ignored are members that are not usable keys, as RFC 7517 §5 requires; secrets (``oct``) and
        private keys, which are compromised once they are published; keys of other algorithms than
        `algorithms`; and *all* keys that share a key id and are not the same.

        Args:
            body: the document.
            algorithms: the only accepted algorithms; None: all.
            known: the previous set; the `Key` objects of keys that are in both sets are kept.

        Raises:
            UnusableJwkSetError: the document is not a JSON object with a list of keys, has more than
                100 members, or no usable key.
        """
        members = read_object(body).get("keys")
        if not isinstance(members, list) or len(members) > _MAX_MEMBERS:
            raise UnusableJwkSetError

        found: list[_Published] = []
        for member in members:
            published = _published(member, algorithms)
            if published and all(each[1:] != published[1:] for each in found):
                found.append(published)

        times = Counter(each.kid for each in found)
        kept = [each for each in found if each.kid is None or times[each.kid] == 1]
        if not kept:
            raise UnusableJwkSetError

        return cls([_kept(each, known) for each in kept])

    def find(self, *, kid: str | None, algorithm: str) -> Key:
        """Return the key that a header names; see `KeyRing.find`.

        Raises:
            UnknownKeyError: no key fits, or more than one.
            AlgorithmMismatchError: the key has another algorithm, or no key has this algorithm.
        """
        return self._index.find(kid=kid, algorithm=algorithm)

    @property
    def keys(self) -> frozenset[Key]:
        """The keys; a key that was in the previous set is the same object."""
        return frozenset(each.key for each in self.published)

    def has(self, kid: str) -> bool:
        """Whether a key has this id."""
        return kid in self._index.by_kid

    def __len__(self) -> int:
        """Return the number of keys."""
        return len(self.published)


def read_object(body: bytes) -> dict[str, JsonValue]:
    """Return the members of a UTF-8 JSON object without duplicate names.

    Raises:
        UnusableJwkSetError: the body is not such an object.
    """
    try:
        return loads_object(body)
    except MalformedTokenError:
        raise_without_context(UnusableJwkSetError())


def _published(member: JsonValue, algorithms: Collection[str] | None) -> _Published | None:
    """Return the key of a member; None if it cannot be used to verify."""
    if not isinstance(member, dict) or member.get("kty") == "oct" or "d" in member:
        return None

    kid = member.get("kid")
    for name in _algorithms_to_try(member, algorithms):
        try:
            key = Key.from_jwk(member, algorithm=name)
        except ConfigurationError:
            continue
        if algorithms is None or key.algorithm.name in algorithms:
            return _Published(key, kid if isinstance(kid, str) else None, key.public_jwk())
    return None


def _algorithms_to_try(
    member: Mapping[str, JsonValue], algorithms: Collection[str] | None
) -> list[str | None]:
    """Return the algorithms to try for a JWK without ``alg``; None: the most common of its kind."""
    if algorithms is None or "alg" in member:
        return [None]
    return [name for name in ALGORITHMS if name in algorithms]


def _kept(published: _Published, known: JwkSet | None) -> _Published:
    """Return the known key of the same JWK, so that only a changed key is another `Key` object."""
    olds = () if known is None else known.published
    return next((old for old in olds if old[1:] == published[1:]), published)
