"""The view of a request, and the responses to refused requests."""

import inspect
from dataclasses import FrozenInstanceError

import pytest

from tests.core.http_requests import FORM, form, socket, view
from tokenward import (
    PermissionDeniedError,
    StoreUnavailableError,
    TokenError,
    TokenExpiredError,
    errors,
)
from tokenward.errors import (
    CsrfError,
    CsrfMismatchError,
    CsrfMissingError,
    FreshTokenRequiredError,
    InsufficientAuthenticationError,
    InsufficientScopeError,
    InvalidRequestError,
    MissingTokenError,
    OriginNotAllowedError,
)
from tokenward.http import Refusal, RequestView

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
            'error_description="The token lacks the required scope.", scope="a b"'
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
        InsufficientAuthenticationError(("phr", "mfa"), 600),
        401,
        (
            'Bearer realm="api", error="insufficient_user_authentication", '
            'error_description="A more recent or a stronger login is required.", '
            'acr_values="phr mfa", max_age="600"'
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
    ids=["missing", "invalid", "request", "scope", "permission", "login", "fresh"],
)
def test_an_error_has_one_status_and_one_challenge(error, status, challenge):
    """Each error has one status and challenge (RFC 6750 §3.1, RFC 9470 §3); no `error` without a token."""
    refusal = Refusal.from_error(error)
    assert (refusal.status, dict(refusal.headers)) == (status, {"WWW-Authenticate": challenge})
    assert refusal.body == {"detail": str(error), "code": error.code}
    assert refusal.close_code == 1008


def test_an_outage_is_not_the_clients_fault():
    """An outage is a 503 with Retry-After, without a challenge, and the close code 1013."""
    refusal = Refusal.from_error(StoreUnavailableError())
    assert (refusal.status, dict(refusal.headers)) == (503, {"Retry-After": "1"})
    assert (refusal.code, refusal.close_code) == ("store_unavailable", 1013)


def test_scheme_and_realm_are_said_as_configured():
    """The challenge has the carrier's scheme, and the realm in safe quotes."""
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
    """Every error has a status, also subclasses of users."""
    derived = type("Derived", (kind,), {"code": "derived"})
    error = derived("x") if "ClaimError" in kind.__name__ else derived()
    assert Refusal.from_error(error).status in {400, 401, 403, 503}


def test_a_refusal_is_frozen_and_two_statuses_are_documented():
    """What every adapter sends cannot be changed on the way; 401 and 403 are what routes document."""
    with pytest.raises(FrozenInstanceError):
        Refusal.from_error(MissingTokenError()).status = 200
    assert set(Refusal.documented) == {400, 401, 403, 503}


def test_a_request_remembers_what_was_found_out():
    """The memo belongs to the request, and all views of the request share it."""
    scope = {"type": "http", "headers": []}
    RequestView(scope).memo["x"] = 1
    assert RequestView(scope).memo == {"x": 1}
    assert view().memo == {}


@pytest.mark.parametrize(
    ("error", "description"),
    [
        (CsrfError(), "The request may come from another site."),
        (CsrfMissingError(), "A CSRF token is required with the cookie."),
        (CsrfMismatchError(), "The CSRF token does not belong to this session."),
        (OriginNotAllowedError(), "Requests from this origin are not allowed."),
    ],
    ids=["csrf", "missing", "mismatch", "origin"],
)
def test_a_csrf_refusal_is_a_403_and_no_missing_token(error, description):
    """A CSRF refusal is a 403 and not a 401: logging in again would not help."""
    refusal = Refusal.from_error(error)
    challenge = f'Bearer realm="api", error="invalid_request", error_description="{description}"'
    assert (refusal.status, dict(refusal.headers)) == (403, {"WWW-Authenticate": challenge})
    assert refusal.content.decode() == f'{{"detail":"{description}","code":"{error.code}"}}'
    assert refusal.close_code == 1008


def test_headers_are_found_by_their_exact_name_in_order():
    """Header names match exactly, in lower case as in ASGI, and keep their order."""
    request = view((b"x", b"1"), (b"xx", b"2"), (b"x", b"3"))
    assert request.header_values(b"x") == [b"1", b"3"]
    assert request.header_values(b"") == []


def test_a_socket_has_no_method():
    """Only a request has a method, in the case that the client sent."""
    assert (socket().method, socket().is_websocket) == ("", True)
    assert (view(method="post").method, view().is_websocket) == ("post", False)


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ({"extensions": {"websocket.http.response": {}}}, True),
        ({"extensions": {"tls": {}}}, False),
        ({"extensions": None}, False),
        ({}, False),
    ],
)
def test_a_server_says_whether_it_sends_denial_responses(scope, expected):
    """In ASGI the extensions may be absent or None."""
    assert socket(**scope).supports_denial_response is expected


@pytest.mark.parametrize(
    ("query", "values"),
    [
        (b"a=1", [b"1"]),
        (b"a=1&b=2&a=3", [b"1", b"3"]),
        (b"a=%41%2B%26+x", [b"A+& x"]),
        (b"%61=1", [b"1"]),
        (b"a", [b""]),
        (b"a=", [b""]),
        (b"a=b=c", [b"b=c"]),
        (b"a=%", [b"%"]),
        (b"a=%zz%4", [b"%zz%4"]),
        (b"a=%ff%00\xfe", [b"\xff\x00\xfe"]),
        (b"a=1;a=2", [b"1;a=2"]),
        (b"A=1&aa=2& a=3&a%00=4&=5&&", []),
        (b"", []),
    ],
)
async def test_a_query_and_a_form_are_read_alike(query, values):
    """Queries and forms are parsed alike, as bytes, without errors (WHATWG URL §5.1)."""
    assert view(query_string=query).query_values(b"a") == values
    assert await form(query).form_values(b"a") == values


def test_a_scope_without_query_has_no_parameters():
    """In ASGI the query string may be absent."""
    assert view().query_values(b"a") == []


@pytest.mark.parametrize(
    "kind", [FORM, FORM.upper(), FORM + b";charset=utf-8", b" " + FORM + b"\t; charset=latin-1"]
)
async def test_a_form_says_what_it_is(kind):
    """The content type of a form matches in any case, and with parameters."""
    request = view((b"content-type", kind), (b"content-length", b"3"), body=b"a=1")
    assert await request.form_values(b"a") == [b"1"]


NO_FORM = {
    "no kind": [(b"content-length", b"3")],
    "another kind": [(b"content-type", b"text/plain"), (b"content-length", b"3")],
    "multipart": [(b"content-type", b"multipart/form-data; boundary=a"), (b"content-length", b"3")],
    "longer kind": [(b"content-type", FORM + b"-x"), (b"content-length", b"3")],
    "two kinds": [(b"content-type", FORM)] * 2 + [(b"content-length", b"3")],
    "no length": [(b"content-type", FORM)],
    "two lengths": [(b"content-type", FORM), *[(b"content-length", b"3")] * 2],
    "chunked": [(b"content-type", FORM), (b"transfer-encoding", b"chunked")],
}
LENGTHS = [b"262145", b"9" * 99, b"-3", b"+3", b" 3", b"3\n", b"3,3", b"0x3", b"3.0", b"", b"\xb3"]
NO_FORM |= {
    f"length {length!r}": [(b"content-type", FORM), (b"content-length", length)]
    for length in LENGTHS
}


@pytest.mark.parametrize("headers", NO_FORM.values(), ids=NO_FORM)
async def test_what_is_no_short_form_is_not_read(headers):
    """Other bodies are not read at all: they may be endless."""
    asked = []

    async def body():
        asked.append(True)
        return b"a=1"

    request = RequestView({"type": "http", "method": "POST", "headers": headers}, body)
    assert await request.form_values(b"a") == []
    assert asked == []


async def test_a_form_may_be_256_kib_long():
    """A form may have exactly 256 KiB; without a readable body there are no values."""
    body = b"a=" + b"x" * (262_144 - 2)
    assert await form(body).form_values(b"a") == [body[2:]]
    assert await form(body + b"x").form_values(b"a") == []
    headers = [(b"content-type", FORM), (b"content-length", b"3")]
    assert await view(*headers, method="POST").form_values(b"a") == []


@pytest.mark.parametrize(
    ("headers", "values"),
    [
        ([b"a=1"], [b"1"]),
        ([b"x=0; a=1;a=2 ;\ta\t=\t3\t"], [b"1", b"2", b"3"]),
        ([b"x=0", b"a=1", b"b=2; a=3"], [b"1", b"3"]),
        ([b'a=b=c; a="q"; a=\xff'], [b"b=c", b'"q"', b"\xff"]),
        ([b"a"], [b""]),
        ([b"A=1; aa=2; %61=3; =4; ;; a\x00=5; b=a=6", b""], []),
    ],
    ids=["one", "spaces", "several headers", "as it came", "no value", "other names"],
)
def test_cookies_are_found_by_their_exact_name(headers, values):
    """Cookie names are case-sensitive, and values are not decoded (RFC 6265 §5.4)."""
    request = view(*((b"cookie", header) for header in headers))
    assert request.cookie_values(b"a") == values
