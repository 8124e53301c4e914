"""Threads that start at the same moment."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

from tests.support import IS_DEEP

THREADS = 8
ROUNDS = 400 if IS_DEEP else 200

ResultT = TypeVar("ResultT")


def in_threads(work: Callable[[int], ResultT], *, threads: int = THREADS) -> list[ResultT]:
    """Call a function with 0, 1, 2, ... in as many threads; return all results, or raise an error."""
    barrier = Barrier(threads)

    def start(number: int) -> ResultT:
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(threads) as pool:
        tasks = [pool.submit(start, number) for number in range(threads)]
        return [task.result() for task in tasks]


def in_event_loops(
    work: Callable[[int], Awaitable[ResultT]], *, threads: int = THREADS
) -> list[ResultT]:
    """Do the same with a coroutine function, in an event loop for each thread."""

    async def run(number: int) -> ResultT:
        return await work(number)

    return in_threads(lambda number: asyncio.run(run(number)), threads=threads)
