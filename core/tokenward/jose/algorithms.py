"""The table of signature algorithms (RFC 7518 §3.1, RFC 8037, RFC 8812, RFC 9864).

The engine passes entries of the table, never names: a name from outside is only looked up here.
``none`` has no entry, so it cannot be used.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from jwt import algorithms as pyjwt

from tokenward.errors import ConfigurationError

__all__ = [
    "ALGORITHMS",
    "Algorithm",
    "KeyType",
    "PreparedEcdsa",
    "PreparedHmac",
    "PrivateKey",
    "PublicKey",
    "algorithm_named",
]

PrivateKey = (
    rsa.RSAPrivateKey
    | ec.EllipticCurvePrivateKey
    | ed25519.Ed25519PrivateKey
    | ed448.Ed448PrivateKey
)
PublicKey = (
    rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | ed448.Ed448PublicKey
)
KeyType = Literal["oct", "RSA", "EC", "OKP"]


class PreparedHmac(pyjwt.HMACAlgorithm):
    """HMAC with a key that is hashed once instead of for each token (RFC 2104 §4).

    The base class of PyJWT takes the bytes of a secret, and checks them in `prepare_key`.
    """

    def __init__(self, name: hashes.HashAlgorithm) -> None:
        """Take the hash algorithm."""
        super().__init__(getattr(pyjwt.HMACAlgorithm, name.name.upper()))
        self._hash = name

    def keyed(self, secret: bytes) -> hmac.HMAC:
        """Return the HMAC state of a secret, which `sign` and `verify` take as their key."""
        return hmac.HMAC(secret, self._hash)

    def sign(self, msg: bytes, key: Any) -> bytes:  # noqa: ANN401 - of `keyed`
        """Return the authentication code of a message."""
        state: hmac.HMAC = key.copy()
        state.update(msg)
        return state.finalize()

    def verify(self, msg: bytes, key: Any, sig: bytes) -> bool:  # noqa: ANN401 - of `keyed`
        """Whether a code is the one of a message; compared in constant time."""
        state = key.copy()
        state.update(msg)
        try:
            state.verify(sig)
        except InvalidSignature:
            return False
        return True


class PreparedEcdsa(pyjwt.ECAlgorithm):
    """ECDSA whose hash is prepared once instead of for each token (RFC 7518 §3.4)."""

    def __init__(self, name: type[hashes.HashAlgorithm], curve: type[ec.EllipticCurve]) -> None:
        """Take the hash algorithm, and the curve of the keys."""
        super().__init__(name, curve)
        self._scheme = ec.ECDSA(name())

    def verify(self, msg: bytes, key: Any, sig: bytes) -> bool:  # noqa: ANN401 - a public key
        """Whether a signature is the one of a message; its length is the caller's to check."""
        half = len(sig) // 2
        r, s = int.from_bytes(sig[:half], "big"), int.from_bytes(sig[half:], "big")
        try:
            key.verify(encode_dss_signature(r, s), msg, self._scheme)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One row of the table."""

    name: str
    """The ``alg`` of RFC 7518."""
    key_type: KeyType
    """The ``kty`` of its keys (RFC 7518 §6.1)."""
    backend: pyjwt.Algorithm = field(repr=False)
    """Signs and verifies: an object of PyJWT, `PreparedHmac` or `PreparedEcdsa`."""
    curves: Mapping[str, int] = field(default_factory=dict)
    """The ``crv`` values of its keys, each with the length of a signature in bytes."""
    digest_bytes: int = 0
    """For HMAC: the length of the hash, which is also the minimum length of a secret."""


def _table() -> Mapping[str, Algorithm]:
    rows: list[Algorithm] = []
    for bits, crypto_hash in (
        ("256", hashes.SHA256),
        ("384", hashes.SHA384),
        ("512", hashes.SHA512),
    ):
        rows += (
            Algorithm(f"HS{bits}", "oct", PreparedHmac(crypto_hash()), digest_bytes=int(bits) // 8),
            Algorithm(f"RS{bits}", "RSA", pyjwt.RSAAlgorithm(crypto_hash)),
            Algorithm(f"PS{bits}", "RSA", pyjwt.RSAPSSAlgorithm(crypto_hash)),
        )

    for name, crypto_hash, curve, curve_name, signature_bytes in (
        ("ES256", hashes.SHA256, ec.SECP256R1, "P-256", 64),
        ("ES384", hashes.SHA384, ec.SECP384R1, "P-384", 96),
        ("ES512", hashes.SHA512, ec.SECP521R1, "P-521", 132),
        ("ES256K", hashes.SHA256, ec.SECP256K1, "secp256k1", 64),
    ):
        backend = PreparedEcdsa(crypto_hash, curve)
        rows.append(Algorithm(name, "EC", backend, {curve_name: signature_bytes}))

    # First the old name, which stored keys without ``alg`` keep (RFC 8037 §3.1, RFC 9864 §2.2).
    edwards = {"Ed25519": 64, "Ed448": 114}
    rows.append(Algorithm("EdDSA", "OKP", pyjwt.OKPAlgorithm(), edwards))
    for name, signature_bytes in edwards.items():
        rows.append(Algorithm(name, "OKP", pyjwt.OKPAlgorithm(), {name: signature_bytes}))
    return MappingProxyType({row.name: row for row in rows})


ALGORITHMS: Final = _table()


def algorithm_named(name: str) -> Algorithm:
    """Return the algorithm of a name from the configuration.

    Raises:
        ConfigurationError: the algorithm is unknown; the message lists the known ones.
    """
    try:
        return ALGORITHMS[name]
    except (KeyError, TypeError):
        known = ", ".join(ALGORITHMS)
        msg = f"The algorithm is unknown. Use one of: {known}."
        raise ConfigurationError(msg) from None
