"""The ``act`` claim (RFC 8693 §4.1): who acts for the subject of a token.

The contract of the adapters has each hostile token.
"""

from datetime import UTC, datetime

import pytest

from tests.support import ShopClaims, engine_with, payload_of, signed
from tokenward import ConfigurationError, PermissionDeniedError, TokenEngine, TokenPolicy
from tokenward.claims import Actor
from tokenward.errors import InvalidClaimError
from tokenward.http import Authenticator, Requirement
from tokenward.jose.codec import loads_payload
from tokenward.jose.compact import CompactJws

ORDERS = Actor(sub="orders-api")


async def act_of(engine, token, type="access"):
    """Return the members of the actor in a token."""
    actor = (await engine.decode(token, type=type)).act
    return actor and actor.members()


def members_of(engine, token):
    """Return the members of the payload."""
    return loads_payload(CompactJws(engine.keys, max_bytes=9999).verify(token).payload)


def chain(depth):
    """Return an actor with others before it."""
    actor = None
    for number in range(depth):
        actor = Actor(sub=f"service-{number}", act=actor and actor.members())
    return actor


async def test_section_4_1_a_token_names_its_actor(engine):
    """`actor` writes ``act``, with all members; without it a token has none."""
    actor = Actor(sub="orders-api", iss="https://shop.example", client_id="orders")
    token = await engine.issue("alice", actor=actor)
    claims = await engine.decode(token)

    assert (claims.sub, claims.act, claims.extra) == ("alice", actor, {})
    assert members_of(engine, token)["act"] == {
        "sub": "orders-api",
        "iss": "https://shop.example",
        "client_id": "orders",
    }
    plain = await engine.issue("alice")
    assert (await act_of(engine, plain), "act" in members_of(engine, plain)) == (None, False)


async def test_section_4_1_prior_actors_are_nested(engine):
    """A service that got a token from another service keeps it as the actor before."""
    first = await engine.decode(await engine.issue("alice", actor=Actor(sub="shop-page")))
    actor = Actor(sub="orders-api", act=first.act.members())
    token = await engine.issue(first.sub, actor=actor)
    assert members_of(engine, token)["act"] == {"sub": "orders-api", "act": {"sub": "shop-page"}}
    claims = await engine.decode(token)
    assert (claims.act.sub, claims.act.act) == ("orders-api", {"sub": "shop-page"})
    assert Actor(sub="orders-api", act=None).members() == {"sub": "orders-api"}


@pytest.mark.parametrize("rule", [["shop-page"], ["alice"], False])
async def test_section_4_1_only_the_outermost_actor_counts(engine, rule):
    """A prior actor, and the subject, are not the actor."""
    token = await engine.issue("alice", actor=Actor(sub="orders-api", act={"sub": "shop-page"}))
    with pytest.raises(PermissionDeniedError):
        await Authenticator(engine).verify(token, Requirement(actor=rule))


@pytest.mark.parametrize("rule", [["orders-api"], {"x", "orders-api"}, ("orders-api",), True])
async def test_an_accepted_actor(engine, rule):
    """Any collection of subjects, or any actor."""
    token = await engine.issue("alice", actor=ORDERS)
    assert (await Authenticator(engine).verify(token, Requirement(actor=rule))).sub == "alice"
    with pytest.raises(PermissionDeniedError):
        await Authenticator(engine).verify(await engine.issue("alice"), Requirement(actor=rule))


async def test_in_person(engine):
    """False refuses every token with an actor; None accepts both kinds."""
    http, delegated = Authenticator(engine), await engine.issue("alice", actor=ORDERS)
    own = await engine.issue("alice")
    assert await http.verify(own, Requirement(actor=False))
    for token in (own, delegated):
        assert await http.verify(token, Requirement())


async def test_a_subject_of_another_issuer_is_another_actor(clock):
    """The actor's issuer is absent, or that of the token; also if the token has none."""
    policy = TokenPolicy(issuer="https://shop.example")
    engine = engine_with(clock, policy=policy)
    http, rule = Authenticator(engine), Requirement(actor=["orders-api"])
    ours = Actor(sub="orders-api", iss="https://shop.example")
    assert await http.verify(await engine.issue("alice", actor=ours), rule)
    theirs = Actor(sub="orders-api", iss="https://other.example")
    with pytest.raises(PermissionDeniedError):
        await http.verify(await engine.issue("alice", actor=theirs), rule)
    anonymous = engine_with(clock)
    with pytest.raises(PermissionDeniedError):
        await Authenticator(anonymous).verify(await anonymous.issue("alice", actor=ours), rule)


async def test_a_chain_has_at_most_five_actors(engine):
    """A longer chain of a client's token is a TokenError, when it is read and when it is extended."""
    claims = await engine.decode(await engine.issue("alice", actor=chain(5)))
    with pytest.raises(InvalidClaimError, match="act"):
        Actor(sub="orders-api", act=claims.act.members())
    longer = {"sub": "orders-api", "act": claims.act.members()}
    with pytest.raises(InvalidClaimError, match="act"):
        await engine.decode(signed(payload_of(act=longer)))


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"sub": ""},
        {"sub": None},
        {"sub": 1},
        {"iss": "https://shop.example"},
        {"act": {"sub": "x"}},
        {"iss": "https://shop.example", "act": {"sub": "x"}},
        {"sub": "x", "iss": ""},
        {"sub": "x", "iss": None},
        {"sub": "x", "act": {}},
        {"sub": "x", "act": {"sub": ["y"]}},
        {"sub": "x", "act": {"sub": "y", "act": []}},
        {"sub": "x", "act": "y"},
        {"sub": "x", "quota": float("inf")},
        {"sub": "x", "act": {"sub": "y", "quota": [float("nan")]}},
    ],
    ids=repr,
)
async def test_a_malformed_actor_is_not_built(members):
    """Each actor of the chain has a name, and its subject and issuer are texts."""
    with pytest.raises(ValueError, match=r"Actor") as caught:
        Actor(**members)
    assert "shop.example" not in str(caught.value)


async def test_a_foreign_malformed_actor_is_refused(clock):
    """Also by a policy that tolerates claims to which other issuers give another meaning."""
    policy = TokenPolicy(required_claims={"exp", "sub"}, type_source="always-access")
    engine = engine_with(clock, policy=policy)
    for act in ("orders-api", {"sub": 1}, [], {}):
        with pytest.raises(InvalidClaimError, match="act"):
            await engine.decode(signed(payload_of(act=act)))
    assert (await engine.decode(signed(payload_of(act=None)))).act is None
    assert await act_of(engine, signed(payload_of(act={"client_id": "x"}))) == {"client_id": "x"}


async def test_only_the_engine_sets_the_actor(engine):
    """A caller's claims, and a hook, cannot forge it."""
    with pytest.raises(ConfigurationError, match="Only the engine sets act"):
        await engine.issue("alice", claims={"act": {"sub": "orders-api"}})
    with pytest.raises(ConfigurationError, match="Only the engine sets act"):
        await engine.issue_pair("alice", access_claims={"act": {"sub": "orders-api"}})
    engine.before_issue(lambda draft: draft.claims.update(act={"sub": "orders-api"}))
    with pytest.raises(ConfigurationError, match="Only the engine sets act"):
        await engine.issue("alice")


@pytest.mark.parametrize("actor", ["orders-api", {"sub": "orders-api"}, True, Actor])
async def test_an_actor_is_an_actor(engine, actor):
    """The error names the fix."""
    for call in (engine.issue, engine.issue_pair):
        with pytest.raises(TypeError, match=r"actor must be an Actor.*Actor\(sub='orders-api'\)"):
            await call("alice", actor=actor)


async def test_a_refresh_keeps_the_actor(engine):
    """Otherwise the session of somebody who acts for a user would become the user's own."""
    actor = Actor(sub="support-7", act={"sub": "x"}, ticket=12)
    pair = await engine.issue_pair("alice", actor=actor)
    for _ in range(2):
        for token, kind in ((pair.access_token, "access"), (pair.refresh_token, "refresh")):
            assert await act_of(engine, token, kind) == actor.members()
        pair = await engine.refresh(pair.refresh_token)
    login = {"check": lambda _: True, "fresh": True, "acr": "mfa"}
    pair = await engine.refresh(pair.refresh_token, **login)
    assert await act_of(engine, pair.access_token) == actor.members()


async def test_no_model_hides_the_actor(clock):
    """A claims model cannot rename or change it."""

    class Shouting(ShopClaims, str_to_upper=True, alias_generator=str.upper):
        """Changes all texts and names."""

    engine = TokenEngine(engine_with(clock).keys, claims_model=Shouting, clock=clock)
    claims = await engine.decode(signed(payload_of(TENANT="acme", act={"sub": "orders-api"})))
    assert (claims.act.sub, claims.tenant) == ("orders-api", "ACME")
    with pytest.raises(TypeError, match="redefines act"):
        type("Mine", (ShopClaims,), {"__annotations__": {"act": str}})


@pytest.mark.parametrize(
    "rule",
    ["orders-api", b"orders-api", [], (), {}, [""], [1], [["x"]], 1, 0, "", ORDERS],
    ids=repr,
)
def test_a_rule_is_checked_when_the_route_is_declared(rule):
    """An empty collection, for example of a setting, would refuse everybody or nobody."""
    with pytest.raises(ConfigurationError, match="actor must be True, False or a collection"):
        Requirement(actor=rule)


def test_requirements_with_other_actors_differ():
    """FastAPI calls equal dependencies once."""
    rules = (None, True, False, ["a"], ["a", "b"])
    assert len({Requirement(actor=rule) for rule in rules}) == 5
    assert Requirement(actor=["a", "b"]) == Requirement(actor={"b", "a"})
    assert not Requirement().checks_claims
    assert Requirement(actor=False).checks_claims


def test_members_of_an_actor_are_those_of_json():
    """A claim contains nothing else; the actor that is read from it has the text."""
    since = datetime(2026, 11, 28, tzinfo=UTC)
    assert Actor(sub="support-7", since=since).members() == {
        "sub": "support-7",
        "since": "2026-11-28T00:00:00Z",
    }
