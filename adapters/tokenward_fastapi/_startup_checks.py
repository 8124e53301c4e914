"""Refuses to start an app in which a request could supply claims without a verified token."""

from collections.abc import Awaitable, Iterable
from functools import partial
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Union, cast, get_args, get_origin

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import get_parameterless_sub_dependant, get_typed_signature
from starlette.routing import BaseRoute, Host, Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from tokenward import Claims, ConfigurationError
from tokenward.http import contains_claims_model
from tokenward_fastapi._dependency import ClaimsDependency

__all__ = ["add_startup_checks"]

_MAX_LAYERS: Final = 32
"""The maximum number of middleware layers around a mounted app that are unwrapped."""


def add_startup_checks(app: FastAPI) -> None:
    """Check the routes of an app when it starts; once, even if the app has several `TokenAuth`.

    Raises:
        ConfigurationError: the app has already started.
    """
    if app.middleware_stack is not None:
        msg = "The app has already started: call auth.init_app(app) when you create the app."
        raise ConfigurationError(msg)
    if not any(each.kwargs.get("served") is app for each in app.user_middleware):
        app.add_middleware(_StartupChecks, served=app)


class _StartupChecks:
    """Middleware that checks the routes before the app starts, and again when routes are added.

    After a failed check the server does not start. If the app is used without a lifespan, as in
    many tests, or if the faulty route is added later, every request fails.

    Not checked: the dependencies of a router that only serves a front end, and those in
    ``app.dependency_overrides``.
    """

    def __init__(self, app: ASGIApp, served: FastAPI) -> None:
        """Wrap an ASGI app; `served` is the app whose routes are checked."""
        self._app = app
        self._served = served
        self._route_lists: list[list[BaseRoute]] = []
        self._route_counts: list[int] | None = None

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Check the routes if they have changed, then call the app."""
        if [*map(len, self._route_lists)] != self._route_counts:
            return self._check_and_call(scope, receive, send)
        # Not awaited here: every request would pay for a further coroutine.
        return self._app(scope, receive, send)

    async def _check_and_call(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._check()
        except ConfigurationError as error:
            if scope["type"] == "lifespan":
                await receive()
                # Servers take a bare exception to mean that the app does not use lifespans.
                await send({"type": "lifespan.startup.failed", "message": str(error)})
            raise
        await self._app(scope, receive, send)

    def _check(self) -> None:
        route_lists = _lists_of_routes(self._served)
        for routes in route_lists:
            for route in routes:
                for dependant in _dependants_of(route):
                    _check_dependant(dependant)
        self._route_lists, self._route_counts = route_lists, [*map(len, route_lists)]


def _lists_of_routes(app: FastAPI) -> list[list[BaseRoute]]:
    """Return the route lists of an app, its included routers and its mounted apps."""
    lists: list[list[BaseRoute]] = []
    waiting: list[object] = [app]
    while waiting:
        routes = _routes_of(waiting.pop())
        if routes is not None and not any(routes is known for known in lists):
            lists.append(routes)
            waiting.extend(routes)

    return lists


def _routes_of(owner: object) -> list[BaseRoute] | None:
    for _ in range(_MAX_LAYERS):
        # A Mount or Host returns a new list for each access: use that of the app inside.
        routes = None if isinstance(owner, Mount | Host) else getattr(owner, "routes", None)
        if isinstance(routes, list):
            return cast("list[BaseRoute]", routes)
        # Since FastAPI 0.137 an included router is a single entry in the list of routes.
        owner = getattr(owner, "original_router", None) or getattr(owner, "app", None)

    return None


def _dependants_of(route: BaseRoute) -> Iterable[Dependant]:
    dependant = getattr(route, "dependant", None)
    if isinstance(dependant, Dependant):
        return (dependant,)
    dependencies = getattr(getattr(route, "include_context", None), "dependencies", ())
    return [get_parameterless_sub_dependant(depends=each, path="") for each in dependencies]


def _check_dependant(dependant: Dependant) -> None:
    call: Any = dependant.call
    for field in (
        *dependant.path_params,
        *dependant.query_params,
        *dependant.header_params,
        *dependant.cookie_params,
        *dependant.body_params,
    ):
        if contains_claims_model(field.field_info.annotation):
            msg = (
                f"The parameter '{field.name}' of {_name_of(call)} takes claims from the request "
                "without a verified token: declare it as "
                f"{field.name}: Annotated[..., Depends(auth.required())]."
            )
            raise ConfigurationError(msg)

    if _creates_claims(call):
        msg = (
            "A Claims model must not be a dependency, because the client would supply the claims: "
            "write Annotated[..., Depends(auth.required())]."
        )
        raise ConfigurationError(msg)

    for inner in dependant.dependencies:
        if isinstance(inner.call, ClaimsDependency):
            _check_annotation(call, inner.name, inner.call)
        else:
            _check_dependant(inner)


def _creates_claims(call: Any) -> bool:  # noqa: ANN401 - any argument of Depends
    """Whether a dependency is a claims model, or one of its class methods."""
    while isinstance(call, partial):
        call = call.func
    model = getattr(call, "__self__", call)
    return isinstance(model, type) and issubclass(model, Claims)


def _check_annotation(call: Any, name: str | None, dependency: ClaimsDependency[Any]) -> None:  # noqa: ANN401
    """Refuse a parameter whose type is not the claims model that it receives."""
    if name is None:
        return

    parts = _parts_of(get_typed_signature(call).parameters[name].annotation)
    expected = tuple(part for part in parts if isinstance(part, type) and issubclass(part, Claims))
    if not expected:
        return

    for model in dependency.authenticator.engine.claims_models:
        if not issubclass(model, expected):
            msg = (
                f"The parameter '{name}' of {_name_of(call)} receives {model.__name__}: annotate it "
                "with that model, or pass another claims_model to the TokenEngine."
            )
            raise ConfigurationError(msg)

    if dependency.requirement.optional and not {None, NoneType}.intersection(parts):
        msg = (
            f"The parameter '{name}' of {_name_of(call)} is None if no token was sent: "
            f"annotate it as {expected[0].__name__} | None, or use auth.required()."
        )
        raise ConfigurationError(msg)


def _parts_of(annotation: object) -> list[object]:
    """Return the members of a union, or the annotation itself as the only member."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _parts_of(get_args(annotation)[0])
    if origin in {Union, UnionType}:
        return [part for each in get_args(annotation) for part in _parts_of(each)]

    # The value of a type alias.
    value = getattr(annotation, "__value__", None)
    return [annotation] if value is None else _parts_of(value)


def _name_of(call: Any) -> str:  # noqa: ANN401 - the same
    return f"{getattr(call, '__qualname__', type(call).__name__)}()"
