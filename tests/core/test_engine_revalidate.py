"""`revalidate`: checking the claims of a decoded token again."""

import math
from datetime import timedelta

import pytest

from tests.support import SECRET, engine_with, payload_of, signed
from tokenward import (
    NEVER,
    KeyRing,
    MemoryStore,
    RefreshTokenReusedError,
    StoreUnavailableError,
    TokenEngine,
    TokenExpiredError,
    TokenPolicy,
    TokenRejectedError,
    TokenRevokedError,
)


@pytest.fixture
async def claims(engine):
    """Return the claims of a valid access token with a lifetime of 900 seconds."""
    return await engine.decode(await engine.issue("alice"))


async def test_the_result_is_the_seconds_that_are_left(engine, claims, clock):
    """The remaining seconds end exactly when the token expires."""
    assert await engine.revalidate(claims) == 900
    clock.advance(899.5)
    assert await engine.revalidate(claims) == 0.5
    for _ in range(2):
        clock.advance(0.5)
        with pytest.raises(TokenExpiredError):
            await engine.revalidate(claims)


async def test_leeway_and_the_maximum_age_count_as_in_decode(clock):
    """Both methods refuse the token from the same time on."""
    policy = TokenPolicy(
        leeway=timedelta(seconds=5),
        access_lifetime=timedelta(seconds=10),
        refresh_lifetime=timedelta(seconds=60),
    )
    engine = engine_with(clock, policy=policy)
    short = await engine.decode(await engine.issue("alice"))
    old = await engine.decode(signed(payload_of()))
    assert (await engine.revalidate(short), await engine.revalidate(old)) == (15, 65)


async def test_a_token_without_expiry_has_infinity_left(clock):
    """A token without an expiry has infinity left, but can still be revoked."""
    policy = TokenPolicy(required_claims={"iat", "sub", "jti", "type"}, access_lifetime=NEVER)
    engine = engine_with(clock, policy=policy)
    claims = await engine.decode(await engine.issue("alice"))
    clock.advance(1e9)
    assert await engine.revalidate(claims) == math.inf
    await engine.revoke(claims)
    with pytest.raises(TokenRevokedError):
        await engine.revalidate(claims)


async def test_every_kind_of_revocation_is_seen(engine):
    """A revocation of the token, its session or its subject refuses the claims."""
    pairs = [await engine.issue_pair("alice") for _ in range(3)]
    first, second, third = [await engine.decode(pair.access_token) for pair in pairs]
    await engine.revoke(first)
    await engine.revoke_session(second)
    for claims in (first, second):
        with pytest.raises(TokenRevokedError):
            await engine.revalidate(claims)
    assert await engine.revalidate(third)
    await engine.revoke_subject("alice")
    with pytest.raises(TokenRevokedError):
        await engine.revalidate(third)


async def test_a_second_use_of_the_refresh_token_is_seen(engine, clock):
    """Reuse of the refresh token ends the session, and so the access tokens of the session."""
    pair = await engine.issue_pair("alice")
    claims = await engine.decode(pair.access_token)
    await engine.refresh(pair.refresh_token)
    assert await engine.revalidate(claims)
    clock.advance(10)
    with pytest.raises(RefreshTokenReusedError):
        await engine.refresh(pair.refresh_token)
    with pytest.raises(TokenRevokedError):
        await engine.revalidate(claims)


class Down(MemoryStore):
    """A store that does not answer."""

    async def is_revoked(self, **_):
        raise TimeoutError


async def test_an_outage_refuses_unless_the_policy_accepts(claims, clock):
    """An outage refuses as in `decode`, unless the policy accepts it."""
    with pytest.raises(StoreUnavailableError):
        await engine_with(clock, store=Down()).revalidate(claims)
    accepting = engine_with(clock, store=Down(), policy=TokenPolicy(store_outage="accept"))
    assert await accepting.revalidate(claims) == 900


async def test_an_expired_token_is_refused_in_an_outage_too(clock, claims):
    """The store is not asked about it."""
    clock.advance(900)
    with pytest.raises(TokenExpiredError):
        await engine_with(clock, store=Down()).revalidate(claims)


async def test_the_hooks_of_revocation_are_asked_and_no_others(engine, claims):
    """`after_decode` hooks belong to a request and are not called."""
    seen = []
    engine.after_decode(seen.append)

    @engine.is_revoked
    async def refuse(claims):
        raise TokenRejectedError

    with pytest.raises(TokenRejectedError):
        await engine.revalidate(claims)
    assert seen == []


async def test_without_a_store_only_the_time_counts(clock, claims):
    """No revocation is possible."""
    engine = TokenEngine(KeyRing.from_secret(SECRET), clock=clock)
    clock.advance(899)
    assert await engine.revalidate(claims) == 1


async def test_a_token_issued_after_its_subject_was_revoked_is_valid(engine, clock):
    """Only tokens from before the revocation are refused."""
    await engine.revoke_subject("alice")
    later = await engine.decode(await engine.issue("alice"))
    assert await engine.revalidate(later) > 899
