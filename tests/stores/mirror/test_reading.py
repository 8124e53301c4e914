"""How a mirror reads: from the start on without a loss, again after a fault, and in the background."""

import asyncio
import logging
import math
from contextlib import suppress

import pytest

from tests.stores.mirror.support import Stopping, denies, mirror_of, record, settle, until
from tests.support import NOW
from tokenward import ConfigurationError
from tokenward.stores.mirror.follower import Follower

STEPS = 40


@pytest.mark.parametrize("is_second", [False, True], ids=["first", "second"])
async def test_no_revocation_is_lost_at_any_step_of_the_start(opened, is_second):
    """Another process revokes at one step after the other; each is denied after the next read.

    The first mirror of a store takes a snapshot. The second one finds a feed, which may be complete.
    """
    async with opened() as other:
        if is_second:
            async with opened() as first, mirror_of(first) as mirror:
                await mirror.catch_up()
        for number in range(5):
            await other.revoke(record(f"before {number}"), now=NOW)

        for target in range(STEPS):
            step = 0

            async def stop(target=target):
                nonlocal step
                if step == target:
                    await other.revoke(record(f"at {target}"), now=NOW)
                step += 1

            async with opened() as inner, mirror_of(Stopping(inner, stop)) as mirror:
                await mirror.catch_up()
                steps = step
                await mirror.catch_up()
                for number in range(5):
                    assert await denies(mirror, f"before {number}")
                for earlier in range(min(target + 1, steps)):
                    assert await denies(mirror, f"at {earlier}")
                assert mirror.fallbacks == 0
            if target >= steps:
                break
        assert target >= steps > 4


async def test_a_failure_at_any_step_of_the_start_loses_nothing(inner):
    """The picture is not used before it is complete, and the start is repeated."""
    for number in range(5):
        await inner.revoke(record(f"before {number}"), now=NOW)
    for target in range(STEPS):
        step = 0

        async def stop(target=target):
            nonlocal step
            step += 1
            if step == target + 1:
                raise ConnectionError

        async with mirror_of(Stopping(inner, stop)) as mirror:
            has_failed = False
            try:
                await mirror.catch_up()
            except ConnectionError:
                has_failed = True
                assert mirror.lag_seconds == math.inf
                await inner.revoke(record(f"after {target}"), now=NOW)
                await mirror.catch_up()
            for number in range(5):
                assert await denies(mirror, f"before {number}")
            for earlier in range(target):
                assert await denies(mirror, f"after {earlier}")
            assert mirror.fallbacks == 0
        if not has_failed:
            break
    assert not has_failed


async def test_a_store_with_a_complete_feed_needs_no_snapshot(inner):
    """A process that starts later reads only the feed."""
    async with mirror_of(inner) as mirror:
        await mirror.catch_up()
        await inner.revoke(record(), now=NOW)
    inner.is_complete, inner.records = True, []
    async with mirror_of(inner) as mirror:
        await mirror.catch_up()
        assert await denies(mirror)
        assert mirror.fallbacks == 0


async def test_after_a_gap_the_mirror_starts_again(inner):
    """It has what was revoked while the feed was lost, and everything from before."""
    async with mirror_of(inner) as mirror:
        await mirror.catch_up()
        await inner.revoke(record("before"), now=NOW)
        await mirror.catch_up()
        await mirror.revoke(record("own"), now=NOW)
        inner.lose_log()
        await inner.revoke(record("meanwhile"), now=NOW)
        await mirror.catch_up()
        for identity in ("before", "own", "meanwhile"):
            assert await denies(mirror, identity)
        assert (mirror.fallbacks, mirror.records) == (0, 3)


async def test_during_the_start_after_a_gap_the_old_picture_is_used(inner, uptime):
    """As long as it is fresh. A failed start leaves it as it is."""
    async with mirror_of(inner, clock=uptime) as mirror:
        await mirror.revoke(record("before"), now=NOW)
        await mirror.catch_up()
        await settle()
        inner.lose_log()
        inner.is_down = True
        with pytest.raises(ConnectionError):
            await mirror.catch_up()
        assert await denies(mirror, "before")
        assert mirror.records == 1
        uptime.seconds += 61
        with pytest.raises(ConnectionError):
            await denies(mirror, "before")


async def test_ten_thousand_revocations_are_read_in_parts(opened):
    """In several reads, all of them before the picture counts as fresh."""
    async with opened() as inner, opened() as other, mirror_of(inner) as mirror:
        await mirror.catch_up()
        for start in range(0, 10_000, 500):
            await asyncio.gather(
                *(other.revoke(record(str(start + n)), now=NOW) for n in range(500))
            )
        await mirror.catch_up()
        assert mirror.records == 10_000
        assert all([await denies(mirror, str(number)) for number in range(10_000)])
        assert mirror.fallbacks == 0


async def test_the_picture_is_as_old_as_the_beginning_of_the_last_read(inner, uptime):
    """A slow read makes it older, and so does one of which only a part has arrived."""

    async def slow():
        uptime.seconds += 7

    async with mirror_of(Stopping(inner, slow), clock=uptime) as mirror:
        await mirror.catch_up()
        assert mirror.lag_seconds == 14
        for number in range(4):  # two reads, the first of which finds three
            await inner.revoke(record(str(number)), now=NOW)
        began_at = uptime.seconds
        await mirror.catch_up()
        assert (uptime.seconds - began_at, mirror.lag_seconds) == (28, 14)


async def test_a_read_that_fails_is_repeated_in_the_background(inner, caplog):
    """It is logged once for each outage, with the class of the error and no message."""
    caplog.set_level(logging.WARNING, "tokenward")
    follower = Follower(inner.feed(60), keep_seconds=60, max_staleness=0.02, uptime=lambda: 0.0)
    for outage in (1, 2):
        inner.is_down = True
        follower.follow()
        await until(lambda: len(caplog.records) == outage)  # noqa: B023 - awaited here
        failures = inner.failures
        await until(lambda: inner.failures > failures + 2)  # noqa: B023
        reads, inner.is_down = inner.reads, False
        await until(lambda: inner.reads > reads + 2)  # noqa: B023
    await follower.stop()
    assert [each.getMessage() for each in caplog.records] == [
        "The mirror cannot read revocations (ConnectionError); checks ask the store itself meanwhile."
    ] * 2


async def test_a_killed_task_is_started_again(inner, uptime):
    """The picture becomes old; then checks ask the inner store, and reading begins again."""
    async with mirror_of(inner, clock=uptime) as mirror:
        await mirror.catch_up()
        await settle()
        reads = inner.reads
        (task,) = [each for each in asyncio.all_tasks() if each is not asyncio.current_task()]
        task.cancel()
        await asyncio.wait([task])
        await inner.revoke(record(), now=NOW)
        uptime.seconds += 61
        assert await denies(mirror)
        assert (mirror.fallbacks, inner.reads) == (1, reads)
        await settle()
        assert await denies(mirror)
        assert (mirror.fallbacks, inner.reads) == (1, reads + 1)


async def test_a_mirror_belongs_to_one_event_loop(inner):
    """In another one it would share the connections of the inner store."""
    async with mirror_of(inner) as mirror:
        await mirror.catch_up()

        def elsewhere():
            with pytest.raises(ConfigurationError, match=r"MirroredStore.*another event loop"):
                asyncio.run(mirror.catch_up())

        await asyncio.to_thread(elsewhere)


class Swallowing:
    """Hangs when it is first called, and swallows the cancellation of that."""

    def __init__(self) -> None:
        self.began = asyncio.Event()

    async def __call__(self) -> None:
        """Hang, or do nothing."""
        if not self.began.is_set():
            self.began.set()
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()


async def test_closing_ends_a_read_that_swallows_its_cancellation(inner):
    """As redis-py does before Python 3.12."""
    swallow = Swallowing()
    async with mirror_of(Stopping(inner, swallow)) as mirror:
        assert not await denies(mirror, "a")  # starts reading
        await swallow.began.wait()
    (task,) = asyncio.all_tasks()
    assert task is asyncio.current_task()


async def test_an_event_loop_ends_during_a_read_that_swallows_its_cancellation(inner):
    """A mirror that nobody closes must not keep a program running: the loop cancels it once."""
    swallow, before = Swallowing(), asyncio.all_tasks()
    async with mirror_of(Stopping(inner, swallow)) as mirror:
        assert not await denies(mirror, "a")
        await swallow.began.wait()
        (reading,) = asyncio.all_tasks() - before
        reading.cancel()
        assert await asyncio.wait((reading,), timeout=60) == ({reading}, set())
