"""A middleware that requires a token, around an ASGI app without a framework."""

import json

import pytest

from tests.adapters.asgi_http import exchange
from tests.support import NOW, engine_with, payload_of, signed
from tokenward import ConfigurationError, MemoryStore
from tokenward.http import Authenticator, Requirement, TokenMiddleware
from tokenward.testing.adapters.websocket_client import open_websocket

ORDERS = Requirement(scopes=["orders:read"])


class Recorder:
    """An app that keeps the scope of each connection and answers with the subject."""

    def __init__(self):
        """Start without connections."""
        self.scopes = []

    async def __call__(self, scope, receive, send):
        self.scopes.append(scope)
        if scope["type"] == "lifespan":
            return
        claims = scope["state"]["claims"]
        sub = claims.sub if claims else "anonymous"
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.send", "text": sub})
            await send({"type": "websocket.close", "code": 1000})
        else:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": sub.encode()})


@pytest.fixture
def inner():
    """Return the protected app."""
    return Recorder()


@pytest.fixture
def app(engine, inner):
    """Return the app behind a middleware that requires the scope orders:read."""
    return TokenMiddleware(inner, Authenticator(engine), ORDERS)


def bearer(token):
    """Return an Authorization header."""
    return [(b"authorization", b"Bearer " + token.encode())]


async def never(*args):
    """Fail if the middleware uses the connection."""
    raise AssertionError


async def test_the_app_gets_the_claims(app, engine):
    """A request and a WebSocket with a sufficient token reach the app, with its claims."""
    headers = bearer(await engine.issue("alice", scopes=["orders:read"]))
    assert (await exchange(app, "GET", "/", headers=headers))[-1]["body"] == b"alice"
    assert (await open_websocket(app, "/", headers=headers)).messages == ["alice"]


@pytest.mark.parametrize(
    ("payload", "status", "code"),
    [
        (None, 401, "token_missing"),
        (payload_of(exp=NOW), 401, "token_expired"),
        (payload_of(), 403, "insufficient_scope"),
    ],
    ids=["missing", "expired", "scope"],
)
async def test_a_refused_connection_does_not_reach_the_app(app, inner, payload, status, code):
    """A refused request gets the response; a refused WebSocket the response or the close code."""
    headers = [] if payload is None else bearer(signed(payload))
    start, body = await exchange(app, "GET", "/", headers=headers)
    assert (start["status"], json.loads(body["body"])["code"]) == (status, code)
    challenge = dict(start["headers"])[b"www-authenticate"]
    assert challenge.startswith(b'Bearer realm="api"')
    assert (await open_websocket(app, "/", headers=headers)).status == status
    closed = await open_websocket(app, "/", headers=headers, extensions=None)
    assert (closed.accepted, closed.close_code, closed.close_reason) == (False, 1008, code)
    assert inner.scopes == []


@pytest.mark.parametrize("path", ["/", "/health", "//", "/%2e%2e/health", "/lifespan", ""])
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE", "get", "lifespan"])
async def test_no_path_and_no_method_passes_without_a_token(app, inner, method, path):
    """There is no exception for a path or a method."""
    start, _ = await exchange(app, method, path)
    assert start["status"] == 401
    assert inner.scopes == []


async def test_an_outage_is_503(clock, inner):
    """If the store cannot be asked, the request is refused with 503."""

    class Down(MemoryStore):
        async def is_revoked(self, **token):
            raise ConnectionError

    app = TokenMiddleware(inner, Authenticator(engine_with(clock, store=Down())))
    start, _ = await exchange(app, "GET", "/", headers=bearer(signed(payload_of())))
    assert start["status"] == 503
    assert inner.scopes == []


async def test_a_valid_access_token_is_the_default(engine, inner):
    """Without a requirement any access token is accepted, but not a refresh token."""
    app = TokenMiddleware(inner, Authenticator(engine))
    pair = await engine.issue_pair("alice")
    assert (await exchange(app, "GET", "/", headers=bearer(pair.access_token)))[0]["status"] == 200
    assert (await exchange(app, "GET", "/", headers=bearer(pair.refresh_token)))[0]["status"] == 401


async def test_an_optional_requirement_lets_a_request_without_a_token_pass(engine, inner):
    """Without a token the claims are None; an invalid token is still refused."""
    app = TokenMiddleware(inner, Authenticator(engine), Requirement(optional=True))
    assert (await exchange(app, "GET", "/"))[-1]["body"] == b"anonymous"
    assert (await exchange(app, "GET", "/", headers=bearer("x")))[0]["status"] == 401


async def test_the_state_of_other_requests_is_not_touched(app, engine):
    """A server that shares one state between requests does not share claims."""
    shared = {"pool": "of the lifespan"}
    token = await engine.issue("alice", scopes=["orders:read"])
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "headers": bearer(token),
        "state": shared,
    }
    sent = []

    async def send(message):
        sent.append(message)

    await app(scope, never, send)
    assert shared == {"pool": "of the lifespan"}
    assert sent[-1]["body"] == b"alice"


async def test_an_inner_middleware_uses_the_same_decoding(engine, inner):
    """Two middlewares with one authenticator ask the `after_decode` hooks once per request."""
    seen = []
    engine.after_decode(lambda claims: seen.append(claims.sub))
    authenticator = Authenticator(engine)
    app = TokenMiddleware(TokenMiddleware(inner, authenticator, ORDERS), authenticator)
    token = await engine.issue("alice", scopes=["orders:read"])
    assert (await exchange(app, "GET", "/", headers=bearer(token)))[-1]["body"] == b"alice"
    assert seen == ["alice"]


async def test_only_the_lifespan_passes(app, inner):
    """The lifespan reaches the app unchanged; an unknown kind of connection is an error."""
    scope = {"type": "lifespan", "state": {}}
    await app(scope, never, never)
    assert inner.scopes == [scope]
    assert scope["state"] == {}
    with pytest.raises(ConfigurationError, match="only the lifespan"):
        await app({"type": "webtransport", "headers": []}, never, never)
    assert len(inner.scopes) == 1


def test_wrong_arguments_are_refused_at_once(engine, inner):
    """The engine in place of the authenticator, an app class and a bare scope are refused."""
    authenticator = Authenticator(engine)
    with pytest.raises(ConfigurationError, match="app must be an ASGI app, not the class Recorder"):
        TokenMiddleware(Recorder, authenticator)
    with pytest.raises(ConfigurationError, match=r"pass Authenticator\(engine\)"):
        TokenMiddleware(inner, engine)
    with pytest.raises(ConfigurationError, match="requirement must be a Requirement"):
        TokenMiddleware(inner, authenticator, ["orders:read"])
