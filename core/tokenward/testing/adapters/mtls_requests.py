"""Requests with certificates of clients, each with the response that every adapter must send (RFC 8705)."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from tokenward.jose.codec import b64url_encode
from tokenward.testing.adapters import answers as a
from tokenward.testing.adapters.answers import Answer, Case
from tokenward.testing.adapters.service import Headers, bearer, shop_token
from tokenward.testing.adapters.tokens import NOW

__all__ = [
    "CERTIFICATE",
    "CLIENT_HEADERS",
    "FORWARDED_CASES",
    "MTLS_CASES",
    "OTHER_CERTIFICATE",
    "THUMBPRINT",
    "TLS_CASES",
    "MtlsCase",
    "certified",
    "pem_of",
    "tls_of",
]

# RFC 8705 appendix A, and the certificate of RFC 9440 appendix A.
CERTIFICATE: Final = (
    "MIIBBjCBrAIBAjAKBggqhkjOPQQDAjAPMQ0wCwYDVQQDDARtdGxzMB4XDTE4MTAxODEyMzcwOVoXDTIyMDUwMjEyMzcwOVow"
    "DzENMAsGA1UEAwwEbXRsczBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABNcnyxwqV6hY8QnhxxzFQ03C7HKW9OylMbnQZjjJ"
    "/Au08/coZwxS7LfA4vOLS9WuneIXhbGGWvsDSb0tH6IxLm8wCgYIKoZIzj0EAwIDSQAwRgIhAP0RC1E+vwJD/D1AGHGzuri+"
    "hlV/PpQEKTWUVeORWz83AiEA5x2eXZOVbUlJSGQgjwD5vaUaKlLR50Q2DmFfQj1L+SY="
)
THUMBPRINT: Final = "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0"
OTHER_CERTIFICATE: Final = (
    "MIIBqDCCAU6gAwIBAgIBBzAKBggqhkjOPQQDAjA6MRswGQYDVQQKDBJMZXQncyBBdXRoZW50aWNhdGUxGzAZBgNVBAMMEkxB"
    "IEludGVybWVkaWF0ZSBDQTAeFw0yMDAxMTQyMjU1MzNaFw0yMTAxMjMyMjU1MzNaMA0xCzAJBgNVBAMMAkJDMFkwEwYHKoZI"
    "zj0CAQYIKoZIzj0DAQcDQgAE8YnXXfaUgmnMtOXU/IncWalRhebrXmckC8vdgJ1p5Be5F/3YC8OthxM4+k1M6aEAEFcGzkJi"
    "Ny6J84y7uzo9M6NyMHAwCQYDVR0TBAIwADAfBgNVHSMEGDAWgBRm3WjLa38lbEYCuiCPct0ZaSED2DAOBgNVHQ8BAf8EBAMC"
    "BsAwEwYDVR0lBAwwCgYIKwYBBQUHAwIwHQYDVR0RAQH/BBMwEYEPYmRjQGV4YW1wbGUuY29tMAoGCCqGSM49BAMCA0gAMEUC"
    "IBHda/r1vaL6G3VliL4/Di6YK0Q6bMjeSkC3dFCOOB8TAiEAx/kHSB4urmiZ0NX5r5XarmPk0wmuydBVoU4hBVZ1yhk="
)
CLIENT_HEADERS: Final = {
    "envoy": b"x-forwarded-client-cert",
    "escaped-pem": b"x-client-cert",
    "rfc9440": b"client-cert",
}
"""The header of each format."""

_PROXY: Final = ("127.0.0.1", 50_000)
_STRANGER: Final = ("203.0.113.9", 50_000)
_OK: Final = a.ok(sub="alice")
_REFUSED: Final = a.unbound()


@dataclass(frozen=True, kw_only=True)
class MtlsCase(Case):
    """A request, and what the server says about its connection."""

    client: tuple[str, int] | None = _PROXY
    tls: Mapping[str, Any] | None = None


def pem_of(certificate: str) -> str:
    """Return a certificate as PEM."""
    lines = [certificate[start : start + 64] for start in range(0, len(certificate), 64)]
    return "\n".join(["-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----", ""])


def _digest(certificate: str) -> bytes:
    return hashlib.sha256(base64.b64decode(certificate)).digest()


def certified(format: str, certificate: str = CERTIFICATE) -> tuple[bytes, bytes]:
    """Return the header in which a proxy forwards a certificate."""
    value = {
        "envoy": f"Hash={_digest(certificate).hex()}",
        "escaped-pem": quote(pem_of(certificate), safe=""),
        "rfc9440": f":{certificate}:",
    }[format]
    return CLIENT_HEADERS[format], value.encode()


def tls_of(*chain: str, error: str | None = None) -> dict[str, Any]:
    """Return the TLS extension of ASGI for a client with these certificates."""
    return {
        "server_cert": None,
        "client_cert_chain": [pem_of(each) for each in chain],
        "client_cert_name": None,
        "client_cert_error": error,
        "tls_version": 0x0304,
        "cipher_suite": 0x1301,
    }


def _token(x5t: object = THUMBPRINT, /, **changes: object) -> Headers:
    """Return the header of a token that is bound to a certificate; `...`: of a bearer token."""
    cnf = ... if x5t is ... else {"x5t#S256": x5t}
    return bearer(shop_token(**{"cnf": cnf, "scope": "orders:read", **changes}))


_BOUND: Final = _token()
_UNBOUND: Final = _token(...)
_OTHERS: Final = b64url_encode(_digest(OTHER_CERTIFICATE))
_JKT: Final = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"

_TOKENS: Final[list[tuple[str, str, Headers, Answer]]] = [
    ("§3 a token with its certificate", "/bound", _BOUND, _OK),
    ("§3 the same where none is required", "/either", _BOUND, _OK),
    ("§3 a token that is not bound", "/bound", _UNBOUND, _REFUSED),
    ("§3 the same where none is required, unbound", "/either", _UNBOUND, _OK),
    ("§3 a token of another certificate", "/bound", _token(_OTHERS), _REFUSED),
    ("§3 the same where none is required, another", "/either", _token(_OTHERS), _REFUSED),
    ("§3 no token", "/bound", (), a.MISSING),
    ("§3 optional, no token", "/maybe-bound", (), a.ok(sub=None)),
    ("§3 optional, bound", "/maybe-bound", _BOUND, _OK),
    ("§3 optional, not bound", "/maybe-bound", _UNBOUND, _REFUSED),
    ("§3 two guards", "/bound-twice", _BOUND, _OK),
    ("§3 enough scopes", "/bound-orders", _BOUND, _OK),
    ("§3 too few scopes", "/bound-orders", _token(scope="x"), a.too_little("orders:read")),
    ("§3 too few scopes, of another", "/bound-orders", _token(_OTHERS, scope="x"), _REFUSED),
    ("§3 expired", "/bound", _token(exp=NOW), a.EXPIRED),
    ("§3 two tokens", "/bound", _BOUND * 2, a.TWO_CREDENTIALS),
    ("§3 in the scheme of DPoP", "/bound", ((b"authorization", _BOUND[0][1].replace(b"Bearer", b"DPoP")),), a.MISSING),
    ("§3.1 an empty thumbprint", "/either", _token(""), _REFUSED),
    ("§3.1 a padded thumbprint", "/either", _token(f"{THUMBPRINT}="), _REFUSED),
    ("§3.1 in capitals", "/either", _token(THUMBPRINT.upper()), _REFUSED),
    ("§3.1 in hexadecimal", "/either", _token(_digest(CERTIFICATE).hex()), _REFUSED),
    ("§3.1 with a line break", "/either", _token(f"{THUMBPRINT}\n"), _REFUSED),
    ("§3.1 null", "/either", _token(None), a.bad("cnf")),
    ("§3.1 a list", "/either", _token([THUMBPRINT]), a.bad("cnf")),
    ("§3.1 under another name", "/bound", _token(..., cnf={"x5t": THUMBPRINT}), a.UNKNOWN_BINDING),
    ("§3.1 the same where none is required", "/either", _token(..., cnf={"x5t": THUMBPRINT}), a.UNKNOWN_BINDING),
    ("§3.1 beside another member", "/bound", _token(..., cnf={"x5t#S256": THUMBPRINT, "x5t": "x"}), _OK),
    ("§3.1 outside of cnf", "/bound", _token(..., **{"x5t#S256": THUMBPRINT}), _REFUSED),
    ("a DPoP key as well", "/either", _token(..., cnf={"x5t#S256": THUMBPRINT, "jkt": _JKT}), _REFUSED),
    ("only a DPoP key", "/either", _token(..., cnf={"jkt": _JKT}), _REFUSED),
]  # fmt: skip
_NO_CERTIFICATE: Final[list[tuple[str, str, Headers, Answer]]] = [
    ("§3 bound", "/bound", _BOUND, _REFUSED),
    ("§3 bound, where none is required", "/either", _BOUND, _REFUSED),
    ("§3 not bound", "/bound", _UNBOUND, _REFUSED),
    ("§3 not bound, where none is required", "/either", _UNBOUND, _OK),
]


def _by_tls(name: str, tls: Mapping[str, Any] | None, answer: Answer) -> MtlsCase:
    return MtlsCase(name, "/bound", _BOUND, answer, tls=tls)


_EXTENSION: Final = tls_of(CERTIFICATE)
_PEM: Final = pem_of(CERTIFICATE)
TLS_CASES: Final = [
    *(MtlsCase(*each, tls=_EXTENSION) for each in _TOKENS),
    *(
        MtlsCase(f"{reason}, {name}", path, token, answer, tls=tls)
        for reason, tls in (("no extension", None), ("no certificate", tls_of()))
        for name, path, token, answer in _NO_CERTIFICATE
    ),
    *(
        MtlsCase(f"a header of {kind}", "/bound", (*_BOUND, certified(kind)), _REFUSED)
        for kind in CLIENT_HEADERS
    ),
    _by_tls("another certificate", tls_of(OTHER_CERTIFICATE), _REFUSED),
    _by_tls("the first of a chain", tls_of(CERTIFICATE, OTHER_CERTIFICATE), _OK),
    _by_tls("the second of a chain", tls_of(OTHER_CERTIFICATE, CERTIFICATE), _REFUSED),
    _by_tls("the server refused it", tls_of(CERTIFICATE, error="expired"), _REFUSED),
    _by_tls("a tuple", {**_EXTENSION, "client_cert_chain": (_PEM,)}, _OK),
    _by_tls("Windows line breaks", {**_EXTENSION, "client_cert_chain": [_PEM.replace("\n", "\r\n")]}, _OK),
    _by_tls("null", {**_EXTENSION, "client_cert_chain": None}, _REFUSED),
    _by_tls("text for a chain", {**_EXTENSION, "client_cert_chain": _PEM}, _REFUSED),
    _by_tls("bytes", {**_EXTENSION, "client_cert_chain": [_PEM.encode()]}, _REFUSED),
    _by_tls("a number for a chain", {**_EXTENSION, "client_cert_chain": 1}, _REFUSED),
    _by_tls("no PEM", {**_EXTENSION, "client_cert_chain": [CERTIFICATE]}, _REFUSED),
    _by_tls("a key", {**_EXTENSION, "client_cert_chain": [_PEM.replace("CERTIFICATE", "PUBLIC KEY")]}, _REFUSED),
    _by_tls("an empty certificate", {**_EXTENSION, "client_cert_chain": [pem_of("")]}, _REFUSED),
    _by_tls("damaged", {**_EXTENSION, "client_cert_chain": [_PEM.replace("MII", "M!I")]}, _REFUSED),
]  # fmt: skip
"""Requests to a service whose server passes the certificate on."""

_HASH: Final = _digest(CERTIFICATE).hex()
_OTHER_HASH: Final = _digest(OTHER_CERTIFICATE).hex()
_ESCAPED: Final = quote(pem_of(CERTIFICATE), safe="")
_VALUES: Final[dict[str, dict[str, tuple[str, Answer]]]] = {
    "envoy": {
        "with other keys": (f'By=spiffe://a;Hash={_HASH};Subject="CN=\\"a;b,c\\"";URI=spiffe://b;URI=c', _OK),
        "in capitals": (f"HASH={_HASH.upper()}", _OK),
        "two elements": (f"Hash={_HASH},By=spiffe://a;Hash={_OTHER_HASH}", _REFUSED),
        "two elements, the other way": (f"Hash={_OTHER_HASH},Hash={_HASH}", _REFUSED),
        "two hashes": (f"Hash={_HASH};Hash={_HASH}", _REFUSED),
        "a hash in a subject": (f'By=a;Subject="CN=x;Hash={_HASH}"', _REFUSED),
        "a subject that is not closed": (f'Subject="CN=x;Hash={_HASH}', _REFUSED),
        "a quoted hash": (f'Hash="{_HASH}"', _REFUSED),
        "a shorter hash": (f"Hash={_HASH[:-1]}", _REFUSED),
        "no hash": (f"Cert={_ESCAPED}", _REFUSED),
        "no key": (_HASH, _REFUSED),
        "spaces": (f"Hash= {_HASH}", _REFUSED),
        "an empty element": (f"Hash={_HASH},", _REFUSED),
        "an empty pair": (f"Hash={_HASH};", _REFUSED),
        "the certificate of another proxy": (CERTIFICATE, _REFUSED),
        "many quotes": ('Subject="' + '\\"' * 4_000, _REFUSED),
    },
    "escaped-pem": {
        "with plain signs": (quote(pem_of(CERTIFICATE), safe="+=/"), _OK),
        "a chain": (_ESCAPED + quote(pem_of(OTHER_CERTIFICATE), safe=""), _OK),
        "the second of a chain": (quote(pem_of(OTHER_CERTIFICATE), safe="") + _ESCAPED, _REFUSED),
        "not escaped": (CERTIFICATE, _REFUSED),
        "escaped twice": (quote(_ESCAPED, safe=""), _REFUSED),
        "text before": (f"x{_ESCAPED}", _REFUSED),
        "text after": (f"{_ESCAPED}x", _REFUSED),
        "only the beginning": (_ESCAPED[:200], _REFUSED),
        "no certificate": (quote(pem_of(""), safe=""), _REFUSED),
        "damaged": (_ESCAPED.replace("MII", "M%00I"), _REFUSED),
        "a key": (_ESCAPED.replace("CERTIFICATE", "PUBLIC%20KEY"), _REFUSED),
        "(null)": ("(null)", _REFUSED),
        "100 KB": ("%41" * 33_000, _REFUSED),
    },
    "rfc9440": {
        "spaces around": (f" :{CERTIFICATE}: ", _OK),
        "no colons": (CERTIFICATE, _REFUSED),
        "one colon": (f":{CERTIFICATE}", _REFUSED),
        "only colons": ("::", _REFUSED),
        "a colon": (":", _REFUSED),
        "a parameter": (f":{CERTIFICATE}:;a=1", _REFUSED),
        "a list": (f":{CERTIFICATE}:, :{OTHER_CERTIFICATE}:", _REFUSED),
        "base64url": (f":{CERTIFICATE.replace('/', '_').replace('+', '-')}:", _REFUSED),
        "without padding": (f":{CERTIFICATE.rstrip('=')}:", _REFUSED),
        "with spaces": (f":{CERTIFICATE[:9]} {CERTIFICATE[9:]}:", _REFUSED),
        "PEM": (f":{_ESCAPED}:", _REFUSED),
        "not ASCII": (":é:", _REFUSED),
    },
}  # fmt: skip


def _forwarded(format: str) -> list[MtlsCase]:
    own, other = certified(format), certified(format, OTHER_CERTIFICATE)
    name = own[0]

    def by(text: str, *headers: tuple[bytes, bytes], answer: Answer = _REFUSED, **more: Any) -> MtlsCase:  # fmt: skip
        return MtlsCase(text, "/bound", (*_BOUND, *headers), answer, **more)

    return [
        *(MtlsCase(text, path, (*token, own), answer) for text, path, token, answer in _TOKENS),
        *(
            MtlsCase(f"no header, {text}", path, token, answer)
            for text, path, token, answer in _NO_CERTIFICATE
        ),
        *(
            by(text, (name, value.encode()), answer=answer)
            for text, (value, answer) in _VALUES[format].items()
        ),
        by("another certificate", other),
        by("an empty header", (name, b"")),
        by("the header twice", own, own),
        by("two headers", own, other),
        by("two headers, the other way", other, own),
        by("two headers, one empty", own, (name, b"")),
        by("bytes", (name, b"\xff\xfe\0")),
        by("a similar name", (name.replace(b"-", b"_"), own[1])),
        by("a longer name", (name + b"-chain", own[1])),
        by("the TLS extension", tls=_EXTENSION),
        by("from a stranger", own, client=_STRANGER),
        by("from a Unix socket", own, client=None),
        by("from a name", own, client=("localhost", 1)),
        by("from a proxy with a mapped address", own, answer=_OK, client=("::ffff:127.0.0.1", 1)),
        by("for a client", own, (b"x-forwarded-for", b"203.0.113.9"), answer=_OK),
        by("for clients with similar addresses", own, (b"x-forwarded-for", b"127.0.0.10, 1.127.0.0.1"), answer=_OK),
        by("with an invented address", own, (b"x-forwarded-for", b"127.0.0.1")),
        by("with an invented address and port", own, (b"x-forwarded-for", b"203.0.113.9, 127.0.0.1:50000")),
        by("with an invented address, forwarded", own, (b"forwarded", b'by=x, for="127.0.0.1"')),
        by("with an invented real address", own, (b"x-real-ip", b"127.0.0.1")),
        MtlsCase("a bearer token of a stranger", "/either", (*_UNBOUND, own), _OK, client=_STRANGER),
    ]  # fmt: skip


FORWARDED_CASES: Final = {kind: _forwarded(kind) for kind in CLIENT_HEADERS}
"""Requests to a service behind a proxy, by the format of its header."""
MTLS_CASES: Final = [
    *(("tls", case) for case in TLS_CASES),
    *((kind, case) for kind, cases in FORWARDED_CASES.items() for case in cases),
]
"""All requests, each with the kind of its service."""
