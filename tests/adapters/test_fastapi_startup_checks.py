"""An app that would take claims from its clients is refused at its start or first request."""

import functools
from collections.abc import Callable
from contextlib import suppress
from typing import Annotated, Any, Optional

import httpx
import pytest
from fastapi import (
    APIRouter,
    Body,
    Cookie,
    Depends,
    FastAPI,
    Form,
    Header,
    Query,
    Request,
    Security,
    WebSocket,
)
from pydantic import BaseModel
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Host
from typing_extensions import TypeAliasType

from tests.adapters import fastapi_service
from tests.adapters.fastapi_service import GOOD, Service
from tests.support import ShopClaims
from tokenward import Claims, ConfigurationError
from tokenward.testing.adapters.websocket_client import open_websocket

service, bare = fastapi_service.service, fastapi_service.bare  # fixtures


class StaffClaims(Claims):
    """A model that the engine of the tests does not return."""


class Order(BaseModel):
    """A body that contains claims."""

    label: str = ""
    buyers: list[ShopClaims | None] = []


Add = Callable[[FastAPI | APIRouter], None]
STARTED = ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def _route(handler: Callable[..., Any], path: str = "/wrong") -> Add:
    return lambda app: app.post(path)(handler)  # type: ignore[return-value]


def _socket(handler: Callable[..., Any]) -> Add:
    return lambda app: app.websocket("/wrong")(handler)  # type: ignore[return-value]


async def _body(claims: ShopClaims) -> None: ...
async def _of_the_root_model(claims: Claims) -> None: ...
async def _maybe(claims: ShopClaims | None = None) -> None: ...
async def _optional(claims: Optional[ShopClaims] = None) -> None: ...  # noqa: UP045
async def _several(claims: list[ShopClaims]) -> None: ...
async def _by_name(claims: dict[str, ShopClaims]) -> None: ...
async def _nested(order: Order) -> None: ...
async def _named(claims: Annotated[ShopClaims, Body(embed=True)]) -> None: ...
async def _default(claims: ShopClaims = Body()) -> None: ...  # noqa: B008
async def _form(claims: Annotated[ShopClaims, Form()]) -> None: ...
async def _query(claims: Annotated[ShopClaims, Query()]) -> None: ...
async def _header(claims: Annotated[ShopClaims, Header()]) -> None: ...
async def _cookie(claims: Annotated[ShopClaims, Cookie()]) -> None: ...
async def _inner(claims: ShopClaims) -> str:
    return claims.sub


async def _outer(sub: Annotated[str, Depends(_inner)]) -> str:
    return sub


async def _by_dependency(sub: Annotated[str, Depends(_inner)]) -> None: ...
async def _by_two_dependencies(sub: Annotated[str, Depends(_outer)]) -> None: ...
async def _by_security(sub: Annotated[str, Security(_outer, scopes=["a"])]) -> None: ...
async def _socket_body(websocket: WebSocket, claims: Annotated[ShopClaims, Query()]) -> None: ...
async def _socket_dependency(
    websocket: WebSocket, sub: Annotated[str, Depends(_outer)]
) -> None: ...


class Shop:
    """A class as a dependency."""

    def __init__(self, claims: Annotated[ShopClaims, Query()]) -> None:
        """Store the claims."""


async def _by_class(shop: Annotated[Shop, Depends()]) -> None: ...
async def _model_itself(claims: Annotated[ShopClaims, Depends()]) -> None: ...
async def _model_named(claims: Annotated[ShopClaims, Depends(ShopClaims)]) -> None: ...


_PART = functools.partial(ShopClaims, tenant="acme")


async def _part_of_a_model(claims: Annotated[ShopClaims, Depends(_PART)]) -> None: ...
async def _class_method(
    claims: Annotated[ShopClaims, Depends(ShopClaims.model_construct)],
) -> None: ...


def _in_router(app: FastAPI | APIRouter) -> None:
    router = APIRouter()
    router.get("/wrong")(_query)
    app.include_router(router, prefix="/more")


def _in_router_in_router(app: FastAPI | APIRouter) -> None:
    router = APIRouter()
    _in_router(router)
    app.include_router(router, prefix="/most")


def _dependency_of_router(app: FastAPI | APIRouter) -> None:
    router = APIRouter(dependencies=[Depends(_outer)])
    router.get("/right")(_right)
    app.include_router(router)


def _dependency_of_inclusion(app: FastAPI | APIRouter) -> None:
    router = APIRouter()
    router.get("/right")(_right)
    app.include_router(router, dependencies=[Depends(_outer)])


def _dependency_of_route(app: FastAPI | APIRouter) -> None:
    app.get("/right", dependencies=[Depends(_outer)])(_right)


async def _right(name: str = "") -> None: ...


def _shop() -> FastAPI:
    shop = FastAPI()
    shop.post("/wrong")(_body)
    return shop


def _in_mounted_app(app: FastAPI | APIRouter) -> None:
    app.mount("/shop", _shop())


def _in_mounted_middleware(app: FastAPI | APIRouter) -> None:
    app.mount("/shop", GZipMiddleware(GZipMiddleware(_shop())))


def _in_router_of_mounted_app(app: FastAPI | APIRouter) -> None:
    shop = FastAPI()
    _in_router_in_router(shop)
    app.mount("/shop", shop)


def _in_app_of_a_host(app: FastAPI | APIRouter) -> None:
    app.routes.append(Host("shop.example", _shop()))


WRONG: dict[str, Add] = {
    **{
        handler.__name__.removeprefix("_"): _route(handler)
        for handler in (
            _body,
            _of_the_root_model,
            _maybe,
            _optional,
            _several,
            _by_name,
            _nested,
            _named,
            _default,
            _form,
            _query,
            _header,
            _cookie,
            _by_dependency,
            _by_two_dependencies,
            _by_security,
            _by_class,
            _model_itself,
            _model_named,
            _part_of_a_model,
            _class_method,
        )
    },
    "socket_body": _socket(_socket_body),
    "socket_dependency": _socket(_socket_dependency),
    "in_router": _in_router,
    "in_router_in_router": _in_router_in_router,
    "dependency_of_router": _dependency_of_router,
    "dependency_of_inclusion": _dependency_of_inclusion,
    "dependency_of_route": _dependency_of_route,
    "in_mounted_app": _in_mounted_app,
    "in_mounted_middleware": _in_mounted_middleware,
    "in_router_of_mounted_app": _in_router_of_mounted_app,
    "in_app_of_a_host": _in_app_of_a_host,
}


async def start(app: FastAPI) -> list[dict[str, Any]]:
    """Start and stop an app as a server does, and return what it sends."""
    sent: list[dict[str, Any]] = []
    received = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

    async def receive() -> dict[str, Any]:
        return next(received)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
    with suppress(ConfigurationError):
        await app(scope, receive, send)
    return sent


async def refused(app: FastAPI) -> str:
    """Start an app that must be refused, and return the reason."""
    (failed,) = await start(app)
    assert failed["type"] == "lifespan.startup.failed"
    return str(failed["message"])


# FastAPI 0.115 causes this warning for a form.
@pytest.mark.filterwarnings("ignore:Please use `import python_multipart`:PendingDeprecationWarning")
@pytest.mark.parametrize("is_first", [True, False], ids=["init_app first", "init_app last"])
@pytest.mark.parametrize("add", WRONG.values(), ids=WRONG.keys())
async def test_claims_from_a_request_stop_the_app(bare: Service, add: Add, is_first: bool) -> None:
    """An app that would take claims from the client neither starts nor handles a request."""
    if is_first:
        bare.auth.init_app(bare.app)
    bare.app.get("/right")(_right)
    add(bare.app)
    if not is_first:
        bare.auth.init_app(bare.app)

    assert (await refused(bare.app)).endswith("Annotated[..., Depends(auth.required())].")
    for _ in range(2):
        assert (await bare.get("/right")).status_code == 500
    with pytest.raises(ConfigurationError):
        await open_websocket(bare.app, "/wrong")


async def test_a_request_to_a_wrong_app_is_an_error_of_the_server(service: Service) -> None:
    """The client learns nothing about the mistake; the log contains it."""
    _route(_body)(service.app)
    admin = {"sub": "admin", "tenant": "acme"}
    answer = await service.client.post("/wrong", json=admin)

    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
    transport = httpx.ASGITransport(service.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
        with pytest.raises(ConfigurationError, match=r"'claims' of _body\(\) takes claims from"):
            await client.post("/wrong", json=admin)


@pytest.mark.parametrize("add", [_in_router, _route(_body), _in_mounted_app])
async def test_routes_that_are_added_later_are_checked(service: Service, add: Add) -> None:
    """Routes that are added later are checked, also in included routers and mounted apps."""
    router, mounted = APIRouter(), FastAPI()
    router.get("/right")(_right)
    service.app.include_router(router)
    service.app.mount("/mounted", mounted)
    # Before FastAPI 0.137 an included router is copied: routes added later are not served.
    is_copied = not any(hasattr(route, "original_router") for route in service.app.routes)
    for place in (service.app, mounted) if is_copied else (service.app, mounted, router):
        assert [each["type"] for each in await start(service.app)] == STARTED
        assert (await service.get("/right")).status_code == 200
        routes = list(place.routes)
        add(place)
        assert (await service.get("/right")).status_code == 500
        place.routes[:] = routes


async def test_apps_without_the_mistake_start(service: Service) -> None:
    """Claims from a dependency, bodies without claims, and claims in a response are accepted."""

    class Basket(BaseModel):
        label: str

        def text(self) -> str:
            return self.label

    async def current(claims: Annotated[Claims, Depends(service.auth.required())]) -> str:
        return claims.sub

    claims = Annotated[ShopClaims, Depends(service.auth.required())]
    found = TypeAliasType("found", ShopClaims | None)

    @service.app.post("/basket")
    async def basket(
        basket: Basket,
        request: Request,
        mine: claims,
        anything: Annotated[Any, Depends(service.auth.required())],
        sub: Annotated[str, Depends(current)],
        theirs: Annotated[found, Depends(service.auth.optional())],
        rest: Annotated[Optional[ShopClaims], Depends(service.auth.optional())],  # noqa: UP045
        bound: Annotated[str, Depends(Basket(label="a").text)],
    ) -> ShopClaims:
        return mine

    mounted = FastAPI()
    service.app.mount("/one", mounted)
    service.app.mount("/two", mounted)
    service.app.mount("/unknown", object())  # type: ignore[arg-type]
    assert [each["type"] for each in await start(service.app)] == STARTED
    headers = {"Authorization": f"Bearer {GOOD}"}
    answer = await service.client.post("/basket", json={"label": "b"}, headers=headers)
    assert answer.json()["sub"] == "alice"
