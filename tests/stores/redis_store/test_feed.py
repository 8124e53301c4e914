"""The feed of a RedisStore: what a mirror reads of it, and which losses it notices."""

import asyncio
import itertools
import math
import signal

import pytest
from redis.asyncio import Redis, RedisCluster
from redis.exceptions import RedisError

from tests.stores.mirror.support import MINUTE, denies, record
from tests.stores.redis_store.support import PATIENT
from tests.support import NOW
from tokenward import ConfigurationError, Revocation
from tokenward.stores.feed import GapError
from tokenward.stores.mirror import MirroredStore
from tokenward.stores.redis import RedisStore
from tokenward.stores.redis.records import Keys, MismatchedReplyError, UnreadableRecordError

HOUR = 3600.0


@pytest.fixture
def keys(prefix):
    """Return the keys of the feed's state and of its stream."""
    return Keys(prefix.encode()).feed


@pytest.fixture
async def mirror(redis_url, prefix):
    """Yield a mirror that reads only when the test lets it."""
    inner = RedisStore(redis_url, key_prefix=prefix, timeout_seconds=PATIENT, ephemeral=True)
    async with MirroredStore(inner, max_staleness=MINUTE) as opened:
        await opened.catch_up()
        yield opened


async def names_of(feed, position):
    """Read all changes after a position; return their names, and the position after them."""
    names = []
    while True:
        reading = await feed.read(position)
        names += [change.name for change in reading.changes]
        position = reading.position
        if reading.is_last:
            return names, position


async def step_clock(client, state, seconds):
    """Let the clock of the server seem to have stepped since the last read."""
    seen = int(await client.hget(state, "seen"))
    await client.hset(state, "seen", seen - round(seconds * 1000))


async def test_a_store_that_nobody_mirrors_writes_no_stream(store, client, keys):
    """A revocation costs one more look-up of a key."""
    await store.revoke(record(), now=NOW)
    assert await client.exists(*keys) == 0


async def test_a_user_that_decodes_is_served_as_well(redis_url, prefix, store):
    """Also if an identity is not UTF-8."""
    for identity in ("x", "é", "\ud800", "z" * 4000):
        await store.revoke(record(f"{identity} before"), now=NOW)
    async with Redis.from_url(redis_url, decode_responses=True) as decoding:
        inner = RedisStore(decoding, key_prefix=prefix, timeout_seconds=PATIENT, ephemeral=True)
        async with MirroredStore(inner, max_staleness=MINUTE) as mirror:
            await mirror.catch_up()
            for identity in ("x", "é", "\ud800", "z" * 4000):
                await store.revoke(record(f"{identity} after"), now=NOW)
            await mirror.catch_up()
            assert mirror.records == 8
            assert await denies(mirror, "\ud800 after")
            assert await denies(mirror, "\ud800 before")


async def test_the_stream_alone_serves_a_second_mirror_after_its_time(store, client, keys):
    """Before that, the stream lacks revocations from before the first mirror."""
    feed = store.feed(HOUR)
    await store.revoke(record("before"), now=NOW)
    assert not (await feed.start()).is_complete
    await store.revoke(record("after"), now=NOW)
    names = {change.name async for part in feed.snapshot() for change in part}
    assert names == {"before", "after"}

    state, _ = keys
    since = int(await client.hget(state, "since"))
    await client.hset(state, "since", since - round(HOUR * 1000))
    start = await store.feed(HOUR).start()
    assert start.is_complete
    assert (await names_of(feed, start.position))[0] == ["after"]
    assert not (await store.feed(HOUR + 1).start()).is_complete


async def test_entries_have_an_age_if_the_stream_is_complete(store, client, keys):
    """At most the real one; zero if a step of the clock may have changed it."""
    state, stream = keys
    feed = store.feed(HOUR)
    await feed.start()
    await store.revoke(record(), now=NOW)
    (_, (entry, fields)) = await client.xrange(stream)
    earlier = int(entry.split(b"-")[0]) - 1_000_000
    await client.delete(stream)
    epoch = await client.hget(state, "epoch")
    await client.xadd(stream, {"r": epoch}, id=f"{earlier - 1}-0")
    await client.xadd(stream, fields, id=f"{earlier}-0")

    start = await feed.start()
    (change,) = (await feed.read(start.position)).changes
    assert change.age_seconds == 0
    await client.hset(state, "since", 0)
    start = await feed.start()
    (change,) = (await feed.read(start.position)).changes
    assert 930 < change.age_seconds < 1000
    await step_clock(client, state, 61)
    assert (await feed.read(start.position)).changes[0].age_seconds == 0


async def test_old_entries_are_removed(store, client, keys):
    """All but the newest one, and none if the clock of the server seems to have stepped."""
    state, stream = keys
    feed = store.feed(HOUR)
    await feed.start()
    epoch = await client.hget(state, "epoch")
    await client.delete(stream)
    for number in range(5):
        await client.xadd(stream, {"r": epoch}, id=f"{number + 1}-0")
    await client.hset(state, mapping={"length": 5, "since": 0})

    await step_clock(client, state, 61)
    assert not (await feed.start()).is_complete
    assert await client.xlen(stream) == 5
    await step_clock(client, state, 6)
    await feed.start()
    assert await client.xlen(stream) == 5  # the newest one is old as well
    await store.revoke(record(), now=NOW)
    await step_clock(client, state, 6)
    await feed.start()
    assert await client.xlen(stream) == int(await client.hget(state, "length")) == 1


@pytest.mark.parametrize("seconds", [-HOUR, 61, HOUR])
async def test_a_step_of_the_clock_loses_nothing(mirror, store, client, keys, seconds):
    """Neither for the mirrors that read, nor for one that starts afterwards."""
    await store.revoke(record("before"), now=NOW)
    await step_clock(client, keys[0], seconds)
    await store.revoke(record("after"), now=NOW)
    await mirror.catch_up()
    async with MirroredStore(mirror.inner, max_staleness=MINUTE) as second:
        await second.catch_up()
        for each in (mirror, second):
            assert await denies(each, "before")
            assert await denies(each, "after")
            assert each.fallbacks == 0


async def lose_stream(client, state, stream):
    """Delete the stream alone."""
    await client.delete(stream)


async def lose_state(client, state, stream):
    """Delete the state alone."""
    await client.delete(state)


async def lose_both(client, state, stream):
    """Delete both keys."""
    await client.delete(state, stream)


async def trim(client, state, stream):
    """Trim the stream below the last entry that the mirror has read."""
    await client.xtrim(stream, maxlen=1, approximate=False)


async def trim_all(client, state, stream):
    """Trim the stream to nothing."""
    await client.xtrim(stream, maxlen=0, approximate=False)


@pytest.mark.parametrize("lose", [lose_stream, lose_state, lose_both, trim, trim_all])
@pytest.mark.parametrize("before", [0, 3])
async def test_a_lost_feed_is_noticed(mirror, store, client, keys, lose, before):
    """The mirror starts again, and has what was revoked before, during and after the loss."""
    for number in range(before):
        await store.revoke(record(f"read {number}"), now=NOW)
    await mirror.catch_up()
    for number in range(3):
        await store.revoke(record(f"unread {number}"), now=NOW)
    await lose(client, *keys)
    await store.revoke(record("after"), now=NOW)
    await mirror.catch_up()
    names = [f"read {number}" for number in range(before)]
    for name in (*names, "unread 0", "unread 1", "unread 2", "after"):
        assert await denies(mirror, name)
    assert mirror.fallbacks == 0


async def test_entries_that_a_fail_over_lost_are_noticed(store, client, keys):
    """The newest entry that the reader knows is another one, or is gone."""
    _, stream = keys
    feed = store.feed(HOUR)
    start = await feed.start()
    await store.revoke(record("a"), now=NOW)
    await store.revoke(record("b"), now=NOW)
    _, position = await names_of(feed, start.position)
    entry = (await client.xrevrange(stream, count=1))[0][0]
    await client.xdel(stream, entry)
    await store.revoke(record("c"), now=NOW)
    await client.hincrby(keys[0], "length", -1)
    with pytest.raises(GapError):
        await feed.read(position)

    _, position = await names_of(feed, start.position)
    entry = (await client.xrevrange(stream, count=1))[0][0]
    await client.delete(stream)
    epoch = await client.hget(keys[0], "epoch")
    await client.xadd(stream, {"r": epoch}, id="1-1")
    await client.xadd(stream, {"r": f"t:a {NOW} inf"}, id="1-2")
    await client.xadd(stream, {"r": f"t:d {NOW} inf"}, id=entry)
    with pytest.raises(GapError):
        await feed.read(position)
    assert (await names_of(feed, start.position))[0] == ["a", "d"]


async def test_a_position_of_another_feed_is_a_gap(store):
    """A reader that passes it starts again."""
    with pytest.raises(GapError):
        await store.feed(HOUR).read(None)


@pytest.mark.parametrize("entry", ["t:x", "z:x 1 inf", "t:x nan inf", "t:x 1 soon"])
async def test_an_unreadable_entry_is_an_error(store, client, keys, entry):
    """It could be any revocation, so nothing that was read with it is used."""
    feed = store.feed(HOUR)
    start = await feed.start()
    await client.xadd(keys[1], {"r": entry})
    await client.hincrby(keys[0], "length", 1)
    with pytest.raises(UnreadableRecordError):
        await feed.read(start.position)


async def test_an_unreadable_record_is_an_error(store, client, prefix):
    """A snapshot without it would accept what it denies. A key of another type is no record."""
    await client.lpush(f"{prefix}t:list", "x")
    await store.revoke(record(), now=NOW)
    # A scan of the database that all tests share may take several steps, or name a key twice.
    assert {each.name async for part in store.feed(HOUR).snapshot() for each in part} == {"x"}
    await client.set(f"{prefix}t:odd", "x")
    with pytest.raises(UnreadableRecordError):
        _ = [part async for part in store.feed(HOUR).snapshot()]


async def test_another_prefix_is_not_read(redis_url, prefix, store):
    """Nor one that a pattern of Redis would match."""
    async with RedisStore(
        redis_url, key_prefix=f"{prefix}[a-c]*:", timeout_seconds=PATIENT, ephemeral=True
    ) as odd:
        await odd.revoke(record("own"), now=NOW)
        await store.revoke(record("t:other"), now=NOW)
        assert {each.name async for part in odd.feed(HOUR).snapshot() for each in part} == {"own"}


async def test_a_large_database_is_scanned_in_steps(store):
    """Each step is a separate call, which blocks no other client."""
    for start in range(0, 3000, 500):
        await asyncio.gather(*(store.revoke(record(str(start + n)), now=NOW) for n in range(500)))
    parts = [part async for part in store.feed(HOUR).snapshot()]
    assert len(parts) > 1
    assert {change.name for part in parts for change in part} == set(map(str, range(3000)))


async def test_a_reply_of_another_call_is_an_error(redis_url, prefix):
    """As a proxy that confuses replies would return it."""

    class Confused(Redis):
        async def execute_command(self, *args, **options):
            reply = await super().execute_command(*args, **options)
            if args[0] != "EVAL":
                return reply
            nonce, *values = reply
            return {
                "nonce": [b"other", *values],
                "short": [nonce, *values[1:]],
                "time": [nonce, *values[:2], 1, *values[3:]],
            }[self.fault]

    async with Confused.from_url(redis_url) as client:
        store = RedisStore(client, key_prefix=prefix, timeout_seconds=PATIENT, ephemeral=True)
        for Confused.fault in ("nonce", "short", "time"):
            with pytest.raises(MismatchedReplyError):
                await store.feed(HOUR).start()


async def test_an_error_of_the_server_repeats_no_key(store, client, keys, prefix):
    """Nor any other argument."""
    await client.set(keys[0], "x")
    with pytest.raises(RedisError) as caught:
        await store.feed(HOUR).start()
    assert prefix not in str(caught.value)


@pytest.mark.parametrize("fault", ["killed", "flushed", "stopped", "cut"])
async def test_a_fault_of_the_server_loses_no_revocation(server, fault):
    """A restart, FLUSHALL, a server that does not answer, and cut connections.

    Whenever the mirror answers by itself, it knows what was acknowledged before its last read.
    """
    own = server("--appendonly", "yes", "--appendfsync", "always")
    async with (
        RedisStore(own.url, ephemeral=True) as other,
        MirroredStore(RedisStore(own.url, ephemeral=True), max_staleness=MINUTE) as mirror,
    ):
        await mirror.catch_up()
        numbers = itertools.count()

        async def revoke_some():
            names = [str(next(numbers)) for _ in range(5)]
            for name in names:
                await other.revoke(Revocation("token", name, NOW + 60), now=NOW)
            return names

        names = await revoke_some()
        if fault == "killed":
            own.kill()
            with pytest.raises(RedisError):
                await mirror.catch_up()
            own.start()
        elif fault == "flushed":
            async with Redis.from_url(own.url) as client:
                await client.flushall()
            names = []
        elif fault == "stopped":
            own.send(signal.SIGSTOP)
            with pytest.raises((RedisError, TimeoutError)):
                await mirror.catch_up()
            own.send(signal.SIGCONT)
        else:
            async with Redis.from_url(own.url) as client:
                await client.execute_command("CLIENT", "KILL", "TYPE", "NORMAL")
        names += await revoke_some()
        await mirror.catch_up()
        names += await revoke_some()
        await mirror.catch_up()
        assert all([await denies(mirror, name) for name in names])
        assert mirror.fallbacks == 0
        assert mirror.lag_seconds < math.inf


async def test_a_cluster_has_no_feed():
    """Its revocations are on several nodes, which have no common order."""
    client = RedisCluster(host="127.0.0.1", port=1)
    with pytest.raises(ConfigurationError, match="Redis Cluster"):
        MirroredStore(RedisStore(client))
