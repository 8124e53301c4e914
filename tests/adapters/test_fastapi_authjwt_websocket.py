"""The drop-in on WebSockets: tokens as arguments and in cookies, and refusals."""

from collections.abc import Sequence
from typing import Annotated, NamedTuple
from urllib.parse import quote

import pytest
from fastapi import Depends, WebSocket

from tests.adapters import authjwt_service
from tests.adapters.authjwt_service import BOTH, COOKIES, Service, configure, old_token
from tokenward.testing.adapters.websocket_client import DENIAL_RESPONSE, Outcome, open_websocket
from tokenward_fastapi.authjwt import AuthJWT
from tokenward_fastapi.authjwt.exceptions import AuthJWTException, MissingTokenError

auth, service = authjwt_service.auth, authjwt_service.service  # fixtures

KINDS = {"required": "access", "fresh": "access", "optional": "access", "refresh": "refresh"}


async def by_token(service: Service, path: str, token: str | None) -> Outcome:
    """Open a socket with a token in its query."""
    query = b"" if token is None else f"token={quote(token)}".encode()
    return await open_websocket(service.app, f"/ws/{path}", query=query)


async def by_cookie(
    service: Service,
    path: str,
    proof: str | None,
    headers: Sequence[tuple[bytes, bytes]] = (),
    **changes: object,
) -> Outcome:
    """Open a socket with a token in a cookie and a CSRF token in the query."""
    kind = KINDS[path]
    token = old_token(**{"type": kind, "fresh": True, "csrf": "proof", **changes})
    query = b"" if proof is None else f"csrf_token={quote(proof)}".encode()
    cookie = (b"cookie", f"{kind}_token_cookie={token}".encode())
    return await open_websocket(
        service.app, f"/ws/cookie/{path}", query=query, headers=[cookie, *headers]
    )


@pytest.mark.parametrize("path", KINDS)
async def test_token_as_an_argument(service: Service, path: str) -> None:
    """A token from the query opens the socket, and the handler gets its subject."""
    outcome = await by_token(service, path, old_token(type=KINDS[path], fresh=True))

    assert (outcome.accepted, outcome.messages) == (True, ["alice"])


@pytest.mark.parametrize("path", ["required", "fresh", "refresh"])
async def test_no_token_as_an_argument(service: Service, path: str) -> None:
    """Without a token the socket is closed; the reason says where a token was expected."""
    outcome = await by_token(service, path, None)

    assert (outcome.accepted, outcome.close_code, outcome.close_reason) == (
        False,
        1008,
        f"Missing {KINDS[path]} token from Query or Path",
    )


async def test_optional_without_a_token(service: Service) -> None:
    """An optional socket opens without a token and has no subject."""
    assert (await by_token(service, "optional", None)).messages == ["None"]
    outcome = await open_websocket(service.app, "/ws/cookie/optional")
    assert outcome.messages == ["None"]


@pytest.mark.parametrize("extensions", [DENIAL_RESPONSE, {}], ids=["denial", "none"])
@pytest.mark.parametrize("has_handler", [True, False])
@pytest.mark.parametrize(
    ("token", "reason"),
    [
        ("a", "Not enough segments"),
        (old_token(exp=1), "Signature has expired"),
        (old_token(type="refresh"), "Only access tokens are allowed"),
        ("\udcff\u20ac.\x00.é", "Invalid header string: must be a json object"),
    ],
)
async def test_invalid_token_as_an_argument(
    auth: type[AuthJWT], token: str, reason: str, has_handler: bool, extensions: dict[str, object]
) -> None:
    """An invalid token closes the socket, with or without an exception handler in the app."""
    service = Service(auth, has_handler=has_handler)
    query = f"token={quote(token, errors='surrogateescape')}".encode()
    outcome = await open_websocket(service.app, "/ws/required", query=query, extensions=extensions)

    assert (outcome.accepted, outcome.close_code, outcome.close_reason) == (False, 1008, reason)


@pytest.mark.parametrize("locations", [COOKIES, BOTH])
@pytest.mark.parametrize("path", KINDS)
async def test_token_in_a_cookie(service: Service, path: str, locations: dict[str, object]) -> None:
    """A cookie opens the socket only with its CSRF token."""
    configure(service.auth, **locations)

    assert (await by_cookie(service, path, "proof")).messages == ["alice"]
    assert [
        ((await by_cookie(service, path, proof, **changes)).close_reason, changes and None)
        for proof, changes in (
            (None, {}),
            ("", {}),
            ("other", {}),
            ("prööf", {}),
            ("proof", {"csrf": ...}),
        )
    ] == [
        ("Missing CSRF Token", {}),
        ("Missing CSRF Token", {}),
        ("CSRF double submit tokens do not match", {}),
        ("CSRF double submit tokens do not match", {}),
        ("Missing claim: csrf", None),
    ]


async def test_cookie_without_protection(service: Service) -> None:
    """With CSRF protection disabled, the cookie is enough."""
    configure(service.auth, **COOKIES, cookie_csrf_protect=False)

    assert (await by_cookie(service, "required", None)).messages == ["alice"]


async def test_no_cookie(service: Service) -> None:
    """The reason contains the name of a missing cookie."""
    configure(service.auth, **COOKIES)
    outcome = await open_websocket(service.app, "/ws/cookie/required")

    assert (outcome.close_code, outcome.close_reason) == (
        1008,
        "Missing cookie access_token_cookie",
    )


async def test_header_of_the_handshake(service: Service) -> None:
    """A guard without arguments accepts the header of the handshake and closes the socket without it."""
    headers = [(b"authorization", f"Bearer {old_token()}".encode())]
    opened = await open_websocket(service.app, "/ws/request/required", headers=headers)
    closed = await open_websocket(service.app, "/ws/request/required")

    assert opened.messages == ["alice"]
    assert (closed.close_code, closed.close_reason) == (1008, "Missing Authorization Header")


async def test_errors_can_be_caught(service: Service) -> None:
    """A guard on a socket raises the reference's exceptions, which the handler may catch."""

    @service.app.websocket("/own")
    async def own(websocket: WebSocket, token: str | None = None) -> None:
        await websocket.accept()
        authorize = service.auth()
        try:
            await authorize.jwt_required("websocket", token=token)
        except MissingTokenError as error:
            await websocket.send_text(f"{error.status_code} {error.message}")
        except AuthJWTException as error:
            await websocket.send_text(f"{error.status_code} {error.message}")
        await websocket.close()

    missing = await open_websocket(service.app, "/own")
    bad = await open_websocket(service.app, "/own", query=b"token=a")

    assert missing.messages == ["1008 Missing access token from Query or Path"]
    assert bad.messages == ["422 Not enough segments"]


async def test_an_open_socket_is_closed(service: Service) -> None:
    """An uncaught exception closes a socket that was already accepted."""

    @service.app.websocket("/late")
    async def late(websocket: WebSocket) -> None:
        await websocket.accept()
        await service.auth(websocket).jwt_required("websocket", token="a")

    outcome = await open_websocket(service.app, "/late")

    assert (outcome.accepted, outcome.close_code) == (True, 1008)


async def test_a_token_as_an_argument_on_a_request(service: Service) -> None:
    """On an HTTP route a token from the query works too; a missing one is a 401."""

    @service.app.get("/download")
    async def download(
        authorize: Annotated[AuthJWT, Depends(service.auth)], token: str = ""
    ) -> None:
        await authorize.jwt_required("websocket", token=token)

    assert (await service.client.get("/download", params={"token": old_token()})).status_code == 200
    assert await service.send("/download") == (401, "Missing access token from Query or Path")


async def test_a_socket_outlives_its_token(service: Service) -> None:
    """Checked again, a token is not verified again, but its expiry and the denylist are."""
    configure(service.auth, denylist_enabled=True)
    service.count_decoding()
    denied: set[str] = set()
    service.auth.token_in_denylist_loader(lambda raw: raw["jti"] in denied)

    @service.app.websocket("/loop")
    async def loop(websocket: WebSocket) -> None:
        await websocket.accept()
        authorize = service.auth(websocket)
        async for token in websocket.iter_text():
            await authorize.jwt_required("websocket", token=token)
            await websocket.send_text(str(await authorize.get_jwt_subject()))
            denied.add(await authorize.get_jti(token))

    outcome = await open_websocket(service.app, "/loop", messages=[old_token()] * 2)

    assert (outcome.messages, outcome.close_reason) == (["alice"], "Token has been revoked")
    assert len(service.decoded) == 1


class Recheck(NamedTuple):
    """A check on an open socket that is refused after an earlier check was accepted."""

    method: str
    token: str | None
    reason: str

    @property
    def id(self) -> str:
        """The name of the case, which is the same in each process."""
        return f"{self.method} {self.reason}"


RECHECKS = [
    Recheck("jwt_required", None, "Missing access token from Query or Path"),
    Recheck("jwt_required", "a", "Not enough segments"),
    Recheck("jwt_required", old_token(exp=1, sub="bob"), "Signature has expired"),
    Recheck("jwt_optional", old_token(exp=1), "Signature has expired"),
    Recheck("jwt_required", old_token(type="refresh"), "Only access tokens are allowed"),
    Recheck("jwt_refresh_token_required", old_token(), "Only refresh tokens are allowed"),
    Recheck("fresh_jwt_required", old_token(), "Fresh token required"),
]


@pytest.mark.parametrize("is_dependency", [True, False])
@pytest.mark.parametrize("recheck", RECHECKS, ids=[case.id for case in RECHECKS])
async def test_no_subject_after_a_refused_check(
    service: Service, recheck: Recheck, is_dependency: bool
) -> None:
    """After a refused check, a handler has no subject and no claims until a check is accepted."""

    @service.app.websocket("/recheck")
    async def rechecked(
        websocket: WebSocket, authorize: Annotated[AuthJWT, Depends(service.auth)]
    ) -> None:
        if not is_dependency:
            authorize = service.auth()
        await websocket.accept()
        await authorize.jwt_required("websocket", token=old_token())
        await websocket.send_text(str(await authorize.get_jwt_subject()))
        with pytest.raises(AuthJWTException, match=recheck.reason):
            await getattr(authorize, recheck.method)("websocket", token=recheck.token)
        await websocket.send_text(str(await authorize.get_jwt_subject()))
        await websocket.send_text(str(await authorize.get_raw_jwt()))
        await authorize.jwt_optional("websocket", token=None)
        await authorize.jwt_required("websocket", token=old_token(sub="bob"))
        await websocket.send_text(str(await authorize.get_jwt_subject()))
        await websocket.close()

    # The header of the handshake is not used instead either.
    headers = [(b"authorization", f"Bearer {old_token(sub='carol')}".encode())]
    outcome = await open_websocket(service.app, "/recheck", headers=headers)
    assert outcome.messages == ["alice", "None", "None", "bob"]


async def test_no_subject_after_a_revoked_token(service: Service) -> None:
    """After the denylist refuses a token that was accepted before, its subject is gone."""
    configure(service.auth, denylist_enabled=True)
    denied: set[str] = set()
    service.auth.token_in_denylist_loader(lambda raw: raw["jti"] in denied)

    @service.app.websocket("/revoked")
    async def revoked(websocket: WebSocket) -> None:
        await websocket.accept()
        authorize = service.auth(websocket)
        await authorize.jwt_required()
        denied.add((await authorize.get_raw_jwt())["jti"])
        with pytest.raises(AuthJWTException, match="Token has been revoked"):
            await authorize.jwt_required()
        await websocket.send_text(str(await authorize.get_jwt_subject()))
        await websocket.close()

    headers = [(b"authorization", f"Bearer {old_token()}".encode())]
    assert (await open_websocket(service.app, "/revoked", headers=headers)).messages == ["None"]


async def test_a_request_that_is_not_fresh_enough_keeps_its_subject(service: Service) -> None:
    """On HTTP, a handler may catch a refused freshness check and keep the accepted subject."""

    @service.app.get("/settings")
    async def settings(authorize: Annotated[AuthJWT, Depends(service.auth)]) -> dict[str, object]:
        await authorize.jwt_required()
        with pytest.raises(AuthJWTException, match="Fresh token required"):
            await authorize.fresh_jwt_required()
        return {"sub": await authorize.get_jwt_subject()}

    assert await service.send("/settings", old_token()) == (200, {"sub": "alice"})
