"""Tokens that a proxy adds: a header without a scheme, and a cookie that is only read."""

import pytest

from tests.core.http_requests import socket, view
from tests.support import payload_of, signed
from tokenward import BearerHeader, ConfigurationError, CookieCarrier, CsrfCheck
from tokenward.errors import (
    CsrfMismatchError,
    CsrfMissingError,
    InvalidRequestError,
    MissingTokenError,
    OriginNotAllowedError,
)
from tokenward.http import Authenticator, HeaderCarrier, ProxyCookieCarrier, Requirement

ASSERTION = b"cf-access-jwt-assertion"
HOST = (b"host", b"shop.example")
FOREIGN = (b"origin", b"https://evil.example")
OWN = (b"origin", b"https://shop.example")
WAIVED = ProxyCookieCarrier("CF_Authorization", proxy_prevents_csrf=True)
STRICT = ProxyCookieCarrier("CF_Authorization")


def read(*values: bytes) -> bytes | None:
    """Read these values of the header."""
    return HeaderCarrier("Cf-Access-Jwt-Assertion").read_token(
        view(*((ASSERTION, value) for value in values)), "access"
    )


def cookie(token: str) -> tuple[bytes, bytes]:
    """Return the cookie with a token."""
    return b"cookie", b"CF_Authorization=" + token.encode()


@pytest.mark.parametrize(
    ("value", "token"),
    [(b"a.b.c", b"a.b.c"), (b" \ta.b.c ", b"a.b.c"), (b"Bearer a", b"Bearer a"), (b"", b"")],
)
def test_the_whole_value_is_the_token(value, token):
    """There is no scheme to remove; an empty header is invalid but not absent."""
    assert read(value) == token


def test_without_the_header_there_is_no_token():
    """Other headers are ignored."""
    assert read() is None
    assert HeaderCarrier("X-Other").read_token(view((ASSERTION, b"a")), "access") is None


@pytest.mark.parametrize("second", [b"a", b"b", b""])
def test_two_headers_are_refused(second):
    """A client could send a header beside that of a proxy that appends instead of replacing."""
    with pytest.raises(InvalidRequestError):
        read(b"a", second)


@pytest.mark.parametrize("name", ["Authorization", "COOKIE", "Proxy-Authorization"])
def test_a_header_of_another_form_is_refused(name):
    """A cookie without a name is a whole Cookie header, which must not pass as a header."""
    with pytest.raises(ConfigurationError, match="more than a token"):
        HeaderCarrier(name)


@pytest.mark.parametrize("name", ["X:Y", "X;Y", "X=Y", "X(Y)"])
@pytest.mark.parametrize("carrier", [HeaderCarrier, ProxyCookieCarrier])
def test_an_impossible_name_is_refused(carrier, name):
    """No header and no cookie has such a name."""
    with pytest.raises(ConfigurationError, match="name of a header or cookie"):
        carrier(name)


@pytest.mark.parametrize("origins", ["https://app.example", ["*"], ["https://app.example/"]])
def test_an_invalid_origin_is_refused(origins):
    """The allowed origins are those of a CsrfCheck."""
    with pytest.raises(ConfigurationError, match="origin"):
        HeaderCarrier("X-Assertion", allowed_origins=origins)


@pytest.mark.parametrize("wrong", [{"csrf": False}, {"csrf": "none"}, {"proxy_prevents_csrf": 1}])
def test_the_check_cannot_be_switched_off_by_accident(wrong):
    """Only the named argument, with True, waives the CSRF token."""
    with pytest.raises(ConfigurationError, match="proxy_prevents_csrf"):
        ProxyCookieCarrier("CF_Authorization", **wrong)


@pytest.fixture
def ask(engine):
    """Return a function that authenticates one request with these carriers."""

    async def ask(request, *carriers, type="access"):
        authenticator = Authenticator(engine, carriers=carriers)
        return (await authenticator.authenticate(request, Requirement(type=type))).sub

    return ask


def carried(carrier, token):
    """Return the header by which a request carries a token for this carrier."""
    return (ASSERTION, token.encode()) if isinstance(carrier, HeaderCarrier) else cookie(token)


@pytest.mark.parametrize("carrier", [HeaderCarrier("Cf-Access-Jwt-Assertion"), WAIVED])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "post"])
async def test_a_foreign_page_cannot_use_the_session_of_the_proxy(ask, engine, carrier, method):
    """The proxy adds its token to every request of the browser, so the origin is checked."""
    token = carried(carrier, await engine.issue("alice"))
    assert await ask(view(HOST, token, method=method), carrier) == "alice"
    assert await ask(view(HOST, token, OWN, method=method), carrier) == "alice"
    assert await ask(view(HOST, token, FOREIGN), carrier) == "alice"
    with pytest.raises(OriginNotAllowedError):
        await ask(view(HOST, token, FOREIGN, method=method), carrier)


@pytest.mark.parametrize("carrier", [HeaderCarrier("Cf-Access-Jwt-Assertion"), STRICT, WAIVED])
async def test_a_handshake_names_its_origin(ask, engine, carrier):
    """A WebSocket of a foreign page, and one without an origin, are refused."""
    token = carried(carrier, await engine.issue("alice"))
    assert await ask(socket(HOST, token, OWN), carrier) == "alice"
    for headers in ((HOST, token), (HOST, token, FOREIGN)):
        with pytest.raises(OriginNotAllowedError):
            await ask(socket(*headers), carrier)


async def test_a_cookie_needs_the_csrf_token_unless_told_otherwise(ask, engine):
    """By default a foreign token, which has no CSRF claim, only permits safe methods."""
    foreign = cookie(signed(payload_of()))
    assert await ask(view(foreign), STRICT) == "alice"
    with pytest.raises(CsrfMissingError):
        await ask(view(HOST, foreign, OWN, method="POST"), STRICT)
    with pytest.raises(CsrfMismatchError):
        await ask(view(HOST, foreign, OWN, (b"x-csrf-token", b""), method="POST"), STRICT)
    assert await ask(view(HOST, foreign, OWN, method="POST"), WAIVED) == "alice"


async def test_the_names_of_the_check_can_be_set(ask, engine):
    """A CsrfCheck of your own names the header, and the allowed origins."""
    carrier = ProxyCookieCarrier(
        "CF_Authorization",
        csrf=CsrfCheck(header="X-Own", allowed_origins=["https://app.example"]),
    )
    request = view(
        cookie(signed(payload_of(csrf="abc"))),
        (b"origin", b"https://app.example"),
        (b"x-own", b"abc"),
        method="POST",
    )
    assert await ask(request, carrier) == "alice"


async def test_the_cookie_carries_no_refresh_token(ask, engine):
    """A refresh route does not read it."""
    token = (await engine.issue_pair("alice")).refresh_token
    with pytest.raises(MissingTokenError):
        await ask(view(cookie(token)), STRICT, type="refresh")
    with pytest.raises(InvalidRequestError):
        await ask(view(cookie(token), cookie(token)), STRICT)


async def test_a_refresh_token_in_the_header_is_never_safe(ask, engine):
    """A refresh route checks the origin for every method (RFC 9110 §9.2.1)."""
    carrier = HeaderCarrier("Cf-Access-Jwt-Assertion", allowed_origins=["https://app.example"])
    token = (ASSERTION, (await engine.issue_pair("alice")).refresh_token.encode())
    allowed = (b"origin", b"https://app.example")
    assert await ask(view(HOST, token, allowed), carrier, type="refresh") == "alice"
    with pytest.raises(OriginNotAllowedError):
        await ask(view(HOST, token, FOREIGN), carrier, type="refresh")
    with pytest.raises(OriginNotAllowedError):
        await Authenticator(engine, carriers=[carrier]).refresh(view(HOST, token, FOREIGN))


async def test_every_carrier_that_has_the_token_is_checked(ask, engine):
    """The laxer check of one place does not excuse the stricter one of another, in any order."""
    token = await engine.issue("alice")
    own = CookieCarrier(access_name="__Host-a")
    both = (b"cookie", f"CF_Authorization={token}; __Host-a={token}".encode())
    request = view(HOST, both, OWN, method="POST")
    for carriers in ((WAIVED, own), (own, WAIVED)):
        with pytest.raises(CsrfMissingError):
            await ask(request, *carriers)


async def test_a_bearer_header_needs_no_check(ask, engine):
    """No page of another site can add it, so the same token elsewhere does not matter."""
    token = await engine.issue("alice")
    bearer = (b"authorization", b"Bearer " + token.encode())
    request = view(HOST, bearer, cookie(token), FOREIGN, method="POST")
    assert await ask(request, STRICT, BearerHeader()) == "alice"
