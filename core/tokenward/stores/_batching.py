"""Many calls become one round trip, or one commit."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Final, Generic, TypeAlias, TypeVar

__all__ = ["GroupCommit", "TurnBatcher"]

AskT = TypeVar("AskT")
AnswerT = TypeVar("AnswerT")

_Waiting: TypeAlias = tuple[AskT, asyncio.Future[AnswerT]]
_LARGEST_COMMIT: Final = 500


class _Batches(ABC, Generic[AskT, AnswerT]):
    """What is asked waits, and is answered together with others.

    A caller that is cancelled leaves the others alone; a failure reaches each of them.
    """

    def __init__(
        self, answer_all: Callable[[Sequence[AskT]], Awaitable[Sequence[AnswerT]]]
    ) -> None:
        """Take what answers a batch: one answer for each, in their order."""
        self._answer_all = answer_all
        self._waiting: list[_Waiting[AskT, AnswerT]] = []
        # The loop itself holds tasks weakly.
        self._running: set[asyncio.Task[None]] = set()

    async def ask(self, question: AskT) -> AnswerT:
        """Ask one thing.

        Raises:
            Exception: whatever the answering raised.
        """
        answer: asyncio.Future[AnswerT] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, answer))
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

    async def _answer(self, batch: Sequence[_Waiting[AskT, AnswerT]]) -> None:
        try:
            answers = await self._answer_all([question for question, _ in batch])
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
        for (_, future), answer in zip(batch, answers, strict=True):
            if not future.done():
                future.set_result(answer)


class TurnBatcher(_Batches[AskT, AnswerT]):
    """Collects what is asked in one turn of the event loop, and asks it together."""

    def _start(self) -> None:
        asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        batch, self._waiting = self._waiting, []
        self._run(self._answer(batch))


class GroupCommit(_Batches[AskT, AnswerT]):
    """Collects writes until a slot is free, and has them done together.

    A database syncs its disk once for each commit: the busier it is, the more share one. Who is
    cancelled before a slot is free gets nothing done; later, the write goes on without them.
    """

    def __init__(
        self,
        write_all: Callable[[Sequence[AskT]], Awaitable[Sequence[AnswerT]]],
        slots: asyncio.Semaphore,
    ) -> None:
        """Take what does a batch, and the slots for it."""
        super().__init__(write_all)
        self._slots = slots

    def _start(self) -> None:
        self._run(self._write())

    async def _write(self) -> None:
        async with self._slots:
            waiting = [each for each in self._waiting if not each[1].done()]
            batch, self._waiting = waiting[:_LARGEST_COMMIT], waiting[_LARGEST_COMMIT:]
            if self._waiting:
                self._start()
            if batch:
                await self._answer(batch)


def _fail(batch: Sequence[tuple[object, asyncio.Future[AnswerT]]], error: Exception) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)
