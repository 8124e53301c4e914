"""The code blocks of the guide and of the other pages run, with all extras installed."""

import ast
import inspect
import json
import logging
import os
import re
import time
from datetime import timedelta
from importlib import import_module
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.adapters.asgi_http import exchange
from tests.adapters.asgi_websocket import open_websocket
from tests.support import SECRET, ShopClaims
from tokenward import (
    InvalidTokenError,
    Key,
    KeyDirectory,
    KeyRing,
    MemoryStore,
    RefreshTokenReusedError,
    RemoteKeySet,
    TokenEngine,
    TokenPolicy,
    TokenRejectedError,
    TokenRevokedError,
)
from tokenward.errors import InsufficientScopeError, MissingTokenError, OriginNotAllowedError

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks_of(path):
    """Return the Python programs of a page that are not doctests."""
    text = path.read_text(encoding="utf-8")
    blocks = re.findall(r"^```python[^\n]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [block for block in blocks if not block.startswith(">>>")]


def block_with(page, phrase):
    """Return the one program of a page that contains a phrase."""
    (block,) = [each for each in blocks_of(ROOT / "docs" / page) if phrase in each]
    return block


def compiled(block):
    """Compile a program that may await at its top level."""
    return compile(block, "page", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


async def run(block, names):
    """Run a program, and return the names that it has and that it was given."""
    result = eval(compiled(block), names)  # noqa: S307 - our own document
    if inspect.iscoroutine(result):
        await result
    return names


@pytest.fixture
async def names():
    """Return the names that the guide imports in its first block, and those that it explains."""
    imported = await run(block_with("guide.md", "from tokenward import (\n"), {})
    return {**imported, "os": os, "json": json, "time": time, "Path": Path, "timedelta": timedelta}


@pytest.fixture
def shop(clock):
    """Return the engine of a shop, whose tokens name a tenant."""
    return TokenEngine(
        KeyRing.from_secret(SECRET), claims_model=ShopClaims, store=MemoryStore(), clock=clock
    )


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_program_compiles(path):
    """Each Python block of each page is valid Python."""
    for block in blocks_of(path):
        compiled(block)


@pytest.fixture
def pem_file(tmp_path, monkeypatch):
    """Write an encrypted private key into the current directory, and return it."""
    key = ec.generate_private_key(ec.SECP256R1())
    encryption = serialization.BestAvailableEncryption(b"...")
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (tmp_path / "key.pem").write_bytes(key.private_bytes(encoding, form, encryption))
    monkeypatch.chdir(tmp_path)
    return key


async def test_the_keys_of_the_guide(names, pem_file, monkeypatch):
    """A secret, an encrypted PEM file, a JWK and a generated key each make a ring."""
    monkeypatch.setenv("TOKENWARD_SECRET", SECRET)
    text = json.dumps(Key.generate("ES256").public_jwk())
    await run(block_with("guide.md", "KeyRing.from_pem"), {**names, "text": text})


async def test_the_signature_cache_of_the_guide(names, shop):
    """The policy takes both settings, and the engine shows how often the cache was used."""
    await run(block_with("guide.md", "engine.signature_cache"), {**names, "engine": shop})


async def test_the_policy_for_other_issuers(names):
    """The policy requires only what the other issuer writes."""
    block = block_with("guide.md", 'type_source="typ"')
    policy = (await run(f"policy = {block}", names))["policy"]
    assert policy.required_claims == {"exp", "sub"}
    assert policy.type_source == "typ"


async def test_the_sql_store_of_the_guide(names, tmp_path):
    """The store creates its tables, and an engine uses it."""
    url = f"sqlite+aiosqlite:///{tmp_path / 'tokens.db'}"
    await run(
        block_with("guide.md", "store.create_tables()"),
        {**names, "url": url, "ring": KeyRing.generate()},
    )


async def test_the_hooks_of_the_guide(names, shop, clock, caplog):
    """Each hook of the guide does what its comment says."""

    class DenyList:
        denied = ()

        async def contains(self, jti):
            return jti in self.denied

    async def tenant_of(subject):
        return {"alice": "acme", "bob": "closed"}[subject]

    caplog.set_level(logging.INFO)
    deny_list, log = DenyList(), logging.getLogger("shop")
    given = {"tenant_of": tenant_of, "closed_tenants": {"closed"}, "deny_list": deny_list}
    await run(
        block_with("guide.md", "@engine.before_issue"),
        {**names, **given, "engine": shop, "log": log},
    )

    claims = await shop.decode(await shop.issue("alice"))
    assert claims.tenant == "acme"
    with pytest.raises(TokenRejectedError):
        await shop.decode(await shop.issue("bob"))
    token = await shop.issue("alice")
    deny_list.denied = {(await shop.decode(token)).jti}
    with pytest.raises(TokenRevokedError):
        await shop.decode(token)
    pair = await shop.issue_pair("alice")
    await shop.refresh(pair.refresh_token)
    clock.advance(60)
    with pytest.raises(RefreshTokenReusedError):
        await shop.refresh(pair.refresh_token)
    assert [record.message for record in caplog.records] == [
        "Revoked a session.",
        "A refresh token was used twice.",
    ]


async def test_the_body_of_the_guide(names, shop):
    """The body has the tokens of a new session, and no member without a value."""
    block = await run(block_with("guide.md", "pair.json_body()"), {**names, "engine": shop})
    assert (await shop.decode(block["body"]["access_token"])).tenant == "acme"
    assert "scope" not in block["body"]
    assert None not in block["body"].values()


@pytest.mark.parametrize("adapter", ["fastapi", "litestar", "quart"])
async def test_the_requirements_of_the_guide(names, shop, adapter):
    """Every form of `required` and `optional` works in all three frameworks."""
    names["TokenAuth"] = import_module(f"tokenward_{adapter}").TokenAuth
    await run(block_with("guide.md", 'realm="shop"'), {**names, "engine": shop})
    await run(
        block_with("guide.md", "# an access token\n"), {**names, "auth": names["TokenAuth"](shop)}
    )


@pytest.mark.parametrize("adapter", ["fastapi", "litestar", "quart"])
async def test_the_carriers_for_a_proxy_of_the_guide(names, shop, adapter):
    """The token of the header is found; a page of another origin cannot use it to write."""
    names["TokenAuth"] = import_module(f"tokenward_{adapter}").TokenAuth
    auth = (await run(block_with("guide.md", "Cf-Access-Jwt"), {**names, "engine": shop}))["auth"]
    token = (await shop.issue("alice", claims={"tenant": "acme"})).encode()

    def request(method, origin):
        headers = [
            (b"cf-access-jwt-assertion", token),
            (b"cookie", b"CF_Authorization=" + token),
            (b"origin", origin),
        ]
        return names["RequestView"]({"type": "http", "method": method, "headers": headers})

    authenticate, anything = auth.authenticator.authenticate, names["Requirement"]()
    assert (await authenticate(request("POST", b"https://app.example"), anything)).sub == "alice"
    with pytest.raises(OriginNotAllowedError):
        await authenticate(request("POST", b"https://evil.example"), anything)


async def test_the_cookies_of_the_guide(names, shop):
    """A login, a refresh and a logout by cookie, from an allowed page of another origin."""
    from fastapi import Request, Response

    pair = await shop.issue_pair("alice", claims={"tenant": "acme"})
    headers = {
        "host": "shop.example",
        "origin": "https://app.example",
        "cookie": f"__Secure-refresh_token={pair.refresh_token}",
        "x-csrf-token": pair.csrf_token,
    }
    scope = {
        "type": "http",
        "method": "POST",
        "scheme": "https",
        "path": "/session",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    response = Response()
    given = {"engine": shop, "request": Request(scope), "response": response}
    claims = await shop.decode(pair.refresh_token, type="refresh")
    block = block_with("guide.md", "auth.check_origin(request)").replace(
        'issue_pair("alice")', 'issue_pair("alice", claims={"tenant": "acme"})'
    )
    await run(block, {**names, **given, "claims": claims})

    cookies = response.headers.getlist("set-cookie")
    assert len(cookies) == 9
    assert all("Max-Age=0" in cookie for cookie in cookies[-3:])
    with pytest.raises(TokenRevokedError):
        await shop.decode(pair.access_token)


@pytest.mark.parametrize("scope", ["orders:read", "orders:write"])
async def test_the_authenticator_of_the_guide(names, shop, scope):
    """Without a framework, the block gives claims or a refusal."""
    token = await shop.issue("alice", claims={"tenant": "acme"}, scopes=[scope])
    request = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "query_string": b"",
        "headers": [(b"authorization", f"Bearer {token}".encode())],
    }
    found = await run(
        block_with("guide.md", "Authenticator(engine)"), {**names, "engine": shop, "scope": request}
    )
    if scope == "orders:read":
        assert found["claims"].tenant == "acme"
    else:
        assert found["refusal"].status == 403


async def test_the_middleware_for_starlette(names, shop):
    """Starlette's handlers get the claims; requests and WebSockets without a token are refused."""
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse
    from starlette.routing import Route, WebSocketRoute

    async def orders(request):
        return JSONResponse({"orders_of": request.state.claims.sub})

    async def live(websocket):
        await websocket.accept()
        await websocket.send_text(websocket.state.claims.sub)
        await websocket.close()

    block = await run(block_with("guide.md", "class RequireToken"), names)
    app = Starlette(routes=[Route("/orders", orders), WebSocketRoute("/live", live)])
    authenticator = names["Authenticator"](shop)
    requirement = names["Requirement"](scopes=["orders:read"])
    app.add_middleware(block["RequireToken"], authenticator=authenticator, requirement=requirement)
    issued = [
        await shop.issue("alice", claims={"tenant": "acme"}, scopes=[scope])
        for scope in ("orders:read", "orders:write")
    ]
    good, weak = ([(b"authorization", b"Bearer " + token.encode())] for token in issued)

    start, body = await exchange(app, "GET", "/orders", headers=good)
    assert (start["status"], json.loads(body["body"])) == (200, {"orders_of": "alice"})
    start, body = await exchange(app, "GET", "/orders", headers=weak)
    assert (start["status"], json.loads(body["body"])["code"]) == (403, "insufficient_scope")
    assert (await open_websocket(app, "/live", headers=good)).messages == ["alice"]
    assert (await open_websocket(app, "/live")).status == 401
    closed = await open_websocket(app, "/live", extensions=None)
    assert (closed.accepted, closed.close_code) == (False, 1008)


@pytest.mark.parametrize("scope", ["orders:read", "orders:write"])
async def test_verifying_without_http_as_in_the_guide(names, shop, scope):
    """The text of a token without its scope, or no token, is refused."""
    given = {**names, "authenticator": names["Authenticator"](shop)}
    block = await run(block_with("guide.md", "authenticator.verify("), given)
    token = await shop.issue("alice", claims={"tenant": "acme"}, scopes=[scope])
    if scope == "orders:read":
        assert await block["list_orders"]({"token": token}) == "orders of alice"
    else:
        with pytest.raises(InsufficientScopeError):
            await block["list_orders"]({"token": token})
    with pytest.raises(MissingTokenError):
        await block["list_orders"]({})


async def test_the_key_directory_of_the_page_about_keys(names, tmp_path):
    """A ring is saved, loaded, and changed as one step."""
    block = block_with("keys.md", "directory.change()").replace(
        "/etc/shop/keys", f"{tmp_path}/keys"
    )
    new_key = Key.generate("EdDSA")
    await run(block, {**names, "KeyDirectory": KeyDirectory, "new_key": new_key})
    assert KeyDirectory(tmp_path / "keys").load().active.kid == new_key.kid


async def test_the_issuers_of_the_page_about_keys(names, shop, clock):
    """Two engines with the documented policies work side by side, and refuse a token without issuer."""
    found = await run(block_with("keys.md", "RemoteKeySet.from_issuer"), {})
    assert isinstance(found["keys"], RemoteKeySet)
    ring = KeyRing.generate()
    block = block_with("keys.md", "Issuers(shop, login)")
    given = {
        "ring": ring,
        "keys": found["keys"],
        "ShopClaims": ShopClaims,
        "url": "redis://127.0.0.1:6379/0",
    }
    issuers = (await run(f"{block}\nissuers = Issuers(shop, login)", {**names, **given}))["issuers"]
    plain = TokenEngine(ring, policy=TokenPolicy(audience="shop-api"), clock=clock)
    with pytest.raises(InvalidTokenError):
        await issuers.decode(await plain.issue("alice"))


async def test_the_carrier_of_the_page_about_migrating(names):
    """The carrier that keeps the old names of the cookies can be built."""
    await run(block_with("migrating.md", "csrf_access_token"), names)
