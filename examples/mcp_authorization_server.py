"""The authorization server of the MCP example: one client, one grant, and revocation."""

from contextlib import suppress
from secrets import compare_digest
from typing import Any

from pydantic import JsonValue
from starlette.applications import Starlette
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tokenward import Claims, InvalidTokenError, KeyPublisher, KeyRing, TokenEngine
from tokenward.http import DocumentPublisher, RequestView, ResourceMetadata

__all__ = ["CLIENT_ID", "CLIENT_SECRET", "SCOPE", "add_authorization_server", "publish"]

CLIENT_ID = "robot"
CLIENT_SECRET = "the secret of the robot"  # noqa: S105 - an example
SCOPE = "notes:read"


def publish(app: Starlette, publisher: DocumentPublisher) -> None:
    """Serve the documents of a publisher in Starlette."""

    async def document(request: Request) -> Response:
        response = publisher.respond(RequestView(request.scope), request.url.path)
        return Response(response.body, response.status, response.headers)

    for path in publisher.paths:
        app.add_route(path, document, ["GET", "OPTIONS"])


def add_authorization_server(
    app: Starlette, engine: TokenEngine[Claims], ring: KeyRing, resource: ResourceMetadata
) -> None:
    """Add an authorization server with one client, one grant (RFC 6749 §4.4), and revocation."""
    issuer = str(engine.policy.issuer)

    def is_client(form: FormData) -> bool:
        sent = f"{form.get('client_id')}:{form.get('client_secret')}"
        return compare_digest(sent.encode(), f"{CLIENT_ID}:{CLIENT_SECRET}".encode())

    async def token(request: Request) -> Response:
        form = await request.form()
        if not is_client(form):
            return _no_store({"error": "invalid_client"}, 401)
        if form.get("resource") != resource.resource:
            return _no_store({"error": "invalid_target"}, 400)  # RFC 8707 §2

        issued = await engine.issue(CLIENT_ID, claims={"client_id": CLIENT_ID}, scopes=[SCOPE])
        return _no_store({"access_token": issued, "token_type": "Bearer", "scope": SCOPE}, 200)

    async def revoke(request: Request) -> Response:
        form = await request.form()
        if not is_client(form):
            return _no_store({"error": "invalid_client"}, 401)

        # RFC 7009 §2.2: an invalid token needs no revocation, and is no error.
        with suppress(InvalidTokenError):
            await engine.revoke(str(form.get("token")))
        return _no_store({}, 200)

    metadata: dict[str, JsonValue] = {
        "authorization_endpoint": f"{issuer}/authorize",  # the SDK's client requires one
        "token_endpoint": f"{issuer}/token",
        "revocation_endpoint": f"{issuer}/revoke",
        "response_types_supported": [],
        "grant_types_supported": ["client_credentials"],
    }
    publish(app, KeyPublisher(ring, issuer=issuer, metadata=metadata))
    app.add_route("/token", token, ["POST"])
    app.add_route("/revoke", revoke, ["POST"])


def _no_store(body: dict[str, Any], status: int) -> Response:
    return JSONResponse(body, status, {"Cache-Control": "no-store"})
