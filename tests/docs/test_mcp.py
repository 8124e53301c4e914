"""The programs of the page about MCP servers run."""

import logging
from datetime import timedelta
from importlib import import_module

import httpx
import httpx2
import pytest
from fastapi import FastAPI
from litestar import Litestar
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from quart import Quart

from tests.docs.pages import block_with, run, run_with
from tokenward import (
    KeyRing,
    MemoryStore,
    StoreUnavailableError,
    TokenEngine,
    TokenError,
    TokenPolicy,
)
from tokenward.http import ResourceMetadata
from tokenward.testing.adapters.service import client_of

APPS = {"fastapi": FastAPI, "litestar": Litestar, "quart": lambda: Quart(__name__)}


@pytest.mark.parametrize("framework", APPS)
async def test_the_metadata_of_an_api(framework):
    """The metadata is served at the path that the page names, in each framework."""
    app = APPS[framework]()
    kind = import_module(f"tokenward_{framework}").TokenAuth
    await run_with(block_with("mcp.md", "auth.publish_resource(app)"), {"app": app}, TokenAuth=kind)

    async with client_of(app) as client:
        document = (await client.get("/.well-known/oauth-protected-resource/mcp")).json()

    assert document == {
        "resource": "https://api.example/mcp",
        "authorization_servers": ["https://login.example"],
        "scopes_supported": ["orders:read", "orders:write"],
        "bearer_methods_supported": ["header"],
    }


RESOURCE = "https://api.example/mcp"
ISSUER = "https://login.example"
CODES = {
    "missing": (401, "token_missing"),
    "expired": (401, "token_expired"),
    "revoked": (401, "token_revoked"),
    "for another server": (401, "audience_invalid"),
    "without the scope": (403, "insufficient_scope"),
    "in an outage": (503, "store_unavailable"),
}


INITIALIZE = {
    "jsonrpc": "2.0", "id": 1, "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18", "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}  # fmt: skip


class FailingStore(MemoryStore):
    """A store that cannot answer when it is told to."""

    fails = False

    async def is_revoked(self, *args, **keywords):
        """Fail, or answer as the memory does."""
        if self.fails:
            raise StoreUnavailableError
        return await super().is_revoked(*args, **keywords)


async def names_of(engine):
    """Return the names of the page until the server of the SDK, with an engine that can issue."""
    names = {
        "engine": engine,
        "metadata": ResourceMetadata(
            RESOURCE, authorization_servers=[ISSUER], scopes=["orders:read", "orders:write"]
        ),
        "TokenError": TokenError,
        "logger": logging.getLogger("page"),
    }
    return await run(block_with("mcp.md", "server.streamable_http_app"), names)


@pytest.fixture
def engine():
    """Return an engine as the page has it, which issues the tokens as well."""
    policy = TokenPolicy(issuer=ISSUER, audience=RESOURCE)
    return TokenEngine(KeyRing.generate(), policy=policy, store=FailingStore())


async def post(app, engine, kind):
    """Return the response to the first request of a client with a token of one kind."""
    token = await engine.issue(
        "alice",
        scopes=[] if kind == "without the scope" else ["orders:read"],
        lifetime=timedelta(0) if kind == "expired" else None,
        audience="https://other.example" if kind == "for another server" else None,
    )
    if kind == "revoked":
        await engine.revoke(token)
    FailingStore.fails = kind == "in an outage"
    headers = {"Accept": "application/json, text/event-stream"}
    if kind != "missing":
        headers["Authorization"] = f"Bearer {token}"
    transport = httpx.ASGITransport(app=app)
    try:
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="https://api.example") as client,
        ):
            return await client.post("/mcp", json=INITIALIZE, headers=headers)
    finally:
        FailingStore.fails = False


@pytest.mark.parametrize("kind", CODES)
async def test_the_table_of_refusals(engine, kind):
    """The SDK answers each request as the table says, without and with the guard of the page."""
    names = await names_of(engine)
    alone = await post(names["app"], engine, kind)
    names = await run(block_with("mcp.md", "app.add_middleware(guard)"), await names_of(engine))
    guarded = await post(names["app"], engine, kind)

    assert (alone.status_code, alone.json()["error"]) == (401, "invalid_token")
    assert (guarded.status_code, guarded.json()["code"]) == CODES[kind]


async def test_a_valid_token_reaches_the_sdk(engine):
    """The guard lets a valid token pass: the answer is that of the SDK and of fastmcp."""
    names = await run(block_with("mcp.md", "app.add_middleware(guard)"), await names_of(engine))
    sdk = await post(names["app"], engine, "valid")
    names = await run(block_with("mcp.md", "from fastmcp import"), names)
    fastmcp = await post(names["app"], engine, "valid")
    refused = await post(names["app"], engine, "expired")

    assert (sdk.status_code, fastmcp.status_code) == (200, 200)
    assert "serverInfo" in sdk.text
    assert "serverInfo" in fastmcp.text
    assert refused.json()["code"] == "token_expired"


BY_THE_BROWSER = {"accept", "accept-encoding", "connection", "content-length", "host", "user-agent"}
PAGE_ORIGIN = "https://inspector.example"


async def headers_of_the_sdk(app, token):
    """Return the headers that the SDK's own client sends, for each method and path."""
    sent = {}

    async def note(request):
        key = (request.method, request.url.path)
        sent.setdefault(key, set()).update({*request.headers} - BY_THE_BROWSER)

    transport = httpx2.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(
            transport=transport,
            headers={"Authorization": f"Bearer {token}"},
            event_hooks={"request": [note]},
        ) as http_client,
        Client(streamable_http_client(RESOURCE, http_client=http_client)) as client,
    ):
        await client.call_tool("whoami", {})
    return sent


async def preflight(app, method, path, headers):
    """Return the response to the preflight request of a browser."""
    asked = {
        "Origin": PAGE_ORIGIN,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": ", ".join(sorted(headers)),
    }
    async with client_of(app) as client:
        return await client.options(path, headers=asked)


async def test_browsers_may_send_what_the_client_of_the_sdk_sends(engine):
    """The CORS middleware of the page allows it; without MCP-Protocol-Version it does not."""
    names = await run(block_with("mcp.md", "app.add_middleware(guard)"), await names_of(engine))

    @names["server"].tool()
    async def whoami() -> str:
        return "alice"

    token = await engine.issue("alice", scopes=["orders:read"])
    sent = await headers_of_the_sdk(names["app"], token)
    assert "mcp-protocol-version" in sent["POST", "/mcp"]
    document = "/.well-known/oauth-protected-resource/mcp"
    sent["GET", document] = {"mcp-protocol-version"}

    block = block_with("mcp.md", "CORSMiddleware,")
    allowing = (await run(block, await names_of(engine)))["app"]
    denying = (await run(block.replace('"MCP-Protocol-Version",', ""), await names_of(engine)))[
        "app"
    ]
    for (method, path), headers in sent.items():
        assert (await preflight(allowing, method, path, headers)).status_code == 200
        assert (await preflight(denying, method, path, headers)).status_code == 400


async def test_browsers_may_read_the_challenge(engine):
    """The guard's refusal has the CORS headers, because the CORS middleware is outside of it."""
    names = await run(block_with("mcp.md", "app.add_middleware(guard)"), await names_of(engine))
    app = (await run(block_with("mcp.md", "CORSMiddleware,"), names))["app"]
    async with client_of(app) as client:
        refused = await client.post("/mcp", json=INITIALIZE, headers={"Origin": PAGE_ORIGIN})

    assert refused.json()["code"] == "token_missing"
    assert refused.headers["access-control-allow-origin"] == PAGE_ORIGIN
    assert "WWW-Authenticate" in refused.headers["access-control-expose-headers"]
