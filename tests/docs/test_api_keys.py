"""The recipe for routes that accept a token or an API key."""

import hashlib
from dataclasses import dataclass, field
from datetime import timedelta
from importlib import import_module

import pytest
from quart import Quart
from quart_schema import QuartSchema

from tests.docs.frameworks import FRAMEWORKS, app_with
from tests.docs.pages import ROOT, block_with, run_with
from tests.support import SECRET
from tokenward import KeyRing, MemoryStore, TokenEngine
from tokenward.errors import PermissionDeniedError
from tokenward.http import Requirement
from tokenward.testing.adapters.service import client_of

KEY, WEAK_KEY = "key_of-a-program-with-the-scope", "key_of-a-program-without-a-scope"


@dataclass
class ApiKey:
    """A row of the table of API keys."""

    id: int
    scope: str = ""
    owner: str = "robot"
    tenant: str = "acme"


@dataclass
class ApiKeys:
    """The table of API keys."""

    rows: dict[str, ApiKey] = field(default_factory=dict)

    def add(self, text, key):
        """Store a key by its hash."""
        self.rows[hashlib.sha256(text.encode()).hexdigest()] = key

    async def find(self, digest):
        """Return the key with this hash."""
        return self.rows.get(digest)

    async def is_active(self, key_id):
        """Whether a key was not deleted."""
        return any(str(key.id) == key_id for key in self.rows.values())


@dataclass
class Service:
    """The service of the recipe in one framework."""

    app: object
    engine: TokenEngine
    auth: object
    keys: ApiKeys


@pytest.fixture(params=FRAMEWORKS)
async def service(request):
    """Return the service of the recipe, with routes that need a scope and a fresh login."""
    keys = ApiKeys()
    keys.add(KEY, ApiKey(1, scope="orders:read"))
    keys.add(WEAK_KEY, ApiKey(2))
    given = {"ring": KeyRing.from_secret(SECRET), "store": MemoryStore(), "api_keys": keys}
    kind = import_module(f"tokenward_{request.param}").TokenAuth
    names = await run_with(block_with("api-keys.md", "class ShopEngine"), given, TokenAuth=kind)
    auth = names["auth"]
    guards = {
        "/orders": auth.required(scopes=["orders:read"]),
        "/fresh": auth.required(max_age=timedelta(minutes=10)),
        "/refresh": auth.required(type="refresh"),
    }
    app = app_with(request.param, auth, guards)
    return Service(app, names["engine"], auth, keys)


async def token_of(service, scope="orders:read"):
    """Return a token of alice."""
    return await service.engine.issue("alice", claims={"tenant": "acme"}, scopes=[scope])


async def ask(service, *headers, path="/orders"):
    """Return the response to a request."""
    async with client_of(service.app) as client:
        return await client.get(path, headers=[*headers])


async def test_a_route_accepts_a_token_or_a_key(service):
    """In the header of each, and in that of the other."""
    token = await token_of(service)
    for headers, who in (
        (("Authorization", f"Bearer {token}"), "alice"),
        (("X-API-Key", KEY), "robot"),
        (("X-API-Key", token), "alice"),
        (("Authorization", f"Bearer {KEY}"), "robot"),
    ):
        response = await ask(service, headers)
        assert (response.status_code, response.json()) == (
            200,
            {"sub": who},
        )


async def test_a_client_that_sends_both_is_refused(service):
    """Whichever of them is valid, and also if it sends two keys."""
    token = await token_of(service)
    for first in (f"Bearer {token}", "Bearer x", f"Bearer {WEAK_KEY}"):
        response = await ask(service, ("Authorization", first), ("X-API-Key", KEY))
        assert (response.status_code, response.json()["code"]) == (400, "invalid_request")
    response = await ask(service, ("Authorization", f"Bearer {token}"), ("X-API-Key", "key_x"))
    assert response.status_code == 400
    response = await ask(service, ("X-API-Key", KEY), ("X-API-Key", WEAK_KEY))
    assert response.status_code == 400


@pytest.mark.parametrize("key", ["key_", "key_unknown", "KEY_OF", KEY[:-1], f"{KEY} x", "key_\xff"])
async def test_an_unknown_key_is_refused(service, key):
    """With the challenge of a token, and without the key in the answer."""
    response = await ask(service, ("X-API-Key", key.encode("latin-1")))
    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith('Bearer realm="api"')
    assert response.json()["code"] in {"token_invalid", "token_malformed"}
    assert "key_" not in response.text
    missing = await ask(service)
    assert missing.headers["www-authenticate"] == 'Bearer realm="api"'


async def test_a_key_needs_the_scope_and_is_neither_fresh_nor_a_refresh_token(service):
    """The requirement of each route applies to keys."""
    response = await ask(service, ("X-API-Key", WEAK_KEY))
    assert (response.status_code, response.json()["code"]) == (403, "insufficient_scope")
    response = await ask(service, ("X-API-Key", KEY), path="/fresh")
    assert (response.status_code, response.json()["code"]) == (
        401,
        "insufficient_user_authentication",
    )
    response = await ask(service, ("X-API-Key", KEY), path="/refresh")
    assert (response.status_code, response.json()["code"]) == (401, "token_malformed")


async def test_a_stream_ends_when_its_key_is_deleted(service):
    """And one with a token when the token is revoked."""

    async def events():
        while True:
            yield "event"

    verify = service.auth.authenticator.verify
    token = await token_of(service)
    for text in (KEY, token):
        claims = await verify(text, Requirement())
        stream = service.auth.stream_while_valid(
            claims, events(), check_every=timedelta(microseconds=1)
        )
        assert await anext(stream) == "event"
        if text == KEY:
            service.keys.rows.clear()
        else:
            await service.engine.revoke(token)
        assert len([event async for event in stream]) < 2


async def test_the_sentence_that_keeps_keys_out(service):
    """The check of the page accepts users only."""
    text = (ROOT / "docs" / "api-keys.md").read_text(encoding="utf-8")
    check = eval(text.partition("pass `check=")[2].partition("`")[0])  # noqa: S307 - our own document
    verify = service.auth.authenticator.verify
    with pytest.raises(PermissionDeniedError):
        await verify(KEY, Requirement(check=check))
    assert (await verify(await token_of(service), Requirement(check=check))).sub == "alice"


async def test_openapi_shows_both_headers_as_alternatives(service):
    """In the document of each framework; in Quart that of quart-schema."""
    if isinstance(service.app, Quart):
        QuartSchema(service.app)
    async with client_of(service.app) as client:
        response = await client.get("/openapi.json")
        if response.status_code == 404:
            response = await client.get("/schema/openapi.json")
    document = response.json()
    schemes = document["components"]["securitySchemes"]
    alternatives = document["paths"]["/orders"]["get"]["security"]

    assert alternatives == [{"Bearer": ["orders:read"]}, {"BearerHeader": ["orders:read"]}]
    assert schemes["Bearer"]["scheme"] == "bearer"
    assert schemes["BearerHeader"] == {"type": "apiKey", "in": "header", "name": "X-API-Key"}
