"""The headers in which proxies forward the certificate of a client."""

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Final, Literal, TypeAlias
from urllib.parse import unquote_to_bytes

from tokenward.http.mtls.certificates import der_of_base64, der_of_pem

__all__ = ["DIGESTS", "HEADERS", "CertificateFormat"]

CertificateFormat: TypeAlias = Literal["envoy", "escaped-pem", "rfc9440"]
"""The formats of the header; `ForwardedCertificate` explains them."""

_LONGEST: Final = 65_536
# One element of Envoy's header: pairs of a key and a value, which is quoted if it has one of `,;=`.
_PAIR: Final = rb'([A-Za-z]+)=("(?:[^"\\]|\\.)*"|[^",;=]*)'
_ELEMENT: Final = re.compile(rb"%b(?:;%b)*" % (_PAIR, _PAIR))
_PAIRS: Final = re.compile(_PAIR)
_HEX_DIGEST: Final = re.compile(rb"[0-9A-Fa-f]{64}")


def _of_escaped_pem(value: bytes) -> bytes | None:
    return _digest_of(der_of_pem(unquote_to_bytes(value)))


def _of_rfc_9440(value: bytes) -> bytes | None:
    """Return the digest of a Byte Sequence (RFC 8941 §3.3.5)."""
    is_sequence = len(value) > 1 and value[:1] == value[-1:] == b":"
    return _digest_of(der_of_base64(value[1:-1])) if is_sequence else None


def _of_envoy(value: bytes) -> bytes | None:
    """Return the digest that Envoy has computed.

    Several elements are refused: only the last one belongs to this connection, and nobody has
    verified the others.
    """
    if _ELEMENT.fullmatch(value) is None:
        return None
    hashes = [found for key, found in _PAIRS.findall(value) if key.lower() == b"hash"]
    if len(hashes) != 1 or _HEX_DIGEST.fullmatch(hashes[0]) is None:
        return None
    return bytes.fromhex(hashes[0].decode())


def _digest_of(der: bytes | None) -> bytes | None:
    return None if der is None else hashlib.sha256(der).digest()


def _bounded(read: Callable[[bytes], bytes | None]) -> Callable[[bytes], bytes | None]:
    return lambda value: read(value.strip(b" \t")) if len(value) <= _LONGEST else None


DIGESTS: Final[Mapping[CertificateFormat, Callable[[bytes], bytes | None]]] = {
    "envoy": _bounded(_of_envoy),
    "escaped-pem": _bounded(_of_escaped_pem),
    "rfc9440": _bounded(_of_rfc_9440),
}
"""For each format, what reads the SHA-256 of the certificate from a header; None: it is malformed."""
HEADERS: Final[Mapping[CertificateFormat, str | None]] = {
    "envoy": "X-Forwarded-Client-Cert",
    "escaped-pem": None,
    "rfc9440": "Client-Cert",
}
"""The usual header of each format, if it has one."""
