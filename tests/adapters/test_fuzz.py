"""Hostile requests by the thousand: never a 500, and 200 for good tokens alone.

Scopes are made by hand and given to the app directly, so that a header may hold any bytes. Each
request is made from its own number: a failure names it, and ``request_of(number)`` makes it again.
The requests, and what a good token is, are in `fuzzing`.
"""

import asyncio
import json
from collections import Counter
from collections.abc import MutableMapping
from typing import Any

from tests.adapters import contract as c
from tests.adapters.adapters import Build
from tests.adapters.asgi_websocket import open_websocket
from tests.adapters.fuzzing import (
    SEED,
    HostileRequest,
    is_constant,
    is_routed,
    request_of,
    why_not_accepted,
)
from tests.support import FrozenClock

REQUESTS = 8_000
ALLOWED = {200, 400, 401, 403, 404, 405, 422, 503}
CLOSED = {1008, 1013}


async def ask(app: Any, request: HostileRequest) -> tuple[int, bytes]:
    """Give a request to an app, and its status and body back.

    For a WebSocket, 101 stands for one that was accepted, and a close code for one that was closed.
    """
    if request.is_socket:
        outcome = await open_websocket(
            app, request.path, headers=request.headers, extensions=request.extensions
        )
        if outcome.accepted:
            return 101, b""
        return outcome.status or outcome.close_code or 0, outcome.body
    sent: list[MutableMapping[str, Any]] = []
    to_come = [{"type": "http.request", "body": request.body, "more_body": False}]

    async def receive() -> MutableMapping[str, Any]:
        if to_come:
            return to_come.pop()
        return await asyncio.Future()  # nothing more, and the client stays

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http",
        "method": request.method,
        "path": request.path,
        "raw_path": request.path.encode(),
        "query_string": request.query,
        "root_path": "",
        "headers": [(b"host", b"shop.example"), *request.headers],
        "client": ("127.0.0.1", 1234),
        "server": ("shop.example", 80),
    }
    await app(scope, receive, send)
    start, *bodies = sent
    assert start["type"] == "http.response.start"
    assert not bodies[-1].get("more_body", False)
    return start["status"], b"".join(message.get("body", b"") for message in bodies)


async def test_hostile_requests(build: Build, clock: FrozenClock) -> None:
    """Of 8,000 hostile requests none gets a 500, and none is let in but with a good token."""
    engine = c.contract_engine(clock)
    await c.revoke_some(engine, clock)
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
            # The framework's own answer: to OPTIONS, to other methods, and where no route is.
            assert status < 500 or (request.is_socket and status >= 1000), note
            assert b"alice" not in body or why_not_accepted(request) is None, note
        elif status in {200, 101}:
            assert why_not_accepted(request) is None, note
        else:
            assert status in (CLOSED if request.is_socket and not body else ALLOWED), note
            if status in {400, 401, 403, 503}:
                assert is_constant(json.loads(body)), note

    assert sum(statuses.values()) == REQUESTS
    # Each kind of answer comes up, good ones among them: the requests are not all alike.
    assert {200, 101, 400, 401, 403, 404, 405, 503} <= statuses.keys(), statuses
    assert statuses.keys() >= CLOSED, statuses
    assert min(statuses[200], statuses[101]) > 100, statuses
