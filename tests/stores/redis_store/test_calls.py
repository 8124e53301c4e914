"""How the calls of a RedisStore reach the server: together, in time, and once."""

import asyncio
import re
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis

from tests.stores.redis_store.support import (
    PATIENT,
    background,
    calls_of,
    denies,
    keys_with,
    proxy_that_loses_a_reply,
)
from tests.support import NOW
from tokenward import Revocation
from tokenward.stores import Consumed, Consumption
from tokenward.stores.redis import RedisStore
from tokenward.stores.redis.records import MismatchedReplyError, UnreadableRecordError


async def test_the_checks_of_one_turn_are_one_command(server):
    """For a hundred checks the server runs one script, which reads only existing records."""
    own = server()
    async with RedisStore(own.url, timeout_seconds=PATIENT, ephemeral=True) as store:
        await denies(store, "x")  # the server has the scripts from now on
        before = await calls_of(own.url, "evalsha")
        await asyncio.gather(*(denies(store, str(number)) for number in range(100)))
        assert await calls_of(own.url, "evalsha", "mget", "get") == [before[0] + 1, 0, 0]
        await store.revoke(Revocation("token", "x", NOW + 60), now=NOW)
        assert await denies(store, "x")
        assert await calls_of(own.url, "evalsha", "mget") == [before[0] + 3, 1]


async def test_more_checks_than_fit_one_script_are_answered(store):
    """Seven thousand in one turn, each correctly."""
    for number in range(0, 7_000, 1_000):
        await store.revoke(Revocation("token", str(number), NOW + 60), now=NOW)
    answers = await asyncio.gather(*(denies(store, str(number)) for number in range(7_000)))
    assert answers == [number % 1_000 == 0 for number in range(7_000)]


async def test_the_uses_of_one_turn_take_one_connection(server):
    """Five hundred at once open two: one for them, one for the check of the server's settings."""
    own = server()
    async with RedisStore(own.url, timeout_seconds=PATIENT, ephemeral=True) as store:
        uses = (
            Consumption(str(number), str(number), "y", b"", NOW, NOW + 60) for number in range(500)
        )
        answers = await asyncio.gather(*(store.consume(use, now=NOW) for use in uses))
        await background()
        assert answers == [Consumed(is_first=True)] * 500
        async with Redis.from_url(own.url) as looking:
            assert (await looking.info("stats"))["total_connections_received"] <= 3


async def test_scripts_are_loaded_again_if_the_server_lost_them(server):
    """After SCRIPT FLUSH, and therefore after a restart, calls still succeed."""
    own = server()
    async with (
        RedisStore(own.url, timeout_seconds=PATIENT, ephemeral=True) as store,
        Redis.from_url(own.url) as admin,
    ):
        use = Consumption("x", "x", "y", b"", NOW, NOW + 60)
        assert (await store.consume(use, now=NOW)).is_first
        await admin.script_flush()
        assert not (await store.consume(use, now=NOW)).is_first
        await admin.script_flush()
        await store.revoke(Revocation("token", "x", NOW + 60), now=NOW)
        assert await denies(store, "x")


async def test_a_use_whose_reply_was_lost_is_still_the_first(redis_url, prefix):
    """The client repeats the script on a new connection, and the nonce identifies the use."""
    lost = asyncio.Event()
    async with (
        proxy_that_loses_a_reply(redis_url, lost.set) as url,
        RedisStore(url, key_prefix=prefix, timeout_seconds=PATIENT, ephemeral=True) as store,
    ):
        use = Consumption("s", "x", "y", b"", NOW, NOW + 60)
        assert await store.consume(use, now=NOW) == Consumed(is_first=True)
        assert lost.is_set()
        assert await store.consume(use, now=NOW) == Consumed(is_first=False)


# Deadlines


def block(seconds):
    """Block the event loop."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while loop.time() < until:
        pass


@pytest.mark.parametrize("what", ["revoke", "consume", "retention"])
async def test_a_write_that_was_not_sent_in_time_is_not_sent(redis_url, prefix, client, what):
    """If the loop was blocked past the deadline, the caller fails and nothing is written."""
    async with RedisStore(redis_url, key_prefix=prefix, timeout_seconds=1, ephemeral=True) as store:
        await denies(store, "warm")
        writes = {
            "revoke": lambda: store.revoke(Revocation("token", "x", NOW + 60), now=NOW),
            "consume": lambda: store.consume(
                Consumption("x", "x", "y", b"", NOW, NOW + 60), now=NOW
            ),
            "retention": lambda: store.raise_retention(900),
        }
        writing = asyncio.create_task(writes[what]())
        await asyncio.sleep(0)  # it has asked, and nothing is sent before the next turn
        block(1.1)
        with pytest.raises(TimeoutError):
            await writing
    assert await keys_with(client, prefix) == set()


async def test_a_write_that_waits_for_a_connection_is_not_sent_late(redis_url, prefix, client):
    """A connection that becomes free after the deadline gets no late write."""
    url = f"{redis_url}?max_connections=1&timeout=30"
    async with RedisStore(url, key_prefix=prefix, timeout_seconds=1, ephemeral=True) as store:
        pool = store._client.connection_pool
        taken = await pool.get_connection()
        with pytest.raises(TimeoutError):
            await store.revoke(Revocation("token", "x", NOW + 60), now=NOW)
        await pool.release(taken)
    assert await keys_with(client, prefix) == set()


# Replies


def reply_to(question, shape):
    """Reply to a client's commands: OK to everything but a script."""
    if b"EVALSHA" not in question:
        return b"+OK\r\n" * sum(line.startswith(b"*") for line in question.split(b"\r\n"))
    return shape.replace(b"NONCE", re.search(rb"\$16\r\n[0-9a-f]{16}\r\n", question)[0])


@asynccontextmanager
async def server_that_replies(shape):
    """Run a server that replies to every script in one form."""

    async def answer(reader, writer):
        while question := await reader.read(65_536):
            writer.write(reply_to(question, shape))
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as own:
        yield f"redis://127.0.0.1:{own.sockets[0].getsockname()[1]}/0"


OTHER = b"$16\r\n0123456789abcdef\r\n"


@pytest.mark.parametrize(
    "shape",
    [
        OTHER,
        b"*2\r\n" + OTHER + b"$-1\r\n",
        b"*1\r\n" + OTHER,
        b"*3\r\nNONCE$-1\r\n$-1\r\n",
        b"*0\r\n",
        b"*-1\r\n",
        b"$-1\r\n",
        b":0\r\n",
        b"+OK\r\n",
    ],
)
async def test_a_check_with_the_reply_to_another_call_fails(shape):
    """Another nonce, number of records or form is an outage, never "not revoked"."""
    async with server_that_replies(shape) as url, RedisStore(url, timeout_seconds=PATIENT) as store:
        with pytest.raises(MismatchedReplyError):
            await denies(store, "x")


async def test_a_check_with_its_own_reply_succeeds():
    """In the form that the tests above change."""
    shape = b"NONCE"
    async with server_that_replies(shape) as url, RedisStore(url, timeout_seconds=PATIENT) as store:
        assert not await denies(store, "x")


@pytest.mark.parametrize(
    "shape",
    [
        OTHER,
        b"*1\r\n" + OTHER,
        b"*3\r\n" + OTHER + b":1\r\n$0\r\n\r\n",
        b"*0\r\n",
        b"+OK\r\n",
        b"$-1\r\n",
    ],
)
async def test_a_write_with_the_reply_to_another_call_fails(shape):
    """No token counts as revoked, consumed or first because of another call's reply."""
    async with server_that_replies(shape) as url, RedisStore(url, timeout_seconds=PATIENT) as store:
        for write in (
            store.revoke(Revocation("token", "x", NOW + 60), now=NOW),
            store.consume(Consumption("x", "x", "y", b"", NOW, NOW + 60), now=NOW),
            store.raise_retention(900),
        ):
            with pytest.raises(MismatchedReplyError):
                await write


@pytest.mark.parametrize("values", [b":2\r\n$0\r\n\r\n", b":1\r\n:1\r\n", b":1\r\n", b"$-1\r\n"])
async def test_a_write_with_a_reply_of_another_form_fails(values):
    """A reply with the right nonce is also parsed strictly."""
    shape = b"*%d\r\nNONCE%b" % (1 + values.count(b":") + values.count(b"$"), values)
    async with server_that_replies(shape) as url, RedisStore(url, timeout_seconds=PATIENT) as store:
        for call in (
            store.consume(Consumption("x", "x", "y", b"", NOW, NOW + 60), now=NOW),
            store.raise_retention(900),
        ):
            with pytest.raises(MismatchedReplyError):
                await call


async def test_a_record_of_another_form_is_an_outage():
    """An array instead of a record is not a record."""
    shape = b"*2\r\nNONCE*0\r\n"
    async with server_that_replies(shape) as url, RedisStore(url, timeout_seconds=PATIENT) as store:
        with pytest.raises(UnreadableRecordError):
            await denies(store, "x")
