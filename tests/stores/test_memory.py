"""The memory of a MemoryStore, its pauses, and the removal of expired records."""

import asyncio
import copy
import gc
import multiprocessing
import os
import sys
import threading
import tracemalloc
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support import IS_DEEP, NOW, FrozenClock, engine_with
from tokenward import ConfigurationError, MemoryStore, PrefixedStore, Revocation, TokenRevokedError
from tokenward.stores import CLOCK_SPARE_SECONDS, Consumed, Consumption
from tokenward.stores.memory import SharedMemoryWarning

MANY = 1_000_000 if IS_DEEP else 100_000


async def denies(store, jti, now=NOW):
    """Check only a token."""
    return await store.is_revoked(jti=jti, sid=None, sub="", issued_at=now, now=now)


async def test_an_expired_entry_is_removed_after_the_spare():
    """Purging removes expired records of every kind, returns their number, and keeps the rest."""
    store = MemoryStore()
    for kind in ("token", "session", "subject"):
        await store.revoke(Revocation(kind, "old", NOW + 10, NOW), now=NOW)
        await store.revoke(Revocation(kind, "new", NOW + 99, NOW), now=NOW)
    await store.consume(Consumption("old", "old", "s", b"", NOW, NOW + 10), now=NOW)
    await store.consume(Consumption("new", "new", "s", b"", NOW, NOW + 99), now=NOW)
    assert await store.purge(now=NOW + 9 + CLOCK_SPARE_SECONDS) == 0
    assert await store.purge(now=NOW + 10 + CLOCK_SPARE_SECONDS) == 4
    assert len(store) == 4
    assert sum(map(len, store._subjects._values)) == 1
    assert await denies(store, "new", NOW + 10)


async def test_a_refresh_leaves_no_record_behind():
    """Three sessions that refresh a hundred times are three records, of a size that does not grow."""
    store = MemoryStore()
    for number in range(100):
        now = NOW + number
        for session in "abc":
            tokens = f"{number}", f"{number + 1}"
            use = Consumption(session, *tokens, b"sealed", now + 4.5, NOW + 600)
            assert (await store.consume(use, now=now)).is_first
    assert len(store) == 3
    assert len(store._sealed) == 3
    assert [len(store._uses.get(session).recent) for session in "abc"] == [5, 5, 5]


async def test_a_store_in_use_removes_expired_records_without_a_purge():
    """After a day of revocations only those of the last hour remain, also with reads only."""
    store = MemoryStore()
    for second in range(0, 86_400, 10):
        now = NOW + second
        await store.revoke(Revocation("token", f"t{second}", now + 60), now=now)
    assert len(store) < 900
    for second in range(86_400, 86_400 + 7_200, 10):
        await denies(store, "x", NOW + second)
    assert len(store) == 0


async def test_a_clock_that_is_ahead_for_a_moment_removes_nothing():
    """Sweeps and purges by a clock an hour ahead keep everything that is still needed."""
    store = MemoryStore()
    for kind in ("token", "session", "subject"):
        await store.revoke(Revocation(kind, "x", NOW + 60, NOW + 1), now=NOW)
    await store.consume(Consumption("s", "x", "y", b"", NOW + 10, NOW + 60), now=NOW)
    for _ in range(300):
        await denies(store, "other", NOW + 3_600)
    await store.purge(now=NOW + 3_600)
    assert await denies(store, "x", NOW)
    assert await store.is_revoked(jti="j", sid="x", sub="s", issued_at=NOW, now=NOW)
    assert await store.is_revoked(jti="j", sid=None, sub="x", issued_at=NOW, now=NOW)
    again = await store.consume(Consumption("s", "x", "z", b"", NOW + 10, NOW + 60), now=NOW)
    assert again == Consumed(is_first=False, is_in_grace=True)


async def test_a_clock_that_was_far_ahead_does_not_end_the_sweeping():
    """After a step back the store sweeps again."""
    store = MemoryStore()
    await store.revoke(Revocation("token", "x", NOW + 60), now=NOW)
    await denies(store, "other", NOW + 1_000_000 * 365)
    later = NOW + 60 + CLOCK_SPARE_SECONDS
    for turn in range(256):
        await denies(store, "other", later + turn)
    assert len(store) == 0


async def test_a_sealed_pair_is_removed_with_its_grace():
    """By the use of its successor, by a purge, and by any call after the grace."""
    store = MemoryStore()
    for jti, successor in (("a", "b"), ("c", "d"), ("e", "f")):
        use = Consumption(f"session of {jti}", jti, successor, b"sealed pair", NOW + 10, NOW + 60)
        await store.consume(use, now=NOW)
    assert len(store._sealed) == 3
    await store.consume(Consumption("session of a", "b", "bb", b"", NOW, NOW + 60), now=NOW + 1)
    assert set(store._sealed) == {"session of c", "session of e"}
    await denies(store, "other", NOW + 9.9)
    assert set(store._sealed) == {"session of c", "session of e"}
    await denies(store, "other", NOW + 10.2)
    assert not store._sealed
    await store.consume(
        Consumption("g", "g", "h", b"sealed pair", NOW + 20, NOW + 60), now=NOW + 10.2
    )
    await store.purge(now=NOW + 20)
    assert not store._sealed
    assert not store._sealed_ends


def test_threads_with_event_loops_may_share_a_store():
    """Of uses of the same token in four threads one is the first, and no sweep is disturbed."""
    store, barrier = MemoryStore(), threading.Barrier(4)

    async def use_all():
        barrier.wait()
        firsts = 0
        for number in range(3_000):
            now = NOW + number
            await store.revoke(Revocation("subject", f"{number}", now + 1, now), now=now)
            await denies(store, f"{number}", now)
            use = Consumption(
                f"{number}", f"{number}", f"{number} next", b"sealed", now + 10, now + 60
            )
            firsts += (await store.consume(use, now=now)).is_first
        return firsts

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(4) as pool:
            tasks = [pool.submit(asyncio.run, use_all()) for _ in range(4)]
            assert sum(task.result() for task in tasks) == 3_000
    finally:
        sys.setswitchinterval(before)


async def test_a_read_does_not_wait_for_a_writer():
    """Not even for one that holds the lock forever, as in a child after a fork."""
    store = MemoryStore()
    await store.revoke(Revocation("token", "x", NOW + 60), now=NOW)
    with store._lock:
        assert await denies(store, "x", NOW + 30)


async def test_a_copy_of_a_store_is_the_store():
    """A used token does not work with a copy of the store, or of an engine with any store."""

    class Copied(MemoryStore):
        def __deepcopy__(self, memo):
            return Copied()

    for store in (MemoryStore(), Copied()):
        engine = engine_with(FrozenClock(), store=store)
        pair = await engine.issue_pair("alice")
        twin = copy.deepcopy(engine)
        await engine.revoke(pair.access_token)
        successor = await engine.refresh(pair.refresh_token)
        with pytest.raises(TokenRevokedError):
            await twin.decode(pair.access_token)
        assert await twin.refresh(pair.refresh_token) == successor
    store = MemoryStore()
    assert copy.copy(store) is store
    assert copy.deepcopy(PrefixedStore(store, "x"))._inner is store


async def test_a_subject_can_be_revoked_again_after_its_record_was_swept():
    """The later time counts."""
    store = MemoryStore()
    await store.revoke(Revocation("subject", "alice", NOW + 10, NOW), now=NOW)
    await store.purge(now=NOW + 10 + CLOCK_SPARE_SECONDS)
    await store.revoke(Revocation("subject", "alice", NOW + 99, NOW + 20), now=NOW + 20)
    asked = {"jti": "j", "sid": None, "sub": "alice", "now": NOW + 21}
    assert await store.is_revoked(**asked, issued_at=NOW + 19)
    assert not await store.is_revoked(**asked, issued_at=NOW + 20)


async def test_an_expired_record_does_not_affect_a_new_one():
    """A denial of everything does not return with the next revocation, swept or not."""
    store = MemoryStore()
    await store.revoke(Revocation("subject", "alice", NOW + 10), now=NOW)
    await store.revoke(Revocation("subject", "alice", NOW + 99, NOW + 20), now=NOW + 20)
    asked = {"jti": "j", "sid": None, "sub": "alice", "now": NOW + 21}
    assert not await store.is_revoked(**asked, issued_at=NOW + 20)


@pytest.mark.parametrize(
    "environment", [{"WEB_CONCURRENCY": "4"}, {"SERVER_SOFTWARE": "gunicorn/25.0"}], ids=str
)
def test_several_workers_cause_a_warning(monkeypatch, environment):
    """If the environment indicates several processes, unless the user turned the warning off."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.warns(SharedMemoryWarning, match="RedisStore or SqlStore"):
        MemoryStore()
    MemoryStore(single_process=True)


@pytest.mark.parametrize("workers", ["", "1", "many"])
def test_one_worker_causes_no_warning(monkeypatch, workers):
    """The store is meant for a single process."""
    monkeypatch.setenv("WEB_CONCURRENCY", workers)
    MemoryStore()


def worker(answers):
    """Create a store as uvicorn's workers would, and return the warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        MemoryStore()
    answers.put([each.category.__name__ for each in caught])


def test_a_worker_process_causes_a_warning():
    """A process that another one has started as its worker."""
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    process = context.Process(target=worker, args=(answers,))
    process.start()
    assert answers.get(timeout=60) == ["SharedMemoryWarning"]
    process.join()


def test_a_process_with_a_parent_causes_a_warning(monkeypatch):
    """The same in this process, so that coverage can measure it."""
    monkeypatch.setattr(multiprocessing, "parent_process", object)
    with pytest.warns(SharedMemoryWarning):
        MemoryStore()


async def test_a_store_of_another_process_cannot_be_written_to(monkeypatch, engine):
    """The same as after a fork, in this process, so that coverage can measure it."""
    pair = await engine.issue_pair("alice")
    monkeypatch.setattr(os, "getpid", lambda: -1)
    for call in (engine.revoke_session("s"), engine.refresh(pair.refresh_token)):
        with pytest.raises(ConfigurationError, match="before a fork"):
            await call


async def test_a_store_of_another_process_keeps_no_retention(monkeypatch):
    """After a fork the child process reads it, and can still issue tokens."""
    store = MemoryStore()
    assert await store.raise_retention(60) == 60
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert await store.raise_retention(90) == 90
    assert await store.raise_retention(0) == 60


def test_a_forked_child_cannot_write(clock):
    """Its parent would not see its revocations: a ConfigurationError, not an outage."""
    engine = engine_with(clock)

    async def attempt():
        for call in (engine.revoke_session("s"), refresh()):
            with pytest.raises(ConfigurationError, match="before a fork"):
                await call

    async def refresh():
        await engine.refresh((await engine.issue_pair("alice")).refresh_token)

    child = os.fork()
    if child == 0:
        try:
            asyncio.run(attempt())
        except BaseException:  # noqa: BLE001 - the child must not go on as pytest
            os._exit(1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


async def test_a_memory_store_holds_nothing_open():
    """Closing does nothing, and `async with` works."""
    async with MemoryStore() as store:
        assert len(store) == 0


async def test_purging_lets_the_event_loop_run():
    """Other callers run between shards."""
    store, turns = MemoryStore(), 0

    async def other():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    await store.purge(now=NOW)
    task.cancel()
    assert turns >= 256


@pytest.fixture(scope="module")
def full() -> MemoryStore:
    """Return a store with very many live revocations, and the memory that they use."""

    async def fill() -> tuple[MemoryStore, int]:
        gc.collect()
        tracemalloc.start()
        store = MemoryStore()
        for number in range(MANY):
            identity = f"{number:032x}"
            await store.revoke(Revocation("token", identity, NOW + 900), now=NOW)
        used, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return store, used

    store, used = asyncio.run(fill())
    store.measured_bytes = used  # type: ignore[attr-defined]
    return store


def test_a_revocation_takes_at_most_250_bytes(full):
    """Including its identity."""
    assert len(full) == MANY
    assert full.measured_bytes < 250 * MANY


async def test_no_shard_holds_more_than_a_small_part(full):
    """One step is bounded: 256 shards, none above twice the average."""
    shards = full._tokens.shards
    assert max(map(len, shards)) < 2 * MANY / len(shards)


class Counting(str):
    """Text that counts its comparisons."""

    __slots__ = ("compared",)
    __hash__ = str.__hash__

    def __eq__(self, other):
        self.compared = getattr(self, "compared", 0) + 1
        return str.__eq__(self, other)


@pytest.mark.parametrize(("identity", "denied"), [(f"{7:032x}", True), ("absent", False)])
async def test_a_check_does_not_depend_on_the_size(full, identity, denied):
    """Among very many, an identity is compared with itself and at most one neighbour."""
    counting = Counting(identity)
    assert await denies(full, counting) is denied
    assert getattr(counting, "compared", 0) <= 2
