"""Read PEM keys, with the checks that cryptography leaves to its caller."""

from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from tokenward.errors import InvalidKeyError
from tokenward.jose.algorithms import PrivateKey, PublicKey

__all__ = ["is_private_pem", "load_pem", "private_pem_of"]

_NOT_ENCRYPTED: Final = "A password was given, but the key is not encrypted."


def is_private_pem(content: bytes) -> bool:
    """Whether a text holds a private PEM key, encrypted or not."""
    return b"PRIVATE KEY-----" in content


def load_pem(pem: bytes, password: bytes | None) -> PrivateKey | PublicKey:
    """Return the private or public key of a PEM text.

    Raises:
        InvalidKeyError: the text is not such a key, the password is wrong or missing, or no
            algorithm takes this kind of key.
    """
    if b"-----BEGIN OPENSSH" in pem:
        msg = "This is an OpenSSH key. Convert it first: ssh-keygen -p -m pkcs8 -f FILE"
        raise InvalidKeyError(msg)

    if is_private_pem(pem):
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
        missing = "The private key is encrypted: pass its password."
        msg = missing if password is None else _NOT_ENCRYPTED
    except (ValueError, UnsupportedAlgorithm):
        msg = "The private key cannot be read; its password may be wrong."
    raise InvalidKeyError(msg)


def _supported(key: object) -> PrivateKey | PublicKey:
    if not isinstance(key, PrivateKey | PublicKey):
        msg = "Keys of this kind cannot sign tokens. Use RSA, EC, Ed25519 or Ed448."
        raise InvalidKeyError(msg)
    return key


def private_pem_of(key: PrivateKey) -> bytes:
    """Return a private key as unencrypted PEM (PKCS #8, RFC 5958)."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
