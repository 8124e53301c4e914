"""How a side talks to the runner: it says what it runs on, then answers each ``CASE CALLS`` with microseconds.

A side is a script that knows one library. It is run by the Python of that library's environment.
"""

import gc
import inspect
import json
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from itertools import islice, repeat
from typing import Any

Call = Callable[[Any], Any]


def unchecked(_calls: int) -> None:
    """Have nothing to say about a block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Something that can be timed, again and again.

    `ready` is awaited before each block and gives the call of that block; `check` sees the number of calls
    after it, and raises where the block was not what it claims to be. Neither is timed.
    """

    inputs: Iterator[Any]
    ready: Callable[[], Awaitable[Call]]
    check: Callable[[int], None] = unchecked


def steady(call: Call, inputs: Iterable[object] | None = None) -> Case:
    """Make a case of one call, with inputs that are taken in turn without end."""

    async def ready() -> Call:
        return call

    return Case(inputs=iter(repeat(None) if inputs is None else inputs), ready=ready)


def same(what: object, expected: object, name: str) -> None:
    """End the side where it does not do what it claims."""
    if what != expected:
        sys.exit(f"{sys.argv[0]}: {name}: expected {expected!r}, got {what!r}. Nothing to compare.")


async def microseconds(case: Case, calls: int) -> float:
    """Time some calls, one after the other, without the garbage collector on any side."""
    inputs = list(islice(case.inputs, calls))
    call = await case.ready()
    gc.collect()
    gc.disable()
    if inspect.iscoroutinefunction(call):
        start = time.perf_counter()
        for each in inputs:
            await call(each)
        seconds = time.perf_counter() - start
    else:
        start = time.perf_counter()
        for each in inputs:
            call(each)
        seconds = time.perf_counter() - start
    gc.enable()
    case.check(calls)
    return seconds / calls * 1e6


async def answer(cases: Mapping[str, Case], runs_on: Iterable[str]) -> None:
    """Greet with the versions, and answer until the other end closes."""
    gc.collect()
    gc.freeze()
    print(json.dumps({"versions": versions(runs_on), "cases": list(cases)}), flush=True)
    # A blocking read: nothing else runs in the loop of a side while it waits for its turn.
    for line in sys.stdin:
        name, calls = line.split()
        print(await microseconds(cases[name], int(calls)), flush=True)


def versions(names: Iterable[str]) -> dict[str, str]:
    """Give the installed versions of distributions."""
    return {name: version(name) for name in names}
