"""The header in which a proxy forwards the certificate of a client (RFC 8705 §6.5)."""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator

from fuzz.harness import fuzz, instrumented

with instrumented(__name__):
    from tokenward.errors import KeyBindingError
    from tokenward.http import RequestView
    from tokenward.http.mtls import ForwardedCertificate
    from tokenward.jose.codec import b64url_decode
    from tokenward.testing.adapters.mtls_requests import FORWARDED_CASES

_HEADER = b"x-client-cert"
_SOURCES = {
    kind: ForwardedCertificate(kind, header=_HEADER.decode(), proxies=["10.0.0.7"])
    for kind in ("envoy", "escaped-pem", "rfc9440")
}
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)


def check(data: bytes) -> None:
    """Read a header in each format, and compare what is found with a second, careless reading."""
    scope = {"type": "http", "method": "GET", "client": ("10.0.0.7", 443)}
    for kind, source in _SOURCES.items():
        view = RequestView({**scope, "headers": [(_HEADER, data)]})
        try:
            found = source.thumbprint(view)
        except KeyBindingError:
            continue
        assert found is not None, "A header is ignored."
        assert b64url_decode(found) == _READINGS[kind](data), "Two readings differ."

        twice = RequestView({**scope, "headers": [(_HEADER, data), (_HEADER, data)]})
        stranger = RequestView({**scope, "client": ("10.0.0.8", 443), "headers": [(_HEADER, data)]})
        for each in (twice, stranger):
            try:
                source.thumbprint(each)
            except KeyBindingError:
                continue
            msg = "A header counts twice, or from a stranger."
            raise AssertionError(msg)


def _by_envoy(data: bytes) -> bytes | None:
    """Return the one hash of the one element, letter by letter."""
    pairs, is_quoted, is_escaped = [b""], False, False
    for letter in (data[place : place + 1] for place in range(len(data))):
        if not is_quoted and letter == b",":
            return None
        if not is_quoted and letter == b";":
            pairs.append(b"")
            continue
        if letter == b'"' and not is_escaped:
            is_quoted = not is_quoted
        is_escaped = letter == b"\\" and not is_escaped
        pairs[-1] += letter
    stripped = [pair.strip() for pair in pairs]
    hashes = [pair[5:] for pair in stripped if pair.lower().startswith(b"hash=")]
    return bytes.fromhex(hashes[0].strip().decode()) if len(hashes) == 1 else None


def _by_pem(data: bytes) -> bytes | None:
    text = re.sub(rb"%([0-9A-Fa-f]{2})", lambda found: bytes.fromhex(found[1].decode()), data)
    found = _PEM.search(text)
    return None if found is None else _digest_of(found[1])


def _by_byte_sequence(data: bytes) -> bytes | None:
    return _digest_of(data.replace(b":", b""))


def _digest_of(text: bytes) -> bytes | None:
    try:
        return hashlib.sha256(base64.b64decode(text)).digest()
    except binascii.Error:
        return None


_READINGS = {"envoy": _by_envoy, "escaped-pem": _by_pem, "rfc9440": _by_byte_sequence}


def seeds() -> Iterator[bytes]:
    """Return the headers of the contract of the adapters."""
    values = {
        value
        for cases in FORWARDED_CASES.values()
        for case in cases
        for name, value in case.headers
        if name != b"authorization" and len(value) < 4_000
    }
    yield from sorted(values)


if __name__ == "__main__":
    fuzz(check)
