"""Which claims a refresh copies: the members of the payload, whatever the claims model does."""

import asyncio
import base64
import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import (
    AliasChoices,
    AliasPath,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    computed_field,
    create_model,
    field_serializer,
    field_validator,
    model_serializer,
    model_validator,
)
from pydantic.alias_generators import to_camel

from tests.support import NOW, SECRET, FrozenClock, payload_of, signed
from tokenward import (
    Claims,
    ConfigurationError,
    KeyRing,
    MemoryStore,
    PermissionDeniedError,
    TokenEngine,
)
from tokenward.claims import RESERVED_CLAIMS
from tokenward.jose.codec import b64url_decode

LIMIT = "https://shop.example/limit"


class Plain(Claims):
    """No fields."""


class Aliases(Claims):
    """Fields with other names, some of them paths."""

    limit: tuple[str, ...] | None = Field(None, validation_alias=LIMIT)
    known: object = Field(None, validation_alias=AliasPath("nested", "known"))
    either: str = Field("", validation_alias=AliasChoices("secret", AliasPath("list", 0)))
    when: datetime | None = Field(None, alias="when")


class Hiding(Claims):
    """Fields that a dump omits or changes."""

    secret: SecretStr = SecretStr("")
    limit: list[str] = Field([], alias=LIMIT, exclude=True)
    blob: bytes = b""
    number: float = 0

    @field_serializer("number")
    def _show_number(self, number: float) -> str:
        return f"about {number:.0f}"

    @computed_field
    @property
    def tenant_of(self) -> str:
        """Return a value that no token has."""
        return f"{self.sub}'s"


class Base64(Claims):
    """Bytes from base64 that are not text."""

    model_config = ConfigDict(val_json_bytes="base64", ser_json_bytes="utf8")

    blob: bytes = b""


class Inner(BaseModel):
    """A nested model that ignores unknown members."""

    known: object = None


class Nested(Claims):
    """A nested model."""

    nested: Inner = Inner()


class Ignoring(Claims):
    """Ignores unknown claims."""

    model_config = ConfigDict(extra="ignore")


class Camel(Claims):
    """Renames every claim."""

    model_config = ConfigDict(alias_generator=to_camel, str_to_lower=True, str_max_length=500)

    order_number: int = 0


class Rewriting(Claims):
    """Changes values before, during and after validation, and dumps other values."""

    secret: str = ""
    _seen: int = PrivateAttr(0)

    @model_validator(mode="before")
    @classmethod
    def _add(cls, data: object) -> object:
        return {**data, "added": True} if isinstance(data, dict) else data

    @field_validator("secret")
    @classmethod
    def _shout(cls, value: str) -> str:
        return value.upper()

    @model_serializer
    def _dump(self) -> dict[str, object]:
        return {"replaced": True}


MODELS = [Claims, Plain, Aliases, Hiding, Base64, Nested, Ignoring, Camel, Rewriting]

TEXT = st.text(max_size=8)
NUMBERS = (
    st.integers()
    | st.sampled_from([2**63, -(2**64), 10**300, -0.0, 5e-324, 1e22])
    | st.floats(allow_nan=False, allow_infinity=False)
)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
# Members that the models above name, each of a type that all of them accept.
NAMED = {
    LIMIT: st.lists(TEXT, max_size=3),
    "secret": TEXT,
    "blob": st.binary(max_size=9).map(lambda data: base64.b64encode(data).decode()),
    "number": st.floats(allow_nan=False, allow_infinity=False, width=32),
    "nested": st.dictionaries(st.sampled_from(["known", "unnamed", "sub"]), VALUES),
    "list": st.lists(TEXT, min_size=1, max_size=3),
    "when": st.integers(0, 2**31).map(lambda at: datetime.fromtimestamp(at, UTC).isoformat()),
    "orderNumber": st.integers(-(2**40), 2**40),
    "authTime": TEXT,
    "sessionExp": VALUES,
}
FREE = st.dictionaries(TEXT.filter(lambda name: name not in RESERVED_CLAIMS), VALUES, max_size=3)
PAYLOADS = st.builds(
    lambda free, named: {**free, **named}, FREE, st.fixed_dictionaries({}, optional=NAMED)
)

# What a field may make of each of these members, with a default for where it is absent.
TYPES = {
    LIMIT: [(list[str], []), (tuple[str, ...], ()), (set[str], set())],
    "secret": [(str, ""), (SecretStr, SecretStr("")), (bytes, b"")],
    "blob": [(bytes, b""), (str, "")],
    "number": [(float, 0.0), (Decimal, Decimal(0))],
    "nested": [(Inner, Inner()), (dict[str, object], {})],
    "list": [(list[SecretStr], []), (frozenset[str], frozenset())],
    "when": [(datetime, datetime(2026, 1, 1, tzinfo=UTC)), (str, "")],
    "orderNumber": [(int, 0), (float, 0.0), (Decimal, Decimal(0))],
}


@st.composite
def fields(draw):
    """Draw the fields of a model: their types, the names they are read by, and how they are dumped."""
    drawn = {}
    for number, member in enumerate(draw(st.sets(st.sampled_from(sorted(TYPES))))):
        kind, default = draw(st.sampled_from(TYPES[member]))
        aliases = [
            {"alias": member},
            {"validation_alias": member},
            {"validation_alias": member, "serialization_alias": "sub"},
            {"validation_alias": AliasChoices("missing", member)},
            {"validation_alias": AliasChoices(AliasPath("missing", 0), AliasPath(member))},
        ]
        drawn[f"own_{number}"] = (
            kind,
            Field(
                default,
                exclude=draw(st.booleans()),
                repr=False,
                **draw(st.sampled_from(aliases)),
            ),
        )
    return drawn


CONFIGURATIONS = st.fixed_dictionaries(
    {},
    optional={
        "extra": st.sampled_from(["allow", "ignore"]),
        "alias_generator": st.sampled_from([to_camel, str.upper]),
        "str_to_upper": st.booleans(),
        "str_strip_whitespace": st.booleans(),
        "populate_by_name": st.booleans(),
        "serialize_by_alias": st.booleans(),
        "ser_json_bytes": st.sampled_from(["utf8", "base64", "hex"]),
        "ser_json_inf_nan": st.sampled_from(["null", "constants", "strings"]),
    },
)


@st.composite
def models(draw):
    """Draw a claims model."""
    base = type("Base", (Claims,), {"model_config": ConfigDict(**draw(CONFIGURATIONS))})
    return create_model("Drawn", __base__=base, **draw(fields()))


@pytest.fixture(scope="module")
def run():
    """Yield a function that runs a coroutine to its end: one loop serves all examples."""
    with asyncio.Runner() as runner:
        yield runner.run


def engine_of(model, clock=None):
    """Return an engine with this claims model."""
    return TokenEngine(
        KeyRing.from_secret(SECRET),
        claims_model=model,
        store=MemoryStore(),
        clock=FrozenClock() if clock is None else clock,
    )


def unregistered(token):
    """Return the caller's members of a token, as JSON with sorted names."""
    payload = json.loads(b64url_decode(token.split(".")[1]))
    members = {name: value for name, value in payload.items() if name not in RESERVED_CLAIMS}
    return json.dumps(members, sort_keys=True)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.no_cover
@given(payload=PAYLOADS)
def test_both_successors_have_the_unregistered_members_of_their_predecessor(run, model, payload):
    """Unregistered members are copied exactly, over two refreshes and for every kind of claims model."""
    engine = engine_of(model)
    pair = run(engine.issue_pair("alice", claims=payload))
    expected = json.dumps(payload, sort_keys=True)
    assert unregistered(pair.refresh_token) == expected
    for _ in range(2):
        pair = run(engine.refresh(pair.refresh_token))
        assert unregistered(pair.access_token) == unregistered(pair.refresh_token) == expected


@pytest.mark.no_cover
@given(model=models(), payload=PAYLOADS)
def test_no_drawn_model_changes_the_members_of_the_successors(run, model, payload):
    """The members are the same JSON values, whatever types, aliases and settings the model has."""
    engine = engine_of(model)
    pair = run(engine.issue_pair("alice", claims=payload))
    pair = run(engine.refresh(pair.refresh_token))
    expected = json.dumps(payload, sort_keys=True)
    assert unregistered(pair.access_token) == unregistered(pair.refresh_token) == expected


async def test_a_check_sees_the_same_claims_after_a_refresh():
    """A claim with a validation alias is not lost, so the check still refuses."""

    class Limited(Claims):
        limit: tuple[str, ...] | None = Field(None, validation_alias=LIMIT)

    def check(claims):
        return claims.limit is None or "billing" in claims.limit

    engine = engine_of(Limited)
    pair = await engine.issue_pair("alice", claims={LIMIT: ["reading"]})
    with pytest.raises(PermissionDeniedError):
        await engine.refresh(pair.refresh_token, check=check)
    pair = await engine.refresh(pair.refresh_token)
    assert not check(await engine.decode(pair.access_token))
    with pytest.raises(PermissionDeniedError):
        await engine.refresh(pair.refresh_token, check=check)


async def test_bytes_that_are_not_text_survive_a_refresh():
    """A claim that the model reads as base64 stays the same text."""
    engine = engine_of(Base64)
    pair = await engine.issue_pair("alice", claims={"blob": "/w=="})
    pair = await engine.refresh(pair.refresh_token)
    assert (await engine.decode(pair.access_token)).blob == b"\xff"


async def test_a_hook_may_still_change_what_a_refresh_issues():
    """The draft has the members of the old token, and the changes of the hook are issued."""
    engine = engine_of(Claims)
    pair = await engine.issue_pair("alice", claims={"plan": "free", "kept": [1]})
    engine.before_issue(lambda draft: draft.claims.update(plan="paid"))
    pair = await engine.refresh(pair.refresh_token)
    assert (await engine.decode(pair.access_token)).extra == {"plan": "paid", "kept": [1]}


class Required(Claims):
    """Required fields that can be read from several members."""

    tenant: str = Field(validation_alias=AliasChoices("tenant", "org"))
    city: str = Field(validation_alias=AliasPath("address", "city"))
    owner: str = Field(validation_alias="sub")
    plan: str = Field(alias="https://shop.example/plan")

    model_config = ConfigDict(populate_by_name=True)


@pytest.mark.parametrize("tenant", ["tenant", "org"])
@pytest.mark.parametrize("plan", ["plan", "https://shop.example/plan"])
async def test_a_required_claim_may_have_several_names(tenant, plan):
    """A model with alias choices and paths issues, decodes and refreshes."""
    engine = engine_of(Required)
    claims = {tenant: "acme", plan: "free", "address": {"city": "Oslo"}}
    pair = await engine.refresh((await engine.issue_pair("alice", claims=claims)).refresh_token)
    found = await engine.decode(pair.access_token)
    assert (found.tenant, found.city, found.plan) == ("acme", "Oslo", "free")
    assert found.owner == found.sub == "alice"


async def test_an_error_lists_all_names_of_a_required_claim():
    """The error lists the names of which one is required."""
    engine = engine_of(Required)
    with pytest.raises(
        ConfigurationError,
        match=r"requires address or city, https://shop\.example/plan or plan, org or tenant",
    ):
        await engine.issue("alice")


class Filled(Claims):
    """Sets its claim in a validator."""

    tenant: str

    @model_validator(mode="before")
    @classmethod
    def fill(cls, data: dict[str, object]) -> dict[str, object]:
        """Set the claim."""
        return {**data, "tenant": data["org"]}


class Constructed(Claims):
    """Sets its claim in a constructor."""

    tenant: str

    def __init__(self, **data: object) -> None:
        super().__init__(**{**data, "tenant": data["org"]})


@pytest.mark.parametrize("model", [Filled, Constructed])
async def test_a_model_that_fills_in_its_own_required_claims_issues_and_refreshes(model):
    """If code of the model sees the payload first, the engine does not know what is required."""
    engine = engine_of(model)
    pair = await engine.refresh(
        (await engine.issue_pair("alice", claims={"org": "acme"})).refresh_token
    )
    assert (await engine.decode(pair.access_token)).tenant == "acme"


async def test_a_refresh_token_of_another_library_keeps_its_own_members():
    """If a member has two values, the last one counts."""
    engine = engine_of(Claims)
    payload = json.dumps(payload_of(type="refresh", exp=int(NOW) + 60, role=1))
    token = signed((payload[:-1] + ', "role": 2, "big": 1e22}').encode())
    pair = await engine.refresh(token)
    assert unregistered(pair.access_token) == '{"big": 1e+22, "role": 2}'
