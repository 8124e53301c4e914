"""The JOSE header (RFC 7515 §4): any bytes as the header of a token with a valid signature."""

import json
from collections.abc import Iterator

from fuzz.harness import NOW, finished, fuzz, instrumented
from fuzz.vectors import accepted_examples

with instrumented(__name__):
    from tokenward import Key, KeyRing, TokenEngine
    from tokenward.errors import TokenError
    from tokenward.jose.codec import b64url_decode, b64url_encode
    from tokenward.jose.compact import CompactJws

_KEY = Key.from_secret(b"a secret of the fuzz targets, 32+ bytes", kid="signs")
_RING = KeyRing(_KEY, verifiers=[Key.from_secret(b"x" * 64, algorithm="HS512", kid="other")])
_ENGINE = TokenEngine(_RING, clock=lambda: NOW)
_JWS = CompactJws(_RING, max_bytes=16_384)
_BODY = b64url_encode(
    json.dumps({"sub": "alice", "iat": NOW, "exp": NOW + 60, "jti": "1", "type": "access"}).encode()
)


def check(data: bytes) -> None:
    """Sign with this header, and compare the decision with a second reading of the header."""
    message = f"{b64url_encode(data)}.{_BODY}"
    token = f"{message}.{b64url_encode(_KEY.sign(message.encode()))}"
    try:
        _JWS.kid_of(token)
        claims = finished(_ENGINE.decode(token))
    except TokenError:
        return

    why = _why_not(data)
    assert why is None, f"A token is accepted although its header is invalid: {why}."
    assert claims.sub == "alice"
    finished(_ENGINE.decode(token))  # from the cache of signatures


def _why_not(data: bytes) -> str | None:
    pairs: list[tuple[str, object]] = json.loads(data.decode(), object_pairs_hook=list)
    header = dict(pairs)
    if len(header) != len(pairs):
        return "a duplicate member"
    if header.get("alg") != "HS256" or header.get("kid", "signs") != "signs":
        return "another key or algorithm"
    if not {"crit", "b64", "zip"}.isdisjoint(header):
        return "a critical extension"
    typ = header.get("typ", "JWT")
    if not isinstance(typ, str) or typ.lower().removeprefix("application/") not in {
        "jwt",
        "at+jwt",
    }:
        return "another type"
    return None


def seeds() -> Iterator[bytes]:
    """Return the headers of the RFCs, and others with each member that has a meaning."""
    for each in accepted_examples():
        yield b64url_decode(each["compact"].partition(".")[0])
    for header in (
        {"alg": "HS256", "typ": "at+jwt", "kid": "signs"},
        {"alg": "HS256", "typ": "application/at+jwt"},
        {"alg": "HS512", "kid": "other"},
        {"alg": "HS256", "crit": ["exp"], "b64": False, "zip": "DEF"},
        {"alg": "none", "jwk": {"kty": "oct", "k": ""}, "jku": "https://a", "x5c": [], "x5u": ""},
    ):
        yield json.dumps(header).encode()


if __name__ == "__main__":
    fuzz(check)
