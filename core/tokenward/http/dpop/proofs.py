"""Checks a proof by itself: everything in RFC 9449 §4.3 that needs neither a store nor a nonce."""

import hashlib
from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

from pydantic import JsonValue

from tokenward.errors import (
    ConfigurationError,
    DpopProofError,
    InvalidSignatureError,
    KeyBindingError,
    MalformedTokenError,
)
from tokenward.http.dpop.targets import PublicUrls
from tokenward.jose.codec import b64url_decode, b64url_encode, loads_header, loads_payload
from tokenward.jose.key import Key
from tokenward.jose.segments import split_compact
from tokenward.jose.without_context import raise_without_context

__all__ = ["Expected", "Proof", "ProofChecker"]

_MAX_BYTES: Final = 4_096
"""Of a proof: enough for RSA keys of 8,192 bits."""
_MAX_JTI: Final = 256
_TYP: Final = "dpop+jwt"
# These change how a JWS is read (RFC 7515 §4.1.11, RFC 7797 §3).
_REFUSED: Final = ("crit", "b64", "zip")
# RFC 7518 §6.2.2, §6.3.2 and §6.4.1, whatever the `kty` is.
_PRIVATE_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


class Proof(NamedTuple):
    """What a proof says, after all checks of this module."""

    thumbprint: str
    """The RFC 7638 thumbprint of its key."""
    jti: str
    iat: float
    nonce: JsonValue


class Expected(NamedTuple):
    """What a proof must say."""

    method: str
    path: str
    """As the client sent it, percent-encoded and without query."""
    token: bytes | None
    """The token of which the proof must contain the hash; None: no hash is required."""
    thumbprint: str | None
    """The thumbprint to which the token is bound; None: any key."""


class _Header(NamedTuple):
    """What is the same in all proofs of one client."""

    key: Key
    thumbprint: str


class ProofChecker:
    """Checks proofs. The keys of clients are cached together with the header that contains them."""

    def __init__(
        self,
        urls: PublicUrls,
        algorithms: Collection[str],
        *,
        max_age_seconds: float,
        leeway_seconds: float,
        max_cached_headers: int = 1_024,
    ) -> None:
        """Take what is the same for all proofs.

        Args:
            urls: the URLs of the service.
            algorithms: the names of the accepted algorithms, all of them asymmetric.
            max_age_seconds: the maximum age of a proof.
            leeway_seconds: how far the clock of a client may be ahead.
            max_cached_headers: the maximum number of cached headers, each of at most 4 KiB.
        """
        self._urls = urls
        self._algorithms = frozenset(algorithms)
        self._max_age = max_age_seconds
        self._leeway = leeway_seconds
        # A header is read once, as in `CompactJws`. Only headers of valid proofs are cached.
        self._headers: dict[str, _Header] = {}
        self._max_headers = max_cached_headers

    def check(self, values: Collection[bytes], expected: Expected, now: float) -> Proof:
        """Return a proof that has passed the checks.

        Args:
            values: the values of the ``DPoP`` header.
            expected: what the proof must say.
            now: the time, in seconds since 1970.

        Raises:
            DpopProofError: there is not exactly one proof, or a check failed.
            KeyBindingError: the token is bound to another key.
        """
        head, payload, signature, message = _split(values)
        cached = self._headers.get(head)
        header = cached or self._read_header(head)
        # Before the signature, so that a stolen token without its key costs nothing.
        if expected.thumbprint is not None and header.thumbprint != expected.thumbprint:
            raise KeyBindingError
        try:
            header.key.verify(message, signature)
        except InvalidSignatureError:
            raise_without_context(DpopProofError(check="signature"))

        proof = self._read_payload(payload, header, expected, now)
        if cached is None and expected.thumbprint is not None:
            if len(self._headers) >= self._max_headers:
                self._headers.clear()
            self._headers[head] = header
        return proof

    def _read_header(self, segment: str) -> _Header:
        try:
            header = loads_header(b64url_decode(segment))
        except MalformedTokenError:
            raise_without_context(DpopProofError(check="form"))

        if header.get("typ") != _TYP:
            raise DpopProofError(check="typ")
        if any(name in header for name in _REFUSED):
            raise DpopProofError(check="header")
        algorithm, jwk = header.get("alg"), header.get("jwk")
        if not isinstance(algorithm, str) or algorithm not in self._algorithms:
            raise DpopProofError(check="alg")
        if not isinstance(jwk, dict) or not _PRIVATE_MEMBERS.isdisjoint(jwk):
            raise DpopProofError(check="jwk")
        key = _key_of(jwk, algorithm)
        return _Header(key, key.thumbprint or "")

    def _read_payload(
        self, payload: bytes, header: _Header, expected: Expected, now: float
    ) -> Proof:
        try:
            members = loads_payload(payload)
        except MalformedTokenError:
            raise_without_context(DpopProofError(check="form"))

        if members.get("htm") != expected.method:
            raise DpopProofError(check="htm")
        htu = members.get("htu")
        if not isinstance(htu, str) or not self._urls.contain(htu, expected.path):
            raise DpopProofError(check="htu")

        iat, jti = members.get("iat"), members.get("jti")
        if isinstance(iat, bool) or not isinstance(iat, int | float):
            raise DpopProofError(check="iat")
        # The first comparison is strict: from that moment on, the record of the proof may be gone.
        # A NaN fails both.
        if not now - self._max_age < iat <= now + self._leeway:
            raise DpopProofError(check="iat")
        if not isinstance(jti, str) or not 0 < len(jti) <= _MAX_JTI:
            raise DpopProofError(check="jti")
        _check_hash(members, expected.token)
        return Proof(header.thumbprint, jti, float(iat), members.get("nonce"))


def _split(values: Collection[bytes]) -> tuple[str, bytes, bytes, bytes]:
    """Return the header segment, the payload, the signature and the signed message of the proof."""
    if not values:
        raise DpopProofError(check="missing")
    if len(values) > 1:
        raise DpopProofError(check="several")
    (value,) = values
    if len(value) > _MAX_BYTES or not value.isascii():
        raise DpopProofError(check="form")

    text = value.decode("ascii")
    try:
        head, payload, signature = split_compact(text)
        decoded = b64url_decode(payload), b64url_decode(signature)
    except MalformedTokenError:
        raise_without_context(DpopProofError(check="form"))
    return head, *decoded, value[: -len(signature) - 1]


def _key_of(jwk: Mapping[str, JsonValue], algorithm: str) -> Key:
    """Return the public key of a proof, bound to the algorithm of the proof."""
    try:
        return Key.from_jwk(jwk, algorithm=algorithm)
    except ConfigurationError:
        raise_without_context(DpopProofError(check="jwk"))


def _check_hash(members: Mapping[str, JsonValue], token: bytes | None) -> None:
    """Check ``ath``: the hash of the token that is sent together with the proof (RFC 9449 §4.2)."""
    if token is None:
        return
    if members.get("ath") != b64url_encode(hashlib.sha256(token).digest()):
        raise DpopProofError(check="ath")
