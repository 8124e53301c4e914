"""The process and the event loop that own a store with connections."""

import asyncio
import os

from tokenward.errors import ConfigurationError

__all__ = ["Ownership"]


class Ownership:
    """Binds a store to the process and the event loop of its first use.

    Connections cannot be shared by two processes or two event loops: calls would fail or never
    return. A store that was created but not used before a fork belongs to the process that uses it
    first.
    """

    __slots__ = ("_owners", "_store")

    def __init__(self, store: str) -> None:
        """Use the name of the store's class in error messages."""
        self._store = store
        # The first entry stands: of two threads that use the store at once, one becomes the owner.
        self._owners: dict[str, tuple[int, asyncio.AbstractEventLoop]] = {}

    def check(self) -> None:
        """Check that this process and the running event loop own the store; the first call decides.

        Raises:
            ConfigurationError: the store was used before a fork, or in another event loop.
        """
        loop, process = asyncio.get_running_loop(), os.getpid()
        owner_process, owner_loop = self._owners.setdefault("first", (process, loop))

        if owner_process != process:
            msg = (
                f"This {self._store} was used before a fork: create one in each process, "
                "after the fork."
            )
            raise ConfigurationError(msg)
        if owner_loop is not loop:
            msg = (
                f"This {self._store} is in use in another event loop: create one for each event "
                "loop, inside the loop that uses it."
            )
            raise ConfigurationError(msg)
