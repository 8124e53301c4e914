"""The time in tests: the clock that stands still, and libraries that set the time of the system."""

from datetime import timedelta

import pytest
import time_machine
from freezegun import freeze_time

from tests.support import NOW, SECRET
from tokenward import Key, KeyPublisher, KeyRing, TokenEngine, TokenExpiredError
from tokenward.http import RequestView
from tokenward.testing import FrozenClock

LOGIN = "2030-01-01 12:00:00"
LATER = "2030-01-01 12:15:00"
LOGIN_SECONDS = 1_893_499_200


def served_by(publisher: KeyPublisher) -> bytes:
    """Return the key set that a publisher serves."""
    request = RequestView({"type": "http", "method": "GET", "headers": []})
    return publisher.respond(request, "/.well-known/jwks.json").body


@pytest.mark.parametrize("at", [freeze_time, lambda at: time_machine.travel(at, tick=False)])
async def test_libraries_that_set_the_time_move_the_engine(at):
    """An engine that was built before follows freezegun and time-machine."""
    engine = TokenEngine(KeyRing.from_secret(SECRET))

    with at(LOGIN):
        token = await engine.issue("alice")
        assert engine.now() == LOGIN_SECONDS
        assert (await engine.decode(token)).exp == LOGIN_SECONDS + 900
    with at(LATER), pytest.raises(TokenExpiredError):
        await engine.decode(token)


@pytest.mark.parametrize("at", [freeze_time, lambda at: time_machine.travel(at, tick=False)])
def test_libraries_that_set_the_time_move_a_publisher(at):
    """A publisher stops publishing a key when its time has passed, by the same clock."""
    ring = KeyRing.generate(kid="old")
    publisher = KeyPublisher(ring)
    ring.rotate(
        Key.generate("EdDSA", kid="new"), verify_for=timedelta(minutes=15), now=LOGIN_SECONDS
    )

    with at(LOGIN):
        assert b"old" in served_by(publisher)
    with at(LATER):
        assert b"old" not in served_by(publisher)


def test_a_frozen_clock_advances_by_seconds_and_timedeltas():
    """`advance` takes seconds or a timedelta, and nothing else moves the clock."""
    clock = FrozenClock()
    assert (clock(), clock()) == (NOW, NOW)
    clock.advance(1.5)
    assert clock() == NOW + 1.5
    clock.advance(timedelta(minutes=15))
    assert clock() == NOW + 901.5
    clock.advance(timedelta(seconds=-901.5))
    assert clock() == NOW
