"""The programs of the page about carriers, in each framework."""

from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest

from tests.docs.frameworks import FRAMEWORKS, app_of, assumed_by_programs
from tests.docs.pages import block_with, names_of, run
from tokenward import TokenRevokedError
from tokenward.errors import OriginNotAllowedError, WrongTokenTypeError
from tokenward.http import RequestView, Requirement
from tokenward.testing.adapters.service import client_of

PAGE = "carriers.md"


@pytest.mark.parametrize("framework", FRAMEWORKS)
async def test_the_carriers_for_a_proxy(shop, framework):
    """The token of the header is found; a page of another origin cannot use it to write."""
    names = await names_of(PAGE, engine=shop)
    names["TokenAuth"] = import_module(f"tokenward_{framework}").TokenAuth
    auth = (await run(block_with(PAGE, "Cf-Access-Jwt"), names))["auth"]
    token = (await shop.issue("alice", claims={"tenant": "acme"})).encode()

    def request(method, origin):
        headers = [
            (b"cf-access-jwt-assertion", token),
            (b"cookie", b"CF_Authorization=" + token),
            (b"origin", origin),
        ]
        return RequestView({"type": "http", "method": method, "headers": headers})

    authenticate, anything = auth.authenticator.authenticate, Requirement()
    assert (await authenticate(request("POST", b"https://app.example"), anything)).sub == "alice"
    with pytest.raises(OriginNotAllowedError):
        await authenticate(request("POST", b"https://evil.example"), anything)


BODIES = {
    "fastapi": "async def refresh(body: RefreshBody, response: Response)",
    "litestar": "async def refresh(data: Annotated[RefreshBody, Body()])",
    "quart": "RefreshBody.model_validate_json",
}


@pytest.fixture(params=BODIES)
async def refreshing(request: pytest.FixtureRequest, shop: Any) -> Any:
    """Return the app with the page's route for a refresh token in a JSON body."""
    names = assumed_by_programs(request.param, shop)
    names = await run(block_with(PAGE, "class RefreshBody"), names)
    return app_of(request.param, await run(block_with(PAGE, BODIES[request.param]), names))


async def test_a_refresh_token_in_a_json_body(refreshing: Any, shop: Any, clock: Any) -> None:
    """The route returns the next pair, which no cache may store, and refuses a reuse as always."""
    pair = await shop.issue_pair("alice", claims={"tenant": "acme"})
    async with client_of(refreshing) as client:
        body = {"refresh_token": pair.refresh_token}
        answer = await client.post("/refresh", json=body)
        assert answer.headers["cache-control"] == "no-store"
        assert (await shop.decode(answer.json()["access_token"])).tenant == "acme"
        assert "csrf_token" not in answer.json()

        clock.advance(60)
        reused = await client.post("/refresh", json=body)
        assert (reused.status_code, reused.json()["code"]) == (401, "refresh_token_reused")
        assert "invalid_token" in reused.headers["www-authenticate"]
        wrong = await client.post("/refresh", json={"refresh_token": pair.access_token})
        assert (wrong.status_code, wrong.json()["code"]) == (401, "token_type_invalid")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'{"refresh_token": 5}',
        b'{"refresh_token": null}',
        b"\xff\xfe",
        b'{"refresh_token": "a.\\ud800.b"}',
        b'{"refresh_token": ""}',
    ],
)
async def test_a_body_without_a_token_is_no_server_error(refreshing: Any, content: bytes) -> None:
    """Whatever the body contains, the client gets a status from 400 to 422."""
    headers = {"Content-Type": "application/json"}
    async with client_of(refreshing) as client:
        answer = await client.post("/refresh", content=content, headers=headers)
    assert answer.status_code in {400, 401, 422}


async def test_logging_out_with_a_refresh_token_in_a_body(shop: Any) -> None:
    """The session of a valid refresh token ends; an access token is refused."""
    given = await names_of(PAGE, engine=shop)
    block = block_with(PAGE, "verify(body.refresh_token")
    pair = await shop.issue_pair("alice", claims={"tenant": "acme"})
    for token, error in (
        (pair.access_token, WrongTokenTypeError),
        (pair.refresh_token, None),
        (pair.refresh_token, TokenRevokedError),
    ):
        body = SimpleNamespace(refresh_token=token)
        if error is None:
            await run(block, {**given, "body": body})
        else:
            with pytest.raises(error):
                await run(block, {**given, "body": body})
    with pytest.raises(TokenRevokedError):
        await shop.decode(pair.access_token)
