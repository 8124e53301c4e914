"""An MCP server with the official SDK, whose tokens Tokenward verifies.

Two parts make the server: `TokenwardVerifier` is the SDK's verifier and gives the tools the user of
the token; `guard` stands in front of the SDK, which answers every refused token alike, and tells the
client why. The authorization server runs in the same process, so that the SDK's client can get a
token. In production it is another service: verify with ``RemoteKeySet.from_issuer(...)``.
"""

import logging
from typing import NamedTuple

from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import AccessToken, TokenVerifier
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import MCPServer
from pydantic import AnyHttpUrl
from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from mcp_authorization_server import SCOPE, add_authorization_server, publish
from tokenward import (
    Claims,
    KeyRing,
    MemoryStore,
    TokenEngine,
    TokenError,
    TokenPolicy,
)
from tokenward.http import Authenticator, Requirement, ResourceMetadata, TokenMiddleware

__all__ = ["Service", "TokenwardVerifier", "build", "guard"]

logger = logging.getLogger(__name__)


class TokenwardVerifier(TokenVerifier):
    """The SDK's verifier: returns the user of a valid token, and None for every other token."""

    def __init__(
        self, authenticator: Authenticator[Claims], requirement: Requirement[Claims]
    ) -> None:
        """Take what verifies the tokens, and what is required of them."""
        self._authenticator = authenticator
        self._requirement = requirement

    async def verify_token(self, token: str) -> AccessToken | None:
        """Return the user of a token. The SDK calls this for every request."""
        try:
            claims = await self._authenticator.verify(token, self._requirement)
        except TokenError as error:
            logger.info("A token was refused: %s", error.code)
            return None

        return AccessToken(
            token=token,
            client_id=str(claims.extra.get("client_id", claims.sub)),
            scopes=sorted(claims.scopes),
            expires_at=None if claims.exp is None else int(claims.exp),
            subject=claims.sub,
            claims={"iss": claims.iss},
        )


def guard(
    app: ASGIApp,
    *,
    authenticator: Authenticator[Claims],
    requirement: Requirement[Claims],
    path: str,
) -> ASGIApp:
    """Refuse requests for one path before the SDK does, with the reason and where to get a token."""
    guarded = TokenMiddleware(app, authenticator, requirement)

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        target = guarded if scope.get("path") == path else app
        await target(scope, receive, send)

    return call


class Service(NamedTuple):
    """The MCP server, and the engine that issues and verifies its tokens."""

    app: Starlette
    engine: TokenEngine[Claims]


def build(origin: str) -> Service:
    """Build the service for an origin, such as ``https://api.example``."""
    resource = ResourceMetadata(
        f"{origin}/mcp", authorization_servers=[origin], scopes=[SCOPE], name="Notes"
    )
    ring = KeyRing.generate()
    policy = TokenPolicy(issuer=origin, audience=resource.resource)
    engine = TokenEngine(ring, policy=policy, store=MemoryStore())
    authenticator = Authenticator(engine, resource=resource)
    requirement = Requirement[Claims](scopes=[SCOPE])
    server = MCPServer(
        "notes",
        token_verifier=TokenwardVerifier(authenticator, requirement),
        # The resource is published below, and the policy checks the audience.
        auth=AuthSettings(issuer_url=AnyHttpUrl(origin), resource_server_url=None),
        log_level="WARNING",
    )

    @server.tool()
    async def whoami() -> str:
        """Return the user of the token."""
        token = get_access_token()
        return str(token and token.subject)

    app = server.streamable_http_app(json_response=True, stateless_http=True)
    app.add_middleware(guard, authenticator=authenticator, requirement=requirement, path="/mcp")
    publish(app, resource)
    add_authorization_server(app, engine, ring, resource)
    return Service(app, engine)
