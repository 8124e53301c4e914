"""The programs of the page about claims."""

import pytest
from pydantic import model_validator

from tests.docs.pages import block_with, names_of, run
from tests.support import NOW, SECRET, payload_of, signed
from tokenward import KeyRing, TokenEngine, TokenPolicy
from tokenward.errors import InvalidAudienceError, MissingClaimError, TokenExpiredError

PAGE = "claims.md"


async def test_own_claims_have_their_types():
    """The engine returns the declared claims with their types, and the others in `extra`."""
    engine = (await names_of(PAGE))["engine"]
    sent = {"tenant": "acme", "roles": ["staff"], "https://shop.example/plan": "paid", "other": 1}
    claims = await engine.decode(await engine.issue("alice", claims=sent))
    assert (claims.tenant, claims.roles, claims.plan) == ("acme", ("staff",), "paid")
    assert claims.extra == {"other": 1}


@pytest.mark.parametrize("sent", ["read,write", ["read", "write"]])
async def test_a_validator_before_the_model_changes_own_claims_only(sent, clock):
    """What it returns for registered claims does not count."""
    block = block_with(PAGE, "class ListedClaims")
    model = (await run(block, await names_of(PAGE)))["ListedClaims"]

    class Extending(model):
        @model_validator(mode="before")
        @classmethod
        def extend(cls, members):
            return {**members, "sub": "root", "exp": NOW + 10**6, "aud": "shop-api"}

    for each in (model, Extending):
        policy = TokenPolicy(audience="shop-api")
        engine = TokenEngine(
            KeyRing.from_secret(SECRET), policy=policy, claims_model=each, clock=clock
        )
        claims = await engine.decode(signed(payload_of(permissions=sent, aud="shop-api")))
        assert (claims.permissions, claims.sub) == (("read", "write"), "alice")
        for changes, error in (
            ({"exp": NOW - 1}, TokenExpiredError),
            ({"aud": "other"}, InvalidAudienceError),
            ({"aud": ...}, MissingClaimError),
            ({"sub": ...}, MissingClaimError),
        ):
            token = signed(payload_of(**{"permissions": sent, "aud": "shop-api", **changes}))
            with pytest.raises(error):
                await engine.decode(token)
