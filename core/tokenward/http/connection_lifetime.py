"""Ends a long-lived connection when its token stops being valid."""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import cast

from tokenward.errors import ConfigurationError, TokenError

__all__ = ["run_while_valid"]


@asynccontextmanager
async def run_while_valid(
    revalidate: Callable[[], Awaitable[float]],
    close: Callable[[TokenError], Awaitable[None]],
    check_every: timedelta,
) -> AsyncIterator[None]:
    """Run a block until `revalidate` raises a TokenError; then call `close` and cancel the block.

    The block cannot keep the connection open: `close` starts before the block receives its
    cancellation, and completes even if the block suppresses the cancellation.

    Args:
        revalidate: returns the maximum number of seconds until the token expires.
        close: closes the connection. It is not called if the block ends or fails first.
        check_every: the longest time between two checks.

    Raises:
        ConfigurationError: `check_every` is not a timedelta above zero.
    """
    if not isinstance(check_every, timedelta) or check_every <= timedelta(0):
        msg = "check_every must be a timedelta above zero."
        raise ConfigurationError(msg)

    interval = check_every.total_seconds()
    block = _Block()

    async def watch() -> None:
        try:
            error = await _first_error(revalidate, interval)
        finally:
            # If the watch fails for another reason, for example in a hook, the block ends too.
            block.cancel()
        # This runs to its first await before the block resumes, so the block cannot send anything.
        await close(error)

    watcher = asyncio.create_task(watch())
    try:
        yield
    except asyncio.CancelledError:
        if not block.end():
            # The cancellation came from outside: do not wait for the peer.
            watcher.cancel()
            raise
        await watcher
    except BaseException:
        if block.end():
            await watcher
        raise
    else:
        if block.end():
            await watcher
    finally:
        watcher.cancel()


class _Block:
    """The current task while it runs the block."""

    def __init__(self) -> None:
        self._task = cast("asyncio.Task[object]", asyncio.current_task())
        self._cancelling = self._task.cancelling()
        self._is_running = True
        self._was_cancelled = False

    def cancel(self) -> None:
        """Cancel the block, unless it has ended."""
        if self._is_running:
            self._was_cancelled = True
            self._task.cancel()

    def end(self) -> bool:
        """Mark the block as ended, and return whether only `cancel` cancelled it."""
        self._is_running = False
        return self._was_cancelled and self._task.uncancel() <= self._cancelling


async def _first_error(revalidate: Callable[[], Awaitable[float]], interval: float) -> TokenError:
    seconds_left = math.inf
    while True:
        try:
            # A check that hangs, for example in a hook, is stopped when the token expires.
            async with asyncio.timeout(None if seconds_left == math.inf else seconds_left):
                seconds_left = await revalidate()
        except TokenError as error:
            return error
        except TimeoutError:
            continue
        await asyncio.sleep(min(seconds_left, interval))
