"""Walk through the MCP server: each kind of refusal, and the SDK's own client without a token."""

import asyncio
from datetime import timedelta
from socket import create_server
from ssl import SSLContext

import httpx
import httpx2
from mcp import Client
from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken

from mcp_authorization_server import CLIENT_ID, CLIENT_SECRET, SCOPE
from mcp_server import Service, build
from serving import served
from steps import Walk

__all__ = ["walk_mcp", "whoami_of"]

_INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "walk", "version": "1"},
    },
}
_ACCEPT = {"Accept": "application/json, text/event-stream"}


class _Storage:
    """Keeps the token of the SDK's client in memory."""

    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return None

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        raise NotImplementedError


async def whoami_of(origin: str, tls: SSLContext) -> tuple[str, list[str]]:
    """Call the tool with the SDK's client, which finds out itself where to get a token.

    Returns:
        The answer of the tool, and the paths that the client requested until it had a token.
    """
    paths: list[str] = []

    async def note(request: httpx2.Request) -> None:
        if request.url.path != "/mcp":
            paths.append(request.url.path)

    provider = ClientCredentialsOAuthProvider(
        f"{origin}/mcp",
        _Storage(),
        CLIENT_ID,
        CLIENT_SECRET,
        token_endpoint_auth_method="client_secret_post",  # noqa: S106 - the name of a method
        issuer=origin,
    )
    async with (
        httpx2.AsyncClient(
            auth=provider, verify=tls, timeout=10, event_hooks={"request": [note]}
        ) as http_client,
        Client(streamable_http_client(f"{origin}/mcp", http_client=http_client)) as client,
    ):
        result = await client.call_tool("whoami", {})
    return str(getattr(result.content[0], "text", "")), paths


def walk_mcp() -> int:
    """Serve the MCP server, and return the number of unexpected responses."""
    print("\nmcp\n---")
    with create_server(("127.0.0.1", 0)) as listener:
        origin = f"https://localhost:{listener.getsockname()[1]}"
        service = build(origin)
        with (
            served(service.app, listener=listener) as site,
            httpx.Client(base_url=site.origin, verify=site.tls, timeout=10) as client,
        ):
            steps = Walk(client)
            asyncio.run(_walk(steps, service))
            answer, paths = asyncio.run(whoami_of(origin, site.tls))
            steps.expect("the SDK's client without a token", answer, CLIENT_ID)
            steps.expect("  which finds the authorization server", paths, _DISCOVERED)
    return steps.failures


_DISCOVERED = [
    "/.well-known/oauth-protected-resource/mcp",
    "/.well-known/oauth-authorization-server",
    "/token",
]


async def _walk(steps: Walk, service: Service) -> None:
    """Send one token of each kind."""
    engine = service.engine

    def call(title: str, expected: tuple[int, str], token: str | None = None) -> httpx.Response:
        return steps.step(
            title, "POST", "/mcp", expected, token=token, json=_INITIALIZE, headers=_ACCEPT
        )

    refused = call("no token", (401, "token_missing"))
    challenge = refused.headers["WWW-Authenticate"]
    document = f"{engine.policy.issuer}/.well-known/oauth-protected-resource/mcp"
    steps.expect("  which names the scope", f'scope="{SCOPE}"' in challenge, expected=True)
    named = f'resource_metadata="{document}"' in challenge
    steps.expect("  and the metadata", named, expected=True)

    token = await engine.issue("alice", scopes=[SCOPE])
    call("a valid token", (200, ""), token)
    expired = await engine.issue("alice", scopes=[SCOPE], lifetime=timedelta(0))
    call("an expired token", (401, "token_expired"), expired)
    other = await engine.issue("alice", scopes=[SCOPE], audience="https://other.example/mcp")
    call("a token for another server", (401, "audience_invalid"), other)
    call("a token without the scope", (403, "insufficient_scope"), await engine.issue("alice"))
    form = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "token": token}
    answer = steps.client.post("/revoke", data=form)
    steps.expect("revoke the first token", answer.status_code, 200)
    call("the revoked token", (401, "token_revoked"), token)
