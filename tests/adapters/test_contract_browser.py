"""The contract for browsers: cookies, CSRF tokens, and WebSockets that stay open."""

import asyncio
import json
import logging

import httpx
import pytest

from tests.adapters import contract as c
from tests.adapters.adapters import Build
from tests.adapters.asgi_websocket import Outcome, live_websocket, open_websocket
from tests.adapters.contract import Case, bearer
from tests.adapters.contract_browser import (
    ALLOWED,
    BROWSER_CASES,
    BROWSER_SOCKETS_OPEN,
    BROWSER_SOCKETS_REFUSED,
    OWN,
    REFRESH,
    REFRESH_NAME,
    cookie,
    csrf,
    site,
)
from tests.adapters.contract_requests import GOOD
from tests.adapters.test_contract import ask, assert_answer, said_by, secrets_of
from tests.support import SECRET, CountingKey, FrozenClock
from tokenward import TokenPair


def set_by(response: httpx.Response) -> list[str]:
    """Return the Set-Cookie headers of a response."""
    return response.headers.get_list("set-cookie")


def pair_of(response: httpx.Response) -> TokenPair:
    """Return the token pair in a response of the service."""
    return TokenPair(expires_in=900, refresh_expires_in=2_592_000, **response.json())


def test_enough_is_asked() -> None:
    """All requests have different names."""
    assert len({case.name for case in BROWSER_CASES}) == len(BROWSER_CASES) >= 60


@pytest.mark.parametrize("case", BROWSER_CASES, ids=lambda case: case.name)
async def test_request(
    client: httpx.AsyncClient, case: Case, caplog: pytest.LogCaptureFixture
) -> None:
    """A request gets exactly its status, challenge, body and cookies; the response repeats no part of it."""
    caplog.set_level(logging.DEBUG)

    response = await ask(client, case)

    assert_answer(response, case.answer)
    assert set_by(response) == list(case.cookies)
    assert response.headers.get("cache-control") == ("no-store" if case.cookies else None)
    if case.answer.status != 200:
        said = response.text + str(response.headers.raw)
        said += "".join(
            f"{record.getMessage()}{record.exc_text}{record.__dict__}"
            for record in caplog.records
            if not record.name.startswith("httpx")
        )
        assert not [piece for piece in secrets_of(case.headers, case.content) if piece in said]


async def test_login_sets_cookies(client: httpx.AsyncClient) -> None:
    """A login sets the three cookies as the core renders them, and no cache may store them."""
    response = await client.post("/browser/login")

    assert response.status_code == 200
    assert set_by(response) == list(c.COOKIES.set_cookies(pair_of(response)))
    assert response.headers.get_list("cache-control") == ["no-store"]


@pytest.mark.parametrize(
    "headers",
    [[], [OWN], [site(b"same-origin")], [ALLOWED, site(b"cross-site")], [site(b"none")]],
    ids=["a program", "own page of old", "own page", "allowed page", "by hand"],
)
async def test_a_login_of_an_allowed_page(
    client: httpx.AsyncClient, headers: list[tuple[bytes, bytes]]
) -> None:
    """`check_origin` accepts logins of programs, of the service's own pages and of allowed pages."""
    response = await client.post("/browser/login", headers=headers)
    assert (response.status_code, len(set_by(response))) == (200, 3)


async def test_session_of_a_browser(own_client: httpx.AsyncClient) -> None:
    """Log in, read, write, refresh and log out with nothing but the cookies."""
    pair = pair_of(await own_client.post("/browser/login"))
    assert pair.csrf_token is not None
    access, proof = cookie(pair.access_token), csrf(pair.csrf_token)
    refresh = cookie(pair.refresh_token, REFRESH_NAME)
    assert (await own_client.get("/browser/me", headers=[access])).status_code == 200
    assert (await own_client.post("/browser/me", headers=[access, proof])).status_code == 200

    response = await own_client.post("/browser/refresh", headers=[refresh, proof])
    successor = pair_of(response)
    assert set_by(response) == list(c.COOKIES.set_cookies(successor))
    assert successor.csrf_token == pair.csrf_token, "a page that is open stays good"
    renewed = cookie(successor.access_token)
    assert (await own_client.post("/browser/me", headers=[renewed, proof])).status_code == 200

    response = await own_client.post("/browser/logout", headers=[renewed, proof])
    assert set_by(response) == list(c.COOKIES.clear_cookies())
    assert_answer(await own_client.get("/browser/me", headers=[renewed]), c.REVOKED)
    assert_answer(await own_client.get("/browser/me", headers=[access]), c.REVOKED)


async def test_a_refusal_uses_no_refresh_token_up(
    own_client: httpx.AsyncClient, clock: FrozenClock
) -> None:
    """A forged refresh without the CSRF token does not use the token; real reuse ends the session."""
    refresh = cookie(REFRESH, REFRESH_NAME)
    assert_answer(await own_client.post("/browser/refresh", headers=[refresh]), c.CSRF_MISSING)

    assert (await own_client.post("/browser/refresh", headers=[refresh, csrf()])).status_code == 200
    clock.advance(10)
    assert_answer(await own_client.post("/browser/refresh", headers=[refresh, csrf()]), c.REUSED)


async def test_a_tab_that_comes_late_keeps_its_session(own_client: httpx.AsyncClient) -> None:
    """A late tab's old cookie gets the same pair, or once the pair is used a refusal without cookies."""
    old = cookie(REFRESH, REFRESH_NAME)
    first = pair_of(await own_client.post("/browser/refresh", headers=[old, csrf()]))
    assert pair_of(await own_client.post("/browser/refresh", headers=[old, csrf()])) == first
    current = cookie(first.refresh_token, REFRESH_NAME)
    second = pair_of(await own_client.post("/browser/refresh", headers=[current, csrf()]))
    late = await own_client.post("/browser/refresh", headers=[old, csrf()])
    assert_answer(late, c.SUPERSEDED)
    assert set_by(late) == []
    access = cookie(second.access_token)
    assert (await own_client.post("/browser/me", headers=[access, csrf()])).status_code == 200


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_refresh_is_never_safe(own_client: httpx.AsyncClient, method: str) -> None:
    """A refresh with a safe method needs the CSRF token and the origin; a refusal does not use the token."""
    token = cookie(REFRESH, REFRESH_NAME)
    foreign = [token, csrf(), site(b"cross-site")]
    for headers, answer in (([token], c.CSRF_MISSING), (foreign, c.FOREIGN_ORIGIN)):
        response = await own_client.request(method, "/browser/renew", headers=headers)
        assert response.status_code == 403
        assert response.headers["www-authenticate"] == answer.challenge
        assert set_by(response) == []
    assert (await own_client.post("/browser/refresh", headers=[token, csrf()])).status_code == 200


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_refresh_by_a_safe_method_works_with_its_proof(
    own_client: httpx.AsyncClient, method: str
) -> None:
    """A refresh with GET or HEAD and the CSRF token sets the cookies."""
    headers = [cookie(REFRESH, REFRESH_NAME), csrf()]
    response = await own_client.request(method, "/browser/renew", headers=headers)
    assert (response.status_code, len(set_by(response))) == (200, 3)


async def test_a_route_for_refresh_tokens_is_never_safe(client: httpx.AsyncClient) -> None:
    """A GET route that requires a refresh token in a cookie needs the CSRF token."""
    token = cookie(REFRESH, REFRESH_NAME)
    foreign = [token, csrf(), site(b"cross-site")]
    assert_answer(await client.get("/browser/leave", headers=[token]), c.CSRF_MISSING)
    assert_answer(await client.get("/browser/leave", headers=foreign), c.FOREIGN_ORIGIN)
    assert_answer(await client.get("/browser/leave", headers=[token, csrf()]), c.ok(sub="alice"))
    assert_answer(await client.get("/browser/leave", headers=bearer(REFRESH)), c.ok(sub="alice"))


async def test_a_refresh_verifies_once(build: Build, clock: FrozenClock) -> None:
    """A refresh from a cookie costs one signature verification."""
    key = CountingKey.from_secret(SECRET)
    async with c.client_of(build(c.contract_engine(clock, key=key))) as client:
        headers = [cookie(REFRESH, REFRESH_NAME), csrf()]
        response = await client.post("/browser/refresh", headers=headers)

    assert (response.status_code, key.verified) == (200, 1)


@pytest.mark.parametrize(
    ("path", "headers"),
    [row[1:] for row in BROWSER_SOCKETS_OPEN],
    ids=[row[0] for row in BROWSER_SOCKETS_OPEN],
)
async def test_socket_accepted(app: object, path: str, headers: c.Headers) -> None:
    """A WebSocket with its token in the carrier of the route is accepted."""
    outcome = await open_socket(app, path, headers)

    assert (outcome.accepted, outcome.messages, outcome.close_code) == (True, ["alice"], 1000)
    assert outcome.subprotocol == ("bearer" if path == "/ws/protocol" else None)


async def open_socket(app: object, path: str, headers: c.Headers, **options: object) -> Outcome:
    """Open a WebSocket at a path that may have a query."""
    path, _, query = path.partition("?")
    return await open_websocket(app, path, query=query.encode(), headers=headers, **options)


@pytest.mark.parametrize("case", BROWSER_SOCKETS_REFUSED, ids=lambda case: case.name)
async def test_socket_denied(app: object, case: Case) -> None:
    """If the server can send it, a refused handshake gets the HTTP response of a refused request."""
    outcome = await open_socket(app, case.path, case.headers)

    assert (outcome.accepted, outcome.close_code) == (False, None)
    assert (outcome.status, json.loads(outcome.body)) == (case.answer.status, case.answer.body)
    assert said_by(outcome, b"www-authenticate") == [case.answer.challenge]
    said = outcome.body.decode() + str(outcome.headers)
    assert not [piece for piece in secrets_of(case.headers) if piece in said]


@pytest.mark.parametrize("case", BROWSER_SOCKETS_REFUSED, ids=lambda case: case.name)
async def test_socket_closed(app: object, case: Case) -> None:
    """If the server cannot send an HTTP response, a refused handshake is closed."""
    outcome = await open_socket(app, case.path, case.headers, extensions={})

    assert (outcome.accepted, outcome.status) == (False, None)
    assert (outcome.close_code, outcome.close_reason) == (1008, case.answer.code)


@pytest.mark.parametrize("reason", ["token_expired", "token_revoked"])
async def test_a_live_socket_is_closed(build: Build, clock: FrozenClock, reason: str) -> None:
    """An open socket is closed with 1008 once its token has expired or is revoked."""
    engine = c.contract_engine(clock)
    async with live_websocket(build(engine), "/ws/live", headers=bearer(GOOD)) as socket:
        assert await socket.ask("hello") == "hello"
        if reason == "token_expired":
            clock.advance(900)
        else:
            await engine.revoke(GOOD)
        await socket.is_over()

    assert (socket.outcome.close_code, socket.outcome.close_reason) == (1008, reason)


async def test_a_stubborn_socket_is_closed(build: Build, clock: FrozenClock) -> None:
    """A handler that ignores its cancellation does not keep the socket open."""
    engine = c.contract_engine(clock)
    async with live_websocket(build(engine), "/ws/stubborn", headers=bearer(GOOD)) as socket:
        await socket.is_accepted()
        await engine.revoke(GOOD)
        await socket.is_over()

    assert (socket.outcome.close_code, socket.outcome.close_reason) == (1008, "token_revoked")


async def test_a_live_socket_ends_by_itself(build: Build, clock: FrozenClock) -> None:
    """A client that disconnects ends the handler, and no task is left running."""
    app = build(c.contract_engine(clock))
    before = len(asyncio.all_tasks())
    async with live_websocket(app, "/ws/live", headers=bearer(GOOD)) as socket:
        assert await socket.ask("a") == "a"
        assert await socket.ask("b") == "b"

    assert socket.outcome.close_code in {None, 1000}
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == before


async def test_an_open_socket_is_closed_for_an_error(app: object) -> None:
    """A TokenError in a handler closes the accepted socket with 1008."""
    outcome = await open_websocket(app, "/ws/raises")

    assert (outcome.accepted, outcome.close_code, outcome.close_reason) == (
        True,
        1008,
        "token_revoked",
    )
