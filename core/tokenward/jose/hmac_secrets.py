"""HMAC secrets, and which texts must not be one (RFC 7518 §3.2, RFC 8725 §2.1 and §3.5)."""

import warnings
from typing import Final, cast

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.hmac import HMAC
from jwt.exceptions import PyJWTError

from tokenward.errors import InvalidKeyError
from tokenward.jose.algorithms import Algorithm, PreparedHmac, algorithm_named

__all__ = ["WeakSecretWarning", "hmac_algorithm_named", "keyed_hmac", "warn_of_weak_secret"]

_SSH_PREFIXES: Final = (b"ssh-", b"ecdsa-sha2-", b"sk-ssh-", b"sk-ecdsa-")
_DER_SEQUENCE: Final = b"\x30"
_NOT_A_SECRET: Final = (
    "This is the text of a key pair, a certificate or a JWK, not a secret: "  # noqa: S105 - a message
    "everyone who knows the public half could sign. Load it with from_pem or from_jwk."
)


class WeakSecretWarning(UserWarning):
    """A secret is so short that it can be guessed."""


def hmac_algorithm_named(name: str) -> Algorithm:
    """Return an HMAC algorithm by its name.

    Raises:
        ConfigurationError: the algorithm is unknown.
        InvalidKeyError: the algorithm takes key pairs.
    """
    algorithm = algorithm_named(name)
    if algorithm.key_type != "oct":
        msg = f"{algorithm.name} does not take a secret. Use from_pem, from_jwk or generate."
        raise InvalidKeyError(msg)
    return algorithm


def keyed_hmac(secret: bytes, algorithm: Algorithm, *, may_be_short: bool) -> HMAC:
    """Return the HMAC state of a secret that may be used.

    Raises:
        InvalidKeyError: the text is empty, shorter than the hash (RFC 7518 §3.2), or the text of an
            asymmetric key, a certificate or a JWK: public text, with which everyone could sign
            (RFC 8725 §2.1).
    """
    if len(secret) < (1 if may_be_short else algorithm.digest_bytes):
        msg = (
            f"The secret for {algorithm.name} must be at least {algorithm.digest_bytes} bytes long "
            "(RFC 7518 §3.2). Make one with: python -c 'import secrets; print(secrets.token_hex(64))'"
        )
        raise InvalidKeyError(msg)

    text = secret.strip()
    if b"-----BEGIN " in text or text.startswith(_SSH_PREFIXES) or _is_private_der(secret):
        raise InvalidKeyError(_NOT_A_SECRET)

    try:
        algorithm.backend.prepare_key(secret)
    except PyJWTError:
        raise InvalidKeyError(_NOT_A_SECRET) from None
    return cast("PreparedHmac", algorithm.backend).keyed(secret)


def warn_of_weak_secret(secret: bytes, algorithm: Algorithm, *, stacklevel: int) -> None:
    """Warn if a secret is shorter than the hash."""
    if len(secret) < algorithm.digest_bytes:
        warnings.warn(
            f"The secret for {algorithm.name} is shorter than {algorithm.digest_bytes} bytes "
            "(RFC 7518 §3.2): it can be guessed from a single token. Replace it.",
            WeakSecretWarning,
            stacklevel=stacklevel + 1,
        )


def _is_private_der(secret: bytes) -> bool:
    """Whether this is a private key in DER (PKCS #8, PKCS #1 or SEC 1), which PyJWT does not detect."""
    if not secret.startswith(_DER_SEQUENCE):
        return False

    try:
        serialization.load_der_private_key(secret, password=None)
    except TypeError:  # an encrypted key
        return True
    except (ValueError, UnsupportedAlgorithm):
        return False
    return True
