"""Run a coroutine in a test that is not asynchronous."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

__all__ = ["run_coroutine"]

ResultT = TypeVar("ResultT")


def run_coroutine(start: Callable[[], Coroutine[Any, Any, ResultT]], advice: str) -> ResultT:
    """Return the result of a coroutine function, which runs in a new event loop.

    Args:
        start: the coroutine function.
        advice: what an asynchronous test should write instead.

    Raises:
        RuntimeError: an event loop is already running in this thread.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(start())
    msg = f"An event loop is running: write {advice}."
    raise RuntimeError(msg)
