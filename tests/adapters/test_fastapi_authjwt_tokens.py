"""Issuing tokens with the drop-in: their claims, their lifetime and invalid arguments."""

import time
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.adapters import authjwt_service
from tests.adapters.authjwt_service import BOTH, COOKIES, configure
from tokenward_fastapi.authjwt import AuthJWT
from tokenward_fastapi.authjwt.exceptions import JWTDecodeError

auth = authjwt_service.auth  # a fixture

MAKERS = ["create_access_token", "create_refresh_token"]


async def made(auth: type[AuthJWT], maker: str = "create_access_token", **given: Any) -> Any:
    """Issue a token and return its claims."""
    authorize = auth()
    token = await getattr(authorize, maker)(**{"subject": "alice", **given})
    return await authorize.get_raw_jwt(token)


async def test_claims_of_an_access_token(auth: type[AuthJWT]) -> None:
    """An access token has the claims of the reference; Tokenward's own claims are hidden."""
    raw = await made(auth)

    assert {"sub": "alice", "type": "access", "fresh": False}.items() <= raw.items()
    assert raw.keys() == {"sub", "iat", "nbf", "jti", "exp", "type", "fresh"}
    assert UUID(raw["jti"]).version == 4
    assert raw["nbf"] == raw["iat"] == pytest.approx(time.time(), abs=5)
    assert raw["exp"] == raw["iat"] + 900


async def test_claims_of_a_refresh_token(auth: type[AuthJWT]) -> None:
    """A refresh token has its type, no `fresh` claim, and a lifetime of 30 days."""
    raw = await made(auth, "create_refresh_token")

    assert raw.keys() == {"sub", "iat", "nbf", "jti", "exp", "type"}
    assert (raw["type"], raw["exp"] - raw["iat"]) == ("refresh", 30 * 24 * 3600)


async def test_fresh(auth: type[AuthJWT]) -> None:
    """A fresh token has a true `fresh` claim."""
    assert (await made(auth, fresh=True))["fresh"] is True


@pytest.mark.parametrize("maker", MAKERS)
async def test_csrf_claim_where_cookies_are_a_location(auth: type[AuthJWT], maker: str) -> None:
    """Each token has its own CSRF claim if cookies are a location and protected."""
    configure(auth, **BOTH)
    first, second = await made(auth, maker), await made(auth, maker)
    configure(auth, **COOKIES, cookie_csrf_protect=False)
    unprotected = await made(auth, maker)

    assert first["csrf"]
    assert first["csrf"] != second["csrf"]
    assert "csrf" not in unprotected


@pytest.mark.parametrize("maker", MAKERS)
async def test_issuer_is_written(auth: type[AuthJWT], maker: str) -> None:
    """Both types of tokens contain the issuer of the settings."""
    configure(auth, encode_issuer="urn:us")

    assert (await made(auth, maker))["iss"] == "urn:us"


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("a", "a"),
        (["a", "b"], ["a", "b"]),
        (("a",), ["a"]),
        ({"a"}, ["a"]),
        (frozenset("a"), ["a"]),
    ],
)
async def test_audience_is_written(
    auth: type[AuthJWT], maker: str, given: object, written: object
) -> None:
    """A token contains the audience that the caller passes."""
    configure(auth, decode_audience="a")

    assert (await made(auth, maker, audience=given))["aud"] == written


@pytest.mark.parametrize("given", [None, "", []])
async def test_the_audience_of_the_settings_is_not_written(
    auth: type[AuthJWT], given: object
) -> None:
    """The audience of the settings is required of tokens, but not written into them."""
    token = await auth().create_access_token("alice", audience=given)
    configure(auth, decode_audience="a")

    with pytest.raises(JWTDecodeError) as caught:
        await auth().get_raw_jwt(token)
    assert caught.value.message == 'Token is missing the "aud" claim'


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("subject", [0, 1, -7, 10**30])
async def test_integer_subject_stays_an_integer(
    auth: type[AuthJWT], maker: str, subject: int
) -> None:
    """An integer subject is read as an integer; the token holds its text and a marker."""
    token = await getattr(auth(), maker)(subject)
    claims = await auth.engine().decode(token, type=None)

    assert (await auth().get_raw_jwt(token))["sub"] == subject
    assert (claims.sub, claims.extra) == (str(subject), {"int_sub": True})


async def test_text_of_digits_stays_text(auth: type[AuthJWT]) -> None:
    """A subject of digits that was passed as text stays text."""
    assert (await made(auth, subject="42"))["sub"] == "42"


async def test_user_claims(auth: type[AuthJWT]) -> None:
    """Additional claims are in the token unchanged, including scopes."""
    raw = await made(auth, user_claims={"foo": ["fiz", {"n": 1}], "scope": "read write"})

    assert (raw["foo"], raw["scope"]) == (["fiz", {"n": 1}], "read write")


async def test_returned_claims_are_a_copy(auth: type[AuthJWT]) -> None:
    """Changing the returned claims does not change what the next call returns."""
    token = await auth().create_access_token("alice", user_claims={"foo": ["fiz"]})
    authorize = auth()
    await authorize.jwt_required("websocket", token=token)
    (await authorize.get_raw_jwt())["foo"].append("baz")

    assert (await authorize.get_raw_jwt())["foo"] == ["fiz"]


RESERVED = [
    "sub",
    "exp",
    "iat",
    "nbf",
    "jti",
    "type",
    "fresh",
    "iss",
    "aud",
    "csrf",
    "int_sub",
    "sid",
]


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("name", RESERVED)
async def test_reserved_claims_are_refused(auth: type[AuthJWT], maker: str, name: str) -> None:
    """Additional claims with a reserved name are refused, and the error contains the name."""
    with pytest.raises(ValueError, match=f"user_claims must not contain {name}:"):
        await getattr(auth(), maker)("alice", user_claims={name: "mallory"})


@pytest.mark.parametrize("scope", [["a"], " a", "a  b", 1])
async def test_scope_that_would_change_is_refused(auth: type[AuthJWT], scope: object) -> None:
    """Scopes must be text with single spaces, because the token could not hold anything else unchanged."""
    with pytest.raises(ValueError, match="scope in user_claims"):
        await auth().create_access_token("alice", user_claims={"scope": scope})


async def test_headers(auth: type[AuthJWT]) -> None:
    """Additional header members are in the token and can be read without verification."""
    authorize = auth()
    token = await authorize.create_access_token("alice", headers={"tenant": "acme"})

    assert (await authorize.get_unverified_jwt_headers(token))["tenant"] == "acme"


DEFAULT = {"create_access_token": 600, "create_refresh_token": 1200}
LIFETIMES = [
    (None, None),
    (True, None),
    (60, 60),
    (timedelta(days=1), 86_400),
    (0, 0),
    (-5, 0),
    (timedelta(seconds=-5), 0),
]


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize(("given", "seconds"), LIFETIMES)
async def test_lifetime(auth: type[AuthJWT], maker: str, given: Any, seconds: int | None) -> None:
    """The lifetime is the seconds or timedelta passed, or the settings' lifetime; zero has expired at once."""
    configure(auth, access_token_expires=600, refresh_token_expires=timedelta(minutes=20))
    token = await getattr(auth(), maker)("alice", expires_time=given)
    if seconds == 0:
        with pytest.raises(JWTDecodeError, match="Signature has expired"):
            await auth().get_raw_jwt(token)
    else:
        raw = await auth().get_raw_jwt(token)
        assert raw["exp"] - raw["iat"] == (DEFAULT[maker] if seconds is None else seconds)


@pytest.mark.parametrize("maker", MAKERS)
async def test_tokens_that_never_expire(auth: type[AuthJWT], maker: str) -> None:
    """False never expires, as an argument and in the settings; True is the lifetime of the settings."""
    assert "exp" not in await made(auth, maker, expires_time=False)
    configure(auth, access_token_expires=False, refresh_token_expires=False)
    assert "exp" not in await made(auth, maker)
    assert "exp" not in await made(auth, maker, expires_time=True)
    assert "exp" in await made(auth, maker, expires_time=60)


@pytest.mark.parametrize("maker", MAKERS)
async def test_zero_in_the_settings(auth: type[AuthJWT], maker: str) -> None:
    """A lifetime of zero in the settings is zero, not the default."""
    configure(auth, access_token_expires=0, refresh_token_expires=0)

    with pytest.raises(JWTDecodeError, match="Signature has expired"):
        await made(auth, maker)


WRONG = [
    ("subject", None, "subject must be a string or integer"),
    ("subject", 1.5, "subject must be a string or integer"),
    ("subject", True, "subject must be a string or integer"),
    ("audience", 1, "audience must be a string or sequence"),
    ("algorithm", 1, "algorithm must be a string"),
    ("headers", "text", "headers must be a dictionary"),
    ("headers", [], "headers must be a dictionary"),
    ("user_claims", "asd", "user_claims must be a dictionary"),
    ("user_claims", [], "user_claims must be a dictionary"),
    ("expires_time", "soon", "expires_time must be between timedelta, int, bool"),
    ("expires_time", 1.5, "expires_time must be between timedelta, int, bool"),
]


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize(("argument", "value", "message"), WRONG)
async def test_arguments_of_a_wrong_type(
    auth: type[AuthJWT], maker: str, argument: str, value: object, message: str
) -> None:
    """Each argument of a wrong type raises a TypeError with the reference's message."""
    with pytest.raises(TypeError, match=message):
        await made(auth, maker, **{argument: value})


async def test_fresh_of_a_wrong_type(auth: type[AuthJWT]) -> None:
    """A `fresh` that is not a boolean raises a TypeError with the reference's message."""
    with pytest.raises(TypeError, match="fresh must be a boolean"):
        await auth().create_access_token("alice", fresh="lol")
