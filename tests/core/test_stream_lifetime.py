"""A stream that ends with its token."""

import asyncio
import contextlib
import gc
import math
import time
from datetime import timedelta

import pytest

from tests.support import engine_with
from tokenward import Claims, ConfigurationError, MemoryStore, TokenPolicy, TokenRejectedError
from tokenward.http import stream_while_valid

SOON, LATE = timedelta(milliseconds=1), timedelta(hours=1)


class Source:
    """A stream that sends some numbers and then waits forever, and knows how it ended."""

    def __init__(self, *numbers, error=None):
        """Start with what it sends."""
        self.numbers, self.error, self.ended_by = numbers, error, None
        self.is_waiting, self.has_ended = asyncio.Event(), asyncio.Event()

    async def __aiter__(self):
        try:
            for number in self.numbers:
                await asyncio.sleep(0)
                yield number
            if self.error is not None:
                raise self.error  # noqa: TRY301 - the handler records it
            self.is_waiting.set()
            await asyncio.Event().wait()
        except BaseException as error:
            self.ended_by = type(error)
            raise
        finally:
            await asyncio.sleep(0)
            self.has_ended.set()


class Down(MemoryStore):
    """A store that cannot be reached after its first answers."""

    def __init__(self, *, answers):
        """Start with the number of answers."""
        super().__init__()
        self.answers, self.is_asked_often = answers, asyncio.Event()

    async def is_revoked(self, **token):
        self.answers -= 1
        if self.answers < -5:
            self.is_asked_often.set()
        if self.answers < 0:
            raise ConnectionError
        return await super().is_revoked(**token)


async def received(stream):
    """Return the items of a stream, and check that it leaves no task."""
    before, items = asyncio.all_tasks(), []
    async with asyncio.timeout(60):
        async for item in stream:
            items.append(item)
            await asyncio.sleep(0)
            assert asyncio.all_tasks() <= before  # no watcher between two items
    await asyncio.sleep(0)
    assert asyncio.all_tasks() <= before
    return items


@pytest.fixture
async def claims(engine):
    """Return the claims of a valid access token."""
    return await engine.decode(await engine.issue("alice"))


async def test_a_stream_of_a_valid_token_is_unchanged(engine, claims):
    """All items arrive, also falsy ones, and the stream ends by itself."""

    async def items():
        for item in (0, None, "", False):
            yield item

    assert await received(stream_while_valid(engine, claims, items())) == [0, None, "", False]


@pytest.mark.parametrize("check_every", [SOON, LATE, timedelta.max], ids=["soon", "late", "never"])
async def test_a_stream_ends_when_its_token_expires(claims, check_every):
    """The expiry interrupts the wait for an item, whatever the interval of checks."""
    start = math.inf  # the clock stands still until then, however slow this machine is
    engine = engine_with(lambda: claims.exp - 0.02 + max(0, time.monotonic() - start))
    source = Source(1, 2)
    stream = stream_while_valid(engine, claims, source, check_every=check_every)
    receiving = asyncio.create_task(received(stream))
    await source.is_waiting.wait()
    start = time.monotonic()
    assert await receiving == [1, 2]
    assert source.ended_by is asyncio.CancelledError


async def test_a_stream_ends_when_its_token_is_revoked(engine, claims):
    """A revocation interrupts the wait for an item."""
    source = Source(1, 2)
    stream = stream_while_valid(engine, claims, source, check_every=SOON)
    receiving = asyncio.create_task(received(stream))
    await source.is_waiting.wait()
    await engine.revoke(claims)
    assert await receiving == [1, 2]
    assert source.ended_by is asyncio.CancelledError
    assert receiving.cancelling() == 0


async def test_a_stream_of_a_revoked_token_sends_nothing(engine, claims):
    """The first check is made before the first item, for revocations since the request."""
    await engine.revoke(claims)
    assert await received(stream_while_valid(engine, claims, Source(1), check_every=LATE)) == []


async def test_a_stream_that_never_waits_ends_too(engine, claims, clock):
    """A busy stream, to a client that reads fast, gives the event loop no time for a watcher."""
    sent = 0

    async def busy():
        nonlocal sent
        while True:
            sent += 1
            if sent == 1000:
                clock.advance(3600)
            yield sent

    async for _ in stream_while_valid(engine, claims, busy(), check_every=timedelta.resolution):
        assert sent <= 1000


async def test_a_check_before_an_item_closes_the_stream(engine, claims):
    """If the client reads slowly and the check is overdue, the stream is closed between two items."""
    source = Source(1, 2, 3)
    stream = stream_while_valid(engine, claims, source, check_every=timedelta.resolution)
    assert await anext(stream) == 1
    await engine.revoke(claims)
    await asyncio.sleep(0.001)  # longer than the interval
    assert await received(stream) == []
    assert source.ended_by is GeneratorExit


async def test_an_item_that_outlives_its_cancellation_is_not_sent(engine, claims):
    """A stream that suppresses its cancellation cannot send one more item."""
    closed = []

    async def stubborn():
        try:
            yield 1
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            yield 2
        finally:
            closed.append(True)

    stream = stream_while_valid(engine, claims, stubborn(), check_every=SOON)
    assert await anext(stream) == 1
    await engine.revoke(claims)
    assert await received(stream) == []
    assert closed == [True]


@pytest.mark.parametrize("policy", ["refuse", "accept"])
async def test_an_outage_follows_the_policy(clock, claims, policy):
    """An outage of the store ends the stream, unless the policy accepts outages."""
    store = Down(answers=1)
    engine = engine_with(clock, store=store, policy=TokenPolicy(store_outage=policy))

    async def items():
        yield 1
        await store.is_asked_often.wait()
        yield 2

    async with asyncio.timeout(60):
        stream = stream_while_valid(engine, claims, items(), check_every=SOON)
        assert [item async for item in stream] == ([1, 2] if policy == "accept" else [1])


async def test_a_hook_may_end_the_stream(engine, claims):
    """A TokenError of an `is_revoked` hook ends the stream; any other error is raised."""
    answers = [False, False]

    @engine.is_revoked
    def ask(claims):
        if not answers:
            raise TokenRejectedError
        return answers.pop()

    source = Source(1)
    assert await received(stream_while_valid(engine, claims, source, check_every=SOON)) == [1]
    answers.append("yes")
    with pytest.raises(TypeError, match="True or False"):
        await received(stream_while_valid(engine, claims, Source(1), check_every=SOON))


async def test_an_error_of_the_stream_passes(engine, claims):
    """An error of the stream is raised unchanged."""
    error = LookupError()
    with pytest.raises(LookupError) as caught:
        await received(stream_while_valid(engine, claims, Source(1, error=error)))
    assert caught.value is error


async def test_a_closed_stream_closes_its_source(engine, claims):
    """`aclose` reaches the source, which cleans up."""
    source = Source(1, 2)
    stream = stream_while_valid(engine, claims, source)
    assert await anext(stream) == 1
    await stream.aclose()
    assert source.ended_by is GeneratorExit


async def test_a_cancelled_stream_closes_its_source(engine, claims):
    """A cancellation from outside, as on a disconnect, reaches the source and passes."""
    source = Source(1)
    task = asyncio.create_task(received(stream_while_valid(engine, claims, source)))
    await source.is_waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert source.ended_by is asyncio.CancelledError


async def test_an_abandoned_stream_is_closed(engine, claims):
    """A stream that is dropped between two items is collected, and its source cleans up."""
    source, before = Source(1, 2), asyncio.all_tasks()
    stream = stream_while_valid(engine, claims, source, check_every=SOON)
    assert await anext(stream) == 1
    await asyncio.sleep(0)
    assert asyncio.all_tasks() <= before
    del stream
    gc.collect()
    async with asyncio.timeout(60):
        await source.has_ended.wait()
    assert source.ended_by is GeneratorExit


async def test_a_stream_needs_no_aclose(engine, claims):
    """An async iterator without `aclose` is accepted."""

    class Countdown:
        left = 3

        def __aiter__(self):
            return self

        async def __anext__(self):
            self.left -= 1
            if self.left < 0:
                raise StopAsyncIteration
            return self.left

    assert await received(stream_while_valid(engine, claims, Countdown())) == [2, 1, 0]


async def test_wrong_arguments_are_refused_at_once(engine):
    """A sync stream, a function, no claims and a bare number of seconds are refused by the call."""

    async def items():
        yield 1

    for wrong in ([1], items, None, (each for each in "ab")):
        with pytest.raises(TypeError, match="items must be an async iterable, not"):
            stream_while_valid(engine, Claims(), wrong)
    with pytest.raises(TypeError, match="claims must be the Claims of the request, not None"):
        stream_while_valid(engine, None, items())
    for wrong in (5, None, timedelta(0)):
        with pytest.raises(ConfigurationError, match="check_every must be a timedelta"):
            stream_while_valid(engine, Claims(), items(), check_every=wrong)
