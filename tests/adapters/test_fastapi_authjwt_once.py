"""The drop-in verifies a token once per request, and its dependencies run on the event loop."""

import inspect
import threading
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, Request, Response
from fastapi.requests import HTTPConnection

from tests.adapters import authjwt_service
from tests.adapters.authjwt_service import (
    COOKIES,
    LOOKS_BEHIND,
    Service,
    configure,
    old_token,
)
from tokenward.testing.adapters.service import bearer, client_of
from tokenward_fastapi.authjwt import AuthJWT
from tokenward_fastapi.authjwt.auth_jwt import AuthJWTBearer

auth, service = authjwt_service.auth, authjwt_service.service  # fixtures


def add_busy_route(service: Service) -> None:
    """Add a route that calls every guard and accessor of two objects."""
    auth = service.auth

    async def other(req: Request) -> AuthJWT:
        return auth(req)

    @service.app.get("/busy")
    async def busy(
        one: Annotated[AuthJWT, Depends(auth)], two: Annotated[AuthJWT, Depends(other)]
    ) -> dict[str, Any]:
        for authorize in (one, two):
            await authorize.get_jwt_subject()
            await authorize.jwt_required()
            await authorize.jwt_optional()
            await authorize.fresh_jwt_required()
            await authorize.get_raw_jwt()
            await authorize.get_jwt_subject()
            await authorize.get_raw_jwt(authorize._token)
            await authorize.get_jti(authorize._token)
        return {"same": one is two}


@pytest.mark.parametrize("is_cookie", [False, True])
async def test_one_verification_for_each_request(service: Service, is_cookie: bool) -> None:
    """A token is decoded once and looked up in the denylist once, however often it is used."""
    asked: list[object] = []
    configure(service.auth, **(COOKIES if is_cookie else {}), denylist_enabled=True)
    service.auth.token_in_denylist_loader(asked.append)
    service.count_decoding()
    add_busy_route(service)
    token = old_token(fresh=True)
    if is_cookie:
        answer = await service.send("/busy", access_token_cookie=token)
    else:
        answer = await service.send("/busy", token)

    assert answer == (200, {"same": False})
    assert (len(service.decoded), len(asked)) == (1, 1)


async def test_each_request_verifies_its_token(service: Service) -> None:
    """A request does not reuse the verification of another request."""
    service.count_decoding()
    token = old_token()
    for _ in range(2):
        await service.send("/required", token)

    assert len(service.decoded) == 2


async def test_cookies_are_set_without_verifying(service: Service) -> None:
    """Tokens that the same object issued are not verified before they are set as cookies."""
    configure(service.auth, **COOKIES)
    service.count_decoding()
    await service.client.post("/login")

    assert service.decoded == []


async def test_an_object_without_a_request_checks_the_denylist_again(auth: type[AuthJWT]) -> None:
    """Without a request, an object checks the denylist again each time a token is read."""
    denied: list[str] = []
    configure(auth, denylist_enabled=True)
    auth.token_in_denylist_loader(lambda raw: raw["jti"] in denied)
    authorize, token = auth(), old_token()
    jti = await authorize.get_jti(token)
    denied.append(jti)

    with pytest.raises(Exception, match="Token has been revoked"):
        await authorize.get_raw_jwt(token)


def app_of(dependency: Any) -> FastAPI:
    """Return an app with one route that uses a dependency."""
    app = FastAPI()

    @app.get("/")
    async def root(authorize: Annotated[AuthJWT, Depends(dependency)]) -> str:
        await authorize.jwt_required()
        return type(authorize).__name__

    return app


async def get(app: FastAPI) -> tuple[int, Any]:
    """Send a request with a valid token."""
    async with client_of(app) as client:
        response = await client.get("/", headers=list(bearer(old_token())))
    return response.status_code, response.json()


async def test_the_class_runs_on_the_loops_thread(auth: type[AuthJWT]) -> None:
    """FastAPI calls the class on the event loop; older versions call it in a thread."""
    threads: set[int] = set()

    class Noting(auth):
        def __init__(self, req: HTTPConnection = None, res: Response = None) -> None:
            threads.add(threading.get_ident())
            super().__init__(req, res)

    assert await get(app_of(Noting)) == (200, "Noting")
    assert len(threads) == 1
    if LOOKS_BEHIND:
        assert threads == {threading.get_ident()}


async def test_a_subclass_may_depend_on_more(auth: type[AuthJWT]) -> None:
    """Additional parameters of a subclass are dependencies, as those of any class."""

    async def more() -> str:
        return "more"

    class Richer(auth):
        def __init__(
            self, res: Response, req: HTTPConnection, extra: Annotated[str, Depends(more)]
        ) -> None:
            super().__init__(req, res)
            self.extra = extra

    app = FastAPI()

    @app.get("/")
    async def root(authorize: Annotated[Richer, Depends()]) -> str:
        await authorize.jwt_required()
        return authorize.extra

    assert await get(app) == (200, "more")


async def test_the_bearer_is_a_coroutine(auth: type[AuthJWT]) -> None:
    """The bearer dependency is a coroutine function that returns an AuthJWT."""

    class Bearer(AuthJWTBearer):
        async def __call__(self, req: HTTPConnection, res: Response) -> AuthJWT:
            assert isinstance(await super().__call__(req, res), AuthJWT)
            return auth(req, res)

    assert inspect.iscoroutinefunction(AuthJWTBearer.__call__)
    assert await get(app_of(Bearer())) == (200, "OwnAuthJWT")


async def test_the_class_can_be_awaited(auth: type[AuthJWT]) -> None:
    """Awaiting an object returns the object; `__wrapped__` creates an object of the same class."""
    authorize = auth()

    assert await authorize is authorize
    assert isinstance(await auth.__wrapped__(), auth)
    assert list(inspect.signature(auth).parameters) == ["req", "res"]
