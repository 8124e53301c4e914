"""Hostile requests to the drop-in: nothing that a client sends causes a 500."""

import json
from typing import Any

import httpx
import pytest

from tests.adapters import authjwt_service
from tests.adapters.authjwt_service import BOTH, GUARDS, Service, configure, old_token
from tests.support import SECRET, payload_of, signed
from tokenward import Key
from tokenward.jose.codec import b64url_encode
from tokenward.testing.adapters.service import client_of
from tokenward_fastapi.authjwt import AuthJWT
from tokenward_fastapi.authjwt.exceptions import UnreadableTokenError

auth = authjwt_service.auth  # a fixture

HEADERS: list[object] = [
    {"alg": "none"},
    {"alg": "None", "typ": "JWT"},
    {"alg": "RS256"},
    {"alg": "XS256"},
    {"alg": None},
    {"alg": ["HS256"]},
    {"typ": "JWT"},
    {"alg": "HS256", "kid": "../../dev/null"},
    {"alg": "RS256", "kid": "unknown"},
    {"alg": "HS256", "kid": 1},
    {"alg": "HS256", "crit": ["exp"]},
    {"alg": "HS256", "typ": "logout+jwt"},
    b"[]",
    b"\xff",
    b"[" * 1000,
]
CLAIMS: list[dict[str, object]] = [
    {"type": ...},
    {"type": 1},
    {"type": "id"},
    {"exp": "9999999999"},
    {"exp": True},
    {"exp": 10**400},
    {"sub": None},
    {"sub": {"a": 1}},
    {"sub": True},
    {"aud": [1]},
    {"aud": "somebody"},
    {"iss": []},
    {"jti": None},
    {"fresh": "yes"},
    {"csrf": 1},
    # Bound to a key of the client: never a bearer token (RFC 9449 §7.2, RFC 8705 §3).
    {"cnf": {"jkt": "x"}},
    {"cnf": {"x5t#S256": "x"}},
    {"cnf": {"kid": "x"}},
    {"cnf": {}},
]
TOKENS = [
    *(signed(payload_of(), header=header) for header in HEADERS),
    *(old_token(**changes) for changes in CLAIMS),
    *(signed(b, key=Key.from_secret(SECRET)) for b in (b"[]", b"null", b"\xff", b'{"exp": NaN}')),
    f"{b64url_encode(json.dumps({'alg': 'none'}).encode())}.{b64url_encode(b'{}')}.",
    old_token().rpartition(".")[0] + ".",
    "..",
    ".",
    "a" * 20_000,
    "%00.%00.%00",
]


@pytest.fixture(scope="module")
def service() -> Service:
    """Return one service for the module: what it refuses changes nothing in it."""

    class OwnAuthJWT(AuthJWT):
        pass

    return Service(configure(OwnAuthJWT, **BOTH))


async def answers(service: Service, path: str, token: bytes) -> list[httpx.Response]:
    """Send a token in the header, and in each cookie with a CSRF token."""
    cookie = b"access_token_cookie=%s; refresh_token_cookie=%s" % (token, token)
    return [
        await service.client.post(path, headers=headers)
        for headers in (
            [(b"authorization", b"Bearer " + token)],
            [(b"cookie", cookie), (b"x-csrf-token", b"\xff\xfe")],
        )
    ]


@pytest.mark.parametrize("path", [*GUARDS, "unasked"])
@pytest.mark.parametrize("number", range(len(TOKENS)))
async def test_hostile_tokens(service: Service, path: str, number: int) -> None:
    """Every guard refuses each of them, with a message that contains no part of it."""
    token = TOKENS[number].encode()
    by_header, by_cookie = await answers(service, f"/{path}", token)
    refused = {401, 422}

    assert by_header.status_code in refused
    assert by_cookie.status_code in ({200} if path == "unasked" else refused)
    if len(token) > 20:
        assert TOKENS[number][:20] not in by_header.text + by_cookie.text


@pytest.mark.parametrize("path", GUARDS)
@pytest.mark.parametrize("token", [b"\xff\xfe", "é.é.é".encode(), b"\x00", b"a b", b'"', b"="])
async def test_hostile_bytes(service: Service, path: str, token: bytes) -> None:
    """Bytes that are not text are refused."""
    for response in await answers(service, f"/{path}", token):
        assert response.status_code in {401, 422}


@pytest.mark.parametrize("token", ["\udcff.a.b", "é", "a.b.c", "", None, 1])
async def test_hostile_texts(auth: type[AuthJWT], token: Any) -> None:
    """Any text that a handler passes raises an exception of the reference."""
    authorize = auth()
    with pytest.raises(Exception, match="422: "):
        await authorize.get_jti(token)
    if token:
        with pytest.raises(Exception, match="422: "):
            await authorize.get_raw_jwt(token)


@pytest.mark.parametrize("number", range(len(TOKENS)))
async def test_unverified_headers(auth: type[AuthJWT], number: int) -> None:
    """Reading an unverified header returns a dictionary or raises an exception of the reference."""
    found: object = None
    try:
        found = await auth().get_unverified_jwt_headers(TOKENS[number])
    except UnreadableTokenError as error:
        found = {} if error.__context__ is None else error
    assert isinstance(found, dict)


async def test_without_a_handler(auth: type[AuthJWT]) -> None:
    """An app without an exception handler answers with the status and message."""
    async with client_of(Service(auth, has_handler=False).app) as client:
        response = await client.get("/required")

    assert (response.status_code, response.json()) == (
        401,
        {"detail": "Missing Authorization Header"},
    )


async def test_no_exception_holds_a_token(auth: type[AuthJWT]) -> None:
    """No cause or context of an exception contains a token."""
    for token in (old_token(exp=1), old_token(sub=1.5), "a.b.c"):
        with pytest.raises(Exception, match="422: ") as caught:
            await auth().get_jti(token)
        assert (caught.value.__cause__, caught.value.__context__) == (None, None)
