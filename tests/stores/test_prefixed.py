"""A PrefixedStore and an engine without a prefix share a store without collisions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import NOW, SECRET, engine_with, payload_of, signed
from tokenward import (
    KeyRing,
    MemoryStore,
    PrefixedStore,
    Revocation,
    TokenEngine,
    TokenRevokedError,
)
from tokenward.stores import Consumption
from tokenward.stores.identities import own_name, prefix_of, with_own_names

SPELLED = ["5:alice1", "0:5:alice1", "5:", "0:", "00:x", "17:https://a.example", "5:alice0:1"]


def engines(clock, inner, *prefixes):
    """Return an engine without a prefix, and one for each prefix, on one store."""
    stores = [inner, *(PrefixedStore(inner, each) for each in prefixes)]
    return [TokenEngine(KeyRing.from_secret(SECRET), store=each, clock=clock) for each in stores]


async def is_denied(engine, **claims):
    """Whether an engine refuses a token with these claims as revoked."""
    try:
        await engine.decode(signed(payload_of(**claims)))
    except TokenRevokedError:
        return True
    return False


@pytest.mark.parametrize("identity", SPELLED)
@pytest.mark.parametrize("claim", ["sub", "sid", "jti"])
async def test_an_identity_that_spells_a_prefix_is_not_seen_under_it(clock, identity, claim):
    """Whatever the name of a user of one service, it logs no user of another service out."""
    plain, alice = engines(clock, MemoryStore(), "alice")
    kind = {"sub": "subject", "sid": "session", "jti": "token"}[claim]
    heard = []
    plain.on_revoke(heard.append)
    if claim == "sub":
        clock.advance(1)
        await plain.revoke_subject(identity)
        clock.advance(-1)
    elif claim == "sid":
        await plain.revoke_session(identity)
    else:
        await plain.revoke(signed(payload_of(jti=identity)))
    assert [(each.kind, each.identity) for each in heard] == [(kind, identity)]
    assert await is_denied(plain, **{claim: identity})
    for length in range(len(identity)):
        assert not await is_denied(alice, **{claim: identity[length:]})


async def test_no_record_under_a_prefix_is_seen_without_it(clock):
    """Even if the subject of the other engine spells the name of the record."""
    plain, alice = engines(clock, MemoryStore(), "alice")
    await alice.revoke_session("1")
    assert await is_denied(alice, sid="1")
    assert not await is_denied(plain, sid="5:alice1")


async def test_names_in_a_store_stay_unchanged():
    """Records of a PrefixedStore, and of identities that spell no prefix."""
    inner = MemoryStore()
    await PrefixedStore(inner, "alice").revoke(Revocation("session", "1", NOW + 60), now=NOW)
    asked = {"jti": "", "sub": "", "issued_at": NOW, "now": NOW}
    assert await inner.is_revoked(sid="5:alice1", **asked)
    for identity in ("alice", "https://shop.example/1", "a:b", ":1", "1", "\u0661:x", "1.5:x"):
        assert own_name(identity) == identity


async def test_a_refresh_token_of_one_engine_is_not_consumed_by_another(clock):
    """Even if its ``jti`` spells the prefix of the other."""
    inner = MemoryStore()
    # The engine names the refresh token of a pair first.
    names = iter(["5:alice1", "a1", "5:alice2", "a2"])
    plain = TokenEngine(
        KeyRing.from_secret(SECRET), store=inner, clock=clock, new_jti=lambda: next(names)
    )
    others = iter(["1", "x1", "2", "x2"])
    alice = TokenEngine(
        KeyRing.from_secret(SECRET),
        store=PrefixedStore(inner, "alice"),
        clock=clock,
        new_jti=lambda: next(others),
    )
    first, second = await plain.issue_pair("u"), await alice.issue_pair("u")
    claims = await plain.decode(first.refresh_token, type="refresh")
    assert claims.jti == "5:alice1"
    assert await plain.refresh(first.refresh_token)
    assert await alice.refresh(second.refresh_token)


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (("s", "a", "b"), ("s", "a", "b")),
        (("5:alice0", "a", "b"), ("0:5:alice0", "a", "b")),
        (("s", "5:alice1", "b"), ("s", "0:5:alice1", "b")),
        (("s", "a", "5:alice1"), ("s", "a", "0:5:alice1")),
        (("1:as", "5:alice1", "5:alice2"), ("0:1:as", "0:5:alice1", "0:5:alice2")),
    ],
)
def test_the_session_and_the_tokens_of_a_consumption_have_their_own_names(given, names):
    """Also if only one of the three spells a prefix."""
    named = with_own_names(Consumption(*given, b"", NOW, NOW + 60))
    assert (named.session, named.jti, named.successor) == names


async def test_the_same_session_of_two_issuers_has_two_records():
    """Each refreshes its own session, although the names and the tokens are the same."""
    inner = MemoryStore()
    for prefix in ("a", "b"):
        use = Consumption("s", "x", "y", prefix.encode(), NOW + 10, NOW + 60)
        assert (await PrefixedStore(inner, prefix).consume(use, now=NOW)).is_first
        again = await PrefixedStore(inner, prefix).consume(use, now=NOW)
        assert again.sealed == prefix.encode()
    assert len(inner) == 2


NAMES = st.text(alphabet="0123:a", max_size=6)
PLACES = st.tuples(st.lists(NAMES.filter(bool), max_size=2), NAMES)


def name_in_the_store(place):
    """Return the name of an identity under prefixes, the innermost first."""
    prefixes, identity = place
    return "".join(map(prefix_of, prefixes)) + own_name(identity)


@given(PLACES, PLACES)
def test_two_identities_never_have_one_name(one, other):
    """Names are equal only for the same identity under the same prefixes, nested or not."""
    assert (name_in_the_store(one) == name_in_the_store(other)) == (one == other)


async def test_a_nested_prefix_is_separate(clock):
    """An engine under the outer prefix cannot spell the inner one either."""
    inner = MemoryStore()
    outer = PrefixedStore(inner, "a")
    nested = engine_with(clock, store=PrefixedStore(outer, "b"))
    await engine_with(clock, store=outer).revoke_session("1:bs")
    assert not await is_denied(nested, sid="s")
