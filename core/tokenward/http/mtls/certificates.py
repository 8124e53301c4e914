"""The thumbprint of a certificate (RFC 8705 §3.1). A certificate is hashed, never parsed."""

import base64
import binascii
import hashlib
import re
from typing import Final

from tokenward._arguments import refuse
from tokenward.jose.codec import b64url_encode

__all__ = ["certificate_thumbprint", "der_of_base64", "der_of_pem", "thumbprint_of_digest"]

# RFC 7468 §5: the first block is the certificate of the client, as in the chain of TLS.
_PEM: Final = re.compile(
    rb"\s*-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----\s*(?:-----|\Z)"
)
_DIGEST_BYTES: Final = 32


def certificate_thumbprint(pem: str | bytes) -> str:
    """Return the ``x5t#S256`` of a certificate, for `ProvenKey`: the SHA-256 of its DER encoding.

    Args:
        pem: the certificate as PEM text; of several, the first.

    Raises:
        ConfigurationError: it is not PEM.

    Not checked: whether the certificate is valid, or has expired.
    """
    der = der_of_pem(pem.encode() if isinstance(pem, str) else pem)
    if der is None:
        refuse("pem must be a certificate in PEM: -----BEGIN CERTIFICATE-----.")
    return thumbprint_of_digest(hashlib.sha256(der).digest())


def thumbprint_of_digest(digest: bytes) -> str:
    """Return a SHA-256 digest as the text of ``x5t#S256``."""
    return b64url_encode(digest)


def der_of_pem(text: bytes) -> bytes | None:
    """Return the DER encoding of the first certificate of a PEM text; None if it is not PEM."""
    found = _PEM.match(text)
    return None if found is None else der_of_base64(b"".join(found[1].split()))


def der_of_base64(text: bytes) -> bytes | None:
    """Return what a strict base64 text encodes (RFC 4648 §4); None if it is not, or is empty."""
    try:
        return base64.b64decode(text, validate=True) or None
    except binascii.Error:
        return None
