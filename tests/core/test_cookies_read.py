"""Reading tokens from cookies: which cookie, and on which host."""

import pytest

from tests.core.browser import Browser
from tests.core.http_requests import socket, view
from tokenward import CookieCarrier, TokenPair
from tokenward.errors import InvalidRequestError

ACCESS, REFRESH = b"__Host-access_token", b"__Secure-refresh_token"


def read(*cookies: bytes, type: str = "access", host: bytes = b"shop.example") -> bytes | None:
    """Read cookies with the default settings."""
    headers = ((b"cookie", cookie) for cookie in cookies)
    return CookieCarrier().read_token(view((b"host", host), *headers), type)


def test_each_type_has_a_cookie_of_its_own():
    """An access token is never read from the refresh cookie, and vice versa."""
    both = ACCESS + b"=a.b.c; " + REFRESH + b"=d.e.f; __Host-csrf_token=0"
    assert read(both) == b"a.b.c"
    assert read(both, type="refresh") == b"d.e.f"
    assert read(REFRESH + b"=d.e.f") is None
    assert read(ACCESS + b"=a.b.c", type="refresh") is None


@pytest.mark.parametrize(
    "cookie",
    [
        b"",
        b"access_token=a",
        b"__host-access_token=a",
        b"__Secure-access_token=a",
        b"x__Host-access_token=a",
        b"__Host-access_token2=a",
        b"%5F_Host-access_token=a",
        b"__Host-access_token\x00=a",
        b"\xa0__Host-access_token=a",
        b"x=__Host-access_token=a",
        b'x="; __Host-csrf_token=a"',
    ],
    ids=repr,
)
def test_names_are_exact(cookie):
    """Names must match exactly: a similar name lacks the protection of the prefix."""
    assert read(cookie) is None


@pytest.mark.parametrize(
    ("cookie", "value"),
    [
        (b"=", b""),
        (b"", b""),
        (b"= a.b.c\t", b"a.b.c"),
        (b'="a.b.c"', b'"a.b.c"'),
        (b"=a%2Eb", b"a%2Eb"),
        (b"=\xff\xfe", b"\xff\xfe"),
        (b"=a=b", b"a=b"),
    ],
    ids=repr,
)
def test_a_value_is_given_as_it_came(cookie, value):
    """The value is returned as sent; an empty value is invalid but not absent."""
    assert read(ACCESS + cookie) == value


@pytest.mark.parametrize(
    "cookies",
    [
        (ACCESS + b"=a; " + ACCESS + b"=b",),
        (ACCESS + b"=a; " + ACCESS + b"=a",),
        (ACCESS + b"=a", ACCESS + b"=b"),
        (ACCESS + b"=a; x=1", b"y=2;" + ACCESS),
    ],
    ids=["two", "alike", "two headers", "one empty"],
)
def test_a_cookie_that_comes_twice_is_refused(cookies):
    """A cookie that is sent twice is refused: one of them may be an attacker's."""
    with pytest.raises(InvalidRequestError):
        read(*cookies)


def test_another_cookie_may_come_twice():
    """Another cookie may be sent twice."""
    assert read(b"x=1; x=2; " + REFRESH + b"=r; " + REFRESH + b"=s", ACCESS + b"=a") == b"a"


def test_cookies_are_found_in_many_headers():
    """Cookies may be split into several headers, as in HTTP/2 (RFC 9113 §8.2.3)."""
    crumbs = [b"x%d=1" % number for number in range(500)]
    assert read(*crumbs, ACCESS + b"=a", *crumbs) == b"a"


def test_a_socket_brings_its_cookies():
    """A WebSocket handshake sends cookies like any request."""
    assert CookieCarrier().read_token(socket((b"cookie", ACCESS + b"=a")), "access") == b"a"


@pytest.mark.parametrize(
    "host",
    [
        *(
            b"localhost",
            b"LocalHost",
            b"shop.localhost",
            b"a.b-1.localhost",
            b"127.0.0.1",
            b"[::1]",
        ),
        *(b"localhost:8000", b"shop.localhost:1", b"127.0.0.1:65535", b"[::1]:8000"),
    ],
)
def test_development_reads_cookies_on_this_machine(host):
    """Development reads cookies on the local machine, with and without a port."""
    carrier = CookieCarrier(development=True)
    assert (
        carrier.read_token(view((b"host", host), (b"cookie", b"access_token=a")), "access") == b"a"
    )


@pytest.mark.parametrize(
    "host",
    [
        *(
            b"shop.example",
            b"",
            b"localhost.shop.example",
            b"notlocalhost",
            b"localhost.",
            b".localhost",
        ),
        *(
            b"localhost:",
            b"localhost:x",
            b"localhost:1:2",
            b"localhost@evil",
            b"localhost/",
            b"localhost\n",
        ),
        *(b"127.0.0.1.evil", b"127.0.0.2", b"1270001", b"127x0x0x1", b"0.0.0.0", b"::1", b"[::]"),
        *(b"[::1]evil", b" localhost", b"\xff.localhost", b"localhost:8000:", b"localhost, evil"),
    ],
    ids=repr,
)
def test_development_reads_no_cookie_on_another_host(host):
    """If development is deployed by mistake, its insecure cookies are ignored."""
    carrier = CookieCarrier(development=True)
    request = view((b"host", host), (b"cookie", b"access_token=a; refresh_token=r"))
    assert carrier.read_token(request, "access") is None
    assert carrier.read_token(request, "refresh") is None


@pytest.mark.parametrize("hosts", [[], [b"localhost", b"localhost"], [b"localhost", b"evil"]])
def test_development_wants_one_host(hosts):
    """Development requires exactly one Host header."""
    headers = [(b"host", host) for host in hosts]
    request = view(*headers, (b"cookie", b"access_token=a"))
    assert CookieCarrier(development=True).read_token(request, "access") is None


def test_development_does_not_read_the_prefixed_names():
    """Development ignores the cookies of the deployed service, and vice versa."""
    local = view((b"host", b"localhost"), (b"cookie", ACCESS + b"=a"))
    assert CookieCarrier(development=True).read_token(local, "access") is None
    assert CookieCarrier().read_token(local, "access") == b"a"
    bare = view((b"host", b"localhost"), (b"cookie", b"access_token=a"))
    assert CookieCarrier().read_token(bare, "access") is None


@pytest.mark.parametrize("development", [False, True])
def test_what_a_browser_was_given_it_brings_back(development):
    """A browser returns each cookie on its path, the refresh token only on its own."""
    carrier = CookieCarrier(development=development)
    site = "http://localhost:8000" if development else "https://shop.example"
    pair = TokenPair("a.b.c", "d.e.f", 900, refresh_expires_in=60, csrf_token="0123")
    browser = Browser()
    browser.receive(f"{site}/login", carrier.set_cookies(pair))
    assert carrier.read_token(browser.request(f"{site}/refresh"), "refresh") == b"d.e.f"
    assert carrier.read_token(browser.request(f"{site}/orders"), "refresh") is None
    assert carrier.read_token(browser.request(f"{site}/orders"), "access") == b"a.b.c"
    browser.receive(f"{site}/logout", carrier.clear_cookies())
    assert carrier.read_token(browser.request(f"{site}/orders"), "access") is None
