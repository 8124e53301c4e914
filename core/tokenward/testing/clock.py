"""A clock that a test moves."""

from datetime import timedelta

__all__ = ["FrozenClock"]

_NOW = 1_800_000_000.0


class FrozenClock:
    """A clock that only `advance` moves: ``TokenEngine(..., clock=FrozenClock())``."""

    def __init__(self, now: float = _NOW) -> None:
        """Set the time, in seconds since 1970."""
        self.now: float = now

    def __call__(self) -> float:
        """Return the time, in seconds since 1970."""
        return self.now

    def advance(self, duration: float | timedelta) -> None:
        """Move the time forward.

        Args:
            duration: seconds or a timedelta; a negative duration sets the clock back.
        """
        if isinstance(duration, timedelta):
            duration = duration.total_seconds()
        self.now += duration
