"""Token introspection (RFC 7662), as the client of the endpoint."""

import asyncio
import base64
import copy
from datetime import timedelta

import httpx
import pytest

from tests.remote.introspection import ISSUER, OPAQUE, POLICY, URL, Endpoint, active
from tests.support import NOW, ShopClaims, engine_with
from tokenward import (
    ConfigurationError,
    InvalidTokenError,
    Issuers,
    MemoryStore,
    TokenPolicy,
    TokenRevokedError,
)
from tokenward.engine.introspection import IntrospectedTokens
from tokenward.errors import (
    InsufficientAuthenticationError,
    InvalidAudienceError,
    InvalidClaimError,
    InvalidIssuerError,
    MalformedTokenError,
    MissingClaimError,
    SigningKeyError,
    StoreUnavailableError,
    TokenExpiredError,
    TokenNotYetValidError,
    UnknownKeyError,
    WrongTokenTypeError,
)


@pytest.fixture
def endpoint():
    """Return an endpoint that knows one token."""
    return Endpoint()


async def test_section_2_1_the_request_is_a_form_with_the_token_and_a_hint(endpoint, clock):
    """The token is in the body of a POST request, never in the URL."""
    await endpoint.engine(clock).decode(OPAQUE)
    (request,) = endpoint.requests
    assert request.method == "POST"
    assert str(request.url) == URL
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert request.headers["accept"] == "application/json"
    assert request.content == f"token={OPAQUE}&token_type_hint=access_token".encode()


async def test_section_2_1_the_caller_authenticates_with_basic(endpoint, clock):
    """Client id and secret are encoded as a form encodes them first (RFC 6749 §2.3.1)."""
    await endpoint.engine(clock, client_id="a b", client_secret="c:ü").decode(OPAQUE)
    scheme, _, value = endpoint.requests[0].headers["authorization"].partition(" ")
    assert scheme == "Basic"
    assert base64.b64decode(value) == b"a+b:c%3A%C3%BC"


async def test_section_2_1_the_caller_authenticates_with_a_token(endpoint, clock):
    """A bearer token is sent as it is; a function is called for each request."""
    await endpoint.engine(clock, bearer_token="t1").decode(OPAQUE)
    tokens = iter(["t2", "t3"])

    async def current():
        await asyncio.sleep(0)
        return next(tokens)

    engine = endpoint.engine(clock, bearer_token=current)
    await engine.decode(OPAQUE)
    with pytest.raises(TokenRevokedError):
        await engine.decode("other")
    sent = [each.headers["authorization"] for each in endpoint.requests]
    assert sent == ["Bearer t1", "Bearer t2", "Bearer t3"]


async def test_section_2_1_the_clients_own_credentials_are_enough(endpoint, clock):
    """A client that authenticates itself needs no other credentials."""
    client = httpx.AsyncClient(transport=httpx.MockTransport(endpoint), auth=("own", "secret"))
    engine = IntrospectedTokens(URL, policy=POLICY, clock=clock, client=client)
    assert (await engine.decode(OPAQUE)).sub == "alice"
    assert endpoint.requests[0].headers["authorization"].startswith("Basic ")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"client_id": "shop"},
        {"client_secret": "secret"},
        {"client_id": "", "client_secret": "secret"},
        {"client_id": "shop", "client_secret": b"secret"},
        {"client_id": "shop", "client_secret": "secret", "bearer_token": "t"},
        {"bearer_token": ""},
        {"bearer_token": "two words"},
        {"bearer_token": "sch\u00f6n"},
        {"bearer_token": b"bytes"},
    ],
    ids=repr,
)
def test_section_2_1_credentials_are_required(options):
    """An engine without credentials, or with several or invalid ones, is not built."""
    with pytest.raises(ConfigurationError) as caught:
        IntrospectedTokens(URL, policy=POLICY, **options)
    assert "secret'" not in str(caught.value)


async def test_section_2_1_a_token_that_is_no_header_value_is_an_outage(endpoint, clock):
    """What the function returns is checked as a fixed token is."""
    engine = endpoint.engine(clock, bearer_token=lambda: "a\r\nb")
    with pytest.raises(StoreUnavailableError):
        await engine.decode(OPAQUE)
    assert endpoint.requests == []


async def test_section_2_2_the_members_are_the_claims(endpoint, clock):
    """The claims model reads them as it reads those of a JWT; `active` is not one of them."""
    endpoint.answers[OPAQUE] = active(tenant="acme", roles=["admin"])
    claims = await endpoint.engine(clock, claims_model=ShopClaims).decode(OPAQUE)
    assert type(claims) is ShopClaims
    assert (claims.sub, claims.tenant, claims.scopes) == ("alice", "acme", {"orders:read"})
    assert claims.extra["client_id"] == "web"
    assert "active" not in claims.extra


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"iss": "https://evil.example/"}, InvalidIssuerError),
        ({"iss": None}, MissingClaimError),
        ({"aud": "other-api"}, InvalidAudienceError),
        ({"aud": None}, MissingClaimError),
        ({"aud": []}, MissingClaimError),
        ({"sub": None}, MissingClaimError),
        ({"sub": 7}, InvalidClaimError),
        ({"exp": None}, MissingClaimError),
        ({"exp": NOW}, TokenExpiredError),
        ({"exp": "never"}, InvalidClaimError),
        ({"exp": True}, InvalidClaimError),
        ({"exp": -1}, InvalidClaimError),
        ({"nbf": NOW + 1}, TokenNotYetValidError),
        ({"iat": NOW + 1}, TokenNotYetValidError),
        ({"nonce": "n"}, WrongTokenTypeError),
    ],
    ids=repr,
)
async def test_section_4_an_active_token_passes_the_policy_as_well(endpoint, clock, changes, error):
    """That the server calls a token active is not enough: each member is checked as in a JWT."""
    endpoint.answers[OPAQUE] = active(**changes)
    with pytest.raises(error):
        await endpoint.engine(clock).decode(OPAQUE)


async def test_section_4_refresh_tokens_are_refused_by_what_only_access_tokens_have(
    endpoint, clock
):
    """A server may call refresh tokens active: the policy says what makes an access token."""
    policy = TokenPolicy(
        issuer=ISSUER,
        audience="shop-api",
        required_claims={"exp", "sub"},
        type_source="always-access",
        access_token_claims={"token_use": "access_token"},
    )
    engine = endpoint.engine(clock, policy=policy)
    endpoint.answers = {
        "access": active(token_use="access_token"),
        "refresh": active(token_use="refresh_token"),
    }
    assert (await engine.decode("access")).sub == "alice"
    with pytest.raises(WrongTokenTypeError):
        await engine.decode("refresh")


async def test_section_2_2_under_the_default_type_source_the_answer_has_a_type(endpoint, clock):
    """Without a `type` member that says access, nothing is let in."""
    policy = TokenPolicy(issuer=ISSUER, audience="shop-api")
    engine = endpoint.engine(clock, policy=policy)
    complete = {"jti": "1", "iat": NOW}
    endpoint.answers = {
        "untyped": active(**complete),
        "refresh": active(**complete, type="refresh"),
        "access": active(**complete, type="access"),
    }
    assert (await engine.decode("access")).jti == "1"
    with pytest.raises(MissingClaimError):
        await engine.decode("untyped")
    with pytest.raises(WrongTokenTypeError):
        await engine.decode("refresh")


async def test_section_2_2_an_inactive_token_is_refused(endpoint, clock):
    """Also if the answer repeats its claims."""
    engine = endpoint.engine(clock)
    endpoint.answers["old"] = active(active=False)
    for token in ("unknown", "old"):
        with pytest.raises(TokenRevokedError) as caught:
            await engine.decode(token)
        assert isinstance(caught.value, InvalidTokenError)
        assert str(caught.value).startswith("The token is not active")


@pytest.mark.parametrize("token", ["", " ", "a b", "sch\u00f6n", "a\n", "a" * 20_000, b"\xff"])
async def test_a_text_that_is_no_token_is_refused_unasked(endpoint, clock, token):
    """RFC 6749 appendix A.12: a token has visible characters only; the policy limits its length."""
    with pytest.raises(MalformedTokenError):
        await endpoint.engine(clock).decode(token)
    assert endpoint.requests == []


async def test_tokens_as_bytes_are_the_same_tokens(endpoint, clock):
    """Carriers read bytes."""
    engine = endpoint.engine(clock)
    assert (await engine.decode(OPAQUE.encode())).sub == "alice"
    assert (await engine.decode(OPAQUE)).sub == "alice"
    assert endpoint.asked == [OPAQUE]


async def test_own_revocations_count_besides_those_of_the_issuer(endpoint, clock):
    """The store, and the hooks, are asked as for every other token."""
    endpoint.answers[OPAQUE] = active(jti="1", sid="s")
    engine = endpoint.engine(clock, store=MemoryStore())
    claims = await engine.decode(OPAQUE)
    await engine.revoke(OPAQUE)
    with pytest.raises(TokenRevokedError):
        await engine.decode(OPAQUE)
    with pytest.raises(TokenRevokedError):
        await engine.revalidate(claims)


async def test_it_issues_and_refreshes_nothing(endpoint, clock):
    """Only the issuer does."""
    engine = endpoint.engine(clock, store=MemoryStore())
    with pytest.raises(SigningKeyError):
        await engine.issue("alice")
    with pytest.raises(WrongTokenTypeError):
        await engine.refresh(OPAQUE)
    with pytest.raises(SigningKeyError):
        engine.keys.signing_key()
    with pytest.raises(UnknownKeyError):
        engine.keys.find(kid=None, algorithm="EdDSA")
    assert await engine.keys.fetch_for("any", clock.now) is False
    assert endpoint.requests == []


async def test_hooks_run_and_refusals_are_reported_once(endpoint, clock):
    """As for every engine."""
    engine = endpoint.engine(clock)
    seen, refused = [], []
    engine.after_decode(lambda claims: seen.append(claims.sub))
    engine.on_refuse(lambda error: refused.append(error.code))
    await engine.decode(OPAQUE)
    with pytest.raises(TokenRevokedError):
        await engine.decode("unknown")
    assert (seen, refused) == (["alice"], ["token_revoked"])


async def test_the_login_is_read_from_the_answer(endpoint, clock):
    """RFC 9470 §6.2: the answer may say how and when the user logged in."""
    endpoint.answers[OPAQUE] = active(auth_time=NOW - 100, acr="mfa")
    engine = endpoint.engine(clock)
    claims = await engine.decode(OPAQUE)
    engine.check_login(claims, max_age=timedelta(seconds=100))
    engine.check_login(claims, acr=["mfa"])
    for required in ({"max_age": timedelta(seconds=99)}, {"acr": ["phr"]}):
        with pytest.raises(InsufficientAuthenticationError):
            engine.check_login(claims, **required)


async def test_the_actor_and_the_certificate_are_read_from_the_answer(endpoint, clock):
    """RFC 8693 §4.1 and RFC 8705 §3.2: as from a token; a malformed actor is refused."""
    endpoint.answers[OPAQUE] = active(act={"sub": "orders-api"}, cnf={"x5t#S256": "x"})
    claims = await endpoint.engine(clock).decode(OPAQUE)
    assert (claims.act.sub, claims.cnf.x5t_s256) == ("orders-api", "x")
    endpoint.answers[OPAQUE] = active(act="orders-api")
    with pytest.raises(InvalidClaimError, match="act"):
        await endpoint.engine(clock).decode(OPAQUE)


async def test_a_copy_of_an_engine_shares_the_answers(endpoint, clock):
    """And knows none of the claims of the original."""
    engine = endpoint.engine(clock)
    claims = await engine.decode(OPAQUE)
    twin = copy.deepcopy(engine)
    with pytest.raises(TypeError, match="copy"):
        await twin.revalidate(claims)
    assert await twin.revalidate(await twin.decode(OPAQUE)) == 900
    assert endpoint.asked == [OPAQUE]


async def test_beside_engines_of_jwts_each_token_finds_its_engine(endpoint, clock):
    """A JWT goes to the engine of its issuer, every other text to the engine for opaque tokens."""
    own = engine_with(clock, policy=TokenPolicy(issuer="https://shop.example"))
    opaque = endpoint.engine(clock)
    issuers = Issuers(own, opaque)
    token = await own.issue("bob")
    assert (await issuers.decode(token)).sub == "bob"
    assert endpoint.asked == []
    claims = await issuers.decode(OPAQUE)
    assert await issuers.revalidate(claims) == 900
    for text in ("unknown", "a.b.c", token.replace(".", "", 1)):
        with pytest.raises(TokenRevokedError):
            await issuers.decode(text)
    with pytest.raises(MalformedTokenError):
        await Issuers(own).decode(OPAQUE)


async def test_beside_engines_of_jwts_a_jwt_of_the_same_issuer_is_introspected(endpoint, clock):
    """The server of opaque tokens may also issue JWTs, which it is asked about."""
    login = engine_with(clock, policy=TokenPolicy(issuer=ISSUER, audience="shop-api"))
    token = await login.issue("alice")
    endpoint.answers[token] = active(sub="alice")
    own = engine_with(clock, policy=TokenPolicy(issuer="https://shop.example"))
    issuers = Issuers(own, endpoint.engine(clock))
    assert (await issuers.decode(token)).extra["client_id"] == "web"
    assert endpoint.asked == [token]


def test_beside_engines_of_jwts_there_is_one_for_opaque_tokens(endpoint, clock):
    """Two would not know whose a token is; and its answers must name the issuer."""
    other = TokenPolicy(
        issuer="https://other.example", required_claims={"exp"}, type_source="always-access"
    )
    with pytest.raises(ConfigurationError, match="Only one"):
        Issuers(endpoint.engine(clock), endpoint.engine(clock, policy=other))
    lax = TokenPolicy(
        issuer=ISSUER,
        required_claims={"exp"},
        type_source="always-access",
        issuer_optional_in={"access"},
    )
    with pytest.raises(ConfigurationError, match="issuer must be required"):
        Issuers(endpoint.engine(clock, policy=lax))


@pytest.mark.parametrize(
    "arguments",
    [
        {"policy": TokenPolicy(required_claims={"exp"}, type_source="typ")},
        {"policy": TokenPolicy(issuer="https://i.example", audience="a", profile="rfc9068")},
        {"policy": None},
        {"timeout": 5},
        {"active_for": timedelta(seconds=-1)},
        {"plain_http_hosts": "host"},
    ],
    ids=["typ", "profile", "policy", "timeout", "active_for", "hosts"],
)
def test_invalid_arguments_are_refused(endpoint, clock, arguments):
    """When the engine is built; an answer has no header, for example."""
    with pytest.raises(ConfigurationError):
        endpoint.engine(clock, **arguments)


def test_the_url_follows_the_rules_of_other_urls():
    """https, or plain http to this machine and to named hosts."""
    for url in ("http://login.example/introspect", "https://user:pw@login.example/", 7):
        with pytest.raises(ConfigurationError) as caught:
            IntrospectedTokens(url, policy=POLICY, bearer_token="t")
        assert "pw" not in str(caught.value)
    IntrospectedTokens(
        "http://keycloak/introspect",
        policy=POLICY,
        bearer_token="t",
        plain_http_hosts={"keycloak"},
    )
