"""The time of one engine: the injected clock, which revoking a subject may hold for a moment."""

import time
from collections.abc import Callable
from copy import deepcopy
from threading import Lock
from typing import Self

__all__ = ["EngineClock", "system_time"]


def system_time() -> float:
    """Return the time of the system, in seconds since 1970; the default of every clock.

    `time.time` is looked up at each call: libraries such as freezegun replace it during a test.
    """
    return time.time()


class EngineClock:
    """Reads the injected clock, except that no new token gets the time of a revoked millisecond.

    A subject is revoked up to the end of the current millisecond, so the tokens that are issued next
    need a later time. While the clock is between `_held_ms` and `_floor_ms`, the time is `_floor_ms`.
    If the clock was set back further than that, it is followed.
    """

    __slots__ = ("_clock", "_floor_ms", "_held_ms", "_lock")

    def __init__(self, clock: Callable[[], float]) -> None:
        """Take the function that returns the seconds since 1970."""
        self._clock = clock
        self._held_ms = self._floor_ms = 0
        # Held for every change: a lost one would set the time back. Reads do not need it.
        self._lock = Lock()

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        """Return a clock that goes on from the same time."""
        copy = type(self)(deepcopy(self._clock, memo))
        # Of the same class.
        copy._held_ms, copy._floor_ms = self._held_ms, self._floor_ms  # noqa: SLF001
        return copy

    def now(self) -> float:
        """Return the time, in seconds since 1970."""
        now = self._clock()
        if now * 1000 >= self._floor_ms or now * 1000 < self._held_ms:
            return now
        return self._floor_ms / 1000

    def now_ms(self) -> int:
        """Return the time, in whole milliseconds since 1970."""
        now_ms = int(self._clock() * 1000)
        if now_ms >= self._floor_ms or now_ms < self._held_ms:
            return now_ms
        return self._floor_ms

    def end_millisecond(self) -> tuple[float, float]:
        """Let the next millisecond begin; return the times of the current and of the next one."""
        with self._lock:
            clock_ms = int(self._clock() * 1000)
            if not self._held_ms <= clock_ms < self._floor_ms:
                self._held_ms = self._floor_ms = clock_ms
            now = self._floor_ms / 1000
            self._floor_ms += 1
            return now, self._floor_ms / 1000
