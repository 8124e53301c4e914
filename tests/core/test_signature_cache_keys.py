"""What is remembered of a token does not outlive the keys by which it was verified."""

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
    """Make a key of this id, which counts."""
    return CountingKey.generate("EdDSA", kid=kid)


def use_of(engine):
    """Give hits, misses and entries."""
    return engine.signature_cache[:3]


LEAVE = {
    "retired": lambda ring: [ring.rotate(key("new"), verify_for=None), ring.retire("old")],
    "rotated away": lambda ring: ring.rotate(key("new"), verify_for=timedelta(0)),
    "replaced": lambda ring: ring.replace(KeyRing(key("new"))),
    "over": lambda ring: [ring.rotate(key("new"), verify_for=DAY, now=NOW - 2 * 86_400)],
}


@pytest.mark.parametrize("leave", LEAVE.values(), ids=LEAVE)
async def test_a_token_of_a_key_that_left_is_refused(clock, leave):
    """However well it is remembered: it is forgotten at the very next decode of any token."""
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


async def test_a_key_whose_time_is_over_takes_its_tokens_with_it(clock):
    """A token that was served from memory a moment before is refused at the end of its key."""
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


async def test_another_key_of_the_same_id_is_asked_itself(clock):
    """It says no to what the key before it has signed."""
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
async def test_every_change_of_the_keys_has_signatures_checked_anew(clock, change):
    """Once: then the token is remembered again."""
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


async def test_a_key_that_leaves_while_it_verifies_vouches_for_nothing(clock):
    """Its last answer counts for the token that was under way, and for none after it."""

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


async def test_engines_of_one_ring_forget_each_for_itself(clock):
    """A key that was retired through one of them is gone in the other."""
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
    """Give the key of somebody else."""
    return Key.generate("ES256", kid="theirs")


@pytest.fixture
def public(private):
    """Give its public half, which counts."""
    return CountingKey.from_jwk(private.public_jwk())


@pytest.fixture
def theirs(public):
    """Give the keys of somebody else."""
    return TheirKeys(public)


@pytest.fixture
def verifier(theirs, clock):
    """Give an engine that verifies by them."""
    return TokenEngine(theirs, clock=clock)


async def test_keys_of_somebody_else_are_remembered_as_well(verifier, private, public):
    """One signature check for a token that comes three times."""
    token = signed(payload_of(), key=private)
    for _ in range(3):
        assert (await verifier.decode(token)).sub == "alice"
    assert (public.verified, use_of(verifier)) == (1, (2, 1, 1))


async def test_a_key_that_somebody_else_took_back_is_gone(verifier, theirs, private):
    """Its tokens are refused when the set has changed, and forgotten."""
    token = signed(payload_of(), key=private)
    for _ in range(2):
        await verifier.decode(token)
    theirs.publish(Key.generate("ES256", kid="next"))
    for _ in range(2):
        with pytest.raises(UnknownKeyError):
            await verifier.decode(token)
    assert verifier.signature_cache[2:] == (0, 0)


async def test_while_nobody_can_say_which_keys_there_are_nothing_is_taken(
    verifier, theirs, private
):
    """A token that is remembered gets the answer that any other gets: try again later."""
    token = signed(payload_of(), key=private)
    await verifier.decode(token)
    theirs.is_down = True
    for each in (token, signed(payload_of(jti="another"), key=private)):
        with pytest.raises(KeysUnavailableError):
            await verifier.decode(each)
    theirs.is_down = False
    await verifier.decode(token)
    assert use_of(verifier) == (1, 1, 1)


async def test_a_secret_that_leaves_takes_its_tokens_with_it(clock):
    """Also where neither of the two secrets has an id, and the header stays the same."""
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
    """A key during whose first check something else happens, as in another thread."""

    def verify(self, message, signature):
        """Check as any key."""
        super().verify(message, signature)
        happen = vars(Interrupted).get("happen")
        if happen is not None:
            del Interrupted.happen
            happen()


def test_a_header_of_keys_that_left_meanwhile_is_read_anew():
    """Another thread has changed the keys, and verified with them, before the first is done."""
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
