"""Revoking tokens, sessions and subjects, and failing stores."""

import asyncio
import logging
import math
from datetime import timedelta

import pytest

from tests.support import (
    NOW,
    OTHER_SECRET,
    SECRET,
    FrozenClock,
    engine_with,
    payload_of,
    signed,
)
from tokenward import (
    NEVER,
    ConfigurationError,
    Key,
    KeyRing,
    MemoryStore,
    Revocation,
    StoreUnavailableError,
    TokenEngine,
    TokenExpiredError,
    TokenPolicy,
    TokenRevokedError,
)
from tokenward.errors import InvalidSignatureError, MissingClaimError

MONTH = 30 * 86_400


class BrokenStore(MemoryStore):
    """A store that cannot be reached."""

    async def is_revoked(self, **_):
        raise ConnectionError

    async def revoke(self, *_, **__):
        raise ConnectionError

    async def consume(self, *_, **__):
        raise ConnectionError


async def refused(engine, *tokens):
    """Return for each token whether it is refused as revoked."""
    answers = []
    for token in tokens:
        try:
            await engine.decode(token)
        except TokenRevokedError:
            answers.append(True)
        else:
            answers.append(False)
    return answers


async def test_a_revoked_token_is_refused_and_others_are_not(engine):
    """A token is revoked by its identity, given as text, bytes or claims."""
    tokens = [await engine.issue("alice") for _ in range(4)]
    await engine.revoke(tokens[0])
    await engine.revoke(tokens[1].encode())
    await engine.revoke(await engine.decode(tokens[2]))
    assert await refused(engine, *tokens) == [True, True, True, False]


async def test_another_text_of_the_same_token_is_refused_too(engine):
    """A token that was signed again with another header has the same jti."""
    first = signed(payload_of())
    second = signed(payload_of(), header={"typ": "JWT", "alg": "HS256"})
    assert first != second
    await engine.revoke(first)
    assert await refused(engine, first, second) == [True, True]


async def test_a_revoked_session_has_no_valid_token(engine):
    """Another session of the same user stays valid."""
    pair, other = await engine.issue_pair("alice"), await engine.issue_pair("alice")
    claims = await engine.decode(pair.access_token)
    await engine.revoke_session(claims.sid)
    assert await refused(engine, pair.access_token, other.access_token) == [True, False]
    with pytest.raises(TokenRevokedError):
        await engine.refresh(pair.refresh_token)


async def test_a_session_may_be_given_by_claims(engine):
    """Claims that belong to no session are refused."""
    pair = await engine.issue_pair("alice")
    await engine.revoke_session(await engine.decode(pair.access_token))
    assert await refused(engine, pair.access_token) == [True]
    with pytest.raises(MissingClaimError, match="sid"):
        await engine.revoke_session(await engine.decode(await engine.issue("alice")))


async def test_revoking_a_subject_denies_earlier_tokens(engine):
    """Tokens from before are denied, later ones are valid; another subject is not affected."""
    before, other = await engine.issue("alice"), await engine.issue("bob")
    await engine.revoke_subject("alice")
    after = await engine.issue("alice")
    assert await refused(engine, before, after, other) == [True, False, False]


async def test_a_token_issued_after_the_revocation_in_the_same_second_is_valid(engine, clock):
    """Subjects are revoked to the millisecond, in any order of revoking and issuing."""
    for _ in range(50):
        before = await engine.issue("alice")
        await engine.revoke_subject("alice")
        after = await engine.issue("alice")
        assert await refused(engine, before, after) == [True, False]
        clock.advance(0.0003)


@pytest.mark.parametrize("leeway", [0, 300])
async def test_a_login_before_the_revocation_by_its_own_clock_is_refused(clock, leeway):
    """Leeway does not apply: the times of both machines are compared as they are.

    A login on a machine that is 50 ms behind the one that revoked has to be repeated; one on a
    machine that is 30 s ahead, 5 s before the revocation, stays valid.
    """
    store, policy = MemoryStore(), TokenPolicy(leeway=timedelta(seconds=leeway))
    behind = FrozenClock()
    login, support = (engine_with(each, store=store, policy=policy) for each in (behind, clock))
    behind.now = NOW - 0.05
    await support.revoke_subject("alice")
    assert await refused(support, await login.issue("alice")) == [True]
    behind.now = NOW + 0.002
    assert await refused(support, await login.issue("alice")) == [False]
    ahead = signed(payload_of(NOW + 25))
    await support.revoke_subject("alice")
    clock.advance(25)
    assert await refused(support, ahead) == [False]


async def test_a_clock_that_is_set_back_after_a_revocation_is_followed(engine, clock):
    """The engine's time does not stand still until the clock has caught up."""
    clock.advance(3_600)
    for _ in range(3):
        await engine.revoke_subject("alice")
    assert engine.now() == pytest.approx(NOW + 3_600.003, abs=1e-6)
    clock.now = NOW
    assert engine.now() == NOW
    assert (await engine.decode(await engine.issue("bob"))).iat == NOW
    clock.advance(0.5)
    assert engine.now() == NOW + 0.5
    await engine.revoke_subject("bob")
    assert engine.now() == NOW + 0.501
    clock.now = NOW + 0.5015
    await engine.revoke_subject("bob")
    clock.now = NOW + 0.5
    assert engine.now() == NOW + 0.5


async def test_a_token_without_fractions_counts_for_its_whole_second(engine, clock):
    """A token of another library from the same second is denied: its exact time is unknown."""
    clock.now = NOW + 0.5
    await engine.revoke_subject("alice")
    assert await refused(engine, signed(payload_of(NOW))) == [True]


async def test_revoking_an_expired_token_succeeds(engine, clock):
    """No error is raised."""
    token = await engine.issue("alice")
    clock.advance(901)
    await engine.revoke(token)
    with pytest.raises(TokenExpiredError):
        await engine.decode(token)


async def test_revoking_twice_succeeds(engine):
    """No error is raised, and the token stays revoked."""
    token = await engine.issue("alice")
    await engine.revoke(token)
    await engine.revoke(token)
    assert await refused(engine, token) == [True]
    assert len(engine._revocation.store) == 1


async def test_a_forged_token_revokes_nothing(engine):
    """The signature of a token is verified first, so that a forged token revokes nothing."""
    with pytest.raises(InvalidSignatureError):
        await engine.revoke(signed(payload_of(), key=Key.from_secret(OTHER_SECRET)))
    assert len(engine._revocation.store) == 0


async def test_a_token_for_another_service_can_be_revoked(clock):
    """Issuer, audience and type are not checked."""
    engine = engine_with(clock, policy=TokenPolicy(audience="here"))
    await engine.revoke(signed(payload_of(aud="there", type="refresh")))
    assert len(engine._revocation.store) == 1


@pytest.mark.parametrize("value", ["", None, 7])
async def test_an_empty_session_or_subject_is_refused(engine, value):
    """Nothing is revoked by accident."""
    with pytest.raises((ConfigurationError, TypeError)):
        await engine.revoke_session(value)
    with pytest.raises((ConfigurationError, TypeError)):
        await engine.revoke_subject(value)


async def test_an_engine_without_a_store_says_what_is_lacking(clock):
    """Revoking and refreshing raise an error with the fix; decoding and issuing need no store."""
    engine = TokenEngine(KeyRing.from_secret(SECRET), clock=clock)
    pair = await engine.issue_pair("alice")
    claims = await engine.decode(pair.access_token)
    for call in (
        engine.revoke(claims),
        engine.revoke_session("s"),
        engine.revoke_subject("alice"),
        engine.refresh(pair.refresh_token),
    ):
        with pytest.raises(ConfigurationError, match="MemoryStore"):
            await call


async def test_records_are_kept_until_everything_they_deny_has_expired(clock):
    """A token until its exp, a session or subject for the longest lifetime, and 10 minutes more."""
    engine = engine_with(clock, policy=TokenPolicy(leeway=timedelta(seconds=10)))
    kept = []
    engine.on_revoke(kept.append)
    await engine.revoke(await engine.issue("alice"))
    await engine.revoke_session("s")
    await engine.revoke_subject("alice")
    assert kept[0].keep_until == NOW + 900 + 600
    assert kept[1] == Revocation("session", "s", NOW + MONTH + 600)
    assert kept[2] == Revocation("subject", "alice", NOW + MONTH + 600, NOW + 0.001)


async def test_tokens_that_never_expire_are_denied_for_ever(clock):
    """If tokens need not expire, revocations do not either."""
    policy = TokenPolicy(required_claims={"iat", "sub", "jti", "type"})
    engine = engine_with(clock, policy=policy)
    kept = []
    engine.on_revoke(kept.append)
    token = await engine.issue("alice", lifetime=NEVER)
    await engine.revoke(token)
    await engine.revoke_subject("bob")
    assert [each.keep_until for each in kept] == [math.inf, math.inf]
    clock.advance(10**9)
    assert await refused(engine, token) == [True]


async def test_an_outage_is_refused_everywhere(clock):
    """Reading and writing raise one error, with the store's own error as its cause."""
    engine = engine_with(clock, store=BrokenStore())
    pair = await engine.issue_pair("alice")
    for call in (
        engine.decode(pair.access_token),
        engine.refresh(pair.refresh_token),
        engine.revoke(pair.access_token),
        engine.revoke_session("s"),
        engine.revoke_subject("alice"),
    ):
        with pytest.raises(StoreUnavailableError) as caught:
            await call
        assert isinstance(caught.value.__cause__, ConnectionError)


async def test_a_policy_may_accept_an_outage_which_is_logged(clock, caplog):
    """Each token accepted without a check is logged, without any part of the token."""
    engine = engine_with(clock, policy=TokenPolicy(store_outage="accept"), store=BrokenStore())
    token = await engine.issue("alice")
    with caplog.at_level(logging.WARNING, "tokenward"):
        claims = await engine.decode(token)
    (record,) = caplog.records
    assert "ConnectionError" in record.getMessage()
    assert claims.jti not in record.getMessage()
    assert "alice" not in record.getMessage()


async def test_an_outage_is_never_accepted_for_a_refresh(clock):
    """Nobody knows whether the refresh token was used."""
    engine = engine_with(clock, policy=TokenPolicy(store_outage="accept"), store=BrokenStore())
    pair = await engine.issue_pair("alice")
    with pytest.raises(StoreUnavailableError):
        await engine.refresh(pair.refresh_token)


async def test_a_store_that_does_not_answer_in_time_is_an_outage(clock):
    """Each call ends after the store's timeout, also a hundred in parallel."""

    class Hanging(MemoryStore):
        timeout_seconds = 0.05

        async def is_revoked(self, **_):
            await asyncio.get_running_loop().create_future()

        async def revoke(self, *_, **__):
            await asyncio.get_running_loop().create_future()

        async def consume(self, *_, **__):
            await asyncio.get_running_loop().create_future()

    engine = engine_with(clock, store=Hanging())
    pair = await engine.issue_pair("alice")
    calls = [engine.decode(pair.access_token) for _ in range(100)]
    calls += [engine.revoke(pair.access_token), engine.refresh(pair.refresh_token)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(each) for each in answers} == {StoreUnavailableError}
    assert all(isinstance(each.__cause__, TimeoutError) for each in answers)


async def test_a_store_that_answers_in_time_counts(clock):
    """The timeout changes no result."""

    class Bounded(MemoryStore):
        timeout_seconds = 5.0

    engine = engine_with(clock, store=Bounded())
    pair = await engine.issue_pair("alice")
    assert await engine.refresh(pair.refresh_token)
    await engine.revoke(pair.access_token)
    assert await refused(engine, pair.access_token) == [True]


async def test_a_store_that_answers_neither_true_nor_false_is_a_mistake(clock):
    """A truthy result does not count."""

    class Vague(MemoryStore):
        async def is_revoked(self, **_):
            return 0

    with pytest.raises(TypeError, match="True or False"):
        await engine_with(clock, store=Vague()).decode(signed(payload_of()))
