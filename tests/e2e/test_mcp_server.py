"""The MCP server of the examples: the demo, the SDK with our verifier alone, and fastmcp."""

import logging
import subprocess
import sys
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import httpx2
import pytest
from fastmcp import FastMCP
from fastmcp.server.auth import RemoteAuthProvider
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.routes import build_resource_metadata_url
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import MCPServer
from mcp.shared.auth import ProtectedResourceMetadata
from pydantic import AnyHttpUrl
from starlette.middleware import Middleware

from mcp_server import TokenwardVerifier, build, guard
from tests.support import OTHER_SECRET
from tokenward import Key, KeyRing, MemoryStore, TokenEngine, TokenPolicy
from tokenward.http import Authenticator, RequestView, Requirement, ResourceMetadata

EXAMPLES = Path(__file__).parents[2] / "examples"
ISSUER = "https://login.example"
ORIGIN = "http://localhost:8000"
RESOURCE = f"{ORIGIN}/mcp"
SCOPE = "notes:read"
METADATA = ResourceMetadata(RESOURCE, authorization_servers=[ISSUER], scopes=[SCOPE])
REQUIREMENT = Requirement(scopes=[SCOPE])
CODES = {
    "expired": "token_expired",
    "revoked": "token_revoked",
    "for another server": "audience_invalid",
    "forged": "signature_invalid",
    "without the scope": "insufficient_scope",
    "refresh": "token_type_invalid",
}
KEY = Key.generate(kid="one")
INITIALIZE = {
    "jsonrpc": "2.0", "id": 1, "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18", "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}  # fmt: skip


@pytest.fixture
def engine():
    """Return the engine of the authorization server, which the MCP server shares."""
    policy = TokenPolicy(issuer=ISSUER, audience=RESOURCE)
    return TokenEngine(KeyRing(KEY), policy=policy, store=MemoryStore())


@pytest.fixture
def authenticator(engine):
    """Return what verifies the tokens."""
    return Authenticator(engine, resource=METADATA)


@pytest.fixture
def sdk_app(authenticator):
    """Return a server with the SDK and our verifier, without the guard in front."""
    server = MCPServer(
        "notes",
        token_verifier=TokenwardVerifier(authenticator, REQUIREMENT),
        auth=AuthSettings(
            issuer_url=AnyHttpUrl(ISSUER),
            resource_server_url=AnyHttpUrl(RESOURCE),
            required_scopes=[SCOPE],
            validate_token_resource=False,
        ),
        log_level="WARNING",
    )
    server.tool()(whoami)
    return server.streamable_http_app(json_response=True, stateless_http=True)


@pytest.fixture
def fastmcp_app(authenticator):
    """Return a server with fastmcp, our verifier, and the guard in front."""
    auth = RemoteAuthProvider(
        TokenwardVerifier(authenticator, REQUIREMENT),
        authorization_servers=[AnyHttpUrl(ISSUER)],
        base_url=ORIGIN,
        required_scopes=[SCOPE],
        scopes_supported=[SCOPE],
    )
    server = FastMCP("notes", auth=auth)
    server.tool(whoami)
    guarded = Middleware(guard, authenticator=authenticator, requirement=REQUIREMENT, path="/mcp")
    return server.http_app(middleware=[guarded], json_response=True, stateless_http=True)


async def whoami() -> str:
    """Return the user of the token."""
    token = get_access_token()
    return f"{token.subject} {token.client_id} {token.scopes} {token.claims}"


async def token_of(engine, kind):
    """Return a token of one kind."""
    if kind == "refresh":
        return (await engine.issue_pair("alice", scopes=[SCOPE])).refresh_token
    if kind == "forged":
        other = TokenEngine(KeyRing(Key.generate(kid="one")), policy=engine.policy)
        return await other.issue("alice", scopes=[SCOPE])

    token = await engine.issue(
        "alice",
        claims={"client_id": "robot"},
        scopes=[] if kind == "without the scope" else [SCOPE],
        lifetime=timedelta(0) if kind == "expired" else None,
        audience="https://other.example/mcp" if kind == "for another server" else None,
    )
    if kind == "revoked":
        await engine.revoke(token)
    return token


@asynccontextmanager
async def started(app):
    """Run the lifespan of an app, without which the SDK serves no session."""
    async with app.router.lifespan_context(app):
        yield app


async def post(app, token):
    """Return the response to the first request of an MCP client."""
    headers = {"Accept": "application/json, text/event-stream"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
        return await client.post("/mcp", json=INITIALIZE, headers=headers)


async def call_whoami(app, token):
    """Call the tool with the SDK's client."""
    transport = httpx2.ASGITransport(app=app)
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        httpx2.AsyncClient(transport=transport, headers=headers) as http_client,
        Client(streamable_http_client(RESOURCE, http_client=http_client)) as client,
    ):
        return (await client.call_tool("whoami", {})).content[0].text


ALICE = f"alice robot ['{SCOPE}'] {{'iss': '{ISSUER}'}}"


def test_the_demo_walks_the_server_to_the_end():
    """With a real uvicorn and the SDK's client, every response is the expected one."""
    run = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, str(EXAMPLES / "demo.py"), "mcp"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stderr == ""
    codes = (
        "token_missing", "token_expired", "token_revoked", "audience_invalid", "insufficient_scope"
    )  # fmt: skip
    assert all(code in run.stdout for code in codes)
    assert "/.well-known/oauth-protected-resource/mcp" in run.stdout
    assert "EXPECTED" not in run.stdout


async def test_the_sdk_with_our_verifier(sdk_app, engine):
    """A tool gets user, client, scopes and issuer of the verified token."""
    async with started(sdk_app):
        assert await call_whoami(sdk_app, await token_of(engine, "valid")) == ALICE


@pytest.mark.parametrize("kind", CODES)
async def test_the_sdk_answers_all_refusals_alike(sdk_app, engine, caplog, kind):
    """The SDK refuses each token with one answer; the log of the verifier tells them apart."""
    caplog.set_level(logging.INFO, logger="mcp_server")
    token = await token_of(engine, kind)
    async with started(sdk_app):
        response = await post(sdk_app, token)

    assert (response.status_code, response.json()["error"]) == (401, "invalid_token")
    logged = [each.getMessage() for each in caplog.records if each.name == "mcp_server"]
    assert logged == [f"A token was refused: {CODES[kind]}"]


async def test_fastmcp_with_our_verifier(fastmcp_app, engine):
    """The same verifier serves fastmcp."""
    async with started(fastmcp_app):
        assert await call_whoami(fastmcp_app, await token_of(engine, "valid")) == ALICE


@pytest.mark.parametrize("kind", CODES)
async def test_the_guard_tells_the_refusals_apart(fastmcp_app, engine, kind):
    """The guard answers with the reason, the scope and the metadata, also in front of fastmcp."""
    token = await token_of(engine, kind)
    async with started(fastmcp_app):
        response = await post(fastmcp_app, token)

    status = 403 if kind == "without the scope" else 401
    challenge = response.headers["www-authenticate"]
    assert (response.status_code, response.json()["code"]) == (status, CODES[kind])
    assert f'scope="{SCOPE}", resource_metadata="{METADATA.url}"' in challenge


async def test_fastmcp_serves_the_document_where_the_challenge_says(fastmcp_app):
    """Fastmcp's document is at the URL of ours, with the same resource and servers."""
    transport = httpx.ASGITransport(app=fastmcp_app)
    async with httpx.AsyncClient(transport=transport) as client:
        served = (await client.get(METADATA.url)).json()

    assert (served["resource"], served["scopes_supported"]) == (RESOURCE, [SCOPE])
    assert [each.rstrip("/") for each in served["authorization_servers"]] == [ISSUER]


async def test_the_guard_also_speaks_for_the_example():
    """Without a token the example answers with the reason; the guard leaves other paths alone."""
    app, _ = build(ORIGIN)
    async with started(app):
        refused = await post(app, None)
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
            document = await client.get("/.well-known/oauth-protected-resource/mcp")
            stranger = await client.post("/token", data={"client_secret": OTHER_SECRET})
            other = await client.post("/revoke", data={"token": "x"})

    assert (refused.status_code, refused.json()["code"]) == (401, "token_missing")
    assert document.json()["resource"] == RESOURCE
    assert (stranger.status_code, other.status_code) == (401, 401)


@pytest.mark.parametrize("path", ["", "/", "/mcp", "/mcp/", "/a/b"])
def test_the_sdk_finds_the_document_at_our_url(path):
    """Our URL is that which the SDK builds, and the SDK reads our document."""
    resource = f"https://api.example{path}"
    metadata = ResourceMetadata(resource, authorization_servers=[ISSUER], name="Notes")
    view = RequestView({"type": "http", "method": "GET", "headers": []})
    read = ProtectedResourceMetadata.model_validate_json(
        metadata.respond(view, metadata.paths[0]).body
    )

    assert str(build_resource_metadata_url(AnyHttpUrl(resource))) == metadata.url
    assert str(read.resource) == resource
    assert [str(each) for each in read.authorization_servers] == [ISSUER]
