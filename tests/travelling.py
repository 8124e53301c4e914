"""An event loop for tests of what happens after a while."""

import asyncio
from datetime import timedelta


class TravellingLoop(asyncio.SelectorEventLoop):
    """An event loop whose time can be moved on, so that no test waits for a time-out."""

    _ahead = 0.0

    def time(self) -> float:
        """Return the time by which the loop decides that a time-out has come."""
        return super().time() + self._ahead

    def travel(self, time: timedelta) -> None:
        """Let time pass at once."""
        self._ahead += time.total_seconds()
