"""Thousands of hostile requests, as many as the Hypothesis profile allows: never a 500, and 200 only for valid tokens.

Requests are ASGI scopes built by hand, so that a header may contain any bytes. Each
request is generated from a number: a failure names it, and ``request_of(number)`` reproduces it.
The requests and the oracle are in `fuzzing`. Every request is sent to an engine with the
signature cache and to one without.
"""

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import settings

from tests.adapters.adapters import Build
from tests.adapters.asgi_http import exchange
from tests.adapters.fuzzing import (
    SEED,
    HostileRequest,
    is_constant,
    is_routed,
    request_of,
    why_not_accepted,
)
from tests.support import FrozenClock
from tokenward.testing.adapters.service import contract_engine, revoke_some
from tokenward.testing.adapters.websocket_client import open_websocket

pytestmark = pytest.mark.no_cover

REQUESTS = max(4_000, 40 * settings().max_examples)
ONE_USE = {"/renew", "/browser/refresh"}
"""Where a token that was good a moment ago is not."""
ALLOWED = {200, 400, 401, 403, 404, 405, 422, 503}
CLOSED = {1008, 1013}


async def ask(app: Any, request: HostileRequest) -> tuple[int, bytes]:
    """Send a request to an app, and return the status and body.

    For a WebSocket the status is 101 if it was accepted, and the close code if it was closed.
    """
    if request.is_socket:
        outcome = await open_websocket(
            app, request.path, headers=request.headers, extensions=request.extensions
        )
        if outcome.accepted:
            return 101, b""
        return outcome.status or outcome.close_code or 0, outcome.body
    start, *bodies = await exchange(
        app,
        request.method,
        request.path,
        query=request.query,
        headers=request.headers,
        body=request.body,
    )
    assert start["type"] == "http.response.start"
    assert not bodies[-1].get("more_body", False)
    return start["status"], b"".join(message.get("body", b"") for message in bodies)


@pytest.mark.parametrize("remembers", [True, False], ids=["remembers", "forgets"])
async def test_hostile_requests(build: Build, clock: FrozenClock, remembers: bool) -> None:
    """No hostile request gets a 500, and none is accepted without a valid token."""
    engine = contract_engine(clock, remembers=remembers)
    await revoke_some(engine, clock)
    app = build(engine)
    statuses: Counter[int] = Counter()

    for number in range(REQUESTS):
        request = request_of(number)
        note = f"SEED={SEED}, request_of({number}) = {request}"
        try:
            status, body = await ask(app, request)
        except Exception as error:
            error.add_note(note)
            raise
        statuses[status] += 1
        if not is_routed(request):
            # The framework's own response: to OPTIONS, to other methods and to unknown routes.
            assert status < 500 or (request.is_socket and status >= 1000), note
            assert b"alice" not in body or why_not_accepted(request) is None, note
        elif status in {200, 101}:
            assert why_not_accepted(request) is None, note
            if request.path not in ONE_USE:
                # Again: the token now comes from the signature cache, if there is one.
                assert await ask(app, request) == (status, body), note
        else:
            assert status in (CLOSED if request.is_socket and not body else ALLOWED), note
            if status in {400, 401, 403, 503}:
                assert is_constant(json.loads(body)), note

    assert sum(statuses.values()) == REQUESTS
    # Every kind of response occurs, including success: the requests are diverse.
    assert {200, 101, 400, 401, 403, 404, 405, 503} <= statuses.keys(), statuses
    assert 1008 in statuses, statuses
    assert min(statuses[200], statuses[101]) > 50, statuses
    use = engine.signature_cache
    assert use.hits > 100 if remembers else (use.hits, use.entries) == (0, 0), use
