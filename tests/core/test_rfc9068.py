"""The JWT profile for access tokens (RFC 9068): `TokenPolicy(profile="rfc9068")`."""

import json

import pytest

from tests.support import NOW, FrozenClock
from tokenward import ConfigurationError, Key, KeyRing, MemoryStore, TokenEngine, TokenPolicy
from tokenward.errors import (
    InvalidAudienceError,
    InvalidClaimError,
    InvalidIssuerError,
    MissingClaimError,
    TokenExpiredError,
    WrongTokenTypeError,
)
from tokenward.jose.compact import CompactJws
from tokenward.tokens import read_unverified

KEY = Key.generate("EdDSA")
NAMES = {"issuer": "https://login.example/", "audience": "shop-api"}
OWN = TokenPolicy(**NAMES, profile="rfc9068")
FOREIGN = TokenPolicy(**NAMES, profile="rfc9068", type_source="typ")
WEB = {"client_id": "web"}


def engine(policy: TokenPolicy) -> TokenEngine:
    """Return an engine with a policy."""
    return TokenEngine(KeyRing(KEY), policy=policy, store=MemoryStore(), clock=FrozenClock())


def token(typ: str | None = "at+jwt", **changes: object) -> str:
    """Return a token of another issuer; None removes a claim."""
    claims = {
        "iss": "https://login.example/",
        "aud": "shop-api",
        "exp": NOW + 900,
        "sub": "alice",
        "client_id": "web",
        "iat": NOW,
        "jti": "1",
    } | changes
    payload = json.dumps({name: value for name, value in claims.items() if value is not None})
    jws = CompactJws(KeyRing(KEY), max_bytes=16_384)
    return jws.sign(payload.encode(), typ=typ, headers=None)


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt"])
async def test_section_2_1_the_header_says_at_jwt(typ):
    """In upper or lower case, with or without `application/`."""
    claims = await engine(FOREIGN).decode(token(typ))
    assert claims.extra["client_id"] == "web"


@pytest.mark.parametrize("policy", [OWN, FOREIGN], ids=["own", "foreign"])
@pytest.mark.parametrize("typ", ["JWT", "jwt", "at", "id+jwt", ""])
async def test_section_4_another_header_is_refused(policy, typ):
    """Whatever the claims say; without the profile, `JWT` is accepted."""
    for text in (token(typ), token(typ, type="access")):
        with pytest.raises((WrongTokenTypeError, MissingClaimError)):
            await engine(policy).decode(text)
    with pytest.raises(WrongTokenTypeError):
        await engine(OWN).decode(token(typ, type="access"))
    plain = TokenPolicy(**NAMES)
    assert (await engine(plain).decode(token("JWT", type="access"))).sub == "alice"


@pytest.mark.parametrize("claim", ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"])
@pytest.mark.parametrize("policy", [OWN, FOREIGN], ids=["own", "foreign"])
async def test_section_2_2_each_claim_is_required(policy, claim):
    """Even if `required_claims` of the policy has only other ones; an empty text is no value."""
    lax = TokenPolicy(
        **NAMES,
        profile="rfc9068",
        type_source=policy.type_source,
        required_claims={"type"} if policy is OWN else (),
        issuer_optional_in={"access", "refresh"},
    )
    for each in (policy, lax):
        with pytest.raises(MissingClaimError) as caught:
            await engine(each).decode(token(type="access", **{claim: None}))
        assert caught.value.claim == claim
        if claim in {"sub", "jti", "client_id"}:
            with pytest.raises(MissingClaimError):
                await engine(each).decode(token(type="access", **{claim: ""}))


@pytest.mark.parametrize("client", [7, True, ["web"], {"id": "web"}], ids=repr)
async def test_section_2_2_the_client_is_a_text(client):
    """RFC 8693 §4.3."""
    with pytest.raises(InvalidClaimError) as caught:
        await engine(FOREIGN).decode(token(client_id=client))
    assert caught.value.claim == "client_id"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"iss": "https://login.example"}, InvalidIssuerError),
        ({"aud": "other-api"}, InvalidAudienceError),
        ({"aud": []}, MissingClaimError),
        ({"exp": NOW}, TokenExpiredError),
        ({"nonce": "n"}, WrongTokenTypeError),
    ],
    ids=repr,
)
async def test_section_4_the_values_are_checked(changes, error):
    """The issuer exactly, one of the audiences, the expiry; and no ID token."""
    with pytest.raises(error):
        await engine(FOREIGN).decode(token(**changes))


async def test_section_2_an_engine_issues_what_it_accepts():
    """With a client; without one, or with one that is no text, nothing is signed."""
    own = engine(OWN)
    issued = await own.issue("alice", claims=WEB)
    assert read_unverified(issued, max_bytes=16_384).header["typ"] == "at+jwt"
    for each in (own, engine(FOREIGN)):
        assert (await each.decode(issued)).sub == "alice"
    for claims in (None, {"client_id": ""}, {"client_id": 7}):
        with pytest.raises(ConfigurationError, match="would refuse the token"):
            await own.issue("alice", claims=claims)


async def test_section_2_sessions_keep_the_client():
    """Lasting claims go on with a refresh; a refresh token itself is no access token."""
    own = engine(OWN)
    pair = await own.refresh((await own.issue_pair("alice", claims=WEB)).refresh_token)
    assert (await own.decode(pair.access_token)).extra == WEB
    with pytest.raises(WrongTokenTypeError):
        await own.decode(pair.refresh_token)
    with pytest.raises(WrongTokenTypeError):
        await engine(FOREIGN).decode(pair.refresh_token)


@pytest.mark.parametrize(
    "arguments",
    [
        {"profile": "rfc9068"},
        {"profile": "rfc9068", "issuer": "https://login.example/"},
        {"profile": "rfc9068", "audience": "shop-api"},
        {"profile": "rfc9068", **NAMES, "type_source": "always-access"},
        {"profile": "RFC 9068", **NAMES},
        {"profile": True, **NAMES},
    ],
    ids=repr,
)
def test_a_policy_that_contradicts_the_profile_is_refused(arguments):
    """It names no issuer or no audience, does not look at the header, or has another profile."""
    with pytest.raises(ConfigurationError, match="profile"):
        TokenPolicy(**arguments)


def test_a_policy_without_a_profile_is_as_before():
    """Nothing is required that was not."""
    assert "client_id" not in TokenPolicy(**NAMES).required_claims
    assert TokenPolicy(**NAMES).profile is None
    assert FOREIGN.required_claims == {"iss", "exp", "aud", "sub", "iat", "jti"}


@pytest.mark.parametrize(("source", "is_required"), [("claim", True), ("typ", False)])
def test_section_2_2_the_type_is_a_claim_only_where_it_is_read_from_one(source, is_required):
    """RFC 9068 has no claim for it: the header says it."""
    policy = TokenPolicy(
        issuer="https://a.example", audience="api", profile="rfc9068", type_source=source
    )
    assert ("type" in policy.required_claims) is is_required
