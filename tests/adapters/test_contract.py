"""The contract: each adapter's app gets the same requests and must send the same responses.

The service of the adapters and the full responses are in `contract`; the requests,
each with its response, are in `contract_requests`.
"""

import json
import logging
import re

import httpx
import pytest

from tests.adapters import contract as c
from tests.adapters.adapters import Build
from tests.adapters.asgi_websocket import DENIAL_RESPONSE, Outcome, open_websocket
from tests.adapters.contract import Answer, Case, bearer, shop_token
from tests.adapters.contract_requests import (
    CARRIED,
    CASES,
    CLAIMS,
    FORM,
    GOOD,
    ROUTES,
    SOCKETS_OPEN,
    SOCKETS_REFUSED,
    one_for_each_answer,
    says,
)
from tests.support import OTHER_SECRET, SECRET, CountingKey, FrozenClock, ShopClaims
from tokenward import TokenRejectedError

# The form and the claims of a token are checked by the core: here each different refusal is
# enough. `test_contract_memory` sends every adapter the whole table.
ASKED = [*CARRIED, *one_for_each_answer([*FORM, *CLAIMS]), *ROUTES]


async def ask(client: httpx.AsyncClient, case: Case) -> httpx.Response:
    """Send the request of a case."""
    headers = list(case.headers)
    return await client.request(case.method, case.path, headers=headers, content=case.content)


def assert_answer(response: httpx.Response, expected: Answer) -> None:
    """Compare all of a response with the expected one."""
    challenges = response.headers.get_list("www-authenticate")
    assert (response.status_code, challenges, response.json()) == (
        expected.status,
        [] if expected.challenge is None else [expected.challenge],
        expected.body,
    )
    assert response.headers.get("retry-after") == expected.retry_after
    assert response.headers["content-type"].split(";")[0] == "application/json"
    if response.status_code != 200:
        assert response.headers["content-type"] == "application/json"
        assert response.content == json.dumps(response.json(), separators=(",", ":")).encode()


def secrets_of(headers: c.Headers, content: bytes = b"") -> set[str]:
    """Return every part of a request that a response must not contain."""
    sent = b" ".join([*(value for _, value in headers), content]).decode("latin-1")
    pieces = {piece for piece in re.split(r"[^\w-]+", sent) if len(piece) >= 16}
    claims = {c.REVOKED_TOKEN, c.ENDED_SESSION, c.BANNED_SUBJECT, "alice", "evil.example"}
    return pieces | claims | {c.STORE_SECRET, SECRET, OTHER_SECRET}


def test_enough_is_asked() -> None:
    """The table has at least 60 requests with different names."""
    assert len({case.name for case in CASES}) == len(CASES) >= 60


@pytest.mark.parametrize("case", ASKED, ids=lambda case: case.name)
async def test_request(
    client: httpx.AsyncClient, case: Case, caplog: pytest.LogCaptureFixture
) -> None:
    """A request gets exactly its status, challenge and body; a refusal contains no part of it."""
    caplog.set_level(logging.DEBUG)

    response = await ask(client, case)

    assert_answer(response, case.answer)
    if case.answer.status != 200:
        said = response.text + str(response.headers.raw)
        said += "".join(
            f"{record.getMessage()}{record.exc_text}{record.__dict__}"
            for record in caplog.records
            if not record.name.startswith("httpx")  # the client's, which contains the URL
        )
        assert not [piece for piece in secrets_of(case.headers, case.content) if piece in said]


async def test_answers_do_not_depend_on_earlier_ones(client: httpx.AsyncClient) -> None:
    """A response does not depend on earlier requests, valid or invalid."""
    good = Case("good", "/me", bearer(GOOD), c.ME)
    for case in CARRIED:
        for each in (good, case):
            assert_answer(await ask(client, each), each.answer)


@pytest.mark.parametrize("path", ["/me", "/orders", "/admin", "/twice"])
@pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
async def test_other_methods_do_not_bypass(
    client: httpx.AsyncClient, method: str, path: str
) -> None:
    """HEAD and OPTIONS on a protected route reveal nothing without a token."""
    response = await client.request(method, path)

    assert response.status_code in ({401, 405} if method == "HEAD" else {200, 204, 401, 405})
    assert "alice" not in response.text


@pytest.mark.parametrize("path", ["/me", "/twice", "/admin", "/checked", "/maybe"])
async def test_one_verification(build: Build, clock: FrozenClock, path: str) -> None:
    """A token costs one signature verification, however many requirements and requests use it."""
    key = CountingKey.from_secret(SECRET)
    token = shop_token(scope="orders:read admin")
    async with c.client_of(build(c.contract_engine(clock, key=key))) as client:
        first = await client.get(path, headers=list(bearer(token)))
        second = await client.get(path, headers=list(bearer(token)))

    assert (first.status_code, second.status_code, key.verified) == (200, 200, 1)


async def test_after_decode_runs_once(build: Build, clock: FrozenClock) -> None:
    """The engine's hooks run once for each request, however many requirements it has."""
    engine = c.contract_engine(clock)
    seen: list[str] = []
    engine.after_decode(lambda claims: seen.append(claims.sub))
    async with c.client_of(build(engine)) as client:
        response = await client.get("/twice", headers=list(says(scope="orders:read")))

    assert (response.status_code, seen) == (200, ["alice"])


async def test_rejected_by_a_hook(build: Build, clock: FrozenClock) -> None:
    """A token that an `after_decode` hook rejects is refused like any other."""
    engine = c.contract_engine(clock)

    @engine.after_decode
    async def reject(claims: ShopClaims) -> None:
        raise TokenRejectedError

    async with c.client_of(build(engine)) as client:
        for path in ("/me", "/maybe", "/twice"):
            assert_answer(await client.get(path, headers=list(bearer(GOOD))), c.REJECTED)


async def test_revoked_while_in_use(build: Build, clock: FrozenClock) -> None:
    """A token that was accepted before is refused once it is revoked."""
    engine = c.contract_engine(clock)
    async with c.client_of(build(engine)) as client:
        assert_answer(await client.get("/me", headers=list(bearer(GOOD))), c.ME)
        await engine.revoke(GOOD)
        assert_answer(await client.get("/me", headers=list(bearer(GOOD))), c.REVOKED)


async def test_expires_while_in_use(build: Build, clock: FrozenClock) -> None:
    """A token that was accepted before is refused once it has expired."""
    async with c.client_of(build(c.contract_engine(clock))) as client:
        clock.advance(899)
        assert_answer(await client.get("/me", headers=list(bearer(GOOD))), c.ME)
        clock.advance(1)
        assert_answer(await client.get("/me", headers=list(bearer(GOOD))), c.EXPIRED)


async def test_second_refresh(own_client: httpx.AsyncClient, clock: FrozenClock) -> None:
    """A refresh token that is reused after the grace is refused from within the handler."""
    token = shop_token(type="refresh", scope="a")

    assert_answer(await own_client.post("/renew", content=token), c.ok(scope="a"))
    assert_answer(await own_client.post("/renew", content=token), c.ok(scope="a"))
    clock.advance(10)
    assert_answer(await own_client.post("/renew", content=token), c.REUSED)


@pytest.mark.parametrize("extensions", [DENIAL_RESPONSE, {}, None], ids=["denial", "none", "null"])
@pytest.mark.parametrize(
    ("path", "headers", "said"),
    [row[1:] for row in SOCKETS_OPEN],
    ids=[row[0] for row in SOCKETS_OPEN],
)
async def test_socket_accepted(
    app: object, path: str, headers: c.Headers, said: str, extensions: object
) -> None:
    """A WebSocket that meets its requirements is accepted, and its handler gets the claims."""
    outcome = await open_websocket(app, path, headers=headers, extensions=extensions)

    assert (outcome.accepted, outcome.messages, outcome.close_code) == (True, [said], 1000)


def said_by(outcome: Outcome, name: bytes) -> list[str]:
    """Return the values of a header of a denial response."""
    return [value.decode() for key, value in outcome.headers if key.lower() == name]


@pytest.mark.parametrize("case", SOCKETS_REFUSED, ids=lambda case: case.name)
async def test_socket_denied(app: object, case: Case) -> None:
    """If the server can send it, a refused handshake gets the HTTP response of a refused request."""
    outcome = await open_websocket(app, case.path, headers=case.headers)
    answer = case.answer

    assert not outcome.accepted
    assert outcome.close_code is None
    assert (outcome.status, json.loads(outcome.body)) == (answer.status, answer.body)
    assert said_by(outcome, b"www-authenticate") == ([answer.challenge] if answer.challenge else [])
    assert said_by(outcome, b"retry-after") == ([answer.retry_after] if answer.retry_after else [])
    said = outcome.body.decode() + str(outcome.headers)
    assert not [piece for piece in secrets_of(case.headers) if piece in said]


@pytest.mark.parametrize("extensions", [{}, {"other": {}}, None], ids=["none", "other", "null"])
@pytest.mark.parametrize("case", SOCKETS_REFUSED, ids=lambda case: case.name)
async def test_socket_closed(app: object, case: Case, extensions: object) -> None:
    """If the server cannot send an HTTP response, a refused handshake is closed."""
    outcome = await open_websocket(app, case.path, headers=case.headers, extensions=extensions)

    assert not outcome.accepted
    assert outcome.status is None
    assert (outcome.close_code, outcome.close_reason) == (case.answer.close_code, case.answer.code)


async def test_socket_verifies_once(build: Build, clock: FrozenClock) -> None:
    """A handshake costs one signature verification, however many requirements it has."""
    key = CountingKey.from_secret(SECRET)
    app = build(c.contract_engine(clock, key=key))
    outcome = await open_websocket(app, "/ws/orders", headers=says(scope="orders:read"))

    assert (outcome.accepted, key.verified) == (True, 1)
