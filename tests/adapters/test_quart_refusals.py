"""Quart's refusals: by its own handlers and by the user's.

Also what a refusal must not allow or reveal: debug mode, other methods, cookies.
"""

import json
from traceback import walk_tb
from typing import Any

import pytest
from quart import Blueprint, Quart, Response, g, jsonify, make_response, request
from werkzeug.exceptions import HTTPException, Unauthorized

from tests.adapters import quart_service
from tests.adapters.quart_service import EXPIRED, GOOD, Service, challenge_of, protect
from tests.support import OTHER_SECRET, FrozenClock
from tokenward import Key, StoreUnavailableError, TokenError, TokenExpiredError, TokenRevokedError
from tokenward.testing.adapters import answers
from tokenward.testing.adapters.exchanges import assert_answer
from tokenward.testing.adapters.service import (
    BROWSER_CARRIERS,
    COOKIES,
    bearer,
    client_of,
    contract_engine,
)
from tokenward_quart import TokenAuth

service = quart_service.service  # a fixture


async def test_a_guard_that_is_called_by_hand(service: Service) -> None:
    """A refused `before_request` function stops the request, even if another function calls it."""
    seen = protect(service)

    @service.auth.required(scopes=["admin"])
    async def guard() -> None: ...

    @service.app.before_request
    async def call_guard() -> None:
        await guard()

    assert_answer(await service.get("/"), answers.too_little("admin"))
    assert seen == []


@pytest.mark.parametrize("error", [TokenExpiredError(), StoreUnavailableError()], ids=str)
async def test_error_of_a_handler(service: Service, error: TokenError) -> None:
    """A TokenError that a handler raises gets the complete response."""

    @service.app.get("/")
    async def root() -> None:
        raise error

    assert_answer(
        await service.get("/"),
        answers.EXPIRED if error.code == "token_expired" else answers.OUT_OF_ORDER,
    )


async def own_status(error: HTTPException) -> tuple[str, int]:
    """Respond to an HTTPException with a different body."""
    return f"own {error.code}", int(error.code or 0)


@pytest.mark.parametrize("kind", [401, Unauthorized, HTTPException], ids=str)
async def test_own_handler_of_http(service: Service, kind: Any) -> None:
    """The app's handler for a status or for HTTPException determines the response."""
    service.app.register_error_handler(kind, own_status)
    seen = protect(service)

    response = await service.get("/", None)

    assert (response.status_code, response.text, seen) == (401, "own 401", [])


async def test_own_handler_changes_the_answer(service: Service) -> None:
    """A handler can take the response with its challenge, and change its body."""
    protect(service)

    @service.app.errorhandler(HTTPException)
    async def own(error: HTTPException) -> Response:
        response: Response = error.get_response()  # type: ignore[assignment]
        response.set_data(f"{error.name}: {error.description}")
        return response

    response = await service.get("/", None)

    assert response.text == "Unauthorized: A token is required."
    assert (response.status_code, challenge_of(response)) == (401, answers.MISSING.challenge)


@pytest.mark.parametrize("where", ["app", "blueprint"])
@pytest.mark.parametrize("kind", [TokenError, TokenExpiredError], ids=["root", "one"])
async def test_own_handler_of_token_errors(
    service: Service, kind: type[TokenError], where: str
) -> None:
    """A handler for TokenError gets the decorator's refusals and the errors of handlers."""
    group = Blueprint("group", __name__)
    (service.app if where == "app" else group).register_error_handler(
        kind, lambda error: ({"own": error.code}, 418)
    )
    group.get("/")(service.auth.required()(lambda: ""))

    @group.post("/")
    async def decode() -> str:
        return (await service.engine.decode(await request.get_data())).sub

    service.app.register_blueprint(group)
    by_decorator = await service.get("/", EXPIRED)
    by_handler = await service.client.post("/", content=EXPIRED)

    for response in (by_decorator, by_handler):
        assert (response.status_code, response.json()) == (418, {"own": "token_expired"})
    assert (await service.client.post("/", content=GOOD)).text == "alice"


@pytest.mark.parametrize("mode", ["testing", "debug"])
async def test_debug_mode(service: Service, mode: str) -> None:
    """In debug or testing mode a refusal is not a traceback page."""
    setattr(service.app, mode, True)
    seen = protect(service)

    assert_answer(await service.get("/", EXPIRED), answers.EXPIRED)
    assert seen == []


@pytest.mark.parametrize("mode", ["testing", "debug", "neither"])
@pytest.mark.parametrize("trap", ["TRAP_HTTP_EXCEPTIONS", "TRAP_BAD_REQUEST_ERRORS"])
async def test_trapped_exceptions(service: Service, trap: str, mode: str) -> None:
    """An app that traps HTTPExceptions still sends the refusal."""
    service.app.config.update({trap: True, "TESTING": mode == "testing", "DEBUG": mode == "debug"})
    protect(service)
    two = [*bearer(GOOD), *bearer(GOOD)]

    assert_answer(await service.get("/", EXPIRED), answers.EXPIRED)
    assert_answer(await service.client.get("/", headers=two), answers.TWO_CREDENTIALS)


async def test_tracebacks_hold_no_claims(service: Service) -> None:
    """A traceback page with local variables contains no claims from the adapter."""
    seen: dict[str, str] = {}

    @service.app.get("/")
    @service.auth.required()
    async def root() -> None:
        raise ZeroDivisionError

    @service.app.errorhandler(ZeroDivisionError)
    async def own(error: ZeroDivisionError) -> str:
        for frame, _ in walk_tb(error.__traceback__):
            seen[frame.f_code.co_name] = repr(frame.f_locals)
        return ""

    await service.get("/")

    assert {"guarded", "root"} <= seen.keys()
    assert not [name for name, said in seen.items() if "acme" in said or GOOD in said]


async def test_after_request_runs(service: Service) -> None:
    """The app's after-request and teardown functions run after a refusal too."""
    seen = protect(service)

    @service.app.after_request
    async def add_header(response: Response) -> Response:
        response.headers["X-Own"] = "yes"
        return response

    @service.app.teardown_request
    async def tear_down(error: BaseException | None) -> None:
        g.error = error
        seen.append("torn down")

    response = await service.get("/", None)

    assert_answer(response, answers.MISSING)
    assert (response.headers["x-own"], seen) == ("yes", ["torn down"])


@pytest.mark.parametrize("token", [None, EXPIRED, GOOD], ids=["none", "expired", "good"])
async def test_head_and_options(service: Service, token: str | None) -> None:
    """HEAD is refused like GET; OPTIONS lists the methods; neither runs the handler without a token."""
    seen = protect(service)
    headers = [] if token is None else list(bearer(token))

    head = await service.client.head("/", headers=headers)
    options = await service.client.options("/", headers=headers)

    assert (head.status_code, seen) == ((200, ["called"]) if token == GOOD else (401, []))
    assert head.content == b""
    assert (options.status_code, options.content) == (200, b"")
    assert set(options.headers["allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


@pytest.mark.parametrize("order", [["shop", "staff"], ["staff", "shop"]], ids=str)
async def test_two_engines(clock: FrozenClock, order: list[str]) -> None:
    """Each engine refuses the other's tokens with its own realm, in either order of `init_app`."""
    auths = {
        "shop": TokenAuth(contract_engine(clock), realm="shop"),
        "staff": TokenAuth(
            contract_engine(clock, key=Key.from_secret(OTHER_SECRET)), realm="staff"
        ),
    }
    app = Quart(__name__)
    for name in order:
        auths[name].init_app(app)
        app.get(f"/{name}", endpoint=name)(auths[name].required()(lambda: ""))
    app.get("/both")(auths["shop"].required()(auths["staff"].required()(lambda: "")))

    async with client_of(app) as client:
        headers = list(bearer(GOOD))
        asked = [
            await client.get(f"/{name}", headers=headers) for name in ("shop", "staff", "both")
        ]
        refused = [await client.get(f"/{name}") for name in ("shop", "staff")]

    assert [response.status_code for response in asked] == [200, 401, 401]
    assert str(challenge_of(asked[2])).startswith('Bearer realm="staff", error="invalid_token"')
    assert [challenge_of(each) for each in refused] == [
        'Bearer realm="shop"',
        'Bearer realm="staff"',
    ]


async def test_a_refusal_is_forgotten(service: Service) -> None:
    """A handler's error gets its own response, even if it caught a refusal before."""

    @service.auth.required(scopes=["admin"])
    async def guard() -> None: ...

    @service.app.get("/")
    async def root() -> None:
        with pytest.raises(TokenError):
            await guard()
        raise TokenRevokedError

    assert_answer(await service.get("/"), answers.REVOKED)


async def test_cookies_keep_what_is_there(clock: FrozenClock) -> None:
    """Setting and clearing cookies keeps other cookies, and replaces Cache-Control."""
    service = Service(clock, carriers=BROWSER_CARRIERS)
    pair = await service.engine.issue_pair("alice", claims={"tenant": "acme"})

    @service.app.get("/<what>")
    async def root(what: str) -> Response:
        response = await make_response(jsonify({}))
        response.set_cookie("theme", "dark")
        response.headers["Cache-Control"] = "public, max-age=60"
        if what == "set":
            service.auth.set_cookies(response, pair)
        else:
            service.auth.clear_cookies(response)
        return response

    for what, cookies in {
        "set": COOKIES.set_cookies(pair),
        "clear": COOKIES.clear_cookies(),
    }.items():
        response = await service.get(f"/{what}")
        assert response.headers.get_list("set-cookie") == ["theme=dark; Path=/", *cookies]
        assert response.headers.get_list("cache-control") == ["no-store"]
        assert json.loads(response.text) == {}
