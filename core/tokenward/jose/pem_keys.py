"""Read PEM keys and certificates, with the checks that cryptography leaves to its caller."""

import re
from typing import Final

from cryptography import x509
from cryptography.exceptions import InternalError, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from tokenward.errors import InvalidKeyError
from tokenward.jose.algorithms import PrivateKey, PublicKey

__all__ = ["is_private_pem", "load_pem"]

_BEGIN: Final = re.compile(rb"-----BEGIN (?!EC PARAMETERS-----)[A-Z0-9 ]+-----")
_NOT_ENCRYPTED: Final = "A password was given, but the key is not encrypted."


def is_private_pem(content: bytes) -> bool:
    """Whether a text holds a private PEM key, encrypted or not."""
    return b"PRIVATE KEY-----" in content


def load_pem(pem: bytes, password: bytes | None) -> PrivateKey | PublicKey:
    """Return the private or public key of a PEM text, or the public key of a certificate.

    Raises:
        InvalidKeyError: the text is not such a key, or has several; the password is wrong or
            missing; or no algorithm takes this kind of key.

    Not checked: who signed a certificate, when it expires, and for what it was issued.
    """
    if b"-----BEGIN OPENSSH" in pem:
        msg = "This is an OpenSSH key. Convert it first: ssh-keygen -p -m pkcs8 -f FILE"
        raise InvalidKeyError(msg)

    if rb"-----\n" in pem:
        msg = (
            "The PEM text has a backslash and an n where its lines end, as in some environment "
            r'variables. Pass text.replace("\\n", "\n").'
        )
        raise InvalidKeyError(msg)

    # cryptography would use the first one, and a certificate may be for another key.
    if len(_BEGIN.findall(pem)) > 1:
        msg = "The PEM text has several keys or certificates: pass only the one that you mean."
        raise InvalidKeyError(msg)

    if is_private_pem(pem):
        return _supported(_load_private_pem(pem, password))

    if password is not None:
        raise InvalidKeyError(_NOT_ENCRYPTED)
    return _supported(_load_public_pem(pem))


def _load_public_pem(pem: bytes) -> object:
    try:
        if b"-----BEGIN CERTIFICATE-----" in pem:
            return x509.load_pem_x509_certificate(pem).public_key()
        return serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion):
        msg = (
            "This is not a PEM key. Expected '-----BEGIN PUBLIC KEY-----', "
            "'-----BEGIN CERTIFICATE-----' or a private key."
        )
        raise InvalidKeyError(msg) from None


def _load_private_pem(pem: bytes, password: bytes | None) -> object:
    try:
        return serialization.load_pem_private_key(pem, password)
    except TypeError:
        missing = "The private key is encrypted: pass its password."
        msg = missing if password is None else _NOT_ENCRYPTED
    except (ValueError, UnsupportedAlgorithm, InternalError):
        # InternalError: an Edwards or Montgomery key of the wrong length.
        msg = "The private key cannot be read; its password may be wrong."
    raise InvalidKeyError(msg)


def _supported(key: object) -> PrivateKey | PublicKey:
    if not isinstance(key, PrivateKey | PublicKey):
        msg = "Keys of this kind cannot sign tokens. Use RSA, EC, Ed25519 or Ed448."
        raise InvalidKeyError(msg)
    return key
