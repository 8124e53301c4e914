"""FastAPI's refusals: with and without `init_app`, by its own handlers and by the user's.

Also what a refusal must not allow or reveal: other methods, CORS, the realm.
"""

from typing import Any

import pytest
from fastapi import Depends, FastAPI, HTTPException, Request, WebSocket
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse, PlainTextResponse

from tests.adapters import fastapi_service
from tests.adapters.fastapi_service import (
    EXPIRED,
    GOOD,
    Service,
    build,
    challenge_of,
    protect,
)
from tests.support import FrozenClock
from tokenward import StoreUnavailableError, TokenError, TokenExpiredError, TokenRejectedError
from tokenward.testing.adapters import answers
from tokenward.testing.adapters.exchanges import assert_answer
from tokenward.testing.adapters.service import (
    OUTAGE,
    bearer,
    client_of,
    contract_engine,
    shop_token,
)
from tokenward.testing.adapters.websocket_client import open_websocket
from tokenward_fastapi import TokenAuth

service, bare = fastapi_service.service, fastapi_service.bare  # fixtures


@pytest.mark.parametrize(
    ("token", "scope", "answer"),
    [
        (None, [], answers.MISSING),
        (EXPIRED, [], answers.EXPIRED),
        (GOOD, ["orders:read"], answers.too_little("orders:read")),
        (shop_token(sub=OUTAGE), [], answers.OUT_OF_ORDER),
    ],
    ids=["missing", "expired", "scope", "outage"],
)
async def test_without_init_app(
    bare: Service, token: str | None, scope: list[str], answer: answers.Answer
) -> None:
    """Without `init_app` the status and the headers are the same; the body is that of an HTTPException."""

    @bare.app.get("/", dependencies=[Depends(bare.auth.required(scopes=scope))])
    async def root() -> None: ...

    response = await bare.get("/", token)

    assert (response.status_code, challenge_of(response)) == (answer.status, answer.challenge)
    assert response.headers.get("retry-after") == answer.retry_after
    assert response.json() == {"detail": answer.body["detail"]}


@pytest.mark.parametrize("plain", [False, True], ids=["async", "plain"])
@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (TokenExpiredError(), answers.EXPIRED),
        (TokenRejectedError("No \u00fcbergabe."), None),
        (StoreUnavailableError(), answers.OUT_OF_ORDER),
        (TokenError(), None),
    ],
    ids=["expired", "own words", "outage", "root"],
)
async def test_error_of_a_handler(
    service: Service, error: TokenError, answer: answers.Answer | None, plain: bool
) -> None:
    """A TokenError that a handler raises gets the complete response."""

    async def raises() -> None:
        raise error

    def raises_in_a_thread() -> None:
        raise error

    service.app.get("/")(raises_in_a_thread if plain else raises)
    response = await service.get("/")
    expected = answer or answers.Answer(
        401,
        {"detail": str(error), "code": error.code},
        'Bearer realm="api", error="invalid_token", '
        f'error_description="{str(error).replace(chr(252), "")}"',
    )

    assert (response.status_code, challenge_of(response)) == (expected.status, expected.challenge)
    assert response.json() == expected.body


async def _own_answer(_request: Request, error: Exception) -> PlainTextResponse:
    assert isinstance(error, HTTPException)
    return PlainTextResponse(f"own {error.status_code}", error.status_code, error.headers)


@pytest.mark.parametrize("init_app", [True, False])
async def test_own_handler_for_a_status(clock: FrozenClock, init_app: bool) -> None:
    """A handler for the status 401 is called and gets the challenge, as FastAPI documents."""
    service = Service(clock, init_app=init_app)
    service.app.add_exception_handler(401, _own_answer)
    protect(service)
    async with service.client:
        response = await service.get("/", None)

    assert (response.status_code, response.text) == (401, "own 401")
    assert challenge_of(response) == 'Bearer realm="api"'


async def test_own_handler_for_http_exception(bare: Service) -> None:
    """A handler for HTTPException gets refusals too, if the app has no other handler."""
    bare.app.add_exception_handler(HTTPException, _own_answer)
    protect(bare)

    assert [(await bare.get(path, None)).text for path in ("/", "/teapot")] == [
        "own 401",
        "own 418",
    ]


async def test_own_handler_for_http_exception_besides_init_app(service: Service) -> None:
    """With `init_app` a handler for HTTPException still gets all other HTTP exceptions."""
    service.app.add_exception_handler(HTTPException, _own_answer)
    protect(service)

    assert (await service.get("/", None)).json() == answers.MISSING.body
    assert (await service.get("/teapot", None)).text == "own 418"


async def test_own_handler_for_token_error(service: Service) -> None:
    """A handler for TokenError, added after `init_app`, gets the errors that handlers raise."""

    async def own(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, TokenError)
        return JSONResponse({"own": error.code}, 401)

    service.app.add_exception_handler(TokenError, own)

    @service.app.get("/")
    async def root() -> None:
        raise TokenExpiredError

    assert (await service.get("/")).json() == {"own": "token_expired"}


async def _own_code(_connection: object, error: TokenError) -> JSONResponse:
    return JSONResponse({"own": error.code}, 403)


def _own_code_in_a_thread(_connection: object, error: TokenError) -> JSONResponse:
    return JSONResponse({"own": error.code}, 403)


class _OwnCode:
    async def __call__(self, _connection: object, error: TokenError) -> JSONResponse:
        return JSONResponse({"own": error.code}, 403)


@pytest.mark.parametrize("handler", [_own_code, _own_code_in_a_thread, _OwnCode()])
async def test_every_kind_of_handler_for_a_websocket(service: Service, handler: Any) -> None:
    """A coroutine function, a plain function and a callable object refuse a handshake."""
    service.app.add_exception_handler(TokenError, handler)
    fastapi_service.add_sockets(service.app, service.auth)
    outcome = await open_websocket(service.app, "/ws")

    assert (outcome.status, outcome.body) == (403, b'{"own":"token_missing"}')


async def test_a_handler_that_closes_a_websocket_itself(service: Service) -> None:
    """The close code of the handler is the only one that is sent."""

    @service.app.exception_handler(TokenError)
    async def close(websocket: WebSocket, _error: TokenError) -> None:
        await websocket.close(4401, "log in")

    fastapi_service.add_sockets(service.app, service.auth)
    outcome = await open_websocket(service.app, "/ws")

    assert (outcome.close_code, outcome.close_reason, outcome.status) == (4401, "log in", None)


@pytest.mark.parametrize("owner", ["outer", "mounted"])
async def test_own_handler_of_a_mounted_app(clock: FrozenClock, owner: str) -> None:
    """A mounted app answers with its own handlers, never with those of the outer app."""
    service, mounted = Service(clock), FastAPI()
    (service.app if owner == "outer" else mounted).add_exception_handler(TokenError, _own_code)
    mounted.get("/", dependencies=[Depends(service.auth.required())])(lambda: "inside")
    service.app.mount("/mounted", mounted)
    async with service.client:
        response = await service.get("/mounted/", None)

    expected = (
        {"own": "token_missing"} if owner == "mounted" else {"detail": "A token is required."}
    )
    assert response.json() == expected


async def test_each_object_answers_with_its_realm(clock: FrozenClock) -> None:
    """With two objects in one app, the refusals of a dependency and of a refresh keep their realm."""
    service = Service(clock, realm="shop")
    staff = TokenAuth(service.engine, realm="staff", scheme_name="Staff")
    staff.init_app(service.app)

    @service.app.post("/{realm}")
    async def refresh(realm: str, request: Request) -> None:
        await (staff if realm == "staff" else service.auth).refresh(request)

    @service.app.get("/staff", dependencies=[Depends(staff.required())])
    async def root() -> None: ...

    async with service.client:
        for realm in ("shop", "staff"):
            refused = await service.client.post(f"/{realm}")
            assert challenge_of(refused) == f'Bearer realm="{realm}"'
        assert challenge_of(await service.get("/staff", None)) == 'Bearer realm="staff"'


async def test_http_exceptions_of_handlers_are_left_alone(service: Service) -> None:
    """A 401 of the user's own is not changed by `init_app`."""

    @service.app.get("/")
    async def root() -> None:
        raise HTTPException(401, "mine", {"WWW-Authenticate": "Mine"})

    response = await service.get("/")

    assert (response.json(), challenge_of(response)) == ({"detail": "mine"}, "Mine")


def _noted(service: Service) -> list[str]:
    seen: list[str] = []

    @service.app.get("/", dependencies=[Depends(service.auth.required())])
    async def root() -> None:
        seen.append("called")

    return seen


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "POST", "TRACE", "BREW"])
@pytest.mark.parametrize("token", [None, GOOD, EXPIRED], ids=["none", "good", "expired"])
async def test_other_methods(service: Service, method: str, token: str | None) -> None:
    """A method that the route lacks gets FastAPI's 405, and never reaches the handler."""
    seen = _noted(service)
    headers = [] if token is None else list(bearer(token))
    response = await service.client.request(method, "/", headers=headers)

    assert (response.status_code, seen) == (405, [])


async def test_head_where_it_is_declared(service: Service) -> None:
    """HEAD on a route that supports it needs a token like GET."""
    dependencies = [Depends(service.auth.required())]

    @service.app.api_route("/", methods=["GET", "HEAD"], dependencies=dependencies)
    async def root() -> None: ...

    refused = await service.client.head("/")
    let_through = await service.client.head("/", headers=list(bearer(GOOD)))

    assert (refused.status_code, challenge_of(refused)) == (401, 'Bearer realm="api"')
    assert let_through.status_code == 200


async def test_cors(service: Service) -> None:
    """The middleware answers a preflight request; the actual request needs a token."""
    service.app.add_middleware(
        CORSMiddleware, allow_origins=["https://shop.example"], allow_headers=["Authorization"]
    )
    origin = {"Origin": "https://shop.example"}
    preflight = {
        **origin,
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization",
    }
    seen = _noted(service)
    asked = await service.client.options("/", headers=preflight)
    refused = await service.client.get("/", headers=origin)

    assert (asked.status_code, refused.status_code, seen) == (200, 401, [])
    assert refused.headers["access-control-allow-origin"] == "https://shop.example"
    assert challenge_of(refused) == 'Bearer realm="api"'


@pytest.mark.parametrize(
    "value",
    [f"{GOOD}\r\nx-role: admin", f"\r\n{GOOD}", GOOD.replace(".", "\n.", 1)],
    ids=["after", "before", "within"],
)
async def test_line_breaks(clock: FrozenClock, value: str) -> None:
    """A line break that a careless server passes on neither ends a token nor starts a header.

    No server does (RFC 9110 §5.5), and Quart's own headers do not take one.
    """
    async with client_of(build(contract_engine(clock))) as client:
        assert_answer(await client.get("/me", headers=list(bearer(value))), answers.MALFORMED)
