"""Tokens in cookies: the CSRF check applies if a token comes only from a cookie."""

import pytest

from tests.core.browser import Browser
from tests.core.http_requests import FORM, socket, view
from tokenward import (
    BearerHeader,
    CookieCarrier,
    CsrfCheck,
    PermissionDeniedError,
    RefreshTokenReusedError,
    TokenExpiredError,
    TokenPair,
)
from tokenward.errors import (
    CsrfMismatchError,
    CsrfMissingError,
    InvalidRequestError,
    InvalidSignatureError,
    MissingTokenError,
    OriginNotAllowedError,
    WrongTokenTypeError,
)
from tokenward.http import Authenticator, QueryCarrier, Requirement, WebSocketProtocolCarrier

ANY = Requirement()
SITE = "https://shop.example"


@pytest.fixture
def authenticator(engine):
    """Return an authenticator for headers, queries, WebSockets and cookies."""
    carriers = [BearerHeader(), QueryCarrier(), WebSocketProtocolCarrier(), CookieCarrier()]
    return Authenticator(engine, carriers=carriers)


@pytest.fixture
async def pair(engine):
    """Return a pair."""
    return await engine.issue_pair("alice")


def cookie(pair: TokenPair) -> tuple[bytes, bytes]:
    """Return the cookie header with both tokens of a pair."""
    text = f"__Host-access_token={pair.access_token}; __Secure-refresh_token={pair.refresh_token}"
    return (b"cookie", text.encode())


def csrf(pair: TokenPair) -> tuple[bytes, bytes]:
    """Return the header that repeats the CSRF token of a pair."""
    return (b"x-csrf-token", str(pair.csrf_token).encode())


def bearer(token: str) -> tuple[bytes, bytes]:
    """Return the Authorization header with one token."""
    return (b"authorization", b"Bearer " + token.encode())


def post(*headers: tuple[bytes, bytes], **scope):
    """Return a POST request."""
    return view(*headers, method="POST", **scope)


async def test_a_cookie_alone_is_enough_to_read(authenticator, pair):
    """A cookie is enough for a safe method, whatever page the link was on."""
    request = view(cookie(pair), (b"sec-fetch-site", b"cross-site"))
    assert (await authenticator.authenticate(request, ANY)).sub == "alice"


async def test_a_cookie_alone_is_not_enough_to_change(authenticator, pair):
    """Other methods need the CSRF token of the same session, not of another session of the user."""
    other = await authenticator.engine.issue_pair("alice")
    assert await authenticator.authenticate(post(cookie(pair), csrf(pair)), ANY)
    with pytest.raises(CsrfMissingError):
        await authenticator.authenticate(post(cookie(pair)), ANY)
    with pytest.raises(CsrfMismatchError):
        await authenticator.authenticate(post(cookie(pair), csrf(other)), ANY)


async def test_optional_asks_for_csrf_as_well(authenticator, pair):
    """With optional requirements, a request with a cookie needs the CSRF token as well."""
    optional = Requirement(optional=True)
    assert await authenticator.authenticate(post(), optional) is None
    with pytest.raises(CsrfMissingError):
        await authenticator.authenticate(post(cookie(pair)), optional)


async def test_the_cookies_own_fault_comes_first(authenticator, pair, clock):
    """An invalid or expired token is refused as such, whatever the CSRF token."""
    forged = TokenPair(pair.access_token[:-4] + "AAAA", "", 900)
    with pytest.raises(InvalidSignatureError):
        await authenticator.authenticate(post(cookie(forged)), ANY)
    clock.advance(900)
    with pytest.raises(TokenExpiredError):
        await authenticator.authenticate(post(cookie(pair)), ANY)


async def test_csrf_comes_before_the_requirement(authenticator, pair):
    """The CSRF check comes first, so a page of another origin cannot run a route's check."""
    asked = []
    requirement = Requirement(check=asked.append)
    with pytest.raises(CsrfMissingError):
        await authenticator.authenticate(post(cookie(pair)), requirement)
    assert asked == []
    with pytest.raises(PermissionDeniedError):
        await authenticator.authenticate(post(cookie(pair), csrf(pair)), requirement)


async def test_a_header_needs_no_csrf(authenticator, pair):
    """A bearer header needs no CSRF token, because browsers never add it; other schemes do not count."""
    assert await authenticator.authenticate(post(bearer(pair.access_token)), ANY)
    with pytest.raises(CsrfMissingError):
        await authenticator.authenticate(post(cookie(pair), (b"authorization", b"Basic dTpw")), ANY)


async def test_what_is_remembered_of_a_token_is_not_that_it_was_meant(authenticator, pair):
    """The CSRF check runs each time; the engine decodes once per request."""
    judged, memo = [], {}
    authenticator.engine.after_decode(judged.append)
    seen = {"tokenward": memo}
    assert await authenticator.authenticate(view(cookie(pair), **seen), ANY)
    for _ in range(2):
        with pytest.raises(CsrfMissingError):
            await authenticator.authenticate(post(cookie(pair), **seen), ANY)
    by_header = Requirement(carriers=[BearerHeader()])
    both = post(cookie(pair), bearer(pair.access_token), **seen)
    assert await authenticator.authenticate(both, by_header)
    by_cookie = Requirement(carriers=[CookieCarrier()])
    with pytest.raises(CsrfMissingError):
        await authenticator.authenticate(both, by_cookie)
    assert len(judged) == 1


async def test_the_same_token_in_a_header_vouches_for_the_cookie(authenticator, pair):
    """The same token in a header replaces the CSRF token, in any order of the carriers."""
    token = pair.access_token
    requests = [
        lambda: post(cookie(pair), bearer(token)),
        lambda: post(cookie(pair), query_string=b"access_token=" + token.encode()),
        lambda: socket(cookie(pair), (b"sec-websocket-protocol", b"bearer, " + token.encode())),
    ]
    backwards = Requirement(carriers=authenticator.carriers[::-1])
    for make in requests:
        assert await authenticator.authenticate(make(), ANY)
        assert await authenticator.authenticate(make(), backwards)


async def test_another_token_beside_the_cookie_is_refused(authenticator, pair):
    """A different token in a header, even an empty one, makes the request ambiguous."""
    other = await authenticator.engine.issue("bob")
    for beside in (bearer(other), bearer("")):
        for request in (post(cookie(pair), csrf(pair), beside), view(cookie(pair), beside)):
            with pytest.raises(InvalidRequestError):
                await authenticator.authenticate(request, ANY)
    with pytest.raises(InvalidRequestError):
        await authenticator.authenticate(view(cookie(pair), query_string=b"access_token"), ANY)


async def test_a_carrier_that_is_not_looked_at_vouches_for_nothing(authenticator, pair):
    """A route that reads only cookies ignores tokens in other places."""
    by_cookie = Requirement(carriers=[CookieCarrier()])
    request = post(cookie(pair), bearer(pair.access_token))
    with pytest.raises(CsrfMissingError):
        await authenticator.authenticate(request, by_cookie)


async def test_two_cookie_carriers_are_both_asked_for_csrf(engine, pair):
    """A second cookie with the token does not replace the CSRF token."""
    second = CookieCarrier(access_name="a", refresh_name="r", csrf_name="c")
    authenticator = Authenticator(engine, carriers=[CookieCarrier(), second])
    both = (b"cookie", cookie(pair)[1] + f"; a={pair.access_token}".encode())
    with pytest.raises(CsrfMissingError):
        await authenticator.authenticate(post(both), ANY)
    assert await authenticator.authenticate(post(both, csrf(pair)), ANY)


async def test_a_token_without_session_is_for_reading_alone(authenticator):
    """`issue` creates no session: in a cookie, such a token is accepted only for safe methods."""
    token = await authenticator.engine.issue("alice")
    lonely = TokenPair(token, "", 900)
    assert await authenticator.authenticate(view(cookie(lonely)), ANY)
    with pytest.raises(CsrfMismatchError):
        await authenticator.authenticate(post(cookie(lonely), (b"x-csrf-token", b"")), ANY)


async def test_a_socket_with_a_cookie_comes_from_the_own_origin(authenticator, pair):
    """A WebSocket with a cookie needs the own origin; one with a token in another place does not."""
    host = (b"host", b"shop.example")
    good = socket(cookie(pair), host, (b"origin", SITE.encode()))
    assert await authenticator.authenticate(good, ANY)
    for headers in ([], [(b"origin", b"https://evil.example")], [csrf(pair)]):
        with pytest.raises(OriginNotAllowedError):
            await authenticator.authenticate(socket(cookie(pair), host, *headers), ANY)
    origin = (b"origin", b"https://evil.example")
    assert await authenticator.authenticate(socket(bearer(pair.access_token), origin), ANY)


@pytest.mark.parametrize("development", [False, True])
async def test_a_session_in_a_browser(engine, development):
    """Log in, read, change, refresh, change with the page's old CSRF token, log out."""
    carrier = CookieCarrier(development=development)
    authenticator = Authenticator(engine, carriers=[BearerHeader(), carrier])
    site = "http://localhost:8000" if development else SITE
    browser, origin = Browser(), (b"origin", site.encode())
    login = await engine.issue_pair("alice")
    browser.receive(f"{site}/login", carrier.set_cookies(login))
    assert await authenticator.authenticate(browser.request(f"{site}/orders"), ANY)

    beside = (origin, csrf(login))
    for _ in range(3):
        pair = await authenticator.refresh(
            browser.request(f"{site}/refresh", *beside, method="POST")
        )
        browser.receive(f"{site}/refresh", carrier.set_cookies(pair))
        change = browser.request(f"{site}/orders", *beside, method="POST")
        assert (await authenticator.authenticate(change, ANY)).sub == "alice"

    browser.receive(f"{site}/logout", carrier.clear_cookies())
    with pytest.raises(MissingTokenError):
        await authenticator.authenticate(browser.request(f"{site}/orders"), ANY)


async def test_a_refresh_by_header_needs_no_csrf(authenticator, pair):
    """A refresh by header needs no CSRF token, like other routes."""
    successor = await authenticator.refresh(post(bearer(pair.refresh_token)))
    assert (await authenticator.engine.decode(successor.access_token)).sub == "alice"


async def test_a_refresh_without_token_misses_one(authenticator, pair):
    """The cookie of the access token does not count as a refresh token."""
    access = (b"cookie", b"__Host-access_token=" + pair.access_token.encode())
    for request in (post(), post(access, csrf(pair))):
        with pytest.raises(MissingTokenError):
            await authenticator.refresh(request)


async def test_an_access_token_refreshes_nothing(authenticator, pair):
    """An access token cannot be refreshed, whatever its place."""
    swapped = TokenPair(pair.refresh_token, pair.access_token, 900)
    for request in (post(bearer(pair.access_token)), post(cookie(swapped), csrf(pair))):
        with pytest.raises(WrongTokenTypeError):
            await authenticator.refresh(request)


async def test_a_refused_refresh_uses_nothing_up(authenticator, pair, clock):
    """A refresh that a foreign page causes is refused and consumes nothing."""
    evil = (b"origin", b"https://evil.example")
    other = await authenticator.engine.issue_pair("alice")
    for refused, error in (
        (post(cookie(pair)), CsrfMissingError),
        (post(cookie(pair), csrf(other)), CsrfMismatchError),
        (post(cookie(pair), csrf(pair), evil), OriginNotAllowedError),
        (post(cookie(pair), bearer(other.refresh_token)), InvalidRequestError),
    ):
        with pytest.raises(error):
            await authenticator.refresh(refused)
    assert await authenticator.refresh(post(cookie(pair), csrf(pair)))
    clock.advance(10)
    with pytest.raises(RefreshTokenReusedError):
        await authenticator.refresh(post(cookie(pair), csrf(pair)))


async def test_a_refresh_may_be_asked_for_by_a_form(authenticator, pair):
    """A refresh can be requested by a form, from a page without scripts."""
    form = f"csrf_token={pair.csrf_token}".encode()
    headers = (b"content-type", FORM), (b"content-length", str(len(form)).encode())
    assert await authenticator.refresh(post(cookie(pair), *headers, body=form))


@pytest.mark.parametrize("carried", ["cookie", "header"])
async def test_the_check_of_a_refresh(authenticator, pair, carried):
    """Only True allows the refresh, sync or async; a refused token can still be used once."""
    in_header = post(bearer(pair.refresh_token))
    request = post(cookie(pair), csrf(pair)) if carried == "cookie" else in_header

    async def is_alice(claims):
        return claims.sub == "alice"

    def denied(_):
        raise PermissionDeniedError

    for check in (lambda _: False, lambda _: None, lambda _: 1, denied):
        with pytest.raises(PermissionDeniedError):
            await authenticator.refresh(request, check=check)
    assert await authenticator.refresh(request, check=is_alice)


async def test_csrf_comes_before_the_check_of_a_refresh(authenticator, pair):
    """A page of another origin cannot run the check."""
    asked = []
    with pytest.raises(CsrfMissingError):
        await authenticator.refresh(post(cookie(pair)), check=asked.append)
    assert asked == []


async def test_a_refresh_may_have_carriers_of_its_own(authenticator, pair):
    """The carriers of a refresh replace those of the authenticator, with their CSRF check."""
    with pytest.raises(MissingTokenError):
        await authenticator.refresh(post(bearer(pair.refresh_token)), carriers=[QueryCarrier()])
    with pytest.raises(MissingTokenError):
        await authenticator.refresh(post(bearer(pair.refresh_token)), carriers=[])
    own = CookieCarrier(csrf=CsrfCheck(header="X-Guard"))
    with pytest.raises(CsrfMissingError):
        await authenticator.refresh(post(cookie(pair), csrf(pair)), carriers=[own])
    guard = (b"x-guard", csrf(pair)[1])
    assert await authenticator.refresh(post(cookie(pair), guard), carriers=[own])
