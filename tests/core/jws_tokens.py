"""Helpers for the tests of the compact form: a verifier that counts, and a valid token in parts."""

import dataclasses
import json
import traceback

import pytest
from cryptography.hazmat.primitives import hashes

from tests.support import SECRET, signed
from tokenward import InvalidTokenError, Key, KeyRing
from tokenward.jose.algorithms import ALGORITHMS, PreparedHmac
from tokenward.jose.codec import b64url_decode, b64url_encode
from tokenward.jose.compact import CompactJws

DEFAULT_LIMIT = 16_384
KEY = Key.from_secret(SECRET)
ATTACKER = Key.generate("ES256", kid="attacker")
PAYLOAD = b'{"sub":"alice"}'


class CountingHmac(PreparedHmac):
    """HMAC that counts its verifications."""

    def __init__(self):
        """Start at zero."""
        super().__init__(hashes.SHA256())
        self.asked = 0

    def verify(self, msg, key, sig):
        """Count, then verify."""
        self.asked += 1
        return super().verify(msg, key, sig)


@pytest.fixture
def backend():
    """Return a backend that counts."""
    return CountingHmac()


@pytest.fixture
def key(backend):
    """Return a secret that verifies with the counting backend."""
    return Key(SECRET.encode(), dataclasses.replace(ALGORITHMS["HS256"], backend=backend), None)


@pytest.fixture
def jws(key):
    """Return a verifier with this secret and the engine's default limit."""
    return CompactJws(KeyRing(key), max_bytes=DEFAULT_LIMIT)


def jws_of(*keys, max_bytes=DEFAULT_LIMIT):
    """Return a verifier with these keys; the first one signs."""
    return CompactJws(KeyRing(keys[0], verifiers=keys[1:]), max_bytes=max_bytes)


def refused(jws, token, error):
    """Expect a token to be refused for this reason, with no part of it in the error; return the error."""
    with pytest.raises(InvalidTokenError) as caught:
        jws.verify(token)
    assert type(caught.value) is error
    shown = "".join(traceback.format_exception(caught.value))
    text = token if isinstance(token, str) else token.decode("latin-1")
    assert caught.value.__cause__ is None
    for part in text.split("."):
        assert len(part) < 10 or part not in shown
    return caught.value


def segment(value):
    """Return a JSON value as a segment."""
    return b64url_encode(value if isinstance(value, bytes) else json.dumps(value).encode())


def header_of(token):
    """Return the header of a token."""
    return json.loads(b64url_decode(token.split(".")[0]))


GOOD = signed(PAYLOAD)
HEAD, BODY, SIGNATURE = GOOD.split(".")
