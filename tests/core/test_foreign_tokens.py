"""Tokens of other issuers are accepted only as far as the policy says."""

from functools import partial

import pytest
from pydantic import Field, field_validator, model_validator

from tests.support import NOW, OTHER_SECRET, SECRET, engine_with, payload_of, signed
from tokenward import (
    Claims,
    ConfigurationError,
    Key,
    KeyRing,
    TokenEngine,
    TokenExpiredError,
    TokenPolicy,
    TokenRevokedError,
)
from tokenward.errors import (
    InvalidAudienceError,
    InvalidClaimError,
    InvalidIssuerError,
    InvalidSignatureError,
    MalformedTokenError,
    MissingClaimError,
    WrongTokenTypeError,
)

RFC9068 = TokenPolicy(
    issuer="https://login.example/",
    audience="shop-api",
    required_claims={"exp", "sub"},
    type_source="typ",
)
BARE = {"iss": "https://login.example/", "aud": "shop-api", "sub": "alice", "exp": NOW + 60}
AT_JWT = {"alg": "HS256", "typ": "at+jwt"}


async def test_a_token_without_type_jti_and_iat_is_accepted_if_the_policy_says_so(clock):
    """Claims that the policy does not require are empty or None."""
    claims = await engine_with(clock, policy=RFC9068).decode(signed(BARE, header=AT_JWT))
    assert (claims.sub, claims.jti, claims.type, claims.iat) == ("alice", "", "", None)


async def test_the_same_token_is_refused_by_default(engine):
    """Nothing is relaxed by default."""
    with pytest.raises(MissingClaimError):
        await engine.decode(signed({"sub": "alice", "exp": NOW + 60}, header=AT_JWT))


@pytest.mark.parametrize("typ", ["JWT", "id+jwt", ...])
async def test_a_type_from_the_header_must_be_at_jwt(clock, typ):
    """RFC 9068 §4: an ID token of the same issuer is refused."""
    header = {"alg": "HS256"} | ({} if typ is ... else {"typ": typ})
    with pytest.raises(WrongTokenTypeError):
        await engine_with(clock, policy=RFC9068).decode(signed(BARE, header=header))


async def test_a_type_from_the_header_is_never_refresh(clock):
    """The header cannot mark a refresh token, and the claim does not count."""
    token = signed({**BARE, "type": "refresh"}, header=AT_JWT)
    with pytest.raises(WrongTokenTypeError):
        await engine_with(clock, policy=RFC9068).decode(token, type="refresh")


async def test_a_policy_may_fix_the_type(clock):
    """If an issuer's keys sign access tokens only, its tokens need no type."""
    policy = TokenPolicy(required_claims={"exp"}, type_source="always-access")
    engine = engine_with(clock, policy=policy)
    token = signed({"exp": NOW + 60, "custom": {"deep": [1]}})
    assert (await engine.decode(token)).extra == {"custom": {"deep": [1]}}
    with pytest.raises(WrongTokenTypeError):
        await engine.decode(token, type="refresh")
    with pytest.raises(WrongTokenTypeError):
        await engine.decode(signed({"exp": NOW + 60}, header={"alg": "HS256", "typ": "dpop+jwt"}))


async def test_expiry_and_signature_are_always_checked(clock):
    """Requiring fewer claims relaxes nothing else."""
    engine = engine_with(clock, policy=RFC9068)
    with pytest.raises(InvalidSignatureError):
        await engine.decode(signed(BARE, header=AT_JWT, key=Key.from_secret(OTHER_SECRET)))
    with pytest.raises(MissingClaimError):
        await engine.decode(signed({**BARE, "exp": None}, header=AT_JWT))
    with pytest.raises(InvalidClaimError):
        await engine.decode(signed({**BARE, "exp": True}, header=AT_JWT))
    clock.now = NOW + 60
    with pytest.raises(TokenExpiredError):
        await engine.decode(signed(BARE, header=AT_JWT))


async def test_without_a_required_expiry_tokens_need_not_expire(clock):
    """An exp in the token still counts."""
    policy = TokenPolicy(required_claims={"iat", "sub", "jti", "type"})
    engine = engine_with(clock, policy=policy)
    assert (await engine.decode(signed(payload_of(exp=...)))).expires_at is None
    with pytest.raises(TokenExpiredError):
        await engine.decode(signed(payload_of(exp=NOW)))


@pytest.mark.parametrize("claim", ["exp", "iat", "nbf"])
@pytest.mark.parametrize("required", [True, False])
async def test_a_null_is_not_a_time(clock, claim, required):
    """It is refused by every policy, also if the claim may be absent."""
    names = {"sub"} | ({claim} if required else set())
    for policy in (
        TokenPolicy(required_claims=names, type_source="always-access"),
        TokenPolicy(required_claims={*names, "type"}),
    ):
        engine = engine_with(clock, policy=policy)
        if not required:
            assert await engine.decode(signed(payload_of(**{claim: ...})))
        for _ in range(2):
            with pytest.raises(MissingClaimError if required else InvalidClaimError, match=claim):
                await engine.decode(signed(payload_of(**{claim: None})))


LOOSE_POLICIES = {
    "no jti": TokenPolicy(required_claims={"exp", "sub", "type"}),
    "typ": RFC9068,
    "always-access": TokenPolicy(required_claims={"exp"}, type_source="always-access"),
    "own": TokenPolicy(),
}


def foreign(policy, **changes):
    """Sign a token that the policy accepts, with some claims changed."""
    base = payload_of(jti="j", iss=policy.issuer or ..., aud=policy.audience or ...)
    payload = {name: value for name, value in {**base, **changes}.items() if value is not ...}
    return signed(payload, header=AT_JWT)


@pytest.mark.parametrize("name", LOOSE_POLICIES)
@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("fresh", None), ("fresh", "yes"), ("fresh", {"a": 1}), ("fresh", -1),
        ("iat_ms", None), ("iat_ms", 1_800_000_000_123), ("iat_ms", "1"), ("iat_ms", 0.5),
        ("session_exp", "2027-01-01"), ("session_exp", [1]),
        ("csrf", 7), ("csrf", ["a"]),
        ("acr", 0), ("acr", ["mfa"]), ("acr", {"level": 2}),
        ("scope", None), ("scope", 7), ("scope", {"read": True}), ("scope", ["read", 7]),
    ],
)  # fmt: skip
async def test_what_only_tokenward_means_by_a_claim_refuses_no_foreign_token(
    clock, name, claim, value
):
    """Null and other types count as absent under a policy for others, and are refused under our own.

    Tokens with a `type` claim are of the flask-jwt-extended family, so `fresh` and `csrf` mean the same there.
    """
    policy = LOOSE_POLICIES[name]
    engine = engine_with(clock, policy=policy)
    token = foreign(policy, **{claim: value}, own={"big": 10**30, "text": "é"})
    is_of_family = policy.type_source == "claim" and claim in {"fresh", "csrf"}
    if name == "own" or (is_of_family and value is not None):
        with pytest.raises(InvalidClaimError, match=claim):
            await engine.decode(token)
        return
    for _ in range(2):
        claims = await engine.decode(token)
        assert getattr(claims, claim) == Claims.model_fields[claim].default
        assert claim not in claims.model_fields_set
        assert claims.extra == {"own": {"big": 10**30, "text": "é"}}
    assert (await engine.decode(foreign(policy, scope=["read"]))).scopes == {"read"}


@pytest.mark.parametrize("entries", [8192, 0])
@pytest.mark.parametrize("source", ["typ", "always-access"])
@pytest.mark.parametrize("claim", ["nonce", "at_hash", "c_hash"])
async def test_what_only_id_tokens_have_refuses_a_foreign_token(clock, claim, source, entries):
    """Whatever its value is, and under every claims model; unless the policy accepts ID tokens."""

    class Hidden(Claims, extra="ignore"):
        pass

    policy = partial(
        TokenPolicy, required_claims={"exp"}, type_source=source, signature_cache_entries=entries
    )
    keys = KeyRing.from_secret(SECRET)
    for value in ("n-0S6_WzA2Mj", None, 7):
        token = foreign(policy(), **{claim: value})
        for model in (Claims, Hidden):
            engine = TokenEngine(keys, policy=policy(), claims_model=model, clock=clock)
            for expected in ("access", None):
                for _ in range(2):
                    with pytest.raises(WrongTokenTypeError):
                        await engine.decode(token, type=expected)
        willing = engine_with(clock, policy=policy(accept_id_tokens=True))
        assert (await willing.decode(token)).extra == {claim: value}


class Separate(Claims, extra="ignore"):
    """A model whose registered claims are read separately."""

    amount: int = 0

    @model_validator(mode="before")
    @classmethod
    def pass_on(cls, members: dict[str, object]) -> dict[str, object]:
        """Return the payload unchanged."""
        return members


@pytest.mark.parametrize("model", [Claims, Separate])
@pytest.mark.parametrize("source", ["typ", "always-access", "claim"])
@pytest.mark.parametrize(
    ("members", "scopes"),
    [
        ({"scp": "a b"}, {"a", "b"}),
        ({"scp": ["a", "b"]}, {"a", "b"}),
        ({"scp": "a", "scope": None}, {"a"}),
        ({"scope": "", "scp": "a"}, {"a"}),
        ({"scope": [], "scp": ["a"]}, {"a"}),
        ({"scope": "b", "scp": "a"}, {"b"}),
        ({"scope": 7, "scp": "a"}, set()),
        ({"scp": 7}, set()),
        ({"scp": ["a", 7]}, set()),
        ({"scp": None}, set()),
        ({"scp": {"a": 1}}, set()),
        ({"scp": ""}, set()),
        ({"nested": {"scp": "a"}}, set()),
    ],
)
async def test_scopes_of_foreign_tokens_are_read_from_scp(clock, members, scopes, source, model):
    """If they have no scope; with a type claim, `scp` is a claim like any other."""
    required = {"exp", "type"} if source == "claim" else {"exp"}
    policy = TokenPolicy(required_claims=required, type_source=source)
    engine = TokenEngine(
        KeyRing.from_secret(SECRET), policy=policy, claims_model=model, clock=clock
    )
    if source == "claim":
        scopes = {"b"} if members.get("scope") == "b" else set()
    for _ in range(2):
        claims = await engine.decode(foreign(policy, **members))
        assert claims.scopes == scopes
        if model is Claims:
            assert claims.extra == {k: v for k, v in members.items() if k != "scope"}


async def test_reading_scp_changes_nothing_else_of_a_token(clock):
    """Numbers stay, an infinity is still refused, and a required scope is found."""
    policy = TokenPolicy(required_claims={"exp", "scope"}, type_source="always-access")
    engine = TokenEngine(
        KeyRing.from_secret(SECRET), policy=policy, claims_model=Separate, clock=clock
    )
    text = '{"exp":%d,"scp":["é"],"amount":%s} \n'
    claims = await engine.decode(signed((text % (NOW + 60, 10**30)).encode()))
    assert (claims.amount, claims.scopes) == (10**30, {"é"})
    with pytest.raises(MalformedTokenError):
        await engine.decode(signed((text % (NOW + 60, '1,"more":1e999')).encode()))
    with pytest.raises(MissingClaimError, match="scope"):
        await engine.decode(foreign(policy, scp=[]))


CLIENT = partial(
    TokenPolicy,
    required_claims={"exp", "sub"},
    type_source="always-access",
    audience={"web", "app"},
    audience_claim="client_id",
)


@pytest.mark.parametrize("entries", [8192, 0])
@pytest.mark.parametrize("model", [Claims, Separate])
@pytest.mark.parametrize(
    ("members", "error"),
    [
        ({"client_id": "web"}, None),
        ({"client_id": ["other", "app"]}, None),
        ({"client_id": "web", "aud": "app"}, None),
        ({"client_id": "web", "aud": []}, None),
        ({"client_id": "web", "aud": None}, None),
        ({"client_id": "web", "aud": "other"}, InvalidAudienceError),
        ({"client_id": "other"}, InvalidAudienceError),
        ({"client_id": "other", "aud": "web"}, InvalidAudienceError),
        ({"client_id": ["other"]}, InvalidAudienceError),
        ({"client_id": "Web"}, InvalidAudienceError),
        ({"aud": "web"}, MissingClaimError),
        ({"client_id": None}, MissingClaimError),
        ({"client_id": ""}, MissingClaimError),
        ({"client_id": []}, MissingClaimError),
        ({"client_id": 7}, InvalidClaimError),
        ({"client_id": {"web": 1}}, InvalidClaimError),
        ({"client_id": ["web", 7]}, InvalidClaimError),
    ],
)
async def test_another_claim_may_name_the_audience(clock, members, error, model, entries):
    """It is required, and an `aud` in the same token must name the service too."""
    policy = CLIENT(signature_cache_entries=entries)
    engine = TokenEngine(
        KeyRing.from_secret(SECRET), policy=policy, claims_model=model, clock=clock
    )
    token = signed(payload_of(**members))
    for _ in range(2):
        if error is None:
            assert (await engine.decode(token)).sub == "alice"
            continue
        with pytest.raises(error) as caught:
            await engine.decode(token)
        if error is not InvalidAudienceError:
            assert caught.value.claim == "client_id"


async def test_an_empty_list_of_audiences_counts_as_absent_in_a_foreign_token(clock):
    """So it is missing if the policy has an audience; our own tokens never have one."""
    token = signed(payload_of(aud=[]))
    loose = partial(TokenPolicy, type_source="always-access")
    engine = engine_with(clock, policy=loose(required_claims={"exp"}))
    assert (await engine.decode(token)).aud == ()
    for policy in (
        loose(required_claims={"exp"}, audience="a"),
        loose(required_claims={"exp", "aud"}),
        TokenPolicy(required_claims={"exp", "iat", "sub", "jti", "type", "aud"}),
    ):
        with pytest.raises(MissingClaimError) as caught:
            await engine_with(clock, policy=policy).decode(token)
        assert caught.value.claim == "aud"
    for policy in (TokenPolicy(), TokenPolicy(audience="a")):
        with pytest.raises(InvalidAudienceError):
            await engine_with(clock, policy=policy).decode(token)


@pytest.mark.parametrize("entries", [8192, 0])
@pytest.mark.parametrize("model", ["Claims", "Misleading"])
@pytest.mark.parametrize(
    ("rules", "good", "bad"),
    [
        ({"token_use": "access"}, ["access"], ["id", "Access", None, ["access"], True, ...]),
        ({"token_use": {"access", "a"}}, ["access", "a"], ["id", "", ["a"], {"a": 1}, ...]),
        ({"token_use": True}, ["x", ["x"], 7, True], ["", None, [], {}, False, 0, ...]),
        ({"token_use": "access", "scope": True}, [], ["access"]),
    ],
)
async def test_a_policy_says_which_claims_make_an_access_token(
    clock, rules, good, bad, model, entries
):
    """By their names in the token, whatever a claims model makes of them; the error shows no value."""

    class Misleading(Claims, extra="ignore"):
        kind: str = Field("access", alias="token_use")

        @field_validator("kind", mode="before")
        @classmethod
        def fake(cls, value: object) -> str:
            return "access"

    policy = TokenPolicy(
        required_claims={"exp"},
        type_source="always-access",
        access_token_claims=rules,
        signature_cache_entries=entries,
    )
    models = {"Claims": Claims, "Misleading": Misleading}
    engine = TokenEngine(
        KeyRing.from_secret(SECRET), policy=policy, claims_model=models[model], clock=clock
    )
    for value in good * 2:
        assert (await engine.decode(foreign(policy, token_use=value))).sub == "alice"
    for value in bad * 2:
        for expected in ("access", None):
            with pytest.raises(WrongTokenTypeError) as caught:
                await engine.decode(foreign(policy, token_use=value), type=expected)
            assert str(caught.value) == str(WrongTokenTypeError())


async def test_rules_about_access_tokens_do_not_concern_refresh_tokens(clock):
    """With a type claim, both the claim and the rules make an access token."""
    engine = engine_with(clock, policy=TokenPolicy(access_token_claims={"tenant": "a"}))
    assert (await engine.decode(signed(payload_of(tenant="a")))).type == "access"
    assert (await engine.decode(signed(payload_of(type="refresh")), type="refresh")).sub == "alice"
    for wrong in ({}, {"tenant": "b"}, {"type": "id", "tenant": "a"}):
        with pytest.raises(WrongTokenTypeError):
            await engine.decode(signed(payload_of(**wrong)))


@pytest.mark.parametrize(
    ("policy", "claims"),
    [
        (TokenPolicy(access_token_claims={"tenant": "a"}), {"tenant": "a"}),
        (TokenPolicy(access_token_claims={"tenant": True}), {"tenant": ["a"]}),
        (TokenPolicy(audience="web", audience_claim="client_id"), {"client_id": "web"}),
        (TokenPolicy(type_source="typ", accept_id_tokens=True), {"nonce": "n"}),
    ],
)
@pytest.mark.parametrize("kind", ["access", "refresh"])
async def test_an_engine_issues_no_token_that_it_would_refuse(clock, policy, claims, kind):
    """Its claims must meet the rules of its policy; this is found when the token is issued."""
    engine = engine_with(clock, policy=policy)
    if policy.type_source == "claim":
        token = await engine.issue("alice", claims=claims, type=kind)
        assert (await engine.decode(token, type=kind)).sub == "alice"
        pair = await engine.issue_pair("alice", claims=claims)
        renewed = await engine.refresh(pair.refresh_token)
        assert (await engine.decode(renewed.access_token)).extra == claims
    else:
        assert await engine.decode(await engine.issue("alice", claims=claims))


@pytest.mark.parametrize(
    ("policy", "claims"),
    [
        (TokenPolicy(access_token_claims={"tenant": "a"}), {}),
        (TokenPolicy(access_token_claims={"tenant": "a"}), {"tenant": "b"}),
        (TokenPolicy(audience="web", audience_claim="client_id"), {}),
        (TokenPolicy(audience="web", audience_claim="client_id"), {"client_id": "app"}),
        (TokenPolicy(audience="web", audience_claim="client_id"), {"client_id": 7}),
        (TokenPolicy(type_source="typ"), {"nonce": "n"}),
        (TokenPolicy(type_source="always-access"), {"at_hash": "h"}),
    ],
)
async def test_a_token_that_the_engine_would_refuse_is_a_mistake_in_the_configuration(
    clock, policy, claims
):
    """The error names the settings, and no value of a claim."""
    engine = engine_with(clock, policy=policy)
    with pytest.raises(ConfigurationError, match="would refuse the token") as caught:
        await engine.issue("alice", claims=claims)
    assert "app" not in str(caught.value)


@pytest.mark.parametrize("accept_id_tokens", [False, True])
async def test_a_security_event_token_is_no_access_token(clock, accept_id_tokens):
    """RFC 8417 §2.2: it has an object in `events`; a claim of that name with another value may stay."""
    policy = TokenPolicy(
        required_claims={"exp", "sub"},
        type_source="always-access",
        accept_id_tokens=accept_id_tokens,
    )
    engine = engine_with(clock, policy=policy)
    claims = {"sub": "alice", "exp": NOW + 60}
    for events in ({}, {"https://e.example/logout": {}}):
        with pytest.raises(WrongTokenTypeError):
            await engine.decode(signed({**claims, "events": events}))
    for events in ([], "party", None):
        assert await engine.decode(signed({**claims, "events": events}))
    own = engine_with(clock)
    assert await own.decode(await own.issue("alice", claims={"events": {"party": 1}}))


async def test_a_type_claim_says_more_than_the_claims_of_id_tokens(clock):
    """Own tokens, and those of the flask-jwt-extended family, may have claims of these names."""
    for policy in (TokenPolicy(), TokenPolicy(required_claims={"exp", "sub", "type"})):
        engine = engine_with(clock, policy=policy)
        token = await engine.issue("alice", claims={"nonce": "n"})
        assert (await engine.decode(token)).extra == {"nonce": "n"}
        with pytest.raises((WrongTokenTypeError, MissingClaimError)):
            await engine.decode(signed(payload_of(type=..., nonce="n")))


@pytest.mark.parametrize("claim", ["jti", "sub", "iss", "aud", "sid", "auth_time"])
async def test_a_null_counts_as_absent_if_the_claim_is_not_required(clock, claim):
    """For registered claims that are not times; a required claim must not be null."""
    others = {"exp", "iat", "sub", "jti", "nbf"} - {claim}
    engine = engine_with(
        clock, policy=TokenPolicy(required_claims=others, type_source="always-access")
    )
    claims = await engine.decode(signed(payload_of(**{claim: None})))
    assert getattr(claims, claim) in {None, ""}
    strict = TokenPolicy(required_claims={*others, claim}, type_source="always-access")
    with pytest.raises((MissingClaimError, InvalidClaimError), match=claim):
        await engine_with(clock, policy=strict).decode(signed(payload_of(**{claim: None})))


@pytest.mark.parametrize("claim", ["sid", "iss", "aud", "auth_time"])
async def test_a_null_counts_as_absent_under_our_own_policy_too(engine, claim):
    """If the claim may be absent."""
    assert getattr(await engine.decode(signed(payload_of(**{claim: None}))), claim) is None


@pytest.mark.parametrize("value", [None, 7, ["access"], {"a": 1}])
async def test_a_type_claim_that_does_not_count_may_be_anything(clock, value):
    """If the policy does not read the type claim, it belongs to the issuer."""
    claims = await engine_with(clock, policy=RFC9068).decode(foreign(RFC9068, type=value))
    assert claims.type == ""
    with pytest.raises(InvalidClaimError):
        await engine_with(clock).decode(foreign(TokenPolicy(), type=value))


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("exp", "soon"),
        ("iat", True),
        ("nbf", "NaN"),
        ("sub", 7),
        ("jti", 7),
        ("sid", []),
        ("auth_time", "x"),
    ],
)
async def test_claims_that_all_issuers_share_are_never_misread(clock, claim, value):
    """A registered claim of the wrong type is refused by every policy."""
    for policy in LOOSE_POLICIES.values():
        with pytest.raises(InvalidClaimError, match=claim):
            await engine_with(clock, policy=policy).decode(
                foreign(policy, **{claim: value, "fresh": 1})
            )


async def test_a_claims_model_validates_foreign_tokens_too(clock):
    """Its fields are validated, and its validators may refuse."""

    class Theirs(Claims):
        tenant: str

        @field_validator("scope")
        @classmethod
        def check(cls, value: str) -> str:
            if value == "banned":
                raise ValueError
            return value

    engine = TokenEngine(
        KeyRing.from_secret(SECRET), claims_model=Theirs, policy=RFC9068, clock=clock
    )
    assert (await engine.decode(foreign(RFC9068, tenant="a", fresh=None))).tenant == "a"
    for changes in ({"tenant": 7}, {"tenant": "a", "scope": "banned"}):
        for fresh in (None, False):
            with pytest.raises(InvalidClaimError):
                await engine.decode(foreign(RFC9068, fresh=fresh, **changes))
    with pytest.raises(MissingClaimError, match="tenant"):
        await engine.decode(foreign(RFC9068, fresh=None))


@pytest.mark.parametrize(("subject", "read"), [(7, "7"), (-(10**30), str(-(10**30))), ("8", "8")])
async def test_a_policy_may_read_integers_as_subjects(clock, subject, read):
    """A policy may read integers as subjects, for libraries that wrote numbers, but no other type."""
    engine = engine_with(clock, policy=TokenPolicy(integer_subjects=True))
    assert (await engine.decode(signed(payload_of(sub=subject)))).sub == read
    await engine.revoke_subject(read)
    with pytest.raises(TokenRevokedError):
        await engine.decode(signed(payload_of(sub=subject)))
    for wrong in (True, 7.0, [7], None, {"a": 7}):
        with pytest.raises(InvalidClaimError, match="sub"):
            await engine.decode(signed(payload_of(sub=wrong)))
    with pytest.raises(InvalidClaimError, match="fresh"):
        await engine.decode(signed(payload_of(sub=7, fresh=None)))


async def test_a_policy_may_allow_a_type_of_token_without_issuer(clock):
    """A type of token may lack the issuer; other types and another issuer are refused."""
    policy = TokenPolicy(issuer="me", issuer_optional_in={"refresh"})
    engine = engine_with(clock, policy=policy)
    assert (await engine.decode(signed(payload_of(type="refresh")), type="refresh")).iss is None
    with pytest.raises(InvalidIssuerError):
        await engine.decode(signed(payload_of(type="refresh", iss="you")), type="refresh")
    with pytest.raises(MissingClaimError, match="iss"):
        await engine.decode(signed(payload_of()))


async def test_a_token_without_jti_cannot_be_revoked_alone(clock):
    """The error names the missing claim; the subject can be revoked."""
    engine = engine_with(clock, policy=RFC9068)
    token = signed(BARE, header=AT_JWT)
    with pytest.raises(MissingClaimError, match="jti"):
        await engine.revoke(token)
    await engine.revoke_subject("alice")
    with pytest.raises(TokenRevokedError):
        await engine.decode(token)


def test_a_type_from_the_claim_needs_the_claim():
    """A policy that does not require the type claim must say how the type is recognised."""
    with pytest.raises(ConfigurationError, match="type_source"):
        TokenPolicy(required_claims={"exp", "sub"})
