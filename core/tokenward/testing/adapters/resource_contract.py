"""The part of the contract about protected resource metadata (RFC 9728): document and challenges."""

import json
from collections.abc import AsyncIterator
from typing import Final

import httpx
import pytest

from tokenward.http.resource_metadata import ResourceMetadata
from tokenward.testing.adapters.fixtures import AdapterFixtures, needs
from tokenward.testing.adapters.service import (
    ISSUER,
    Headers,
    bearer,
    client_of,
    contract_engine,
    shop_token,
)
from tokenward.testing.adapters.tokens import NOW
from tokenward.testing.adapters.websocket_client import open_websocket
from tokenward.testing.clock import FrozenClock

__all__ = ["ResourceContract"]

_RESOURCE = "https://api.example/mcp"
_PATH = "/.well-known/oauth-protected-resource/mcp"
_POINTER = f'resource_metadata="https://api.example{_PATH}"'
_METADATA = ResourceMetadata(
    _RESOURCE, authorization_servers=[ISSUER], scopes=["orders:read", "shop"], name="Shop"
)
_INVALID = 'error="invalid_token", error_description="The token has expired."'
_SCOPE = 'error="insufficient_scope", error_description="The token lacks the required scope."'
_FRESH = 'error="insufficient_user_authentication", error_description="A fresh login is required."'
_DENIED = 'error="insufficient_scope", error_description="The token does not allow this."'
_REFUSED: Final[list[tuple[str, str, int, list[str]]]] = [
    ("/me", "", 401, []),
    ("/me", "expired", 401, [_INVALID]),
    ("/orders", "", 401, ['scope="orders:read"']),
    ("/orders", "expired", 401, [_INVALID, 'scope="orders:read"']),
    ("/orders", "none", 403, [_SCOPE, 'scope="orders:read"']),
    ("/any", "", 401, ['scope="shop orders:read admin"']),
    ("/any", "none", 403, [_SCOPE, 'scope="shop orders:read admin"']),
    ("/fresh", "orders:read", 401, [_FRESH, 'scope="orders:read"']),
    ("/checked", "shop", 403, [_DENIED]),
]


class ResourceContract(AdapterFixtures):
    """Tests of the metadata, and of the challenges that name it."""

    @pytest.fixture
    def resource_app(self, clock: FrozenClock) -> object:
        """Return the service."""
        return self.build_resource(contract_engine(clock), _METADATA)

    @pytest.fixture
    async def resource_client(self, resource_app: object) -> AsyncIterator[httpx.AsyncClient]:
        """Yield a client of the service."""
        async with client_of(resource_app) as client:
            yield client

    @needs("resource")
    async def test_the_document(self, resource_client: httpx.AsyncClient) -> None:
        """The document is served without a token, for pages of every origin."""
        response = await resource_client.get(_PATH, headers={"Origin": "https://inspector.example"})

        assert response.status_code == 200
        assert response.headers["content-type"] == "application/json"
        assert response.headers["access-control-allow-origin"] == "*"
        assert response.json() == {
            "resource": _RESOURCE,
            "authorization_servers": [ISSUER],
            "scopes_supported": ["orders:read", "shop"],
            "bearer_methods_supported": ["header"],
            "resource_name": "Shop",
        }

    @needs("resource")
    async def test_a_bad_token_is_ignored(self, resource_client: httpx.AsyncClient) -> None:
        """The document is sent even if the request has an invalid token."""
        headers = list(bearer("x.y.z"))

        assert (await resource_client.get("/me", headers=headers)).status_code == 401
        assert (await resource_client.get(_PATH, headers=headers)).status_code == 200

    @needs("resource")
    async def test_a_page_may_ask_with_a_header_of_mcp(
        self, resource_client: httpx.AsyncClient
    ) -> None:
        """The preflight of a browser is answered: MCP clients send MCP-Protocol-Version."""
        response = await resource_client.options(
            _PATH,
            headers={
                "Origin": "https://inspector.example",
                "Access-Control-Request-Method": "GET",
                "Access-Control-Request-Headers": "mcp-protocol-version",
            },
        )

        assert (response.status_code, response.content) == (204, b"")
        assert response.headers["access-control-allow-origin"] == "*"
        assert response.headers["access-control-allow-headers"] == "*"
        assert response.headers["access-control-allow-methods"] == "GET, HEAD"

    @needs("resource")
    @pytest.mark.parametrize(
        ("path", "kind", "status", "parameters"),
        _REFUSED,
        ids=[f"{path}, {kind or 'no token'}" for path, kind, *_ in _REFUSED],
    )
    async def test_a_challenge_leads_to_the_document(
        self,
        resource_client: httpx.AsyncClient,
        path: str,
        kind: str,
        status: int,
        parameters: list[str],
    ) -> None:
        """Each 401 and 403 names the document, and the scopes of the route where they would help."""
        response = await resource_client.get(path, headers=list(headers_for(kind)))

        challenge = response.headers["www-authenticate"]
        assert (response.status_code, challenge) == (
            status,
            "Bearer " + ", ".join(['realm="api"', *parameters, _POINTER]),
        )

    @needs("resource")
    async def test_an_error_of_a_handler_leads_to_the_document(
        self, resource_client: httpx.AsyncClient
    ) -> None:
        """A TokenError that a handler raises names the document, and no scope, which is unknown."""
        response = await resource_client.post("/renew")

        challenge = response.headers["www-authenticate"]
        assert response.status_code == 401
        assert challenge.endswith(f", {_POINTER}")
        assert "scope" not in challenge

    @needs("resource", "websockets")
    @pytest.mark.parametrize(
        ("kind", "status", "parameters"), [("", 401, []), ("none", 403, [_SCOPE])]
    )
    async def test_a_refused_handshake_leads_to_the_document(
        self, resource_app: object, kind: str, status: int, parameters: list[str]
    ) -> None:
        """A WebSocket is denied with the same challenge."""
        outcome = await open_websocket(resource_app, "/ws", headers=headers_for(kind))

        told = {name.decode().lower(): value.decode() for name, value in outcome.headers}
        assert (outcome.status, told["www-authenticate"]) == (
            status,
            "Bearer " + ", ".join(['realm="api"', *parameters, 'scope="orders:read"', _POINTER]),
        )

    @needs("resource")
    async def test_a_valid_token_passes(self, resource_client: httpx.AsyncClient) -> None:
        """The settings change refusals alone."""
        headers = list(headers_for("orders:read"))

        response = await resource_client.get("/orders", headers=headers)

        assert (response.status_code, response.json()) == (200, {"sub": "alice"})

    @needs("resource")
    @pytest.mark.parametrize("resource", ["https://api.example/", "https://api.example/a/mcp/"])
    async def test_a_resource_with_a_final_slash(self, clock: FrozenClock, resource: str) -> None:
        """A path keeps its final slash (RFC 9728 §3.1), also in the routes of the framework."""
        metadata = ResourceMetadata(resource, authorization_servers=[ISSUER])
        app = self.build_resource(contract_engine(clock), metadata)
        async with client_of(app) as client:
            response = await client.get(metadata.url.removeprefix("https://api.example"))

        assert response.status_code == 200
        assert json.loads(response.content)["resource"] == resource


def headers_for(kind: str) -> Headers:
    """Return no header, or that of an expired token, of one without scopes, or of one with a scope."""
    tokens: dict[str, dict[str, object]] = {"expired": {"exp": NOW}, "none": {}}
    return bearer(shop_token(**tokens.get(kind, {"scope": kind}))) if kind else ()
