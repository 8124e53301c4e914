"""The token endpoint of the page, in each framework, as three OAuth libraries use it."""

import ast
import asyncio
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import httpx
import pytest
import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from httpx_oauth.oauth2 import OAuth2, RefreshTokenError
from oauthlib.oauth2 import InvalidGrantError, InvalidScopeError, LegacyApplicationClient
from requests.adapters import BaseAdapter
from requests_oauthlib import OAuth2Session

from tests.adapters.asgi_http import exchange
from tests.docs.frameworks import app_of, assumed_by_programs
from tests.docs.pages import block_with, names_of, run
from tests.support import FrozenClock, ShopClaims
from tokenward import TokenEngine
from tokenward.testing.adapters.service import client_of

PAGE = "token-endpoint.md"
TOKEN_URL = "https://shop.example/token"
LOGIN = {"username": "alice", "password": "s3cret"}
ROUTES = {
    "fastapi": "from fastapi import",
    "litestar": "from litestar import",
    "quart": "from quart import",
}


@dataclass
class User:
    """A user of the shop."""

    id: str = "alice"
    tenant: str = "acme"
    scopes: tuple[str, ...] = ("orders:read", "orders:write")

    def has_password(self, password: str) -> bool:
        """Compare a password."""
        return password == "s3cret"


class Users:
    """The users of the shop."""

    async def find(self, username: str) -> User | None:
        """Return a user by name."""
        return User() if username == "alice" else None


@pytest.fixture(params=ROUTES)
async def app(request: pytest.FixtureRequest, shop: Any) -> Any:
    """Return the app whose route is that of the page."""
    names = assumed_by_programs(request.param, shop)
    names = await names_of(PAGE, users=Users(), **names)
    return app_of(request.param, await run(block_with(PAGE, ROUTES[request.param]), names))


@pytest.mark.parametrize("framework", ROUTES)
def test_the_route_has_five_lines_at_most(framework: str) -> None:
    """The route of each framework is short."""
    *_, route = ast.parse(block_with(PAGE, ROUTES[framework])).body
    lines = ast.unparse(route).splitlines()

    assert len(lines) <= 5


class _AsgiAdapter(BaseAdapter):
    """Sends the requests of the library `requests` to an ASGI app."""

    def __init__(self, app: Any) -> None:
        super().__init__()
        self._app = app

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:
        headers = [
            (name.lower().encode(), value.encode()) for name, value in request.headers.items()
        ]
        sent = str(request.body).encode()
        start, *rest = asyncio.run(
            exchange(self._app, "POST", "/token", headers=headers, body=sent, scheme="https")
        )
        response = requests.Response()
        response.status_code, response.request = start["status"], request
        response.reason = HTTPStatus(start["status"]).phrase
        response.headers.update({key.decode(): value.decode() for key, value in start["headers"]})
        response.raw = io.BytesIO(b"".join(message.get("body", b"") for message in rest))
        return response

    def close(self) -> None:
        """Do nothing."""


def session_of(app: object, scope: str = "orders:read orders:write") -> OAuth2Session:
    """Return a session of requests-oauthlib, for the password grant."""
    client = LegacyApplicationClient(client_id="shop")
    session = OAuth2Session(client=client, scope=scope.split())
    session.mount("https://", _AsgiAdapter(app))
    return session


async def in_thread(function: Callable[..., Any], *arguments: object, **more: object) -> Any:
    """Call a function of a synchronous library."""
    return await asyncio.to_thread(function, *arguments, **more)


async def test_requests_oauthlib(
    app: object, shop: TokenEngine[ShopClaims], clock: FrozenClock
) -> None:
    """A login, a refresh, and the errors of a wrong password, a new scope and a reused token."""
    session = session_of(app)
    first = await in_thread(session.fetch_token, TOKEN_URL, **LOGIN)
    second = await in_thread(session.refresh_token, TOKEN_URL)

    assert (await shop.decode(second["access_token"])).tenant == "acme"
    assert second["refresh_token"] != first["refresh_token"]
    assert (second["token_type"], second["expires_in"]) == ("Bearer", 900)
    greedy = session_of(app, scope="orders:read admin")
    with pytest.raises(InvalidScopeError):
        await in_thread(greedy.refresh_token, TOKEN_URL, second["refresh_token"])
    clock.advance(60)
    with pytest.raises(InvalidGrantError, match="already been used"):
        await in_thread(session_of(app).refresh_token, TOKEN_URL, first["refresh_token"])
    with pytest.raises(InvalidGrantError, match="password is wrong"):
        await in_thread(session_of(app).fetch_token, TOKEN_URL, username="alice", password="x")


async def test_authlib(app: Any, shop: TokenEngine[ShopClaims], clock: FrozenClock) -> None:
    """A login with fewer scopes, a refresh, and the errors of a wrong password and a reused token."""

    def session() -> AuthlibSession:
        # The secret is sent by HTTP Basic, and ignored.
        session = AuthlibSession("shop", "secret", scope="orders:read admin")
        session.mount("https://", _AsgiAdapter(app))
        return session

    first = await in_thread(session().fetch_token, TOKEN_URL, grant_type="password", **LOGIN)
    token, scope = first["refresh_token"], "orders:read"
    second = await in_thread(session().refresh_token, TOKEN_URL, token, scope=scope)

    assert first["scope"] == scope
    assert (await shop.decode(second["access_token"])).scopes == {scope}
    clock.advance(60)
    with pytest.raises(OAuthError, match="invalid_grant"):
        await in_thread(session().refresh_token, TOKEN_URL, token, scope=scope)
    with pytest.raises(OAuthError, match="invalid_grant"):
        await in_thread(session().fetch_token, TOKEN_URL, username="alice", password="x")


async def test_httpx_oauth(app: Any, shop: TokenEngine[ShopClaims], clock: FrozenClock) -> None:
    """A refresh, and the error of a reused token; the library has no password grant."""

    class Client(OAuth2):
        def get_httpx_client(self) -> Any:
            return httpx.AsyncClient(transport=httpx.ASGITransport(app=app))

    client = Client("shop", "secret", TOKEN_URL, TOKEN_URL, TOKEN_URL)
    first = await shop.issue_pair("alice", claims={"tenant": "acme"})
    second = await client.refresh_token(first.refresh_token)

    assert (await shop.decode(second["access_token"])).sub == "alice"
    assert second["expires_in"] == 900
    clock.advance(60)
    with pytest.raises(RefreshTokenError) as refused:
        await client.refresh_token(first.refresh_token)
    assert refused.value.response is not None
    assert refused.value.response.json()["error"] == "invalid_grant"


async def test_every_framework_sends_the_same(app: object) -> None:
    """A refusal has the same status, headers and bytes in each framework."""
    async with client_of(app) as client:
        response = await client.post("/token", data={"grant_type": "password", "username": "alice"})

    assert response.status_code == 400
    assert response.headers.get_list("content-type") == ["application/json"]
    assert response.headers.get_list("cache-control") == ["no-store"]
    assert response.headers.get_list("pragma") == ["no-cache"]
    assert json.loads(response.content)["error"] == "invalid_request"
