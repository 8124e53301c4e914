"""Batches: one call for one turn of the loop, and every caller gets a result."""

import asyncio
import gc

import pytest

from tokenward.stores.batching import GroupCommit, TurnBatcher


class Service:
    """Doubles the numbers of a batch, records each batch, and can be held or made to fail."""

    def __init__(self) -> None:
        self.batches = []
        self.open = asyncio.Event()
        self.open.set()
        self.error = None
        self.started = asyncio.Event()

    async def __call__(self, questions):
        self.batches.append(list(questions))
        self.started.set()
        await self.open.wait()
        if self.error is not None:
            raise self.error
        return [2 * question for question in questions]


@pytest.fixture
async def service():
    """Return a service."""
    return Service()


@pytest.fixture
async def loop_errors():
    """Collect the errors that the event loop reports."""
    found = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: found.append(context))
    return found


async def test_one_turn_is_one_call(service):
    """All requests of one turn are one call, with results in their order."""
    batcher = TurnBatcher(service)
    assert await asyncio.gather(*map(batcher.submit, range(100))) == [2 * n for n in range(100)]
    assert service.batches == [list(range(100))]


async def test_the_next_turn_is_another_call(service):
    """A request during a running batch does not wait for it."""
    batcher = TurnBatcher(service)
    service.open.clear()
    first = asyncio.create_task(batcher.submit(1))
    await service.started.wait()
    service.started.clear()
    second = asyncio.create_task(batcher.submit(2))
    await service.started.wait()
    assert service.batches == [[1], [2]]
    service.open.set()
    assert await asyncio.gather(first, second) == [2, 4]


async def test_a_failure_reaches_every_caller(service, loop_errors):
    """No exception is left unretrieved, and the next batch succeeds."""
    batcher = TurnBatcher(service)
    service.error = LookupError("down")
    answers = await asyncio.gather(*map(batcher.submit, range(10)), return_exceptions=True)
    assert answers == [service.error] * 10
    service.error = None
    assert await batcher.submit(4) == 8
    gc.collect()
    assert loop_errors == []


@pytest.mark.parametrize("error", [None, LookupError("down")])
async def test_a_cancelled_caller_does_not_affect_the_others(service, loop_errors, error):
    """They get their result or error, also if the first caller is cancelled."""
    batcher = TurnBatcher(service)
    service.error = error
    service.open.clear()
    callers = [asyncio.create_task(batcher.submit(number)) for number in range(10)]
    await service.started.wait()
    for caller in callers[::3]:
        caller.cancel()
    service.open.set()
    answers = await asyncio.gather(*callers, return_exceptions=True)
    for number, answer in enumerate(answers):
        if number % 3 == 0:
            assert isinstance(answer, asyncio.CancelledError)
        else:
            assert answer == (2 * number if error is None else error)
    del callers, answers
    gc.collect()
    assert loop_errors == []


async def test_a_batch_without_callers_may_fail(service, loop_errors):
    """Its error is not reported if all callers were cancelled."""
    batcher = TurnBatcher(service)
    service.error = LookupError("down")
    service.open.clear()
    caller = asyncio.create_task(batcher.submit(1))
    await service.started.wait()
    caller.cancel()
    await asyncio.wait([caller])
    service.open.set()
    await batcher.drain()
    gc.collect()
    assert loop_errors == []


async def test_a_cancelled_batch_is_an_error_for_its_callers():
    """They neither hang nor are cancelled."""

    async def cancelled(questions):
        raise asyncio.CancelledError

    batcher = TurnBatcher(cancelled)
    async with asyncio.timeout(60):
        answers = await asyncio.gather(*map(batcher.submit, range(3)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [RuntimeError] * 3


@pytest.mark.parametrize("answers", [[], [1], [1, 2, 3]])
async def test_a_wrong_number_of_results_is_an_error_for_all(answers):
    """No caller gets another's result, and none hangs."""

    async def wrong(questions):
        return answers

    batcher = TurnBatcher(wrong)
    async with asyncio.timeout(60):
        got = await asyncio.gather(batcher.submit(1), batcher.submit(2), return_exceptions=True)
    assert [type(answer) for answer in got] == [RuntimeError] * 2


async def test_draining_waits_for_running_batches(service):
    """Also for requests of this turn, and of cancelled callers."""
    batcher = TurnBatcher(service)
    await batcher.drain()
    caller = asyncio.create_task(batcher.submit(1))
    other = asyncio.create_task(batcher.submit(2))
    await asyncio.sleep(0)
    other.cancel()
    await batcher.drain()
    assert service.batches == [[1, 2]]
    assert caller.done()
    assert await caller == 2


# Writes


class Disk:
    """Writes batches, and can be held."""

    def __init__(self) -> None:
        self.batches = []
        self.deadlines = []
        self.open = asyncio.Event()
        self.open.set()

    async def __call__(self, questions, deadline):
        self.batches.append(list(questions))
        self.deadlines.append(deadline)
        await self.open.wait()
        return questions


async def test_a_batch_of_writes_must_be_done_before_its_oldest_caller_gives_up():
    """Its deadline counts from the first request, not from its beginning."""
    disk, slots = Disk(), asyncio.Semaphore(1)
    writes = GroupCommit(disk, slots, timeout_seconds=20)
    loop = asyncio.get_running_loop()
    async with slots:
        asked = loop.time()
        tasks = [asyncio.create_task(writes.submit(number)) for number in range(3)]
        await asyncio.sleep(0)
        all_asked = loop.time()
    assert await asyncio.gather(*tasks) == [0, 1, 2]
    assert disk.batches == [[0, 1, 2]]
    assert asked - 1e-6 < disk.deadlines[0] - 0.9 * 20 < all_asked + 1e-6


async def test_a_write_that_waited_too_long_is_not_begun():
    """Its caller gets an error at once, and later writes succeed."""
    disk, slots = Disk(), asyncio.Semaphore(1)
    writes = GroupCommit(disk, slots, timeout_seconds=1e-6)
    async with slots:
        late = asyncio.create_task(writes.submit(1))
        gone = asyncio.create_task(writes.submit(2))
        await asyncio.sleep(0)
        gone.cancel()
    with pytest.raises(TimeoutError, match="was not begun"):
        await late
    assert disk.batches == []


async def test_many_writes_are_several_batches():
    """A batch has at most five hundred writes, so that transactions stay bounded."""
    disk = Disk()
    writes = GroupCommit(disk, asyncio.Semaphore(1), timeout_seconds=20)
    answers = await asyncio.gather(*map(writes.submit, range(1200)))
    assert answers == list(range(1200))
    assert [len(batch) for batch in disk.batches] == [500, 500, 200]


async def test_a_batch_has_one_value_of_each_name():
    """A request with another value waits for a later batch, in its order; the same value does not."""
    disk, slots = Disk(), asyncio.Semaphore(1)
    writes = GroupCommit(
        disk, slots, timeout_seconds=20, one_value_of_each=lambda text: (text[0], text[1])
    )
    requests = ["a1", "b1", "a2", "a1", "b2", "a3", "c1", "a2"]
    assert await asyncio.gather(*map(writes.submit, requests)) == requests
    assert disk.batches == [["a1", "b1", "a1", "c1"], ["a2", "b2", "a2"], ["a3"]]
