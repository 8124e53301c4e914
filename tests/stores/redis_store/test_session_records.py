"""The lists of sessions in Redis: the contract, and what is in the server."""

import pytest

from tests.stores.redis_store.forms import FORMS, opened_store
from tests.support import NOW
from tokenward.stores.protocol import CLOCK_SPARE_SECONDS
from tokenward.stores.redis.records import UnreadableRecordError
from tokenward.stores.session_records import SessionRecord
from tokenward.testing import SessionRecordsContract


class TestRedisStore(SessionRecordsContract):
    """The contract, with a URL, and with users' clients."""

    @pytest.fixture(params=FORMS)
    async def store(self, request):
        """Yield an empty store."""
        async with opened_store(request.param, request.getfixturevalue) as opened:
            yield opened


@pytest.fixture
async def store(request):
    """Yield an empty store over one server."""
    async with opened_store("url", request.getfixturevalue) as opened:
        yield opened


def record(name, keep_until):
    """Return a record."""
    return SessionRecord(name, NOW, NOW, keep_until, "Phone")


async def test_redis_removes_the_hash_an_hour_after_its_last_session(store):
    """The latest end of all its sessions counts; without an end it stays."""
    records, client, key = store.session_records(), store._client, store._keys.of("list", "alice")
    await records.add("alice", record("long", NOW + 600), now=NOW)
    await records.add("alice", record("short", NOW + 60), now=NOW)
    left = await client.pttl(key) / 1000
    assert 590 < left - CLOCK_SPARE_SECONDS <= 600
    await records.refresh("alice", "short", refreshed_at=NOW, keep_until=NOW + 900, now=NOW)
    assert 890 < await client.pttl(key) / 1000 - CLOCK_SPARE_SECONDS <= 900
    await records.add("alice", record("endless", float("inf")), now=NOW)
    assert await client.pttl(key) == -1
    await records.add("alice", record("another", NOW + 60), now=NOW)
    assert await client.pttl(key) == -1
    await records.remove("alice", ["long", "short", "endless", "another"], now=NOW)
    assert await client.exists(key) == 0


async def test_a_login_removes_fields_that_expired_an_hour_ago(store):
    """The hash of a subject that never stops logging in does not grow."""
    records, client, key = store.session_records(), store._client, store._keys.of("list", "alice")
    await records.add("alice", record("old", NOW + 60), now=NOW)
    for later, fields in ((3_900, 2), (3_961, 2)):
        await records.add("alice", record(f"new {later}", NOW + 9_000), now=NOW + later)
        assert await client.hlen(key) == fields


@pytest.mark.parametrize("text", [b"", b"x", b"1 2", b"a b c d", b"1 2 3 \xff"])
async def test_an_unreadable_record_is_no_empty_list(store, text):
    """The engine takes it for an outage."""
    records, client, key = store.session_records(), store._client, store._keys.of("list", "alice")
    await client.hset(key, "one", text)
    with pytest.raises(UnreadableRecordError):
        await records.of("alice", now=NOW)


@pytest.mark.parametrize("reply", [["one", 7], ["one", None], ["one"]])
async def test_a_reply_that_is_no_list_of_records_is_an_error(store, monkeypatch, reply):
    """A proxy that changes replies never makes an empty list of them."""
    records = store.session_records()

    async def run(_script, _keys, nonce):
        return [nonce, *reply]

    monkeypatch.setattr(records, "_run", run)
    with pytest.raises((UnreadableRecordError, ValueError)):
        await records.of("alice", now=NOW)


async def test_a_key_of_another_type_is_an_outage(store):
    """Each call fails."""
    records, client, key = store.session_records(), store._client, store._keys.of("list", "alice")
    await client.set(key, "x")
    for call in (
        records.of("alice", now=NOW),
        records.add("alice", record("one", NOW + 60), now=NOW),
        records.refresh("alice", "one", refreshed_at=NOW, keep_until=NOW + 60, now=NOW),
        records.remove("alice", ["one"], now=NOW),
    ):
        with pytest.raises(Exception, match=r"WRONGTYPE|wrong kind"):
            await call
