"""Which checks a mirror answers itself, and which ones its inner store answers."""

import math
from datetime import timedelta

import pytest

from tests.stores.mirror.support import LoggedFeed, LoggedStore, denies, mirror_of, record, settle
from tests.support import NOW, FrozenClock, engine_with
from tokenward import (
    ConfigurationError,
    MemoryStore,
    StoreUnavailableError,
    TokenPolicy,
    TokenRevokedError,
)
from tokenward.stores import PrefixedStore
from tokenward.stores.mirror import MirroredStore


async def test_a_check_asks_nobody_while_the_picture_is_fresh(inner, uptime):
    """Until the picture is older than `max_staleness`, and again after the next read."""
    await inner.revoke(record(), now=NOW)
    async with mirror_of(inner, clock=uptime) as mirror:
        assert mirror.lag_seconds == math.inf
        await mirror.catch_up()
        await settle()
        assert (mirror.lag_seconds, mirror.records, mirror.fallbacks) == (0, 1, 0)
        uptime.seconds += 60
        assert mirror.lag_seconds == 60
        for _ in range(100):
            assert await denies(mirror)
            assert not await denies(mirror, "y")
        assert (inner.checks, mirror.fallbacks) == (0, 0)

        uptime.seconds += 0.001
        assert await denies(mirror)
        assert not await denies(mirror, "y")
        assert (inner.checks, mirror.fallbacks) == (2, 2)
        await mirror.catch_up()
        assert await denies(mirror)
        assert inner.checks == 2


async def test_before_the_first_picture_the_inner_store_is_asked(inner):
    """The first check begins to read, so that later checks need not ask."""
    await inner.revoke(record(), now=NOW)
    async with mirror_of(inner) as mirror:
        assert await denies(mirror)
        assert (inner.checks, mirror.fallbacks) == (1, 1)
        await settle()
        assert await denies(mirror)
        assert (inner.checks, mirror.fallbacks) == (1, 1)


async def test_revocations_of_other_processes_are_denied(opened):
    """Those from before the mirror as well as later ones, whatever the identity looks like."""
    identities = ["x", "é", "sha256:x", "a\nb", "x" * 4000, "\ud800"]
    cases = [(kind, each) for kind in ("token", "session", "subject") for each in identities]
    async with opened() as inner, opened() as other:
        for kind, identity in cases:
            await other.revoke(record(f"{identity} before", kind), now=NOW)
        async with mirror_of(inner) as mirror:
            await mirror.catch_up()
            for kind, identity in cases:
                await other.revoke(record(f"{identity} after", kind), now=NOW)
            await mirror.catch_up()
            for kind, identity in cases:
                for when in ("before", "after"):
                    assert await denies(mirror, f"{identity} {when}", kind)
                assert not await denies(mirror, identity, kind)
            assert (mirror.fallbacks, mirror.records) == (0, 2 * len(cases))


async def test_the_times_of_records_are_mirrored(opened):
    """The end of a record, and for a subject the time before which its tokens are denied."""
    async with opened() as inner, opened() as other, mirror_of(inner) as mirror:
        await mirror.catch_up()
        await other.revoke(record(), now=NOW)
        await other.revoke(record(keep_until=NOW + 30), now=NOW)
        await other.revoke(record("ever", keep_until=math.inf), now=NOW)
        await other.revoke(record("a", "subject", issued_before=NOW + 2), now=NOW)
        await other.revoke(record("a", "subject", issued_before=NOW + 1), now=NOW)
        await mirror.catch_up()
        assert await denies(mirror, now=NOW + 59.9)
        assert not await denies(mirror, now=NOW + 60)
        assert await denies(mirror, "ever", now=NOW + 800)
        assert await denies(mirror, "a", "subject", issued_at=NOW + 1.9)
        assert not await denies(mirror, "a", "subject", issued_at=NOW + 2)
        assert not await denies(mirror, "a", "subject", now=NOW + 60)
        assert mirror.fallbacks == 0


@pytest.mark.parametrize("kind", ["token", "session", "subject"])
async def test_own_revocations_count_at_once(opened, kind):
    """Before the mirror has read them, and while it reads them."""
    async with opened() as inner, mirror_of(inner) as mirror:
        await mirror.catch_up()
        await mirror.revoke(record(kind=kind, issued_before=NOW + 1), now=NOW)
        assert await denies(mirror, kind=kind)
        assert not await denies(mirror, kind=kind, now=NOW + 60)
        assert await denies(mirror, kind=kind, issued_at=NOW + 1) == (kind != "subject")
        await mirror.revoke(record(kind=kind), now=NOW)
        assert await denies(mirror, kind=kind, issued_at=NOW + 1)
        await mirror.catch_up()
        assert await denies(mirror, kind=kind, issued_at=NOW + 1)
        assert (mirror.fallbacks, mirror.records) == (0, 1)


async def test_a_revocation_that_the_inner_store_refuses_is_an_error(inner):
    """It is not kept in memory alone, where no other process sees it."""
    async with mirror_of(inner) as mirror:
        await mirror.catch_up()
        inner.is_down = True
        with pytest.raises(ConnectionError):
            await mirror.revoke(record(), now=NOW)
        assert not await denies(mirror)


@pytest.mark.parametrize("issued_at", [NOW - 900.001, None])
async def test_tokens_that_may_be_older_than_the_picture_are_asked_for(inner, issued_at):
    """Those older than `access_lifetime`, and those without an issue time."""
    async with mirror_of(inner) as mirror:
        await mirror.catch_up()
        assert not await denies(mirror, issued_at=NOW - 900)
        assert mirror.fallbacks == 0
        assert not await denies(mirror, issued_at=issued_at)
        assert (inner.checks, mirror.fallbacks) == (1, 1)


async def test_a_token_without_identities_is_not_denied(inner):
    """As in every store."""
    async with mirror_of(inner) as mirror:
        await mirror.catch_up()
        await mirror.revoke(record(), now=NOW)
        assert not await mirror.is_revoked(jti="", sid=None, sub="", issued_at=NOW, now=NOW)
        assert mirror.fallbacks == 0


@pytest.mark.parametrize("has_prefix", [False, True])
async def test_refresh_tokens_are_checked_in_the_inner_store(inner, has_prefix):
    """A session that another process has just revoked gets no new tokens."""
    async with mirror_of(inner) as mirror:
        await mirror.catch_up()
        store, other = mirror, inner
        if has_prefix:
            store, other = PrefixedStore(mirror, "issuer"), PrefixedStore(inner, "issuer")
        clock = FrozenClock()
        engine, elsewhere = engine_with(clock, store=store), engine_with(clock, store=other)
        pair = await engine.issue_pair("alice")
        await elsewhere.revoke_session(await elsewhere.decode(pair.access_token))
        checks = inner.checks
        assert await engine.decode(pair.access_token)
        assert inner.checks == checks
        with pytest.raises(TokenRevokedError):
            await engine.refresh(pair.refresh_token)
        with pytest.raises(TokenRevokedError):
            await engine.decode(pair.refresh_token, type="refresh")
        assert mirror.fallbacks == 0
        await mirror.catch_up()
        with pytest.raises(TokenRevokedError):
            await engine.decode(pair.access_token)


@pytest.mark.parametrize("choice", ["refuse", "accept"])
async def test_the_policy_decides_about_an_outage_of_both(inner, uptime, choice):
    """While the picture is fresh, an outage of the inner store changes no check."""
    async with mirror_of(inner, clock=uptime) as mirror:
        clock = FrozenClock()
        engine = engine_with(clock, policy=TokenPolicy(store_outage=choice), store=mirror)
        token, revoked = await engine.issue("alice"), await engine.issue("alice")
        await engine.revoke(revoked)
        await mirror.catch_up()
        inner.is_down = True
        assert await engine.decode(token)
        with pytest.raises(TokenRevokedError):
            await engine.decode(revoked)
        uptime.seconds += 60.1
        if choice == "accept":
            assert await engine.decode(token)
        else:
            with pytest.raises(StoreUnavailableError):
                await engine.decode(token)


async def test_the_rest_of_the_protocol_is_the_inner_store(opened):
    """The retention, the timeout, purging and the health."""
    async with opened() as inner, mirror_of(inner) as mirror:
        assert await mirror.raise_retention(60) == 60
        assert await inner.raise_retention(0) == 60
        await mirror.ping()
        assert await mirror.purge(now=NOW) == 0
        await mirror.create_tables()
        assert mirror.timeout_seconds == inner.timeout_seconds
        assert mirror.needs_purge == inner.needs_purge


async def test_a_feed_that_cannot_be_read_is_an_outage_of_the_ping():
    """Unless the picture is fresh."""

    class Unreadable(LoggedStore):
        def feed(self, seconds):
            return UnreadableFeed(self)

    class UnreadableFeed(LoggedFeed):
        async def read(self, position):
            raise PermissionError

    async with mirror_of(Unreadable()) as mirror:
        with pytest.raises(StoreUnavailableError, match=r"MirroredStore.*PermissionError"):
            await mirror.ping()


@pytest.mark.parametrize(
    ("other", "options", "message"),
    [
        (MemoryStore(), {}, "feed.*RedisStore"),
        (None, {"max_staleness": 1}, "max_staleness"),
        (None, {"max_staleness": timedelta(milliseconds=99)}, "100 milliseconds"),
        (None, {"max_staleness": timedelta(seconds=61)}, "a minute"),
        (None, {"access_lifetime": timedelta(0)}, "access_lifetime"),
        (None, {"access_lifetime": 900}, "access_lifetime"),
    ],
)
def test_wrong_arguments_are_refused(inner, other, options, message):
    """With the argument and the fix."""
    with pytest.raises(ConfigurationError, match=message):
        MirroredStore(inner if other is None else other, **options)
