"""The origins from which a request with a cookie is accepted."""

import pytest

from tests.core.http_requests import socket, view
from tokenward import Claims, ConfigurationError, CookieCarrier, CsrfCheck
from tokenward.errors import CsrfMissingError, OriginNotAllowedError
from tokenward.http import RequestView

CLAIMS = Claims(csrf="0123abcd")


def headers_of(
    origin: bytes | None = None,
    site: bytes | None = None,
    host: bytes | None = b"shop.example",
) -> list[tuple[bytes, bytes]]:
    """Return the headers by which a browser reports the origin of a request."""
    said = {b"origin": origin, b"sec-fetch-site": site, b"host": host}
    return [(name, value) for name, value in said.items() if value is not None]


async def lets_in(request: RequestView, *origins: str, is_secure: bool = True) -> bool:
    """Whether the origin of a request is allowed."""
    try:
        await CsrfCheck(allowed_origins=origins).check(request, CLAIMS, is_secure=is_secure)
    except OriginNotAllowedError:
        return False
    except CsrfMissingError:  # which is checked after the origin
        return True
    return True


async def posts(*origins: str, is_secure: bool = True, **said) -> bool:
    """Whether a POST with these origin headers passes."""
    request = view(*headers_of(**said), method="POST")
    return await lets_in(request, *origins, is_secure=is_secure)


async def opens(*origins: str, is_secure: bool = True, **said) -> bool:
    """Whether a WebSocket handshake with these origin headers passes."""
    return await lets_in(socket(*headers_of(**said)), *origins, is_secure=is_secure)


async def logs_in(*origins: str, is_secure: bool = True, **said) -> bool:
    """Whether a login with these origin headers passes."""
    request = view(*headers_of(**said), method="POST")
    try:
        CsrfCheck(allowed_origins=origins).check_origin(request, is_secure=is_secure)
    except OriginNotAllowedError:
        return False
    return True


@pytest.mark.parametrize("ask", [posts, opens, logs_in])
async def test_the_own_origin_is_allowed(ask):
    """The own origin is allowed, by Sec-Fetch-Site or by Origin and Host."""
    assert await ask(site=b"same-origin", origin=b"https://shop.example")
    assert await ask(site=b"same-origin")
    assert await ask(origin=b"https://shop.example")
    assert await ask(origin=b"https://shop.example", site=b"none")
    assert await ask(origin=b"https://shop.example", host=b"Shop.EXAMPLE")
    assert await ask(origin=b"https://shop.example:8443", host=b"shop.example:8443")
    assert await ask(origin=b"https://[::1]:8443", host=b"[::1]:8443")


@pytest.mark.parametrize("development", [False, True])
def test_a_cookie_carrier_allows_http_in_development_alone(development):
    """Outside development, the own origin is https."""
    carrier = CookieCarrier(development=development)
    request = view(*headers_of(origin=b"http://localhost", host=b"localhost"), method="POST")

    carrier.check_origin(view(*headers_of(origin=b"https://shop.example"), method="POST"))
    if development:
        carrier.check_origin(request)
    else:
        with pytest.raises(OriginNotAllowedError):
            carrier.check_origin(request)


FOREIGN = {
    "another host": {"origin": b"https://evil.example"},
    "cross-site": {"origin": b"https://evil.example", "site": b"cross-site"},
    "a subdomain": {"origin": b"https://evil.shop.example", "site": b"same-site"},
    "a parent": {"origin": b"https://example"},
    "a longer host": {"origin": b"https://shop.example.evil"},
    "a suffix": {"origin": b"https://notshop.example"},
    "another port": {"origin": b"https://shop.example:8443"},
    "no port": {"origin": b"https://shop.example", "host": b"shop.example:8443"},
    "http": {"origin": b"http://shop.example"},
    "another scheme": {"origin": b"chrome-extension://shop.example"},
    "a sandbox": {"origin": b"null"},
    "a sandbox, cross-site": {"origin": b"null", "site": b"cross-site"},
    "an empty origin": {"origin": b""},
    "upper case": {"origin": b"HTTPS://SHOP.EXAMPLE"},
    "a path": {"origin": b"https://shop.example/"},
    "a user": {"origin": b"https://shop.example@evil.example"},
    "a list": {"origin": b"https://shop.example https://evil.example"},
    "no ASCII": {"origin": b"https://\xff\xfe"},
    "no host": {"origin": b"https://", "host": b""},
    "neither host": {"origin": b"https://", "host": None},
    "no own host": {"origin": b"https://shop.example", "host": None},
    "same-site": {"site": b"same-site"},
    "only cross-site": {"site": b"cross-site"},
    "an unknown site": {"site": b"future-site"},
    "an empty site": {"site": b""},
    "site in upper case": {"site": b"Same-Origin"},
    "a contradiction": {"origin": b"https://shop.example", "site": b"cross-site"},
    "a contradiction, near": {"origin": b"https://shop.example", "site": b"same-site"},
}


@pytest.mark.parametrize("said", FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize("ask", [posts, opens, logs_in])
async def test_every_other_origin_is_refused(ask, said):
    """Every other origin is refused, however similar."""
    assert not await ask(**said)


async def test_a_request_may_be_silent_and_a_socket_not():
    """A request without an origin passes, because the CSRF token protects it; a WebSocket does not."""
    for ask in (posts, logs_in):
        assert await ask()
        assert await ask(site=b"none")
    assert not await opens()
    assert not await opens(site=b"none")


@pytest.mark.parametrize("name", [b"origin", b"sec-fetch-site", b"host"])
@pytest.mark.parametrize("build", [lambda *headers: view(*headers, method="POST"), socket])
async def test_a_header_that_comes_twice_is_refused(build, name):
    """A header that is sent twice is refused, even if both are right."""
    site = [] if name == b"host" else [(b"sec-fetch-site", b"none")]
    headers = [*headers_of(origin=b"https://shop.example"), *site]
    assert await lets_in(build(*headers))
    twice = next(
        header for header in headers_of(b"https://shop.example", b"none") if header[0] == name
    )
    assert not await lets_in(build(*headers, twice))


@pytest.mark.parametrize("ask", [posts, opens, logs_in])
async def test_allowed_origins_are_allowed_from_everywhere(ask):
    """Allowed origins are compared exactly, and the own origin stays allowed."""
    allowed = ("https://app.example", "http://localhost:3000", "https://[::1]:8443")
    for origin in allowed:
        assert await ask(*allowed, origin=origin.encode(), site=b"cross-site")
        assert await ask(*allowed, origin=origin.encode(), host=None)
        assert not await ask(*allowed, origin=origin.encode() + b"0")
    assert await ask(*allowed, origin=b"https://shop.example")
    for other in (
        b"http://app.example",
        b"https://x.app.example",
        b"https://app.example/",
        b"null",
    ):
        assert not await ask(*allowed, origin=other, site=b"cross-site")


@pytest.mark.parametrize("ask", [posts, opens, logs_in])
async def test_development_takes_its_own_http_for_its_own(ask):
    """Development allows the own http origin, but no other port of the same machine."""
    for origin in (b"http://localhost:8000", b"https://localhost:8000"):
        assert await ask(is_secure=False, origin=origin, host=b"localhost:8000")
    assert not await ask(is_secure=False, origin=b"http://localhost:3000", host=b"localhost:8000")
    assert not await ask(is_secure=False, origin=b"http://localhost", host=b"localhost:8000")
    assert not await ask(is_secure=False, origin=b"null", host=b"localhost:8000")
    assert not await ask(is_secure=True, origin=b"http://localhost:8000", host=b"localhost:8000")


@pytest.mark.parametrize(
    "origin",
    [
        *("", "*", "null", "app.example", "//app.example", "https://", "https:/app.example"),
        *("https://app.example/", "https://app.example/a", "https://app.example?a", "https://a#b"),
        *("https://*.app.example", "https://u@app.example", "https://a b", "https://app.example\n"),
        *("HTTPS://app.example", "https://App.example", "https://é.example", "https://a.example\t"),
        *("ftp://app.example", "chrome-extension://abc", "file://", "https://a,https://b"),
        *(
            "https://app.example:443",
            "http://app.example:80",
            "https://a:",
            "https://a:x",
            "https://:1",
        ),
        *("https://[::1", "https://[]", "https://a:1:2", "https://[::1]:443", "https://a:123456"),
    ],
    ids=repr,
)
def test_what_no_browser_writes_is_no_origin(origin):
    """An origin that could never match is refused: no path, wildcard or default port (RFC 6454 §6.2)."""
    with pytest.raises(ConfigurationError, match="allowed origin"):
        CsrfCheck(allowed_origins=["https://app.example", origin])


@pytest.mark.parametrize(
    "origin",
    [
        *(
            "https://app.example",
            "http://app.example",
            "https://xn--bcher-kva.example",
            "https://a_b.c",
        ),
        *(
            "https://localhost",
            "https://app.example:8443",
            "http://a:443",
            "https://a:80",
            "https://a:4430",
        ),
        *(
            "https://192.0.2.1",
            "https://[2001:db8::443]",
            "http://[2001:db8::80]",
            "http://[::1]:8080",
        ),
    ],
)
def test_what_browsers_write_is_an_origin(origin):
    """An origin is a scheme, a host and optionally a non-default port."""
    assert CsrfCheck(allowed_origins={origin}).allowed_origins == {origin}


def test_one_text_is_not_several_origins():
    """A string instead of a list is refused."""
    with pytest.raises(ConfigurationError, match="allowed_origins must be a list"):
        CsrfCheck(allowed_origins="https://app.example")


async def test_origins_are_the_checks_own():
    """Later changes to the list have no effect."""
    origins = ["https://app.example"]
    check = CsrfCheck(allowed_origins=origins)
    origins.append("https://evil.example")
    request = view((b"origin", b"https://evil.example"), method="POST")
    with pytest.raises(OriginNotAllowedError):
        await check.check(request, CLAIMS, is_secure=True)
