"""Many calls become one round trip, or one commit."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Final, Generic, NamedTuple, TypeVar

__all__ = ["GroupCommit", "TurnBatcher"]

AskT = TypeVar("AskT")
AnswerT = TypeVar("AnswerT")

_LARGEST_COMMIT: Final = 500
# A write ends a little before its caller stops waiting, so that the caller learns how it ended.
_WRITE_SHARE: Final = 0.9
# A write that could not begin by then would have too little time left.
_BEGIN_SHARE: Final = 0.6


class _Waiting(NamedTuple, Generic[AskT, AnswerT]):
    question: AskT
    answer: asyncio.Future[AnswerT]
    asked_at: float


class _Batches(ABC, Generic[AskT, AnswerT]):
    """What is asked waits, and is answered together with others.

    A caller that is cancelled leaves the others alone; a failure reaches each of them.
    """

    def __init__(self) -> None:
        """Start with nothing asked."""
        self._waiting: list[_Waiting[AskT, AnswerT]] = []
        # The loop itself holds tasks weakly.
        self._running: set[asyncio.Task[None]] = set()

    async def ask(self, question: AskT) -> AnswerT:
        """Ask one thing.

        Raises:
            Exception: whatever the answering raised.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[AnswerT] = loop.create_future()
        self._waiting.append(_Waiting(question, answer, loop.time()))
        if len(self._waiting) == 1:
            self._start()
        return await answer

    async def drain(self) -> None:
        """Return when nothing is under way: also what those asked who were cancelled since."""
        await asyncio.sleep(0)  # what was asked in this turn may start in the next
        while self._running:
            await asyncio.wait(self._running)

    @abstractmethod
    def _start(self) -> None:
        """See to it that what waits is answered; called when something begins to wait."""

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _answer(
        self,
        batch: Sequence[_Waiting[AskT, AnswerT]],
        answer_all: Callable[[Sequence[AskT]], Awaitable[Sequence[AnswerT]]],
    ) -> None:
        try:
            answers = await answer_all([each.question for each in batch])
            if len(answers) != len(batch):
                msg = "A batch must get one answer for each question."
                raise RuntimeError(msg)  # noqa: TRY301 - it is handed on as well
        except Exception as exc:  # noqa: BLE001 - handed on to each who asked
            _fail(batch, exc)
            return
        except BaseException:
            # Nobody cancelled those who wait: they get an error, not a cancellation of their own.
            _fail(batch, RuntimeError("The batch was cancelled before its answer came."))
            raise
        for each, answer in zip(batch, answers, strict=True):
            if not each.answer.done():
                each.answer.set_result(answer)


class TurnBatcher(_Batches[AskT, AnswerT]):
    """Collects what is asked in one turn of the event loop, and asks it together."""

    def __init__(
        self, answer_all: Callable[[Sequence[AskT]], Awaitable[Sequence[AnswerT]]]
    ) -> None:
        """Take what answers a batch: one answer for each, in their order."""
        super().__init__()
        self._answer_all = answer_all

    def _start(self) -> None:
        asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        batch, self._waiting = self._waiting, []
        self._run(self._answer(batch, self._answer_all))


class GroupCommit(_Batches[AskT, AnswerT]):
    """Collects writes until a slot is free, and has them done together.

    A database syncs its disk once for each commit: the busier it is, the more share one. A write
    whose caller is cancelled, or has waited for most of the time-out, before a slot is free is never
    begun. A write that has begun goes on without its caller, up to the deadline of the oldest write
    in its batch.
    """

    def __init__(
        self,
        write_all: Callable[[Sequence[AskT], float], Awaitable[Sequence[AnswerT]]],
        slots: asyncio.Semaphore,
        *,
        timeout_seconds: float,
    ) -> None:
        """Take what does a batch, and the slots for it.

        Args:
            write_all: does a batch by a deadline, which is a time of the event loop's clock, and
                returns one answer for each.
            slots: how many batches may be under way.
            timeout_seconds: how long a caller waits, from `ask` on.
        """
        super().__init__()
        self._write_all = write_all
        self._slots = slots
        self._timeout = timeout_seconds

    def _start(self) -> None:
        self._run(self._write())

    async def _write(self) -> None:
        async with self._slots:
            waiting = [each for each in self._waiting if not each.answer.done()]
            latest = asyncio.get_running_loop().time() - self._timeout * _BEGIN_SHARE
            late = [each for each in waiting if each.asked_at < latest]
            in_time = waiting[len(late) :]
            batch, self._waiting = in_time[:_LARGEST_COMMIT], in_time[_LARGEST_COMMIT:]
            _fail(late, TimeoutError("The write has waited too long, and was not begun."))
            if self._waiting:
                self._start()
            if batch:
                deadline = batch[0].asked_at + self._timeout * _WRITE_SHARE
                await self._answer(batch, lambda some: self._write_all(some, deadline))


def _fail(batch: Sequence[_Waiting[AskT, AnswerT]], error: Exception) -> None:
    for each in batch:
        if not each.answer.done():
            each.answer.set_exception(error)
