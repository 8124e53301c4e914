"""Introspection (RFC 7662) and revocation (RFC 7009): the same responses in every framework."""

import asyncio
import json
from collections.abc import AsyncIterator
from importlib import import_module
from types import ModuleType
from typing import Any

import httpx
import pytest

from tests.adapters.adapters import WANTED
from tests.support import NOW, SECRET, FrozenClock
from tokenward import (
    Claims,
    InvalidTokenError,
    Key,
    KeyRing,
    MemoryStore,
    TokenEngine,
    TokenPolicy,
    TokenRevokedError,
)
from tokenward.claims import Actor
from tokenward.engine.introspection import IntrospectedTokens
from tokenward.errors import InsufficientScopeError
from tokenward.http import AuthenticatedUser, RequestView, TokenEndpoint
from tokenward.http.dpop import DpopNonces, DpopVerifier
from tokenward.http.endpoints import ClientSecrets, IntrospectionEndpoint, RevocationEndpoint
from tokenward.testing import DpopClient
from tokenward.testing.adapters.mtls_requests import THUMBPRINT
from tokenward.testing.adapters.service import bearer, client_of
from tokenward.tokens import ProvenKey

POLICY = TokenPolicy(issuer="https://shop.example", audience="shop-api")
CALLER = ("orders-api", "a secret of sixteen characters")
CALLERS = ClientSecrets({CALLER[0]: CALLER[1]})
CONTENT = {"cache-control", "pragma", "content-type", "www-authenticate", "retry-after"}
NOT_CACHED = {
    "cache-control": "no-store",
    "pragma": "no-cache",
    "content-type": "application/json",
}
INACTIVE = {"active": False}
TOKEN_TO_CALLER = {"bearer": "a token of a caller"}


class PatchyStore(MemoryStore):
    """A store that can fail."""

    is_down = False

    async def is_revoked(self, **identity: Any) -> bool:
        """Fail, or answer."""
        if self.is_down:
            raise ConnectionError
        return await super().is_revoked(**identity)

    async def revoke(self, *arguments: Any, **options: Any) -> None:
        """Fail, or revoke."""
        if self.is_down:
            raise ConnectionError
        await super().revoke(*arguments, **options)


@pytest.fixture(scope="module", params=WANTED)
def framework(request: pytest.FixtureRequest) -> ModuleType:
    """Return the module that builds the service with one adapter."""
    return import_module(f"tests.adapters.{request.param}_endpoints")


@pytest.fixture
def store() -> PatchyStore:
    """Return the store of the engine."""
    return PatchyStore()


@pytest.fixture
def engine(clock: FrozenClock, store: PatchyStore) -> TokenEngine[Claims]:
    """Return the engine that issues the tokens."""
    ring = KeyRing(Key.from_secret(SECRET))
    return TokenEngine(ring, policy=POLICY, store=store, clock=clock)


@pytest.fixture
def app(framework: ModuleType, engine: TokenEngine[Claims]) -> Any:
    """Return the service."""

    async def by_token(request: RequestView) -> str | None:
        await asyncio.sleep(0)
        if request.header_values(b"x-scopeless"):
            raise InsufficientScopeError(("introspect",))
        return "internal" if request.header_values(b"x-internal") else None

    endpoints = {
        "/introspect": IntrospectionEndpoint(engine, CALLERS),
        "/revoke": RevocationEndpoint(engine, CALLERS),
        "/oauth.v1/introspect": IntrospectionEndpoint(
            engine, by_token, check=lambda caller, claims: claims.sub == "alice" or caller
        ),
        "/token": TokenEndpoint(engine, lambda name, _: AuthenticatedUser(name)),
    }
    return framework.build(engine, endpoints)


@pytest.fixture
async def client(app: object) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of the service that calls as a service."""
    async with client_of(app) as client:
        client.auth = httpx.BasicAuth(CALLER[0], CALLER[1].replace(" ", "+"))
        yield client


def assert_says(response: httpx.Response, status: int, members: object, **headers: str) -> None:
    """Check status, body and headers of a response."""
    assert (response.status_code, response.json()) == (status, members)
    found = {name: value for name, value in response.headers.items() if name in CONTENT}
    assert found == NOT_CACHED | {name.replace("_", "-"): each for name, each in headers.items()}


async def introspected(client: httpx.AsyncClient, token: str | bytes, **more: str) -> Any:
    """Return the members that introspection says about a token."""
    response = await client.post("/introspect", data={"token": token, **more})
    assert response.status_code == 200
    return response.json()


async def test_rfc7662_section_2_2_an_active_token(
    client: httpx.AsyncClient, engine: TokenEngine[Claims]
) -> None:
    """The answer has the members of the token, but not its CSRF value."""
    pair = await engine.issue_pair("alice", scopes=["orders:read"], claims={"client_id": "web"})
    response = await client.post("/introspect", data={"token": pair.access_token})
    members = response.json()
    claims = await engine.decode(pair.access_token)
    assert members.pop("jti") == claims.jti
    assert members.pop("sid") == claims.sid
    expected = {
        "active": True,
        "token_type": "Bearer",
        "type": "access",
        "sub": "alice",
        "iss": "https://shop.example",
        "aud": "shop-api",
        "exp": NOW + 900,
        "iat": NOW,
        "iat_ms": 0,
        "fresh": False,
        "scope": "orders:read",
        "client_id": "web",
    }
    assert members == expected
    assert_says(response, 200, response.json())


async def test_rfc7662_section_2_2_claims_cannot_say_that_a_token_is_active(
    client: httpx.AsyncClient, engine: TokenEngine[Claims]
) -> None:
    """A claim of that name does not count, whatever it is."""
    token = await engine.issue("alice", claims={"active": False, "token_type": "mac"})
    members = await introspected(client, token)
    assert (members["active"], members["token_type"]) == (True, "Bearer")
    expired = await engine.issue("alice", claims={"active": True}, audience="other-api")
    assert await introspected(client, expired) == INACTIVE


UNKNOWN = {
    "text": "unknown",
    "three segments": "a.b.c",
    "letters": b"sch\xc3\xb6n",
    "control characters": b"a\x00\r\nb",
    "no utf-8": b"\xff\xfe",
    "long": "a" * 20_000,
    "another key": "eyJhbGciOiJIUzI1NiJ9.e30.AAAA",
}


@pytest.mark.parametrize("name", UNKNOWN)
async def test_rfc7662_section_2_2_an_unknown_token(client: httpx.AsyncClient, name: str) -> None:
    """It is not active: 200, and nothing else is said."""
    response = await client.post("/introspect", data={"token": UNKNOWN[name]})
    assert_says(response, 200, INACTIVE)


async def test_rfc7662_section_2_2_expired_revoked_and_other_tokens(
    client: httpx.AsyncClient, engine: TokenEngine[Claims], clock: FrozenClock
) -> None:
    """All get the response of an unknown token; so does a refresh token, whatever the hint."""
    pair = await engine.issue_pair("alice")
    assert await introspected(client, pair.refresh_token) == INACTIVE
    hinted = await introspected(client, pair.refresh_token, token_type_hint="refresh_token")
    assert hinted == INACTIVE
    assert (await introspected(client, pair.access_token, token_type_hint="x"))["active"] is True
    await engine.revoke(pair.access_token)
    assert await introspected(client, pair.access_token) == INACTIVE
    token = await engine.issue("alice")
    clock.advance(900)
    assert await introspected(client, token) == INACTIVE


async def test_rfc9449_section_6_2_a_bound_token(
    client: httpx.AsyncClient, engine: TokenEngine[Claims]
) -> None:
    """The response names the key to which the token is bound, and the type DPoP."""
    said = await introspected(client, await engine.issue("alice", bound_to=ProvenKey("x")))
    bearer = await introspected(client, await engine.issue("alice"))

    assert (said["token_type"], said["cnf"]) == ("DPoP", {"jkt": "x"})
    assert (bearer["token_type"], "cnf" in bearer) == ("Bearer", False)


async def test_rfc8705_section_3_2_a_token_that_is_bound_to_a_certificate(
    client: httpx.AsyncClient, engine: TokenEngine[Claims]
) -> None:
    """The response names the certificate; the token stays a bearer token by its type."""
    key = ProvenKey(x5t_s256=THUMBPRINT)
    said = await introspected(client, await engine.issue("alice", bound_to=key))

    assert (said["token_type"], said["cnf"]) == ("Bearer", {"x5t#S256": THUMBPRINT})


async def test_rfc9470_section_6_2_the_login_and_rfc8693_section_4_1_the_actor(
    client: httpx.AsyncClient, engine: TokenEngine[Claims]
) -> None:
    """The response says how and when the user logged in, and who acts for them."""
    actor = Actor(sub="orders-api")
    said = await introspected(
        client, await engine.issue("alice", acr="mfa", fresh=True, actor=actor)
    )

    assert (said["acr"], said["auth_time"]) == ("mfa", said["iat"])
    assert said["act"] == {"sub": "orders-api"}


async def test_rfc7662_section_2_2_a_hook_refuses_a_token(
    client: httpx.AsyncClient, engine: TokenEngine[Claims]
) -> None:
    """The hooks of the engine decide here as well."""

    @engine.is_revoked
    def is_gone(claims: Claims) -> bool:
        return claims.sub == "bob"

    assert await introspected(client, await engine.issue("bob")) == INACTIVE
    assert (await introspected(client, await engine.issue("alice")))["active"] is True


WRONG_CALLERS = {
    "nobody": {},
    "a wrong password": {"authorization": "Basic b3JkZXJzLWFwaTp3cm9uZw=="},
    "another name": {"authorization": "Basic b3RoZXI6YStzZWNyZXQrb2Yrc2l4dGVlbitjaGFyYWN0ZXJz"},
    "a token": {"authorization": "Bearer abc"},
    "no base64": {"authorization": "Basic !!!!"},
    "no colon": {"authorization": "Basic b3JkZXJzLWFwaQ=="},
    "no utf-8": {"authorization": "Basic /////w=="},
    "no utf-8 in the name": {"authorization": "Basic JWZmOng="},
    "too long": {"authorization": "Basic " + "AAAA" * 2_000},
}


@pytest.mark.parametrize("path", ["/introspect", "/revoke"])
@pytest.mark.parametrize("name", WRONG_CALLERS)
async def test_rfc7662_section_2_3_an_unknown_caller(
    app: object, engine: TokenEngine[Claims], path: str, name: str
) -> None:
    """401 with a challenge, before the token is looked at; nothing is revoked."""
    token = await engine.issue("alice")
    async with client_of(app) as client:
        response = await client.post(path, data={"token": token}, headers=WRONG_CALLERS[name])
    description = "The caller of this endpoint is unknown."
    assert_says(
        response,
        401,
        {"error": "invalid_client", "error_description": description},
        www_authenticate='Basic realm="api"',
    )
    assert await engine.decode(token)


async def test_rfc7662_section_2_1_a_hook_of_your_own(
    app: object, engine: TokenEngine[Claims]
) -> None:
    """It sees the request, may raise a `TokenError`, and `check` decides with the caller's name."""
    tokens = {"token": await engine.issue("alice")}, {"token": await engine.issue("bob")}
    async with client_of(app) as client:
        path, internal = "/oauth.v1/introspect", {"x-internal": "1"}
        answers = [await client.post(path, data=each, headers=internal) for each in tokens]
        assert [each.json()["active"] for each in answers] == [True, False]
        assert (await client.post(path, data=tokens[0])).status_code == 401
        scopeless = await client.post(path, data=tokens[0], headers={"x-scopeless": "1"})
    assert_says(
        scopeless,
        403,
        {"detail": InsufficientScopeError.message, "code": "insufficient_scope"},
        www_authenticate=scopeless.headers["www-authenticate"],
    )
    assert scopeless.headers["www-authenticate"].startswith('Bearer realm="api", error=')


FORM = "application/x-www-form-urlencoded"
WRONG_FORMS = {
    "nothing": (b"", FORM),
    "no token": (b"token_type_hint=access_token", FORM),
    "an empty token": (b"token=", FORM),
    "two tokens": (b"token=a&token=b", FORM),
    "two equal tokens": (b"token=a&token=a", FORM),
    "two hints": (b"token=a&token_type_hint=x&token_type_hint=x", FORM),
    "many tokens": (b"token=a&" * 100, FORM),
    "json": (b'{"token": "a"}', "application/json"),
    "no type": (b"token=a", ""),
    "plain text": (b"token=a", "text/plain"),
    "multipart": (
        b'--x\r\nContent-Disposition: form-data; name="token"\r\n\r\na\r\n--x--\r\n',
        "multipart/form-data; boundary=x",
    ),
    "too long": (b"token=" + b"a" * 300_000, FORM),
}


@pytest.mark.parametrize("path", ["/introspect", "/revoke"])
@pytest.mark.parametrize("name", WRONG_FORMS)
async def test_rfc7662_section_2_1_the_token_is_in_a_form(
    client: httpx.AsyncClient, path: str, name: str
) -> None:
    """Once, and with a type that says so; everything else is 400."""
    content, media_type = WRONG_FORMS[name]
    response = await client.post(
        f"{path}?token=a", content=content, headers={"content-type": media_type}
    )
    assert response.status_code == 400
    assert response.json()["error"] == "invalid_request"
    assert response.headers["cache-control"] == "no-store"


async def test_rfc7662_section_4_an_outage(
    client: httpx.AsyncClient, engine: TokenEngine[Claims], store: PatchyStore
) -> None:
    """503 with Retry-After: neither active nor inactive, neither revoked nor not."""
    pair = await engine.issue_pair("alice")
    store.is_down = True
    expected = {
        "error": "temporarily_unavailable",
        "error_description": "The revocation check is temporarily unavailable.",
    }
    for path, token in (
        ("/introspect", pair.access_token),
        ("/revoke", pair.access_token),
        ("/revoke", pair.refresh_token),
    ):
        response = await client.post(path, data={"token": token})
        assert_says(response, 503, expected, retry_after="1")
    store.is_down = False
    assert (await introspected(client, pair.access_token))["active"] is True


@pytest.mark.parametrize("path", ["/introspect", "/revoke"])
async def test_only_post_is_answered(app: Any, path: str) -> None:
    """A token must not be in a URL. Quart's guard of the app also refuses what has no route."""
    async with client_of(app) as client:
        for method in ("GET", "HEAD", "PUT", "DELETE"):
            assert (await client.request(method, path)).status_code in {401, 405}


async def test_rfc7009_section_2_1_an_access_token_is_revoked_alone(
    client: httpx.AsyncClient, engine: TokenEngine[Claims]
) -> None:
    """Its session goes on."""
    pair = await engine.issue_pair("alice")
    response = await client.post("/revoke", data={"token": pair.access_token})
    assert_says(response, 200, {})
    with pytest.raises(TokenRevokedError):
        await engine.decode(pair.access_token)
    assert await engine.refresh(pair.refresh_token)


@pytest.mark.parametrize("hint", ["", "refresh_token", "access_token", "unknown"])
async def test_rfc7009_section_2_1_a_refresh_token_ends_its_session(
    client: httpx.AsyncClient, engine: TokenEngine[Claims], hint: str
) -> None:
    """With all its tokens, whatever the hint says; other sessions go on."""
    pair, other = await engine.issue_pair("alice"), await engine.issue_pair("alice")
    data = {"token": pair.refresh_token} | ({"token_type_hint": hint} if hint else {})
    assert_says(await client.post("/revoke", data=data), 200, {})
    for token, kind in ((pair.access_token, "access"), (pair.refresh_token, "refresh")):
        with pytest.raises(TokenRevokedError):
            await engine.decode(token, type=kind)
    assert await engine.decode(other.access_token)


async def test_rfc7009_section_2_1_a_refresh_token_without_a_session(
    client: httpx.AsyncClient, engine: TokenEngine[Claims]
) -> None:
    """It names the session that it would begin; its successors end too."""
    token = await engine.issue("alice", type="refresh")
    pair = await engine.refresh(token)
    assert_says(await client.post("/revoke", data={"token": token}), 200, {})
    with pytest.raises(TokenRevokedError):
        await engine.decode(pair.access_token)


async def test_rfc7009_section_2_2_a_token_of_any_audience_is_revoked(
    client: httpx.AsyncClient, engine: TokenEngine[Claims], clock: FrozenClock
) -> None:
    """Only the signature counts: the issuer revokes what it issued."""
    token = await engine.issue("alice", audience="other-api")
    await client.post("/revoke", data={"token": token})
    other = TokenEngine(
        engine.keys,
        policy=TokenPolicy(issuer="https://shop.example", audience="other-api"),
        store=engine.store,
        clock=clock,
    )
    with pytest.raises(TokenRevokedError):
        await other.decode(token)


@pytest.mark.parametrize("name", UNKNOWN)
async def test_rfc7009_section_2_2_an_unknown_token(client: httpx.AsyncClient, name: str) -> None:
    """The response is that of a token that was revoked."""
    response = await client.post("/revoke", data={"token": UNKNOWN[name]})
    assert_says(response, 200, {})


async def test_rfc7009_section_2_2_twice(
    client: httpx.AsyncClient, engine: TokenEngine[Claims], clock: FrozenClock
) -> None:
    """A token that is revoked or expired gets the same response."""
    token = await engine.issue("alice")
    for seconds in (0, 0, 900):
        clock.advance(seconds)
        assert_says(await client.post("/revoke", data={"token": token}), 200, {})


async def test_the_token_endpoint_can_be_served_as_well(app: object) -> None:
    """`TokenEndpoint` is an endpoint of the same kind."""
    async with client_of(app) as client:
        data = {"grant_type": "password", "username": "alice", "password": "x"}
        response = await client.post("/token", data=data)
        assert response.status_code == 200
        token = response.json()["access_token"]
        guarded = await client.get("/guarded", headers=list(bearer(token)))
        assert guarded.json() == {"guarded": True}


async def test_rfc9449_section_8_2_new_tokens_come_with_the_next_nonce(
    framework: ModuleType, engine: TokenEngine[Claims], clock: FrozenClock
) -> None:
    """The header of the response reaches the client, once; and no cache may store it."""
    nonces, key = DpopNonces("a" * 32), DpopClient("https://api.example", clock=clock)
    dpop = DpopVerifier("https://api.example", store=MemoryStore(), nonces=nonces)
    endpoint = TokenEndpoint(engine, lambda name, _: AuthenticatedUser(name), dpop=dpop)
    data = {"grant_type": "password", "username": "alice", "password": "x"}
    async with client_of(framework.build(engine, {"/token": endpoint})) as client:
        clock.advance(300)
        proof = key.proof("POST", "/token", nonce=nonces.current(NOW))
        response = await client.post("/token", data=data, headers={"DPoP": proof})

    assert (response.status_code, response.json()["token_type"]) == (200, "DPoP")
    assert response.headers.get_list("dpop-nonce") == [nonces.current(NOW + 300)]
    assert response.headers["cache-control"] == "no-store"


async def test_everything_else_asks_for_a_token(app: object) -> None:
    """The guard of the whole app protects everything except the endpoints."""
    async with client_of(app) as client:
        assert (await client.get("/guarded")).status_code == 401


def test_the_document_does_not_list_them(framework: ModuleType, app: Any) -> None:
    """They are for other services."""
    assert framework.documented_paths(app) == {"/guarded"}


async def test_our_own_client_of_introspection_understands_the_answers(
    app: object, clock: FrozenClock, engine: TokenEngine[Claims]
) -> None:
    """`IntrospectedTokens`, with the default policy, lets in what the endpoint calls active."""
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport) as client:
        other = IntrospectedTokens(
            "https://shop.example/introspect",
            policy=POLICY,
            clock=clock,
            client=client,
            client_id=CALLER[0],
            client_secret=CALLER[1],
        )
        pair = await engine.issue_pair("alice", scopes=["orders:read"])
        claims = await other.decode(pair.access_token)
        assert (claims.sub, claims.scopes) == ("alice", {"orders:read"})
        with pytest.raises(InvalidTokenError):
            await other.decode(pair.refresh_token)


@pytest.mark.skipif("litestar" not in WANTED, reason="another adapter is tested alone")
async def test_litestars_own_middleware_does_not_ask_for_a_csrf_token(
    engine: TokenEngine[Claims],
) -> None:
    """The callers are services without cookies."""
    module = import_module("tests.adapters.litestar_endpoints")
    endpoint = IntrospectionEndpoint(engine, CALLERS)
    app = module.build(engine, {"/introspect": endpoint}, csrf=True)
    async with client_of(app) as client:
        auth = httpx.BasicAuth(CALLER[0], CALLER[1].replace(" ", "+"))
        response = await client.post("/introspect", data={"token": "x"}, auth=auth)
    assert json.loads(response.content) == INACTIVE
