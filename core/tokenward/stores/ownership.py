"""The process and the event loop that a store with connections belongs to."""

import asyncio
import os

from tokenward.errors import ConfigurationError

__all__ = ["Ownership"]


class Ownership:
    """Binds a store to the process and the event loop of its first use.

    Connections cannot be shared by two processes or two event loops: each call would fail or never
    return. A store that was created before a fork, but not used, belongs to whichever process uses
    it first.
    """

    __slots__ = ("_loop", "_process", "_store")

    def __init__(self, store: str) -> None:
        """Name the class of the store, for the messages."""
        self._store = store
        self._process = 0
        self._loop: asyncio.AbstractEventLoop | None = None

    def check(self) -> None:
        """Return when this process and the running event loop own the store; the first caller does.

        Raises:
            ConfigurationError: the store was used before a fork, or in another event loop.
        """
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._process, self._loop = os.getpid(), loop
        elif self._process != os.getpid():
            msg = (
                f"This {self._store} was used before a fork: create one in each process, "
                "after the fork."
            )
            raise ConfigurationError(msg)
        elif self._loop is not loop:
            msg = (
                f"This {self._store} is in use in another event loop: create one for each event "
                "loop, inside the loop that uses it."
            )
            raise ConfigurationError(msg)
