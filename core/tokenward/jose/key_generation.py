"""New key material from the system's randomness."""

import secrets
from collections.abc import Mapping
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from tokenward.jose.algorithms import Algorithm, PrivateKey

__all__ = ["generate_material"]

_RSA_BITS: Final = 3072  # NIST SP 800-57: 128 bits of security, as ES256 and Ed25519 have.
_RSA_EXPONENT: Final = 65_537
_EC_CURVES: Final[Mapping[str, type[ec.EllipticCurve]]] = {
    "ES256": ec.SECP256R1,
    "ES384": ec.SECP384R1,
    "ES512": ec.SECP521R1,
    "ES256K": ec.SECP256K1,
}


def generate_material(algorithm: Algorithm) -> bytes | PrivateKey:
    """Return a new secret of the length of the hash, or a new private key."""
    if algorithm.key_type == "oct":
        return secrets.token_bytes(algorithm.digest_bytes)
    if algorithm.key_type == "RSA":
        return rsa.generate_private_key(_RSA_EXPONENT, _RSA_BITS)
    if algorithm.key_type == "EC":
        return ec.generate_private_key(_EC_CURVES[algorithm.name]())
    if algorithm.name == "Ed448":
        return ed448.Ed448PrivateKey.generate()
    return ed25519.Ed25519PrivateKey.generate()
