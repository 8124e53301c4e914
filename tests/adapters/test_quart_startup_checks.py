"""Incorrect use of decorators and claims in a Quart app: an error at its creation or start."""

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial, wraps
from typing import Any

import pytest
from quart import Blueprint, Quart, Response, request
from quart.views import MethodView

from tests.adapters import quart_service
from tests.adapters.quart_service import EXPIRED, GOOD, Service, greet
from tests.support import FrozenClock, ShopClaims
from tokenward import ConfigurationError, CookieCarrier, KeyPublisher, KeyRing, TokenPair
from tokenward.testing.adapters.service import bearer, client_of
from tokenward.testing.adapters.websocket_client import open_websocket
from tokenward_quart import TokenAuth

service, bare = quart_service.service, quart_service.bare  # fixtures

PAIR = TokenPair(access_token="a", refresh_token="r", expires_in=1, csrf_token="c")


def add_open_route(service: Service) -> list[str]:
    """Add a route with the decorator above it, and return a list that records its calls."""
    seen: list[str] = []

    @service.auth.required()
    @service.app.get("/")
    async def orders() -> str:
        seen.append("called")
        return ""

    return seen


async def test_wrong_order_does_not_start(service: Service) -> None:
    """An app with an unprotected route does not start; the error names the route and the fix."""
    add_open_route(service)

    with pytest.raises(ConfigurationError, match=r"^orders is unprotected: .* below @app\.route"):
        await service.app.startup()
    with pytest.raises(Exception, match=r"orders is unprotected: .* below @app\.route"):
        await service.app.test_app().startup()


@pytest.mark.parametrize("token", [None, GOOD], ids=["none", "good"])
async def test_wrong_order_without_lifespan(service: Service, token: str | None) -> None:
    """Without a lifespan event the app refuses every request."""
    seen = add_open_route(service)

    assert [(await service.get("/", token)).status_code for _ in range(2)] == [500, 500]
    assert seen == []


@pytest.mark.parametrize("has_lifespan", [True, False])
async def test_the_check_runs_once(service: Service, *, has_lifespan: bool) -> None:
    """When the app has been checked, its requests call no function of the check, but all of the app's."""
    seen: list[str] = []
    service.app.before_request(lambda: seen.append("before"))
    if has_lifespan:
        await service.app.startup()

    @service.app.get("/")
    @service.auth.required()
    async def orders() -> str:
        return ""

    for _ in range(2):
        assert (await service.get("/", GOOD)).status_code == 200

    assert seen == ["before", "before"]
    assert len(service.app.before_request_funcs[None]) == 1
    assert service.app.before_websocket_funcs[None] == []


async def test_wrong_order_of_a_socket(service: Service) -> None:
    """An unprotected WebSocket is never accepted."""
    seen: list[str] = []

    @service.auth.required()
    @service.app.websocket("/ws")
    async def socket() -> None:
        seen.append("called")

    outcome = await open_websocket(service.app, "/ws")

    assert (outcome.accepted, seen) == (False, [])
    with pytest.raises(ConfigurationError, match=r"^socket is unprotected"):
        await service.app.startup()


@pytest.mark.parametrize("kind", ["before_request", "before_websocket"])
async def test_wrong_order_of_a_guard(service: Service, kind: str) -> None:
    """A guard of a blueprint that is decorated after its registration is refused as well."""
    group = Blueprint("group", __name__)

    @service.auth.required()
    @getattr(group, kind)
    async def guard() -> None: ...

    service.app.register_blueprint(group)

    with pytest.raises(ConfigurationError, match=r"^guard is unprotected"):
        await service.app.startup()


async def test_wrong_order_in_a_blueprint(service: Service) -> None:
    """An unprotected route of a blueprint is named in full, for each kind of decorator."""
    group = Blueprint("group", __name__)

    @service.auth.optional()
    @group.get("/")
    async def orders() -> str:
        return ""

    service.app.register_blueprint(group)

    with pytest.raises(ConfigurationError, match=r"^group\.orders is unprotected"):
        await service.app.startup()


@pytest.mark.parametrize("is_known", [True, False], ids=["init_app", "unknown"])
async def test_wrong_order_for_a_second_engine(service: Service, is_known: bool) -> None:
    """Functions that another `TokenAuth` decorated are checked too, registered or not."""
    other = TokenAuth(service.engine)
    if is_known:
        other.init_app(service.app)
    other.required()(quart_service.greet)
    service.app.websocket("/ws")(quart_service.greet)

    with pytest.raises(ConfigurationError, match=r"^greet is unprotected"):
        await service.app.startup()


def without_wraps(view: Any) -> Any:
    """Decorate a view without `functools.wraps`: nothing shows the wrapped function."""

    async def wrapper(*args: object, **kwargs: object) -> object:
        return await view(*args, **kwargs)

    return wrapper


def with_wraps(view: Any) -> Any:
    """Decorate a view with `functools.wraps`."""
    return wraps(view)(without_wraps(view))


def unchanged(view: Any) -> Any:
    """A decorator that returns the function itself."""
    return view


@pytest.mark.parametrize("between", [unchanged, with_wraps, without_wraps])
@pytest.mark.parametrize("also", [unchanged, with_wraps])
async def test_a_guard_between_two_routes(
    service: Service, between: Callable[[Any], Any], also: Callable[[Any], Any]
) -> None:
    """A view that one route registers without its guard, and another with it, is unprotected."""

    @service.app.get("/guarded", endpoint="guarded")
    @service.auth.required()
    @between
    @service.app.get("/open", endpoint="open")
    @also
    async def orders() -> str:
        return ""

    with pytest.raises(ConfigurationError, match=r"^open is unprotected: .* below @app\.route"):
        await service.app.startup()


@pytest.mark.parametrize("between", [unchanged, with_wraps, without_wraps, partial])
async def test_a_decorator_between_guard_and_route(
    service: Service, between: Callable[[Any], Any]
) -> None:
    """A decorator between the auth decorator and the unprotected view does not hide the view."""

    @service.auth.required()
    @between
    @service.app.get("/")
    async def orders() -> str:
        return ""

    with pytest.raises(ConfigurationError, match=r"^orders is unprotected"):
        await service.app.startup()


@pytest.mark.parametrize("is_same", [True, False], ids=["same", "another"])
async def test_a_method_of_another_object(service: Service, is_same: bool) -> None:
    """If the method of one object is guarded, that of another object may be public."""

    class Page:
        async def show(self) -> str:
            return ""

    guarded = Page()
    service.app.get("/guarded", endpoint="guarded")(service.auth.required()(guarded.show))
    service.app.get("/open", endpoint="open")((guarded if is_same else Page()).show)

    with (
        pytest.raises(ConfigurationError, match=r"^open is unprotected")
        if is_same
        else nullcontext()
    ):
        await service.app.startup()


async def test_a_callable_without_attributes(service: Service) -> None:
    """A callable without attributes is guarded too."""

    class Answer:
        __slots__ = ()
        __name__ = "answer"

        def __call__(self) -> str:
            return "inside"

    service.app.get("/")(service.auth.required()(Answer()))

    assert (await service.get("/", None)).status_code == 401
    assert (await service.get("/")).text == "inside"


async def test_less_than_all_guards(service: Service) -> None:
    """A view that is registered without its last guard is refused."""

    @service.auth.required(scopes=["admin"])
    @service.app.get("/")
    @service.auth.required()
    async def orders() -> str:
        return ""

    with pytest.raises(ConfigurationError, match=r"^orders is unprotected"):
        await service.app.startup()


async def test_views_that_call_each_other(service: Service) -> None:
    """A guarded view may call public ones, and may be wrapped itself."""
    app, auth = service.app, service.auth

    @app.get("/open")
    async def hello() -> str:
        return "hello"

    @app.get("/guarded")
    @with_wraps
    @auth.required()
    @with_wraps
    async def guarded() -> str:
        return await hello() + await world()

    async def world() -> str:
        return " world"

    for name, view in {
        "wrapped": without_wraps(auth.required()(without_wraps(world))),
        "partial": auth.required()(partial(world)),
    }.items():
        app.get(f"/{name}", endpoint=name)(view)

    async with app.test_app():
        assert (await service.get("/open", None)).text == "hello"
        for path in ("/guarded", "/wrapped", "/partial"):
            assert (await service.get(path, None)).status_code == 401
            assert (await service.get(path)).text.endswith(" world")


async def test_a_class_that_is_open(service: Service) -> None:
    """A method of a view class that is registered without its guard is refused."""

    class Orders(MethodView):
        async def get(self) -> str:
            return ""

        guarded = service.auth.required()(get)

    service.app.add_url_rule("/", view_func=Orders.as_view("orders"))

    with pytest.raises(ConfigurationError, match=r"^orders is unprotected"):
        await service.app.startup()


@pytest.mark.parametrize("order", ["right", "wrong"])
async def test_a_forgotten_init_app(bare: Service, order: str) -> None:
    """An app that uses a `TokenAuth` without `init_app` does not start, and refuses every request."""
    seen: list[str] = []
    required = bare.auth.required()

    async def orders() -> str:
        seen.append("called")
        return ""

    bare.app.get("/")(required(orders) if order == "right" else orders)
    required(orders)

    @bare.app.websocket("/ws")
    @required
    async def socket() -> None:
        seen.append("called")

    match = (
        r"orders is unprotected"
        if order == "wrong"
        else r"guards orders is not registered .*auth\.init_app\(app\)"
    )

    async with bare.app.app_context():  # as scripts and factories do
        pass
    assert (await bare.get("/")).status_code == 500
    assert not (await open_websocket(bare.app, "/ws", headers=bearer(GOOD))).accepted
    with pytest.raises(ConfigurationError, match=match):
        await bare.app.startup()
    assert seen == []


async def test_a_second_app_without_init_app(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    """A guard refuses to serve an unregistered app, even if another app is registered."""
    other = Quart("other")
    other.get("/", endpoint="root")(service.auth.required()(lambda: ""))

    async with client_of(other) as client:
        response = await client.get("/", headers=list(bearer(GOOD)))

    assert response.status_code == 500
    assert "call auth.init_app(app)" in caplog.text


async def test_an_app_beside(bare: Service) -> None:
    """An app that does not use the `TokenAuth` is not affected by it."""
    bare.app.get("/", endpoint="root")(lambda: "open")

    assert [(await bare.get("/", None)).text for _ in range(2)] == ["open", "open"]


@pytest.mark.parametrize("is_known", [True, False], ids=["init_app", "unknown"])
async def test_an_error_that_nobody_answers(
    clock: FrozenClock, caplog: pytest.LogCaptureFixture, is_known: bool
) -> None:
    """Without `init_app` a TokenError of a handler is a 500, and the log names the fix."""
    service = Service(clock, init_app=is_known)

    @service.app.get("/<kind>")
    async def decode(kind: str) -> str:
        if kind == "other":
            raise ZeroDivisionError
        return (await service.engine.decode(EXPIRED)).sub

    statuses = [(await service.get(path)).status_code for path in ("/token", "/other")]

    assert statuses == ([401, 500] if is_known else [500, 500])
    assert caplog.text.count("Call auth.init_app(app)") == (0 if is_known else 1)


async def test_refresh_without_init_app(bare: Service, caplog: pytest.LogCaptureFixture) -> None:
    """`refresh` refuses to serve an unregistered app."""

    @bare.app.post("/")
    async def refresh() -> str:
        return (await bare.auth.refresh(request)).access_token

    assert (await bare.client.post("/")).status_code == 500
    assert "call auth.init_app(app)" in caplog.text


@pytest.mark.parametrize("hook", ["before_request", "before_websocket", "get"])
@pytest.mark.parametrize("name", ["required", "optional"])
@pytest.mark.parametrize("is_called", [True, False], ids=["called", "not called"])
async def test_a_decorator_in_place_of_a_function(
    service: Service, hook: str, name: str, is_called: bool
) -> None:
    """``before_request(auth.required())`` would guard nothing, and is refused."""
    method = getattr(service.auth, name)
    register = service.app.get("/") if hook == "get" else getattr(service.app, hook)
    register(method() if is_called else method)

    with pytest.raises(
        ConfigurationError, match=r"is an auth decorator.* auth\.guard\(blueprint\)"
    ):
        await service.app.startup()


async def test_a_method_of_the_users_own(service: Service) -> None:
    """A user's method may use an `Authenticator` itself."""

    class Guard:
        def __init__(self) -> None:
            self.authenticator = service.auth.authenticator

        async def required(self) -> str:
            return "own"

    service.app.before_request(Guard().required)

    await service.app.startup()


@pytest.mark.parametrize("name", ["required", "optional"])
def test_a_forgotten_call(service: Service, name: str) -> None:
    """``@auth.required`` without parentheses is an error at once."""
    with pytest.raises(TypeError, match=rf"^Write auth\.{name}\(\), with parentheses"):
        getattr(service.auth, name)(greet)


@pytest.mark.parametrize(
    "wrong", [(), (MethodView,), (None,), (greet, greet)], ids=["nothing", "class", "None", "two"]
)
def test_what_cannot_be_decorated(service: Service, wrong: tuple[Any, ...]) -> None:
    """The decorator needs one function; the error names the way to guard a class or a group."""
    with pytest.raises(TypeError, match=r"auth\.guard\(blueprint\)"):
        service.auth.required()(*wrong)


def test_a_decorator_in_place_of_a_list(service: Service) -> None:
    """``decorators = auth.required()`` in a view class is an error that shows the list."""

    class Orders(MethodView):
        decorators = service.auth.required()  # type: ignore[assignment]

    with pytest.raises(TypeError, match=r"decorators = \[auth\.required\(\)\]"):
        Orders.as_view("orders")


@pytest.mark.parametrize(
    "hook", ["after_request", "after_websocket", "teardown_request", "errorhandler"]
)
async def test_a_guard_that_comes_too_late(service: Service, hook: str) -> None:
    """A guard on a function that runs after the handler is refused."""
    register = getattr(service.app, hook)
    if hook == "errorhandler":
        register = register(404)

    @register
    @service.auth.required()
    async def late(argument: Any) -> Any:
        return argument

    with pytest.raises(ConfigurationError, match=r"^late .* runs after the handler"):
        await service.app.startup()


@pytest.mark.parametrize("path", ["/", "/<claims>"])
@pytest.mark.parametrize("kind", ["view", "wrapped"])
async def test_claims_among_the_arguments(service: Service, path: str, kind: str) -> None:
    """A view with a claims argument is refused, unless another decorator passes it."""

    async def orders(claims: ShopClaims, page: int = 0) -> str:
        return claims.sub

    view = with_wraps(orders) if kind == "wrapped" else orders
    service.app.get(path)(service.auth.required()(view))
    is_error = path == "/" and kind == "view"
    expected = pytest.raises(ConfigurationError, match=r"^orders .* read auth\.current_claims")

    with expected if is_error else nullcontext():
        await service.app.startup()


async def test_annotations_that_cannot_be_resolved(service: Service) -> None:
    """Annotations with names that only a type checker can resolve are ignored."""

    async def orders(page: "OnlyForTypeCheckers" = None) -> str:  # type: ignore[name-defined] # noqa: F821
        return str(page)

    service.app.get("/")(service.auth.required()(orders))

    await service.app.startup()


@pytest.mark.parametrize("wrong", [Blueprint("group", __name__), None, "app"], ids=str)
def test_init_app_takes_the_app(service: Service, wrong: Any) -> None:
    """`init_app` refuses anything that is not a Quart app."""
    with pytest.raises(TypeError, match=r"init_app needs the Quart app"):
        service.auth.init_app(wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda auth, app: auth.publish_keys(KeyPublisher(KeyRing.generate()), app),
        lambda auth, app: auth.publish_keys("app", KeyPublisher(KeyRing.generate())),
        lambda auth, app: auth.publish_keys(app, KeyRing.generate()),
        lambda auth, app: auth.set_cookies({}, PAIR),
        lambda auth, app: auth.set_cookies(PAIR, Response()),
        lambda auth, app: auth.set_cookies(Response(), "token"),
        lambda auth, app: auth.clear_cookies({}),
    ],
    ids=["publish swapped", "publish nowhere", "publish ring", "dict", "swapped", "token", "clear"],
)
def test_arguments_of_another_kind(clock: FrozenClock, wrong: Callable[..., object]) -> None:
    """An argument of the wrong type is an error that names the right one."""
    service = Service(clock, carriers=[CookieCarrier()])

    expected = r"KeyPublisher|the Quart app: pass it|make_response|must be the result of issue_pair or refresh"
    with pytest.raises((TypeError, ConfigurationError), match=expected):
        wrong(service.auth, service.app)


@pytest.mark.parametrize("token", [None, GOOD, b"token"], ids=["none", "text", "bytes"])
async def test_refresh_takes_the_request(service: Service, token: Any) -> None:
    """`refresh` of the adapter needs the request; the error names `engine.refresh` for tokens."""
    with pytest.raises(TypeError, match=r"call engine\.refresh\(text\)"):
        await service.auth.refresh(token)
