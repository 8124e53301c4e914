"""Batches: many concurrent calls become one round trip, or one commit."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Final, Generic, NamedTuple, TypeVar

__all__ = ["GroupCommit", "TurnBatcher"]

RequestT = TypeVar("RequestT")
ResultT = TypeVar("ResultT")

_LARGEST_COMMIT: Final = 500
# A write ends a little before its caller stops waiting, so that the caller learns the outcome.
_WRITE_SHARE: Final = 0.9
# A write that has not begun after this share of the timeout would have too little time left.
_BEGIN_SHARE: Final = 0.6


class _Pending(NamedTuple, Generic[RequestT, ResultT]):
    request: RequestT
    result: asyncio.Future[ResultT]
    submitted_at: float


class _Batcher(ABC, Generic[RequestT, ResultT]):
    """Collects requests and runs them in batches.

    The cancellation of one caller does not affect the others. A failure reaches every caller of the
    batch.
    """

    def __init__(self) -> None:
        """Start without requests."""
        self._pending: list[_Pending[RequestT, ResultT]] = []
        # The event loop holds only weak references to its tasks.
        self._running: set[asyncio.Task[None]] = set()

    async def submit(self, request: RequestT) -> ResultT:
        """Add a request to the next batch, and return its result.

        Raises:
            Exception: whatever running the batch raised.
        """
        loop = asyncio.get_running_loop()
        result: asyncio.Future[ResultT] = loop.create_future()
        self._pending.append(_Pending(request, result, loop.time()))
        if len(self._pending) == 1:
            self._start()
        return await result

    async def drain(self) -> None:
        """Wait until no batch is in progress, also those of callers that were cancelled."""
        await asyncio.sleep(0)  # requests of this turn may start in the next one
        while self._running:
            await asyncio.wait(self._running)

    @abstractmethod
    def _start(self) -> None:
        """Schedule the pending requests; called for the first request of a batch."""

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _run_batch(
        self,
        batch: Sequence[_Pending[RequestT, ResultT]],
        run_all: Callable[[Sequence[RequestT]], Awaitable[Sequence[ResultT]]],
    ) -> None:
        try:
            results = await run_all([each.request for each in batch])
            if len(results) != len(batch):
                msg = "A batch must have one result for each request."
                raise RuntimeError(msg)  # noqa: TRY301 - passed on like any other error
        except Exception as exc:  # noqa: BLE001 - passed on to each caller
            _fail(batch, exc)
            return
        except BaseException:
            # The callers were not cancelled, so they get an error instead of a cancellation.
            _fail(batch, RuntimeError("The batch was cancelled before it was finished."))
            raise

        for each, result in zip(batch, results, strict=True):
            if not each.result.done():
                each.result.set_result(result)


class TurnBatcher(_Batcher[RequestT, ResultT]):
    """Runs all requests of one turn of the event loop together."""

    def __init__(
        self, run_all: Callable[[Sequence[RequestT]], Awaitable[Sequence[ResultT]]]
    ) -> None:
        """Use a function that runs a batch and returns one result for each request, in order."""
        super().__init__()
        self._run_all = run_all

    def _start(self) -> None:
        asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        batch, self._pending = self._pending, []
        self._run(self._run_batch(batch, self._run_all))


class GroupCommit(_Batcher[RequestT, ResultT]):
    """Collects writes until a slot is free, and runs them together.

    A database syncs its disk once for each commit: under load, more writes share one. A write is not
    begun if, before a slot is free, its caller is cancelled or has waited for most of the timeout. A
    write that has begun continues without its caller, until the deadline of the oldest write of its
    batch.
    """

    def __init__(
        self,
        write_all: Callable[[Sequence[RequestT], float], Awaitable[Sequence[ResultT]]],
        slots: asyncio.Semaphore,
        *,
        timeout_seconds: float,
        one_value_of_each: Callable[[RequestT], tuple[str, str]] | None = None,
    ) -> None:
        """Use a function that writes a batch, and slots that limit concurrent batches.

        Args:
            write_all: writes a batch by a deadline, a time of the event loop's clock, and returns
                one result for each request.
            slots: the number of batches that may be in progress.
            timeout_seconds: how long a caller waits from `submit` on.
            one_value_of_each: returns a name and a value of a request. A batch has no two requests
                with one name and different values; None: a batch may have any requests.
        """
        super().__init__()
        self._write_all = write_all
        self._slots = slots
        self._timeout = timeout_seconds
        self._one_value_of_each = one_value_of_each

    def _start(self) -> None:
        self._run(self._write())

    async def _write(self) -> None:
        async with self._slots:
            pending = [each for each in self._pending if not each.result.done()]
            latest = asyncio.get_running_loop().time() - self._timeout * _BEGIN_SHARE
            late = [each for each in pending if each.submitted_at < latest]
            batch, self._pending = self._split(pending[len(late) :])

            _fail(late, TimeoutError("The write has waited too long, and was not begun."))
            if self._pending:
                self._start()
            if batch:
                deadline = batch[0].submitted_at + self._timeout * _WRITE_SHARE
                await self._run_batch(batch, lambda some: self._write_all(some, deadline))

    def _split(
        self, pending: Sequence[_Pending[RequestT, ResultT]]
    ) -> tuple[list[_Pending[RequestT, ResultT]], list[_Pending[RequestT, ResultT]]]:
        """Return the next batch, and the requests that remain, both in their order."""
        batch, others = [*pending[:_LARGEST_COMMIT]], [*pending[_LARGEST_COMMIT:]]
        if self._one_value_of_each is None:
            return batch, others

        values: dict[str, str] = {}
        waiting: list[_Pending[RequestT, ResultT]] = []
        fitting: list[_Pending[RequestT, ResultT]] = []
        for each in batch:
            name, value = self._one_value_of_each(each.request)
            fits = values.setdefault(name, value) == value
            (fitting if fits else waiting).append(each)
        return fitting, waiting + others


def _fail(batch: Sequence[_Pending[RequestT, ResultT]], error: Exception) -> None:
    for each in batch:
        if not each.result.done():
            each.result.set_exception(error)
