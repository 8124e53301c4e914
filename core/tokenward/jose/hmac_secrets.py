"""HMAC secrets, and which texts must not be one (RFC 7518 §3.2, RFC 8725 §2.1 and §3.5)."""

import base64
import warnings
from typing import Final, Literal, TypeAlias, cast

from cryptography.exceptions import InternalError, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.hmac import HMAC
from jwt.exceptions import PyJWTError

from tokenward._arguments import as_bytes
from tokenward.errors import ConfigurationError, InvalidKeyError
from tokenward.jose.algorithms import Algorithm, PreparedHmac, algorithm_named

__all__ = [
    "SecretEncoding",
    "WeakSecretWarning",
    "hmac_algorithm_named",
    "keyed_hmac",
    "secret_bytes",
    "warn_of_weak_secret",
]

SecretEncoding: TypeAlias = Literal["base64"]

_SSH_PREFIXES: Final = (b"ssh-", b"ecdsa-sha2-", b"sk-ssh-", b"sk-ecdsa-")
_DER_SEQUENCE: Final = b"\x30"
_URL_SAFE: Final = bytes.maketrans(b"-_", b"+/")
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

    _refuse_key_text(secret, algorithm)
    return cast("PreparedHmac", algorithm.backend).keyed(secret)


def secret_bytes(
    secret: str | bytes, encoding: SecretEncoding | None, algorithm: Algorithm
) -> bytes:
    """Return the bytes of a secret, decoded if it has an encoding.

    Raises:
        InvalidKeyError: the secret is not text or bytes, is not base64, or is the text of a key; or
            it is long enough only as the text itself.
        ConfigurationError: the encoding is unknown.
    """
    text = as_bytes(secret, "secret")
    if encoding is None:
        return text
    if encoding != "base64":
        msg = "The encoding of a secret must be 'base64', or None for the text itself."
        raise ConfigurationError(msg)

    # The letters and hyphens of a public key in PEM may also be base64url.
    _refuse_key_text(text, algorithm)
    try:
        decoded = _from_base64(text)
    except ValueError:
        msg = "The secret is not base64 or base64url. Without encoding, the text itself is used."
        raise InvalidKeyError(msg) from None
    if len(decoded) < algorithm.digest_bytes <= len(text):
        msg = (
            f"The secret for {algorithm.name} must have at least {algorithm.digest_bytes} bytes "
            "after it is decoded from base64 (RFC 7518 §3.2). If the issuer uses the text itself, "
            "remove the encoding."
        )
        raise InvalidKeyError(msg)
    return decoded


def warn_of_weak_secret(secret: bytes, algorithm: Algorithm, *, stacklevel: int) -> None:
    """Warn if a secret is shorter than the hash."""
    if len(secret) < algorithm.digest_bytes:
        warnings.warn(
            f"The secret for {algorithm.name} is shorter than {algorithm.digest_bytes} bytes "
            "(RFC 7518 §3.2): it can be guessed from a single token. Replace it.",
            WeakSecretWarning,
            stacklevel=stacklevel + 1,
        )


def _refuse_key_text(secret: bytes, algorithm: Algorithm) -> None:
    """Refuse the text of a key pair, a certificate or a JWK, also in base64.

    Raises:
        InvalidKeyError: this is such a text.
    """
    try:
        decoded = _from_base64(secret)
    except ValueError:
        decoded = b""
    for content in filter(None, (secret, decoded)):
        text = content.strip()
        if b"-----BEGIN " in text or text.startswith(_SSH_PREFIXES) or _is_private_der(content):
            raise InvalidKeyError(_NOT_A_SECRET)
        try:
            algorithm.backend.prepare_key(content)
        except PyJWTError:
            raise InvalidKeyError(_NOT_A_SECRET) from None


def _from_base64(text: bytes) -> bytes:
    """Return the content of base64 or base64url text (RFC 4648 §4 and §5), padded or not.

    Raises:
        ValueError: the text is neither.
    """
    digits = b"".join(text.split()).translate(_URL_SAFE).rstrip(b"=")
    return base64.b64decode(digits + b"=" * (-len(digits) % 4), validate=True)


def _is_private_der(secret: bytes) -> bool:
    """Whether this is a private key in DER (PKCS #8, PKCS #1 or SEC 1), which PyJWT does not detect."""
    if not secret.startswith(_DER_SEQUENCE):
        return False

    try:
        serialization.load_der_private_key(secret, password=None)
    except (TypeError, InternalError):  # an encrypted key, or a damaged one
        return True
    except (ValueError, UnsupportedAlgorithm):
        return False
    return True
