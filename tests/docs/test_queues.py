"""The recipe for queues, with streams of a real Redis."""

import logging

import pytest
from redis.asyncio import Redis

from tests.docs.pages import block_with, run
from tests.stores.conftest import redis_url  # noqa: F401 - a fixture
from tokenward import KeyRing, MemoryStore, TokenEngine, TokenPolicy
from tokenward.errors import MissingTokenError, StoreUnavailableError, TokenError

ISSUER = "https://shop.example"


class FailingStore(MemoryStore):
    """A store that cannot answer when it is told to."""

    fails = False

    async def is_revoked(self, *args, **keywords):
        """Fail, or answer as the memory does."""
        if self.fails:
            raise StoreUnavailableError
        return await super().is_revoked(*args, **keywords)


@pytest.fixture
async def redis(redis_url):  # noqa: F811 - the fixture
    """Return a client of Redis with empty streams."""
    async with Redis.from_url(redis_url) as client:
        await client.delete("orders", "refused-orders")
        await client.xgroup_create("orders", "workers", mkstream=True)
        yield client
        await client.delete("orders", "refused-orders")


@pytest.fixture
async def names(clock):
    """Return the names of the page, with the engines of the API and of the worker."""
    keys, store = KeyRing.generate(), FailingStore()

    def engine_for(audience):
        policy = TokenPolicy(issuer=ISSUER, audience=audience)
        return TokenEngine(keys, policy=policy, store=store, clock=clock)

    placed, worker = [], engine_for("order-worker")

    async def place_order(user, body):
        placed.append((user, body))

    names = {
        "engine": engine_for("shop-api"),
        "worker_engine": worker,
        "place_order": place_order,
        "placed": placed,
        "store": store,
    }
    await run(block_with("queues.md", "async def send_order"), names)
    names["claims"] = await names["engine"].decode(await names["engine"].issue("alice"))
    return await run(block_with("queues.md", "async def receive_orders"), names)


async def refused(redis):
    """Return the bodies of the refused messages; none has a token."""
    entries = [fields for _, fields in await redis.xrange("refused-orders")]
    assert all(fields.keys() == {b"body"} for fields in entries)
    return [fields[b"body"] for fields in entries]


async def test_a_message_is_received_once(redis, names):
    """A copy of it is refused, and no message stays pending."""
    await names["send_order"](redis, names["claims"], b"two books")
    ((_, sent),) = await redis.xrange("orders")
    await names["receive_orders"](redis)
    await redis.xadd("orders", sent)
    await names["receive_orders"](redis)
    assert names["placed"] == [("alice", b"two books")]
    assert await refused(redis) == [b"two books"]
    assert (await redis.xpending("orders", "workers"))["pending"] == 0


async def test_forged_messages_are_refused(redis, names, clock, caplog):
    """Without a token, with one of the API, with another body, and after the lifetime."""
    await names["send_order"](redis, names["claims"], b"two books")
    ((message_id, sent),) = await redis.xrange("orders")
    await redis.xdel("orders", message_id)
    api_token = await names["engine"].issue("alice", scopes=["orders:write"])
    caplog.set_level(logging.WARNING)
    for fields in (
        {"body": b"a"},
        {"token": "", "body": b"b"},
        {"token": b"\xff\xfe", "body": b"c"},
        {"token": api_token, "body": b"d"},
        {"token": sent[b"token"], "body": b"two thousand books"},
        {"token": sent[b"token"]},
    ):
        await redis.xadd("orders", fields)
    await names["receive_orders"](redis)
    clock.advance(3600)
    await redis.xadd("orders", sent)
    await names["receive_orders"](redis)

    assert names["placed"] == []
    bodies = [b"a", b"b", b"c", b"d", b"two thousand books", b"", b"two books"]
    assert await refused(redis) == bodies
    assert (await redis.xpending("orders", "workers"))["pending"] == 0
    codes = [each.rpartition(": ")[2] for each in caplog.messages]
    assert codes == [
        "token_missing",
        "token_missing",
        "token_malformed",
        "audience_invalid",
        "permission_denied",
        "permission_denied",
        "token_expired",
    ]


async def test_an_outage_keeps_the_message(redis, names):
    """It stays pending, and is received after the outage."""
    await names["send_order"](redis, names["claims"], b"two books")
    names["store"].fails = True
    await names["receive_orders"](redis)
    assert names["placed"] == []
    assert await refused(redis) == []
    names["store"].fails = False
    await names["receive_orders"](redis, "0")
    assert names["placed"] == [("alice", b"two books")]
    assert (await redis.xpending("orders", "workers"))["pending"] == 0


async def test_the_token_of_a_message_opens_no_route(redis, names):
    """Its audience is the consumer, and a token of the API has no hash."""
    await names["send_order"](redis, names["claims"], b"two books")
    ((_, sent),) = await redis.xrange("orders")
    with pytest.raises(TokenError, match="audience"):
        await names["engine"].decode(sent[b"token"])
    with pytest.raises(MissingTokenError):
        await names["receive_order"](None, b"")
