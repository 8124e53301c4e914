"""Several sources of the keys of one issuer: a secret and public keys side by side."""

import math

import pytest

from tests.core.counted_keys import TheirKeys
from tests.support import NOW, OTHER_SECRET, SECRET, engine_with, payload_of, signed
from tokenward import ConfigurationError, Key, KeyRing
from tokenward.errors import (
    AlgorithmMismatchError,
    InvalidSignatureError,
    KeysUnavailableError,
    SigningKeyError,
    UnknownKeyError,
)
from tokenward.keys import CombinedKeys, KeySource

SHARED = Key.from_secret(SECRET)
PUBLIC = Key.generate("ES256")
NEXT = Key.generate("ES256")


@pytest.fixture
def theirs():
    """Return the public keys of the issuer, which may be unavailable."""
    return TheirKeys(PUBLIC)


@pytest.fixture
def keys(theirs):
    """Combine the secret with the public keys."""
    return CombinedKeys(KeyRing(SHARED), theirs)


@pytest.fixture
def engine(keys, clock):
    """Return an engine with the combined keys."""
    return engine_with(clock, keys=keys)


def named(key, kid, alg=None):
    """Return a header that names a key id."""
    return {"alg": alg or key.algorithm.name, "kid": kid, "typ": "JWT"}


async def test_tokens_of_both_kinds_are_accepted(engine, keys):
    """With and without a key id, at once and from the cache; the sources are shown by their repr."""
    assert isinstance(keys, KeySource)
    assert "KeyRing(" in repr(keys)
    for key in (SHARED, PUBLIC) * 2:
        assert (await engine.decode(signed(payload_of(), key=key))).sub == "alice"
        bare = {"alg": key.algorithm.name}
        assert (await engine.decode(signed(payload_of(), key=key, header=bare))).sub == "alice"
    legacy = signed(payload_of(), key=SHARED, header=named(SHARED, "id-of-the-secret"))
    assert (await engine.decode(legacy)).sub == "alice"


@pytest.mark.parametrize(
    ("key", "header", "error"),
    [
        # The key that signed is a secret, and the header names the public key.
        (SHARED, named(SHARED, PUBLIC.kid, "ES256"), InvalidSignatureError),
        (SHARED, {"alg": "ES256"}, InvalidSignatureError),
        (PUBLIC, {"alg": "HS256"}, InvalidSignatureError),
        (PUBLIC, named(PUBLIC, PUBLIC.kid, "HS256"), UnknownKeyError),
        (Key.from_secret(OTHER_SECRET), {"alg": "HS256"}, InvalidSignatureError),
        (Key.from_secret(str(PUBLIC.public_jwk())), {"alg": "HS256"}, InvalidSignatureError),
        (NEXT, named(NEXT, NEXT.kid), UnknownKeyError),
        (NEXT, {"alg": "RS256"}, AlgorithmMismatchError),
        (NEXT, {"alg": "none"}, AlgorithmMismatchError),
        (NEXT, {"alg": "HS512"}, AlgorithmMismatchError),
    ],
)
async def test_a_key_verifies_only_tokens_of_its_own_algorithm(engine, key, header, error):
    """A secret never verifies what names a public-key algorithm, nor the other way round."""
    token = signed(payload_of(), key=key, header=header)
    for _ in range(2):
        with pytest.raises(error):
            await engine.decode(token)


async def test_an_unavailable_source_does_not_stop_the_others(engine, theirs):
    """Other tokens are refused with 503, also if their signature is in the cache."""
    shared, public = (signed(payload_of(), key=key) for key in (SHARED, PUBLIC))
    assert await engine.decode(public)
    theirs.is_down = True
    assert await engine.decode(shared)
    for token in (public, signed(payload_of(), key=NEXT)):
        with pytest.raises(KeysUnavailableError):
            await engine.decode(token)
    theirs.is_down = False
    assert await engine.decode(public)


async def test_all_sources_unavailable_is_an_outage(clock):
    """There is no key left that could verify anything."""
    first, second = TheirKeys(PUBLIC), TheirKeys(NEXT)
    first.is_down = second.is_down = True
    with pytest.raises(KeysUnavailableError):
        await engine_with(clock, keys=CombinedKeys(first, second)).decode(
            signed(payload_of(), key=PUBLIC)
        )


async def test_a_removed_key_verifies_nothing_although_its_signature_is_cached(engine, theirs):
    """A change of any source is a change of the whole."""
    token = signed(payload_of(), key=PUBLIC)
    assert await engine.decode(token)
    theirs.publish(NEXT)
    with pytest.raises(UnknownKeyError):
        await engine.decode(token)
    assert await engine.decode(signed(payload_of(), key=NEXT))


async def test_an_unknown_key_is_looked_for_in_each_source(theirs, clock):
    """One source may find it."""

    class Fetching(TheirKeys):
        async def fetch_for(self, kid, now):
            self.publish(NEXT)
            return True

    engine = engine_with(clock, keys=CombinedKeys(theirs, Fetching(PUBLIC)))
    assert await engine.decode(signed(payload_of(), key=NEXT))


def test_an_exact_key_id_counts_more_than_a_key_without_an_id():
    """A key that stands in for unknown ids does not hide the named key of a later source."""
    stand_in = Key.from_jwk({**NEXT.public_jwk(), "kid": None})
    keys = CombinedKeys(KeyRing(stand_in), TheirKeys(PUBLIC))
    assert keys.find(kid=PUBLIC.kid, algorithm="ES256") is PUBLIC
    assert keys.find(kid="unknown", algorithm="ES256") is stand_in
    twice = CombinedKeys(KeyRing(stand_in), KeyRing(PUBLIC))
    with pytest.raises(UnknownKeyError):
        twice.find(kid=None, algorithm="ES256")
    same = Key.from_jwk(PUBLIC.public_jwk())
    first = CombinedKeys(KeyRing(same), KeyRing(PUBLIC))
    assert first.find(kid=PUBLIC.kid, algorithm="ES256") is same


async def test_combined_keys_sign_nothing(engine, keys):
    """Even if a source could, because the tokens are those of another issuer."""
    assert not keys.can_sign
    with pytest.raises(SigningKeyError):
        await engine.issue("alice")


async def test_a_source_is_asked_when_it_is_due(theirs):
    """The whole is due when the first source is, and a source that is not due is not asked."""
    ring = KeyRing(PUBLIC)
    assert CombinedKeys(ring, theirs).due_at == -math.inf
    combined = CombinedKeys(ring, KeyRing(SHARED))
    assert combined.due_at == math.inf
    before = combined.version
    await combined.prepare(NOW)
    assert combined.version == before


@pytest.mark.parametrize("wrong", [None, SECRET, PUBLIC, KeyRing])
def test_only_sources_can_be_combined(wrong):
    """The error does not show what was passed."""
    with pytest.raises(ConfigurationError, match="sources of keys") as caught:
        CombinedKeys(KeyRing(SHARED), wrong)
    assert SECRET not in str(caught.value)
