"""A refusal as ASGI messages, in an app without a framework."""

import json

import pytest

from tests.adapters.asgi_http import exchange
from tests.support import NOW, payload_of, signed
from tokenward import ConfigurationError, StoreUnavailableError, TokenError, TokenExpiredError
from tokenward.errors import InsufficientScopeError, MissingTokenError
from tokenward.http import Authenticator, Refusal, RequestView, Requirement, send_refusal
from tokenward.testing.adapters.websocket_client import DENIAL_RESPONSE, open_websocket

REFUSAL = Refusal.from_error(MissingTokenError())


def bearer(token: str) -> list[tuple[bytes, bytes]]:
    """Return an Authorization header."""
    return [(b"authorization", b"Bearer " + token.encode())]


@pytest.fixture
def app(engine):
    """Return an ASGI app that answers with the subject of a token with the scope orders:read."""
    authenticator = Authenticator(engine)

    async def app(scope, receive, send):
        try:
            claims = await authenticator.authenticate(
                RequestView(scope), Requirement(scopes=["orders:read"])
            )
        except TokenError as error:
            await send_refusal(authenticator.refusal(error), scope, send)
            return
        body = claims.sub.encode()
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.send", "text": claims.sub})
            await send({"type": "websocket.close", "code": 1000})
        else:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": body})

    return app


async def test_a_valid_token_is_answered(app, engine):
    """Nothing is refused that meets the requirement."""
    headers = bearer(await engine.issue("alice", scopes=["orders:read"]))
    messages = await exchange(app, "GET", "/orders", headers=headers)
    assert messages[-1]["body"] == b"alice"
    assert (await open_websocket(app, "/orders", headers=headers)).messages == ["alice"]


async def refused(app, engine, kind):
    """Return the headers of a request that is refused, and the error."""
    if kind == "expired":
        return bearer(signed(payload_of(exp=NOW))), TokenExpiredError()
    if kind == "scope":
        return bearer(await engine.issue("alice")), InsufficientScopeError(("orders:read",))
    return [], MissingTokenError()


@pytest.mark.parametrize("kind", ["missing", "expired", "scope"])
async def test_a_request_gets_a_response(app, engine, kind):
    """It has the status, the challenge, the length and the body of the refusal, and nothing else."""
    headers, error = await refused(app, engine, kind)
    start, body = await exchange(app, "POST", "/orders", headers=headers)
    refusal = Refusal.from_error(error)
    assert start == {
        "type": "http.response.start",
        "status": refusal.status,
        "headers": [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(refusal.content)).encode()),
            (b"www-authenticate", refusal.headers["WWW-Authenticate"].encode()),
        ],
    }
    assert body == {"type": "http.response.body", "body": refusal.content, "more_body": False}
    assert json.loads(body["body"])["code"] == error.code


@pytest.mark.parametrize("kind", ["missing", "expired", "scope"])
@pytest.mark.parametrize("extensions", [DENIAL_RESPONSE, {}, None], ids=["denial", "none", "null"])
async def test_a_handshake_gets_a_response_or_is_closed(app, engine, kind, extensions):
    """The response of a request if the server can send it, otherwise the close code."""
    headers, error = await refused(app, engine, kind)
    outcome = await open_websocket(app, "/orders", headers=headers, extensions=extensions)
    refusal = Refusal.from_error(error)
    assert not outcome.accepted
    if extensions:
        assert (outcome.status, outcome.body) == (refusal.status, refusal.content)
        assert (b"www-authenticate", refusal.headers["WWW-Authenticate"].encode()) in [
            *outcome.headers
        ]
        assert outcome.close_code is None
    else:
        assert outcome.status is None
        assert (outcome.close_code, outcome.close_reason) == (1008, error.code)


async def sent_for(refusal, scope, **options):
    """Return the messages that are sent for a refusal."""
    messages = []

    async def send(message):
        messages.append(message)

    await send_refusal(refusal, scope, send, **options)
    return messages


async def test_an_accepted_websocket_is_closed():
    """After the acceptance, no response is possible."""
    scope = {"type": "websocket", "headers": [], "extensions": DENIAL_RESPONSE}
    assert await sent_for(REFUSAL, scope, is_accepted=True) == [
        {"type": "websocket.close", "code": 1008, "reason": "token_missing"}
    ]
    assert len(await sent_for(REFUSAL, scope)) == 2


async def test_an_outage_asks_to_try_again():
    """A response has Retry-After and no challenge; a WebSocket is closed with 1013."""
    refusal = Refusal.from_error(StoreUnavailableError())
    start, _ = await sent_for(refusal, {"type": "http", "headers": []})
    assert start["status"] == 503
    assert [name for name, _ in start["headers"]] == [
        b"content-type",
        b"content-length",
        b"retry-after",
    ]
    (close,) = await sent_for(refusal, {"type": "websocket", "headers": []})
    assert (close["code"], close["reason"]) == (1013, "store_unavailable")


async def test_a_lifespan_cannot_be_refused():
    """A middleware that does not let lifespans pass is told so, and nothing is sent."""
    with pytest.raises(ConfigurationError, match="let others pass"):
        await sent_for(REFUSAL, {"type": "lifespan"})
