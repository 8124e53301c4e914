"""FastAPI's WebSockets without `init_app`, and with a handler that decodes a token itself."""

import json

import pytest
from fastapi import WebSocket, WebSocketDisconnect

from tests.adapters import fastapi_service
from tests.adapters.fastapi_service import EXPIRED, GOOD, Service, add_sockets
from tokenward.testing.adapters import answers
from tokenward.testing.adapters.service import OUTAGE, Headers, bearer, shop_token
from tokenward.testing.adapters.websocket_client import DENIAL_RESPONSE, open_websocket

service, bare = fastapi_service.service, fastapi_service.bare  # fixtures


@pytest.mark.parametrize("extensions", [DENIAL_RESPONSE, {}], ids=["denial", "none"])
@pytest.mark.parametrize(
    ("headers", "code", "reason"),
    [
        ((), 1008, "token_missing"),
        (bearer(EXPIRED), 1008, "token_expired"),
        (bearer(shop_token(sub=OUTAGE)), 1013, "store_unavailable"),
    ],
    ids=["missing", "expired", "outage"],
)
async def test_socket_without_init_app(
    bare: Service, headers: Headers, code: int, reason: str, extensions: dict[str, object]
) -> None:
    """Without `init_app` a WebSocket is closed before it is accepted, with the code as the reason."""
    add_sockets(bare.app, bare.auth)
    outcome = await open_websocket(bare.app, "/ws", headers=headers, extensions=extensions)

    assert (outcome.accepted, outcome.close_code, outcome.close_reason) == (False, code, reason)


def _add_late_socket(
    service: Service, *, accept: bool, close: bool = False, hang_up: bool = False
) -> None:
    @service.app.websocket("/late")
    async def late(websocket: WebSocket) -> None:
        token = websocket.headers.get("x-token", "")
        if accept:
            await websocket.accept()
            token = await websocket.receive_text()
        if close:
            await websocket.close(4000)
        if hang_up:
            with pytest.raises(WebSocketDisconnect):
                await websocket.receive_text()
        await websocket.send_text((await service.engine.decode(token)).sub)
        await websocket.close()


async def test_error_before_accept_is_denied(service: Service) -> None:
    """A TokenError that a handler raises before accepting becomes an HTTP response."""
    _add_late_socket(service, accept=False)
    outcome = await open_websocket(service.app, "/late", headers=[(b"x-token", EXPIRED.encode())])

    assert (outcome.status, json.loads(outcome.body)) == (401, answers.EXPIRED.body)
    assert (b"www-authenticate", str(answers.EXPIRED.challenge).encode()) in outcome.headers


@pytest.mark.parametrize("extensions", [{}, None], ids=["none", "null"])
async def test_error_before_accept_closes(
    service: Service, extensions: dict[str, object] | None
) -> None:
    """A TokenError before accepting closes the WebSocket, if the server has no denial responses."""
    _add_late_socket(service, accept=False)
    outcome = await open_websocket(
        service.app, "/late", headers=[(b"x-token", EXPIRED.encode())], extensions=extensions
    )

    assert (outcome.close_code, outcome.close_reason) == (1008, "token_expired")


@pytest.mark.parametrize("extensions", [DENIAL_RESPONSE, {}, None], ids=["denial", "none", "null"])
@pytest.mark.parametrize(
    ("token", "code", "reason"),
    [
        (EXPIRED, 1008, "token_expired"),
        ("", 1008, "token_malformed"),
        (shop_token(sub=OUTAGE), 1013, "store_unavailable"),
    ],
    ids=["expired", "empty", "outage"],
)
async def test_error_after_accept_closes(
    service: Service,
    token: str,
    code: int,
    reason: str,
    extensions: dict[str, object] | None,
) -> None:
    """A TokenError on an open WebSocket closes it, whatever the server supports."""
    _add_late_socket(service, accept=True)
    outcome = await open_websocket(service.app, "/late", messages=[token], extensions=extensions)

    assert (outcome.accepted, outcome.close_code, outcome.close_reason) == (True, code, reason)


@pytest.mark.parametrize("extensions", [DENIAL_RESPONSE, {}], ids=["denial", "none"])
async def test_error_after_close_is_quiet(service: Service, extensions: dict[str, object]) -> None:
    """A TokenError on a WebSocket that the handler has closed sends nothing more."""
    _add_late_socket(service, accept=True, close=True)
    outcome = await open_websocket(service.app, "/late", messages=[EXPIRED], extensions=extensions)

    assert (outcome.close_code, outcome.messages) == (4000, [])


@pytest.mark.parametrize("extensions", [DENIAL_RESPONSE, {}], ids=["denial", "none"])
async def test_error_after_hanging_up_is_quiet(
    service: Service, extensions: dict[str, object]
) -> None:
    """A TokenError on a WebSocket whose client has disconnected sends nothing more."""
    _add_late_socket(service, accept=True, hang_up=True)
    outcome = await open_websocket(service.app, "/late", messages=[EXPIRED], extensions=extensions)

    assert (outcome.close_code, outcome.messages) == (None, [])


async def test_good_token_after_accept(service: Service) -> None:
    """A token may also be the first message of an open WebSocket."""
    _add_late_socket(service, accept=True)
    outcome = await open_websocket(service.app, "/late", messages=[GOOD])

    assert (outcome.messages, outcome.close_code) == (["alice"], 1000)
