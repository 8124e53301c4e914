"""Litestar's guards: where they can be used, and what could bypass them."""

import threading
from copy import deepcopy
from typing import Annotated, Any

import pytest
from litestar import Controller, Litestar, Request, Router, asgi, get, head, post, route
from litestar.config.cors import CORSConfig
from litestar.config.response_cache import ResponseCacheConfig
from litestar.exceptions import NotAuthorizedException
from litestar.handlers import BaseRouteHandler
from litestar.params import Body
from litestar.response.base import ASGIResponse

from tests.adapters.litestar_service import (
    EXPIRED,
    GOOD,
    ORDERS,
    Service,
    ask,
    challenge_of,
    connect,
    sub_at,
)
from tests.support import FrozenClock, ShopClaims
from tokenward import BearerHeader, ConfigurationError
from tokenward.testing.adapters import answers
from tokenward.testing.adapters.service import bearer, client_of, shop_token


@get("/")
async def plain() -> str:
    """Respond to every request that reaches the handler."""
    return "inside"


@pytest.fixture
def service(clock: FrozenClock) -> Service:
    """Return an engine and its adapter."""
    return Service(clock)


async def statuses(app: Litestar, *paths: str, token: str | None = None) -> list[int]:
    """Request each path and return the statuses."""
    return [(await ask(app, path, token)).status_code for path in paths]


@pytest.mark.parametrize("layer", ["handler", "controller", "router", "app"])
async def test_every_layer(service: Service, layer: str) -> None:
    """A guard works on a handler, a controller, a router and the app."""
    guards = {layer: [service.auth.required()]}

    class Inside(Controller):
        @get("/", guards=guards.get("handler"))
        async def inside(self) -> str:
            return "inside"

    Inside.guards = guards.get("controller")
    router = Router("/", route_handlers=[Inside], guards=guards.get("router"))
    app = service.app(router, guards=guards.get("app"))
    refused, opened = await ask(app, token=None), await ask(app)

    assert (refused.status_code, challenge_of(refused)) == (401, 'Bearer realm="api"')
    assert refused.json() == answers.MISSING.body
    assert (opened.status_code, opened.text) == (200, "inside")


async def test_all_layers_at_once(service: Service) -> None:
    """The guards of all layers apply, and the signature is checked once."""
    auth = service.auth
    inner = Router("/", route_handlers=[sub_at("/", auth.required(scopes=["a"]))])
    router = Router("/", route_handlers=[inner], guards=[auth.required(scopes=["b"])])
    app = service.app(router, guards=[auth.required()])

    refused = [challenge_of(await ask(app, token=shop_token(scope=one))) for one in ("a", "b")]
    assert refused == [answers.too_little("b").challenge, answers.too_little("a").challenge]
    before = service.key.verified
    assert (await ask(app, token=shop_token(scope="a b"))).json() == {"sub": "alice"}
    assert service.key.verified == before + 1


async def test_beside_a_guard_of_the_users_own(service: Service) -> None:
    """A user's guard after this one has the claims; one before it may refuse first."""

    async def acme_alone(connection: Any, _handler: BaseRouteHandler) -> None:
        if connection.auth.tenant != "acme":
            raise NotAuthorizedException(detail="acme alone")

    app = service.app(get("/", guards=[service.auth.required(), acme_alone])(plain.fn))

    assert (await ask(app)).status_code == 200
    assert (await ask(app, token=shop_token(tenant="other"))).json()["detail"] == "acme alone"
    assert (await ask(app, token=None)).json() == answers.MISSING.body


async def test_copies_keep_one_engine(service: Service) -> None:
    """Litestar copies routers and controllers, but their guards keep using the same engine."""
    guard = service.auth.required()
    app = service.app(Router("/", route_handlers=[sub_at("/", guard)], guards=[guard]))

    assert deepcopy(guard) is guard
    assert (await ask(app)).status_code == 200
    await service.engine.revoke(GOOD)
    assert (await ask(app)).json() == answers.REVOKED.body


async def test_one_router_in_two_apps(service: Service) -> None:
    """What the plugin documents for a route in one app does not affect another app."""
    handler = sub_at("/", service.auth.required())
    router = Router("/router", route_handlers=[sub_at("/", service.auth.required())])
    with_plugin = service.app(handler, router)
    without = service.app(handler, router, plugins=[], dependencies={"claims": _claims_by_hand()})

    for path in ("/", "/router"):
        assert (await ask(with_plugin, path, None)).json() == answers.MISSING.body
        assert (await ask(without, path)).status_code == 500
        assert "security" not in _operation(without, path)
        assert "security" in _operation(with_plugin, path)


def _claims_by_hand() -> Any:
    async def claims() -> ShopClaims:
        return ShopClaims(sub="nobody", tenant="none")

    return claims


def _operation(app: Litestar, path: str) -> dict[str, Any]:
    operation: dict[str, Any] = app.openapi_schema.to_schema()["paths"][path]["get"]
    return operation


async def test_a_handler_registered_later(service: Service) -> None:
    """A handler that is registered after the app was built is guarded and documented."""
    app = service.app()
    assert app.openapi_schema.to_schema()["paths"] == {}
    app.register(sub_at("/late", service.auth.required()))

    assert (await ask(app, "/late", None)).json() == answers.MISSING.body
    assert _operation(app, "/late")["security"] == [{"Bearer": []}]


async def test_no_thread_hop(service: Service) -> None:
    """Guard, hooks and checks run in the thread of the event loop."""
    threads: set[int] = set()
    service.engine.after_decode(lambda claims: threads.add(threading.get_ident()))

    def check(claims: ShopClaims) -> bool:
        threads.add(threading.get_ident())
        return True

    response = await ask(service.app(sub_at("/", service.auth.required(check=check))))

    assert (response.status_code, threads) == (200, {threading.get_ident()})


@pytest.mark.parametrize("at", ["auth", "route"])
async def test_own_header(clock: FrozenClock, at: str) -> None:
    """Another header with another scheme is read instead of the default."""
    own = [BearerHeader(name="X-Token", scheme="Token")]
    service = Service(clock, **({"carriers": own} if at == "auth" else {}))
    guard = service.auth.required(carriers=own if at == "route" else None)
    app = service.app(sub_at("/", guard))

    usual = await ask(app)
    async with client_of(app) as client:
        response = await client.get("/", headers={"X-Token": f"token {GOOD}"})

    assert (usual.status_code, response.status_code) == (401, 200)
    assert challenge_of(usual) == f'{"Token" if at == "auth" else "Bearer"} realm="api"'


async def test_head_and_options(service: Service) -> None:
    """HEAD needs a token like GET; Litestar's own OPTIONS lists the methods and runs no handler."""
    guard = service.auth.required()
    app = service.app(get("/", guards=[guard])(plain.fn), head("/h", guards=[guard])(_nothing))

    assert (await ask(app, "/h", None, "HEAD")).status_code == 401
    assert (await ask(app, "/h", GOOD, "HEAD")).status_code == 200
    assert (await ask(app, "/", GOOD, "HEAD")).status_code == 405
    options = await ask(app, "/", None, "OPTIONS")
    assert (options.status_code, options.text) == (204, "")
    assert (await ask(app, "/", None, "POST")).status_code == 405


async def _nothing() -> None: ...


async def test_guard_above_covers_options(service: Service) -> None:
    """Litestar's own OPTIONS handler is guarded by the outer layers."""
    app = service.app(plain, guards=[service.auth.required()])

    assert (await ask(app, "/", None, "OPTIONS")).status_code == 401
    assert (await ask(app, "/", GOOD, "OPTIONS")).status_code == 204


async def test_own_options_handler(service: Service) -> None:
    """A handler for several methods is guarded in all of them."""
    methods = ["GET", "OPTIONS", "DELETE"]
    handler = route("/", http_method=methods, guards=[service.auth.required()], status_code=200)
    app = service.app(handler(plain.fn))

    assert [(await ask(app, "/", None, method)).status_code for method in methods] == [401] * 3
    assert [(await ask(app, "/", GOOD, method)).status_code for method in methods] == [200] * 3


async def test_cors(service: Service) -> None:
    """Litestar answers a preflight request; the actual request needs a token."""
    cors = CORSConfig(allow_origins=["https://shop.example"], allow_headers=["authorization"])
    app = service.app(plain, guards=[service.auth.required()], cors_config=cors)
    origin = {"Origin": "https://shop.example"}
    preflight = {**origin, "Access-Control-Request-Method": "GET"}
    async with client_of(app) as client:
        asked = await client.options("/", headers=preflight)
        refused = await client.get("/", headers=origin)

    assert (asked.status_code, refused.status_code) == (204, 401)
    assert refused.headers["access-control-allow-origin"] == "https://shop.example"
    assert challenge_of(refused) == 'Bearer realm="api"'


@pytest.mark.parametrize("name", ["required", "optional"])
@pytest.mark.parametrize("layer", ["handler", "app"])
@pytest.mark.parametrize("cached", [True, 60])
def test_a_cache_behind_a_guard(service: Service, name: str, layer: str, cached: Any) -> None:
    """An app that would serve the cached response of one user to another is refused."""
    guards = [getattr(service.auth, name)()]
    own, app = (guards, []) if layer == "handler" else ([], guards)
    handler = get("/", cache=cached, guards=own)(plain.fn)

    with pytest.raises(ConfigurationError, match=r"^plain has cache= .* cache_key_builder"):
        service.app(handler, guards=app)


def by_user(request: Request[Any, ShopClaims | None, Any]) -> str:
    """Include the user in the key of a cached response."""
    return request.auth.sub if request.auth else ""


@pytest.mark.parametrize("where", ["handler", "app"])
async def test_a_cache_by_user(service: Service, where: str) -> None:
    """If the key includes the user, responses are cached; the guard runs before the cache."""
    own = by_user if where == "handler" else None
    handler = get("/", cache=True, cache_key_builder=own, guards=[service.auth.required()])(
        plain.fn
    )
    config = ResponseCacheConfig(key_builder=by_user) if where == "app" else None
    app = service.app(handler, response_cache_config=config)
    tokens = (GOOD, None, EXPIRED, GOOD)

    assert [(await ask(app, token=token)).status_code for token in tokens] == [200, 401, 401, 200]


async def test_a_cache_without_a_guard(service: Service) -> None:
    """A handler that is excluded from the guards may be cached."""
    handler = get("/", cache=True, exclude_from_auth=True)(plain.fn)

    assert (await ask(service.app(handler, guards=[service.auth.required()]), token=None)).text


async def test_body_is_not_read_before_the_guard(service: Service) -> None:
    """The token is checked before the body is parsed."""

    @post("/", guards=[service.auth.required()])
    async def create(data: Annotated[dict[str, int], Body()]) -> dict[str, int]:
        return data

    app = service.app(create)
    async with client_of(app) as client:
        refused = await client.post("/", content=b"{")
        bad = await client.post("/", content=b"{", headers=list(bearer(GOOD)))

    assert (refused.status_code, bad.status_code) == (401, 400)


@pytest.mark.parametrize("token", [None, EXPIRED, GOOD], ids=["none", "expired", "good"])
async def test_mounted_asgi_app(service: Service, token: str | None) -> None:
    """A guard on a mounted ASGI app applies to its requests and its WebSockets."""

    @asgi("/mounted", is_mount=True, copy_scope=True, guards=[service.auth.required()])
    async def mounted(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.close"})
        else:
            await ASGIResponse(body=b"inside")(scope, receive, send)

    app = service.app(mounted)
    response = await ask(app, "/mounted/deep", token)
    outcome = await connect(app, "/mounted/deep", token)

    assert response.status_code == (200 if token == GOOD else 401)
    assert (outcome.accepted, outcome.status) == ((True, None) if token == GOOD else (False, 401))


async def test_scopes_of_guards_are_their_own(service: Service) -> None:
    """Two routes with guards of one `TokenAuth` require only their own scopes."""
    app = service.app(
        sub_at("/a", service.auth.required(scopes=["orders:read"])),
        sub_at("/b", service.auth.required(scopes=["orders:write"])),
    )

    assert await statuses(app, "/a", "/b", token=ORDERS) == [200, 403]
