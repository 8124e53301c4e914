"""What a Litestar guard excludes: layers inside it with the key in their ``opt``."""

from typing import Any

import pytest
from litestar import Controller, Litestar, Router, get
from litestar.openapi.config import OpenAPIConfig

from tests.adapters.litestar_service import Service, ask, connect, socket_at
from tests.support import FrozenClock

OPEN = {"exclude_from_auth": True}
SHUT = {"exclude_from_auth": False}


@get("/")
async def plain() -> str:
    """Respond to every request that reaches the handler."""
    return "inside"


@pytest.fixture
def service(clock: FrozenClock) -> Service:
    """Return an engine and its adapter."""
    return Service(clock)


async def is_open(app: Litestar, path: str = "/") -> bool:
    """Return whether a path needs no token, and check that the document agrees."""
    response = await ask(app, path, None)
    assert response.status_code in {200, 401}
    operation = app.openapi_schema.to_schema()["paths"][path]["get"]
    assert ("security" in operation, "401" in operation["responses"]) == (
        (True, True) if response.status_code == 401 else (False, False)
    )
    assert (await ask(app, path)).status_code == 200
    return response.status_code == 200


def layered(
    service: Service,
    *,
    guarded: str,
    app: dict[str, Any] | None = None,
    router: dict[str, Any] | None = None,
    controller: dict[str, Any] | None = None,
    handler: dict[str, Any] | None = None,
) -> Litestar:
    """Build an app with a guard at one layer and an ``opt`` at any layer."""
    guards = {layer: [service.auth.required()] for layer in (guarded,)}

    class Inside(Controller):
        path = "/"

        @get("/", guards=guards.get("handler"), opt=handler)
        async def inside(self) -> str:
            return "inside"

    Inside.guards = guards.get("controller")
    Inside.opt = controller
    middle = Router("/", route_handlers=[Inside], guards=guards.get("router"), opt=router)
    return service.app(middle, guards=guards.get("app"), opt=app)


LAYERS = ["app", "router", "controller", "handler"]


@pytest.mark.parametrize("excluded", LAYERS)
@pytest.mark.parametrize("guarded", LAYERS)
async def test_below_the_guard_alone(service: Service, guarded: str, excluded: str) -> None:
    """A layer is excluded from the guards outside it, not from its own or those inside it."""
    app = layered(service, guarded=guarded, **{excluded: OPEN})

    assert await is_open(app) == (LAYERS.index(guarded) < LAYERS.index(excluded))


async def test_a_handler_may_be_taken_in_again(service: Service) -> None:
    """The value nearest to the handler counts: False inside True requires the token."""
    app = layered(service, guarded="app", router=OPEN, handler=SHUT)

    assert not await is_open(app)


async def test_one_guard_at_two_layers(service: Service) -> None:
    """A guard that is used at two layers counts at the inner one."""
    guard = service.auth.required()
    handler = get("/", guards=[guard])(plain.fn)
    router = Router("/", route_handlers=[handler], opt=OPEN)

    assert not await is_open(service.app(router, guards=[guard]))


async def test_the_keyword_of_the_handler(service: Service) -> None:
    """Litestar puts unknown keywords of a handler into its ``opt``; other handlers stay guarded."""
    health = get("/health", exclude_from_auth=True)(plain.fn)
    app = service.app(plain, health, guards=[service.auth.required()])

    assert (await is_open(app, "/health"), await is_open(app)) == (True, False)


async def test_own_key(clock: FrozenClock) -> None:
    """The key can be changed; the default key then has no effect."""
    service = Service(clock, exclude_opt_key="no_token")
    app = service.app(
        get("/own", no_token=True)(plain.fn),
        get("/usual", exclude_from_auth=True)(plain.fn),
        guards=[service.auth.required()],
    )

    assert (await is_open(app, "/own"), await is_open(app, "/usual")) == (True, False)


async def test_a_websocket(service: Service) -> None:
    """A WebSocket is excluded like a handler; it then has no claims."""
    socket = socket_at("/ws")
    app = service.app(socket, guards=[service.auth.required()])
    assert (await connect(app, "/ws")).messages == ["alice"]
    socket.opt = dict(OPEN)
    app = service.app(socket, guards=[service.auth.required()])

    assert not (await connect(app, "/ws")).accepted


async def test_guarded_documentation(service: Service) -> None:
    """A guard of the app includes Litestar's documentation pages, unless they are excluded."""
    guards = [service.auth.required()]
    router = Router("/schema", route_handlers=[], opt=OPEN, include_in_schema=False)
    config = OpenAPIConfig(title="Shop", version="1", openapi_router=router)
    paths = ("/schema", "/schema/openapi.json", "/schema/swagger")
    shut = service.app(plain, guards=guards)
    opened = service.app(plain, guards=guards, openapi_config=config)

    assert [(await ask(shut, path, None)).status_code for path in paths] == [401] * 3
    assert [(await ask(opened, path, None)).status_code for path in paths] == [200] * 3
