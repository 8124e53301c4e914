"""The compact form (RFC 7515 §7.1): any bytes as a token.

Accepted is only what one of the keys of the RFCs has signed, and no second spelling of it.
"""

from collections.abc import Iterator
from typing import Any

from pydantic import JsonValue

from fuzz.harness import finished, fuzz, instrumented
from fuzz.vectors import accepted_examples, public_part, refused_examples

with instrumented(__name__):
    from tokenward import Key, KeyRing, TokenEngine, TokenPolicy
    from tokenward.errors import MalformedTokenError, TokenError
    from tokenward.jose.codec import b64url_decode, b64url_encode
    from tokenward.jose.compact import CompactJws
    from tokenward.jose.segments import looks_like_token
    from tokenward.tokens.inspection import read_unverified

_LIMIT = 16_384
_EXAMPLES = accepted_examples()
_SIGNED = {each["compact"].rpartition(".")[0] for each in _EXAMPLES}
_PAYLOADS = {each["compact"]: each["payload"].encode() for each in _EXAMPLES}


def _jws(example: dict[str, Any]) -> CompactJws:
    key = Key.from_jwk(public_part(example["jwk"]), algorithm=example["algorithm"])
    return CompactJws(KeyRing(key), max_bytes=_LIMIT)


# One of each kind: HMAC, RSA, ECDSA and Ed25519.
_VERIFIERS = [_jws(_EXAMPLES[position]) for position in (0, 1, 2, -1)]
_ENGINE = TokenEngine(
    KeyRing(Key.from_jwk(_EXAMPLES[0]["jwk"])),
    policy=TokenPolicy(required_claims=(), type_source="always-access"),
    clock=lambda: 1_300_819_379.0,  # one second before the ``exp`` of the token
)


def check(data: bytes) -> None:
    """Verify a token with each key, decode it twice, and read it without verifying it."""
    text = data.decode("latin-1")
    for jws in _VERIFIERS:
        for token in (data, text):
            _verify(jws, token)

    # The second time as bytes, and perhaps from the signature cache.
    assert _decoded(text) == _decoded(data if data.isascii() else text)

    header = _header(text)
    assert "alg" not in header or looks_like_token(text), "A token is not recognised as one."


def _verify(jws: CompactJws, token: str | bytes) -> None:
    try:
        verified = jws.verify(token)
    except TokenError:
        return
    text = token if isinstance(token, str) else token.decode("ascii")
    assert text.rpartition(".")[0] in _SIGNED, "A token is accepted that no key has signed."
    # An ECDSA signature has two forms; all others have one.
    assert _PAYLOADS.get(text, verified.payload) == verified.payload


def _decoded(token: str | bytes) -> object:
    try:
        return finished(_ENGINE.decode(token)).model_dump()
    except TokenError as error:
        return type(error)


def _header(text: str) -> dict[str, JsonValue]:
    """Return the header of a token that is not verified; nothing if it has no readable form."""
    try:
        header = read_unverified(text, max_bytes=_LIMIT).header
    except MalformedTokenError:
        return {}
    again = ".".join(b64url_encode(b64url_decode(each)) for each in text.split("."))
    assert again == text, "A segment has a second spelling."
    return header


def seeds() -> Iterator[bytes]:
    """Return the tokens of the RFCs, valid and invalid."""
    for each in (*_EXAMPLES, *refused_examples()):
        yield each["compact"].encode()
    yield b'{"alg":"none"}..'
    yield b"Bearer " + _EXAMPLES[0]["compact"].encode()


if __name__ == "__main__":
    fuzz(check)
