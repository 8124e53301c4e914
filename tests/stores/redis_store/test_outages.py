"""What happens when Redis fails, and when it returns."""

import asyncio
import signal
import socket
from collections import Counter
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from redis.asyncio import Redis

from tests.stores.redis_store.support import PATIENT, denies
from tests.support import NOW, FrozenClock, engine_with
from tokenward import (
    RefreshTokenReusedError,
    Revocation,
    StoreUnavailableError,
    TokenPolicy,
    TokenRevokedError,
)
from tokenward.stores import Consumption
from tokenward.stores.redis import RedisStore

STRICT = TokenPolicy(reuse_grace=timedelta(0))


class Load:
    """Callers that check tokens continuously: their results, and the duration of the calls."""

    def __init__(self, engine, good, revoked) -> None:
        self.engine, self.tokens = engine, {"good": good, "revoked": revoked}
        self.told = Counter()
        self.longest = 0.0
        self.ends = False
        self._changed = asyncio.Condition()

    async def call(self, which):
        clock = asyncio.get_running_loop().time
        while not self.ends:
            began = clock()
            try:
                await self.engine.decode(self.tokens[which])
                outcome = "accepted"
            except TokenRevokedError:
                outcome = "denied"
            except StoreUnavailableError:
                outcome = "unavailable"
            self.longest = max(self.longest, clock() - began)
            async with self._changed:
                self.told[which, outcome] += 1
                self._changed.notify_all()

    async def sees(self, *outcomes, times=50):
        """Wait until callers have seen a result often enough."""
        self.told.clear()
        async with asyncio.timeout(PATIENT), self._changed:
            await self._changed.wait_for(lambda: all(self.told[each] > times for each in outcomes))


@asynccontextmanager
async def under_load(own):
    """Run sixteen callers against an engine on a server."""
    async with RedisStore(own.url, timeout_seconds=1, ephemeral=True) as store:
        engine = engine_with(FrozenClock(), policy=STRICT, store=store)
        good, revoked = [await engine.issue("alice") for _ in range(2)]
        await engine.revoke(revoked)
        load = Load(engine, good, revoked)
        async with asyncio.TaskGroup() as callers:
            for number in range(16):
                callers.create_task(load.call(("good", "revoked")[number % 2]))
            try:
                yield load
            finally:
                load.ends = True
        assert load.longest < 10


AS_EVER = (("good", "accepted"), ("revoked", "denied"))
OUTAGE = (("good", "unavailable"), ("revoked", "unavailable"))


async def test_a_server_that_hangs_is_an_outage_that_ends_by_itself(server):
    """Stopped under load: no revoked token is accepted, each call ends in time, and it recovers."""
    own = server()
    async with under_load(own) as load:
        await load.sees(*AS_EVER)
        own.send(signal.SIGSTOP)
        await load.sees(*OUTAGE, times=5)
        own.send(signal.SIGCONT)
        await load.sees(*AS_EVER)
        assert not load.told["revoked", "accepted"]
    assert not load.told["revoked", "accepted"]


async def test_a_server_that_dies_is_an_outage_that_ends_by_itself(server):
    """Killed under load and restarted with its file: no revoked token is ever accepted."""
    own = server("--appendonly", "yes", "--appendfsync", "always")
    async with under_load(own) as load:
        await load.sees(*AS_EVER)
        own.kill()
        await load.sees(*OUTAGE)
        assert not load.told["revoked", "accepted"]
        own.start()
        await load.sees(*AS_EVER)
        assert not load.told["revoked", "accepted"]
    assert not load.told["revoked", "accepted"]


async def test_a_server_without_a_file_is_refused_while_it_restarts_and_used_afterwards(server):
    """Restarted empty under load: refused until it answers, then new revocations and uses count."""
    own = server()
    async with under_load(own) as load:
        await load.sees(*AS_EVER)
        pair = await load.engine.issue_pair("alice")
        own.kill()
        await load.sees(*OUTAGE)
        with pytest.raises(StoreUnavailableError):
            await load.engine.refresh(pair.refresh_token)
        assert not load.told["revoked", "accepted"]
        own.start()
        # The server has forgotten every record, every script and the retention.
        await load.sees(("good", "accepted"), ("revoked", "accepted"))
        await load.engine.revoke(load.tokens["revoked"])
        await load.sees(*AS_EVER)
        assert not load.told["good", "denied"]
        await load.engine.refresh(pair.refresh_token)
        with pytest.raises(RefreshTokenReusedError):
            await load.engine.refresh(pair.refresh_token)


async def test_late_replies_are_ignored(server):
    """A reply after the deadline is never used as the reply to another call."""
    own = server()
    async with RedisStore(own.url, timeout_seconds=1, ephemeral=True) as store:
        for number in range(0, 100, 2):
            await store.revoke(Revocation("token", str(number), NOW + 60), now=NOW)
        own.send(signal.SIGSTOP)
        calls = [asyncio.create_task(denies(store, str(number))) for number in range(0, 100, 2)]
        use = Consumption("0", "0", "1", b"", NOW, NOW + 60)
        calls += [asyncio.create_task(store.consume(use, now=NOW))]
        await asyncio.sleep(0)
        for call in calls[:10]:
            call.cancel()
        failed = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(each, BaseException) for each in failed)
        own.send(signal.SIGCONT)
    async with RedisStore(own.url, timeout_seconds=PATIENT, ephemeral=True) as store:
        for _ in range(5):
            answers = await asyncio.gather(*(denies(store, str(number)) for number in range(100)))
            assert answers == [number % 2 == 0 for number in range(100)]


async def test_a_cancelled_caller_does_not_affect_the_others(store):
    """Whichever caller is cancelled, at whichever turn of the loop, others get their results."""
    for number in range(0, 60, 2):
        await store.revoke(Revocation("token", str(number), NOW + 60), now=NOW)
    for turns in range(30):
        calls = [asyncio.create_task(denies(store, str(number))) for number in range(60)]
        for _ in range(turns):
            await asyncio.sleep(0)
        for call in calls[::3]:
            call.cancel()
        answers = await asyncio.gather(*calls, return_exceptions=True)
        for number, answer in enumerate(answers):
            is_right = answer is (number % 2 == 0)
            assert is_right or (number % 3 == 0 and isinstance(answer, asyncio.CancelledError))


@asynccontextmanager
async def mute_server():
    """Run a server that accepts connections and never replies."""
    writers = []
    async with await asyncio.start_server(lambda _, to: writers.append(to), "127.0.0.1", 0) as mute:
        yield f"redis://127.0.0.1:{mute.sockets[0].getsockname()[1]}/0"
        for writer in writers:
            writer.close()


@pytest.mark.parametrize("owns", [True, False], ids=["url", "client"])
async def test_two_hundred_callers_of_a_mute_server_end_in_time(clock, owns):
    """No call exceeds the timeout, and the event loop is not blocked."""
    issuer = engine_with(clock)
    token, pair = await issuer.issue("alice"), await issuer.issue_pair("alice")
    async with mute_server() as url, Redis.from_url(url, socket_timeout=None) as client:
        store = RedisStore(url if owns else client, timeout_seconds=1, ephemeral=True)
        engine = engine_with(clock, store=store)
        loop, gaps = asyncio.get_running_loop(), [0.0]

        async def turn():
            before = loop.time()
            while True:
                await asyncio.sleep(0)
                gaps.append(loop.time() - before)
                before = loop.time()

        turning = asyncio.create_task(turn())
        began = loop.time()
        calls = [engine.decode(token) for _ in range(200)]
        calls += [engine.refresh(pair.refresh_token), engine.revoke(token)]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert loop.time() - began < 20
        turning.cancel()
        assert {type(answer) for answer in answers} == {StoreUnavailableError}
        assert max(gaps) < 10
        async with asyncio.timeout(PATIENT):
            await store.aclose()


async def test_a_refused_connection_fails_at_once(clock):
    """It is an outage as well."""
    token = await engine_with(clock).issue("alice")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    async with RedisStore(f"redis://127.0.0.1:{port}/0") as store:
        engine = engine_with(clock, store=store)
        with pytest.raises(StoreUnavailableError):
            await engine.decode(token)
        with pytest.raises(StoreUnavailableError):
            await engine.revoke(token)
