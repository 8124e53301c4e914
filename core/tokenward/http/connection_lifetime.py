"""Ends a long-lived connection when its token stops being valid."""

import asyncio
import math
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import Final, TypeAlias, TypeVar, cast

from tokenward._arguments import kind_of
from tokenward.claims.model import Claims
from tokenward.engine.verifier import TokenVerifier
from tokenward.errors import ConfigurationError, TokenError
from tokenward.stores.cancellation import raise_if_cancelled

__all__ = ["run_while_valid", "stream_while_valid"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)
ItemT = TypeVar("ItemT")
_Revalidate: TypeAlias = Callable[[], Awaitable[float]]
_END: Final = object()


def run_while_valid(
    revalidate: _Revalidate,
    close: Callable[[TokenError], Awaitable[None]],
    check_every: timedelta,
) -> AbstractAsyncContextManager[None]:
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
    return _run_until_error(_Checks(revalidate, check_every), close)


def stream_while_valid(
    engine: TokenVerifier[ClaimsT],
    claims: ClaimsT,
    items: AsyncIterable[ItemT],
    *,
    check_every: timedelta = timedelta(seconds=5),
) -> AsyncGenerator[ItemT, None]:
    """Return the items of a stream while a token is valid; then close the stream.

    A check interrupts the wait for an item. No task runs between two items, so an abandoned stream
    leaves nothing behind.

    Args:
        engine: checks the claims.
        claims: the claims that `Authenticator.authenticate` returned.
        items: the stream, such as an async generator. It is closed with ``aclose``, if it has that
            method, however the result ends.
        check_every: the interval between revocation checks. An expiry takes effect on time and
            does not wait for a check.

    Raises:
        ConfigurationError: `check_every` is not a timedelta above zero.
        TypeError: `claims` is not a `Claims` object, or `items` is not an async iterable.

    Not checked: whether the client reads. An item that was already returned can reach a slow client
    after the token has expired.
    """
    if not isinstance(claims, Claims):
        msg = f"claims must be the Claims of the request, not {kind_of(claims)}."
        raise TypeError(msg)
    if not isinstance(items, AsyncIterable):
        msg = (
            f"items must be an async iterable, not {kind_of(items)}: call an async generator "
            "function, that is async def with yield."
        )
        raise TypeError(msg)

    return _stream_until_error(_Checks(lambda: engine.revalidate(claims), check_every), items)


class _Checks:
    """The checks of one token, and when the next one is due."""

    def __init__(self, revalidate: _Revalidate, check_every: timedelta) -> None:
        if not isinstance(check_every, timedelta) or check_every <= timedelta(0):
            msg = "check_every must be a timedelta above zero."
            raise ConfigurationError(msg)

        self._revalidate = revalidate
        self._interval = check_every.total_seconds()
        self._seconds_left = math.inf
        self._due_at = -math.inf

    @property
    def seconds_until_due(self) -> float:
        """The seconds until the next check, in the time of the event loop."""
        return self._due_at - asyncio.get_running_loop().time()

    async def error_now(self) -> TokenError | None:
        """Check the token now, and return the error if it is not valid any more."""
        while True:
            try:
                # A check that hangs, for example in a hook, is stopped when the token expires.
                timeout = None if self._seconds_left == math.inf else self._seconds_left
                async with asyncio.timeout(timeout):
                    self._seconds_left = await self._revalidate()
            except TokenError as error:
                return error
            except TimeoutError:
                continue
            now = asyncio.get_running_loop().time()
            self._due_at = now + min(self._seconds_left, self._interval)
            return None

    async def first_error(self) -> TokenError:
        """Check the token whenever a check is due, and return the first error."""
        if (seconds := self.seconds_until_due) > 0:
            await asyncio.sleep(seconds)
        while True:
            if (error := await self.error_now()) is not None:
                return error
            raise_if_cancelled()
            # Also if the next check is overdue: a sleep lets other tasks run.
            await asyncio.sleep(self.seconds_until_due)


@asynccontextmanager
async def _run_until_error(
    checks: _Checks, close: Callable[[TokenError], Awaitable[None]]
) -> AsyncIterator[None]:
    block = _Block()

    async def watch() -> None:
        try:
            error = await checks.first_error()
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


async def _stream_until_error(
    checks: _Checks, items: AsyncIterable[ItemT]
) -> AsyncGenerator[ItemT, None]:
    iterator = aiter(items)
    is_valid = True

    async def end(_error: TokenError) -> None:
        nonlocal is_valid
        is_valid = False

    try:
        while True:
            # A stream that never waits would not let the watcher of the block run.
            if checks.seconds_until_due <= 0 and await checks.error_now() is not None:
                return
            async with _run_until_error(checks, end):
                item = await anext(iterator, _END)
            if item is _END or not is_valid:
                return
            yield cast("ItemT", item)
    finally:
        close = getattr(iterator, "aclose", None)
        if close is not None:
            await close()


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
