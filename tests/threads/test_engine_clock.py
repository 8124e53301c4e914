"""Threads revoke subjects with one engine at the same time."""

from tests.support import NOW
from tests.threads.support import ROUNDS, in_threads
from tokenward.sessions.clock import EngineClock


def test_the_time_of_an_engine_never_goes_back():
    """No token that is issued after a revocation gets a time that the revocation denies."""
    clock = EngineClock(lambda: NOW)

    def work(_):
        for _ in range(ROUNDS * 20):
            now, denied_before = clock.end_millisecond()
            assert now < denied_before
            assert clock.now() >= denied_before
            assert clock.now_ms() >= denied_before * 1000

    in_threads(work)
