"""Where requests carry tokens, and how refusals are said in HTTP."""

import inspect

import pytest

from tokenward import (
    BearerHeader,
    ConfigurationError,
    FreshTokenRequiredError,
    InsufficientScopeError,
    InvalidRequestError,
    MissingTokenError,
    PermissionDeniedError,
    Refusal,
    RequestView,
    StoreUnavailableError,
    TokenError,
    TokenExpiredError,
    errors,
)


def view(*headers: tuple[bytes, bytes]) -> RequestView:
    """Make the view of a request with these headers."""
    return RequestView({"type": "http", "headers": list(headers)})


def bearer(value: bytes) -> bytes | None:
    """Read one Authorization header."""
    return BearerHeader().read(view((b"authorization", value)))


@pytest.mark.parametrize("scheme", [b"Bearer", b"bearer", b"BEARER", b"bEaReR"])
@pytest.mark.parametrize("space", [b" ", b"   "])
def test_the_scheme_is_read_in_any_case(scheme, space):
    """RFC 9110 §11.1: schemes are case-insensitive; RFC 6750 §2.1: spaces follow."""
    assert bearer(scheme + space + b"a.b.c") == b"a.b.c"


@pytest.mark.parametrize(
    "value",
    [b"Basic dTpw", b"", b"a.b.c", b"Bearera.b.c", b"Token a.b.c", b"\xff\xfe x"],
)
def test_another_scheme_is_no_token(value):
    """Somebody else's credentials are left to somebody else, and no bare token passes."""
    assert bearer(value) is None


def test_a_tab_does_not_hide_a_token():
    """It is part of a token that is there, and that the engine will find malformed."""
    assert bearer(b"Bearer\ta.b.c") == b"\ta.b.c"


@pytest.mark.parametrize("value", [b"Bearer", b"Bearer ", b"Bearer   "])
def test_the_scheme_alone_is_an_empty_token(value):
    """It is there and bad, which is not the same as absent."""
    assert bearer(value) == b""


def test_without_the_header_there_is_no_token():
    """Other headers are of no interest."""
    assert BearerHeader().read(view((b"x-authorization", b"Bearer a"))) is None


@pytest.mark.parametrize("second", [b"Bearer a", b"Bearer b", b"Basic dTpw"])
def test_two_headers_are_refused(second):
    """Whether they agree or not: another reader might take the other one."""
    request = view((b"authorization", b"Bearer a"), (b"authorization", second))
    with pytest.raises(InvalidRequestError):
        BearerHeader().read(request)


def test_header_and_scheme_can_be_named():
    """For a gateway that keeps Authorization to itself."""
    carrier = BearerHeader(name="X-Service-Token", scheme="JWT")
    assert carrier.read(view((b"x-service-token", b"jwt a"))) == b"a"
    assert carrier.read(view((b"authorization", b"Bearer a"))) is None


@pytest.mark.parametrize("text", ["", "a b", "é", " a", "a\n"])
def test_names_of_headers_and_schemes_are_words(text):
    """What could never match is refused when built."""
    with pytest.raises(ConfigurationError):
        BearerHeader(name=text)
    with pytest.raises(ConfigurationError):
        BearerHeader(scheme=text)


SAID = [
    (MissingTokenError(), 401, 'Bearer realm="api"'),
    (
        TokenExpiredError(),
        401,
        'Bearer realm="api", error="invalid_token", error_description="The token has expired."',
    ),
    (
        InvalidRequestError(),
        400,
        (
            'Bearer realm="api", error="invalid_request", '
            'error_description="The request carries more than one credential."'
        ),
    ),
    (
        InsufficientScopeError(("a", "b")),
        403,
        (
            'Bearer realm="api", error="insufficient_scope", '
            'error_description="The token\'s scope is not enough.", scope="a b"'
        ),
    ),
    (
        PermissionDeniedError(),
        403,
        (
            'Bearer realm="api", error="insufficient_scope", '
            'error_description="The token does not allow this."'
        ),
    ),
    (
        FreshTokenRequiredError(600),
        401,
        (
            'Bearer realm="api", error="insufficient_user_authentication", '
            'error_description="A fresh login is required.", max_age="600"'
        ),
    ),
    (
        FreshTokenRequiredError(),
        401,
        (
            'Bearer realm="api", error="insufficient_user_authentication", '
            'error_description="A fresh login is required."'
        ),
    ),
]


@pytest.mark.parametrize(
    ("error", "status", "challenge"),
    SAID,
    ids=["missing", "invalid", "request", "scope", "permission", "age", "fresh"],
)
def test_an_error_has_one_status_and_one_challenge(error, status, challenge):
    """RFC 6750 §3.1, RFC 9470 §3; no `error` where no token was sent."""
    refusal = Refusal.from_error(error)
    assert (refusal.status, dict(refusal.headers)) == (status, {"WWW-Authenticate": challenge})
    assert refusal.body == {"detail": str(error), "code": error.code}
    assert refusal.close_code == 1008


def test_an_outage_is_not_the_clients_fault():
    """503 with Retry-After, no challenge, and a close code that says to come again."""
    refusal = Refusal.from_error(StoreUnavailableError())
    assert (refusal.status, dict(refusal.headers)) == (503, {"Retry-After": "1"})
    assert (refusal.code, refusal.close_code) == ("store_unavailable", 1013)


def test_scheme_and_realm_are_said_as_configured():
    """The challenge names the scheme of the carrier, and the realm without breaking its quotes."""
    refusal = Refusal.from_error(MissingTokenError(), scheme="JWT", realm='a "b"\r\n\\é')
    assert refusal.headers["WWW-Authenticate"] == 'JWT realm="a b"'


@pytest.mark.parametrize(
    "kind",
    [
        each
        for _, each in inspect.getmembers(errors, inspect.isclass)
        if issubclass(each, TokenError)
    ],
    ids=lambda kind: kind.__name__,
)
def test_every_refusal_has_a_status(kind):
    """Also those that a user derives from ours."""
    derived = type("Derived", (kind,), {"code": "derived"})
    error = derived("x") if "ClaimError" in kind.__name__ else derived()
    assert Refusal.from_error(error).status in {400, 401, 403, 503}


def test_a_request_remembers_what_was_found_out():
    """The memory is the request's own, and is shared by all views of it."""
    scope = {"type": "http", "headers": []}
    RequestView(scope).memo["x"] = 1
    assert RequestView(scope).memo == {"x": 1}
    assert view().memo == {}
