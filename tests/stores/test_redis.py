"""The RedisStore: the contract, what is Redis's own, and what happens when Redis goes away."""

import asyncio
import hashlib
import importlib.util
import math
import multiprocessing
import random
import shutil
import signal
import socket
import subprocess
import sys
import warnings
from collections import Counter
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import uuid4

import pytest
import redis
from redis.asyncio import Redis
from redis.exceptions import RedisError

from tests.stores.conftest import REQUIRED
from tests.support import NOW, FrozenClock, engine_with
from tokenward import (
    ConfigurationError,
    RefreshTokenReusedError,
    Revocation,
    StoreUnavailableError,
    TokenPolicy,
    TokenRevokedError,
)
from tokenward.revocation import Consumed, Consumption
from tokenward.stores import redis as redis_module
from tokenward.stores.redis import RedisEvictionWarning, RedisStore
from tokenward.testing import RevocationStoreContract

PATIENT = 30.0
SPARE_MS = 60_000


async def forget(url, prefix):
    """Delete the keys of a test."""
    async with Redis.from_url(url) as client:
        async for key in client.scan_iter(match=f"{prefix}*", count=10_000):
            await client.delete(key)


@pytest.fixture
async def prefix(redis_url):
    """Give a key prefix of the test's own."""
    own = f"tokenward-test-{uuid4().hex}:"
    yield own
    await forget(redis_url, own)


@pytest.fixture
async def client(redis_url):
    """Give a client to look with."""
    async with Redis.from_url(redis_url) as opened:
        yield opened


@pytest.fixture
async def store(redis_url, prefix):
    """Give an empty store that is patient with slow machines."""
    async with RedisStore(redis_url, key_prefix=prefix, timeout_seconds=PATIENT) as opened:
        yield opened


class Server:
    """A Redis of the test's own on a free port, which may be stopped and started again."""

    def __init__(self, directory, *options: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._options = ("--dir", str(directory), "--save", "", *options)
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        where = ("redis-server", "--bind", "127.0.0.1", "--port", str(self.port))
        self.process = subprocess.Popen((*where, *self._options), stdout=subprocess.PIPE, text=True)  # noqa: S603
        for line in self.process.stdout:
            if "Ready to accept connections" in line:
                return
        pytest.fail("redis-server did not start")

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()
            self.process = None

    def send(self, number: int) -> None:
        self.process.send_signal(number)


@pytest.fixture
def server(tmp_path):
    """Give what starts a Redis of the test's own."""
    if shutil.which("redis-server") is None:
        message = "This test starts a Redis of its own: install redis-server."
        if REQUIRED:
            pytest.fail(message)
        pytest.skip(message)
    started = []

    def start(*options: str) -> Server:
        own = Server(tmp_path, *options)
        started.append(own)
        own.start()
        return own

    yield start
    for own in started:
        own.kill()


async def denies(store, jti, now=NOW):
    """Ask for a token alone."""
    return await store.is_revoked(jti=jti, sid=None, sub="", issued_at=now, now=now)


async def background():
    """Wait for everything that goes on besides the test."""
    await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}))


class TestRedisStore(RevocationStoreContract):
    """The contract, with a URL and with clients of the user that decode or do not."""

    @pytest.fixture(params=["url", "bytes", "text", "resp2"])
    async def store(self, request, redis_url, prefix):
        """Give an empty store."""
        if request.param == "url":
            async with RedisStore(redis_url, key_prefix=prefix, timeout_seconds=PATIENT) as opened:
                yield opened
            return
        options = {"protocol": 2} if request.param == "resp2" else {}
        decode = request.param == "text"
        async with (
            Redis.from_url(redis_url, decode_responses=decode, **options) as client,
            RedisStore(client, key_prefix=prefix, timeout_seconds=PATIENT) as opened,
        ):
            yield opened


# What is in Redis


async def life_ms(client, prefix):
    """Give the life left of the only key."""
    (key,) = [key async for key in client.scan_iter(match=f"{prefix}*", count=10_000)]
    return await client.pttl(key)


@pytest.mark.parametrize("kind", ["token", "session", "subject"])
async def test_redis_forgets_a_record_soon_after_its_end(store, client, prefix, kind):
    """A key lives as long as what it denies, and a minute more for clocks that differ."""
    await store.revoke(Revocation(kind, "x", NOW + 100.5, NOW), now=NOW)
    assert 100_500 < await life_ms(client, prefix) <= 100_500 + SPARE_MS


async def test_redis_forgets_a_use_soon_after_its_end(store, client, prefix):
    """Also the record of a refresh token that was used."""
    await store.consume(Consumption("x", "y", b"", NOW, NOW + 100), now=NOW)
    assert 100_000 < await life_ms(client, prefix) <= 100_000 + SPARE_MS


@pytest.mark.parametrize(
    ("keep_until", "least", "most"),
    [(math.inf, -1, -1), (NOW - 9, 1, SPARE_MS), (NOW, 1, SPARE_MS), (1e300, 10**14, 10**15)],
)
async def test_a_life_is_one_that_redis_accepts(store, client, prefix, keep_until, least, most):
    """For ever has no end, what is over goes at once, and what is very long is cut."""
    await store.revoke(Revocation("token", "x", keep_until), now=NOW)
    assert least <= await life_ms(client, prefix) <= most
    await store.consume(Consumption("x", "y", b"", NOW, keep_until), now=NOW)


async def test_a_use_that_is_never_over_is_kept_for_ever(store, client, prefix):
    """A refresh token without end is known as used for ever."""
    await store.consume(Consumption("x", "y", b"", NOW, math.inf), now=NOW)
    assert await life_ms(client, prefix) == -1
    assert not (await store.consume(Consumption("x", "y", b"", NOW, math.inf), now=1e12)).is_first


async def test_the_longer_life_stands(store, client, prefix):
    """An engine whose clock is ahead does not make Redis forget earlier what another wrote."""
    await store.revoke(Revocation("token", "x", NOW + 100), now=NOW)
    await store.revoke(Revocation("token", "x", NOW + 120), now=NOW + 50)
    assert await life_ms(client, prefix) > 80_000 + SPARE_MS
    await store.revoke(Revocation("token", "x", math.inf), now=NOW)
    await store.revoke(Revocation("token", "x", NOW + 500), now=NOW)
    assert await life_ms(client, prefix) == -1
    assert await denies(store, "x", now=1e12)


async def test_the_later_of_many_records_stands_to_the_last_bit(redis_url, store, prefix):
    """From two engines at once, in any order; each number by itself, and not one digit is lost."""
    ends = [NOW + 100 + number / 7 for number in range(200)]
    moments = [NOW + number / 9 for number in range(200)]
    latest, moment = ends[-1], moments[-1]
    assert len({repr(end) for end in ends}) == 200
    order = random.Random(3)  # noqa: S311 - an order, not a secret
    order.shuffle(ends)
    order.shuffle(moments)
    async with RedisStore(redis_url, key_prefix=prefix, timeout_seconds=PATIENT) as other:
        pairs = enumerate(zip(ends, moments, strict=True))
        await asyncio.gather(
            *(
                (store, other)[number % 2].revoke(Revocation("subject", "x", *pair), now=NOW)
                for number, pair in pairs
            )
        )
    asked = {"jti": "", "sid": None, "sub": "x"}
    before = math.nextafter(latest, 0)
    assert await store.is_revoked(**asked, issued_at=math.nextafter(moment, 0), now=before)
    assert not await store.is_revoked(**asked, issued_at=moment, now=before)
    assert not await store.is_revoked(**asked, issued_at=NOW, now=latest)


@pytest.mark.parametrize("order", [1, -1])
async def test_records_are_compared_as_numbers(store, order):
    """Not as texts, in which nine comes after ten."""
    numbers = [9e9, 1e10, 1e20][::order]
    for number in numbers:
        await store.revoke(Revocation("subject", "x", number, number), now=NOW)
    asked = {"jti": "", "sid": None, "sub": "x"}
    assert await store.is_revoked(**asked, issued_at=9.9e19, now=9.9e19)
    assert not await store.is_revoked(**asked, issued_at=1e20, now=9.9e19)
    assert not await store.is_revoked(**asked, issued_at=9.9e19, now=1e20)


async def test_long_identities_have_short_keys_that_meet_no_others(store, client, prefix):
    """They are hashed; the hash as an identity is another one."""
    long, hashed = "x" * 600, hashlib.sha256(b"x" * 600).hexdigest()
    await store.revoke(Revocation("token", long, NOW + 60), now=NOW)
    assert await denies(store, long)
    assert not await denies(store, hashed)
    assert not await denies(store, long + "x")
    (key,) = [key async for key in client.scan_iter(match=f"{prefix}*", count=10_000)]
    assert len(key) < len(prefix) + 100


async def test_a_lone_surrogate_is_an_identity_like_others(store):
    """It can be revoked, and is no other text."""
    await store.revoke(Revocation("token", "\ud800", NOW + 60), now=NOW)
    assert await denies(store, "\ud800")
    assert not await denies(store, "\ud801")


async def test_a_token_without_any_name_is_not_asked_for():
    """Where there is nothing to look up nothing is sent: here nothing would answer."""
    async with RedisStore("redis://127.0.0.1:1/0") as store:
        assert not await store.is_revoked(jti="", sid=None, sub="", issued_at=NOW, now=NOW)


async def test_a_record_that_is_none_fails_its_own_check_alone(store, client, prefix):
    """What somebody else wrote under a key is no answer, and others in the same turn get theirs."""
    await client.set(f"{prefix}t:odd", "1")
    await client.lpush(f"{prefix}t:list", "1")
    await store.revoke(Revocation("token", "good", NOW + 60), now=NOW)
    asked = (denies(store, "odd"), denies(store, "good"), denies(store, "other"))
    odd, good, other = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(odd, ValueError)
    assert (good, other) == (True, False)
    revoked = (Revocation("token", name, NOW + 60) for name in ("odd", "list", "other"))
    failed = await asyncio.gather(
        *(store.revoke(each, now=NOW) for each in revoked), return_exceptions=True
    )
    assert [isinstance(each, RedisError) for each in failed] == [True, True, False]
    assert await denies(store, "other")


async def test_purging_is_left_to_redis(store):
    """It removes nothing and says so."""
    await store.revoke(Revocation("token", "x", NOW + 60), now=NOW)
    assert await store.purge(now=NOW + 1e6) == 0
    assert await denies(store, "x")


# Round trips


async def calls_of(url, *names):
    """Tell how often the server has run commands."""
    async with Redis.from_url(url) as looking:
        stats = await looking.info("commandstats")
    return [stats.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in names]


async def test_the_checks_of_one_turn_are_one_command(server):
    """A hundred checks, and the server has seen one MGET."""
    own = server()
    async with RedisStore(own.url, timeout_seconds=PATIENT) as store:
        await asyncio.gather(*(denies(store, str(number)) for number in range(100)))
        assert await calls_of(own.url, "mget", "get", "exists") == [1, 0, 0]
        await denies(store, "x")
        assert await calls_of(own.url, "mget") == [2]


async def test_the_uses_of_one_turn_take_one_connection(server):
    """Five hundred at once open two: one for them, one for the look at the server's memory."""
    own = server()
    async with RedisStore(own.url, timeout_seconds=PATIENT) as store:
        uses = (Consumption(str(number), "y", b"", NOW, NOW + 60) for number in range(500))
        answers = await asyncio.gather(*(store.consume(use, now=NOW) for use in uses))
        await background()
        assert answers == [Consumed(is_first=True)] * 500
        async with Redis.from_url(own.url) as looking:
            assert (await looking.info("stats"))["total_connections_received"] <= 3


async def test_scripts_that_the_server_forgot_are_loaded_again(server):
    """After SCRIPT FLUSH, and so after a restart, everything goes on."""
    own = server()
    async with (
        RedisStore(own.url, timeout_seconds=PATIENT) as store,
        Redis.from_url(own.url) as admin,
    ):
        use = Consumption("x", "y", b"", NOW, NOW + 60)
        assert (await store.consume(use, now=NOW)).is_first
        await admin.script_flush()
        assert not (await store.consume(use, now=NOW)).is_first
        await admin.script_flush()
        await store.revoke(Revocation("token", "x", NOW + 60), now=NOW)
        assert await denies(store, "x")


async def test_a_use_whose_answer_was_lost_is_still_the_first(redis_url, prefix):
    """The client sends the script again over a new connection, and it is known again."""
    lost = asyncio.Event()
    url = redis.connection.parse_url(redis_url)

    async def proxy(reader, writer):
        answers, questions = await asyncio.open_connection(url["host"], url.get("port", 6379))
        try:
            while question := await reader.read(65_536):
                questions.write(question)
                answer = await answers.read(65_536)
                if b"EVALSHA" in question and b"NOSCRIPT" not in answer and not lost.is_set():
                    lost.set()
                    break
                writer.write(answer)
        finally:
            writer.close()
            questions.close()

    async with await asyncio.start_server(proxy, "127.0.0.1", 0) as between:
        port = between.sockets[0].getsockname()[1]
        proxied = f"redis://127.0.0.1:{port}/0"
        async with RedisStore(proxied, key_prefix=prefix, timeout_seconds=PATIENT) as store:
            use = Consumption("x", "y", b"", NOW, NOW + 60)
            assert await store.consume(use, now=NOW) == Consumed(is_first=True)
            assert lost.is_set()
            assert await store.consume(use, now=NOW) == Consumed(is_first=False)


# Building and closing


@pytest.mark.parametrize("wrong", [None, 6379, b"redis://localhost", redis.Redis()])
def test_what_is_no_server_is_refused(wrong):
    """Only a URL or the asynchronous client will do, and the message says so."""
    with pytest.raises(ConfigurationError, match=r"redis\.asyncio\.Redis"):
        RedisStore(wrong)


@pytest.mark.parametrize("url", ["", "localhost:6379", "http://localhost", "redis://h:many/0"])
def test_a_url_that_is_none_of_redis_is_refused(url):
    """The message says how one begins."""
    with pytest.raises(ConfigurationError, match="redis://"):
        RedisStore(url)


@pytest.mark.parametrize("key_prefix", ["", None, b"x"])
def test_a_prefix_that_is_no_text_is_refused(key_prefix):
    """Without one the keys could meet those of others."""
    with pytest.raises(ConfigurationError, match="key_prefix"):
        RedisStore("redis://localhost", key_prefix=key_prefix)


@pytest.mark.parametrize("timeout", [0, -1, math.inf, math.nan, True, "1", None])
def test_a_timeout_that_bounds_nothing_is_refused(timeout):
    """Every call is bounded."""
    with pytest.raises(ConfigurationError, match="timeout_seconds"):
        RedisStore("redis://localhost", timeout_seconds=timeout)


def test_the_engine_is_told_the_timeout():
    """Half a second where nothing is said."""
    assert RedisStore("redis://localhost").timeout_seconds == 0.5
    assert RedisStore("redis://localhost", timeout_seconds=2).timeout_seconds == 2


def test_without_the_package_the_import_says_what_to_install(monkeypatch):
    """The message holds the command."""
    monkeypatch.setitem(sys.modules, "redis.asyncio", None)
    spec = importlib.util.spec_from_file_location("without_redis", redis_module.__file__)
    with pytest.raises(ImportError, match=r"pip install 'tokenward\[redis\]'"):
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


async def named_clients(client, name):
    """Count the connections that have a name."""
    return sum(each["name"] == name for each in await client.client_list())


async def test_the_store_closes_what_it_opened(redis_url, client, prefix):
    """Connections of a URL are gone when the store is, also with a call still under way."""
    name = uuid4().hex
    async with RedisStore(f"{redis_url}?client_name={name}", key_prefix=prefix) as store:
        await denies(store, "x")
        assert await named_clients(client, name) >= 1
        left = asyncio.create_task(denies(store, "x"))
        await asyncio.sleep(0)
        left.cancel()
    async with asyncio.timeout(PATIENT):
        while await named_clients(client, name):
            pass


async def test_the_users_client_stays_open(redis_url, client, prefix):
    """It is the user's to close."""
    async with Redis.from_url(redis_url, client_name=uuid4().hex) as own:
        async with RedisStore(own, key_prefix=prefix, timeout_seconds=PATIENT) as store:
            await denies(store, "x")
            await background()
        assert await named_clients(client, own.get_connection_kwargs()["client_name"]) >= 1
        assert await own.ping()


async def test_a_store_that_was_never_used_closes(redis_url):
    """There is nothing to give back."""
    await RedisStore(redis_url).aclose()


# Eviction


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl"])
@pytest.mark.parametrize("decode", [False, True])
async def test_a_server_that_may_evict_is_warned_of_once(server, policy, decode):
    """However many are first at once; the warning names the policy and the mend."""
    own = server("--maxmemory", "100mb", "--maxmemory-policy", policy)
    async with (
        Redis.from_url(own.url, decode_responses=decode) as client,
        RedisStore(client, timeout_seconds=PATIENT) as store,
    ):

        async def use_it():
            for _ in range(3):
                await asyncio.gather(*(denies(store, str(number)) for number in range(50)))
                await store.revoke(Revocation("token", "x", NOW + 60), now=NOW)
                await background()

        with pytest.warns(RedisEvictionWarning, match=rf"{policy}.*noeviction") as warned:
            await use_it()
        assert len(warned) == 1
        assert await calls_of(own.url, "config|get") == [1]


@pytest.mark.parametrize(
    "options",
    [
        ("--maxmemory", "100mb", "--maxmemory-policy", "noeviction"),
        ("--maxmemory-policy", "allkeys-lru"),
        ("--rename-command", "CONFIG", ""),
    ],
    ids=["noeviction", "unbounded", "CONFIG is refused"],
)
async def test_a_server_that_does_not_evict_or_does_not_tell_is_left_alone(server, options):
    """Nothing is warned of, and checks go on."""
    own = server(*options)
    async with RedisStore(own.url, timeout_seconds=PATIENT) as store:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            assert not await denies(store, "x")
            await background()
        assert warned == []
        await store.revoke(Revocation("token", "x", NOW + 60), now=NOW)
        assert await denies(store, "x")


# Rotation


async def refresh_all(engine, token, count):
    """Refresh one token by many at once: the pairs, and how many were told of a reuse."""
    answers = await asyncio.gather(
        *(engine.refresh(token) for _ in range(count)), return_exceptions=True
    )
    pairs = [answer for answer in answers if not isinstance(answer, BaseException)]
    for answer in answers:
        if isinstance(answer, BaseException) and not isinstance(
            answer, RefreshTokenReusedError | TokenRevokedError
        ):
            raise answer
    return [(pair.access_token, pair.refresh_token) for pair in pairs]


def policy_with(grace_seconds):
    """Give a policy with a grace."""
    return TokenPolicy(reuse_grace=timedelta(seconds=grace_seconds))


@pytest.mark.parametrize("grace_seconds", [0, 10])
async def test_of_five_hundred_refreshes_at_once_one_wins(clock, store, grace_seconds):
    """Twenty rounds: one pair; with a grace the same pair for everybody."""
    engine = engine_with(clock, policy=policy_with(grace_seconds), store=store)
    for _ in range(20):
        token = (await engine.issue_pair("alice")).refresh_token
        pairs = await refresh_all(engine, token, 500)
        assert len(pairs) == (500 if grace_seconds else 1)
        assert len(set(pairs)) == 1


def refresh_in_process(url, prefix, tokens, grace_seconds):
    """Refresh each token 125 times at once, in step with the other processes."""

    async def refresh():
        async with RedisStore(url, key_prefix=prefix, timeout_seconds=PATIENT) as store:
            policy = policy_with(grace_seconds)
            engine = engine_with(FrozenClock(), policy=policy, store=store)
            rounds = []
            for token in tokens:
                STEP.wait(PATIENT)
                rounds.append(await refresh_all(engine, token, 125))
            return rounds

    return asyncio.run(refresh())


def take_step(barrier):
    """Take over what keeps the processes in step."""
    global STEP  # noqa: PLW0603 - a barrier is given to a process only when it starts
    STEP = barrier


@pytest.mark.parametrize("grace_seconds", [0, 10])
def test_of_four_processes_one_wins(redis_url, grace_seconds):
    """Twenty rounds of 125 refreshes in each of four processes: one pair, or the same for all."""
    prefix = f"tokenward-test-{uuid4().hex}:"

    async def issue():
        engine = engine_with(FrozenClock(), policy=policy_with(grace_seconds))
        return [(await engine.issue_pair("alice")).refresh_token for _ in range(20)]

    work = (redis_url, prefix, asyncio.run(issue()), grace_seconds)
    context = multiprocessing.get_context("spawn")
    with context.Pool(4, initializer=take_step, initargs=(context.Barrier(4),)) as pool:
        answers = pool.starmap(refresh_in_process, [work] * 4, chunksize=1)
        pool.close()
        pool.join()
    asyncio.run(forget(redis_url, prefix))
    for rounds in zip(*answers, strict=True):
        pairs = [pair for process in rounds for pair in process]
        assert len(pairs) == (500 if grace_seconds else 1)
        assert len(set(pairs)) == 1


# Outages


class Load:
    """Callers that check tokens without pause: what they were told, and how long it took."""

    def __init__(self, engine, good, revoked) -> None:
        self._engine, self._tokens = engine, {"good": good, "revoked": revoked}
        self.told = Counter()
        self.longest = 0.0
        self.ends = False
        self._changed = asyncio.Condition()

    async def call(self, which):
        clock = asyncio.get_running_loop().time
        while not self.ends:
            began = clock()
            try:
                await self._engine.decode(self._tokens[which])
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
        """Wait until callers have been told something often enough from now on."""
        self.told.clear()
        async with asyncio.timeout(PATIENT), self._changed:
            await self._changed.wait_for(lambda: all(self.told[each] > times for each in outcomes))


@asynccontextmanager
async def under_load(own):
    """Run sixteen callers against an engine on a server."""
    async with RedisStore(own.url, timeout_seconds=0.3) as store:
        engine = engine_with(FrozenClock(), store=store)
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
        assert load.longest < 2


AS_EVER = (("good", "accepted"), ("revoked", "denied"))
OUTAGE = (("good", "unavailable"), ("revoked", "unavailable"))


async def test_a_server_that_hangs_is_an_outage_that_ends_by_itself(server):
    """Stopped under load: nothing revoked is accepted, each call ends in time, and it recovers."""
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
    """Killed under load and started again with its file: nothing revoked is ever accepted."""
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


async def test_late_answers_reach_nobody(server):
    """What a server says after the time is up is not taken for the answer to another question."""
    own = server()
    async with RedisStore(own.url, timeout_seconds=0.2) as store:
        for number in range(0, 100, 2):
            await store.revoke(Revocation("token", str(number), NOW + 60), now=NOW)
        own.send(signal.SIGSTOP)
        calls = [asyncio.create_task(denies(store, str(number))) for number in range(0, 100, 2)]
        use = Consumption("0", "1", b"", NOW, NOW + 60)
        calls += [asyncio.create_task(store.consume(use, now=NOW))]
        await asyncio.sleep(0)
        for call in calls[:10]:
            call.cancel()
        failed = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(each, BaseException) for each in failed)
        own.send(signal.SIGCONT)
    async with RedisStore(own.url, timeout_seconds=PATIENT) as store:
        for _ in range(5):
            answers = await asyncio.gather(*(denies(store, str(number)) for number in range(100)))
            assert answers == [number % 2 == 0 for number in range(100)]


async def test_a_cancelled_caller_leaves_the_others_right(store):
    """Whoever goes, and at whichever turn of the loop, each other gets the answer to his question."""
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
    """Run a server that accepts and never answers."""
    writers = []
    async with await asyncio.start_server(lambda _, to: writers.append(to), "127.0.0.1", 0) as mute:
        yield f"redis://127.0.0.1:{mute.sockets[0].getsockname()[1]}/0"
        for writer in writers:
            writer.close()


@pytest.mark.parametrize("owns", [True, False], ids=["url", "client"])
async def test_two_hundred_callers_of_a_mute_server_end_in_time(clock, owns):
    """None waits longer than the time-out, and the loop goes on turning meanwhile."""
    issuer = engine_with(clock)
    token, pair = await issuer.issue("alice"), await issuer.issue_pair("alice")
    async with mute_server() as url, Redis.from_url(url, socket_timeout=None) as client:
        store = RedisStore(url if owns else client, timeout_seconds=0.3)
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
        assert loop.time() - began < 2
        turning.cancel()
        assert {type(answer) for answer in answers} == {StoreUnavailableError}
        assert max(gaps) < 1
        async with asyncio.timeout(2):
            await store.aclose()


async def test_where_nothing_listens_each_call_fails_at_once(clock):
    """A refused connection is an outage as well."""
    token = await engine_with(clock).issue("alice")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    async with RedisStore(f"redis://127.0.0.1:{port}/0") as store:
        engine = engine_with(clock, store=store)
        with pytest.raises(StoreUnavailableError):
            await engine.decode(token)
        with pytest.raises(StoreUnavailableError):
            await engine.revoke(token)
