"""A token that a program assigns to `_token`: used in place of the header, and verified like it."""

from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI
from fastapi.requests import HTTPConnection

from tests.adapters import authjwt_service
from tests.adapters.authjwt_service import BOTH, COOKIES, GUARDS, configure, old_token
from tests.support import OTHER_SECRET
from tokenward import Key
from tokenward.testing.adapters.service import client_of
from tokenward_fastapi.authjwt import AuthJWT
from tokenward_fastapi.authjwt.exceptions import (
    AccessTokenRequired,
    AuthJWTException,
    JWTDecodeError,
    MissingTokenError,
    RevokedTokenError,
)

auth = authjwt_service.auth  # a fixture

FORGED = old_token(key=Key.from_secret(OTHER_SECRET))


def connected(auth: type[AuthJWT], kind: str = "http", **headers: str) -> AuthJWT:
    """Return the object of a request or a WebSocket with some headers."""
    sent = [(name.encode(), value.encode()) for name, value in headers.items()]
    return auth(HTTPConnection({"type": kind, "method": "POST", "headers": sent}))


@pytest.mark.parametrize("guard", GUARDS.values())
@pytest.mark.parametrize("header", [{}, {"authorization": f"Bearer {FORGED}"}])
async def test_guards_use_it_in_place_of_the_header(
    auth: type[AuthJWT], guard: str, header: dict[str, str]
) -> None:
    """Each guard accepts it, with any header or without one, and its claims are read."""
    authorize = connected(auth, **header)
    token = old_token(type="refresh" if "refresh" in guard else "access", fresh=True)
    authorize._token = token
    await getattr(authorize, guard)()

    assert authorize._token == token
    assert await authorize.get_jwt_subject() == "alice"


@pytest.mark.parametrize("guard", GUARDS.values())
@pytest.mark.parametrize("token", [FORGED, "no token", "é", old_token(exp=1)])
async def test_guards_verify_it(auth: type[AuthJWT], guard: str, token: str) -> None:
    """Each guard refuses a token that is not valid, although the header has a valid one."""
    header = f"Bearer {old_token(type='refresh' if 'refresh' in guard else 'access', fresh=True)}"
    authorize = connected(auth, authorization=header)
    await getattr(authorize, guard)()
    authorize._token = token
    for method in (guard, "get_raw_jwt", "get_jwt_subject"):
        with pytest.raises(JWTDecodeError):
            await getattr(authorize, method)()


def test_anything_but_text_is_refused(auth: type[AuthJWT]) -> None:
    """The mistake raises a TypeError where it is made, and the error does not contain the value."""
    authorize = auth()
    with pytest.raises(TypeError, match=r"_token must be a string or None, not bytes$"):
        authorize._token = old_token().encode()
    assert authorize._token is None


async def test_its_type_and_the_denylist_are_checked(auth: type[AuthJWT]) -> None:
    """A refresh token does not open a route for access tokens, and a revoked token opens none."""
    configure(auth, denylist_enabled=True)
    auth.token_in_denylist_loader(lambda claims: claims["sub"] == "bob")
    authorize = auth()
    authorize._token = old_token(type="refresh")
    with pytest.raises(AccessTokenRequired):
        await authorize.jwt_required()
    authorize._token = old_token(sub="bob")
    with pytest.raises(RevokedTokenError):
        await authorize.jwt_required()


async def test_outside_of_a_request(auth: type[AuthJWT]) -> None:
    """An object without a request reads it, and its guards accept it."""
    authorize = auth()
    authorize._token = old_token()
    assert await authorize.get_jwt_subject() == "alice"
    assert (await authorize.get_unverified_jwt_headers())["alg"] == "HS256"
    await authorize.jwt_required()


@pytest.mark.parametrize("nothing", [None, ""])
async def test_none_stands_for_no_header(auth: type[AuthJWT], nothing: str | None) -> None:
    """After None the header is not read: no claims, and a required token is missing."""
    authorize = connected(auth, authorization=f"Bearer {old_token()}")
    await authorize.jwt_required()
    authorize._token = nothing
    assert await authorize.get_raw_jwt() is None
    await authorize.jwt_optional()
    with pytest.raises(MissingTokenError) as caught:
        await authorize.jwt_required()
    assert caught.value.message == "Missing Authorization Header"
    with pytest.raises(AuthJWTException):
        await authorize.get_unverified_jwt_headers()


async def test_guards_still_read_the_cookie(auth: type[AuthJWT]) -> None:
    """Where tokens come in cookies only, a guard ignores it; it never replaces the CSRF token."""
    configure(auth, **COOKIES)
    cookie = f"access_token_cookie={old_token(csrf='proof', sub='bob')}"
    authorize = connected(auth, **{"cookie": cookie, "x-csrf-token": "proof"})
    authorize._token = old_token()
    assert await authorize.get_jwt_subject() == "alice"
    await authorize.jwt_required()
    assert await authorize.get_jwt_subject() == "bob"

    authorize = connected(auth, cookie=cookie)
    authorize._token = old_token(csrf="proof")
    with pytest.raises(AuthJWTException, match="Missing CSRF Token"):
        await authorize.jwt_required()


async def test_header_and_cookie(auth: type[AuthJWT]) -> None:
    """Where both are allowed, it comes before the cookie; after None the cookie is used."""
    configure(auth, **BOTH)
    cookie = f"access_token_cookie={old_token(csrf='proof', sub='bob')}"
    authorize = connected(auth, **{"cookie": cookie, "x-csrf-token": "proof"})
    authorize._token = old_token()
    await authorize.jwt_required()
    assert await authorize.get_jwt_subject() == "alice"
    authorize._token = None
    await authorize.jwt_required()
    assert await authorize.get_jwt_subject() == "bob"


async def test_on_a_websocket_after_a_refusal(auth: type[AuthJWT]) -> None:
    """A refused WebSocket has no user, until another token is assigned and accepted."""
    authorize = connected(auth, "websocket")
    authorize._token = FORGED
    with pytest.raises(JWTDecodeError):
        await authorize.jwt_required()
    assert await authorize.get_jwt_subject() is None
    authorize._token = old_token()
    await authorize.jwt_required()
    assert await authorize.get_jwt_subject() == "alice"


async def test_a_subclass_that_reads_another_header(auth: type[AuthJWT]) -> None:
    """A subclass can take the token from where it likes, and each request has its own token."""

    class Child(auth):  # type: ignore[misc, valid-type]
        def __init__(self, req: HTTPConnection = None) -> None:  # type: ignore[assignment]
            super().__init__(req)
            self._token = req.headers.get("x-token")

    app = FastAPI()

    @app.get("/")
    async def subject(authorize: Annotated[Any, Depends(Child)]) -> str:
        await authorize.jwt_required()
        return str(await authorize.get_jwt_subject())

    async with client_of(app) as client:
        headers = {"X-Token": old_token(), "Authorization": f"Bearer {old_token(sub='bob')}"}
        assert (await client.get("/", headers=headers)).json() == "alice"
        del headers["X-Token"]
        answer = await client.get("/", headers=headers)
        assert answer.status_code == 401
