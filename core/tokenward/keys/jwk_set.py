"""A JWK set of another issuer (RFC 7517 §5): read strictly, and searched by header."""

import contextlib
from collections.abc import Collection, Iterable, Mapping
from operator import attrgetter
from typing import Final, NamedTuple

from pydantic import JsonValue

from tokenward._arguments import as_bytes
from tokenward.errors import ConfigurationError, InvalidKeyError, MalformedTokenError
from tokenward.jose.algorithms import ALGORITHMS
from tokenward.jose.codec import loads_object
from tokenward.jose.key import Key
from tokenward.jose.without_context import raise_without_context
from tokenward.keys.index import index_of, may_share_id
from tokenward.keys.outages import UnusableResponseError
from tokenward.keys.remote_options import checked_algorithms

__all__ = ["JwkSet", "SkippedKey", "UnusableJwkSetError", "read_local_set", "read_object"]

_MAX_MEMBERS: Final = 100
# Some issuers pad the public numbers of an RSA key, against RFC 7518 §2. The value is the same.
_PADDED: Final = frozenset({"n", "e"})
_NULL_IS_ABSENT: Final = frozenset({"use", "key_ops"})
_SPIFFE_USE: Final = "jwt-svid"  # SPIFFE Trust Domain and Bundle §4.2.2: a key for JWT signatures
_PublicJwk = Mapping[str, JsonValue]


class SkippedKey(NamedTuple):
    """A member of a JWK set that is not used, and why."""

    position: int
    """Its position in the set, from 0."""
    kid: str | None
    """Its key id, if it is text."""
    reason: str
    """The reason, with nothing of the key."""


class UnusableJwkSetError(UnusableResponseError):
    """A document is not a JSON object, or is a JWK set without a key that can verify."""

    def __init__(self, message: str, skipped: Iterable[SkippedKey] = ()) -> None:
        """Take a constant message, and the members that are not usable keys."""
        super().__init__(message)
        self.skipped: tuple[SkippedKey, ...] = tuple(skipped)


class _UnusableMemberError(Exception):
    """A member of a set is not used; the text is the reason."""


class _Published(NamedTuple):
    key: Key
    kid: str | None
    """``kid`` of the JWK; None without one, although the `Key` then has a thumbprint."""
    jwk: _PublicJwk


class JwkSet:
    """The usable keys of one document; never empty, and never changed."""

    __slots__ = ("_index", "published", "skipped")

    def __init__(self, published: Collection[_Published], skipped: Iterable[SkippedKey]) -> None:
        """Index the keys that `of` found."""
        self.published: tuple[_Published, ...] = tuple(published)
        """The keys with their JWKs."""
        self.skipped: tuple[SkippedKey, ...] = tuple(skipped)
        """The members that are not used, in the order of the set."""
        self._index = index_of((each.kid, each.key) for each in published)

    @classmethod
    def read(
        cls, body: bytes, *, algorithms: Collection[str] | None, known: "JwkSet | None"
    ) -> "JwkSet":
        """Read a JWK set from its text; see `of`."""
        return cls.of(read_object(body), algorithms=algorithms, known=known)

    @classmethod
    def of(
        cls,
        document: Mapping[str, JsonValue],
        *,
        algorithms: Collection[str] | None,
        known: "JwkSet | None" = None,
        for_ring: bool = False,
    ) -> "JwkSet":
        """Return the usable keys of a JWK set.

        Skipped are members that are not usable keys, as RFC 7517 §5 requires; secrets (``oct``) and
        private keys, which are compromised once they are published; keys of other algorithms than
        `algorithms`; and *all* keys that share key id and algorithm and are not the same.

        Args:
            document: the parsed JSON object.
            algorithms: the only accepted algorithms; None: all.
            known: the previous set; the `Key` objects of keys that are in both sets are kept.
            for_ring: whether each key needs its own id, as in a ring; see `may_share_id`.

        Raises:
            UnusableJwkSetError: the document has no list of keys, more than 100 members, or no
                usable key.
        """
        members = document.get("keys")
        if not isinstance(members, list) or not 0 < len(members) <= _MAX_MEMBERS:
            msg = f"The document is not a JWK set: it has no list of 1 to {_MAX_MEMBERS} 'keys'."
            raise UnusableJwkSetError(msg)

        found: dict[int, _Published] = {}
        skipped: list[SkippedKey] = []
        for index, member in enumerate(members):
            try:
                published = _published(member, algorithms)
            except _UnusableMemberError as exc:
                skipped.append(SkippedKey(index, _kid_of(member), str(exc)))
                continue
            if for_ring:
                published = published._replace(kid=published.key.kid)
            if not any(_is_same(each, published) for each in found.values()):
                found[index] = published

        everyone = found.values()
        kept = []
        for index, one in found.items():
            if any(_clash(one, other, for_ring=for_ring) for other in everyone if other is not one):
                skipped.append(SkippedKey(index, one.kid, "Another key has the same 'kid'."))
            else:
                kept.append(one)

        skipped.sort(key=attrgetter("position"))
        if not kept:
            # Each reason once, with the first key that has it, because the text may be logged.
            first = {each.reason: each.position for each in reversed(skipped)}
            ordered = sorted(first, key=first.__getitem__)
            reasons = "".join(f" Key {first[each]}: {each}" for each in ordered)
            msg = f"The JWK set has no usable public key.{reasons}"
            raise UnusableJwkSetError(msg, skipped)
        return cls([_kept(each, known) for each in kept], skipped)

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


def read_local_set(
    document: Mapping[str, JsonValue] | str | bytes, algorithms: Collection[str] | None
) -> JwkSet:
    """Return the usable keys of a JWK set from the configuration, whose ids are those of a ring.

    Raises:
        ConfigurationError: the document is not a JWK set, or has no usable key.
    """
    try:
        members = (
            document
            if isinstance(document, Mapping)
            else read_object(as_bytes(document, "JWK set"))
        )
        found = JwkSet.of(members, algorithms=checked_algorithms(algorithms), for_ring=True)
    except UnusableJwkSetError as exc:
        raise_without_context(ConfigurationError(str(exc)))
    return found


def read_object(body: bytes) -> dict[str, JsonValue]:
    """Return the members of a UTF-8 JSON object without duplicate names.

    Raises:
        UnusableJwkSetError: the body is not such an object.
    """
    try:
        return loads_object(body)
    except MalformedTokenError:
        msg = "The document is not a JSON object, or has duplicate names."
        raise_without_context(UnusableJwkSetError(msg))


def _published(member: JsonValue, algorithms: Collection[str] | None) -> _Published:
    """Return the key of a member.

    Raises:
        _UnusableMemberError: the member cannot be used to verify.
    """
    if not isinstance(member, dict):
        msg = "It is not a JSON object."
        raise _UnusableMemberError(msg)
    if member.get("kty") == "oct" or "d" in member:
        msg = "It is a secret or a private key."
        raise _UnusableMemberError(msg)

    jwk = _tidied(member)
    try:
        key = _bound_key(jwk, algorithms)
    except ConfigurationError as exc:
        raise _UnusableMemberError(str(exc)) from exc
    return _Published(key, _kid_of(member), key.public_jwk())


def _bound_key(jwk: _PublicJwk, algorithms: Collection[str] | None) -> Key:
    """Return the key with its own algorithm, or with the first accepted one that fits.

    Raises:
        ConfigurationError: the key is unusable, or its algorithm is not accepted.
    """
    key = Key.from_jwk(jwk)
    if algorithms is None or not key.algorithm_names.isdisjoint(algorithms):
        return key

    for name in () if "alg" in jwk else ALGORITHMS:
        if name in algorithms:
            with contextlib.suppress(InvalidKeyError):
                return Key.from_jwk(jwk, algorithm=name)
    msg = "Its algorithm is not one of the accepted algorithms."
    raise ConfigurationError(msg)


def _kid_of(member: JsonValue) -> str | None:
    kid = member.get("kid") if isinstance(member, dict) else None
    return kid if isinstance(kid, str) else None


def _tidied(member: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Return a JWK in the form that `Key.from_jwk` reads, without the oddities of some issuers."""
    jwk = {
        name: value
        for name, value in member.items()
        if not (value is None and name in _NULL_IS_ABSENT)
    }
    if jwk.get("use") == _SPIFFE_USE:
        jwk["use"] = "sig"
    for name in _PADDED & jwk.keys():
        value = jwk[name]
        if isinstance(value, str) and len(value) % 4 == 0:
            jwk[name] = value.removesuffix("=").removesuffix("=")
    return jwk


def _is_same(one: _Published, other: _Published) -> bool:
    """Whether two members are one key: the same id, material and algorithm, under either name."""
    return (one.kid, one.key.thumbprint, one.key.algorithm_names) == (
        other.kid,
        other.key.thumbprint,
        other.key.algorithm_names,
    )


def _clash(one: _Published, other: _Published, *, for_ring: bool) -> bool:
    """Whether a header can mean both of two different keys, so that neither may be used."""
    if one.kid is None or one.kid != other.kid:
        return False
    if for_ring:
        return not may_share_id(one.key, other.key)
    return not one.key.algorithm_names.isdisjoint(other.key.algorithm_names)


def _kept(published: _Published, known: JwkSet | None) -> _Published:
    """Return the known key of the same JWK, so that only a changed key is another `Key` object."""
    olds = () if known is None else known.published
    return next((old for old in olds if old[1:] == published[1:]), published)
