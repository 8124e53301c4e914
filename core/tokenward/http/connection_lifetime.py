"""Runs a block for as long as a token is good."""

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
    refuse: Callable[[TokenError], Awaitable[None]],
    check_every: timedelta,
) -> AsyncIterator[None]:
    """Await `refuse` once `revalidate` raises a TokenError, and cancel the block.

    The connection does not depend on the block: `refuse` has begun before the block sees its
    cancellation, and goes on also where the block swallows it.

    Args:
        revalidate: returns how many seconds the token has left at most.
        refuse: closes the connection. It is not called where the block ends by itself, or by an
            error of its own.
        check_every: the longest time between two checks.

    Raises:
        ConfigurationError: `check_every` is not above zero.
    """
    if not isinstance(check_every, timedelta) or check_every <= timedelta(0):
        msg = "check_every must be a timedelta above zero."
        raise ConfigurationError(msg)
    interval = check_every.total_seconds()
    block = _Block()

    async def watch() -> None:
        try:
            error = await _first_refusal(revalidate, interval)
        finally:
            # A watch that ends for any other reason, as a hook that fails, ends the block too.
            block.cancel()
        # Runs up to its first wait before the block runs again: a block cannot send in between.
        await refuse(error)

    watcher = asyncio.create_task(watch())
    try:
        yield
    except asyncio.CancelledError:
        if not block.end():
            # Somebody else ends the task, and does not wait for the other side of the connection.
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
    """The task that runs a block, for as long as it runs the block."""

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
        """Take the cancellation back; whether there was one, and nobody else asked for another."""
        self._is_running = False
        return self._was_cancelled and self._task.uncancel() <= self._cancelling


async def _first_refusal(revalidate: Callable[[], Awaitable[float]], interval: float) -> TokenError:
    left = math.inf
    while True:
        try:
            # A check that hangs, as in a hook, does not outlive the token.
            async with asyncio.timeout(None if left == math.inf else left):
                left = await revalidate()
        except TokenError as error:
            return error
        except TimeoutError:
            continue
        await asyncio.sleep(min(left, interval))
