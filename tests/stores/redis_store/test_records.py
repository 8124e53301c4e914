"""The records of a RedisStore, and how long Redis keeps them."""

import asyncio
import base64
import hashlib
import math
import random

import pytest
from redis.asyncio import Redis
from redis.crc import key_slot
from redis.exceptions import RedisError

from tests.stores.redis_store.support import PATIENT, denies, keys_with
from tests.support import NOW, everything_of
from tokenward import Revocation
from tokenward.stores import Consumed, Consumption
from tokenward.stores.redis import RedisStore
from tokenward.stores.redis.records import UnreadableRecordError

SPARE_MS = 3_900_000


async def life_ms(client, prefix):
    """Return the remaining life of the only key."""
    (key,) = await keys_with(client, prefix)
    return await client.pttl(key)


@pytest.mark.parametrize("kind", ["token", "session", "subject"])
async def test_redis_removes_a_record_soon_after_its_end(store, client, prefix, kind):
    """A key lives as long as what it denies, plus the spare time for clocks."""
    await store.revoke(Revocation(kind, "x", NOW + 100.5, NOW), now=NOW)
    assert 100_500 < await life_ms(client, prefix) <= 100_500 + SPARE_MS


async def test_redis_removes_a_use_soon_after_its_end(store, client, prefix):
    """Also the record of a used refresh token."""
    await store.consume(Consumption("s", "x", "y", b"", NOW, NOW + 100), now=NOW)
    assert 100_000 < await life_ms(client, prefix) <= 100_000 + SPARE_MS


@pytest.mark.parametrize(
    ("keep_until", "least", "most"),
    [(math.inf, -1, -1), (NOW - 9, 1, SPARE_MS), (NOW, 1, SPARE_MS), (1e300, 10**14, 10**15)],
)
async def test_redis_accepts_every_life(store, client, prefix, keep_until, least, most):
    """An unlimited record has no end, an expired one goes at once, a very long one is capped."""
    await store.revoke(Revocation("token", "x", keep_until), now=NOW)
    assert least <= await life_ms(client, prefix) <= most
    await store.consume(Consumption("s", "x", "y", b"", NOW, keep_until), now=NOW)


async def test_the_use_of_an_unlimited_token_is_kept_forever(store, client, prefix):
    """A refresh token without an end is known as used forever."""
    await store.consume(Consumption("s", "x", "y", b"", NOW, math.inf), now=NOW)
    assert await life_ms(client, prefix) == -1
    assert not (
        await store.consume(Consumption("s", "x", "y", b"", NOW, math.inf), now=1e12)
    ).is_first


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
    (key,) = await keys_with(client, prefix)
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
    for name in ("t:odd", "s:odd", "u:odd", "r:{odd}"):
        await client.set(f"{prefix}{name}", text)
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
        await store.consume(Consumption("odd", "odd", "y", b"", NOW, NOW + 60), now=NOW)


@pytest.mark.parametrize("decode", [False, True])
async def test_a_key_of_another_type_is_never_no_record(redis_url, prefix, decode):
    """MGET returns nothing for it; checks fail, and so do writes."""
    async with (
        Redis.from_url(redis_url, decode_responses=decode) as client,
        RedisStore(client, key_prefix=prefix, timeout_seconds=PATIENT, ephemeral=True) as store,
    ):
        for name in ("t:list", "s:list", "u:list", "r:{list}", "c:former", "r:{s}p"):
            await client.lpush(f"{prefix}{name}", "1")
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
            store.consume(Consumption("list", "x", "y", b"", NOW, NOW + 60), now=NOW),
            store.consume(Consumption("x", "former", "y", b"", NOW, NOW + 60), now=NOW),
            store.raise_retention(1),
        ):
            with pytest.raises(RedisError):
                await call


async def test_one_denial_is_enough_beside_an_unreadable_record(store, client, prefix):
    """A revoked session stays revoked if the record of the token is damaged."""
    await client.set(f"{prefix}t:x", "damaged")
    await store.revoke(Revocation("session", "s", NOW + 60), now=NOW)
    assert await store.is_revoked(jti="x", sid="s", sub="", issued_at=NOW, now=NOW)


DAMAGED = ["0 garbage", "9e99 garbage", "9e99 0 use", "nan 0 use key"]
DAMAGED_USES = [
    *DAMAGED, "9e99 next", "9e99 next token 0", "9e99 next token 0 use more", "9e99 next token x use",
    "9e99 next  token 0 use", "nan next token 0 use", "0 next token nan use", "0 next token 0 use\n",
]  # fmt: skip


@pytest.mark.parametrize(
    ("key", "record"),
    [("c:x", each) for each in DAMAGED] + [("r:{s}", each) for each in DAMAGED_USES],
)
async def test_a_damaged_use_is_not_overwritten(store, client, prefix, key, record):
    """Even if its first number says that it has expired."""
    await client.set(f"{prefix}{key}", record)
    with pytest.raises(RedisError):
        await store.consume(Consumption("s", "x", "y", b"", NOW, NOW + 60), now=NOW)
    assert await client.get(f"{prefix}{key}") == record.encode()


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
    keys = await keys_with(client, prefix)
    return {key.decode().removeprefix(prefix): await client.pttl(key) for key in keys}


async def test_redis_removes_the_sealed_pair_when_the_grace_ends(store, client, prefix):
    """The pair has its own key, which lives until then; the record of the use stays."""
    await store.consume(Consumption("s", "x", "y", b"sealed", NOW + 10, NOW + 60), now=NOW + 2.5)
    lives = await keys_of(client, prefix)
    assert lives.keys() == {"r:{s}", "r:{s}p"}
    assert 0 < lives["r:{s}p"] <= 7_500
    assert 57_500 < lives["r:{s}"] <= 57_500 + SPARE_MS
    assert base64.b64encode(b"sealed") in await client.get(f"{prefix}r:{{s}}p")
    assert base64.b64encode(b"sealed") not in await client.get(f"{prefix}r:{{s}}")
    await client.pexpire(f"{prefix}r:{{s}}p", 1)
    async with asyncio.timeout(PATIENT):
        while await client.exists(f"{prefix}r:{{s}}p"):
            pass
    again = await store.consume(
        Consumption("s", "x", "z", b"other", NOW + 12, NOW + 60), now=NOW + 3
    )
    assert again == Consumed(is_first=False, sealed=b"", is_in_grace=True)
    assert (await keys_of(client, prefix)).keys() == {"r:{s}"}


async def test_the_use_of_the_successor_removes_the_sealed_pair(store, client, prefix):
    """Completely, although the grace has not ended."""
    await store.consume(Consumption("s", "x", "y", b"one", NOW + 10, NOW + 60), now=NOW)
    await store.consume(Consumption("s", "y", "z", b"", NOW + 11, NOW + 61), now=NOW + 1)
    assert (await keys_of(client, prefix)).keys() == {"r:{s}"}
    late = await store.consume(Consumption("s", "x", "w", b"", NOW + 12, NOW + 60), now=NOW + 2)
    assert late == Consumed(is_first=False, sealed=b"", is_in_grace=True)


@pytest.mark.parametrize("grace_until", [NOW, NOW - 1])
async def test_without_a_grace_nothing_sealed_is_kept(store, client, prefix, grace_until):
    """Even if the caller seals a pair."""
    await store.consume(Consumption("s", "x", "y", b"sealed", grace_until, NOW + 60), now=NOW)
    assert (await keys_of(client, prefix)).keys() == {"r:{s}"}


async def test_a_pair_that_another_use_has_sealed_is_not_returned(store, client, prefix):
    """A pair that is left of an earlier use is ignored, not an outage."""
    await store.consume(Consumption("s", "x", "y", b"one", NOW + 10, NOW + 60), now=NOW)
    left = await client.get(f"{prefix}r:{{s}}p")
    await store.consume(Consumption("s", "y", "z", b"two", NOW + 10, NOW + 60), now=NOW)
    await client.set(f"{prefix}r:{{s}}p", left)
    again = await store.consume(Consumption("s", "y", "v", b"", NOW + 10, NOW + 60), now=NOW)
    assert again == Consumed(is_first=False, sealed=b"", is_in_grace=True)


@pytest.mark.parametrize("text", ["", "damaged", "{use}", "{use} !!!", "{use} a b", "{use} \u2100"])
async def test_a_damaged_pair_is_an_outage(store, client, prefix, text):
    """Only a missing pair means that the successor was used, or that there was no pair."""
    await store.consume(Consumption("s", "x", "y", b"sealed", NOW + 10, NOW + 60), now=NOW)
    key = f"{prefix}r:{{s}}p"
    use = (await client.get(key)).split()[0].decode()
    await client.set(key, text.format(use=use), keepttl=True)
    with pytest.raises((RedisError, ValueError)):
        await store.consume(Consumption("s", "x", "z", b"", NOW + 10, NOW + 60), now=NOW)


async def test_a_later_use_knows_whether_it_is_in_the_grace(store):
    """By the time of its engine, with or without a pair."""
    await store.consume(Consumption("s", "x", "y", b"", NOW + 10, NOW + 60), now=NOW)
    use = Consumption("s", "x", "z", b"", NOW + 99, NOW + 60)
    assert (await store.consume(use, now=NOW + 9.999)).is_in_grace
    assert not (await store.consume(use, now=NOW + 10)).is_in_grace


async def test_a_use_never_shortens_the_life_of_a_record(store, client, prefix):
    """Neither one of an engine whose clock is ahead nor one of a token that expires earlier."""
    await store.consume(Consumption("s", "a", "b", b"", NOW, NOW + 100), now=NOW)
    await store.consume(Consumption("s", "b", "c", b"", NOW, NOW + 10), now=NOW + 50)
    assert await life_ms(client, prefix) > 90_000 + SPARE_MS
    assert not (await store.consume(Consumption("s", "b", "c", b"", 0, 0), now=NOW + 99)).is_first
    await store.consume(Consumption("s", "c", "d", b"", NOW, math.inf), now=NOW + 60)
    await store.consume(Consumption("s", "d", "e", b"", NOW, NOW + 10), now=NOW + 60)
    assert await life_ms(client, prefix) == -1
    assert not (await store.consume(Consumption("s", "d", "e", b"", 0, 0), now=1e12)).is_first


async def test_an_expired_record_counts_as_none(store):
    """Its uses are forgotten with it."""
    await store.consume(Consumption("s", "a", "b", b"one", NOW + 99, NOW + 60), now=NOW)
    await store.consume(Consumption("s", "x", "y", b"", NOW, NOW + 99), now=NOW + 60)
    again = await store.consume(Consumption("s", "a", "b", b"", NOW, NOW + 99), now=NOW + 61)
    assert again == Consumed(is_first=False)


@pytest.mark.parametrize("session", ["s", "", "{", "}", "a}b", "{a}", "x" * 513])
async def test_the_keys_of_a_use_have_one_hash_tag(store, client, prefix, session):
    """So that a cluster keeps them together: a name without braces in braces, otherwise its hash."""
    hashed = hashlib.sha256(session.encode()).hexdigest()
    expected = "r:{s}" if session == "s" else f"R:{{{hashed}}}"
    await store.consume(Consumption(session, "x", "y", b"sealed", NOW + 10, NOW + 60), now=NOW)
    found = await keys_of(client, prefix)
    assert found.keys() == {expected, f"{expected}p"}
    assert len({key_slot(f"{prefix}{each}".encode()) for each in found}) == 1


async def test_a_refresh_leaves_no_key_behind(store, client, prefix):
    """Three sessions that refresh twenty times are three keys, of a size that does not grow."""
    sizes = []
    for number in range(20):
        now = NOW + number
        for session in "abc":
            tokens = f"{number}", f"{number + 1}"
            use = Consumption(session, *tokens, b"", now + 4.5, NOW + 600)
            assert (await store.consume(use, now=now)).is_first
        sizes.append(await client.strlen(f"{prefix}r:{{a}}"))
    assert (await keys_of(client, prefix)).keys() == {"r:{a}", "r:{b}", "r:{c}"}
    assert sizes[4] > sizes[0]
    assert sizes[4:] == [sizes[4]] * 16


# Earlier versions


async def write_former(client, prefix, jti, successor, *, keep_until=NOW + 600):
    """Write the two records of an earlier version for a used token."""
    pair = f"{prefix}p:{successor}"
    await client.set(f"{prefix}c:{jti}", f"{keep_until!r} {NOW + 10!r} use {pair}")
    await client.set(pair, b"use " + base64.b64encode(b"pair of " + jti.encode()))


async def test_a_token_that_an_earlier_version_has_consumed_stays_consumed(store, client, prefix):
    """Within its grace it gets its pair, until a token of its session is consumed."""

    async def consume(session, jti, successor, now):
        use = Consumption(session, jti, successor, b"new", now + 10, NOW + 60)
        return await store.consume(use, now=now)

    await write_former(client, prefix, "a", "b")
    await write_former(client, prefix, "y", "z")
    again = Consumed(is_first=False, sealed=b"pair of a", is_in_grace=True)
    assert await consume("s", "a", "v", NOW + 1) == again
    assert (await consume("s", "b", "c", NOW + 1)).is_first
    assert await consume("s", "a", "v", NOW + 2) == again._replace(sealed=b"")
    assert await consume("other", "y", "v", NOW + 2) == again._replace(sealed=b"pair of y")
    assert await consume("s", "a", "v", NOW + 10) == Consumed(is_first=False)
    assert await consume("other", "y", "v", NOW + 10) == Consumed(is_first=False)
    assert (await keys_of(client, prefix)).keys() == {"r:{s}", "r:{s}p", "c:a", "c:y", "p:b", "p:z"}


async def test_an_expired_record_of_an_earlier_version_counts_as_none(store, client, prefix):
    """As before; and the record of the session decides from then on."""
    await write_former(client, prefix, "a", "b", keep_until=NOW + 1)
    use = Consumption("s", "a", "c", b"", NOW, NOW + 60)
    assert (await store.consume(use, now=NOW + 1)).is_first
    assert not (await store.consume(use, now=NOW + 1)).is_first


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
    await store.consume(Consumption(identity, "x", "y", b"", NOW, NOW + 60), now=NOW)
    assert await store.raise_retention(0) == 900


async def test_a_server_clock_an_hour_ahead_removes_no_live_revocation(store, client, prefix):
    """Redis measures lives by its own clock, so each key has more than an hour to spare."""
    await store.revoke(Revocation("token", "x", NOW + 1), now=NOW)
    await store.consume(Consumption("s", "x", "y", b"", NOW, NOW + 1), now=NOW)
    for key in ("t:x", "r:{s}"):
        await client.pexpire(f"{prefix}{key}", await client.pttl(f"{prefix}{key}") - 3_600_000)
    assert await denies(store, "x", now=NOW + 0.9)
    assert not (await store.consume(Consumption("s", "x", "y", b"", 0, 0), now=NOW + 0.9)).is_first


async def test_purging_is_left_to_redis(store):
    """It removes nothing and returns zero."""
    await store.revoke(Revocation("token", "x", NOW + 60), now=NOW)
    assert await store.purge(now=NOW + 1e6) == 0
    assert await denies(store, "x")
