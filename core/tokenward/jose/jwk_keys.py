"""Read JSON Web Keys (RFC 7517), with the checks that PyJWT leaves to its caller."""

from collections.abc import Mapping
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from jwt import algorithms as pyjwt
from jwt.exceptions import PyJWTError
from pydantic import JsonValue

from tokenward.errors import InvalidKeyError, MalformedTokenError
from tokenward.jose.algorithms import Algorithm, PrivateKey, PublicKey, algorithm_named
from tokenward.jose.codec import b64url_decode
from tokenward.jose.key_kinds import algorithm_for, algorithm_names

__all__ = ["jwk_algorithm", "jwk_allows_signing", "jwk_kid", "load_jwk"]

_FAULTS: Final = (ValueError, TypeError, KeyError, UnsupportedAlgorithm, PyJWTError)
# RFC 7518 §6 and RFC 8037 §2: the required and the private members that hold key material, by `kty`.
_JWK_MEMBERS: Final[Mapping[str, tuple[frozenset[str], frozenset[str]]]] = {
    "oct": (frozenset({"k"}), frozenset()),
    "RSA": (frozenset({"n", "e"}), frozenset({"d", "p", "q", "dp", "dq", "qi"})),
    "EC": (frozenset({"x", "y"}), frozenset({"d"})),
    "OKP": (frozenset({"x"}), frozenset({"d"})),
}
_JWK_LOADERS: Final[Mapping[str, type[pyjwt.Algorithm]]] = {
    "oct": pyjwt.HMACAlgorithm,
    "RSA": pyjwt.RSAAlgorithm,
    "EC": pyjwt.ECAlgorithm,
    "OKP": pyjwt.OKPAlgorithm,
}


def load_jwk(jwk: Mapping[str, JsonValue]) -> PrivateKey | PublicKey | bytes:
    """Return the key material of a JWK; for ``oct``, the bytes of the secret.

    Raises:
        InvalidKeyError: a member is missing or not strict base64url, ``kty`` is not oct, RSA, EC or
            OKP, the point is not on its curve, the private part belongs to another key, or ``use``
            or ``key_ops`` exclude verifying.
    """
    if not isinstance(jwk, Mapping):
        msg = "The JWK must be a mapping: parse its JSON first."
        raise InvalidKeyError(msg)
    kty = jwk.get("kty")
    if not isinstance(kty, str) or kty not in _JWK_MEMBERS:
        msg = "The JWK's 'kty' must be one of: oct, RSA, EC, OKP."
        raise InvalidKeyError(msg)

    required, private = _JWK_MEMBERS[kty]
    for member in sorted(required | (private & jwk.keys())):
        _check_member(jwk, member)

    try:
        key: PrivateKey | PublicKey | bytes = _JWK_LOADERS[kty].from_jwk(dict(jwk))
    except _FAULTS:
        msg = "The JWK's members are not a valid key."
        raise InvalidKeyError(msg) from None

    _check_allows_verifying(jwk, is_private=isinstance(key, PrivateKey))
    return key


def _check_member(jwk: Mapping[str, JsonValue], member: str) -> None:
    value = jwk.get(member)
    if not isinstance(value, str) or not value:
        msg = f"The JWK's '{member}' must be base64url text."
        raise InvalidKeyError(msg)

    try:
        b64url_decode(value)
    except MalformedTokenError:
        msg = f"The JWK's '{member}' must be base64url text without padding."
        raise InvalidKeyError(msg) from None


def _check_allows_verifying(jwk: Mapping[str, JsonValue], *, is_private: bool) -> None:
    """Refuse a JWK whose ``use`` or ``key_ops`` exclude signatures (RFC 7517 §4.2 and §4.3).

    For a private key, the operation "sign" is enough: its public half verifies.
    """
    if jwk.get("use", "sig") != "sig":
        msg = "The JWK's 'use' is not 'sig': it is not meant for signatures."
        raise InvalidKeyError(msg)

    operations = jwk.get("key_ops", ["verify"])
    wanted = {"verify", "sign"} if is_private else {"verify"}
    if not isinstance(operations, list) or wanted.isdisjoint(
        operation for operation in operations if isinstance(operation, str)
    ):
        msg = "The JWK's 'key_ops' do not allow verifying."
        raise InvalidKeyError(msg)


def jwk_allows_signing(jwk: Mapping[str, JsonValue]) -> bool:
    """Whether ``key_ops`` is absent or contains "sign" (RFC 7517 §4.3)."""
    operations = jwk.get("key_ops")
    return not isinstance(operations, list) or "sign" in operations


def jwk_algorithm(
    jwk: Mapping[str, JsonValue],
    material: bytes | PrivateKey | PublicKey,
    requested: str | None,
) -> Algorithm:
    """Return the requested algorithm, else ``alg``, else the most common one of the material.

    Raises:
        InvalidKeyError: ``alg`` is not text, or another algorithm than the requested one.
        ConfigurationError: an algorithm is unknown.
    """
    named = jwk.get("alg", requested)
    if isinstance(named, str | None):
        row = algorithm_for(material, named)
        if requested is None:
            return row
        if named is not None and requested in algorithm_names(material, row):
            return algorithm_named(requested)

    msg = "The JWK's 'alg' is another algorithm than the requested one."
    raise InvalidKeyError(msg)


def jwk_kid(jwk: Mapping[str, JsonValue], given: str | None) -> str | None:
    """Return the given key id, else ``kid``.

    Raises:
        InvalidKeyError: ``kid`` is not text.
    """
    kid = jwk.get("kid") if given is None else given
    if not isinstance(kid, str | None):
        msg = "The JWK's 'kid' must be text."
        raise InvalidKeyError(msg)
    return kid
