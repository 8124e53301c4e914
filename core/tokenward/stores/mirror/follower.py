"""Reads the revocations of a shared store regularly, into a picture of them."""

import asyncio
import logging
import math
from collections.abc import Callable
from typing import Final

from tokenward.stores.cancellation import raise_if_cancelled
from tokenward.stores.feed import Change, GapError, RevocationFeed
from tokenward.stores.mirror.own import OwnRevocations
from tokenward.stores.mirror.picture import Picture
from tokenward.stores.outages import cause_of

__all__ = ["Follower"]

_logger: Final = logging.getLogger("tokenward")

# One read may fail, and the next one still keeps the picture fresh.
_READS_PER_STALENESS: Final = 4
_CANCEL_EVERY_SECONDS: Final = 0.1


class Follower:
    """A picture of the revocations of a store, and how old it is.

    The picture is as old as the beginning of the last read that reached the end of the feed: every
    revocation that was acknowledged before is in it. A read that fails makes nothing worse than older.
    """

    def __init__(
        self,
        feed: RevocationFeed,
        *,
        keep_seconds: float,
        max_staleness: float,
        uptime: Callable[[], float],
    ) -> None:
        """Start without a picture; nothing is read yet.

        Args:
            feed: the feed of the store.
            keep_seconds: how long a revocation is kept.
            max_staleness: the age in seconds from which on the picture must not be used.
            uptime: returns seconds that pass steadily, also while the machine sleeps.
        """
        self._feed = feed
        self._keep_seconds = keep_seconds
        self._interval = max_staleness / _READS_PER_STALENESS
        self._max_staleness = max_staleness
        self._uptime = uptime

        self.picture: Picture = Picture(keep_seconds)
        """The revocations of the last `keep_seconds`, if the picture is fresh."""
        self.fresh_until: float = -math.inf
        """The uptime from which on the picture is too old; minus infinity: it was never complete."""
        self.now: float | None = None
        """The latest time of the engine that is known."""

        self.own: OwnRevocations = OwnRevocations()
        """The revocations of this process that no read has delivered yet."""

        # A new picture that is not complete yet.
        self._next: Picture | None = None
        self._position: object = None
        self._reading = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._has_failed = False

    @property
    def lag_seconds(self) -> float:
        """The age of the picture; infinity if it was never complete."""
        return self._uptime() - (self.fresh_until - self._max_staleness)

    def follow(self) -> None:
        """Read regularly from now on, unless that is already being done."""
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Stop reading; the picture becomes too old."""
        while self._task is not None and not self._task.done():
            # Again if a client has swallowed the cancellation: see `raise_if_cancelled`.
            self._task.cancel()
            await asyncio.wait([self._task], timeout=_CANCEL_EVERY_SECONDS)

    async def catch_up(self) -> None:
        """Read until the picture has every revocation that was acknowledged before this call.

        Raises:
            Exception: the feed failed.
        """
        async with self._reading:
            try:
                await self._read()
            except GapError:
                self._position = self._next = None
                await self._read()

    async def probe(self) -> None:
        """Check that the feed can be read.

        Raises:
            Exception: the feed failed.
        """
        start = await self._feed.start()
        await self._feed.read(start.position)

    def add_own(self, change: Change) -> None:
        """Add a revocation of this process, before a read delivers it."""
        self.own.add(change, uptime=self._uptime())

    async def _run(self) -> None:
        while True:
            try:
                await self.catch_up()
            except Exception as exc:  # noqa: BLE001 - the picture becomes old, and checks ask the store
                self._tell(exc)
            else:
                self._has_failed = False
            raise_if_cancelled()
            await asyncio.sleep(self._interval)

    async def _read(self) -> None:
        if self._position is None:
            await self._start()

        is_last = False
        while not is_last:
            began_at = self._uptime()
            reading = await self._feed.read(self._position)
            is_last, self._position = reading.is_last, reading.position
            picture = self.picture if self._next is None else self._next
            picture.add(reading.changes, uptime=began_at, now=self.now)

        self._finish(began_at)

    async def _start(self) -> None:
        """Fill a new picture; the old one remains until the new one is complete."""
        start = await self._feed.start()
        picture = Picture(self._keep_seconds)
        if not start.is_complete:
            async for changes in self._feed.snapshot():
                picture.add(changes, uptime=self._uptime(), now=self.now)
        self._next, self._position = picture, start.position

    def _finish(self, began_at: float) -> None:
        if self._next is not None:
            self.picture, self._next = self._next, None
        self.own.forget(began_at)
        self.picture.remove_old(began_at)
        self.fresh_until = began_at + self._max_staleness

    def _tell(self, error: Exception) -> None:
        if not self._has_failed:
            _logger.warning(
                "The mirror cannot read revocations (%s); checks ask the store itself meanwhile.",
                cause_of(error),
            )
        self._has_failed = True
