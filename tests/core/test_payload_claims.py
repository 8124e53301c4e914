"""`PayloadClaims`: claims that also have the members of their token, as the token has them."""

import copy

import pytest
from pydantic import PrivateAttr, model_validator

from tests.support import NOW, SECRET, signed
from tokenward import KeyRing, TokenEngine, TokenPolicy
from tokenward.claims import PayloadClaims

MEMBERS = {
    "sub": "alice",
    "exp": int(NOW) + 900,
    "iat": int(NOW),
    "jti": "1",
    "type": "access",
    "aud": ["api"],
    "tenant": "acme",
    "limits": {"orders": [1, {"per": "day"}]},
}


class Kept(PayloadClaims):
    """A model that converts one of its claims."""

    limits: tuple[int, ...] | dict[str, object] = ()


class WithPrivate(PayloadClaims):
    """A model with a private attribute."""

    _made: int = PrivateAttr(default=7)


class Validating(PayloadClaims):
    """A model whose validator changes the members before they are read."""

    @model_validator(mode="before")
    @classmethod
    def _upper(cls, members: dict[str, object]) -> dict[str, object]:
        return {**members, "tenant": "CHANGED"}


def engine_of(model, clock, **policy):
    """Return an engine with a claims model."""
    keys = KeyRing.from_secret(SECRET)
    return TokenEngine(
        keys, policy=TokenPolicy(audience="api", **policy), claims_model=model, clock=clock
    )


@pytest.mark.parametrize("model", [PayloadClaims, Kept, WithPrivate, Validating])
async def test_the_members_are_those_of_the_token(model, clock):
    """Neither the types of the model nor its validators change them."""
    claims = await engine_of(model, clock).decode(signed(MEMBERS))
    assert claims.members == MEMBERS
    assert type(claims.members["exp"]) is int
    assert (claims.member("aud"), claims.member("absent")) == (["api"], None)


async def test_members_may_be_changed(clock):
    """A change, at any depth, is not in the members that are read next."""
    claims = await engine_of(Kept, clock).decode(signed(MEMBERS))
    members = claims.members
    members["aud"].append("other")
    members["limits"]["orders"][1].clear()
    members.clear()
    assert claims.members == MEMBERS


async def test_the_members_of_a_repeated_token_are_new(clock):
    """Two requests with one token share no member that can be changed."""
    engine, token = engine_of(PayloadClaims, clock), signed(MEMBERS)
    one, two = await engine.decode(token), await engine.decode(token)
    one.member("aud").append("other")
    assert two.members == MEMBERS


async def test_a_scope_of_another_name_is_not_added(clock):
    """`scope` is read from the claim that the policy names, but is no member of the token."""
    engine = engine_of(PayloadClaims, clock, scope_claim="permissions")
    claims = await engine.decode(signed({**MEMBERS, "permissions": "read"}))
    assert (claims.scope, claims.member("scope")) == ("read", None)


async def test_private_attributes_stay(clock):
    """A model may have private attributes as well."""
    claims = await engine_of(WithPrivate, clock).decode(signed(MEMBERS))
    assert (claims._made, claims.member("sub")) == (7, "alice")


async def test_copies_have_the_members_too(clock):
    """Copies are equal, whether a member has been read or not."""
    engine = engine_of(PayloadClaims, clock)
    claims, same = [await engine.decode(signed(MEMBERS)) for _ in range(2)]
    other = await engine.decode(signed({**MEMBERS, "jti": "2"}))
    copies = [copy.copy(claims), copy.deepcopy(claims), claims.model_copy()]
    assert claims.members == MEMBERS
    assert [each.members for each in copies] == [MEMBERS] * 3
    assert [claims == each for each in (*copies, same, other)] == [True] * 4 + [False]
    assert hash(claims) == hash(same)


def test_claims_that_were_not_decoded_have_no_members():
    """Claims that a program builds itself belong to no token."""
    claims = PayloadClaims(sub="alice")
    assert (claims.members, claims.member("sub")) == ({}, None)
    assert WithPrivate(sub="alice").members == {}
