"""The records of a RedisStore, and how long Redis keeps them."""

import asyncio
import hashlib
import math
import random

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from tests.stores.redis_store.support import PATIENT, denies
from tests.support import NOW, everything_of
from tokenward import Revocation
from tokenward.stores import Consumed, Consumption
from tokenward.stores.redis import RedisStore
from tokenward.stores.redis.records import UnreadableRecordError

SPARE_MS = 3_900_000


async def life_ms(client, prefix):
    """Return the remaining life of the only key."""
    (key,) = [key async for key in client.scan_iter(match=f"{prefix}*", count=10_000)]
    return await client.pttl(key)


@pytest.mark.parametrize("kind", ["token", "session", "subject"])
async def test_redis_removes_a_record_soon_after_its_end(store, client, prefix, kind):
    """A key lives as long as what it denies, plus the spare time for clocks."""
    await store.revoke(Revocation(kind, "x", NOW + 100.5, NOW), now=NOW)
    assert 100_500 < await life_ms(client, prefix) <= 100_500 + SPARE_MS


async def test_redis_removes_a_use_soon_after_its_end(store, client, prefix):
    """Also the record of a used refresh token."""
    await store.consume(Consumption("x", "y", b"", NOW, NOW + 100), now=NOW)
    assert 100_000 < await life_ms(client, prefix) <= 100_000 + SPARE_MS


@pytest.mark.parametrize(
    ("keep_until", "least", "most"),
    [(math.inf, -1, -1), (NOW - 9, 1, SPARE_MS), (NOW, 1, SPARE_MS), (1e300, 10**14, 10**15)],
)
async def test_redis_accepts_every_life(store, client, prefix, keep_until, least, most):
    """An unlimited record has no end, an expired one goes at once, a very long one is capped."""
    await store.revoke(Revocation("token", "x", keep_until), now=NOW)
    assert least <= await life_ms(client, prefix) <= most
    await store.consume(Consumption("x", "y", b"", NOW, keep_until), now=NOW)


async def test_the_use_of_an_unlimited_token_is_kept_forever(store, client, prefix):
    """A refresh token without an end is known as used forever."""
    await store.consume(Consumption("x", "y", b"", NOW, math.inf), now=NOW)
    assert await life_ms(client, prefix) == -1
    assert not (await store.consume(Consumption("x", "y", b"", NOW, math.inf), now=1e12)).is_first


async def test_the_longer_life_stands(store, client, prefix):
    """An engine whose clock is ahead does not shorten the life of another engine's record."""
    await store.revoke(Revocation("token", "x", NOW + 100), now=NOW)
    await store.revoke(Revocation("token", "x", NOW + 120), now=NOW + 50)
    assert await life_ms(client, prefix) > 80_000 + SPARE_MS
    await store.revoke(Revocation("token", "x", math.inf), now=NOW)
    await store.revoke(Revocation("token", "x", NOW + 500), now=NOW)
    assert await life_ms(client, prefix) == -1
    assert await denies(store, "x", now=1e12)


async def test_the_later_of_many_records_stands_to_the_last_bit(redis_url, store, prefix):
    """From two engines at once, in any order; each number separately, without losing a digit."""
    ends = [NOW + 100 + number / 7 for number in range(200)]
    moments = [NOW + number / 9 for number in range(200)]
    latest, moment = ends[-1], moments[-1]
    assert len({repr(end) for end in ends}) == 200
    order = random.Random(3)  # noqa: S311 - an order, not a secret
    order.shuffle(ends)
    order.shuffle(moments)
    async with RedisStore(
        redis_url, key_prefix=prefix, timeout_seconds=PATIENT, ephemeral=True
    ) as other:
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
    """Not as text, in which nine is greater than ten."""
    numbers = [9e9, 1e10, 1e20][::order]
    for number in numbers:
        await store.revoke(Revocation("subject", "x", number, number), now=NOW)
    asked = {"jti": "", "sid": None, "sub": "x"}
    assert await store.is_revoked(**asked, issued_at=9.9e19, now=9.9e19)
    assert not await store.is_revoked(**asked, issued_at=1e20, now=9.9e19)
    assert not await store.is_revoked(**asked, issued_at=9.9e19, now=1e20)


async def test_long_identities_have_short_unique_keys(store, client, prefix):
    """They are hashed; the hash as an identity has another key."""
    long, hashed = "x" * 600, hashlib.sha256(b"x" * 600).hexdigest()
    await store.revoke(Revocation("token", long, NOW + 60), now=NOW)
    assert await denies(store, long)
    assert not await denies(store, hashed)
    assert not await denies(store, long + "x")
    (key,) = [key async for key in client.scan_iter(match=f"{prefix}*", count=10_000)]
    assert len(key) < len(prefix) + 100


async def test_a_lone_surrogate_can_be_an_identity(store):
    """It can be revoked, and matches no other text."""
    await store.revoke(Revocation("token", "\ud800", NOW + 60), now=NOW)
    assert await denies(store, "\ud800")
    assert not await denies(store, "\ud801")


async def test_a_token_without_identities_is_not_looked_up():
    """Nothing is sent: in this test nothing would reply."""
    async with RedisStore("redis://127.0.0.1:1/0") as store:
        assert not await store.is_revoked(jti="", sid=None, sub="", issued_at=NOW, now=NOW)


UNREADABLE = ["", "1", "1 2 3", "nan nan", "1e999x inf", "\u00bd inf"]


@pytest.mark.parametrize("text", UNREADABLE)
async def test_an_unreadable_record_fails_only_its_own_calls(store, client, prefix, text):
    """A foreign text under a key of the store is an outage only for calls that need it."""
    for letter in "tsuc":
        await client.set(f"{prefix}{letter}:odd", text)
    await store.revoke(Revocation("token", "revoked", NOW + 60), now=NOW)
    answers = await asyncio.gather(
        *(denies(store, name) for name in ("odd", "revoked", "other")), return_exceptions=True
    )
    assert isinstance(answers[0], UnreadableRecordError)
    assert answers[1:] == [True, False]
    for sid, sub in (("odd", ""), (None, "odd")):
        with pytest.raises(UnreadableRecordError):
            await store.is_revoked(jti="", sid=sid, sub=sub, issued_at=NOW, now=NOW)
    with pytest.raises(RedisError):
        await store.revoke(Revocation("token", "odd", NOW + 60), now=NOW)
    with pytest.raises(RedisError):
        await store.consume(Consumption("odd", "y", b"", NOW, NOW + 60), now=NOW)


@pytest.mark.parametrize("decode", [False, True])
async def test_a_key_of_another_type_is_never_no_record(redis_url, prefix, decode):
    """MGET returns nothing for it; checks fail, and so do writes."""
    async with (
        Redis.from_url(redis_url, decode_responses=decode) as client,
        RedisStore(client, key_prefix=prefix, timeout_seconds=PATIENT, ephemeral=True) as store,
    ):
        for letter in "tsuc":
            await client.lpush(f"{prefix}{letter}:list", "1")
        await client.lpush(f"{prefix}retention", "1")
        for names in (("list", None, ""), ("x", "list", ""), ("x", "y", "list")):
            jti, sid, sub = names
            with pytest.raises(UnreadableRecordError) as raised:
                await store.is_revoked(jti=jti, sid=sid, sub=sub, issued_at=NOW, now=NOW)
            assert "list" not in str(raised.value)
        asked = [denies(store, name) for name in ("list", "other", "list", "more")]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert [isinstance(each, Exception) for each in answers] == [True, False, True, False]
        for call in (
            store.revoke(Revocation("token", "list", NOW + 60), now=NOW),
            store.consume(Consumption("list", "y", b"", NOW, NOW + 60), now=NOW),
            store.raise_retention(1),
        ):
            with pytest.raises(RedisError):
                await call


async def test_one_denial_is_enough_beside_an_unreadable_record(store, client, prefix):
    """A revoked session stays revoked if the record of the token is damaged."""
    await client.set(f"{prefix}t:x", "damaged")
    await store.revoke(Revocation("session", "s", NOW + 60), now=NOW)
    assert await store.is_revoked(jti="x", sid="s", sub="", issued_at=NOW, now=NOW)


@pytest.mark.parametrize("record", ["0 garbage", "9e99 garbage", "9e99 0 use", "nan 0 use key"])
async def test_a_damaged_use_is_not_overwritten(store, client, prefix, record):
    """Even if its first number says that it has expired."""
    await client.set(f"{prefix}c:x", record)
    with pytest.raises(RedisError):
        await store.consume(Consumption("x", "y", b"", NOW, NOW + 60), now=NOW)
    assert await client.get(f"{prefix}c:x") == record.encode()


async def test_an_error_repeats_nothing_of_a_record(store, client, prefix):
    """Neither its text nor a key, also not in its cause or context."""
    await client.set(f"{prefix}t:who", "whose-secret")
    for call in (denies(store, "who"), store.revoke(Revocation("token", "who", NOW), now=NOW)):
        with pytest.raises(Exception, match="record") as raised:
            await call
        assert "secret" not in everything_of(raised.value)
        assert "who" not in everything_of(raised.value)


# The sealed pair


async def keys_of(client, prefix):
    """Return the names of the keys, without the prefix, and their remaining lives."""
    keys = [key async for key in client.scan_iter(match=f"{prefix}*", count=10_000)]
    return {key.decode().removeprefix(prefix): await client.pttl(key) for key in keys}


async def test_redis_removes_the_sealed_pair_when_the_grace_ends(store, client, prefix):
    """The pair has its own key, which lives until then; the record of the use stays."""
    await store.consume(Consumption("x", "y", b"sealed", NOW + 10, NOW + 60), now=NOW + 2.5)
    lives = await keys_of(client, prefix)
    assert lives.keys() == {"c:x", "p:y"}
    assert 0 < lives["p:y"] <= 7_500
    assert 57_500 < lives["c:x"] <= 57_500 + SPARE_MS
    assert b"sealed" not in await client.get(f"{prefix}c:x")
    await client.pexpire(f"{prefix}p:y", 1)
    async with asyncio.timeout(PATIENT):
        while await client.exists(f"{prefix}p:y"):
            pass
    again = await store.consume(Consumption("x", "z", b"other", NOW + 12, NOW + 60), now=NOW + 3)
    assert again == Consumed(is_first=False, sealed=b"", is_in_grace=True)
    assert (await keys_of(client, prefix)).keys() == {"c:x"}


async def test_the_use_of_the_successor_removes_the_sealed_pair(store, client, prefix):
    """Completely, although the grace has not ended."""
    await store.consume(Consumption("x", "y", b"one", NOW + 10, NOW + 60), now=NOW)
    await store.consume(Consumption("y", "z", b"two", NOW + 11, NOW + 61), now=NOW + 1)
    assert (await keys_of(client, prefix)).keys() == {"c:x", "c:y", "p:z"}
    late = await store.consume(Consumption("x", "w", b"", NOW + 12, NOW + 60), now=NOW + 2)
    assert late == Consumed(is_first=False, sealed=b"", is_in_grace=True)


@pytest.mark.parametrize("grace_until", [NOW, NOW - 1])
async def test_without_a_grace_nothing_sealed_is_kept(store, client, prefix, grace_until):
    """Even if the caller seals a pair."""
    await store.consume(Consumption("x", "y", b"sealed", grace_until, NOW + 60), now=NOW)
    assert (await keys_of(client, prefix)).keys() == {"c:x"}


async def test_a_pair_that_another_use_has_sealed_is_not_returned(store):
    """Two tokens that name one successor do not get each other's pair."""
    for jti, sealed in (("x", b"of x"), ("w", b"of w")):
        await store.consume(Consumption(jti, "y", sealed, NOW + 10, NOW + 60), now=NOW)
    first = await store.consume(Consumption("x", "v", b"", NOW + 10, NOW + 60), now=NOW)
    second = await store.consume(Consumption("w", "v", b"", NOW + 10, NOW + 60), now=NOW)
    assert (first.sealed, second.sealed) == (b"", b"of w")


@pytest.mark.parametrize("text", ["", "damaged", "{use}", "{use} !!!", "{use} a b", "{use} \u2100"])
async def test_a_damaged_pair_is_an_outage(store, client, prefix, text):
    """Only a missing pair means that the successor was used, or that there was no pair."""
    await store.consume(Consumption("x", "y", b"sealed", NOW + 10, NOW + 60), now=NOW)
    key = f"{prefix}p:y"
    use = (await client.get(key)).split()[0].decode()
    await client.set(key, text.format(use=use), keepttl=True)
    with pytest.raises((RedisError, ValueError)):
        await store.consume(Consumption("x", "z", b"", NOW + 10, NOW + 60), now=NOW)


async def test_a_later_use_knows_whether_it_is_in_the_grace(store):
    """By the time of its engine, with or without a pair."""
    await store.consume(Consumption("x", "y", b"", NOW + 10, NOW + 60), now=NOW)
    use = Consumption("x", "z", b"", NOW + 99, NOW + 60)
    assert (await store.consume(use, now=NOW + 9.999)).is_in_grace
    assert not (await store.consume(use, now=NOW + 10)).is_in_grace


# The retention


async def test_the_retention_is_a_key_without_an_end(store, client, prefix):
    """It never decreases, exact to the last bit; reading writes nothing."""
    assert await store.raise_retention(0) == 0
    assert await keys_of(client, prefix) == {}
    assert await store.raise_retention(900.1) == 900.1
    assert await store.raise_retention(math.nextafter(900.1, 0)) == 900.1
    assert await store.raise_retention(math.nextafter(900.1, 999)) == math.nextafter(900.1, 999)
    assert await keys_of(client, prefix) == {"retention": -1}
    assert await store.raise_retention(math.inf) == math.inf
    assert await store.raise_retention(1e300) == math.inf


async def test_of_many_retentions_at_once_the_greatest_stands(redis_url, store, prefix):
    """From the stores of two processes, in any order."""
    async with RedisStore(
        redis_url, key_prefix=prefix, timeout_seconds=PATIENT, ephemeral=True
    ) as other:
        asked = [(store, other)[n % 2].raise_retention(n * 7 % 100) for n in range(100)]
        answers = await asyncio.gather(*asked)
    assert all(answer >= n * 7 % 100 for n, answer in enumerate(answers))
    assert await store.raise_retention(0) == 99


@pytest.mark.parametrize("text", ["", "nan", "many"])
async def test_an_unreadable_retention_is_an_outage(store, client, prefix, text):
    """It neither counts as zero nor is overwritten."""
    await client.set(f"{prefix}retention", text)
    for seconds in (0, 900):
        with pytest.raises(RedisError, match="unreadable record"):
            await store.raise_retention(seconds)
    assert await client.get(f"{prefix}retention") == text.encode()


@pytest.mark.parametrize("identity", ["retention", "etention", "", ":", "r:etention"])
async def test_no_record_has_the_name_of_the_retention(store, identity):
    """Whatever an identity is, the retention stays a separate number."""
    await store.raise_retention(900)
    for kind in ("token", "session", "subject"):
        await store.revoke(Revocation(kind, identity, NOW + 60), now=NOW)
    await store.consume(Consumption(identity, "y", b"", NOW, NOW + 60), now=NOW)
    assert await store.raise_retention(0) == 900


async def test_a_server_clock_an_hour_ahead_removes_no_live_revocation(store, client, prefix):
    """Redis measures lives by its own clock, so each key has more than an hour to spare."""
    await store.revoke(Revocation("token", "x", NOW + 1), now=NOW)
    await store.consume(Consumption("x", "y", b"", NOW, NOW + 1), now=NOW)
    for key in ("t:x", "c:x"):
        await client.pexpire(f"{prefix}{key}", await client.pttl(f"{prefix}{key}") - 3_600_000)
    assert await denies(store, "x", now=NOW + 0.9)
    assert not (await store.consume(Consumption("x", "y", b"", 0, 0), now=NOW + 0.9)).is_first


async def test_purging_is_left_to_redis(store):
    """It removes nothing and returns zero."""
    await store.revoke(Revocation("token", "x", NOW + 60), now=NOW)
    assert await store.purge(now=NOW + 1e6) == 0
    assert await denies(store, "x")
