"""From key text to key objects, with every check that a key must pass before it may be used.

Parsing is PyJWT's and cryptography's; what they let through and a token engine must not is refused
here (RFC 8725 §3.5, RFC 7518 §3.2 and §3.3).
"""

from collections.abc import Mapping
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519
from jwt import algorithms as pyjwt
from jwt.exceptions import PyJWTError
from pydantic import JsonValue

from tokenward.errors import InvalidKeyError, MalformedTokenError
from tokenward.jose.algorithms import Algorithm, PrivateKey, PublicKey
from tokenward.jose.codec import b64url_decode

__all__ = [
    "as_bytes",
    "check_jwk_allows_verifying",
    "check_secret",
    "curve_of",
    "load_jwk",
    "load_pem",
    "public_part",
]

_FAULTS = (ValueError, TypeError, KeyError, UnsupportedAlgorithm, PyJWTError)
# RFC 7518 §6 and RFC 8037 §2: the members that hold key material, by `kty`.
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
_SSH_PREFIXES = (b"ssh-", b"ecdsa-sha2-", b"sk-ssh-", b"sk-ecdsa-")
# PKCS #8, PKCS #1 and SEC 1 private keys in DER are what PyJWT does not look for.
_DER_SEQUENCE = b"\x30"
_NOT_ENCRYPTED: Final = "A password was given, and the key is not encrypted."


def as_bytes(value: str | bytes, name: str) -> bytes:
    """Take text as its UTF-8 bytes.

    Raises:
        InvalidKeyError: neither text nor bytes, or text that UTF-8 cannot say.
    """
    if isinstance(value, bytes):
        return value
    # Python's own error would carry the text.
    if not isinstance(value, str) or any("\ud800" <= letter <= "\udfff" for letter in value):
        msg = f"The {name} must be text or bytes."
        raise InvalidKeyError(msg)
    return value.encode()


def check_secret(secret: bytes, algorithm: Algorithm, *, may_be_short: bool) -> None:
    """Refuse what must not be an HMAC secret.

    Raises:
        InvalidKeyError: empty, shorter than the hash (RFC 7518 §3.2), or the text of an asymmetric key, of
            a certificate or of a JWK: public text, with which anybody could sign (RFC 8725 §2.1).
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


_NOT_A_SECRET = (
    "This is the text of a key pair, a certificate or a JWK, not a secret: "  # noqa: S105 - a message
    "whoever knows the public half could sign. Load it with from_pem or from_jwk."
)


def _is_private_der(secret: bytes) -> bool:
    if not secret.startswith(_DER_SEQUENCE):
        return False
    try:
        serialization.load_der_private_key(secret, password=None)
    except TypeError:  # it is a key, and it is encrypted
        return True
    except (ValueError, UnsupportedAlgorithm):
        return False
    return True


def load_pem(pem: bytes, password: bytes | None) -> PrivateKey | PublicKey:
    """Load a private or a public PEM key.

    Raises:
        InvalidKeyError: no such PEM, a wrong or missing password, or a key of a kind or size that
            no algorithm of the table takes.
    """
    if b"-----BEGIN OPENSSH" in pem:
        msg = "This is an OpenSSH key. Convert it first: ssh-keygen -p -m pkcs8 -f FILE"
        raise InvalidKeyError(msg)
    if b"PRIVATE KEY-----" in pem:
        return _supported(_load_private_pem(pem, password))
    if password is not None:
        raise InvalidKeyError(_NOT_ENCRYPTED)
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        msg = "This is not a PEM key. Expected '-----BEGIN PUBLIC KEY-----' or a private key."
        raise InvalidKeyError(msg) from None
    return _supported(key)


def _load_private_pem(pem: bytes, password: bytes | None) -> object:
    try:
        return serialization.load_pem_private_key(pem, password)
    except TypeError:
        missing = "The private key is encrypted: give its password."
        msg = missing if password is None else _NOT_ENCRYPTED
    except (ValueError, UnsupportedAlgorithm):
        msg = "The private key cannot be read; its password may be wrong."
    raise InvalidKeyError(msg)


def load_jwk(jwk: Mapping[str, JsonValue]) -> PrivateKey | PublicKey | bytes:
    """Load the key material of a JWK (RFC 7517); for ``oct`` the secret's bytes.

    Raises:
        InvalidKeyError: a member is missing or not strict base64url, ``kty`` is not one of oct, RSA,
            EC, OKP, the point is not on the curve, or the private part is of another key.
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
        msg = "The JWK's members do not make a key."
        raise InvalidKeyError(msg) from None
    return key


def check_jwk_allows_verifying(jwk: Mapping[str, JsonValue], *, is_private: bool) -> None:
    """Refuse a JWK whose ``use`` or ``key_ops`` rules out signatures (RFC 7517 §4.2 and §4.3).

    Of a private key, the operation "sign" is enough: its public half is what verifies.

    Raises:
        InvalidKeyError: it is meant for something else.
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


def public_part(key: PrivateKey | PublicKey) -> PublicKey:
    """Give the half that verifies."""
    return key.public_key() if isinstance(key, PrivateKey) else key


def curve_of(key: PrivateKey | PublicKey) -> str | None:
    """Give the ``crv`` of a key, or None where there is none (RSA)."""
    if isinstance(key, ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey):
        return _CURVE_NAMES.get(key.curve.name)
    if isinstance(key, ed25519.Ed25519PrivateKey | ed25519.Ed25519PublicKey):
        return "Ed25519"
    if isinstance(key, ed448.Ed448PrivateKey | ed448.Ed448PublicKey):
        return "Ed448"
    return None


_CURVE_NAMES: Final = {
    "secp256r1": "P-256",
    "secp384r1": "P-384",
    "secp521r1": "P-521",
    "secp256k1": "secp256k1",
}


def _supported(key: object) -> PrivateKey | PublicKey:
    if not isinstance(key, PrivateKey | PublicKey):
        msg = "Keys of this kind cannot sign tokens. Use RSA, EC, Ed25519 or Ed448."
        raise InvalidKeyError(msg)
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
