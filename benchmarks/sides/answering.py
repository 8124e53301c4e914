"""The protocol of a side: it prints its versions, then answers each line ``CASE CALLS`` with microseconds.

A side is a script that uses one library. It runs with the Python of that library's environment.
"""

import gc
import inspect
import json
import platform
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from itertools import islice, repeat
from typing import Any

Call = Callable[[Any], Any]


def check_nothing(_calls: int) -> None:
    """Check nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Something that can be timed repeatedly.

    `clock` counts the time of the thread on a processor, which other processes do not change much;
    a case that waits for a store needs the time that passes. `ready` is awaited before each block and returns the call of that block. `check` is called after each
    block with the number of calls, and ends the side if the block did not measure the right thing. Neither
    is timed.
    """

    inputs: Iterator[Any]
    ready: Callable[[], Awaitable[Call]]
    check: Callable[[int], None] = check_nothing
    clock: Callable[[], float] = time.thread_time


def steady(
    call: Call,
    inputs: Iterable[object] | None = None,
    *,
    clock: Callable[[], float] = time.thread_time,
) -> Case:
    """Return a case of one call; its inputs must never end, and are None by default."""

    async def ready() -> Call:
        return call

    endless = iter(repeat(None) if inputs is None else inputs)
    return Case(inputs=endless, ready=ready, clock=clock)


def expect_equal(found: object, expected: object, name: str) -> None:
    """End the side if a result is not the expected one."""
    if found != expected:
        sys.exit(f"{sys.argv[0]}: {name}: expected {expected!r}, got {found!r}.")


async def microseconds(case: Case, calls: int) -> float:
    """Time some calls, one after the other, with the garbage collector disabled."""
    inputs, clock = list(islice(case.inputs, calls)), case.clock
    call = await case.ready()
    gc.collect()
    gc.disable()
    if inspect.iscoroutinefunction(call):
        start = clock()
        for each in inputs:
            await call(each)
        seconds = clock() - start
    else:
        start = clock()
        for each in inputs:
            call(each)
        seconds = clock() - start
    gc.enable()
    case.check(calls)
    return seconds / calls * 1e6


async def answer(cases: Mapping[str, Case], runs_on: Iterable[str]) -> None:
    """Print the versions, then answer until the runner closes the pipe."""
    gc.collect()
    gc.freeze()
    print(json.dumps({"versions": versions(runs_on), "cases": list(cases)}), flush=True)
    # A blocking read is fine: nothing else runs in the event loop of a side while it waits.
    for line in sys.stdin:
        name, calls = line.split()
        print(await microseconds(cases[name], int(calls)), flush=True)


def versions(names: Iterable[str]) -> dict[str, str]:
    """Return the installed versions of distributions, and of the interpreter."""
    interpreter = {platform.python_implementation(): platform.python_version()}
    return interpreter | {name: version(name) for name in names}
