"""The CSRF token and the lifetimes in a pair of tokens."""

import dataclasses
from datetime import timedelta

import pytest
from pydantic import TypeAdapter

from tests.support import NOW, engine_with, payload_of, signed
from tokenward import NEVER, ConfigurationError, TokenPair, TokenPolicy


async def both(engine, pair):
    """Return the claims of both tokens of a pair."""
    access = await engine.decode(pair.access_token)
    return access, await engine.decode(pair.refresh_token, type="refresh")


async def test_both_tokens_of_a_pair_carry_its_csrf_token(engine):
    """The token has 128 random bits, in characters that need no escaping."""
    pair = await engine.issue_pair("alice")
    assert {claims.csrf for claims in await both(engine, pair)} == {pair.csrf_token}
    assert len(bytes.fromhex(pair.csrf_token)) == 16


async def test_the_csrf_token_differs_from_the_other_identities(engine):
    """Other identities are in logs and stores, so they cannot serve as CSRF tokens."""
    pair = await engine.issue_pair("alice")
    for claims in await both(engine, pair):
        assert pair.csrf_token not in {claims.sid, claims.jti}


async def test_each_session_has_its_own_csrf_token(engine):
    """Two sessions of the same user have different CSRF tokens."""
    pairs = [await engine.issue_pair("alice") for _ in range(100)]
    assert len({pair.csrf_token for pair in pairs}) == 100


async def test_a_refresh_keeps_the_csrf_token(engine):
    """A page that was loaded before a refresh stays usable."""
    pair = await engine.issue_pair("alice")
    for _ in range(3):
        successor = await engine.refresh(pair.refresh_token)
        assert successor.csrf_token == pair.csrf_token
        assert {claims.csrf for claims in await both(engine, successor)} == {pair.csrf_token}
        pair = successor


@pytest.mark.parametrize("csrf", [..., None, ""], ids=["absent", "null", "empty"])
async def test_a_refresh_adds_a_missing_csrf_token(engine, csrf):
    """Sessions that began without the claim get a CSRF token at the first refresh."""
    first = await engine.refresh(signed(payload_of(type="refresh", csrf=csrf)))
    assert first.csrf_token
    assert {claims.csrf for claims in await both(engine, first)} == {first.csrf_token}
    second = await engine.refresh(first.refresh_token)
    assert second.csrf_token == first.csrf_token
    other = await engine.refresh(signed(payload_of(type="refresh", csrf=csrf, jti="other")))
    assert other.csrf_token != first.csrf_token


async def test_a_csrf_token_of_another_library_is_kept(engine):
    """flask-jwt-extended writes a UUID, which the successors keep."""
    csrf = "4d5c7d0b-9a0f-4c0c-8a5d-2f5f7a0f3a11"
    pair = await engine.refresh(signed(payload_of(type="refresh", csrf=csrf)))
    assert pair.csrf_token == csrf


async def test_a_pair_that_is_returned_again_has_the_same_csrf_token(clock):
    """Within the grace the whole pair is the same, also for a session that had no CSRF token before."""
    engine = engine_with(clock)
    begun = await engine.issue_pair("alice")
    for token in (begun.refresh_token, signed(payload_of(type="refresh"))):
        pair = await engine.refresh(token)
        again = await engine.refresh(token)
        assert again == pair
        assert (again.csrf_token, again.refresh_expires_in) == (pair.csrf_token, 2_592_000)
        assert again.csrf_token is not None


async def test_a_single_access_token_has_no_csrf_token(engine):
    """It belongs to no session and is not meant for cookies."""
    assert (await engine.decode(await engine.issue("alice"))).csrf is None


@pytest.mark.parametrize("argument", ["claims", "access_claims"])
async def test_callers_cannot_set_the_csrf_token(engine, argument):
    """The claim is reserved, as all registered claims are."""
    with pytest.raises(ConfigurationError, match="csrf"):
        await engine.issue_pair("alice", **{argument: {"csrf": "0"}})


async def test_a_hook_cannot_set_the_csrf_token(engine):
    """A before_issue hook neither sees nor sets the claim."""

    @engine.before_issue
    def choose(draft):
        assert "csrf" not in draft.claims
        draft.claims["csrf"] = "0"

    with pytest.raises(ConfigurationError, match="csrf"):
        await engine.issue_pair("alice")


async def test_a_pair_says_how_long_each_of_its_tokens_lives(engine, clock):
    """The lifetimes are in whole seconds and match the tokens."""
    clock.advance(0.75)
    pair = await engine.issue_pair(
        "alice", lifetime=timedelta(seconds=5), refresh_lifetime=timedelta(seconds=60.5)
    )
    access, refresh = await both(engine, pair)
    assert (pair.expires_in, pair.refresh_expires_in) == (5, 61)
    assert (access.exp, refresh.exp) == (NOW + 5, NOW + 61)
    zero = await engine.issue_pair("alice", refresh_lifetime=timedelta(0))
    assert (zero.expires_in, zero.refresh_expires_in) == (900, 0)


async def test_a_refreshed_pair_has_the_lifetimes_of_its_tokens(clock):
    """The end of the session shortens both lifetimes."""
    engine = engine_with(clock, policy=TokenPolicy(session_lifetime=timedelta(hours=1)))
    pair = await engine.issue_pair("alice")
    assert (pair.expires_in, pair.refresh_expires_in) == (900, 3600)
    clock.advance(3000)
    pair = await engine.refresh(pair.refresh_token)
    assert (pair.expires_in, pair.refresh_expires_in) == (600, 600)


async def test_a_refresh_token_that_never_expires_has_no_lifetime(clock):
    """The lifetime is None, not zero."""
    policy = TokenPolicy(required_claims={"iat", "sub", "jti", "type"}, refresh_lifetime=NEVER)
    pair = await engine_with(clock, policy=policy).issue_pair("alice")
    assert (pair.expires_in, pair.refresh_expires_in) == (900, None)


async def test_the_repr_of_a_pair_shows_no_secret(engine):
    """It contains neither token and no CSRF token."""
    pair = await engine.issue_pair("alice")
    shown = repr(pair)
    for secret in (pair.access_token, pair.refresh_token, pair.csrf_token):
        assert secret not in shown
    assert shown == (
        "TokenPair(expires_in=900, token_type='Bearer', scope='', refresh_expires_in=2592000)"
    )


async def test_a_pair_can_be_written_as_json(engine):
    """Every member of the body survives the round trip; the CSRF token is not among them."""
    pair = await engine.issue_pair("alice", scopes=["a"])
    adapter = TypeAdapter(TokenPair)
    read = adapter.validate_json(adapter.dump_json(pair))
    assert pair.csrf_token is not None
    assert read == dataclasses.replace(pair, csrf_token=None)
    assert set(dataclasses.asdict(pair)) == {
        *("access_token", "refresh_token", "expires_in", "token_type", "scope"),
        *("refresh_expires_in", "csrf_token"),
    }
