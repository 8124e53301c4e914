"""The work of a request that the drop-in protects, counted: each step happens once or not at all."""

from collections.abc import Awaitable, Callable
from typing import Annotated
from unittest.mock import ANY

import pytest
from fastapi import Depends, Response
from fastapi.requests import HTTPConnection

from tests.adapters import authjwt_service
from tests.adapters.authjwt_service import BOTH, LOOKS_BEHIND, Service, configure, old_token
from tests.adapters.counting import CountedApp, Work
from tests.core.key_material import JWKS, PEM, RSA_KEY, SPKI
from tests.support import SECRET
from tokenward import Key
from tokenward.testing.adapters.service import bearer, client_of
from tokenward.testing.adapters.websocket_client import open_websocket
from tokenward_fastapi.authjwt import AuthJWT
from tokenward_fastapi.authjwt.auth_jwt import AuthJWTBearer

auth, service = authjwt_service.auth, authjwt_service.service  # fixtures

RSA = Key.from_jwk(JWKS["RSA"])
SIGNERS = {"HS256": Key.from_secret(SECRET), "RS256": RSA}
RSA_SETTINGS = {
    "algorithm": "RS256",
    "private_key": RSA.private_pem().decode(),
    "public_key": RSA_KEY.public_key().public_bytes(PEM, SPKI).decode(),
}
# Otherwise FastAPI calls the class in a thread.
HOPS = () if LOOKS_BEHIND else ANY
# The header, the claims, and the members that the denylist and the handler get.
FIRST = Work(signatures=1, parses=3, hops=HOPS)
NEW = Work(signatures=1, parses=2, hops=HOPS)
REPEAT = Work(parses=2, hops=HOPS)


Way = Callable[[CountedApp, str], Awaitable[bool]]


async def by_header(app: CountedApp, token: str, path: str = "/required") -> bool:
    """Send a token in the header."""
    async with client_of(app) as client:
        response = await client.get(path, headers=list(bearer(token)))
    return response.status_code == 200


async def by_cookie(app: CountedApp, token: str) -> bool:
    """Send a token in a cookie, with its CSRF token."""
    headers = {"Cookie": f"access_token_cookie={token}", "X-CSRF-Token": "proof"}
    async with client_of(app) as client:
        response = await client.post("/fresh", headers=headers)
    return response.status_code == 200


async def by_socket(app: CountedApp, token: str) -> bool:
    """Open a WebSocket with a token in its handshake."""
    outcome = await open_websocket(app, "/ws/request/required", headers=bearer(token))
    return outcome.messages == ["alice"]


async def by_socket_query(app: CountedApp, token: str) -> bool:
    """Open a WebSocket with a token in its query."""
    outcome = await open_websocket(app, "/ws/required", query=f"token={token}".encode())
    return outcome.messages == ["alice"]


@pytest.mark.parametrize("algorithm", SIGNERS)
@pytest.mark.parametrize("way", [by_header, by_cookie, by_socket, by_socket_query])
async def test_each_thing_once(service: Service, way: Way, algorithm: str) -> None:
    """With a built engine, a token costs one verification and two passes over its payload."""
    configure(service.auth, **BOTH, **(RSA_SETTINGS if algorithm == "RS256" else {}))
    service.auth.engine()
    app = CountedApp(service.app)
    one, other = (
        old_token(SIGNERS[algorithm], jti=jti, csrf="proof", fresh=True) for jti in ("1", "2")
    )

    assert [await way(app, token) for token in (one, one, other, one, other)] == [True] * 5

    assert app.work == [FIRST, REPEAT, NEW, REPEAT, REPEAT]


async def test_the_engine_is_kept(service: Service) -> None:
    """The first request builds the engine and its keys; later requests build neither."""
    app = CountedApp(service.app)
    for _ in range(3):
        await by_header(app, old_token())

    assert [each.keys for each in app.work[1:]] == [(), ()]


async def test_two_objects_and_no_thread(service: Service) -> None:
    """Two objects of one request share their work; with the bearer dependency no thread is used."""

    class Bearer(AuthJWTBearer):
        async def __call__(self, req: HTTPConnection, res: Response) -> AuthJWT:
            return service.auth(req, res)

    @service.app.get("/two")
    async def root(
        one: Annotated[AuthJWT, Depends(Bearer())], two: Annotated[AuthJWT, Depends(Bearer())]
    ) -> bool:
        await one.jwt_required()
        await two.jwt_required()
        return one is two

    service.auth.engine()
    app, token = CountedApp(service.app), old_token()

    assert [await by_header(app, token, "/two") for _ in range(2)] == [True] * 2
    assert app.work == [Work(signatures=1, parses=2), Work(parses=1)]
