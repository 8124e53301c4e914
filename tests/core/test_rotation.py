"""Refreshing: a refresh token is used once, and a second use ends the session."""

import asyncio
from datetime import timedelta

import pytest

from tests.support import NOW, SECRET, FrozenClock, ShopClaims, engine_with, payload_of, signed
from tokenward import (
    NEVER,
    Claims,
    KeyRing,
    MemoryStore,
    RefreshTokenReusedError,
    TokenEngine,
    TokenExpiredError,
    TokenPolicy,
    TokenRevokedError,
)
from tokenward.errors import MissingClaimError, WrongTokenTypeError

NO_GRACE = TokenPolicy(reuse_grace=timedelta(0))


async def test_a_refresh_returns_a_new_pair_of_the_same_session(clock):
    """Subject, session, scope, audience and claims are copied to the new pair; the times are new."""
    engine = engine_with(clock, policy=TokenPolicy(audience={"here", "there"}))
    pair = await engine.issue_pair(
        "alice", claims={"foo": ["fiz"]}, scopes=["a"], audience="there", fresh=True
    )
    before = await engine.decode(pair.access_token)
    clock.advance(60)
    successor = await engine.refresh(pair.refresh_token)
    after = await engine.decode(successor.access_token)
    assert (after.sub, after.sid, after.scope) == ("alice", before.sid, "a")
    assert after.aud == "there"
    assert after.extra == {"foo": ["fiz"]}
    assert (after.iat, after.exp) == (NOW + 60, NOW + 960)
    assert after.jti != before.jti
    assert successor.scope == "a"


async def test_a_refreshed_token_is_not_fresh_and_keeps_the_login_time(engine, clock):
    """A refresh is not a login: the token is not fresh, and auth_time stays that of the login."""
    pair = await engine.issue_pair("alice", fresh=True)
    clock.advance(60)
    claims = await engine.decode((await engine.refresh(pair.refresh_token)).access_token)
    assert (claims.fresh, claims.auth_time) == (False, NOW)


@pytest.mark.parametrize(
    "scope", ["orders:read", "orders:read profile", ["orders:read", "profile"]], ids=str
)
async def test_all_scopes_survive_a_refresh(engine, scope):
    """A refresh copies exactly the scopes, whether the claim is text or an array."""
    pair = await engine.refresh(signed(payload_of(type="refresh", scope=scope)))
    expected = {"orders:read", "profile"} if "profile" in str(scope) else {"orders:read"}
    assert (await engine.decode(pair.access_token)).scopes == expected
    assert set(pair.scope.split()) == expected


async def test_typed_claims_survive_a_refresh(clock):
    """The claims of the user's model are copied as written, including defaults."""
    engine = TokenEngine(
        KeyRing.from_secret(SECRET), claims_model=ShopClaims, store=MemoryStore(), clock=clock
    )
    pair = await engine.issue_pair("alice", claims={"tenant": "acme", "more": 1})
    claims = await engine.decode((await engine.refresh(pair.refresh_token)).access_token)
    assert (claims.tenant, claims.roles, claims.extra) == ("acme", (), {"more": 1})


async def test_a_chain_of_refreshes_stays_one_session(engine, clock):
    """Each refresh token works once, and earlier access tokens stay valid."""
    pair = await engine.issue_pair("alice")
    access = [pair.access_token]
    for _ in range(5):
        clock.advance(1)
        pair = await engine.refresh(pair.refresh_token)
        access.append(pair.access_token)
    sessions = {(await engine.decode(token)).sid for token in access}
    assert len(sessions) == 1


async def test_a_second_use_after_the_grace_ends_the_session(engine, clock):
    """R1 -> R2 -> R3, then R1 again: R3 and its access token are refused."""
    first = await engine.issue_pair("alice")
    second = await engine.refresh(first.refresh_token)
    third = await engine.refresh(second.refresh_token)
    clock.advance(10)
    with pytest.raises(RefreshTokenReusedError):
        await engine.refresh(first.refresh_token)
    for call in (engine.decode(third.access_token), engine.refresh(third.refresh_token)):
        with pytest.raises(TokenRevokedError):
            await call


async def test_other_sessions_of_the_user_stay_valid_after_a_reuse(engine, clock):
    """Only the session of the reused token ends."""
    stolen, other = await engine.issue_pair("alice"), await engine.issue_pair("alice")
    await engine.refresh(stolen.refresh_token)
    clock.advance(10)
    with pytest.raises(RefreshTokenReusedError):
        await engine.refresh(stolen.refresh_token)
    assert await engine.refresh(other.refresh_token)


async def test_a_refresh_token_without_sid_begins_a_session(engine, clock):
    """Reuse is also detected for tokens of libraries without sessions."""
    token = signed(payload_of(type="refresh"))
    successor = await engine.refresh(token)
    assert (await engine.decode(successor.access_token)).sid == payload_of()["jti"]
    clock.advance(10)
    with pytest.raises(RefreshTokenReusedError):
        await engine.refresh(token)
    with pytest.raises(TokenRevokedError):
        await engine.decode(successor.access_token)


async def test_a_reused_root_without_sid_is_reported_once(engine, clock):
    """The session of a token without sid is named by its jti; its reuse is reported once."""
    told = []
    engine.on_reuse(told.append)
    token = signed(payload_of(type="refresh"))
    await engine.refresh(token)
    clock.advance(10)
    with pytest.raises(RefreshTokenReusedError):
        await engine.refresh(token)
    for _ in range(49):
        with pytest.raises(TokenRevokedError):
            await engine.refresh(token)
    assert len(told) == 1


async def test_a_root_without_sid_can_be_logged_out(engine):
    """Revoking the session by the claims of its first token refuses all later tokens."""
    token = signed(payload_of(type="refresh"))
    claims = await engine.decode(token, type="refresh")
    successor = await engine.refresh(token)
    await engine.revoke_session(claims)
    for call in (engine.decode(successor.access_token), engine.refresh(successor.refresh_token)):
        with pytest.raises(TokenRevokedError):
            await call


async def test_an_access_token_does_not_refresh(engine):
    """Only a refresh token can be refreshed."""
    with pytest.raises(WrongTokenTypeError):
        await engine.refresh(await engine.issue("alice"))


async def test_an_expired_or_revoked_refresh_token_is_refused(engine, clock):
    """An expired or revoked refresh token is refused before anything is consumed or issued."""
    issued = []
    engine.before_issue(issued.append)
    revoked, expired = (
        signed(payload_of(type="refresh")),
        signed(payload_of(type="refresh", jti="x")),
    )
    await engine.revoke(revoked)
    with pytest.raises(TokenRevokedError):
        await engine.refresh(revoked)
    clock.advance(901)
    with pytest.raises(TokenExpiredError):
        await engine.refresh(expired)
    assert issued == []


@pytest.mark.parametrize("sid", ["s", ...], ids=["in a session", "without a session"])
@pytest.mark.parametrize("jti", ["", ...], ids=["empty", "absent"])
async def test_a_refresh_token_needs_an_identity(clock, jti, sid):
    """Without a jti, a second use cannot be detected, whatever the session."""
    policy = TokenPolicy(required_claims={"exp", "type"})
    engine = engine_with(clock, policy=policy)
    with pytest.raises(MissingClaimError) as caught:
        await engine.refresh(signed(payload_of(type="refresh", jti=jti, sid=sid)))
    assert caught.value.claim == "jti"


async def test_a_hook_that_fails_leaves_the_old_token_valid(engine):
    """The new pair is made before the old token is consumed."""
    pair = await engine.issue_pair("alice")
    failing = True

    @engine.before_issue
    def fail(draft):
        if failing:
            raise LookupError

    with pytest.raises(LookupError):
        await engine.refresh(pair.refresh_token)
    failing = False
    assert await engine.refresh(pair.refresh_token)


async def test_a_revocation_during_a_refresh_covers_the_new_tokens(clock):
    """If a subject is revoked during a refresh, it has no valid token afterwards."""

    class Interrupted(MemoryStore):
        async def consume(self, jti, **times):
            await engine.revoke_subject("alice")
            return await super().consume(jti, **times)

    engine: TokenEngine[Claims] = engine_with(clock, store=Interrupted())
    pair = await engine.issue_pair("alice")
    successor = await engine.refresh(pair.refresh_token)
    for call in (engine.decode(successor.access_token), engine.refresh(successor.refresh_token)):
        with pytest.raises(TokenRevokedError):
            await call


async def test_without_grace_one_of_concurrent_uses_wins(clock: FrozenClock):
    """Of five hundred concurrent uses, one gets a pair; all others count as reuse."""

    class Yielding(MemoryStore):
        async def is_revoked(self, **token):
            await asyncio.sleep(0)
            return await super().is_revoked(**token)

    engine = engine_with(clock, store=Yielding(), policy=NO_GRACE)
    pair = await engine.issue_pair("alice")
    answers = await asyncio.gather(
        *(engine.refresh(pair.refresh_token) for _ in range(500)), return_exceptions=True
    )
    pairs = [each for each in answers if not isinstance(each, Exception)]
    errors = [each for each in answers if isinstance(each, Exception)]
    assert len(pairs) == 1
    assert {type(each) for each in errors} <= {RefreshTokenReusedError, TokenRevokedError}
    with pytest.raises(TokenRevokedError):
        await engine.decode(pairs[0].access_token)


async def test_access_claims_are_not_copied(engine):
    """Lasting claims are in both tokens and their successors, access claims in one access token."""
    pair = await engine.issue_pair("alice", claims={"last": 1}, access_claims={"once": 2})
    first = await engine.decode(pair.access_token)
    refresh = await engine.decode(pair.refresh_token, type="refresh")
    second = await engine.decode((await engine.refresh(pair.refresh_token)).access_token)
    assert (first.extra, refresh.extra) == ({"last": 1, "once": 2}, {"last": 1})
    assert second.extra == {"last": 1}


async def test_an_idle_session_ends_with_its_refresh_token(clock):
    """Each refresh starts the idle time again; without a refresh, the session ends."""
    engine = engine_with(clock, policy=TokenPolicy(refresh_lifetime=timedelta(hours=1)))
    pair = await engine.issue_pair("alice")
    for _ in range(5):
        clock.advance(3599)
        pair = await engine.refresh(pair.refresh_token)
    clock.advance(3600)
    with pytest.raises(TokenExpiredError):
        await engine.refresh(pair.refresh_token)


async def test_a_session_ends_despite_refreshes(clock):
    """Its last tokens expire with it, and their expires_in shows that."""
    policy = TokenPolicy(
        access_lifetime=timedelta(minutes=10),
        refresh_lifetime=timedelta(hours=1),
        session_lifetime=timedelta(hours=2),
    )
    engine = engine_with(clock, policy=policy)
    pair = await engine.issue_pair("alice")
    assert (await engine.decode(pair.refresh_token, type="refresh")).exp == NOW + 3600
    for _ in range(3):
        clock.advance(2399)
        pair = await engine.refresh(pair.refresh_token)
    assert pair.expires_in == 3
    assert (await engine.decode(pair.access_token)).exp == NOW + 7200
    assert (await engine.decode(pair.refresh_token, type="refresh")).exp == NOW + 7200
    clock.now = NOW + 7200
    with pytest.raises(TokenExpiredError):
        await engine.refresh(pair.refresh_token)


async def expiry_of(engine, token):
    """Return when a refresh token expires and when its session ends."""
    claims = await engine.decode(token, type="refresh")
    return claims.exp, claims.session_exp


async def test_a_session_that_began_with_one_token_ends_as_well(clock):
    """The lifetime counts from the issue of the first token, which does not outlive the session."""
    policy = TokenPolicy(session_lifetime=timedelta(hours=2))
    engine = engine_with(clock, policy=policy)
    token = await engine.issue("alice", type="refresh")
    assert await expiry_of(engine, token) == (NOW + 7200, NOW + 7200)
    for _ in range(3):
        clock.advance(2399)
        token = (await engine.refresh(token)).refresh_token
        assert await expiry_of(engine, token) == (NOW + 7200, NOW + 7200)
    clock.now = NOW + 7200
    with pytest.raises(TokenExpiredError):
        await engine.refresh(token)


@pytest.mark.parametrize(
    ("claims", "end"),
    [
        ({}, NOW + 7200),
        ({"auth_time": NOW - 3600}, NOW + 3600),
        ({"auth_time": NOW - 3600, "session_exp": NOW + 60}, NOW + 60),
        ({"session_exp": NOW + 60}, NOW + 60),
        ({"session_exp": NOW + 9000}, NOW + 7200),
        ({"auth_time": NOW - 7199.5}, NOW),
        ({"auth_time": NOW - 7200.5}, NOW - 1),
    ],
    ids=["iat", "auth_time", "both", "token", "policy", "last second", "within the leeway"],
)
async def test_a_session_from_before_the_policy_had_a_lifetime_ends(clock, claims, end):
    """It ends with the token or by the policy, from the login or the issue, whichever is earlier."""
    policy = TokenPolicy(session_lifetime=timedelta(hours=2), leeway=timedelta(seconds=2))
    engine = engine_with(clock, policy=policy)
    token = signed(payload_of(type="refresh", exp=NOW + 86_400, sid="s", **claims))
    pair = await engine.refresh(token)
    assert pair.expires_in == max(0, min(900, end - NOW))
    assert await expiry_of(engine, pair.refresh_token) == (end, end)


async def test_a_session_whose_beginning_is_unknown_ends_after_the_next_refresh(clock):
    """A foreign token may have neither ``auth_time`` nor ``iat``: its successor has an ``iat``."""
    policy = TokenPolicy(
        required_claims={"exp", "jti", "type"}, session_lifetime=timedelta(hours=2)
    )
    engine = engine_with(clock, policy=policy)
    pair = await engine.refresh(signed(payload_of(type="refresh", iat=..., sid="s")))
    assert (await expiry_of(engine, pair.refresh_token))[1] is None
    clock.advance(60)
    pair = await engine.refresh(pair.refresh_token)
    assert await expiry_of(engine, pair.refresh_token) == (NOW + 7200, NOW + 7200)


async def test_a_session_that_has_ended_by_the_policy_is_not_refreshed(clock):
    """The token counts as expired, including leeway; nothing is issued or consumed."""
    long_ago = payload_of(type="refresh", exp=NOW + 86_400, sid="s", auth_time=NOW - 7201)
    store = MemoryStore()
    lasts, leeway = timedelta(hours=2), timedelta(seconds=1)
    strict = engine_with(
        clock, store=store, policy=TokenPolicy(session_lifetime=lasts, leeway=leeway)
    )
    with pytest.raises(TokenExpiredError):
        await strict.refresh(signed(long_ago))
    longer = engine_with(clock, store=store, policy=TokenPolicy(session_lifetime=2 * lasts))
    assert await longer.refresh(signed(long_ago))


async def test_a_session_without_expiring_tokens_may_still_end(clock):
    """Tokens with the lifetime NEVER expire with their session."""
    policy = TokenPolicy(
        required_claims={"iat", "sub", "jti", "type"},
        access_lifetime=NEVER,
        refresh_lifetime=NEVER,
        session_lifetime=timedelta(hours=2),
    )
    pair = await engine_with(clock, policy=policy).issue_pair("alice")
    assert pair.expires_in == 7200


async def test_a_refresh_cancelled_at_any_point_leaves_at_most_one_valid_token(clock):
    """At every await of a refresh, the old token still works, or it is consumed."""

    class Slow(MemoryStore):
        async def is_revoked(self, **token):
            await asyncio.sleep(0)
            return await super().is_revoked(**token)

        async def consume(self, consumption, *, now):
            await asyncio.sleep(0)
            consumed = await super().consume(consumption, now=now)
            await asyncio.sleep(0)
            return consumed

    engine = engine_with(clock, store=Slow(), policy=NO_GRACE)
    outcomes = set()
    for turns in range(8):
        pair = await engine.issue_pair("alice")
        task = asyncio.create_task(engine.refresh(pair.refresh_token))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        answer = (await asyncio.gather(task, return_exceptions=True))[0]
        try:
            await engine.refresh(pair.refresh_token)
        except RefreshTokenReusedError:
            outcomes.add("consumed")
        else:
            outcomes.add("still valid")
            assert isinstance(answer, asyncio.CancelledError)
    assert outcomes == {"consumed", "still valid"}


async def test_a_clock_that_is_set_back_allows_no_second_use():
    """A refresh checks and consumes the token with one and the same time."""
    times = [NOW]
    engine = engine_with(lambda: times.pop(0) if len(times) > 1 else times[0])
    token = signed(payload_of(type="refresh", exp=NOW + 100, sid="s"))
    for _ in range(2):
        times[:] = [NOW + 100, NOW + 100, NOW + 99.999]
        with pytest.raises(TokenExpiredError):
            await engine.refresh(token)
