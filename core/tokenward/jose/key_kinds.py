"""What kind of key a material is: the algorithms that it can serve, and its public members."""

import hashlib
import json
from collections.abc import Mapping
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hmac import HMAC
from jwt import algorithms as pyjwt
from pydantic import JsonValue

from tokenward.jose.algorithms import ALGORITHMS, Algorithm, PrivateKey, PublicKey, algorithm_named
from tokenward.jose.codec import b64url_encode
from tokenward.jose.key_loading import curve_of

__all__ = [
    "algorithm_for",
    "fitting_algorithms",
    "public_members",
    "signature_bytes_of",
    "thumbprint_of",
]

# RFC 7638 §3.2 and RFC 8037 §2: what a thumbprint is made of. `oct` is left out on purpose.
_THUMBPRINT_MEMBERS: Final[Mapping[str, tuple[str, ...]]] = {
    "RSA": ("e", "kty", "n"),
    "EC": ("crv", "kty", "x", "y"),
    "OKP": ("crv", "kty", "x"),
}


def fitting_algorithms(material: bytes | PrivateKey | PublicKey) -> list[Algorithm]:
    """Return the algorithms that the material can serve, the most usual first."""
    if isinstance(material, bytes):
        return [row for row in ALGORITHMS.values() if row.key_type == "oct"]
    curve = curve_of(material)
    return [
        row
        for row in ALGORITHMS.values()
        if (row.key_type == "RSA" if curve is None else curve in row.curves)
    ]


def algorithm_for(material: bytes | PrivateKey | PublicKey, name: str | None) -> Algorithm:
    """Return the algorithm that was asked for, or the material's most usual one."""
    return fitting_algorithms(material)[0] if name is None else algorithm_named(name)


def signature_bytes_of(key: HMAC | PublicKey, algorithm: Algorithm) -> int:
    """Return the length of every signature of a key."""
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
