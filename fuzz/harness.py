"""What every target needs: Atheris around it, and the results of coroutines."""

import asyncio
import atexit
import sys
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any, Final, TypeVar

__all__ = ["NOW", "finished", "fuzz", "instrumented", "run_in_loop"]

ResultT = TypeVar("ResultT")

NOW: Final = 1_800_000_000.0
"""The time of every engine, in seconds since 1970: an input has the same result each time."""
_PACKAGES: Final = ["tokenward", "jwt"]


def instrumented(name: str) -> AbstractContextManager[object]:
    """Return a block whose imports report their coverage, if the module `name` runs as a target."""
    if name != "__main__":
        return nullcontext()

    import atheris

    block: AbstractContextManager[object] = atheris.instrument_imports(include=_PACKAGES)
    return block


def fuzz(check: Callable[[bytes], None]) -> None:
    """Call `check` with new inputs until one raises; the command line has libFuzzer's options."""
    import atheris

    atheris.Setup(sys.argv, check)
    atheris.Fuzz()


def finished(coroutine: Coroutine[Any, Any, ResultT]) -> ResultT:
    """Return the result of a coroutine that never waits; no event loop, so that it is fast."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result: ResultT = stop.value
        return result
    coroutine.close()
    msg = "The coroutine waits for something."
    raise AssertionError(msg)


def run_in_loop(coroutine: Coroutine[Any, Any, ResultT]) -> ResultT:
    """Return the result of a coroutine that writes to a store, which takes a timeout of the loop."""
    return _loop().run_until_complete(coroutine)


@cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    atexit.register(loop.close)
    return loop
