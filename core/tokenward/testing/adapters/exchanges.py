"""Sends the requests of the contract, and compares the responses in full."""

import json
import logging
import re
from collections.abc import Mapping
from typing import TypeAlias

import httpx
import pytest

from tokenward.testing.adapters.answers import Answer, Case
from tokenward.testing.adapters.service import (
    BANNED_SUBJECT,
    ENDED_SESSION,
    REVOKED_TOKEN,
    STORE_SECRET,
    Headers,
)
from tokenward.testing.adapters.tokens import OTHER_SECRET, SECRET
from tokenward.testing.adapters.websocket_client import DENIAL_RESPONSE, Outcome, open_websocket

Extensions: TypeAlias = Mapping[str, object] | None
"""The ASGI extensions of a server."""

__all__ = [
    "ask",
    "assert_answer",
    "assert_closed",
    "assert_denied",
    "assert_exchange",
    "open_socket",
    "secrets_of",
]


async def ask(client: httpx.AsyncClient, case: Case) -> httpx.Response:
    """Send the request of a case."""
    headers = list(case.headers)
    return await client.request(case.method, case.path, headers=headers, content=case.content)


def assert_answer(response: httpx.Response, expected: Answer) -> None:
    """Compare all of a response with the expected one."""
    challenges = response.headers.get_list("www-authenticate")
    kind = response.headers.get("content-type", "").split(";")[0]
    body = response.json() if kind == "application/json" else f"{kind}: {response.text}"
    assert (response.status_code, challenges, body) == (
        expected.status,
        [] if expected.challenge is None else [expected.challenge],
        expected.body,
    )
    assert response.headers.get("retry-after") == expected.retry_after
    if response.status_code != 200:
        assert response.headers["content-type"] == "application/json"
        assert response.content == json.dumps(response.json(), separators=(",", ":")).encode()


async def assert_exchange(
    client: httpx.AsyncClient, case: Case, caplog: pytest.LogCaptureFixture
) -> None:
    """Send a request; compare status, challenge, body and cookies, and look for leaks.

    A refusal and the log lines that it causes must contain no part of the request.
    """
    caplog.set_level(logging.DEBUG)

    response = await ask(client, case)

    assert_answer(response, case.answer)
    assert response.headers.get_list("set-cookie") == list(case.cookies)
    assert response.headers.get("cache-control") == ("no-store" if case.cookies else None)
    if case.answer.status != 200:
        said = response.text + str(response.headers.raw)
        said += "".join(
            f"{record.getMessage()}{record.exc_text}{record.__dict__}"
            for record in caplog.records
            if not record.name.startswith("httpx")  # the client's, which contains the URL
        )
        assert not [piece for piece in secrets_of(case.headers, case.content) if piece in said]


def secrets_of(headers: Headers, content: bytes = b"") -> set[str]:
    """Return every part of a request that a response must not contain."""
    sent = b" ".join([*(value for _, value in headers), content]).decode("latin-1")
    pieces = {piece for piece in re.split(r"[^\w-]+", sent) if len(piece) >= 16}
    claims = {REVOKED_TOKEN, ENDED_SESSION, BANNED_SUBJECT, "alice", "evil.example"}
    return pieces | claims | {STORE_SECRET, SECRET, OTHER_SECRET}


async def open_socket(
    app: object,
    path: str,
    headers: Headers,
    extensions: Extensions = DENIAL_RESPONSE,
) -> Outcome:
    """Open a WebSocket at a path that may have a query."""
    path, _, query = path.partition("?")
    return await open_websocket(
        app, path, query=query.encode(), headers=headers, extensions=extensions
    )


def assert_denied(outcome: Outcome, case: Case) -> None:
    """Check that a handshake got the response of a refused request, and no part of itself."""
    answer = case.answer
    assert (outcome.accepted, outcome.close_code) == (False, None)
    assert (outcome.status, json.loads(outcome.body)) == (answer.status, answer.body)
    challenges = [answer.challenge] if answer.challenge else []
    assert _values_of(outcome, b"www-authenticate") == challenges
    retries = [answer.retry_after] if answer.retry_after else []
    assert _values_of(outcome, b"retry-after") == retries
    said = outcome.body.decode() + str(outcome.headers)
    assert not [piece for piece in secrets_of(case.headers) if piece in said]


def assert_closed(outcome: Outcome, case: Case) -> None:
    """Check that a handshake was refused by closing the WebSocket."""
    answer = case.answer
    assert (outcome.accepted, outcome.status) == (False, None)
    assert (outcome.close_code, outcome.close_reason) == (answer.close_code, answer.code)


def _values_of(outcome: Outcome, name: bytes) -> list[str]:
    return [value.decode() for key, value in outcome.headers if key.lower() == name]
