"""What mirrors cost: revocations a second, records in memory, memory and traffic.

``python -m benchmarks.mirror_model --users 1e8 --logouts 1 --access-minutes 15 --processes 4`` computes it. With
``--measure 1000000`` so many sessions are revoked in a Redis, real processes mirror them, and both are printed. With
``--check 1000000`` the time of a check is measured in this process, with no records and with so many; it needs no server.
"""

import argparse
import asyncio
import gc
import math
import multiprocessing
import os
import sys
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median

from redis.asyncio import Redis

from benchmarks.tables import Table
from tokenward import MemoryStore
from tokenward.stores.mirror import Change, FeedStart, MirroredStore, Reading
from tokenward.stores.redis import RedisStore

SPARE_SECONDS = 300.0
"""A record is kept for so much longer than access tokens live: clocks may differ."""
RECORD_BYTES = 125
"""The memory of a record of a session whose ``sid`` has 32 letters, in CPython 3.11."""
ENTRY_BYTES = 79
"""The bytes that Redis sends to a mirror for each revocation."""
READ_BYTES = 120
"""The bytes of the rest of each reply."""
READS_PER_SECOND = 4.0
DAY = 86_400
AT_ONCE = 5_000
BLOCKS, CHECKS = 200, 500
PREFIX = "tokenward-benchmark-mirror:"
URL = os.environ.get("TOKENWARD_TEST_REDIS_URL", "redis://127.0.0.1:6379/0")
RSS_FIELD = 1


@dataclass(frozen=True, slots=True)
class Service:
    """A service whose processes mirror a store."""

    users: float
    logouts_per_day: float
    access_minutes: float
    processes: int

    @property
    def revocations_per_second(self) -> float:
        """The revocations of all users."""
        return self.users * self.logouts_per_day / DAY

    @property
    def live_records(self) -> float:
        """The records in the memory of each process."""
        return self.revocations_per_second * (self.access_minutes * 60 + SPARE_SECONDS)

    @property
    def bytes_per_second(self) -> float:
        """The traffic from the store to each process."""
        return self.revocations_per_second * ENTRY_BYTES + READS_PER_SECOND * READ_BYTES

    @property
    def memory_bytes(self) -> float:
        """The memory of the records in each process."""
        return self.live_records * RECORD_BYTES

    def row(self) -> tuple[str, ...]:
        """Return the cells of a table."""
        return (
            f"{self.users:,.0f}",
            f"{self.logouts_per_day:g}",
            f"{self.access_minutes:g} min",
            f"{self.revocations_per_second:,.1f}",
            f"{self.live_records:,.0f}",
            f"{self.memory_bytes / 1e6:,.1f} MB",
            f"{self.bytes_per_second / 1e3:,.1f} kB/s",
            f"{self.processes * READS_PER_SECOND:g}/s, {self.processes * self.bytes_per_second / 1e3:,.1f} kB/s",
        )


COLUMNS = (
    "users",
    "logouts a day",
    "access lifetime",
    "revocations a second",
    "records in a process",
    "memory of a process",
    "to each process",
    "from the store",
)


def rss_bytes() -> int:
    """Return the memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[RSS_FIELD]) * os.sysconf("SC_PAGE_SIZE")


def mirror(records: int, parent: Connection) -> None:
    """Mirror in this process until all records are there; send what it took."""
    asyncio.run(_mirror(records, parent))


async def _mirror(records: int, parent: Connection) -> None:
    inner = RedisStore(URL, key_prefix=PREFIX, timeout_seconds=20, ephemeral=True)
    async with MirroredStore(inner, max_staleness=timedelta(seconds=1)) as store:
        # Like the first request, it tells the time: records that end later than needed share one end.
        await store.is_revoked(jti="x", sid=None, sub="", issued_at=None, now=time.time())
        await store.catch_up()
        gc.collect()
        before = rss_bytes()
        parent.send("ready")
        while store.records < records:  # noqa: ASYNC110 - nothing tells when it changes
            await asyncio.sleep(0.05)
        gc.collect()
        parent.send({"records": store.records, "bytes": rss_bytes() - before})


async def measure(records: int, processes: int) -> None:
    """Revoke sessions while real processes mirror them, and print the model beside the result."""
    spawn = multiprocessing.get_context("spawn")
    pipes, workers = [], []
    async with (
        Redis.from_url(URL) as client,
    ):
        try:
            for _ in range(processes):
                ours, theirs = spawn.Pipe()
                worker = spawn.Process(target=mirror, args=(records, theirs))
                worker.start()
                pipes.append(ours)
                workers.append(worker)
            for pipe in pipes:
                await asyncio.to_thread(pipe.recv)

            sent_before = (await client.info("stats"))["total_net_output_bytes"]
            began = time.perf_counter()
            end = time.time() + 30 * DAY
            for start in range(0, records, AT_ONCE):
                count = min(AT_ONCE, records - start)
                async with client.pipeline(transaction=True) as pipe:
                    # As a RedisStore writes them, without the records that nobody reads here.
                    for n in range(start, start + count):
                        entry = f"s:{os.urandom(16).hex()} {end + n / 7!r} inf"
                        pipe.xadd(f"{PREFIX}feed", {"r": entry})
                    pipe.hincrby(f"{PREFIX}feed-state", "length", count)
                    await pipe.execute()
            seconds = time.perf_counter() - began
            results = [await asyncio.to_thread(pipe.recv) for pipe in pipes]
            sent = (await client.info("stats"))["total_net_output_bytes"] - sent_before
            stream = await client.memory_usage(f"{PREFIX}feed", samples=0)
        finally:
            for worker in workers:
                worker.kill()
                worker.join()
            async for key in client.scan_iter(f"{PREFIX}*", count=10_000):
                await client.unlink(key)

    # The writer gets the id of each entry.
    to_writer = records * 22
    rows = [
        (
            "records in each process",
            f"{records:,}",
            f"{min(each['records'] for each in results):,}",
        ),
        (
            "bytes of memory a record",
            str(RECORD_BYTES),
            ", ".join(f"{each['bytes'] / records:.0f}" for each in results),
        ),
        (
            "bytes to each process a revocation",
            str(ENTRY_BYTES),
            f"{(sent - to_writer) / records / processes:.0f}",
        ),
    ]
    print(Table(("what", "model", "measured"), rows).markdown())
    print(
        f"\n{records / seconds:,.0f} revocations a second; the stream takes "
        f"{stream / records:.0f} bytes an entry in Redis."
    )


class InMemory(MemoryStore):
    """A store whose feed has many revoked sessions."""

    def __init__(self, records: int) -> None:
        """Store their number."""
        super().__init__(single_process=True)
        self._records = records

    def feed(self, _seconds: float) -> "InMemory":
        """Return the feed, which is the store itself."""
        return self

    async def start(self) -> FeedStart:
        """See `RevocationFeed.start`."""
        return FeedStart(None, is_complete=False)

    async def snapshot(self) -> AsyncIterator[Sequence[Change]]:
        """See `RevocationFeed.snapshot`."""
        end = time.time() + 30 * DAY
        for start in range(0, self._records, AT_ONCE):
            numbers = range(start, min(start + AT_ONCE, self._records))
            yield [Change("session", os.urandom(16).hex(), end + n, math.inf, 0.0) for n in numbers]

    async def read(self, position: object) -> Reading:
        """See `RevocationFeed.read`."""
        return Reading([], position, is_last=True)


async def check_nanoseconds(records: int) -> tuple[float, float]:
    """Return the median time of a check without records, and with many, in nanoseconds.

    Each check is of another token, of which nothing is revoked; the two mirrors are measured alternately.
    """
    now = time.time()
    staleness = timedelta(minutes=1)
    async with (
        MirroredStore(InMemory(0), max_staleness=staleness) as empty,
        MirroredStore(InMemory(records), max_staleness=staleness) as full,
    ):
        mirrors, took = (empty, full), ([], [])
        for mirror in mirrors:
            await mirror.is_revoked(jti="x", sid=None, sub="", issued_at=now, now=now)
            await mirror.catch_up()
        gc.freeze()
        for _ in range(BLOCKS):
            for mirror, figures in zip(mirrors, took, strict=True):
                tokens = [(os.urandom(16).hex(), os.urandom(16).hex()) for _ in range(CHECKS)]
                began = time.perf_counter_ns()
                for jti, sid in tokens:
                    await mirror.is_revoked(jti=jti, sid=sid, sub="alice", issued_at=now, now=now)
                figures.append((time.perf_counter_ns() - began) / CHECKS)
            # The mirrors read meanwhile.
            await asyncio.sleep(0.01)
        if full.records != records or any(mirror.fallbacks > 1 for mirror in mirrors):
            sys.exit("Checks asked the inner store: nothing was measured.")
    return median(took[0]), median(took[1])


def main() -> None:
    """Print the model, and compare it with a real run if one is wanted."""
    parser = argparse.ArgumentParser(prog="benchmarks.mirror_model", description=__doc__)
    parser.add_argument("--users", type=float, nargs="+", default=[1e4, 1e6, 1e8])
    parser.add_argument("--logouts", type=float, default=1.0, help="of each user, a day")
    parser.add_argument("--access-minutes", type=float, default=15.0)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--measure", type=int, metavar="RECORDS", help="needs a Redis")
    parser.add_argument("--check", type=int, metavar="RECORDS", help="time a check")
    given = parser.parse_args()

    services = [
        Service(users, given.logouts, given.access_minutes, given.processes)
        for users in given.users
    ]
    print(Table(COLUMNS, [each.row() for each in services]).markdown())
    if given.check is not None:
        without, with_records = asyncio.run(check_nanoseconds(given.check))
        print(
            f"\nA check takes {without:,.0f} ns without records, and {with_records:,.0f} ns with {given.check:,} "
            f"(medians of {BLOCKS} blocks of {CHECKS} checks)."
        )
    if given.measure is not None:
        print()
        asyncio.run(measure(given.measure, given.processes))


if __name__ == "__main__":
    main()
