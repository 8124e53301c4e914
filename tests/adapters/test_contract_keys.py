"""The key documents: the same bytes in every framework, without a token."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from importlib import import_module
from types import ModuleType
from typing import Any

import httpx
import pytest

from tests.adapters.adapters import WANTED
from tests.adapters.asgi_http import Headers, exchange
from tests.support import NOW, FrozenClock, ShopClaims
from tokenward import Key, KeyPublisher, KeyRing, TokenEngine, TokenPolicy
from tokenward.testing.adapters.service import ISSUER, bearer, client_of

JWKS = "/.well-known/jwks.json"
METADATA = "/.well-known/oauth-authorization-server"
OPENID = "/.well-known/openid-configuration"
PATHS = (JWKS, METADATA, OPENID)
CONTENT = {
    "cache-control", "etag", "content-type", "content-length", "access-control-allow-origin"
}  # fmt: skip


@pytest.fixture(params=WANTED)
def framework(request: pytest.FixtureRequest) -> ModuleType:
    """Return the module that builds the service with one adapter."""
    return import_module(f"tests.adapters.{request.param}_keys")


@pytest.fixture
def ring() -> KeyRing:
    """Return a ring with a key in each state."""
    ring = KeyRing(Key.generate("EdDSA"), verifiers=[Key.from_secret("s" * 32, kid="secret")])
    ring.publish(Key.generate("ES256", kid="next"))
    return ring


@pytest.fixture
def publisher(ring: KeyRing) -> KeyPublisher:
    """Return the publisher of the ring."""
    return KeyPublisher(ring, issuer=ISSUER)


@pytest.fixture
def engine(ring: KeyRing, clock: FrozenClock) -> TokenEngine[ShopClaims]:
    """Return the engine with the ring."""
    policy = TokenPolicy(issuer=ISSUER)
    return TokenEngine(ring, policy=policy, claims_model=ShopClaims, clock=clock)


@pytest.fixture
def app(framework: ModuleType, engine: TokenEngine[ShopClaims], publisher: KeyPublisher) -> object:
    """Return the service."""
    return framework.build(engine, publisher)


@pytest.fixture
async def client(app: object) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of the service."""
    async with client_of(app) as client:
        yield client


def said_of_content(response: httpx.Response) -> dict[str, str]:
    """Return the headers that describe the content."""
    return {name: value for name, value in response.headers.items() if name in CONTENT}


async def raw_answer(app: Any, method: str, path: str) -> tuple[int, Headers, bytes]:
    """Call an app without a client library, which could hide an unexpected body."""
    messages = await exchange(app, method, path, scheme="https")
    body = b"".join(each.get("body", b"") for each in messages)
    return messages[0]["status"], messages[0]["headers"], body


@pytest.mark.parametrize("path", PATHS)
async def test_documents(client: httpx.AsyncClient, ring: KeyRing, path: str) -> None:
    """Each document is sent with exactly the headers of the core and requires no token."""
    response = await client.get(path)
    content = response.content

    assert response.status_code == 200
    assert said_of_content(response) == {
        "cache-control": "public, max-age=300",
        "etag": response.headers["etag"],
        "content-type": "application/jwk-set+json" if path == JWKS else "application/json",
        "content-length": str(len(content)),
        "access-control-allow-origin": "*",
    }
    assert response.headers.keys() - CONTENT <= {"date", "vary"}
    assert json.loads(content) == (
        ring.public_jwks()
        if path == JWKS
        else {
            "issuer": ISSUER,
            "jwks_uri": f"{ISSUER}{JWKS}",
            "access_token_signing_alg_values_supported": ["ES256", "EdDSA"],
        }
    )


async def test_everything_else_asks_for_a_token(
    client: httpx.AsyncClient, engine: TokenEngine[ShopClaims]
) -> None:
    """The guard of the whole app protects everything except the documents."""
    token = await engine.issue("alice", claims={"tenant": "acme"})

    assert (await client.get("/guarded")).status_code == 401
    assert (await client.get("/guarded", headers=list(bearer("x.y.z")))).status_code == 401
    assert (await client.get("/guarded", headers=list(bearer(token)))).json() == {"guarded": True}


@pytest.mark.parametrize("token", ["x.y.z", "", "\xff"])
async def test_a_bad_token_is_not_looked_at(client: httpx.AsyncClient, token: str) -> None:
    """A document is sent even if the request has an invalid token."""
    headers = [(b"authorization", b"Bearer " + token.encode())]

    assert (await client.get(JWKS, headers=headers)).status_code == 200


@pytest.mark.parametrize("path", PATHS)
async def test_head(app: object, client: httpx.AsyncClient, path: str) -> None:
    """HEAD gets the headers of GET and no body."""
    expected = said_of_content(await client.get(path))

    status, headers, body = await raw_answer(app, "HEAD", path)

    assert (status, body) == (200, b"")
    told = {name.decode().lower(): value.decode() for name, value in headers}
    assert {name: value for name, value in told.items() if name in CONTENT} == expected


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("form", ["{}", "W/{}", '"a", {}', "*", ' W/"x,y" ,\t{}'])
async def test_not_modified(client: httpx.AsyncClient, method: str, form: str) -> None:
    """A client with the current entity tag gets 304 with the tag and no content."""
    tag = (await client.get(JWKS)).headers["etag"]

    response = await client.request(
        method, JWKS, headers={"If-None-Match": form.replace("{}", tag)}
    )

    assert (response.status_code, response.content) == (304, b"")
    assert said_of_content(response) == {
        "cache-control": "public, max-age=300",
        "etag": tag,
        "access-control-allow-origin": "*",
    }


@pytest.mark.parametrize("path", PATHS)
async def test_options(client: httpx.AsyncClient, path: str) -> None:
    """A browser's preflight request gets the permission to read the document, and no content."""
    response = await client.options(path)

    assert (response.status_code, response.content) == (204, b"")
    told = {name: value for name, value in response.headers.items() if name != "date"}
    assert told.pop("content-length", "0") == "0"
    assert told == {
        "access-control-allow-origin": "*",
        "access-control-allow-methods": "GET, HEAD",
        "access-control-allow-headers": "*",
        "allow": "GET, HEAD, OPTIONS",
    }


HOSTILE = [b"", b",", b'"', b"W/", b"\xff\xfe", b'"\xff"', b"*, *", b"x" * 8_000, b'"a",' * 2_000]


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: str(value[:8]))
async def test_hostile_conditions(client: httpx.AsyncClient, value: bytes) -> None:
    """An invalid condition is ignored and the document is sent."""
    headers = [(b"if-none-match", value), (b"if-none-match", b"nonsense")]

    response = await client.get(JWKS, headers=headers)

    assert response.status_code == 200
    assert response.json()["keys"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", PATHS)
async def test_other_methods(
    client: httpx.AsyncClient, engine: TokenEngine[ShopClaims], method: str, path: str
) -> None:
    """Other methods than GET and HEAD are not allowed and change nothing.

    Quart runs the guards of an app before it refuses the method.
    """
    before = (await client.get(path)).content
    token = await engine.issue("alice", claims={"tenant": "acme"})
    headers = list(bearer(token))

    response = await client.request(method, path, content=b'{"keys": []}', headers=headers)
    without = await client.request(method, path, content=b'{"keys": []}')

    assert (response.status_code, without.status_code in {401, 405}) == (405, True)
    allowed = response.headers.get("allow", "GET, HEAD")  # Litestar 2.19 sends no Allow header
    assert {"GET", "HEAD"} <= set(allowed.replace(" ", "").split(","))
    assert (await client.get(path)).content == before


async def test_after_a_rotation(client: httpx.AsyncClient, ring: KeyRing) -> None:
    """After a rotation, the next request gets the new set with a new tag, even with the old tag."""
    before = await client.get(JWKS)
    ring.rotate(Key.generate("EdDSA", kid="new"), verify_for=timedelta(0), now=NOW)

    after = await client.get(JWKS, headers={"If-None-Match": before.headers["etag"]})

    assert after.status_code == 200
    assert after.headers["etag"] != before.headers["etag"]
    assert [key["kid"] for key in after.json()["keys"]] == ["new", "next"]


async def test_nothing_private(client: httpx.AsyncClient) -> None:
    """No document contains a private member or a secret."""
    keys = (await client.get(JWKS)).json()["keys"]

    assert len(keys) == 2
    assert {member for key in keys for member in key} == {
        "kty", "crv", "x", "y", "kid", "alg", "use"
    }  # fmt: skip


async def test_documentation(app: object, client: httpx.AsyncClient, framework: ModuleType) -> None:
    """The documents are not in OpenAPI."""
    await client.get(JWKS)

    assert framework.documented_paths(app) == {"/guarded"}


async def test_all_frameworks_send_the_same(
    engine: TokenEngine[ShopClaims], publisher: KeyPublisher
) -> None:
    """The status, the content headers and the body are the same in all frameworks."""
    answers = []
    for name in WANTED:
        app = import_module(f"tests.adapters.{name}_keys").build(engine, publisher)
        async with client_of(app) as client:
            answers.append(
                [
                    (response.status_code, said_of_content(response), response.content)
                    for path in PATHS
                    for headers in ({}, {"If-None-Match": "*"})
                    for response in [await client.get(path, headers=headers)]
                ]
            )

    assert all(each == answers[0] for each in answers)


async def test_two_rings_in_one_app(framework: ModuleType, engine: TokenEngine[ShopClaims]) -> None:
    """A second publisher publishes another ring at its own path."""
    other = KeyPublisher(KeyRing.generate(kid="other"), jwks_path="/partners/jwks.json")
    app = framework.build(engine, other)
    async with client_of(app) as client:
        assert (await client.get("/partners/jwks.json")).json()["keys"][0]["kid"] == "other"
        assert (await client.get(METADATA)).status_code in {401, 404}
