"""What a pair says of its session: one CSRF token for all of it, and how long each token lives."""

import dataclasses
from datetime import timedelta

import pytest
from pydantic import TypeAdapter

from tests.support import NOW, engine_with, payload_of, signed
from tokenward import NEVER, ConfigurationError, TokenPair, TokenPolicy


async def both(engine, pair):
    """Give the claims of both tokens of a pair."""
    access = await engine.decode(pair.access_token)
    return access, await engine.decode(pair.refresh_token, type="refresh")


async def test_both_tokens_of_a_pair_carry_its_csrf_token(engine):
    """128 bits that nobody can guess, in letters that need no escape."""
    pair = await engine.issue_pair("alice")
    assert {claims.csrf for claims in await both(engine, pair)} == {pair.csrf_token}
    assert len(bytes.fromhex(pair.csrf_token)) == 16


async def test_it_is_none_of_the_other_identities(engine):
    """The ids of tokens and sessions are in logs and stores."""
    pair = await engine.issue_pair("alice")
    for claims in await both(engine, pair):
        assert pair.csrf_token not in {claims.sid, claims.jti}


async def test_each_session_has_its_own(engine):
    """Also two of the same user."""
    pairs = [await engine.issue_pair("alice") for _ in range(100)]
    assert len({pair.csrf_token for pair in pairs}) == 100


async def test_it_is_kept_over_refreshes(engine):
    """A page that was loaded before is good after."""
    pair = await engine.issue_pair("alice")
    for _ in range(3):
        successor = await engine.refresh(pair.refresh_token)
        assert successor.csrf_token == pair.csrf_token
        assert {claims.csrf for claims in await both(engine, successor)} == {pair.csrf_token}
        pair = successor


@pytest.mark.parametrize("csrf", [..., None, ""], ids=["absent", "null", "empty"])
async def test_a_refresh_token_without_one_gets_one(engine, csrf):
    """As for sessions that began elsewhere, or before there was such a claim."""
    first = await engine.refresh(signed(payload_of(type="refresh", csrf=csrf)))
    assert first.csrf_token
    assert {claims.csrf for claims in await both(engine, first)} == {first.csrf_token}
    second = await engine.refresh(first.refresh_token)
    assert second.csrf_token == first.csrf_token
    other = await engine.refresh(signed(payload_of(type="refresh", csrf=csrf, jti="other")))
    assert other.csrf_token != first.csrf_token


async def test_the_one_of_another_issuer_is_kept(engine):
    """flask-jwt-extended puts a UUID there."""
    csrf = "4d5c7d0b-9a0f-4c0c-8a5d-2f5f7a0f3a11"
    pair = await engine.refresh(signed(payload_of(type="refresh", csrf=csrf)))
    assert pair.csrf_token == csrf


async def test_a_pair_that_is_given_again_has_the_same(clock):
    """Within the grace, all of the pair is: also for a session that had none before."""
    engine = engine_with(clock)
    begun = await engine.issue_pair("alice")
    for token in (begun.refresh_token, signed(payload_of(type="refresh"))):
        pair = await engine.refresh(token)
        again = await engine.refresh(token)
        assert again == pair
        assert (again.csrf_token, again.refresh_expires_in) == (pair.csrf_token, 2_592_000)
        assert again.csrf_token is not None


async def test_a_lone_access_token_has_none(engine):
    """It belongs to no session, and is no token for cookies."""
    assert (await engine.decode(await engine.issue("alice"))).csrf is None


@pytest.mark.parametrize("argument", ["claims", "access_claims"])
async def test_callers_do_not_choose_it(engine, argument):
    """It is a registered claim, as every other that the engine judges by."""
    with pytest.raises(ConfigurationError, match="csrf"):
        await engine.issue_pair("alice", **{argument: {"csrf": "0"}})


async def test_a_hook_does_not_choose_it(engine):
    """Nor see it."""

    @engine.before_issue
    def choose(draft):
        assert "csrf" not in draft.claims
        draft.claims["csrf"] = "0"

    with pytest.raises(ConfigurationError, match="csrf"):
        await engine.issue_pair("alice")


async def test_a_pair_says_how_long_each_of_its_tokens_lives(engine, clock):
    """In whole seconds, as the tokens themselves have it."""
    clock.advance(0.75)
    pair = await engine.issue_pair(
        "alice", lifetime=timedelta(seconds=5), refresh_lifetime=timedelta(seconds=60.5)
    )
    access, refresh = await both(engine, pair)
    assert (pair.expires_in, pair.refresh_expires_in) == (5, 61)
    assert (access.exp, refresh.exp) == (NOW + 5, NOW + 61)
    zero = await engine.issue_pair("alice", refresh_lifetime=timedelta(0))
    assert (zero.expires_in, zero.refresh_expires_in) == (900, 0)


async def test_a_refreshed_pair_says_so_too(clock):
    """The end of the session cuts both."""
    engine = engine_with(clock, policy=TokenPolicy(session_lifetime=timedelta(hours=1)))
    pair = await engine.issue_pair("alice")
    assert (pair.expires_in, pair.refresh_expires_in) == (900, 3600)
    clock.advance(3000)
    pair = await engine.refresh(pair.refresh_token)
    assert (pair.expires_in, pair.refresh_expires_in) == (600, 600)


async def test_a_refresh_token_that_never_expires_says_nothing(clock):
    """None is not zero."""
    policy = TokenPolicy(required_claims={"iat", "sub", "jti", "type"}, refresh_lifetime=NEVER)
    pair = await engine_with(clock, policy=policy).issue_pair("alice")
    assert (pair.expires_in, pair.refresh_expires_in) == (900, None)


async def test_the_repr_of_a_pair_shows_nothing_that_opens_something(engine):
    """Neither token, nor what must come beside it."""
    pair = await engine.issue_pair("alice")
    shown = repr(pair)
    for secret in (pair.access_token, pair.refresh_token, pair.csrf_token):
        assert secret not in shown
    assert shown == (
        "TokenPair(expires_in=900, token_type='Bearer', scope='', refresh_expires_in=2592000)"
    )


async def test_a_pair_is_ready_for_json(engine):
    """With every field, and back."""
    pair = await engine.issue_pair("alice", scopes=["a"])
    adapter = TypeAdapter(TokenPair)
    assert adapter.validate_json(adapter.dump_json(pair)) == pair
    assert set(dataclasses.asdict(pair)) == {
        *("access_token", "refresh_token", "expires_in", "token_type", "scope"),
        *("refresh_expires_in", "csrf_token"),
    }
