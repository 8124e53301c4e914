"""The drop-in with tokens in cookies: setting, reading and removing them."""

from typing import Any

import pytest
from fastapi import Request, Response

from tests.adapters import authjwt_service
from tests.adapters.authjwt_service import (
    BOTH,
    COOKIES,
    Service,
    configure,
    cookies_of,
    old_token,
)
from tokenward import ConfigurationError
from tokenward_fastapi.authjwt import AuthJWT
from tokenward_fastapi.authjwt.exceptions import JWTDecodeError

auth, service = authjwt_service.auth, authjwt_service.service  # fixtures

NAMED = {
    "access_cookie_key": "at",
    "refresh_cookie_key": "rt",
    "access_csrf_cookie_key": "ac",
    "refresh_csrf_cookie_key": "rc",
    "access_cookie_path": "/a",
    "refresh_cookie_path": "/r",
    "access_csrf_cookie_path": "/ac",
    "refresh_csrf_cookie_path": "/rc",
    "cookie_domain": ".shop.example",
    "cookie_secure": True,
    "cookie_samesite": "none",
    "cookie_max_age": 3600,
}
HELPERS = ["set_access_cookies", "set_refresh_cookies", "unset_access_cookies"]
HELPERS += ["unset_refresh_cookies"]


async def call(authorize: AuthJWT, helper: str, *more: Any, **options: Any) -> None:
    """Call a cookie method, with a token if it takes one."""
    tokens = (await authorize.create_access_token("alice"),) if helper.startswith("set") else ()
    await getattr(authorize, helper)(*tokens, *more, **options)


async def test_cookies_that_are_set(service: Service) -> None:
    """A login sets four cookies; scripts can read only those of the CSRF tokens."""
    configure(service.auth, **COOKIES)
    response = await service.client.post("/login")
    cookies = cookies_of(response)
    authorize = service.auth()
    access = await authorize.get_raw_jwt(response.json()["access"])
    refresh = await authorize.get_raw_jwt(response.json()["refresh"])

    hidden = {"path": "/", "httponly": True}
    assert cookies == {
        "access_token_cookie": (response.json()["access"], hidden),
        "csrf_access_token": (access["csrf"], {"path": "/"}),
        "refresh_token_cookie": (response.json()["refresh"], hidden),
        "csrf_refresh_token": (refresh["csrf"], {"path": "/"}),
    }


async def test_every_attribute(service: Service) -> None:
    """The cookies are set and removed with the names, paths, domain and attributes of the settings."""
    configure(service.auth, **COOKIES, **NAMED)
    was_set = cookies_of(await service.client.post("/login"))
    was_unset = cookies_of(await service.client.post("/logout"))
    shared = {"domain": "shop.example", "secure": True, "samesite": "None"}
    hidden = {"at": {"httponly": True}, "rt": {"httponly": True}}
    paths = {"at": "/a", "rt": "/r", "ac": "/ac", "rc": "/rc"}

    for name, path in paths.items():
        attributes = {**shared, "path": path, **hidden.get(name, {})}
        assert was_set[name][1] == {**attributes, "max-age": "3600"}
        assert was_unset[name] == ("", {**attributes, "max-age": "0"})
    assert len(was_set) == len(was_unset) == 4


@pytest.mark.parametrize("same_site", ["strict", "lax", None])
async def test_same_site(service: Service, same_site: str | None) -> None:
    """SameSite is present if the settings name a value."""
    configure(service.auth, **COOKIES, cookie_samesite=same_site)
    cookies = cookies_of(await service.client.post("/login"))

    expected = same_site and same_site.title()
    assert {attributes.get("samesite") for _, attributes in cookies.values()} == {expected}


async def test_without_csrf_protection(service: Service) -> None:
    """Without CSRF protection no CSRF cookie is set, and none is required."""
    configure(service.auth, **COOKIES, cookie_csrf_protect=False)
    cookies = cookies_of(await service.client.post("/login"))

    assert cookies.keys() == {"access_token_cookie", "refresh_token_cookie"}
    assert cookies_of(await service.client.post("/logout")).keys() == cookies.keys()
    token, _ = cookies["access_token_cookie"]
    answer = await service.send("/required", method="POST", access_token_cookie=token)
    assert answer[0] == 200


async def test_response_that_was_passed(service: Service) -> None:
    """A response that the handler passes gets the cookies, with the `max_age` that was passed."""
    configure(service.auth, **COOKIES, cookie_max_age=3600)
    cookies = cookies_of(await service.client.post("/login/response"))

    assert {name: each["max-age"] for name, (_, each) in cookies.items()} == {
        "access_token_cookie": "60",
        "csrf_access_token": "60",
    }


async def test_max_age_of_zero(auth: type[AuthJWT]) -> None:
    """A `max_age` of zero is zero, not the value of the settings."""
    configure(auth, **COOKIES, cookie_max_age=3600)
    response = Response()
    await call(auth(), "set_access_cookies", response, max_age=0)

    assert "; Max-Age=0;" in response.headers["set-cookie"]


@pytest.mark.parametrize("max_age", ["60", 1.5, True])
@pytest.mark.parametrize("helper", HELPERS[:2])
async def test_max_age_of_a_wrong_type(auth: type[AuthJWT], helper: str, max_age: object) -> None:
    """A `max_age` of a wrong type raises a TypeError with the reference's message."""
    configure(auth, **COOKIES)
    with pytest.raises(TypeError, match="max_age must be a integer"):
        await call(auth(), helper, Response(), max_age=max_age)


@pytest.mark.parametrize("response", ["text", None])
@pytest.mark.parametrize("helper", [*HELPERS, "unset_jwt_cookies"])
async def test_no_response(auth: type[AuthJWT], helper: str, response: object) -> None:
    """A response of a wrong type raises a TypeError, and so does no response outside a request."""
    configure(auth, **COOKIES)
    with pytest.raises(TypeError, match="The response must be an object response FastAPI"):
        await call(auth(), helper, response=response)


@pytest.mark.parametrize("helper", HELPERS)
async def test_cookies_are_off(auth: type[AuthJWT], helper: str) -> None:
    """If tokens may not come in cookies, the cookie methods raise the reference's RuntimeWarning."""
    message = rf"{helper}\(\) called without 'authjwt_token_location' configured to use cookies"
    with pytest.raises(RuntimeWarning, match=message):
        await call(auth(), helper, response=Response())


async def test_all_cookies_are_off(auth: type[AuthJWT]) -> None:
    """Removing all cookies begins with those of the access token."""
    with pytest.raises(RuntimeWarning, match="unset_access_cookies"):
        await auth().unset_jwt_cookies(Response())


async def test_a_foreign_token_is_verified_before_it_is_set(auth: type[AuthJWT]) -> None:
    """A token that another object issued is verified, and refused without a CSRF claim."""
    configure(auth, **COOKIES)
    foreign, response = old_token(csrf="of-the-token"), Response()
    await auth().set_access_cookies(foreign, response)

    assert "csrf_access_token=of-the-token;" in response.headers.getlist("set-cookie")[1]
    for token, message in {
        old_token(): "Missing claim: csrf",
        "a.b.c": "Invalid header string",
        "": "Not enough segments",
    }.items():
        with pytest.raises(JWTDecodeError, match=message):
            await auth().set_access_cookies(token, response)


async def test_a_cookie_that_is_too_long_for_browsers(auth: type[AuthJWT]) -> None:
    """A token that is too long for a cookie is refused, and no cookie is set."""
    configure(auth, **COOKIES)
    authorize, response = auth(), Response()
    token = await authorize.create_access_token("alice", user_claims={"more": "x" * 4096})

    with pytest.raises(ConfigurationError, match="longer than the 4,096 bytes"):
        await authorize.set_access_cookies(token, response)
    assert "set-cookie" not in response.headers


@pytest.mark.parametrize("locations", [COOKIES, BOTH])
@pytest.mark.parametrize("path", ["required", "fresh"])
async def test_access_cookie(service: Service, path: str, locations: dict[str, object]) -> None:
    """A route that requires an access token accepts the access cookie, and names it if it is missing."""
    configure(service.auth, **locations, access_cookie_key="at")
    missing = (401, "Missing cookie at")

    assert (await service.send(f"/{path}", at=old_token(fresh=True)))[1]["sub"] == "alice"
    assert await service.send(f"/{path}") == missing
    assert await service.send(f"/{path}", at="") == missing
    assert await service.send(f"/{path}", refresh_token_cookie=old_token()) == missing


async def test_refresh_cookie(service: Service) -> None:
    """A route that requires a refresh token accepts the refresh cookie only with a refresh token."""
    configure(service.auth, **COOKIES)
    good, wrong = old_token(type="refresh"), old_token()

    assert (await service.send("/refresh", refresh_token_cookie=good))[0] == 200
    assert await service.send("/refresh", refresh_token_cookie=wrong) == (
        422,
        "Only refresh tokens are allowed",
    )
    assert await service.send("/refresh") == (401, "Missing cookie refresh_token_cookie")


async def test_optional_cookie(service: Service) -> None:
    """An optional route accepts a valid cookie or none, and refuses an invalid one."""
    configure(service.auth, **COOKIES)

    assert (await service.send("/optional"))[1]["sub"] is None
    assert (await service.send("/optional", access_token_cookie=old_token()))[1]["sub"] == "alice"
    assert (await service.send("/optional", access_token_cookie="a"))[0] == 422


async def test_headers_are_ignored_if_only_cookies_are_a_location(service: Service) -> None:
    """If only cookies are a location, a token in the header is ignored, also without a guard."""
    configure(service.auth, **COOKIES)

    assert await service.send("/required", old_token()) == (
        401,
        "Missing cookie access_token_cookie",
    )
    assert await service.send("/unasked", old_token(), access_token_cookie=old_token()) == (
        200,
        {"sub": None},
    )


async def test_a_cookie_twice(service: Service) -> None:
    """Two cookies of one name are refused, even if they are equal."""
    configure(service.auth, **COOKIES)
    cookie = f"access_token_cookie={old_token()}"
    for path in ("required", "optional"):
        answer = await service.send(f"/{path}", headers={"Cookie": f"{cookie}; {cookie}"})
        assert answer == (422, "The request carries more than one credential.")


@pytest.mark.parametrize("guard", ["jwt_required", "jwt_optional", "jwt_refresh_token_required"])
async def test_cookies_without_a_request(auth: type[AuthJWT], guard: str) -> None:
    """Reading cookies without a request raises a TypeError with the reference's message."""
    configure(auth, **COOKIES)
    message = "request must be an instance of 'Request' or 'WebSocket'"
    with pytest.raises(TypeError, match=message):
        await getattr(auth(), guard)()
    with pytest.raises(TypeError, match=message):
        await getattr(auth(), guard)("websocket", websocket="no socket")
    with pytest.raises(TypeError, match=message):
        auth("no request")  # type: ignore[arg-type]


async def test_an_object_created_with_a_request(auth: type[AuthJWT]) -> None:
    """An object can be created with a request outside FastAPI's dependencies."""
    headers = [(b"authorization", f"Bearer {old_token()}".encode())]
    authorize = auth(Request({"type": "http", "method": "GET", "headers": headers}))
    await authorize.jwt_required()

    assert await authorize.get_jwt_subject() == "alice"
