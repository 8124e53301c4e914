"""The time by which the age of a picture is measured."""

import time
from collections.abc import Callable
from functools import partial
from typing import Final

__all__ = ["uptime"]

# CLOCK_BOOTTIME also counts the time in which the machine was suspended. Elsewhere the monotonic
# clock does.
_CLOCK: Final[int | None] = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))

uptime: Final[Callable[[], float]] = (
    time.monotonic if _CLOCK is None else partial(time.clock_gettime, _CLOCK)
)
"""Return seconds that pass steadily, also while the process or the machine sleeps.

No change of the system's time affects them.
"""
