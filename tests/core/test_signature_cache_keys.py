"""A cached token is not accepted after the key that verified it is removed."""

from datetime import timedelta

import pytest

from tests.core.counted_keys import TheirKeys
from tests.support import NOW, CountingKey, engine_with, payload_of, signed
from tokenward import Key, KeyRing, TokenEngine, TokenPolicy
from tokenward.errors import InvalidSignatureError, KeysUnavailableError, UnknownKeyError
from tokenward.jose.compact import CompactJws

DAY = timedelta(days=1)
LONG = TokenPolicy(access_lifetime=3 * DAY)


def key(kid="old"):
    """Return a key with this id that counts its verifications."""
    return CountingKey.generate("EdDSA", kid=kid)


def use_of(engine):
    """Return hits, misses and entries of the cache."""
    return engine.signature_cache[:3]


LEAVE = {
    "retired": lambda ring: [ring.rotate(key("new"), verify_for=None), ring.retire("old")],
    "rotated away": lambda ring: ring.rotate(key("new"), verify_for=timedelta(0)),
    "replaced": lambda ring: ring.replace(KeyRing(key("new"))),
    "over": lambda ring: [ring.rotate(key("new"), verify_for=DAY, now=NOW - 2 * 86_400)],
}


@pytest.mark.parametrize("leave", LEAVE.values(), ids=LEAVE)
async def test_a_token_of_a_removed_key_is_refused(clock, leave):
    """A cached token of a removed key is refused, and its entry is removed by the next decode."""
    ring = KeyRing(key())
    engine = engine_with(clock, keys=ring)
    token = await engine.issue("alice")
    for _ in range(2):
        await engine.decode(token)
    leave(ring)
    for _ in range(2):
        with pytest.raises(UnknownKeyError):
            await engine.decode(token)
    assert engine.signature_cache[2:] == (0, 0)


async def test_a_token_is_refused_when_its_key_expires(clock):
    """A token that was a cache hit a second ago is refused when its key expires."""
    old = key()
    ring = KeyRing(old)
    engine = engine_with(clock, keys=ring, policy=LONG)
    token = await engine.issue("alice")
    ring.rotate(key("new"), verify_for=DAY, now=NOW)
    clock.advance(DAY.total_seconds() - 1)
    for _ in range(2):
        await engine.decode(token)
    assert (old.verified, engine.signature_cache.hits) == (1, 1)
    clock.advance(1)
    with pytest.raises(UnknownKeyError):
        await engine.decode(token)


async def test_another_key_of_the_same_id_verifies_itself(clock):
    """A successor with the same id verifies the signature itself, and refuses it."""
    ring, successor = KeyRing(key()), key()
    engine = engine_with(clock, keys=ring)
    token = await engine.issue("alice")
    await engine.decode(token)
    ring.replace(KeyRing(successor))
    with pytest.raises(InvalidSignatureError):
        await engine.decode(token)
    assert successor.verified == 1


CHANGE = {
    "published": lambda ring: ring.publish(key("next")),
    "rotated": lambda ring: ring.rotate(key("new"), verify_for=None),
    "rotated with a time": lambda ring: ring.rotate(key("new"), verify_for=DAY),
    "replaced": lambda ring: ring.replace(KeyRing(key("new"), verifiers=[ring.active])),
    "advanced": lambda ring: ring.drop_expired(NOW),
}


@pytest.mark.parametrize("change", CHANGE.values(), ids=CHANGE)
async def test_every_change_of_the_keys_verifies_signatures_again(clock, change):
    """After a change of the keys, the signature is verified once more and cached again."""
    old = key()
    ring = KeyRing(old)
    engine = engine_with(clock, keys=ring)
    token = await engine.issue("alice")
    for _ in range(3):
        await engine.decode(token)
    change(ring)
    for _ in range(3):
        assert (await engine.decode(token)).sub == "alice"
    assert old.verified == 2
    assert use_of(engine) == (4, 2, 1)


async def test_a_key_removed_during_its_verification_leaves_no_entry(clock):
    """If a key is removed during a verification, that token is accepted, but not cached."""

    class Leaving(CountingKey):
        def verify(self, message, signature):
            super().verify(message, signature)
            ring.replace(KeyRing(key("new")))

    ring = KeyRing(Leaving.generate("EdDSA", kid="old"))
    engine = engine_with(clock, keys=ring)
    token = await engine.issue("alice")
    assert (await engine.decode(token)).sub == "alice"
    with pytest.raises(UnknownKeyError):
        await engine.decode(token)

    ring = KeyRing(Leaving.generate("EdDSA", kid="old"))
    jws, version = CompactJws(ring, max_bytes=1000), ring.version
    assert jws.verify(signed({}, key=ring.active)).keys_version == version < ring.version


async def test_a_retired_key_is_removed_for_each_engine_of_a_ring(clock):
    """A key that is retired in a shared ring is removed for each of its engines."""
    ring = KeyRing(key())
    first, second = engine_with(clock, keys=ring), engine_with(clock, keys=ring)
    token = await first.issue("alice")
    for engine in (first, second):
        for _ in range(2):
            await engine.decode(token)
        assert engine.signature_cache.hits == 1
    ring.rotate(key("new"), verify_for=timedelta(0), now=NOW)
    for engine in (first, second):
        with pytest.raises(UnknownKeyError):
            await engine.decode(token)


@pytest.fixture
def private():
    """Return the private key of another issuer."""
    return Key.generate("ES256", kid="theirs")


@pytest.fixture
def public(private):
    """Return the public half of the key, which counts its verifications."""
    return CountingKey.from_jwk(private.public_jwk())


@pytest.fixture
def theirs(public):
    """Return the key source of another issuer."""
    return TheirKeys(public)


@pytest.fixture
def verifier(theirs, clock):
    """Return an engine that verifies with the keys of the other issuer."""
    return TokenEngine(theirs, clock=clock)


async def test_tokens_of_another_issuer_are_cached(verifier, private, public):
    """A token of another issuer that is decoded three times is verified once."""
    token = signed(payload_of(), key=private)
    for _ in range(3):
        assert (await verifier.decode(token)).sub == "alice"
    assert (public.verified, use_of(verifier)) == (1, (2, 1, 1))


async def test_a_key_that_another_issuer_removed_is_not_used(verifier, theirs, private):
    """Cached tokens of a key that the other issuer removed are refused, and their entries removed."""
    token = signed(payload_of(), key=private)
    for _ in range(2):
        await verifier.decode(token)
    theirs.publish(Key.generate("ES256", kid="next"))
    for _ in range(2):
        with pytest.raises(UnknownKeyError):
            await verifier.decode(token)
    assert verifier.signature_cache[2:] == (0, 0)


async def test_no_token_is_accepted_while_the_keys_are_unavailable(verifier, theirs, private):
    """While the keys of the other issuer are unavailable, a cached token is refused like any other."""
    token = signed(payload_of(), key=private)
    await verifier.decode(token)
    theirs.is_down = True
    for each in (token, signed(payload_of(jti="another"), key=private)):
        with pytest.raises(KeysUnavailableError):
            await verifier.decode(each)
    theirs.is_down = False
    await verifier.decode(token)
    assert use_of(verifier) == (1, 1, 1)


async def test_a_token_of_a_removed_secret_is_refused(clock):
    """A cached token of a removed secret is refused, although the new secret has no id either."""
    one, two = (CountingKey.from_secret(letter * 32) for letter in "ab")
    ring = KeyRing(one)
    engine = engine_with(clock, keys=ring)
    token = await engine.issue("alice")
    await engine.decode(token)
    ring.replace(KeyRing(two))
    with pytest.raises(InvalidSignatureError):
        await engine.decode(token)
    ring.replace(KeyRing(one))
    assert (await engine.decode(token)).sub == "alice"
    assert (one.verified, two.verified) == (2, 1)


class Interrupted(Key):
    """A key during whose first verification a callback runs, as if in another thread."""

    def verify(self, message, signature):
        """Verify, then run the callback once."""
        super().verify(message, signature)
        happen = vars(Interrupted).get("happen")
        if happen is not None:
            del Interrupted.happen
            happen()


def test_a_header_of_keys_removed_meanwhile_is_read_again():
    """A cached header is not used if another thread changes the keys during the first verification."""
    ring = KeyRing(Interrupted.generate("EdDSA", kid="old"))
    jws = CompactJws(ring, max_bytes=10_000)
    token = jws.sign(b"{}", typ="JWT", headers=None)

    def change():
        ring.replace(KeyRing(key("new")))
        jws.verify(jws.sign(b"{}", typ="JWT", headers=None))

    Interrupted.happen = staticmethod(change)
    jws.verify(token)
    for _ in range(2):
        with pytest.raises(UnknownKeyError):
            jws.verify(token)
