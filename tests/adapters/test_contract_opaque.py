"""The contract with opaque tokens: they get the same responses as JWTs with the same claims."""

import asyncio
from collections.abc import AsyncIterator
from importlib import import_module
from types import ModuleType
from typing import Any, cast
from urllib.parse import parse_qs

import httpx
import pytest

from tests.adapters.adapters import WANTED, Build
from tests.support import NOW, FrozenClock, ShopClaims
from tokenward import MemoryStore
from tokenward.engine.introspection import IntrospectedTokens
from tokenward.errors import MalformedTokenError, StoreUnavailableError
from tokenward.http.dpop import DpopVerifier
from tokenward.http.mtls import ForwardedCertificate
from tokenward.testing import DpopClient
from tokenward.testing.adapters.answers import Answer
from tokenward.testing.adapters.exchanges import assert_answer
from tokenward.testing.adapters.mtls_requests import OTHER_CERTIFICATE, THUMBPRINT, certified
from tokenward.testing.adapters.service import (
    bearer,
    client_of,
    contract_engine,
    shop_payload,
    shop_token,
)
from tokenward.testing.adapters.websocket_client import open_websocket

# Claims of a token, and the route to which it is sent.
ALIKE: dict[str, tuple[dict[str, object], str]] = {
    "accepted": ({}, "/me"),
    "scope": ({"scope": "orders:read"}, "/orders"),
    "no scope": ({}, "/orders"),
    "fresh": ({"fresh": True}, "/fresh"),
    "not fresh": ({}, "/fresh"),
    "old login": ({"auth_time": NOW - 601}, "/recent"),
    "checked": ({}, "/checked"),
    "denied": ({"tenant": "says-one"}, "/checked-async"),
    "expired": ({"exp": NOW}, "/me"),
    "of the future": ({"nbf": NOW + 1}, "/me"),
    "another issuer": ({"iss": "https://evil.example"}, "/me"),
    "another audience": ({"aud": "evil-api"}, "/maybe"),
    "a refresh token": ({"type": "refresh"}, "/me"),
    "no subject": ({"sub": ...}, "/me"),
    "a list as subject": ({"sub": ["alice"]}, "/me"),
    "no tenant": ({"tenant": ...}, "/me"),
    "a number as tenant": ({"tenant": 7}, "/maybe"),
}
URL = "https://api.example"
KEY, OTHER_KEY = (DpopClient(URL, clock=FrozenClock()) for _ in range(2))
BOUND: dict[str, dict[str, object]] = {
    "not bound": {},
    "a key": {"cnf": {"jkt": KEY.thumbprint}},
    "a certificate": {"cnf": {"x5t#S256": THUMBPRINT}},
    "both": {"cnf": {"jkt": KEY.thumbprint, "x5t#S256": THUMBPRINT}},
}
# For each way to send a token to a service that checks keys or certificates: the bound tokens that
# are accepted. All others are refused, wherever they are sent.
ACCEPTED: dict[str, dict[str, set[tuple[str, str]]]] = {
    "dpop": {
        "proof": {("a key", "/bound"), ("a key", "/either")},
        "another proof": set(),
        "no proof": set(),
        "bearer": {("not bound", "/either")},
    },
    "mtls": {
        "bearer": {("not bound", "/either")},
        "certificate": {
            ("not bound", "/either"),
            ("a certificate", "/bound"),
            ("a certificate", "/either"),
        },
        "another certificate": {("not bound", "/either")},
    },
}
UNUSABLE: dict[str, Any] = {
    "500": httpx.Response(500, text="hunter2"),
    "redirect": httpx.Response(302, headers={"location": "https://evil.example"}),
    "html": httpx.Response(200, html="<title>hunter2</title>"),
    "huge": httpx.Response(200, json={"active": True, "x": "x" * 65_536}),
    "active as text": shop_payload(active="true"),
    "active as number": shop_payload(active=1),
    "a list": [shop_payload(active=True)],
    "unreachable": httpx.ConnectError("hunter2"),
}
INACTIVE: dict[str, Any] = {"inactive": shop_payload(active=False), "bare": {"active": False}}
DOWN = Answer(
    503,
    {"detail": StoreUnavailableError.message, "code": "store_unavailable"},
    retry_after="1",
)
TEXT = "The token is not active: it has expired, has been revoked, or is unknown."
REFUSED = Answer(
    401,
    {"detail": TEXT, "code": "token_revoked"},
    f'Bearer realm="api", error="invalid_token", error_description="{TEXT}"',
)


def respond(request: httpx.Request) -> httpx.Response:
    """Answer as the introspection endpoint: a token is the name of a case."""
    name = parse_qs(request.content.decode())["token"][0].replace("_", " ")
    if name in ALIKE or name in BOUND:
        claims = BOUND[name] if name in BOUND else ALIKE[name][0]
        return httpx.Response(200, json=shop_payload(active=True, **claims))
    answer = (UNUSABLE | INACTIVE)[name]
    if isinstance(answer, Exception):
        raise answer
    return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)


def opaque_engine(clock: FrozenClock) -> IntrospectedTokens[ShopClaims]:
    """Return an engine for opaque tokens with the policy and the claims of the contract."""
    return IntrospectedTokens(
        "https://shop.example/introspect",
        policy=contract_engine(clock).policy,
        claims_model=ShopClaims,
        store=MemoryStore(),
        clock=clock,
        bearer_token="own",
        client=httpx.AsyncClient(transport=httpx.MockTransport(respond)),
    )


@pytest.fixture(scope="module")
def app(build: Build) -> object:
    """Return the service with opaque tokens."""
    return build(opaque_engine(FrozenClock()))


@pytest.fixture(scope="module")
def jwt_app(build: Build) -> object:
    """Return the service with JWTs."""
    return build(contract_engine(FrozenClock()))


@pytest.fixture
async def client(app: object) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of the service with opaque tokens."""
    async with client_of(app) as client:
        yield client


async def get(client: httpx.AsyncClient, path: str, token: str) -> httpx.Response:
    """Send a request with a token."""
    return await client.get(path, headers=list(bearer(token.replace(" ", "_"))))


@pytest.mark.parametrize("name", ALIKE)
async def test_the_response_is_that_of_a_jwt(
    client: httpx.AsyncClient, jwt_app: object, name: str
) -> None:
    """Status, challenge and body are equal, whether a token is opaque or a JWT."""
    claims, path = ALIKE[name]
    async with client_of(jwt_app) as other:
        expected = await get(other, path, shop_token(**claims))
    response = await get(client, path, name)
    assert response.status_code == expected.status_code
    assert response.content == expected.content
    assert dict(response.headers) == dict(expected.headers)
    assert (response.status_code == 200) == (name in {"accepted", "scope", "fresh", "checked"})


@pytest.mark.parametrize("name", UNUSABLE)
async def test_an_unusable_answer_is_an_outage(client: httpx.AsyncClient, name: str) -> None:
    """503 with Retry-After, also where a token is optional; nothing of the answer is sent."""
    for path in ("/me", "/maybe"):
        assert_answer(await get(client, path, name), DOWN)


@pytest.mark.parametrize("name", INACTIVE)
async def test_an_inactive_token_is_refused(client: httpx.AsyncClient, name: str) -> None:
    """401 with a challenge, also where a token is optional."""
    for path in ("/me", "/maybe"):
        assert_answer(await get(client, path, name), REFUSED)


async def test_a_token_with_forbidden_characters_is_refused(client: httpx.AsyncClient) -> None:
    """It is never sent to the endpoint."""
    response = await client.get("/me", headers={"Authorization": b"Bearer sch\xc3\xb6n"})
    assert response.status_code == 401
    assert response.json()["code"] == MalformedTokenError.code


async def test_websockets(app: object) -> None:
    """The same tokens are accepted, refused, and refused for now."""
    outcomes = await asyncio.gather(
        *(
            open_websocket(cast("Any", app), "/ws", headers=bearer(name))
            for name in ("accepted", "inactive", "500")
        )
    )
    assert [each.accepted for each in outcomes] == [True, False, False]
    assert outcomes[0].messages == ["alice"]
    assert [each.status for each in outcomes[1:]] == [401, 503]


@pytest.fixture(params=WANTED)
def bound(request: pytest.FixtureRequest) -> ModuleType:
    """Return the module that builds a service for bound tokens with one adapter."""
    return import_module(f"tests.adapters.{request.param}_bound")


def key_checks(kind: str) -> dict[str, Any]:
    """Return what checks keys, or what finds certificates."""
    if kind == "dpop":
        return {"dpop": DpopVerifier(URL, store=MemoryStore(single_process=True))}
    return {"mtls": ForwardedCertificate("rfc9440", proxies=["127.0.0.1"])}


def sent(how: str, token: str, path: str) -> list[tuple[bytes, bytes]]:
    """Return the headers of a request that carries a token in one of the ways."""
    if how in {"proof", "another proof", "no proof"}:
        client = OTHER_KEY if how == "another proof" else KEY
        headers = client.headers("GET", path, token)
        if how == "no proof":
            del headers["DPoP"]
        return [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    more = {
        "certificate": [certified("rfc9440")],
        "another certificate": [certified("rfc9440", OTHER_CERTIFICATE)],
    }
    return [*bearer(token), *more.get(how, [])]


@pytest.mark.parametrize(
    ("kind", "how"), [(kind, how) for kind, ways in ACCEPTED.items() for how in ways]
)
async def test_a_bound_token_needs_its_proof(bound: ModuleType, kind: str, how: str) -> None:
    """RFC 9449 §7 and RFC 8705 §3: the responses are those of JWTs that are bound to the same keys."""
    opaque_app = bound.build(opaque_engine(FrozenClock()), **key_checks(kind))
    jwt_app = bound.build(contract_engine(FrozenClock()), **key_checks(kind))
    accepted = set()
    async with client_of(opaque_app) as client, client_of(jwt_app) as other:
        for name, claims in BOUND.items():
            for path in ("/bound", "/either"):
                opaque, jwt = name.replace(" ", "_"), shop_token(**claims)
                response = await client.get(path, headers=sent(how, opaque, path))
                expected = await other.get(path, headers=sent(how, jwt, path))
                assert response.status_code == expected.status_code
                assert response.content == expected.content
                assert dict(response.headers) == dict(expected.headers)
                accepted |= {(name, path)} if response.status_code == 200 else set()

    assert accepted == ACCEPTED[kind][how]


async def test_a_copied_request_with_an_opaque_token_is_refused(bound: ModuleType) -> None:
    """RFC 9449 §11.1: a proof is accepted once, also if the endpoint is not asked again."""
    app = bound.build(opaque_engine(FrozenClock()), **key_checks("dpop"))
    headers = sent("proof", "a_key", "/bound")
    async with client_of(app) as client:
        statuses = [(await client.get("/bound", headers=headers)).status_code for _ in range(2)]
    assert statuses == [200, 401]


@pytest.mark.parametrize("name", ["a key", "a certificate", "both"])
async def test_a_service_without_checks_refuses_bound_tokens(
    client: httpx.AsyncClient, name: str
) -> None:
    """Also where a token is optional."""
    for path in ("/me", "/maybe"):
        response = await get(client, path, name)
        assert (response.status_code, response.json()["code"]) == (401, "token_binding_invalid")
