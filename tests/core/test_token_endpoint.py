"""The token endpoint: forms in, the JSON of RFC 6749 out."""

import json
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.http_requests import FORM, form, view
from tests.support import NOW, SECRET, FrozenClock, engine_with
from tokenward import Claims, Key, KeyRing, MemoryStore, TokenEngine, TokenPolicy
from tokenward.errors import (
    ConfigurationError,
    OriginNotAllowedError,
    StoreUnavailableError,
    TokenRejectedError,
)
from tokenward.http import AuthenticatedUser, RequestView, TokenEndpoint

SCOPES = ("orders:read", "orders:write")
LOGIN = {"grant_type": "password", "username": "alice", "password": "s3cret"}


async def authenticate(username: str, password: str) -> AuthenticatedUser | None:
    """Know one user, and refuse others in every way that a hook has."""
    match username:
        case "locked":
            message = 'No "übergabe".'
            raise TokenRejectedError(message)
        case "evil":
            raise OriginNotAllowedError
        case "outage":
            raise StoreUnavailableError
    if (username, password) != ("alice", "s3cret"):
        return None
    return AuthenticatedUser("alice", claims={"tenant": "acme"}, scopes=SCOPES)


@pytest.fixture
def engine(clock: FrozenClock) -> TokenEngine[Claims]:
    """Return an engine with a store."""
    return engine_with(clock)


async def post(
    engine: TokenEngine[Claims], members: object, hook: object = authenticate
) -> tuple[int, dict[str, object]]:
    """Send a form, and return the status and the members of the response."""
    body = members if isinstance(members, bytes) else urlencode(members).encode()
    answer = await TokenEndpoint(engine, hook).respond(form(body))
    assert answer.headers["Content-Type"] == "application/json"
    assert (answer.headers["Cache-Control"], answer.headers["Pragma"]) == ("no-store", "no-cache")
    assert answer.headers.get("Retry-After") == ("1" if answer.status == 503 else None)
    return answer.status, json.loads(answer.body)


async def test_a_login(engine):
    """The right password gets the tokens of a new session, with the claims of the user."""
    status, body = await post(engine, LOGIN)

    claims = await engine.decode(body.pop("access_token"))
    assert (claims.sub, claims.extra["tenant"], claims.fresh) == ("alice", "acme", True)
    assert (await engine.decode(body.pop("refresh_token"), type="refresh")).sid == claims.sid
    assert status == 200
    assert body == {
        "token_type": "Bearer",
        "expires_in": 900,
        "scope": "orders:read orders:write",
        "refresh_expires_in": 30 * 24 * 3600,
    }


async def test_a_plain_function_authenticates_too(engine):
    """The hook need not be a coroutine function."""
    status, _ = await post(engine, LOGIN, lambda name, _password: AuthenticatedUser(name))

    assert status == 200


@pytest.mark.parametrize(
    ("requested", "granted"),
    [
        ("", "orders:read orders:write"),
        ("orders:read", "orders:read"),
        ("orders:read admin", "orders:read"),
        ("admin  orders:write", "orders:write"),
    ],
)
async def test_a_login_never_grants_more_than_the_hook(engine, requested, granted):
    """Requested scopes that the user may not have are left out; the response names the others."""
    _, body = await post(engine, {**LOGIN, "scope": requested})

    assert body["scope"] == granted
    assert (await engine.decode(body["access_token"])).scopes == set(granted.split())


@pytest.mark.parametrize(
    ("changes", "status", "error", "code"),
    [
        ({"password": "wrong"}, 400, "invalid_grant", None),
        ({"username": "mallory"}, 400, "invalid_grant", None),
        ({"username": "locked"}, 400, "invalid_grant", "token_rejected"),
        ({"username": "evil"}, 400, "invalid_grant", "origin_not_allowed"),
        ({"username": "outage"}, 503, "temporarily_unavailable", "store_unavailable"),
        ({"scope": "admin"}, 400, "invalid_scope", None),
        ({"scope": 'admin"\\'}, 400, "invalid_scope", None),
        ({"grant_type": "client_credentials"}, 400, "unsupported_grant_type", None),
        ({"grant_type": ""}, 400, "invalid_request", None),
        ({"username": ""}, 400, "invalid_request", None),
        ({"password": ""}, 400, "invalid_request", None),
        ({"grant_type": "refresh_token"}, 400, "invalid_request", None),
        ({"username": "al\0ice"}, 400, "invalid_request", None),
        ({"password": "s3cret\n"}, 400, "invalid_request", None),
        ({"password": "s3cret" * 1000}, 400, "invalid_request", None),
        ({"username": "%" * 5000}, 400, "invalid_request", None),
        ({"username": b"\xff"}, 400, "invalid_request", None),
        ({"scope": b"\xc3\x28"}, 400, "invalid_request", None),
        (
            {"grant_type": "refresh_token", "refresh_token": "x"},
            400,
            "invalid_grant",
            "token_malformed",
        ),
        (
            {"grant_type": "refresh_token", "refresh_token": "é.é.é"},
            400,
            "invalid_grant",
            "token_malformed",
        ),
    ],
    ids=str,
)
async def test_a_refused_request(engine, changes, status, error, code):
    """Each refusal has its error of RFC 6749 §5.2, and no part of what was sent."""
    answer = await post(engine, {**LOGIN, **changes})

    assert (answer[0], answer[1]["error"], answer[1].get("code")) == (status, error, code)
    description = answer[1]["error_description"]
    assert all(" " <= each <= "~" and each not in '"\\' for each in description)
    assert "s3cret" not in description
    assert "alice" not in description


@pytest.mark.parametrize("name", ["grant_type", "username", "password", "scope"])
async def test_a_parameter_that_is_sent_twice(engine, name):
    """It is refused even if both values are equal (RFC 6749 §3.2)."""
    login = [*LOGIN.items(), ("scope", "orders:read")]
    repeated = [*login, (name, dict(login)[name])]
    status, body = await post(engine, repeated)

    assert (status, body["error"]) == (400, "invalid_request")
    assert body["error_description"] == f"{name} is sent more than once."


@pytest.mark.parametrize(
    "request_view",
    [
        view((b"content-type", b"application/json"), (b"content-length", b"2"), body=b"{}"),
        view((b"content-type", FORM), body=urlencode(LOGIN).encode()),
        view((b"content-type", FORM), (b"content-length", b"999999"), body=b"x" * 999_999),
        view((b"content-type", FORM), (b"content-length", b"0")),
        RequestView(
            {
                "type": "http",
                "method": "POST",
                "headers": [],
                "query_string": b"grant_type=password",
            }
        ),
    ],
    ids=["json", "no length", "too long", "no body", "query"],
)
async def test_anything_but_a_form_of_known_length(engine, request_view):
    """It is refused without reading it; the query is never read (RFC 6749 §2.3.1)."""
    answer = await TokenEndpoint(engine, authenticate).respond(request_view)

    assert (answer.status, json.loads(answer.body)["error"]) == (400, "invalid_request")


async def refresh(engine, token, **more):
    """Send a form with a refresh token."""
    return await post(engine, {"grant_type": "refresh_token", "refresh_token": token, **more})


async def test_a_refresh(engine):
    """The next pair has the subject and the scope of the session, and is not fresh."""
    _, first = await post(engine, {**LOGIN, "scope": "orders:read"})
    status, second = await refresh(engine, first["refresh_token"])

    claims = await engine.decode(second["access_token"])
    assert (status, claims.sub, claims.scope, claims.fresh) == (200, "alice", "orders:read", False)
    assert second["scope"] == "orders:read"


@pytest.mark.parametrize("scope", ["orders:read", "orders:write orders:read"])
async def test_a_refresh_may_repeat_scopes_of_the_session(engine, scope):
    """Clients repeat the scope of their login; the session keeps its scopes."""
    _, first = await post(engine, LOGIN)
    status, second = await refresh(engine, first["refresh_token"], scope=scope)

    assert (status, second["scope"]) == (200, "orders:read orders:write")


async def test_a_refresh_never_adds_a_scope(engine):
    """A scope that the session lacks is refused, and the refresh token stays usable."""
    _, first = await post(engine, {**LOGIN, "scope": "orders:read"})
    status, body = await refresh(engine, first["refresh_token"], scope="orders:read orders:write")

    assert (status, body["error"], body["code"]) == (400, "invalid_scope", "insufficient_scope")
    assert (await refresh(engine, first["refresh_token"]))[0] == 200


async def test_a_reused_refresh_token(engine, clock):
    """It is an invalid grant, and ends the session."""
    _, first = await post(engine, LOGIN)
    _, second = await refresh(engine, first["refresh_token"])
    clock.advance(60)
    status, body = await refresh(engine, first["refresh_token"])

    assert (status, body["error"], body["code"]) == (400, "invalid_grant", "refresh_token_reused")
    assert (await refresh(engine, second["refresh_token"]))[1]["code"] == "token_revoked"


async def test_an_access_token_is_no_refresh_token(engine):
    """It is an invalid grant."""
    _, first = await post(engine, LOGIN)
    _, body = await refresh(engine, first["access_token"])

    assert (body["error"], body["code"]) == ("invalid_grant", "token_type_invalid")


class Down(MemoryStore):
    """A store that does not answer."""

    async def raise_retention(self, *args: object, **kwargs: object) -> None:
        """Fail."""
        raise ConnectionError


@pytest.mark.parametrize("form_of_token", [LOGIN, None])
async def test_an_outage_of_the_store(clock, form_of_token):
    """A login and a refresh get 503 and Retry-After, not an error of the client."""
    token = (await engine_with(clock).issue_pair("alice")).refresh_token
    members = form_of_token or {"grant_type": "refresh_token", "refresh_token": token}
    status, body = await post(engine_with(clock, store=Down()), members)

    assert (status, body["error"]) == (503, "temporarily_unavailable")
    assert body["code"] == "store_unavailable"


@pytest.mark.parametrize("result", [True, False, "alice", {"sub": "alice"}])
async def test_a_hook_that_returns_something_else(engine, result):
    """True is not a user: the mistake is an error of the program, never a login."""
    with pytest.raises(TypeError, match="must return an AuthenticatedUser or None"):
        await post(engine, LOGIN, lambda _name, _password: result)


def verifying_engine(clock: FrozenClock) -> TokenEngine[Claims]:
    """Return an engine that cannot sign."""
    key = Key.from_jwk(Key.generate("ES256").public_jwk())
    return engine_with(clock, keys=KeyRing(key))


def foreign_engine(clock: FrozenClock) -> TokenEngine[Claims]:
    """Return an engine whose tokens have no type."""
    policy = TokenPolicy(type_source="always-access", audience="shop")
    return engine_with(clock, policy=policy)


@pytest.mark.parametrize(
    ("build", "hook", "message"),
    [
        (verifying_engine, authenticate, "needs a key that signs"),
        (foreign_engine, authenticate, "issue access tokens only"),
        (
            lambda clock: TokenEngine(KeyRing.from_secret(SECRET), clock=clock),
            authenticate,
            "needs a store",
        ),
        (lambda _: object(), authenticate, "must be a TokenEngine"),
        (engine_with, None, "authenticate must be a function, not None"),
        (engine_with, lambda form: None, "a function of two positional arguments"),
    ],
)
def test_a_mistake_is_found_when_the_endpoint_is_built(clock, build, hook, message):
    """An engine that cannot serve the endpoint, and a hook with other arguments, are refused."""
    with pytest.raises(ConfigurationError, match=message):
        TokenEndpoint(build(clock), hook)


def test_the_scopes_of_a_user_are_checked():
    """One text instead of a list is refused where the user is built."""
    with pytest.raises(TypeError, match="collection of texts"):
        AuthenticatedUser("alice", scopes="orders:read")


@settings(max_examples=200)
@given(st.binary(max_size=300), st.booleans())
async def test_any_body_gets_a_response(body, is_login):
    """No form makes the endpoint fail, and none without the password gets a token."""
    engine = engine_with(FrozenClock(NOW))
    prefix = b"grant_type=password&username=alice&password=" if is_login else b""
    status, members = await post(engine, prefix + body)

    assert (status, "access_token" in members) == (400, False) or body.startswith(b"s3cret")


async def test_the_lifetimes_are_those_of_the_policy(clock):
    """`expires_in` is the lifetime of the access token in seconds."""
    policy = TokenPolicy(access_lifetime=timedelta(minutes=1))
    _, body = await post(engine_with(clock, policy=policy), LOGIN)

    assert body["expires_in"] == 60
