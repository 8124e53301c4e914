"""Sign and verify the compact form (RFC 7515 §7.1). Knows no claims."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Final, NamedTuple, Self

from pydantic import JsonValue

from tokenward.errors import (
    ConfigurationError,
    InvalidSignatureError,
    MalformedTokenError,
    SigningKeyError,
    UnknownKeyError,
    UnsupportedHeaderError,
)
from tokenward.jose.codec import b64url_decode, b64url_encode, dumps, loads_header
from tokenward.jose.key import Key
from tokenward.jose.key_source import KeySource, Signer
from tokenward.jose.segments import split_compact, text_of_token
from tokenward.jose.without_context import raise_without_context

__all__ = [
    "CompactJws",
    "VerifiedJws",
    "normalize_typ",
]

# These change how the token is read: a critical extension, an unencoded or compressed payload.
_REFUSED: Final = ("crit", "b64", "zip")
# With `jwk`, `jku`, `x5u` and `x5c` the sender chooses the key. They are ignored when verifying
# (RFC 8725 §3.10), and never written when signing.
_RESERVED: Final = frozenset(
    {"alg", "kid", "typ", "cty", "enc", *_REFUSED, "jwk", "jku", "x5u", "x5c", "x5t", "x5t#S256"}
)
_MAX_CACHED_HEADERS: Final = 64


class VerifiedJws(NamedTuple):
    """The payload and header type of a token whose signature is valid."""

    payload: bytes
    typ: str | None
    """The header's ``typ`` in lower case, without ``application/`` (RFC 7515 §4.1.9)."""
    keys_version: int
    """The version of the keys that verified it; with another version it must be verified again."""


class _Header(NamedTuple):
    key: Key
    typ: str | None
    keys_version: int
    is_stand_in: bool
    """Whether the header names another key id than that of the key."""


class CompactJws:
    """Signs with the active key of a key source, and verifies with the key that a header names."""

    __slots__ = ("_headers", "_keys", "_max_bytes", "_signing_headers", "_version")

    def __init__(self, keys: KeySource, *, max_bytes: int) -> None:
        """Take the keys, and the maximum length of a token, which is checked first."""
        self._keys = keys
        self._version = keys.version
        self._max_bytes = max_bytes
        # A service sees the same few headers all day. Only headers of valid tokens are cached, so
        # that strangers cannot fill the cache.
        self._headers: dict[str, _Header] = {}
        # Stored with the key, because another thread may rotate the ring at any time.
        self._signing_headers: dict[str, tuple[Key, str]] = {}

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        """Return one without cached headers: the copy may get other keys."""
        return type(self)(deepcopy(self._keys, memo), max_bytes=self._max_bytes)

    def sign(
        self,
        payload: bytes,
        *,
        typ: str,
        headers: Mapping[str, JsonValue] | None,
        key: Key | None = None,
    ) -> str:
        """Return the compact form of a payload.

        Args:
            payload: the payload, as bytes.
            typ: the ``typ`` of the header.
            headers: further members of the header.
            key: the key that signs; None: the active key.

        Raises:
            ConfigurationError: `headers` names a member that only the engine may set.
            SigningKeyError: the key only verifies.
        """
        if key is None:
            active = self._keys.signing_key()
            key = active if isinstance(active, Key) else active.key
        message = self._signing_input(key, payload, typ, headers)
        return f"{message}.{b64url_encode(key.sign(message.encode()))}"

    async def sign_with(
        self, signer: Signer, payload: bytes, *, typ: str, headers: Mapping[str, JsonValue] | None
    ) -> str:
        """Return the compact form of a payload, signed by a `Signer`; see `sign`.

        Raises:
            SigningKeyError: the signature was not made with the signer's key.
        """
        key = signer.key
        message = self._signing_input(key, payload, typ, headers)
        signature = await signer.sign(message.encode())

        try:
            key.verify(message.encode(), signature)
        except InvalidSignatureError as exc:
            msg = "The signer returned a signature that was not made with its key."
            raise SigningKeyError(msg) from exc
        return f"{message}.{b64url_encode(signature)}"

    def _signing_input(
        self, key: Key, payload: bytes, typ: str, headers: Mapping[str, JsonValue] | None
    ) -> str:
        """Return the JWS signing input: the encoded header and payload (RFC 7515 §5.1)."""
        if headers:
            head = _encode_header(key, typ, headers)
        else:
            known, head = self._signing_headers.get(typ, (None, ""))
            if known is not key:
                head = _encode_header(key, typ, {})
                self._signing_headers[typ] = (key, head)
        return f"{head}.{b64url_encode(payload)}"

    def text_of(self, token: str | bytes) -> str:
        """Return a token as text; see `text_of_token`."""
        return text_of_token(token, max_bytes=self._max_bytes)

    def verify(self, token: str | bytes) -> VerifiedJws:
        """Verify the form, the header and then the signature of a token.

        Raises:
            MalformedTokenError: the token is too long, not three strict base64url segments, or its
                header is not JSON.
            UnsupportedHeaderError: the header has ``crit``, ``b64`` or ``zip``.
            UnknownKeyError: no key fits the header, or more than one.
            AlgorithmMismatchError: ``alg`` is not the algorithm of that key.
            InvalidSignatureError: the signature was not made with that key. If the key was chosen
                although the header names another key id, this is an UnknownKeyError.
        """
        return self.verify_text(self.text_of(token))

    def verify_text(self, text: str) -> VerifiedJws:
        """Verify a token as `text_of` returned it; see `verify`."""
        head, payload_segment, signature_segment = split_compact(text)

        # Read before the key is found, so that a key that is removed meanwhile is not trusted.
        version = self._keys.version
        if self._version != version:
            self._clear(version)

        cached = self._headers.get(head)
        # Compared again, because another thread may have added a header of removed keys.
        if cached is not None and cached.keys_version != version:
            cached = None
        header = cached or self._read_header(head, version)

        signature = b64url_decode(signature_segment)
        payload = b64url_decode(payload_segment)
        message = text[: -len(signature_segment) - 1].encode()
        try:
            header.key.verify(message, signature)
        except InvalidSignatureError:
            if not header.is_stand_in:
                raise
            raise_without_context(UnknownKeyError())

        if cached is None:
            self._cache_header(head, header)
        return VerifiedJws(payload, header.typ, version)

    async def verify_or_fetch(self, text: str, now: float) -> VerifiedJws:
        """Do what `verify_text` does; if the key is unknown, let the key source look for it once.

        Args:
            text: the token.
            now: the engine's time, in seconds since 1970.
        """
        try:
            return self.verify_text(text)
        except UnknownKeyError:
            if not await self._keys.fetch_for(self.kid_of(text), now):
                raise
        return self.verify_text(text)

    def kid_of(self, token: str | bytes) -> str | None:
        """Return the key id in the header of a token, unverified.

        Raises:
            MalformedTokenError: see `verify`.
        """
        kid = loads_header(b64url_decode(split_compact(self.text_of(token))[0])).get("kid")
        return kid if isinstance(kid, str) else None

    def _clear(self, version: int) -> None:
        # A removed key no longer verifies anything, even if its header is cached.
        self._headers.clear()
        self._version = version

    def _read_header(self, segment: str, version: int) -> _Header:
        header = loads_header(b64url_decode(segment))
        if any(name in header for name in _REFUSED):
            raise UnsupportedHeaderError

        algorithm, kid, typ = header.get("alg"), header.get("kid"), header.get("typ")
        if not isinstance(algorithm, str):
            raise MalformedTokenError
        if ("kid" in header and not isinstance(kid, str)) or (
            "typ" in header and not isinstance(typ, str)
        ):
            raise MalformedTokenError

        named = kid if isinstance(kid, str) else None
        key = self._keys.find(kid=named, algorithm=algorithm)
        return _Header(
            key,
            normalize_typ(typ) if isinstance(typ, str) else None,
            version,
            is_stand_in=named is not None and named != key.kid,
        )

    def _cache_header(self, segment: str, header: _Header) -> None:
        if len(self._headers) >= _MAX_CACHED_HEADERS:
            self._headers.clear()
        self._headers[segment] = header


def normalize_typ(typ: str) -> str:
    """Return a header's ``typ`` in lower case, without ``application/`` (RFC 7515 §4.1.9)."""
    return typ.lower().removeprefix("application/")


def _encode_header(key: Key, typ: str, extra: Mapping[str, JsonValue]) -> str:
    refused = sorted(_RESERVED & extra.keys())
    if refused:
        msg = f"Only the engine sets these headers: {', '.join(refused)}."
        raise ConfigurationError(msg)

    header: dict[str, JsonValue] = {"alg": key.algorithm.name, "typ": typ}
    if key.kid is not None:
        header["kid"] = key.kid
    return b64url_encode(dumps({**header, **extra}))
