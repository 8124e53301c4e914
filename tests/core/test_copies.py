"""A deep copy of an engine: it shares the store, and its keys change independently."""

import copy

import pytest

from tests.support import NOW, SECRET, engine_with
from tokenward import Key, KeyRing, MemoryStore, TokenEngine, TokenRevokedError
from tokenward.errors import KeysUnavailableError, UnknownKeyError
from tokenward.keys import CombinedKeys


async def test_a_key_that_the_copy_retires_verifies_nothing_there():
    """Not even if the copy has then changed its keys as often as the original."""
    ring = KeyRing.generate("HS256", kid="old")
    ring.rotate(Key.generate("HS256", kid="new"), verify_for=None, now=NOW)
    engine = TokenEngine(ring, clock=lambda: NOW)
    token = await engine.issue("alice")
    ring.rotate(Key.generate("HS256", kid="newer"), verify_for=None, now=NOW)
    assert (await engine.decode(token)).sub == "alice"

    for changes in range(ring.version + 1):
        twin = copy.deepcopy(engine)
        for number in range(changes):
            twin.keys.publish(Key.generate("HS256", kid=f"{number}"))
        twin.keys.retire("new")
        with pytest.raises(UnknownKeyError):
            await twin.decode(token)
    assert (await engine.decode(token)).sub == "alice"


async def test_the_copy_issues_no_token_within_a_revoked_millisecond(clock):
    """Its time goes on from the time of the original, whose revocations it sees."""
    engine = engine_with(clock)
    token = await engine.issue("alice")
    await engine.revoke_subject("alice")
    twin = copy.deepcopy(engine)
    with pytest.raises(TokenRevokedError):
        await twin.decode(token)
    assert (await twin.decode(await twin.issue("alice"))).sub == "alice"


async def test_the_parts_of_a_copy_belong_together(clock):
    """A clock that is copied too sets its time; its hooks and keys count for its revocations only."""

    class Counting(MemoryStore):
        async def raise_retention(self, seconds):
            raised.append(seconds)
            return await super().raise_retention(seconds)

    raised, told = [], []
    store = Counting()
    key = Key.generate("EdDSA")
    engine = engine_with(clock, keys=KeyRing.from_jwk(key.public_jwk()), store=store)
    twin, its_clock = copy.deepcopy((engine, clock))
    its_clock.advance(5)
    assert (engine.now(), twin.now()) == (NOW, NOW + 5)

    twin.on_revoke(told.append)
    twin.keys.replace(KeyRing(key))
    await engine.revoke_session("s")
    assert (told, set(raised)) == ([], {0})
    await twin.revoke_session("s")
    assert [each.identity for each in told] == ["s"]
    assert max(raised) > 0


async def test_a_copy_verifies_with_copies_of_combined_keys(clock):
    """A key that the original retires still verifies there, and whether a source is up is asked again."""

    class Down(KeyRing):
        async def prepare(self, now):
            raise KeysUnavailableError

    ring = KeyRing(Key.from_secret(SECRET, kid="a"), verifiers=[Key.generate("Ed25519", kid="b")])
    down = Down.generate("ES256")
    down.due_at = NOW
    engine = engine_with(clock, keys=CombinedKeys(ring, down))
    token = await engine_with(clock, keys=ring).issue("alice")
    assert (await engine.decode(token)).sub == "alice"

    twin = copy.deepcopy(engine)
    ring.rotate(next(each for each in ring if each.kid == "b"), verify_for=None, now=NOW)
    ring.retire("a")
    with pytest.raises(KeysUnavailableError):
        await engine.decode(token)
    assert (await twin.decode(token)).sub == "alice"
