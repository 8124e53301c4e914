"""The drop-in with tokens in headers: accepted tokens and refusals."""

import time
from datetime import timedelta
from typing import Any

import pytest

from tests.adapters import authjwt_service
from tests.adapters.authjwt_service import BOTH, GUARDS, Service, configure, old_token
from tests.support import OTHER_SECRET, SECRET
from tokenward import Key
from tokenward_fastapi.authjwt import AuthJWT
from tokenward_fastapi.authjwt.exceptions import InvalidHeaderError, JWTDecodeError

auth, service = authjwt_service.auth, authjwt_service.service  # fixtures

BAD_HEADER = (422, "Bad Authorization header. Expected value 'Bearer <JWT>'")
LATER = int(time.time()) + 86_400


@pytest.mark.parametrize("path", GUARDS)
async def test_valid_tokens(service: Service, path: str) -> None:
    """Each guard accepts the type of token that it requires, and the handler gets the claims."""
    authorize = service.auth()
    refresh = await authorize.create_refresh_token("alice")
    access = await authorize.create_access_token("alice", fresh=True)
    token = refresh if path == "refresh" else access
    status, body = await service.send(f"/{path}", token)

    assert (status, body["sub"]) == (200, "alice")
    assert body["raw"] == await authorize.get_raw_jwt(token)


@pytest.mark.parametrize("path", ["required", "refresh", "fresh"])
async def test_missing(service: Service, path: str) -> None:
    """A request without a token is refused."""
    assert await service.send(f"/{path}") == (401, "Missing Authorization Header")
    assert await service.send(f"/{path}", headers={"Authorization": " "}) == (
        401,
        "Missing Authorization Header",
    )


async def test_optional_without_a_token(service: Service) -> None:
    """Without a token, an optional route has neither claims nor a subject."""
    assert await service.send("/optional") == (200, {"sub": None, "raw": None})


@pytest.mark.parametrize("path", ["required", "optional", "fresh"])
async def test_refresh_token_where_an_access_token_is_required(service: Service, path: str) -> None:
    """A refresh token is refused where an access token is required."""
    token = await service.auth().create_refresh_token("alice")

    assert await service.send(f"/{path}", token) == (422, "Only access tokens are allowed")


async def test_access_token_where_a_refresh_token_is_required(service: Service) -> None:
    """An access token is refused where a refresh token is required."""
    token = await service.auth().create_access_token("alice")

    assert await service.send("/refresh", token) == (422, "Only refresh tokens are allowed")


@pytest.mark.parametrize("fresh", [False, ..., 1e10])
async def test_stale_token(service: Service, fresh: object) -> None:
    """A token without a true `fresh` claim is not fresh."""
    assert await service.send("/fresh", old_token(fresh=fresh)) == (401, "Fresh token required")


@pytest.mark.parametrize(
    "value", ["Basic YTpi", "Bearer", "Bearer a b", "Bearerabc", "Token a", "a.b.c"]
)
@pytest.mark.parametrize("path", ["required", "refresh", "fresh"])
async def test_bad_header(service: Service, path: str, value: str) -> None:
    """A required header must be the type and one token."""
    assert await service.send(f"/{path}", headers={"Authorization": value}) == BAD_HEADER


@pytest.mark.parametrize("value", ["Basic YTpi", "Token a", "a.b.c", "Bearerabc"])
@pytest.mark.parametrize("path", ["nothing", "unasked", "optional"])
async def test_headers_of_other_schemes_are_ignored(
    service: Service, path: str, value: str
) -> None:
    """If no token is required, a header with another scheme is ignored."""
    status, body = await service.send(f"/{path}", headers={"Authorization": value})

    assert (status, body["sub"]) == (200, None)


@pytest.mark.parametrize("path", ["optional", "unasked"])
async def test_an_invalid_token_is_refused_if_optional(service: Service, path: str) -> None:
    """An invalid token is refused, even if the token is optional."""
    assert await service.send(f"/{path}", headers={"Authorization": "Bearer a b"}) == BAD_HEADER
    assert await service.send(f"/{path}", old_token(key=Key.from_secret(OTHER_SECRET))) == (
        422,
        "Signature verification failed",
    )


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer ", "Bearer\t"])
async def test_the_scheme_in_any_case(service: Service, scheme: str) -> None:
    """As in RFC 9110, the scheme may be in any case and is followed by one or more spaces."""
    headers = {"Authorization": f"{scheme} {old_token()}"}

    assert (await service.send("/required", headers=headers))[0] == 200


@pytest.mark.parametrize("kind", [None, ""])
async def test_bare_token(service: Service, kind: str | None) -> None:
    """Without a header type, the header is the token itself."""
    configure(service.auth, header_name="X-Token", header_type=kind)

    async def send(path: str, *values: str) -> tuple[int, Any]:
        return await service.send(path, headers=[("X-Token", value) for value in values])

    bad = (422, "Bad X-Token header. Expected value '<JWT>'")
    assert (await send("/required", old_token()))[0] == 200
    assert await send("/required", f"Bearer {old_token()}") == bad
    assert (await send("/optional", "Basic YTpi"))[0] == 200
    assert await send("/required") == (401, "Missing X-Token Header")
    assert (await send("/required", old_token(), old_token()))[0] == 422


async def test_name_and_type_of_the_header(service: Service) -> None:
    """The name and the type of the header can be set; the type is not a regular expression."""
    configure(service.auth, header_name="X-Auth", header_type="J.T")
    headers = {"X-Auth": f"J.T {old_token()}"}

    assert (await service.send("/required", headers=headers))[0] == 200
    assert await service.send("/required", headers={"X-Auth": f"JWT {old_token()}"}) == (
        422,
        "Bad X-Auth header. Expected value 'J.T <JWT>'",
    )
    assert await service.send("/required", old_token()) == (401, "Missing X-Auth Header")


async def test_two_headers(service: Service) -> None:
    """Two headers are refused, even if they are equal, wherever a token is read."""
    headers = [("Authorization", f"Bearer {old_token()}")] * 2
    for path in ("required", "optional", "refresh", "unasked"):
        assert await service.send(f"/{path}", headers=headers) == (
            422,
            "The request carries more than one credential.",
        )
    assert (await service.send("/nothing", headers=headers))[0] == 200


DECODING = [
    ({"exp": 1}, "Signature has expired"),
    ({"nbf": LATER}, "The token is not yet valid (nbf)"),
    ({"iat": LATER}, "The token is not yet valid (iat)"),
    ({"iat": LATER, "nbf": LATER}, "The token is not yet valid (iat)"),
    ({"aud": "a"}, "Invalid audience"),
    ({"sub": ...}, 'Token is missing the "sub" claim'),
    ({"jti": ...}, 'Token is missing the "jti" claim'),
    ({"type": ...}, 'Token is missing the "type" claim'),
    ({"exp": "soon"}, "Expiration Time claim (exp) must be an integer."),
    ({"iat": True}, "Issued At claim (iat) must be an integer."),
    ({"nbf": "now"}, "Not Before claim (nbf) must be an integer."),
    ({"sub": 1.5}, "Subject must be a string"),
    ({"sub": True}, "Subject must be a string"),
    ({"jti": 1}, "JWT ID must be a string"),
    ({"iss": 1}, "Payload Issuer (iss) must be a string"),
    ({"aud": 1}, "Invalid claim format in token"),
    ({"type": "other"}, "The token is of the wrong type."),
    ({"fresh": "yes"}, "A claim of the token is not valid. Claim: fresh."),
]


@pytest.mark.parametrize(("changes", "message"), DECODING)
async def test_messages_of_invalid_claims(
    service: Service, changes: dict[str, object], message: str
) -> None:
    """Invalid claims are refused with PyJWT's messages, if PyJWT has one."""
    assert await service.send("/required", old_token(**changes)) == (422, message)


@pytest.mark.parametrize(
    ("token", "message"),
    [
        ("a", "Not enough segments"),
        ("a.b", "Not enough segments"),
        ("a.b.c", "Invalid header string: must be a json object"),
        (old_token().rpartition(".")[0] + ".+", "Invalid payload or crypto padding"),
        (old_token(key=Key.from_secret(OTHER_SECRET)), "Signature verification failed"),
        (
            old_token(key=Key.from_secret(OTHER_SECRET, kid="unknown")),
            "Signature verification failed",
        ),
        (
            old_token(key=Key.from_secret(SECRET * 2, algorithm="HS512")),
            "The specified alg value is not allowed",
        ),
    ],
)
async def test_messages_of_invalid_tokens(service: Service, token: str, message: str) -> None:
    """Invalid tokens are refused with messages that contain no part of them."""
    assert await service.send("/required", token) == (422, message)


async def test_an_unreadable_token_raises_both_exceptions_of_the_reference() -> None:
    """The reference raises one exception for text that is not a token, and documents another."""
    authorize = configure(type("Own", (AuthJWT,), {}))()
    for kind in (JWTDecodeError, InvalidHeaderError):
        for call in (authorize.get_jti("a"), authorize.get_unverified_jwt_headers("a")):
            with pytest.raises(kind, match="Not enough segments"):
                await call


@pytest.mark.parametrize("leeway", [30, timedelta(seconds=30)])
async def test_leeway(service: Service, leeway: object) -> None:
    """An expired or not yet valid token is accepted within the leeway only."""
    configure(service.auth, decode_leeway=leeway)
    now = int(time.time())

    assert (await service.send("/required", old_token(exp=now - 5)))[0] == 200
    assert (await service.send("/required", old_token(nbf=now + 15)))[0] == 200
    assert (await service.send("/required", old_token(exp=now - 60)))[0] == 422
    assert (await service.send("/required", old_token(nbf=now + 90)))[0] == 422


@pytest.mark.parametrize("path", GUARDS)
async def test_issuer_on_every_path(service: Service, path: str) -> None:
    """With an issuer in the settings, each guard and each accessor refuses another issuer."""
    configure(service.auth, decode_issuer="urn:us")
    kind = "refresh" if path == "refresh" else "access"
    good = old_token(iss="urn:us", type=kind, fresh=True)
    bad = old_token(iss="urn:them", type=kind, fresh=True)

    assert (await service.send(f"/{path}", good))[0] == 200
    assert await service.send(f"/{path}", bad) == (422, "Invalid issuer")
    for call in (service.auth().get_raw_jwt(bad), service.auth().get_jti(bad)):
        with pytest.raises(JWTDecodeError, match="Invalid issuer"):
            await call


async def test_tokens_without_issuer(service: Service) -> None:
    """Refresh tokens without issuer are accepted, as the reference wrote them; access tokens are not."""
    configure(service.auth, decode_issuer="urn:us")
    status, body = await service.send("/refresh", old_token(type="refresh"))

    assert (status, "iss" in body["raw"]) == (200, False)
    assert await service.send("/required", old_token()) == (422, 'Token is missing the "iss" claim')


@pytest.mark.parametrize("wanted", ["a", ["a", "c"], {"a", "c"}])
@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ("a", None),
        (["b", "a"], None),
        ("b", "Audience doesn't match"),
        (["b", "d"], "Audience doesn't match"),
        (..., 'Token is missing the "aud" claim'),
    ],
)
async def test_audience(
    service: Service, wanted: object, sent: object, message: str | None
) -> None:
    """With an audience in the settings, a token must name one of its members."""
    configure(service.auth, decode_audience=wanted)
    status, said = await service.send("/required", old_token(aud=sent))

    assert (status, said if message else None) == ((422, message) if message else (200, None))


@pytest.mark.parametrize("guard", GUARDS.values())
async def test_a_misspelt_auth_from_is_refused(auth: type[AuthJWT], guard: str) -> None:
    """An `auth_from` that is neither of the two words raises a ValueError."""
    with pytest.raises(ValueError, match="auth_from must be between 'request' or 'websocket'"):
        await getattr(auth(), guard)("websockets", token=old_token())


async def test_headers_of_the_requests_token(auth: type[AuthJWT]) -> None:
    """Without an argument, the header of the request's token is returned."""
    authorize = auth()
    await authorize.jwt_required("websocket", token=old_token())

    assert await authorize.get_unverified_jwt_headers() == {"alg": "HS256", "typ": "JWT"}
    with pytest.raises(JWTDecodeError, match="Not enough segments"):
        await auth().get_unverified_jwt_headers()


@pytest.mark.parametrize("has_cookies", [False, True])
async def test_the_header_comes_before_the_cookie(service: Service, has_cookies: bool) -> None:
    """With both locations, the header is used if it has a token, otherwise the cookie."""
    configure(service.auth, **BOTH)
    header, cookie = old_token(sub="header"), old_token(sub="cookie")
    cookies = {"access_token_cookie": cookie} if has_cookies else {}

    status, body = await service.send("/required", header, **cookies)
    assert (status, body["sub"]) == (200, "header")
    answer = await service.send("/required", headers={"Authorization": "Basic YTpi"}, **cookies)
    assert (answer[1]["sub"] == "cookie") if has_cookies else (answer == BAD_HEADER)
    assert (await service.send("/required", old_token(exp=1), **cookies))[0] == 422
    if not has_cookies:
        assert await service.send("/required") == (401, "Missing cookie access_token_cookie")
