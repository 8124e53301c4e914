"""The cookies that store a pair in a browser, and remove it."""

import re
from contextlib import nullcontext
from dataclasses import FrozenInstanceError, replace
from datetime import timedelta

import pytest

from tests.core.browser import Browser, attributes_of
from tests.core.http_requests import view
from tests.support import engine_with
from tokenward import (
    NEVER,
    BearerHeader,
    Claims,
    ConfigurationError,
    CookieCarrier,
    TokenPair,
    TokenPolicy,
)
from tokenward.errors import CsrfMissingError, OriginNotAllowedError
from tokenward.http import Authenticator

PAIR = TokenPair("a.b.c", "d.e.f", 900, refresh_expires_in=2_592_000, csrf_token="0123")
SHOP = "https://shop.example"


def test_the_cookies_of_the_defaults():
    """The cookies match exactly."""
    assert CookieCarrier().set_cookies(PAIR) == (
        "__Host-access_token=a.b.c; Max-Age=900; Path=/; SameSite=Lax; Secure; HttpOnly",
        (
            "__Secure-refresh_token=d.e.f; Max-Age=2592000; Path=/refresh; SameSite=Lax; Secure; "
            "HttpOnly"
        ),
        "__Host-csrf_token=0123; Max-Age=2592000; Path=/; SameSite=Lax; Secure",
    )
    assert CookieCarrier().clear_cookies() == (
        "__Host-access_token=; Max-Age=0; Path=/; SameSite=Lax; Secure; HttpOnly",
        "__Secure-refresh_token=; Max-Age=0; Path=/refresh; SameSite=Lax; Secure; HttpOnly",
        "__Host-csrf_token=; Max-Age=0; Path=/; SameSite=Lax; Secure",
    )


SHARED = CookieCarrier(
    access_name="__Secure-a",
    refresh_name="r",
    csrf_name="c",
    refresh_path="/auth/refresh",
    domain="shop.example",
    same_site="None",
)
STRICT = CookieCarrier(refresh_name="__Host-refresh", refresh_path="/", same_site="Strict")
OPTIONS = {
    "shared": (
        SHARED,
        "__Secure-a=a.b.c; Max-Age=900; Path=/; Domain=shop.example; SameSite=None; Secure; HttpOnly",
        (
            "r=d.e.f; Max-Age=2592000; Path=/auth/refresh; Domain=shop.example; SameSite=None; "
            "Secure; HttpOnly"
        ),
        "c=0123; Max-Age=2592000; Path=/; Domain=shop.example; SameSite=None; Secure",
    ),
    "strict": (
        STRICT,
        "__Host-access_token=a.b.c; Max-Age=900; Path=/; SameSite=Strict; Secure; HttpOnly",
        "__Host-refresh=d.e.f; Max-Age=2592000; Path=/; SameSite=Strict; Secure; HttpOnly",
        "__Host-csrf_token=0123; Max-Age=2592000; Path=/; SameSite=Strict; Secure",
    ),
    "development": (
        CookieCarrier(development=True),
        "access_token=a.b.c; Max-Age=900; Path=/; SameSite=Lax; HttpOnly",
        "refresh_token=d.e.f; Max-Age=2592000; Path=/refresh; SameSite=Lax; HttpOnly",
        "csrf_token=0123; Max-Age=2592000; Path=/; SameSite=Lax",
    ),
}


@pytest.mark.parametrize("row", OPTIONS.values(), ids=OPTIONS)
def test_every_option_is_in_the_cookies(row):
    """The cookies match exactly."""
    carrier, *cookies = row
    assert carrier.set_cookies(PAIR) == tuple(cookies)


CARRIERS = {
    "defaults": CookieCarrier(),
    "shared": SHARED,
    "strict": STRICT,
    "development": CookieCarrier(development=True),
}


def test_cookie_carriers_and_pairs_are_frozen():
    """Neither the settings of the cookies nor the tokens in them can be changed afterwards."""
    with pytest.raises(FrozenInstanceError):
        CookieCarrier().development = True
    with pytest.raises(FrozenInstanceError):
        PAIR.access_token = "other"


@pytest.mark.parametrize("carrier", CARRIERS.values(), ids=CARRIERS)
def test_clearing_repeats_every_attribute(carrier):
    """A browser removes only a cookie with the same name, domain and path (RFC 6265 §5.3)."""
    for kept, cleared in zip(carrier.set_cookies(PAIR), carrier.clear_cookies(), strict=True):
        assert cleared.startswith(kept.partition("=")[0] + "=;")
        assert attributes_of(cleared) == {**attributes_of(kept), "max-age": "0"}


@pytest.mark.parametrize("carrier", CARRIERS.values(), ids=CARRIERS)
def test_a_browser_keeps_them_and_forgets_them(carrier):
    """A browser sends the refresh token only to its path, and keeps nothing after clearing."""
    site = "http://localhost:8000" if carrier.development else SHOP
    browser = Browser()
    browser.receive(f"{site}/login", carrier.set_cookies(PAIR))
    access, refresh, csrf = (each.partition("=")[0] for each in carrier.set_cookies(PAIR))
    assert browser.names(site + carrier.refresh_path) == sorted([access, refresh, csrf])
    elsewhere = {access, csrf} if carrier.refresh_path != "/" else {access, refresh, csrf}
    assert browser.names(f"{site}/refreshing") == sorted(elsewhere)
    browser.receive(f"{site}/logout", carrier.clear_cookies())
    assert list(browser.jar) == []


def test_the_path_of_the_refresh_token_is_the_public_one():
    """Behind a prefix a browser sends the refresh token only if the path includes the prefix."""
    for path, is_sent in (("/session", False), ("/api/session", True)):
        browser = Browser()
        browser.receive(f"{SHOP}/api/session", CookieCarrier(refresh_path=path).set_cookies(PAIR))
        for route in ("/api/session/refresh", "/api/session/logout"):
            assert ("__Secure-refresh_token" in browser.names(SHOP + route)) is is_sent


def test_a_browser_sends_them_to_the_own_host_alone():
    """Cookies are never sent over http, and to subdomains only with a domain."""
    for carrier, shared in ((CookieCarrier(), False), (SHARED, True)):
        browser = Browser()
        browser.receive(SHOP, carrier.set_cookies(PAIR))
        assert bool(browser.names("https://api.shop.example/")) == shared
        assert browser.names("http://shop.example/") == []
        assert browser.names("https://notshop.example/") == []


@pytest.mark.parametrize(
    "carrier",
    [
        CookieCarrier(),
        STRICT,
        CookieCarrier(access_name="__SECURE-a", refresh_name="__host-__Secure-r", refresh_path="/"),
        CookieCarrier(access_name="my__Host-a", refresh_name="_Secure-r", csrf_name="Host-c"),
    ],
    ids=["defaults", "strict", "prefixes", "no prefixes"],
)
def test_development_drops_secure_and_the_prefixes_and_nothing_else(carrier):
    """A prefix is recognised only at the start of the name, in any case (RFC 6265bis §4.1.3)."""
    relaxed = replace(carrier, development=True)
    dropped = tuple(
        re.sub("^(__host-|__secure-)*", "", each, flags=re.IGNORECASE).replace("; Secure", "")
        for each in carrier.set_cookies(PAIR)
    )
    assert relaxed.set_cookies(PAIR) == dropped
    browser = Browser()
    browser.receive("http://localhost/", relaxed.set_cookies(PAIR))
    assert len(browser.jar) == 3


async def test_max_age_is_the_life_of_each_token(clock):
    """The CSRF cookie has the Max-Age of the refresh token; NEVER omits Max-Age."""
    policy = TokenPolicy(required_claims={"iat", "sub", "jti", "type"}, access_lifetime=NEVER)
    engine, carrier = engine_with(clock, policy=policy), CookieCarrier()

    async def ages(**lifetimes):
        cookies = carrier.set_cookies(await engine.issue_pair("alice", **lifetimes))
        return [attributes_of(cookie).get("max-age") for cookie in cookies]

    week, zero = timedelta(days=7), timedelta(0)
    assert await ages(lifetime=timedelta(minutes=5), refresh_lifetime=week) == [
        "300",
        "604800",
        "604800",
    ]
    assert await ages(lifetime=zero, refresh_lifetime=zero) == ["0", "0", "0"]
    assert await ages(refresh_lifetime=zero) == [None, "0", "0"]
    assert await ages(refresh_lifetime=NEVER) == [None, None, None]


async def test_a_session_that_ends_ends_its_cookies(clock):
    """No cookie lives longer than its token."""
    policy = TokenPolicy(session_lifetime=timedelta(hours=1))
    engine = engine_with(clock, policy=policy)
    pair = await engine.issue_pair("alice")
    clock.advance(3590)
    cookies = CookieCarrier().set_cookies(await engine.refresh(pair.refresh_token))
    assert [attributes_of(cookie)["max-age"] for cookie in cookies] == ["10", "10", "10"]


WRONG = {
    "an empty name": {"access_name": ""},
    "a space": {"csrf_name": "c t"},
    "a line": {"refresh_name": "r\r\nSet-Cookie: x"},
    "a line at the end": {"access_name": "a\n"},
    "a semicolon": {"access_name": "a;b"},
    "an equals sign": {"access_name": "a=b"},
    "quotes": {"access_name": '"a"'},
    "no ASCII": {"access_name": "jeton-d'acc\u00e8s"},
    "two alike": {"access_name": "t", "refresh_name": "t"},
    "two alike, csrf": {"refresh_name": "t", "csrf_name": "t"},
    "a domain and __Host-": {"domain": "shop.example"},
    "a domain and one __Host-": {
        "domain": "shop.example",
        "access_name": "a",
        "refresh_name": "r",
        "csrf_name": "__HOST-c",
    },
    "a path and __Host-": {"refresh_name": "__host-r"},
    "an empty path": {"refresh_path": ""},
    "a relative path": {"refresh_path": "refresh"},
    "a path with more": {"refresh_path": "/; Domain=evil.example"},
    "a path with a space": {"refresh_path": "/re fresh"},
    "a path with a line": {"refresh_path": "/refresh\n"},
    "a path out of ASCII": {"refresh_path": "/\u00e9"},
    "an unknown SameSite": {"same_site": "lax"},
    "an empty SameSite": {"same_site": ""},
    "SameSite=None in development": {"same_site": "None", "development": True},
    "a domain in development": {
        "domain": "shop.example",
        "access_name": "a",
        "csrf_name": "c",
        "development": True,
    },
    "alike in development": {
        "access_name": "__Host-token",
        "refresh_name": "__Secure-token",
        "development": True,
    },
    "alike by case in development": {
        "access_name": "__host-token",
        "csrf_name": "token",
        "development": True,
    },
    "nothing left in development": {"access_name": "__Host-", "development": True},
}
BARE = {"access_name": "a", "refresh_name": "r", "csrf_name": "c"}
WRONG |= {
    f"domain {domain!r}": {**BARE, "domain": domain}
    for domain in (
        "",
        ".shop.example",
        "shop.example.",
        "a b",
        "a;b",
        "a\n",
        "https://a",
        "a:1",
        "*.a",
    )
}


@pytest.mark.parametrize("options", WRONG.values(), ids=WRONG)
def test_what_browsers_would_refuse_is_refused_when_built(options):
    """Settings that browsers would reject, or that share cookies by mistake, are refused at once."""
    with pytest.raises(ConfigurationError):
        CookieCarrier(**options)


def test_names_that_differ_by_their_prefix_alone_are_two_names():
    """Outside development the prefixes are kept, so the names differ."""
    carrier = CookieCarrier(access_name="__Host-token", refresh_name="__Secure-token")
    assert len({cookie.partition("=")[0] for cookie in carrier.set_cookies(PAIR)}) == 3


@pytest.mark.parametrize("kind", ["access", "refresh", "csrf"])
def test_a_cookie_that_browsers_would_drop_is_refused_when_set(kind):
    """A cookie of 4,096 bytes is set; one of 4,097 is refused by name, before any is returned."""
    carrier, field = CookieCarrier(), f"{kind}_token"
    place = ["access", "refresh", "csrf"].index(kind)
    room = 4097 - len(carrier.set_cookies(replace(PAIR, **{field: "x"}))[place])
    longest = carrier.set_cookies(replace(PAIR, **{field: "x" * room}))
    assert len(longest[place].encode()) == 4096
    with pytest.raises(ConfigurationError, match="longer than the 4,096 bytes"):
        carrier.set_cookies(replace(PAIR, **{field: "x" * (room + 1)}))


def test_a_pair_without_csrf_token_is_refused():
    """A pair without a CSRF token is refused: its cookies would fail at the first POST."""
    with pytest.raises(ConfigurationError, match="issue_pair or refresh"):
        CookieCarrier().set_cookies(TokenPair("a.b.c", "d.e.f", 900))


@pytest.mark.parametrize("field", ["access_token", "refresh_token", "csrf_token"])
@pytest.mark.parametrize(
    "value",
    [
        "a; Domain=evil",
        "a\r\nSet-Cookie: b=c",
        "a\n",
        "a b",
        "a,b",
        "a=b",
        '"a"',
        "\u00e9",
        "a\x00",
    ],
    ids=repr,
)
def test_what_is_no_token_is_put_into_no_header(field, value):
    """No value can end a cookie or a line, and the error does not repeat it."""
    with pytest.raises(ConfigurationError) as caught:
        CookieCarrier().set_cookies(replace(PAIR, **{field: value}))
    assert str(caught.value) == "The value of the cookie is not a token."


def test_openapi_is_told_the_name_of_the_access_cookie():
    """OpenAPI has the name as sent: in development without the prefix."""
    said = {"type": "apiKey", "in": "cookie", "name": "__Host-access_token"}
    assert CookieCarrier().security_scheme == said
    relaxed = CookieCarrier(development=True)
    assert relaxed.security_scheme == {**said, "name": "access_token"}
    assert (relaxed.scheme, repr(relaxed).count("_names")) == ("Bearer", 0)


async def test_an_authenticator_gives_its_first_carrier_of_cookies(engine):
    """The first CookieCarrier is used; without one the error names the fix."""
    first, second = CookieCarrier(), CookieCarrier(**BARE)
    assert Authenticator(engine, carriers=[first, second]).cookies is first
    assert Authenticator(engine, carriers=[BearerHeader(), second]).cookies is second
    with pytest.raises(ConfigurationError, match="CookieCarrier"):
        _ = Authenticator(engine).cookies


def test_the_csrf_header_depends_on_the_method_and_the_token():
    """A request with a refresh token needs it always, one with an access token if it is unsafe."""
    carrier = CookieCarrier()
    assert carrier.csrf_header("GET", "access") is None
    for method, kind in (("POST", "access"), ("GET", "refresh"), ("POST", "refresh")):
        assert carrier.csrf_header(method, kind) == "X-CSRF-Token"


async def test_no_method_is_safe_with_a_refresh_token():
    """A GET with a refresh token renews or ends a session, so it repeats the claim."""
    claims, request = Claims(csrf="0123"), view(method="GET")
    await CookieCarrier().check_csrf(request, claims, "access")
    with pytest.raises(CsrfMissingError):
        await CookieCarrier().check_csrf(request, claims, "refresh")


@pytest.mark.parametrize("scheme", [b"https", b"http"])
async def test_only_development_accepts_the_own_page_over_http(scheme):
    """Without TLS, anyone on the network can send a page of this host."""
    request = view(
        (b"host", b"localhost"),
        (b"origin", scheme + b"://localhost"),
        (b"x-csrf-token", b"0123"),
        method="POST",
    )
    for development in (True, False):
        carrier = CookieCarrier(development=development)
        refused = nullcontext()
        if not development and scheme == b"http":
            refused = pytest.raises(OriginNotAllowedError)
        with refused:
            carrier.check_origin(request)
        with refused:
            await carrier.check_csrf(request, Claims(csrf="0123"), "access")


@pytest.mark.parametrize("same_site", ["Lax", "Strict", "None"])
def test_each_value_of_same_site_is_written(same_site):
    """The attribute has the value that was chosen."""
    carrier = CookieCarrier(same_site=same_site)
    assert all(f"; SameSite={same_site};" in cookie for cookie in carrier.set_cookies(PAIR))


def test_a_host_in_development_has_at_most_261_bytes():
    """A name of a host has 255 bytes at most, and a port 6."""
    carrier = CookieCarrier(development=True)
    for length, expected in ((261, b"t"), (262, None)):
        host = b"localhost:65535".rjust(length, b"a").replace(b"alocal", b".local")
        request = view((b"host", host), (b"cookie", b"access_token=t"))
        assert carrier.read_token(request, "access") == expected
