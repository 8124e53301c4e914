"""Runs a block for as long as a token is good."""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from tokenward.errors import ConfigurationError, TokenError

__all__ = ["run_while_good"]


@asynccontextmanager
async def run_while_good(
    recheck: Callable[[], Awaitable[float]],
    refuse: Callable[[TokenError], Awaitable[None]],
    check_every: timedelta,
) -> AsyncIterator[None]:
    """Cancel the block once `recheck` raises a TokenError, then await `refuse` with it.

    Args:
        recheck: tells how many seconds the token has left at most.
        refuse: is not called where the block ends by itself, or by an error of its own.
        check_every: the longest time between two checks.

    Raises:
        ConfigurationError: `check_every` is not above zero.
    """
    interval = check_every.total_seconds()
    if interval <= 0:
        msg = "check_every must be above zero."
        raise ConfigurationError(msg)
    watcher = asyncio.create_task(_first_refusal(recheck, interval))
    try:
        # It has no time of its own: what expires it is the end of the watcher, for any reason.
        async with asyncio.timeout(None) as block:
            is_running = True

            def stop(_: asyncio.Task[Any]) -> None:
                # The token may be refused in the same turn of the loop in which the block ends.
                if is_running:
                    block.reschedule(asyncio.get_running_loop().time())

            watcher.add_done_callback(stop)
            try:
                yield
            finally:
                is_running = False
    except TimeoutError:
        if not block.expired():
            raise
    finally:
        watcher.cancel()
    if block.expired():
        await refuse(watcher.result())


async def _first_refusal(recheck: Callable[[], Awaitable[float]], interval: float) -> TokenError:
    left = math.inf
    while True:
        try:
            # A check that hangs, as in a hook, does not outlive the token.
            async with asyncio.timeout(None if left == math.inf else left):
                left = await recheck()
        except TokenError as error:
            return error
        except TimeoutError:
            continue
        await asyncio.sleep(min(left, interval))
