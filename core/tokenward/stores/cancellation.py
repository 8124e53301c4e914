"""Ends a task that repeats a step, although the step has swallowed a cancellation."""

import asyncio

__all__ = ["raise_if_cancelled"]


def raise_if_cancelled() -> None:
    """Cancel the current task again if what it has awaited swallowed a cancellation.

    Before Python 3.12 `asyncio.wait_for` does so if what it waits for ends at the same moment, and
    redis-py sends each command in it. A task that then waits for its next turn never ends, and nor
    does the event loop, which cancels each task only once.

    Raises:
        CancelledError: the task was cancelled.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
