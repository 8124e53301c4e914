"""What follows from the kind of a key: its curve, the algorithms that it fits, its JWK members."""

import hashlib
import json
from collections.abc import Mapping
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.hmac import HMAC
from jwt import algorithms as pyjwt
from pydantic import JsonValue

from tokenward.errors import InvalidKeyError
from tokenward.jose.algorithms import ALGORITHMS, Algorithm, PrivateKey, PublicKey, algorithm_named
from tokenward.jose.codec import b64url_encode

__all__ = [
    "algorithm_for",
    "algorithm_names",
    "check_binding",
    "curve_of",
    "fitting_algorithms",
    "public_members",
    "public_part",
    "signature_bytes_of",
    "thumbprint_of",
]

# RFC 7638 §3.2 and RFC 8037 §2. There is no `oct`: its thumbprint would allow to test guesses.
_THUMBPRINT_MEMBERS: Final[Mapping[str, tuple[str, ...]]] = {
    "RSA": ("e", "kty", "n"),
    "EC": ("crv", "kty", "x", "y"),
    "OKP": ("crv", "kty", "x"),
}
_CURVE_NAMES: Final = {
    "secp256r1": "P-256",
    "secp384r1": "P-384",
    "secp521r1": "P-521",
    "secp256k1": "secp256k1",
}


def public_part(key: PrivateKey | PublicKey) -> PublicKey:
    """Return the public half of a key pair, or a public key itself."""
    return key.public_key() if isinstance(key, PrivateKey) else key


def curve_of(key: PrivateKey | PublicKey) -> str | None:
    """Return the ``crv`` of a key; None for RSA, and for a curve that no algorithm takes."""
    if isinstance(key, ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey):
        return _CURVE_NAMES.get(key.curve.name)
    if isinstance(key, ed25519.Ed25519PrivateKey | ed25519.Ed25519PublicKey):
        return "Ed25519"
    if isinstance(key, ed448.Ed448PrivateKey | ed448.Ed448PublicKey):
        return "Ed448"
    return None


def fitting_algorithms(material: bytes | PrivateKey | PublicKey) -> list[Algorithm]:
    """Return the algorithms that fit the material, the most common first."""
    if isinstance(material, bytes):
        return [row for row in ALGORITHMS.values() if row.key_type == "oct"]
    curve = curve_of(material)
    return [
        row
        for row in ALGORITHMS.values()
        if (row.key_type == "RSA" if curve is None else curve in row.curves)
    ]


def check_binding(
    material: bytes | PrivateKey | PublicKey, algorithm: Algorithm, kid: object
) -> None:
    """Refuse an algorithm that does not fit the material, and a key id that cannot be one.

    Raises:
        InvalidKeyError: the algorithm does not fit, or the key id is empty or not text.
    """
    if algorithm.name not in (row.name for row in fitting_algorithms(material)):
        msg = f"{algorithm.name} does not take a key of this kind."
        raise InvalidKeyError(msg)
    if kid is not None and (not isinstance(kid, str) or not kid):
        msg = "The key id must be text that is not empty."
        raise InvalidKeyError(msg)


def algorithm_for(material: bytes | PrivateKey | PublicKey, name: str | None) -> Algorithm:
    """Return the named algorithm, or the most common one that fits the material."""
    return fitting_algorithms(material)[0] if name is None else algorithm_named(name)


def algorithm_names(
    material: bytes | HMAC | PrivateKey | PublicKey, algorithm: Algorithm
) -> frozenset[str]:
    """Return the names under which a key's tokens arrive: of its algorithm, and of the same one.

    RFC 9864 §2.2: ``EdDSA`` with an Ed25519 key and ``Ed25519`` are the same algorithm; so are
    ``EdDSA`` with an Ed448 key and ``Ed448``.
    """
    names = {algorithm.name}
    if algorithm.key_type == "OKP" and not isinstance(material, bytes | HMAC):
        fitting = {row.name for row in fitting_algorithms(material)}
        names |= fitting if algorithm.name in fitting else set()
    return frozenset(names)


def signature_bytes_of(key: HMAC | PublicKey, algorithm: Algorithm) -> int:
    """Return the length of the signatures of a key, in bytes."""
    if isinstance(key, HMAC):
        return algorithm.digest_bytes
    if isinstance(key, rsa.RSAPublicKey):
        return (key.key_size + 7) // 8
    return algorithm.curves[curve_of(key) or ""]


def public_members(key: PublicKey) -> dict[str, JsonValue]:
    """Return the JWK members of a public key, without ``kid``, ``alg`` and ``use``."""
    if isinstance(key, rsa.RSAPublicKey):
        members = pyjwt.RSAAlgorithm.to_jwk(key, as_dict=True)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        members = pyjwt.ECAlgorithm.to_jwk(key, as_dict=True)
    else:
        members = pyjwt.OKPAlgorithm.to_jwk(key, as_dict=True)

    members.pop("key_ops", None)
    return members


def thumbprint_of(key: PublicKey) -> str:
    """Return the RFC 7638 thumbprint of a public key, with SHA-256."""
    members = public_members(key)
    chosen = {name: members[name] for name in _THUMBPRINT_MEMBERS[str(members["kty"])]}
    text = json.dumps(chosen, separators=(",", ":"), sort_keys=True).encode()
    return b64url_encode(hashlib.sha256(text).digest())
