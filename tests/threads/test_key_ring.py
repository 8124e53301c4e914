"""Threads change a KeyRing while others use it."""

from datetime import timedelta

import pytest

from tests.support import NOW
from tests.threads.support import ROUNDS, THREADS, in_event_loops, in_threads
from tokenward import Key, KeyRing, TokenEngine
from tokenward.errors import UnknownKeyError


def test_no_change_is_lost():
    """Keys that threads publish at the same time are all in the ring, and each change counts."""
    ring = KeyRing.generate("HS256", kid="first")
    count = ROUNDS // 10

    def publish(number):
        for turn in range(count):
            ring.publish(Key.generate("HS256", kid=f"{number} {turn}"))
            if turn % 2:
                ring.retire(f"{number} {turn}")

    before = ring.version
    in_threads(publish)
    assert {each.kid for each in ring} == {
        "first",
        *(f"{number} {turn}" for number in range(THREADS) for turn in range(0, count, 2)),
    }
    assert ring.version - before == THREADS * (count + count // 2)


def test_a_retired_key_verifies_nothing_in_any_thread():
    """Not even a token that another thread has just verified, and whose signature is cached."""
    ring = KeyRing.generate("HS256", kid="0")
    engine = TokenEngine(ring, clock=lambda: NOW)
    retired: list[str] = []

    async def work(number):
        for turn in range(ROUNDS):
            if number == 0 and turn % 4 == 0:
                old = ring.active.kid
                assert old is not None
                token = await engine.issue("alice")
                await engine.decode(token)
                ring.rotate(Key.generate("HS256", kid=f"{turn} next"), verify_for=None)
                assert (await engine.decode(token)).sub == "alice"
                ring.retire(old)
                retired.append(token)
            for token in retired[-2:]:
                with pytest.raises(UnknownKeyError):
                    await engine.decode(token)

    in_event_loops(work)
    assert len(retired) == ROUNDS // 4


def test_tokens_are_valid_through_every_rotation():
    """While all threads rotate, issue and decode, a token of a key that still verifies is valid."""
    ring = KeyRing.generate("HS256", kid="0")
    engine = TokenEngine(ring, clock=lambda: NOW)

    async def work(number):
        for turn in range(ROUNDS // 4):
            token = await engine.issue(f"{number}")
            key = Key.generate("HS256", kid=f"{number} {turn}")
            ring.rotate(key, verify_for=timedelta(hours=1))
            assert (await engine.decode(token)).sub == f"{number}"
            assert ring.public_jwks() == {"keys": []}

    in_event_loops(work)
    assert len(ring) == THREADS * (ROUNDS // 4) + 1
