"""How long records are kept: at least until everything that they deny has expired."""

import asyncio
import logging
import math
from datetime import timedelta

import pytest

from tests.support import NOW, SECRET, engine_with, payload_of, signed
from tokenward import (
    NEVER,
    Key,
    KeyRing,
    MemoryStore,
    RefreshTokenReusedError,
    StoreUnavailableError,
    TokenEngine,
    TokenExpiredError,
    TokenPolicy,
    TokenRevokedError,
)
from tokenward.errors import SigningKeyError

MINUTES_15 = timedelta(minutes=15)
DAY = 86_400
SPARE = 600
"""Twice the longest leeway."""

LOGIN = TokenPolicy(refresh_lifetime=timedelta(days=30), reuse_grace=timedelta(0))
API = TokenPolicy(access_lifetime=MINUTES_15, refresh_lifetime=MINUTES_15)


class Counting(MemoryStore):
    """A store that counts how often its retention was raised."""

    def __init__(self):
        super().__init__()
        self.raised: list[float] = []

    async def raise_retention(self, seconds):
        self.raised.append(seconds)
        return await super().raise_retention(seconds)


class Unreachable(MemoryStore):
    """A store that fails to raise its retention."""

    async def raise_retention(self, seconds):
        raise ConnectionError


def verifier(clock, store, **policy):
    """Return an engine whose keys cannot sign."""
    key = Key.from_jwk(KEY.public_jwk())
    return TokenEngine(KeyRing(key), policy=TokenPolicy(**policy), store=store, clock=clock)


KEY = Key.generate("EdDSA")


@pytest.mark.parametrize("by", ["session", "subject"])
async def test_a_service_with_short_lifetimes_revokes_for_one_with_long_ones(clock, by):
    """A session that the API ended stays ended until its refresh token has expired."""
    store = MemoryStore()
    login, api = (engine_with(clock, policy=policy, store=store) for policy in (LOGIN, API))
    pair = await login.issue_pair("alice")
    claims = await api.decode(pair.access_token)
    await (api.revoke_session(claims.sid) if by == "session" else api.revoke_subject("alice"))
    for day in (0.02, 1, 29.999):
        clock.now = NOW + day * DAY
        await store.purge(now=clock.now)
        with pytest.raises(TokenRevokedError):
            await login.refresh(pair.refresh_token)


async def test_a_token_that_is_too_old_is_still_revoked(clock):
    """Another engine with the same store may accept it."""
    store = MemoryStore()
    login, api = (engine_with(clock, policy=policy, store=store) for policy in (LOGIN, API))
    pair = await login.issue_pair("alice")
    clock.advance(DAY)
    await api.revoke(pair.refresh_token)
    with pytest.raises(TokenRevokedError):
        await login.refresh(pair.refresh_token)


@pytest.mark.parametrize("grows", ["leeway", "lifetime"])
async def test_a_more_tolerant_policy_accepts_no_revoked_token(clock, grows):
    """Revoked and used tokens stay refused with more leeway or a longer lifetime."""
    store = MemoryStore()
    short = TokenPolicy(refresh_lifetime=timedelta(hours=1), reuse_grace=timedelta(0))
    long = TokenPolicy(
        refresh_lifetime=timedelta(hours=1) if grows == "leeway" else timedelta(days=9),
        leeway=timedelta(minutes=5) if grows == "leeway" else timedelta(0),
        reuse_grace=timedelta(0),
    )
    now, then = (engine_with(clock, policy=policy, store=store) for policy in (short, long))
    issuer = now if grows == "leeway" else then
    used, revoked = [await issuer.issue_pair("alice") for _ in range(2)]
    await now.refresh(used.refresh_token)
    await now.revoke(revoked.refresh_token)
    clock.advance(3_600 + 299)
    await store.purge(now=clock.now)
    with pytest.raises(RefreshTokenReusedError):
        await then.refresh(used.refresh_token)
    with pytest.raises(TokenRevokedError):
        await then.refresh(revoked.refresh_token)


async def test_records_of_tokens_last_past_every_leeway(clock):
    """They last until the token's exp plus twice the longest leeway, whatever the policy."""
    kept, policy = [], TokenPolicy(max_token_age=timedelta(days=30))
    engine = engine_with(clock, policy=policy)
    engine.on_revoke(kept.append)
    for exp in (NOW + 60, NOW + 365 * DAY):
        await engine.revoke(signed(payload_of(exp=exp)))
    assert [each.keep_until for each in kept] == [NOW + 60 + SPARE, NOW + 365 * DAY + SPARE]


async def test_a_used_token_that_never_expires_stays_used(clock):
    """The record of a used token that never expires is never removed."""
    policy = TokenPolicy(
        required_claims={"iat", "sub", "jti", "type"},
        access_lifetime=NEVER,
        refresh_lifetime=NEVER,
    )
    store = MemoryStore()
    engine = engine_with(clock, policy=policy, store=store)
    pair = await engine.issue_pair("alice")
    await engine.refresh(pair.refresh_token)
    clock.advance(10**9)
    await store.purge(now=clock.now)
    with pytest.raises(RefreshTokenReusedError):
        await engine.refresh(pair.refresh_token)


async def test_claims_lengthen_the_record_of_their_session(clock):
    """A session revoked by a token's claims is denied at least until that token has expired.

    The first record is kept for as long: a second one might not be written.
    """

    class Listing(MemoryStore):
        async def revoke(self, revocation, *, now):
            written.append(revocation.keep_until)
            await super().revoke(revocation, now=now)

    written, kept, store = [], [], Listing()
    engine = verifier(clock, store)
    engine.on_revoke(kept.append)
    await store.raise_retention(3_600)
    token = signed(payload_of(sid="s", exp=NOW + 600, iat=NOW), key=KEY)
    long = signed(payload_of(sid="s", exp=NOW + 365 * DAY, iat=NOW), key=KEY)
    claims = [
        engine._validator.read_claims(engine._jws.verify(each).payload) for each in (token, long)
    ]
    for each in (*claims, claims[0].model_copy(update={"exp": None})):
        await engine.revoke_session(each)
    ends = [NOW + 3_600, NOW + 365 * DAY + SPARE, math.inf]
    assert [each.keep_until for each in kept] == ends
    assert written == ends


async def test_a_session_that_ends_by_a_reuse_is_denied_until_its_token_expires(clock):
    """Also if another issuer gave the token a longer lifetime than this engine gives."""
    kept = []
    engine = engine_with(clock, policy=TokenPolicy(reuse_grace=timedelta(0)))
    engine.on_revoke(kept.append)
    token = signed(payload_of(type="refresh", sid="s", exp=NOW + 365 * DAY))
    await engine.refresh(token)
    with pytest.raises(RefreshTokenReusedError):
        await engine.refresh(token)
    assert [each.keep_until for each in kept] == [NOW + 365 * DAY + SPARE]


async def test_records_are_kept_for_ever_if_no_lifetime_is_registered(clock):
    """An engine that only verifies registers nothing and reads the lifetimes of issuers."""
    kept, store = [], Counting()
    engine = verifier(clock, store)
    engine.on_revoke(kept.append)
    await engine.revoke_subject("alice")
    await engine.revoke_session("s")
    clock.advance(1)
    await store.raise_retention(90 * DAY)
    await engine.revoke_session("s")
    assert [each.keep_until for each in kept] == [math.inf, math.inf, NOW + 1 + 90 * DAY]
    assert set(store.raised) == {0, 90 * DAY}


async def test_a_maximum_age_counts_for_an_engine_that_only_verifies(clock):
    """Its `max_token_age` counts as an issuer's does."""
    kept, store = [], MemoryStore()
    engine = verifier(clock, store, max_token_age=timedelta(days=40))
    engine.on_revoke(kept.append)
    await engine.revoke_session("s")
    assert kept[0].keep_until == NOW + 40 * DAY + SPARE
    assert await store.raise_retention(0) == 40 * DAY + SPARE


class Racing(MemoryStore):
    """A store whose retention is raised, by another service, after each record."""

    async def revoke(self, revocation, *, now):
        await super().revoke(revocation, now=now)
        await self.raise_retention(90 * DAY)


async def test_a_record_that_is_written_again_denies_no_later_token(clock):
    """The subject's record keeps the time before which its tokens were issued."""
    kept = []
    engine = engine_with(clock, policy=API, store=Racing())
    engine.on_revoke(kept.append)
    await engine.revoke_subject("alice")

    clock.advance(1)
    assert (await engine.decode(await engine.issue("alice"))).sub == "alice"
    assert [(each.keep_until, each.issued_before) for each in kept] == [
        (NOW + 90 * DAY, NOW + 0.001)
    ]


# The name of the second one in the store is another.
@pytest.mark.parametrize("session", ["s", "5:alice"])
async def test_a_retention_that_is_raised_while_a_record_is_written_counts(clock, session):
    """The record is written again with the longer lifetime."""
    kept = []
    engine = engine_with(clock, policy=API, store=Racing())
    engine.on_revoke(kept.append)
    await engine.revoke_session(session)
    assert [(each.identity, each.keep_until) for each in kept] == [(session, NOW + 90 * DAY)]
    clock.advance(89 * DAY)
    with pytest.raises(TokenRevokedError):
        await engine.decode(signed(payload_of(clock.now, sid=session)))


async def test_a_lifetime_is_not_forgotten_with_the_data_of_the_store(clock):
    """An engine that once knew of longer tokens revokes for as long as they may still live."""

    class Forgetful(MemoryStore):
        """A store that knows of no other engine after it has lost its data."""

        is_empty = False

        async def raise_retention(self, seconds):
            return seconds if self.is_empty else await super().raise_retention(seconds)

    kept, store = [], Forgetful()
    await store.raise_retention(30 * DAY)
    engine = engine_with(clock, policy=API, store=store)
    engine.on_revoke(kept.append)
    await engine.revoke_session("before")
    store.is_empty = True
    await engine.revoke_session("at once")
    await engine.revoke_session("later")
    assert [each.keep_until for each in kept] == 3 * [NOW + 30 * DAY]


async def test_the_retention_is_registered_before_the_first_token_and_once_a_minute(clock):
    """Any method that issues may be the first; a busy service asks the store no more often."""
    for method in ("issue", "issue_pair"):
        store = Counting()
        engine = engine_with(clock, policy=API, store=store)
        for _ in range(5):
            await getattr(engine, method)("alice")
            clock.advance(10)
        assert store.raised == [900 + SPARE]
        clock.advance(10)
        await asyncio.gather(*(getattr(engine, method)("alice") for _ in range(9)))
        assert store.raised == 2 * [900 + SPARE]


async def test_the_first_registration_is_awaited_by_all_and_a_repeated_one_by_one_caller(clock):
    """No token is issued before the store knows its lifetime; a repetition delays one caller only."""

    class Held(Counting):
        def __init__(self):
            super().__init__()
            self.answers = asyncio.Event()

        async def raise_retention(self, seconds):
            await self.answers.wait()
            return await super().raise_retention(seconds)

    async def issued_while_held():
        """Count the tokens that are issued before the store answers, of three."""
        store.answers.clear()
        calls = [asyncio.ensure_future(engine.issue("alice")) for _ in range(3)]
        for _ in range(20):
            await asyncio.sleep(0)
        issued = sum(call.done() for call in calls)
        store.answers.set()
        await asyncio.gather(*calls)
        return issued

    store = Held()
    engine = engine_with(clock, store=store)
    assert await issued_while_held() == 0
    clock.advance(60)
    assert await issued_while_held() == 2


async def test_a_refresh_registers_too(clock):
    """A service that trades tokens of another service registers its own lifetimes."""
    store = Counting()
    pair = await engine_with(clock, policy=LOGIN).issue_pair("alice")
    await engine_with(clock, policy=LOGIN, store=store).refresh(pair.refresh_token)
    assert store.raised == [30 * DAY + SPARE]


async def test_a_clock_that_is_set_back_registers_again(clock):
    """A registration with a time in the future does not count."""
    store = Counting()
    engine = engine_with(clock, store=store)
    await engine.issue("alice")
    clock.advance(-3_600)
    await engine.issue("alice")
    assert len(store.raised) == 2


async def test_an_engine_that_cannot_issue_registers_nothing(clock):
    """An engine that cannot issue registers nothing, and raises an error when it signs."""
    store = Counting()
    with pytest.raises(SigningKeyError):
        await verifier(clock, store).issue("alice")
    assert store.raised == []


async def test_a_store_that_keeps_no_retention_is_an_outage(clock, caplog):
    """Nothing is issued unless the policy accepts outages, and nothing is ever refreshed."""
    strict = engine_with(clock, store=Unreachable())
    for call in (strict.issue("alice"), strict.issue_pair("alice")):
        with pytest.raises(StoreUnavailableError):
            await call
    lax = engine_with(clock, store=Unreachable(), policy=TokenPolicy(store_outage="accept"))
    caplog.clear()
    with caplog.at_level(logging.WARNING, "tokenward"):
        pair = await lax.issue_pair("alice")
    (record,) = caplog.records
    assert record.getMessage() == (
        "The revocation store or an is_revoked hook failed (ConnectionError); "
        "the policy accepts that."
    )
    with pytest.raises(StoreUnavailableError):
        await lax.refresh(pair.refresh_token)
    for call in (lax.revoke_session("s"), lax.revoke_subject("alice")):
        with pytest.raises(StoreUnavailableError):
            await call


async def test_a_registration_that_failed_is_tried_again(clock):
    """The next token repeats a failed registration, also if an earlier one succeeded."""

    class Patchy(Counting):
        is_down = True

        async def raise_retention(self, seconds):
            if self.is_down:
                raise TimeoutError
            return await super().raise_retention(seconds)

    store = Patchy()
    engine = engine_with(clock, store=store)
    for _ in range(2):
        store.is_down = True
        for _ in range(2):
            with pytest.raises(StoreUnavailableError):
                await engine.issue("alice")
        store.is_down = False
        await engine.issue("alice")
        clock.advance(60)
    assert len(store.raised) == 2


async def test_an_engine_without_a_store_registers_nothing(clock):
    """An engine without a store registers nothing, and can issue tokens."""
    assert await TokenEngine(KeyRing.from_secret(SECRET), clock=clock).issue("alice")


async def test_one_timeout_covers_all_calls_of_a_revocation(clock):
    """The writes and the read of the retention share it."""

    class Slow(MemoryStore):
        timeout_seconds = 0.05

        async def raise_retention(self, seconds):
            if self.is_slow:
                await asyncio.get_running_loop().create_future()
            return await super().raise_retention(seconds)

    store = Slow()
    store.is_slow = True
    engine = engine_with(clock, store=store)
    for call in (engine.revoke_session("s"), engine.issue("alice")):
        with pytest.raises(StoreUnavailableError) as caught:
            await call
        assert isinstance(caught.value.__cause__, TimeoutError)


async def test_an_expired_token_is_reported_as_expired_not_as_revoked(clock):
    """A record that is kept for longer does not change the error."""
    engine = engine_with(clock)
    token = await engine.issue("alice")
    await engine.revoke(token)
    clock.advance(901)
    with pytest.raises(TokenExpiredError):
        await engine.decode(token)
