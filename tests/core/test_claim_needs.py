"""Which claims a model needs: `issue` refuses a token that its own engine could not read."""

import pytest
from pydantic import ConfigDict, Field, model_validator

from tests.support import SECRET
from tokenward import Claims, ConfigurationError, KeyRing, TokenEngine


def engine_for(model, clock):
    """Return an engine with a claims model."""
    return TokenEngine(KeyRing.from_secret(SECRET), claims_model=model, clock=clock)


PROVIDERS = {
    "before": classmethod(lambda _, members: {"tenant": "acme", **members}),
    "wrap": classmethod(lambda _, members, read: read({"tenant": "acme", **members})),
}


@pytest.mark.parametrize("is_recursive", [False, True])
@pytest.mark.parametrize("mode", ["before", "wrap"])
async def test_a_validator_may_provide_a_required_claim(clock, mode, is_recursive):
    """What a validator makes of the payload before its fields is not known, so nothing is refused."""

    class Providing(Claims):
        tenant: str
        parent: "Providing | None" if is_recursive else str | None = None

        _provide = model_validator(mode=mode)(PROVIDERS[mode])

    Providing.model_rebuild(_types_namespace={"Providing": Providing})
    engine = engine_for(Providing, clock)
    assert (await engine.decode(await engine.issue("alice"))).tenant == "acme"


@pytest.mark.parametrize(
    ("config", "accepted"),
    [
        ({}, {"orderNumber"}),
        ({"validate_by_name": True}, {"orderNumber", "order_number"}),
        ({"populate_by_name": True}, {"orderNumber", "order_number"}),
        ({"validate_by_name": True, "validate_by_alias": False}, {"order_number"}),
    ],
)
async def test_a_required_claim_is_needed_by_the_names_by_which_it_is_read(clock, config, accepted):
    """The configuration of the model decides whether its own name or an alias is read."""

    class Renaming(Claims):
        model_config = ConfigDict(**config)

        order_number: int = Field(validation_alias="orderNumber")

    engine = engine_for(Renaming, clock)
    for name in ("orderNumber", "order_number"):
        if name in accepted:
            token = await engine.issue("alice", claims={name: 7})
            assert (await engine.decode(token)).order_number == 7
        else:
            with pytest.raises(ConfigurationError, match=r"requires order\w+: pass"):
                await engine.issue("alice", claims={name: 7})
