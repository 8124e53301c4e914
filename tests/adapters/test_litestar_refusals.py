"""Litestar's refusals: by its own handlers and by the user's."""

from typing import Any

import pytest
from litestar import Litestar, Request, Response, Router, get
from litestar.exceptions import HTTPException, NotAuthorizedException

from tests.adapters.litestar_service import (
    Service,
    ask,
    challenge_of,
)
from tests.support import FrozenClock
from tokenward import StoreUnavailableError, TokenError, TokenExpiredError, TokenRejectedError
from tokenward.testing.adapters import answers
from tokenward_litestar import TokenAuth


@pytest.fixture
def service(clock: FrozenClock) -> Service:
    """Return an engine and its adapter."""
    return Service(clock)


@get("/")
async def plain() -> str:
    """Respond to every request that reaches the handler."""
    return "inside"


@get("/teapot")
async def teapot() -> None:
    """Raise an exception that is not of the adapter."""
    raise HTTPException(status_code=418, detail="short and stout")


def guarded(service: Service, **options: Any) -> Litestar:
    """Build an app with one guarded route and one that raises an HTTPException."""
    handler = get("/", guards=[service.auth.required()])(plain.fn)
    return service.app(handler, teapot, **options)


@pytest.mark.parametrize(
    ("plain_function", "debug"),
    [(False, False), (True, False), (False, True)],
    ids=["async", "plain", "debug"],
)
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
    service: Service,
    error: TokenError,
    answer: answers.Answer | None,
    plain_function: bool,
    debug: bool,
) -> None:
    """A TokenError that a handler raises gets the complete response."""

    async def raises() -> None:
        raise error

    def raises_in_a_thread() -> None:
        raise error

    handler = (
        get("/", sync_to_thread=True)(raises_in_a_thread) if plain_function else get("/")(raises)
    )
    response = await ask(service.app(handler, debug=debug, logging_config=None))
    expected = answer or answers.Answer(
        401,
        {"detail": str(error), "code": error.code},
        'Bearer realm="api", error="invalid_token", '
        f'error_description="{str(error).replace(chr(252), "")}"',
    )

    assert (response.status_code, challenge_of(response)) == (expected.status, expected.challenge)
    assert response.json() == expected.body


async def test_media_type_of_the_handler(service: Service) -> None:
    """A refusal is JSON, whatever the media type of the handler."""
    handler = get("/", guards=[service.auth.required()], media_type="text/html")(plain.fn)
    response = await ask(service.app(handler), token=None)

    assert response.headers.get_list("content-type") == ["application/json"]
    assert response.json() == answers.MISSING.body


def _own_answer(_: Request[Any, Any, Any], error: HTTPException) -> Response[str]:
    text = f"own {error.status_code}"
    return Response(
        text, status_code=error.status_code, headers=error.headers, media_type="text/plain"
    )


@pytest.mark.parametrize("at", ["app", "router", "handler"])
async def test_own_handler_for_a_status(service: Service, at: str) -> None:
    """A handler for the status 401 is called and gets the challenge, as Litestar documents."""
    handlers = {at: {401: _own_answer}}
    guards = [service.auth.required()]
    handler = get("/", guards=guards, exception_handlers=handlers.get("handler"))(plain.fn)
    router = Router("/", route_handlers=[handler], exception_handlers=handlers.get("router"))
    app = service.app(router, exception_handlers=handlers.get("app"))
    response = await ask(app, token=None)

    assert (response.status_code, response.text) == (401, "own 401")
    assert challenge_of(response) == 'Bearer realm="api"'


async def test_own_handler_for_http_exception(service: Service) -> None:
    """A handler for HTTPException gets all other HTTP exceptions; the plugin handles refusals."""
    app = guarded(service, exception_handlers={HTTPException: _own_answer})

    assert (await ask(app, token=None)).json() == answers.MISSING.body
    assert (await ask(app, "/teapot")).text == "own 418"


async def test_own_handler_for_token_error(service: Service) -> None:
    """A handler of the app for TokenError gets the errors that handlers raise."""

    def own(_: Request[Any, Any, Any], error: TokenError) -> Response[dict[str, str]]:
        return Response({"own": error.code}, status_code=401)

    @get("/")
    async def root() -> None:
        raise TokenExpiredError

    app = service.app(root, exception_handlers={TokenError: own})

    assert (await ask(app)).json() == {"own": "token_expired"}


async def test_exceptions_of_litestar_are_left_alone(service: Service) -> None:
    """A 401 of the user's own is not changed by the plugin."""

    @get("/")
    async def root() -> None:
        raise NotAuthorizedException(detail="mine", headers={"WWW-Authenticate": "Mine"})

    response = await ask(service.app(root))

    assert response.json() == {"status_code": 401, "detail": "mine"}
    assert challenge_of(response) == "Mine"


async def test_other_errors_are_left_alone(service: Service) -> None:
    """An unrelated error is Litestar's 500."""

    @get("/")
    async def root() -> None:
        raise LookupError

    assert (await ask(service.app(root))).status_code == 500


async def test_the_first_object_answers_for_handlers(clock: FrozenClock) -> None:
    """With two plugins, the first one handles a TokenError of a handler."""
    service = Service(clock)
    shop = TokenAuth(service.engine, realm="shop")
    staff = TokenAuth(service.engine, realm="staff", dependency_key="staff")

    @get("/")
    async def root() -> None:
        raise TokenExpiredError

    response = await ask(service.app(root, plugins=[shop, staff]))

    assert str(challenge_of(response)).startswith('Bearer realm="shop", error="invalid_token"')


@pytest.mark.parametrize("path", ["/nowhere", "/teapot"])
async def test_other_answers(service: Service, path: str) -> None:
    """Responses that do not concern the adapter are unchanged."""
    response = await ask(guarded(service), path, None)

    assert response.status_code in {404, 418}
    assert challenge_of(response) is None
