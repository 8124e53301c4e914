"""Cookies in Litestar's responses: those of the core together with those of the user."""

from typing import Any

import pytest
from litestar import Litestar, Request, Response, get, post
from litestar.datastructures import CacheControlHeader, Cookie, ResponseHeader
from litestar.response import Redirect

from tests.adapters.litestar_service import NamedDependency, Service, ask
from tests.support import FrozenClock, ShopClaims
from tokenward import ConfigurationError, CookieCarrier, TokenPair
from tokenward.testing.adapters import answers
from tokenward.testing.adapters.browser_requests import (
    ACCESS,
    CSRF,
    REFRESH,
    REFRESH_NAME,
    cookie,
    csrf,
)
from tokenward.testing.adapters.service import COOKIES, client_of


@pytest.fixture
def service(clock: FrozenClock) -> Service:
    """Return an engine and an adapter that reads cookies first."""
    return Service(clock, carriers=[COOKIES])


@pytest.fixture
async def pair(service: Service) -> TokenPair:
    """Return a pair for alice."""
    return await service.engine.issue_pair("alice", claims={"tenant": "acme"})


def app_with(service: Service, response: Response[Any], pair: TokenPair | None) -> Litestar:
    """Build an app that sends one response, which sets or clears the cookies."""

    @get("/", response_cookies=[Cookie(key="layer", value="1")])
    async def root() -> Response[Any]:
        if pair is None:
            service.auth.clear_cookies(response)
        else:
            service.auth.set_cookies(response, pair)
        return response

    return service.app(root)


@pytest.mark.parametrize("is_cleared", [False, True])
async def test_other_cookies_stay(service: Service, pair: TokenPair, is_cleared: bool) -> None:
    """The user's cookies of the response and of its outer layers are kept."""
    response = Response("hello", cookies=[Cookie(key="before", value="1")])
    response.set_cookie("theme", "dark", httponly=True)
    app = app_with(service, response, None if is_cleared else pair)
    sent = (await ask(app, token=None)).headers.get_list("set-cookie")
    ours = COOKIES.clear_cookies() if is_cleared else COOKIES.set_cookies(pair)

    assert [text for text in sent if text in ours] == list(ours)
    others = [text.partition("=")[0] for text in sent if text not in ours]
    assert sorted(others) == ["before", "layer", "theme"]


async def test_cookies_after_ours(service: Service, pair: TokenPair) -> None:
    """Cookies that are set or deleted after ours are sent too."""
    response = Response("hello")
    service.auth.set_cookies(response, pair)
    response.set_cookie("theme", "dark")
    response.delete_cookie("old")

    @get("/")
    async def root() -> Response[str]:
        return response

    sent = (await ask(service.app(root), token=None)).headers.get_list("set-cookie")

    assert sent[:3] == list(COOKIES.set_cookies(pair))
    assert [text.partition("=")[0] for text in sent[3:]] == ["theme", "old"]


@pytest.mark.parametrize("name", ["Cache-Control", "cache-control", "CACHE-CONTROL"])
async def test_caching(service: Service, pair: TokenPair, name: str) -> None:
    """``Cache-Control`` is replaced, whatever its case; other headers are kept."""
    response = Response("hello", headers={name: "public, max-age=60", "X-Own": "1"})
    answer = await ask(app_with(service, response, pair), token=None)

    assert answer.headers.get_list("cache-control") == ["no-store"]
    assert (answer.headers["x-own"], answer.text) == ("1", "hello")


async def test_caching_of_the_handler(service: Service, pair: TokenPair) -> None:
    """The caching headers of a layer do not apply to a response with tokens."""

    @get("/", cache_control=CacheControlHeader(max_age=60, public=True))
    async def root() -> Response[str]:
        response = Response("hello")
        service.auth.set_cookies(response, pair)
        return response

    answer = await ask(service.app(root), token=None)

    assert answer.headers.get_list("cache-control") == ["no-store"]


async def test_headers_as_a_list(service: Service, pair: TokenPair) -> None:
    """Headers in a list of Litestar's header objects are kept as well."""
    response = Response("hello", headers=[ResponseHeader(name="X-Own", value="1")])
    answer = await ask(app_with(service, response, pair), token=None)

    assert (answer.headers["x-own"], answer.headers["cache-control"]) == ("1", "no-store")


async def test_a_redirect(service: Service, pair: TokenPair) -> None:
    """Any response of Litestar can have the cookies, for example a redirect after a login."""

    @post("/login")
    async def login() -> Redirect:
        response = Redirect("/home")
        service.auth.set_cookies(response, pair)
        return response

    async with client_of(service.app(login)) as client:
        answer = await client.post("/login")

    assert answer.headers["location"] == "/home"
    assert answer.headers.get_list("set-cookie") == list(COOKIES.set_cookies(pair))


async def test_written_by_the_core(clock: FrozenClock) -> None:
    """The cookies are sent exactly as rendered, without attributes of Litestar."""
    carrier = CookieCarrier(development=True, same_site="Strict", refresh_path="/again")
    service = Service(clock, carriers=[carrier])
    app = app_with(service, Response("hello"), None)
    sent = (await ask(app, token=None)).headers.get_list("set-cookie")

    assert [text for text in sent if not text.startswith("layer")] == list(carrier.clear_cookies())


def test_no_cookie_carrier(clock: FrozenClock, pair: TokenPair) -> None:
    """Without a `CookieCarrier`, setting and clearing cookies is an error."""
    auth = Service(clock).auth

    with pytest.raises(ConfigurationError):
        auth.set_cookies(Response("hello"), pair)
    with pytest.raises(ConfigurationError):
        auth.clear_cookies(Response("hello"))


async def test_refresh_by_other_carriers(service: Service) -> None:
    """`refresh` uses the given carriers instead of those of the `TokenAuth`."""
    other = CookieCarrier(refresh_name="__Secure-other")

    @post("/refresh", status_code=200)
    async def refresh(request: Request[Any, Any, Any]) -> str:
        await service.auth.refresh(request, carriers=[other])
        return "refreshed"

    async with client_of(service.app(refresh)) as client:
        usual = await client.post("/refresh", headers=[cookie(REFRESH, REFRESH_NAME), csrf()])
        told = await client.post("/refresh", headers=[cookie(REFRESH, b"__Secure-other"), csrf()])

    assert (usual.status_code, usual.json()) == (401, answers.MISSING.body)
    assert (told.status_code, told.text) == (200, "refreshed")


async def test_form_is_still_there(service: Service) -> None:
    """A form with the CSRF token is read by the guard, and can be read again by the handler."""

    @post("/", guards=[service.auth.required()], status_code=200)
    async def root(
        request: Request[Any, Any, Any], claims: NamedDependency[ShopClaims]
    ) -> list[str]:
        return [claims.sub, (await request.form())["note"], (await request.body()).decode()]

    body = f"csrf_token={CSRF}&note=hello"
    form = (b"content-type", b"application/x-www-form-urlencoded")
    async with client_of(service.app(root)) as client:
        answer = await client.post("/", content=body, headers=[cookie(ACCESS), form])

    assert answer.json() == ["alice", "hello", body]
