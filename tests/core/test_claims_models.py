"""Registered claims are read by one fixed model, whatever the user's claims model does."""

import json
from datetime import date, timedelta
from typing import Annotated, ClassVar

import pytest
from pydantic import (
    AliasChoices,
    AliasPath,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    Tag,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.alias_generators import to_camel, to_pascal

from tests.support import NOW, SECRET, payload_of, signed
from tokenward import (
    Claims,
    CookieCarrier,
    KeyRing,
    MemoryStore,
    TokenEngine,
    TokenExpiredError,
    TokenPolicy,
    TokenRevokedError,
)
from tokenward.claims import RESERVED_CLAIMS
from tokenward.claims.schema import may_hide_numbers, nodes_of
from tokenward.errors import (
    CsrfMismatchError,
    InsufficientAuthenticationError,
    InsufficientScopeError,
    InvalidClaimError,
    MalformedTokenError,
    MissingClaimError,
)
from tokenward.http import Authenticator, RequestView, Requirement

# Every registered claim, with values that a changed reading would show.
FULL = {
    "sub": "  Alice OF Wonderland  ",
    "exp": NOW + 900,
    "iat": NOW - 60,
    "iat_ms": 123,
    "nbf": NOW - 60,
    "jti": " JTI ",
    "type": "access",
    "iss": "https://Shop.example/",
    "aud": ["API", "Other "],
    "sid": "SID",
    "scope": " Read  Write ",
    "fresh": NOW + 5,
    "auth_time": NOW - 120,
    "session_exp": NOW + 1000,
    "csrf": " CSRF ",
}
POLICY = TokenPolicy(issuer="https://Shop.example/", audience="API")
SHARED: dict[str, Claims] = {}


def configured(**settings):
    """Return a model with these settings and one field."""
    fields = {"__annotations__": {"own_name": str}, "own_name": "", "__module__": __name__}
    return type("Configured", (Claims,), {**fields, "model_config": ConfigDict(**settings)})


class StarValidator(Claims):
    """A validator of every field, which changes text and numbers."""

    @field_validator("*", mode="after")
    @classmethod
    def _change(cls, value: object) -> object:
        return value.strip().lower() if isinstance(value, str) else None


class SubjectValidator(Claims):
    """A validator of one registered claim."""

    @field_validator("sub", "exp", mode="wrap")
    @classmethod
    def _change(cls, value: object, handler: object) -> object:
        return "mallory"


class Before(Claims):
    """Changes the payload before it is parsed."""

    @model_validator(mode="before")
    @classmethod
    def _change(cls, data: object) -> object:
        return {"tenant": "x", **dict.fromkeys(("sub", "jti", "scope", "sid"), "mallory")}


class After(Claims):
    """Returns other claims."""

    @model_validator(mode="after")
    def _change(self) -> "After":
        return self.model_copy(update={"sub": "mallory", "exp": None, "scope": "admin"})


class Wrapping(Claims):
    """Returns an object that it made for another token."""

    @model_validator(mode="wrap")
    @classmethod
    def _share(cls, data: object, handler: object) -> object:
        return SHARED.setdefault(cls.__name__, handler({"sub": "mallory", "scope": "admin"}))


class CustomInit(Claims):
    """Has a constructor that changes its arguments."""

    def __init__(self, **data: object) -> None:
        super().__init__(**{**data, "sub": "mallory", "session_exp": None})


class PostInit(Claims):
    """Changes itself after construction."""

    _made: int = PrivateAttr(7)

    def model_post_init(self, context: object, /) -> None:
        super().model_post_init(context)
        self.__dict__["sub"] = "mallory"
        self.__dict__["exp"] = None


class OtherSchema(Claims):
    """Builds its own schema, without the changes of `Claims`."""

    model_config = ConfigDict(alias_generator=to_camel, str_to_upper=True)

    @classmethod
    def __get_pydantic_core_schema__(cls, source, handler, /):
        return handler(source)


class Sibling(Claims):
    """Chooses the class of the claims by the payload."""

    @model_validator(mode="wrap")
    @classmethod
    def _choose(cls, data: object, handler: object) -> object:
        return (
            SpecialSibling.model_validate({**data, "sub": "mallory"})
            if cls is Sibling
            else handler(data)
        )


class SpecialSibling(Sibling):
    """One of the classes."""


class ConfiguredWrapping(Claims):
    """Has settings that change text and names, and a validator around its fields."""

    model_config = ConfigDict(alias_generator=to_camel, str_to_upper=True, str_max_length=3)

    @model_validator(mode="wrap")
    @classmethod
    def _pass_on(cls, data: object, handler: object) -> object:
        return handler(data)


class Recursive(Claims):
    """Contains claims of the same class."""

    model_config = ConfigDict(alias_generator=to_camel)

    acting_for: "Recursive | None" = None


class SlotReader(Claims):
    """Returns values for attributes that do not exist."""

    def __getattr__(self, name: str) -> object:
        return "mallory"


MODELS = [
    Claims, StarValidator, SubjectValidator, Before, After, Wrapping, CustomInit, PostInit,
    OtherSchema, Sibling, ConfiguredWrapping, Recursive, SlotReader,
    configured(alias_generator=to_camel),
    configured(alias_generator=to_pascal, populate_by_name=True),
    configured(alias_generator=to_camel, validate_by_name=True, validate_by_alias=False),
    configured(alias_generator=to_camel, extra="forbid", str_to_lower=True),
    configured(alias_generator=to_camel, extra="ignore"),
    configured(str_to_lower=True, str_strip_whitespace=True),
    configured(str_to_upper=True, coerce_numbers_to_str=True),
    configured(str_max_length=3),
    configured(str_min_length=30),
    configured(strict=True),
    configured(frozen=False, validate_assignment=True),
    configured(extra="forbid"),
    configured(extra="ignore", validate_default=True),
    configured(allow_inf_nan=True, revalidate_instances="always", from_attributes=True),
]  # fmt: skip


def engine_of(model, clock, **rules):
    """Return an engine with this claims model."""
    return TokenEngine(
        KeyRing.from_secret(SECRET),
        claims_model=model,
        policy=TokenPolicy(**rules) if rules else POLICY,
        store=MemoryStore(),
        clock=clock,
    )


def id_of(model):
    """Return the name of a claims model and its configuration, the same in each process."""
    options = {
        name: getattr(value, "__name__", value) for name, value in model.model_config.items()
    }
    return f"{model.__name__} {options}"


@pytest.fixture(params=MODELS, ids=id_of)
def model(request):
    """Yield each model, without claims that it shared before."""
    SHARED.clear()
    return request.param


async def test_every_model_has_the_registered_claims_of_the_payload(model, clock):
    """Values, types and presence are the same; decoded twice, because of the signature cache."""
    engine = engine_of(model, clock)
    for payload in (
        FULL,
        {name: FULL[name] for name in ("sub", "exp", "iat", "jti", "type", "iss", "aud")},
    ):
        expected = Claims.model_validate_json(json.dumps(payload))
        for _ in range(2):
            claims = await engine.decode(signed(payload))
            assert isinstance(claims, model)
            for name in RESERVED_CLAIMS:
                assert getattr(claims, name) == getattr(expected, name)
                assert type(getattr(claims, name)) is type(getattr(expected, name))
            assert claims.model_fields_set & RESERVED_CLAIMS == payload.keys()
            assert not RESERVED_CLAIMS & claims.extra.keys()
            assert (claims.scopes, claims.audiences) == (expected.scopes, expected.audiences)


async def test_no_model_hides_when_a_token_or_its_session_ends(model, clock):
    """Expiry, session end and login time are read from the payload."""
    engine = engine_of(model, clock)
    with pytest.raises(TokenExpiredError):
        await engine.decode(signed({**FULL, "exp": NOW}))
    token = signed({**FULL, "type": "refresh", "session_exp": NOW + 10})
    pair = await engine.refresh(token)
    assert (await engine.decode(pair.refresh_token, type="refresh")).session_exp == NOW + 10
    assert (await engine.decode(pair.access_token)).exp == NOW + 10


async def test_no_model_hides_the_identities_of_a_revocation(model, clock):
    """A token is revoked by its jti, its session and its subject."""
    for revoke in (
        lambda engine, claims: engine.revoke(claims),
        lambda engine, claims: engine.revoke_session(claims),
        lambda engine, claims: engine.revoke_session(FULL["sid"]),
        lambda engine, claims: engine.revoke_subject(FULL["sub"]),
    ):
        engine = engine_of(model, clock)
        await revoke(engine, await engine.decode(signed(FULL)))
        with pytest.raises(TokenRevokedError):
            await engine.decode(signed(FULL))
        other = {**FULL, "sub": "bob", "jti": "other", "sid": "other"}
        assert (await engine.decode(signed(other))).sub == "bob"


async def test_no_model_changes_the_requirements_of_a_route(model, clock):
    """Scopes, freshness, the age of the login and the CSRF token."""
    authenticator = Authenticator(engine_of(model, clock), carriers=[CookieCarrier()])

    async def ask(requirement, csrf=b" CSRF ", method="POST"):
        headers = [
            (b"cookie", b"__Host-access_token=" + signed(FULL).encode()),
            (b"x-csrf-token", csrf),
        ]
        scope = {"type": "http", "method": method, "headers": headers}
        return await authenticator.authenticate(RequestView(scope), requirement)

    assert await ask(Requirement(scopes=["Read", "Write"], fresh=True))
    assert await ask(Requirement(max_age=timedelta(seconds=121)))
    for requirement, error in (
        (Requirement(scopes=["read"]), InsufficientScopeError),
        (Requirement(scopes=["admin"]), InsufficientScopeError),
        (Requirement(max_age=timedelta(seconds=119)), InsufficientAuthenticationError),
    ):
        with pytest.raises(error):
            await ask(requirement)
    with pytest.raises(CsrfMismatchError):
        await ask(Requirement(), csrf=b"csrf")


async def test_other_spellings_of_registered_claims_are_the_callers_own(clock):
    """They can be issued, do not affect any check, and are in the extra claims."""
    engine = engine_of(configured(alias_generator=to_camel), clock)
    own = {"authTime": 1, "sessionExp": "x", "iatMs": -1, "Sub": "mallory"}
    token = await engine.issue("alice", claims=own)
    claims = await engine.decode(token)
    assert (claims.sub, claims.auth_time, claims.session_exp, claims.iat_ms) == (
        "alice",
        None,
        None,
        0,
    )
    assert claims.extra == own


async def test_a_validator_of_a_registered_claim_may_refuse_a_token(clock):
    """It sees the claim of the token; only its result is ignored."""
    seen = []

    class Picky(Claims):
        model_config = ConfigDict(alias_generator=to_camel, str_to_lower=True)

        @field_validator("sid")
        @classmethod
        def check(cls, value: str) -> str:
            seen.append(value)
            if value == "BANNED":
                raise ValueError
            return "changed"

    engine = engine_of(Picky, clock)
    assert (await engine.decode(signed(FULL))).sid == "SID"
    with pytest.raises(InvalidClaimError, match="sid"):
        await engine.decode(signed({**FULL, "sid": "BANNED"}))
    assert seen == ["SID", "BANNED"]


async def test_each_token_has_its_own_claims_object(clock):
    """Each token has its own claims object, also if a validator returns one object for all tokens."""
    engine = engine_of(Wrapping, clock)
    first = await engine.decode(signed(FULL))
    second = await engine.decode(signed({**FULL, "sub": "bob"}))
    assert (first.sub, second.sub) == (FULL["sub"], "bob")
    SHARED.clear()


async def test_private_attributes_survive(clock):
    """Private attributes of the model are kept."""
    assert (await engine_of(PostInit, clock).decode(signed(FULL)))._made == 7


async def test_a_validator_that_returns_something_else_is_a_mistake(clock):
    """The error names the model."""

    class Wrong(Claims):
        @model_validator(mode="wrap")
        @classmethod
        def lose(cls, data: object, handler: object) -> object:
            return dict(data)

    with pytest.raises(TypeError, match="must return a Wrong"):
        await engine_of(Wrong, clock).decode(signed(FULL))


def test_registered_claims_are_frozen_whatever_the_configuration():
    """A subclass may make only its own claims mutable."""
    thawed = configured(frozen=False)(sub="alice")
    thawed.own_name = "changed"
    for name in RESERVED_CLAIMS:
        with pytest.raises(ValidationError, match="frozen"):
            setattr(thawed, name, getattr(thawed, name))


class Redefining(BaseModel):
    """A base that is not `Claims`, with a field of the same name."""

    sub: int = 0


class Defaulting(BaseModel):
    """A base with another default."""

    type: str = "access"


class PropertyBase:
    """A base with a property of the same name."""

    @property
    def scope(self) -> str:
        """Return another scope."""
        return "admin"


class AccessorBase:
    """A base that overrides `scopes`."""

    scopes = frozenset({"admin"})


class ClassVarBase(BaseModel):
    """A base that removes a field."""

    sid: ClassVar[str] = ""


class AnnotatedBase(BaseModel):
    """A base that adds a constraint to a field."""

    jti: Annotated[str, Field(max_length=3)] = ""


class Silent:
    """A base that prevents Pydantic from calling `Claims`."""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs):
        """Do not call `Claims`."""


@pytest.mark.parametrize(
    ("base", "name"),
    [
        (Redefining, "sub"), (Defaulting, "type"), (PropertyBase, "scope"),
        (AccessorBase, "scopes"), (ClassVarBase, "sid"), (AnnotatedBase, "jti"),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:Field name")  # Pydantic's own, before ours is raised
def test_another_base_cannot_redefine_registered_claims(base, name):
    """It is refused when the class is created, or else when an engine is built."""
    with pytest.raises(TypeError, match=f"redefines .*{name}"):
        type("Mixed", (base, Claims), {"__module__": __name__})
    hidden = type("Hidden", (Silent, base, Claims), {"__module__": __name__})
    with pytest.raises(TypeError, match=f"redefines .*{name}"):
        TokenEngine(KeyRing.from_secret(SECRET), claims_model=hidden)


async def test_a_validator_cannot_return_a_subclass_that_redefines_registered_claims(clock):
    """The class of the returned object is checked as the model is."""

    class Open(Claims):
        @model_validator(mode="wrap")
        @classmethod
        def _choose(cls, data: object, handler: object) -> object:
            return hidden.model_validate(data) if cls is Open else handler(data)

    hidden = type("Hidden", (Silent, AccessorBase, Open), {"__module__": __name__})

    with pytest.raises(TypeError, match=r"Hidden redefines .*scopes"):
        await engine_of(Open, clock).decode(signed(FULL))


def test_a_model_with_getattribute_is_refused():
    """The engine reads claims as attributes."""
    with pytest.raises(TypeError, match="must not define __getattribute__"):

        class Lying(Claims):
            def __getattribute__(self, name: str) -> object:
                return "mallory" if name == "sub" else super().__getattribute__(name)


def test_other_bases_are_accepted():
    """Other base classes may add fields and methods."""

    class Tenant(BaseModel):
        tenant: str = ""

    class Mixed(Tenant, Claims):
        pass

    assert Mixed(tenant="a", sub="b").tenant == "a"


class Partial(BaseModel):
    """Keeps one member of its input."""

    kept: int = 0


@pytest.mark.parametrize(
    "fields",
    [
        {"own": (Partial, Partial())},
        {"own": (int, Field(0, validation_alias=AliasPath("own", "kept")))},
        {"own": (int, Field(0, validation_alias=AliasChoices("other", "more")))},
        {"own": (list, [])},
        {"own": (dict[str, object], {})},
        {"own": (Annotated[float, Field(allow_inf_nan=True)], 0)},
        {},
    ],
    ids=str,
)
@pytest.mark.parametrize("settings", [{}, {"extra": "ignore"}, {"allow_inf_nan": True}], ids=str)
@pytest.mark.parametrize(
    "written", ["NaN", "-Infinity", "1e999", "1E+0999", "9" * 400 + ".0", "-" + "9" * 300 + "e99"]
)
async def test_an_infinity_is_refused_even_if_the_model_drops_it(clock, fields, settings, written):
    """It is not JSON, at any depth; similar texts and finite numbers are accepted."""
    namespace = {name: default for name, (_, default) in fields.items()}
    annotations = {name: kind for name, (kind, _) in fields.items()}
    model = type(
        "Partial",
        (Claims,),
        {
            **namespace,
            "__annotations__": annotations,
            "model_config": ConfigDict(**settings),
            "__module__": __name__,
        },
    )
    engine = engine_of(model, clock)
    payload = json.dumps(FULL)[:-1]
    deep = '"x": [{{"y": [1, {0}]}}], "other": 1, "more": {0}'
    fine = deep.format('" , NaN 1e999"') if "own" not in fields else '"x": "[NaN"'
    await engine.decode(signed(f'{payload}, {fine}, "e": 1e308, "f": -0.5e-400}}'.encode()))
    with pytest.raises((MalformedTokenError, InvalidClaimError)):
        await engine.decode(signed(f"{payload}, {deep.format(written)}}}".encode()))


HIDING_FIELDS = {
    "a member that a nested model ignores": (
        Partial,
        Partial(),
        '"own": {{"kept": 1, "other": {0}}}',
    ),
    "a member beside an alias path": (
        int,
        Field(0, validation_alias=AliasPath("own", "kept")),
        '"own": {{"kept": 1, "other": {0}}}',
    ),
    "an item beside an alias path": (
        int,
        Field(0, validation_alias=AliasPath("own", 0)),
        '"own": [1, {0}]',
    ),
    "an alias path among choices": (
        int,
        Field(0, validation_alias=AliasChoices("none", AliasPath("own", 0))),
        '"own": [1, {0}]',
    ),
    "the second of two choices": (
        int,
        Field(0, validation_alias=AliasChoices("first", "own")),
        '"first": 1, "own": {0}',
    ),
    "the name beside an alias": (int, Field(0, alias="first"), '"first": 1, "own": {0}'),
    "an item of any list": (list, [], '"own": [1, [{0}]]'),
    "an item of any set": (set, set(), '"own": [1, {0}]'),
    "a value of any dictionary": (dict, {}, '"own": {{"a": {0}}}'),
    "an item of a union": (int | list, 0, '"own": [1, {0}]'),
    "an item of a tagged union": (
        Annotated[int, Tag("number")] | Annotated[list, Tag("items")],
        0,
        '"own": [1, {0}]',
    ),
    "a list in a list": (list[list], [], '"own": [[{0}]]'),
    "a list in a dictionary": (dict[str, list], {}, '"own": {{"a": [{0}]}}'),
    "an item that a validator drops": (
        Annotated[list[int], BeforeValidator(lambda items: items[:1])],
        [],
        '"own": [1, {0}]',
    ),
    "anything": (object, None, '"own": [{0}]'),
    "a float that may be infinite": (
        Annotated[float, Field(allow_inf_nan=True)],
        0.0,
        '"own": {0}',
    ),
    "a tuple of floats that may be infinite": (
        tuple[int, Annotated[float, Field(allow_inf_nan=True)]],
        (0, 0.0),
        '"own": [1, {0}]',
    ),
}


@pytest.mark.parametrize(("kind", "default", "written"), HIDING_FIELDS.values(), ids=HIDING_FIELDS)
@pytest.mark.parametrize("by_name", [False, True], ids=["by alias", "by name too"])
@pytest.mark.parametrize("extra", ["allow", "forbid", "ignore"])
async def test_a_field_hides_no_infinity(clock, kind, default, written, by_name, extra):
    """An infinity is refused even if only a field has read it, and neither keeps nor checks it."""
    fields = {"own": default, "__annotations__": {"own": kind}, "__module__": __name__}
    config = ConfigDict(extra=extra, validate_by_name=by_name, validate_by_alias=True)
    engine = engine_of(type("Hiding", (Claims,), {**fields, "model_config": config}), clock)

    def token_with(number):
        return signed(f"{json.dumps(FULL)[:-1]}, {written.format(number)}}}".encode())

    with pytest.raises((MalformedTokenError, InvalidClaimError)):
        await engine.decode(token_with("1e999"))
    try:
        await engine.decode(token_with("1"))
    except InvalidClaimError:
        assert extra == "forbid"  # the member that the field has not read is one too many


async def test_a_schema_of_other_claims_hides_no_infinity(clock):
    """An infinity is refused even if a validator of all other claims drops it."""

    class Shortened(Claims):
        __pydantic_extra__: dict[str, Annotated[list, BeforeValidator(lambda items: items[:1])]]

    engine = engine_of(Shortened, clock)
    payload = json.dumps(FULL)[:-1]
    assert (await engine.decode(signed(f'{payload}, "a": [1, 2]}}'.encode()))).extra == {"a": [1]}
    with pytest.raises(MalformedTokenError):
        await engine.decode(signed(f'{payload}, "a": [1, 1e999]}}'.encode()))


@pytest.mark.parametrize("extra", ["allow", "forbid"])
def test_fields_that_check_their_numbers_hide_none(extra):
    """A payload of such a model is not searched for infinities a second time."""

    class Checked(Claims):
        model_config = ConfigDict(extra=extra)

        text: str
        number: int
        share: Annotated[float, Field(alias="part")]
        flag: bool | None
        day: date = date(2026, 1, 31)
        items: list[int]
        pair: tuple[int, str]
        names: set[str] | frozenset[str]
        shares: dict[str, float]

    nodes = nodes_of(Checked.__pydantic_core_schema__)
    assert not may_hide_numbers(nodes, RESERVED_CLAIMS)


async def test_what_an_ignoring_model_cannot_parse_is_malformed(clock):
    """The payload is nested too deeply, or has too many digits next to a suspicious number."""
    engine = engine_of(configured(extra="ignore"), clock)
    payload = json.dumps(FULL)[:-1]
    for odd in ("9" * 5000, "[" * 300 + "]" * 300):
        with pytest.raises(MalformedTokenError):
            await engine.decode(signed(f'{payload}, "a": 1e100, "x": {odd}}}'.encode()))


async def test_required_claims_are_those_of_the_token(clock):
    """They are named as in the token, whatever the model calls its fields, and whatever it keeps."""

    class Renamed(Claims):
        model_config = ConfigDict(extra="ignore")

        tenant: str = Field("none", alias="https://shop.example/tenant")
        city: str = Field(
            "none", validation_alias=AliasChoices(AliasPath("address", "city"), "town")
        )
        plan: str = "free"

    required = {
        "exp",
        "iat",
        "sub",
        "jti",
        "type",
        "https://shop.example/tenant",
        "address",
        "plan",
        "region",
    }
    engine = engine_of(Renamed, clock, required_claims=required)
    own = {"https://shop.example/tenant": "acme", "address": {}, "plan": "paid", "region": 0}
    assert (await engine.decode(signed(payload_of(**own)))).tenant == "acme"
    for name in own:
        for value in (..., None, ""):
            with pytest.raises((MissingClaimError, InvalidClaimError)) as caught:
                await engine.decode(signed(payload_of(**{**own, name: value})))
            if value is ...:
                assert (type(caught.value), caught.value.claim) == (MissingClaimError, name)
    with pytest.raises(MissingClaimError):
        await engine.decode(signed(payload_of(**{**own, "address": ..., "town": "Oslo"})))


async def test_a_field_name_is_not_the_name_of_a_claim(clock):
    """If the token uses another name, a claim required by the name of its field is absent."""

    class Renamed(Claims):
        tenant: str = Field(alias="org")

    engine = engine_of(Renamed, clock, required_claims={*POLICY.required_claims, "tenant"})
    with pytest.raises(MissingClaimError, match="tenant"):
        await engine.decode(signed(payload_of(org="acme")))
    assert (await engine.decode(signed(payload_of(org="acme", tenant="x")))).tenant == "acme"


def test_a_model_that_is_completed_later_works(clock):
    """The schema of a model that is completed later is built with the engine."""

    class Late(Claims):
        model_config = ConfigDict(defer_build=True)

        tenant: str = ""

    assert engine_of(Late, clock)


def test_the_description_in_openapi():
    """A response with claims is described for clients; a subclass has its own description or none."""

    class Described(Claims):
        """The customer."""

    class Bare(Claims):
        tenant: str

    found = [model.model_json_schema().get("description") for model in (Claims, Described, Bare)]
    assert found == ["The claims of a token.", "The customer.", None]
