"""Incorrect use of guards and claims in a Litestar app: an error when the app is created."""

import warnings
from collections.abc import Callable
from contextlib import nullcontext
from typing import Annotated, Any

import pytest
from litestar import Controller, Litestar, Request, Router, asgi, get, post, websocket_listener
from litestar.di import Provide
from litestar.handlers import BaseRouteHandler, websocket
from litestar.params import Body, Parameter
from pydantic import BaseModel

from tests.adapters.litestar_service import GOOD, NamedDependency, Service, ask, connect, sub_at
from tests.support import FrozenClock, ShopClaims
from tokenward import Claims, ConfigurationError, Issuers, KeyRing, TokenEngine, TokenPolicy
from tokenward.testing.adapters.service import contract_engine
from tokenward_litestar import TokenAuth

# Some releases of Litestar warn of some of these mistakes as well.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")

FROM_REQUEST = r"takes the claims in \w+ from the request.* guards=\[auth\.required\(\)\]"


@pytest.fixture
def service(clock: FrozenClock) -> Service:
    """Return an engine and its adapter."""
    return Service(clock)


class OtherClaims(Claims):
    """Claims of another engine."""

    shop: str = ""


class Order(BaseModel):
    """A body that contains claims."""

    by: list[ShopClaims | None] = []


def parameter(**options: Any) -> Any:
    """Declare a parameter in a way that all supported releases of Litestar understand."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Parameter(**options)


async def plain() -> str:
    """Respond to every request that reaches the handler."""
    return "inside"


async def body(data: ShopClaims) -> str:
    """Take the claims from the body."""
    return data.sub


async def body_and_guard(data: Annotated[ShopClaims, Body()], claims: ShopClaims) -> str:
    """Take claims from the body and from the guard."""
    return data.sub + claims.sub


async def nested(data: Order) -> str:
    """Take the claims from a member of the body."""
    return str(data)


async def query(user: ShopClaims | None = None) -> str:
    """Take the claims from the query, in an argument with another name than the plugin's."""
    return str(user)


async def header(user: Annotated[ShopClaims, parameter(header="X-User")]) -> str:
    """Take the claims from a header."""
    return user.sub


async def cookie(user: Annotated[ShopClaims, parameter(cookie="user")]) -> str:
    """Take the claims from a cookie."""
    return user.sub


@pytest.mark.parametrize("guarded", [True, False])
@pytest.mark.parametrize("handler", [body, body_and_guard, nested, query, header, cookie])
def test_claims_from_the_request(
    service: Service, handler: Callable[..., Any], guarded: bool
) -> None:
    """An argument with claims from the client is refused, with and without a guard."""
    guards = [service.auth.required()] if guarded or handler is body_and_guard else []

    with pytest.raises(ConfigurationError, match=rf"^{handler.__name__} {FROM_REQUEST}"):
        service.app(post("/", guards=guards)(handler))


async def user_of(user: ShopClaims) -> str:
    """A dependency that takes the claims from the query."""
    return user.sub


def test_claims_from_the_request_in_a_dependency(service: Service) -> None:
    """An argument of a dependency is refused as well, if a handler uses the dependency."""

    async def root(name: NamedDependency[str]) -> str:
        return name

    dependencies = {"name": Provide(user_of)}
    service.app(get("/")(plain), dependencies=dependencies)

    with pytest.raises(ConfigurationError, match=rf"^root {FROM_REQUEST}"):
        service.app(get("/")(root), dependencies=dependencies)


def test_claims_from_the_request_of_a_layer(service: Service) -> None:
    """A claims parameter that a router or the app declares for its handlers is refused."""
    parameters = {"user": parameter(annotation=ShopClaims, query="user")}

    with pytest.raises(ConfigurationError, match=FROM_REQUEST):
        service.app(Router("/", route_handlers=[get("/")(plain)], parameters=parameters))


def test_claims_from_the_messages_of_a_socket(service: Service) -> None:
    """The data of a listener comes from the client: claims are refused there."""

    @websocket_listener("/")
    async def listen(data: ShopClaims) -> str:
        return data.sub

    with pytest.raises(ConfigurationError, match=FROM_REQUEST):
        service.app(listen)


def test_a_route_that_is_registered_later(service: Service) -> None:
    """A handler that is added to a finished app is checked when it is added."""
    app = service.app()

    with pytest.raises(ConfigurationError, match=FROM_REQUEST):
        app.register(post("/")(body))


@pytest.mark.parametrize("name", ["required", "optional"])
def test_a_guard_that_is_not_called(service: Service, name: str) -> None:
    """``guards=[auth.required]`` and ``@auth.required`` are refused."""
    method = getattr(service.auth, name)

    with pytest.raises(ConfigurationError, match=r"^plain has a guard that is not called"):
        service.app(get("/", guards=[method])(plain))
    with pytest.raises(TypeError, match=rf"^Write auth\.{name}\(\), with parentheses"):
        method(plain)


@pytest.mark.parametrize("view", [plain, get("/")(plain)], ids=["function", "handler"])
def test_a_guard_as_a_decorator(service: Service, view: Any) -> None:
    """``@auth.required()`` above or below ``@get`` is an error that shows the correct use."""
    with pytest.raises(TypeError, match=r"not a decorator: write guards=\[auth\.required\(\)\]"):
        service.auth.required()(view)  # type: ignore[call-arg]


def test_a_guard_in_place_of_a_list(service: Service) -> None:
    """``guards=auth.required()`` is an error that shows the list."""
    with pytest.raises(
        TypeError, match=r"guards must be a list: write guards=\[auth\.required\(\)\]"
    ):
        service.app(get("/", guards=service.auth.required())(plain))  # type: ignore[arg-type]


@pytest.mark.parametrize("is_called", [True, False], ids=["called", "not called"])
def test_a_guard_as_a_dependency(service: Service, is_called: bool) -> None:
    """``Provide(auth.required())`` provides no claims, and is refused."""

    async def root(user: NamedDependency[ShopClaims]) -> str:
        return user.sub

    guard = service.auth.required() if is_called else service.auth.required
    dependencies = {"user": Provide(guard, sync_to_thread=False)}

    with pytest.raises(ConfigurationError, match=r"^root has a guard as a dependency"):
        service.app(get("/")(root), dependencies=dependencies)


def test_a_model_as_a_dependency(service: Service) -> None:
    """A claims model that Litestar would fill from the query is refused."""

    async def root(user: NamedDependency[ShopClaims]) -> str:
        return user.sub

    dependencies = {"user": Provide(ShopClaims, sync_to_thread=False)}

    with pytest.raises(ConfigurationError, match=r"^root has a Claims model as a dependency"):
        service.app(get("/")(root), dependencies=dependencies)


@pytest.mark.parametrize("kind", ["none", "left out", "another's", "in a dependency"])
def test_claims_without_a_guard(clock: FrozenClock, kind: str) -> None:
    """A handler with a claims argument but without a guard of the same `TokenAuth` is refused."""
    service = Service(clock)
    other = TokenAuth(contract_engine(clock), dependency_key="theirs")

    async def sub(claims: NamedDependency[ShopClaims | None]) -> str:
        return claims.sub if claims else ""

    async def root(sub: NamedDependency[str]) -> str:
        return sub

    guards = {"none": [], "another's": [other.required()], "in a dependency": []}
    view = root if kind == "in a dependency" else sub
    handler = get("/", exclude_from_auth=kind == "left out")(view)

    with pytest.raises(ConfigurationError, match=r"has the argument claims but no guard that"):
        service.app(
            handler,
            guards=guards.get(kind, [service.auth.required()]),
            dependencies={"sub": Provide(sub)} if view is root else {},
            plugins=[service.auth, other],
        )


@pytest.mark.parametrize(
    ("model", "is_right"),
    [
        (ShopClaims, True),
        (Claims, True),
        (ShopClaims | None, True),
        (ShopClaims | OtherClaims, True),
        (object, True),
        (OtherClaims, False),
        (OtherClaims | None, False),
    ],
    ids=str,
)
def test_another_model(service: Service, model: Any, is_right: bool) -> None:
    """A handler whose annotation is not a model of the engine is refused."""

    async def root(claims: NamedDependency[model]) -> str:
        return str(claims)

    expected = (
        nullcontext()
        if is_right
        else pytest.raises(
            ConfigurationError, match=r"^root annotates claims .* write ShopClaims, or pass"
        )
    )
    with expected:
        service.app(get("/", guards=[service.auth.required()])(root))


@pytest.mark.parametrize(
    ("model", "is_right"), [(ShopClaims | OtherClaims, True), (ShopClaims, False)], ids=str
)
def test_the_models_of_several_issuers(model: Any, is_right: bool) -> None:
    """With several issuers a handler accepts the claims of all of them."""
    keys = KeyRing.generate("HS256")
    policies = [TokenPolicy(issuer=f"https://{name}.example") for name in "ab"]
    auth = TokenAuth(
        Issuers(
            TokenEngine(keys, policy=policies[0], claims_model=ShopClaims),
            TokenEngine(keys, policy=policies[1], claims_model=OtherClaims),
        )
    )

    async def root(claims: NamedDependency[model]) -> str:
        return str(claims)

    with nullcontext() if is_right else pytest.raises(ConfigurationError, match="OtherClaims"):
        Litestar([get("/", guards=[auth.required()])(root)], plugins=[auth])


def test_two_plugins_with_one_name(service: Service, clock: FrozenClock) -> None:
    """Two plugins with the same `dependency_key` are refused."""
    other = TokenAuth(contract_engine(clock))

    with pytest.raises(ConfigurationError, match=r"^Two TokenAuth .* dependency_key='\.\.\.'"):
        service.app(plugins=[service.auth, other])


def test_the_guard_of_a_plugin_that_is_missing(service: Service, clock: FrozenClock) -> None:
    """A guard of a `TokenAuth` that is not a plugin is refused, if another one is a plugin."""
    other = TokenAuth(contract_engine(clock), dependency_key="other")

    with pytest.raises(
        ConfigurationError, match=r"^plain has a guard of a TokenAuth that is not a plugin"
    ):
        service.app(get("/", guards=[other.required()])(plain))


async def test_without_the_plugin(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    """Without a plugin nothing is checked, so a guard refuses every request and names the fix."""

    @websocket("/ws", guards=[service.auth.optional()])
    async def socket(socket: Any) -> None:
        await socket.accept()

    @post("/refresh")
    async def refresh(request: Request[Any, Any, Any]) -> str:
        return (await service.auth.refresh(request)).access_token

    guarded = get("/", guards=[service.auth.required()])(plain)
    app = service.app(guarded, socket, refresh, plugins=[], debug=True)

    for path, method in {"/": "GET", "/refresh": "POST"}.items():
        response = await ask(app, path, GOOD, method)
        assert response.status_code == 500
        assert "Litestar(plugins=[auth])" in response.text
    assert not (await connect(app, "/ws")).accepted


async def test_what_is_right(service: Service) -> None:
    """Connection types may name claims, and dependencies may use them, also indirectly."""

    async def root(
        request: Request[Any, ShopClaims, Any], claims: NamedDependency[ShopClaims]
    ) -> str:
        return request.auth.sub + claims.sub

    @asgi("/mounted", guards=[service.auth.required()])
    async def mounted(scope: Any, receive: Any, send: Any) -> None:
        """A mounted ASGI app."""

    class Users(Controller):
        path = "/users"
        guards = (service.auth.required(),)

        @get("/")
        async def users(
            self,
            claims: NamedDependency[ShopClaims],
            name: NamedDependency[str],
            shout: NamedDependency[str],
        ) -> str:
            return f"{claims.sub} {name} {shout}"

    async def name(claims: NamedDependency[ShopClaims]) -> str:
        return claims.sub

    async def shout(name: NamedDependency[str]) -> str:
        return name.upper()

    handlers: list[BaseRouteHandler | type[Controller]] = [
        get("/", guards=[service.auth.required()])(root),
        sub_at("/sub", service.auth.required()),
        mounted,
        Users,
    ]
    app = service.app(*handlers, dependencies={"name": Provide(name), "shout": Provide(shout)})

    assert (await ask(app)).text == "alicealice"
    assert (await ask(app, "/users")).text == "alice alice ALICE"
