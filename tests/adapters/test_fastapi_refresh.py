"""FastAPI's responses when `refresh` or `check_origin` refuses, with and without `init_app`."""

from typing import Any

import pytest
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, PlainTextResponse

from tests.adapters import fastapi_service
from tests.adapters.fastapi_service import Service, challenge_of
from tests.support import FrozenClock
from tokenward import BearerHeader, CookieCarrier, TokenError, TokenwardError
from tokenward.errors import InvalidClaimError, MissingTokenError
from tokenward.testing.adapters import answers
from tokenward.testing.adapters.service import bearer, contract_engine, shop_token
from tokenward_fastapi import TokenAuth

bare = fastapi_service.bare  # a fixture


def add_refresh(service: Service) -> None:
    """Add a route that exchanges a refresh token, and one that checks the origin."""
    auth = TokenAuth(service.engine, carriers=[BearerHeader(), CookieCarrier()])

    @service.app.post("/refresh")
    async def refresh(request: Request) -> str:
        return (await auth.refresh(request)).access_token

    @service.app.post("/login")
    async def login(request: Request) -> None:
        auth.check_origin(request)


async def test_refresh_without_init_app(bare: Service) -> None:
    """A refusal of `refresh` or `check_origin` gets the response of the dependency, not a 500."""
    add_refresh(bare)
    pair = await bare.engine.issue_pair("alice", claims={"tenant": "acme"})
    traded = await bare.client.post("/refresh", headers=list(bearer(pair.refresh_token)))
    missing = await bare.client.post("/refresh")
    wrong = await bare.client.post("/refresh", headers=list(bearer(pair.access_token)))
    foreign = await bare.client.post("/login", headers={"Origin": "https://evil.example"})

    assert traded.status_code == 200
    for response, answer in ((missing, answers.MISSING), (wrong, answers.WRONG_TYPE)):
        assert (response.status_code, challenge_of(response)) == (answer.status, answer.challenge)
        assert response.json() == {"detail": answer.body["detail"]}
    assert (foreign.status_code, foreign.json()) == (
        403,
        {"detail": "Requests from this origin are not allowed."},
    )


@pytest.mark.parametrize("kind", [HTTPException, 401, Exception])
async def test_refresh_without_init_app_and_own_handlers(bare: Service, kind: Any) -> None:
    """The app's handlers for HTTPException and for the status are called; one for Exception is not."""
    add_refresh(bare)

    async def own_answer(_request: Request, error: Exception) -> PlainTextResponse:
        assert isinstance(error, HTTPException)
        return PlainTextResponse("own", error.status_code, error.headers)

    bare.app.add_exception_handler(kind, own_answer)
    response = await bare.client.post("/refresh")

    assert (response.status_code, challenge_of(response)) == (401, 'Bearer realm="api"')
    assert (response.text == "own") == (kind is not Exception)


@pytest.mark.parametrize("kind", [TokenError, TokenwardError, MissingTokenError])
@pytest.mark.parametrize("init_app", [True, False])
async def test_refresh_and_own_handler_for_token_error(
    clock: FrozenClock, kind: type[TokenwardError], init_app: bool
) -> None:
    """A handler of the app for a TokenError gets the error itself."""
    service = Service(clock, init_app=init_app)
    add_refresh(service)
    seen: list[Exception] = []

    async def own(_request: Request, error: Exception) -> JSONResponse:
        seen.append(error)
        return JSONResponse({"own": type(error) is MissingTokenError}, 401)

    service.app.add_exception_handler(kind, own)
    async with service.client:
        response = await service.client.post("/refresh")
    # With init_app its handler for TokenError is more specific than one for the base class.
    is_own = not init_app or kind is not TokenwardError
    assert response.json() == ({"own": True} if is_own else answers.MISSING.body)
    assert len(seen) == is_own


@pytest.mark.parametrize(
    "scope", [{}, {"app": FastAPI()}, {"app": object()}], ids=["no app", "unready", "not an app"]
)
async def test_refresh_raises_what_it_says(clock: FrozenClock, scope: dict[str, object]) -> None:
    """The caught error is that of the engine with all its attributes, with or without an app."""
    auth = TokenAuth(contract_engine(clock))
    headers = [(b"authorization", f"Bearer {shop_token(type='refresh', exp='soon')}".encode())]
    request = Request({"type": "http", "method": "POST", "headers": headers, **scope})

    with pytest.raises(InvalidClaimError) as caught:
        await auth.refresh(request)
    assert (caught.value.claim, caught.value.code) == ("exp", "claim_invalid")
    assert (type(caught.value).__name__, caught.value.args) == (
        "InvalidClaimError",
        InvalidClaimError("exp").args,
    )
