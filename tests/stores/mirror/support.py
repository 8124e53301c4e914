"""A store in memory with a feed, feeds that stop at each step, and mirrors that a test drives."""

import asyncio
import math
from contextlib import asynccontextmanager
from datetime import timedelta

from tests.support import NOW
from tokenward import MemoryStore, Revocation
from tokenward.stores.feed import Change, FeedStart, GapError, Reading
from tokenward.stores.identities import key_of
from tokenward.stores.mirror import MirroredStore

MINUTE = timedelta(minutes=1)
"""A mirror with this staleness reads every 15 seconds, so that only the test lets it read."""


class Uptime:
    """The uptime of a machine, which a test moves on."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


class LoggedStore(MemoryStore):
    """A store in memory that logs its revocations as soon as somebody reads the log."""

    is_followed = False
    is_complete = False
    """Whether the log has every revocation, so that a reader needs no snapshot."""
    is_down = False

    def __init__(self) -> None:
        super().__init__()
        self.records: list[Change] = []
        self.log: list[Change] = []
        self.epoch = 0
        self.checks = self.reads = self.failures = 0

    async def is_revoked(self, **what):
        self.fail()
        self.checks += 1
        return await super().is_revoked(**what)

    async def revoke(self, revocation, *, now):
        self.fail()
        await super().revoke(revocation, now=now)
        before = revocation.issued_before
        change = Change(
            revocation.kind,
            key_of(revocation.identity),
            revocation.keep_until,
            math.inf if before is None else before,
            0.0,
        )
        self.records.append(change)
        if self.is_followed:
            self.log.append(change)
        else:
            self.is_complete = False

    def fail(self):
        """Fail if the store is down."""
        if self.is_down:
            self.failures += 1
            raise ConnectionError

    def lose_log(self):
        """Lose the log, but no record."""
        self.log.clear()
        self.epoch += 1
        self.is_followed = self.is_complete = False

    def feed(self, seconds):
        """Return the feed."""
        return LoggedFeed(self)


class LoggedFeed:
    """The feed of a LoggedStore, in small parts."""

    def __init__(self, store: LoggedStore) -> None:
        self._store = store

    async def start(self):
        self._store.fail()
        self._store.is_followed = True
        begin = 0 if self._store.is_complete else len(self._store.log)
        return FeedStart((self._store.epoch, begin), self._store.is_complete)

    async def snapshot(self):
        for start in range(0, len(self._store.records), 2):
            self._store.fail()
            yield self._store.records[start : start + 2]

    async def read(self, position):
        self._store.fail()
        self._store.reads += 1
        epoch, begin = position
        if epoch != self._store.epoch:
            raise GapError
        changes = self._store.log[begin : begin + 3]
        end = begin + len(changes)
        return Reading(changes, (epoch, end), is_last=end == len(self._store.log))


class Stopping:
    """A store whose feed calls a function before and after each of its steps."""

    def __init__(self, store, stop) -> None:
        self._store, self._stop = store, stop

    def __getattr__(self, name):
        return getattr(self._store, name)

    def feed(self, seconds):
        return _StoppingFeed(self._store.feed(seconds), self._stop)


class _StoppingFeed:
    def __init__(self, feed, stop) -> None:
        self._feed, self._stop = feed, stop

    async def start(self):
        await self._stop()
        start = await self._feed.start()
        await self._stop()
        return start

    async def snapshot(self):
        await self._stop()
        async for changes in self._feed.snapshot():
            await self._stop()
            yield changes
        await self._stop()

    async def read(self, position):
        await self._stop()
        reading = await self._feed.read(position)
        await self._stop()
        return reading


@asynccontextmanager
async def mirror_of(inner, **options):
    """Yield a mirror that reads when the test lets it."""
    async with MirroredStore(inner, **{"max_staleness": MINUTE, **options}) as mirror:
        yield mirror


async def settle():
    """Let the background task make its first read, which is one of a store in memory."""
    for _ in range(20):
        await asyncio.sleep(0)


async def until(condition):
    """Wait until a condition holds."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - nothing tells when it does
            await asyncio.sleep(0.001)


def record(identity="x", kind="token", **changes):
    """Return a revocation."""
    return Revocation(kind, identity, **{"keep_until": NOW + 60, **changes})


async def denies(store, identity="x", kind="token", *, issued_at=NOW, now=NOW):
    """Check a token that has the identity as one kind only."""
    return await store.is_revoked(
        jti=identity if kind == "token" else "another token",
        sid=identity if kind == "session" else None,
        sub=identity if kind == "subject" else "",
        issued_at=issued_at,
        now=now,
    )
