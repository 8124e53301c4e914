"""Many questions of one turn of the event loop become one round trip."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

__all__ = ["TurnBatcher"]

AskT = TypeVar("AskT")
AnswerT = TypeVar("AnswerT")


class TurnBatcher(Generic[AskT, AnswerT]):
    """Collects what is asked in one turn of the loop, and asks it together.

    A caller that is cancelled leaves the others alone; a failure reaches each of them.
    """

    def __init__(
        self, answer_all: Callable[[Sequence[AskT]], Awaitable[Sequence[AnswerT]]]
    ) -> None:
        """Take what answers a batch: one answer for each question, in their order."""
        self._answer_all = answer_all
        self._waiting: list[tuple[AskT, asyncio.Future[AnswerT]]] = []
        # The loop itself holds tasks weakly.
        self._running: set[asyncio.Task[None]] = set()

    async def ask(self, question: AskT) -> AnswerT:
        """Ask one question, together with all others of this turn.

        Raises:
            Exception: whatever the answering raised.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[AnswerT] = loop.create_future()
        self._waiting.append((question, answer))
        if len(self._waiting) == 1:
            loop.call_soon(self._start, loop)
        return await answer

    async def drain(self) -> None:
        """Return when nothing is under way: also what those asked who were cancelled since."""
        await asyncio.sleep(0)  # what was asked in this turn starts in the next
        if self._running:
            await asyncio.wait(self._running)

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        batch, self._waiting = self._waiting, []
        task = loop.create_task(self._answer(batch))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _answer(self, batch: Sequence[tuple[AskT, asyncio.Future[AnswerT]]]) -> None:
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


def _fail(batch: Sequence[tuple[object, asyncio.Future[AnswerT]]], error: Exception) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)
