"""Errors about keys name the argument, and exported keys have the members that other programs need."""

import pytest

from tests.support import SECRET, engine_with
from tokenward import Key, TokenPolicy
from tokenward.errors import InvalidKeyError
from tokenward.keys import WeakSecretWarning

CALLS = {
    "from_secret": (lambda: Key.from_secret(7), "secret"),
    "from_weak_secret": (lambda: Key.from_weak_secret(7), "secret"),
    "from_pem": (lambda: Key.from_pem(7), "PEM"),
    "from_weak_pem": (lambda: Key.from_weak_pem(7), "PEM"),
    "password": (lambda: Key.from_pem("x", password=7), "password"),
}


@pytest.mark.parametrize("call", CALLS)
def test_an_argument_of_another_type_is_named(call):
    """A key, a secret and a password are text or bytes."""
    build, name = CALLS[call]
    with pytest.raises(InvalidKeyError, match=f"^The {name} must be text or bytes"):
        build()


def test_a_secret_is_exported_with_its_algorithm_and_use():
    """So that no other program uses it for something else (RFC 7517 §4.2 and §4.4)."""
    members = Key.from_secret(SECRET).secret_jwk()
    assert (members["kty"], members["alg"], members["use"]) == ("oct", "HS256", "sig")


def test_a_secret_may_be_exactly_as_long_as_its_hash():
    """RFC 7518 §3.2 asks for that, and for no more."""
    assert Key.from_secret("x" * 31 + "y").algorithm.name == "HS256"
    with pytest.raises(InvalidKeyError):
        Key.from_secret("x" * 31)


def test_a_weak_secret_works_with_a_warning():
    """The secret of a service that migrates; a secret that is long enough warns of nothing."""
    with pytest.warns(WeakSecretWarning, match="HS256 is shorter than 32 bytes"):
        key = Key.from_weak_secret("short", kid="old")
    key.verify(b"message", key.sign(b"message"))
    assert key.kid == "old"
    assert Key.from_weak_secret("x" * 31 + "y", kid="new").kid == "new"


def test_a_key_that_may_be_weak_keeps_its_name():
    """As every key does."""
    pem = Key.generate("EdDSA").private_pem()
    assert Key.from_weak_pem(pem, kid="old").kid == "old"


async def test_a_cache_of_one_token_has_one(clock):
    """The smallest limit that is not zero."""
    engine = engine_with(clock, policy=TokenPolicy(signature_cache_entries=1))
    token = await engine.issue("alice")
    for _ in range(2):
        await engine.decode(token)
    assert (engine.signature_cache.entries, engine.signature_cache.hits) == (1, 1)
