"""Refuses to serve an app in which claims come from a request, where nobody verified a token."""

from collections.abc import Iterable
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
from tokenward_fastapi._dependency import FoundClaims

__all__ = ["check_wiring"]

_MOST_LAYERS: Final = 32
"""How many layers of middleware around a mounted app are looked through."""


def check_wiring(app: FastAPI) -> None:
    """Have the routes of an app checked, once however many authenticators it has.

    Raises:
        ConfigurationError: the app has already started.
    """
    if app.middleware_stack is not None:
        msg = "The app has already started: call init_app where you create the app."
        raise ConfigurationError(msg)
    if not any(each.kwargs.get("served") is app for each in app.user_middleware):
        app.add_middleware(_WiringCheck, served=app)


class _WiringCheck:
    """Middleware that checks the routes before the app starts, and again when there are more.

    A server then does not start. Where nothing starts the app, as in many tests, and for routes that
    are added later, every request fails.

    Not checked: the dependencies of a router that serves nothing but a front end, and those in
    ``app.dependency_overrides``.
    """

    def __init__(self, app: ASGIApp, served: FastAPI) -> None:
        """Take what comes next, and the app whose routes are checked."""
        self._app = app
        self._served = served
        self._lists: list[list[BaseRoute]] = []
        self._lengths: list[int] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check, where that is due; then go on."""
        if [*map(len, self._lists)] != self._lengths:
            try:
                self._check()
            except ConfigurationError as error:
                if scope["type"] == "lifespan":
                    await receive()
                    # An exception alone would mean to servers that the app needs no start.
                    await send({"type": "lifespan.startup.failed", "message": str(error)})
                raise
        await self._app(scope, receive, send)

    def _check(self) -> None:
        lists = _lists_of_routes(self._served)
        for routes in lists:
            for route in routes:
                for dependant in _dependants_of(route):
                    _check_dependant(dependant)
        self._lists, self._lengths = lists, [*map(len, lists)]


def _lists_of_routes(app: FastAPI) -> list[list[BaseRoute]]:
    """Return the routes of an app, of its included routers and of all that is mounted in it."""
    lists: list[list[BaseRoute]] = []
    waiting: list[object] = [app]
    while waiting:
        routes = _routes_of(waiting.pop())
        if routes is not None and not any(routes is known for known in lists):
            lists.append(routes)
            waiting.extend(routes)
    return lists


def _routes_of(place: object) -> list[BaseRoute] | None:
    for _ in range(_MOST_LAYERS):
        # The routes of a Mount are a new list each time.
        routes = None if isinstance(place, Mount | Host) else getattr(place, "routes", None)
        if isinstance(routes, list):
            return cast("list[BaseRoute]", routes)
        # From FastAPI 0.137 on an included router stands among the routes as a whole.
        place = getattr(place, "original_router", None) or getattr(place, "app", None)
    return None


def _dependants_of(route: BaseRoute) -> Iterable[Dependant]:
    dependant = getattr(route, "dependant", None)
    if isinstance(dependant, Dependant):
        return (dependant,)
    of_router = getattr(getattr(route, "include_context", None), "dependencies", ())
    return [get_parameterless_sub_dependant(depends=each, path="") for each in of_router]


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
                f"The parameter '{field.name}' of {_name_of(call)} takes claims from the request, "
                "where no token is verified: declare it as "
                f"{field.name}: Annotated[..., Depends(auth.required())]."
            )
            raise ConfigurationError(msg)
    if _makes_claims(call):
        msg = (
            "A claims model is no dependency, because the client chooses what is in it: "
            "write Annotated[..., Depends(auth.required())]."
        )
        raise ConfigurationError(msg)
    for inner in dependant.dependencies:
        if isinstance(inner.call, FoundClaims):
            _check_annotation(call, inner.name, inner.call)
        else:
            _check_dependant(inner)


def _makes_claims(call: Any) -> bool:  # noqa: ANN401 - whatever was given to Depends
    """Whether a dependency is a claims model, or one of its class methods."""
    while isinstance(call, partial):
        call = call.func
    made = getattr(call, "__self__", call)
    return isinstance(made, type) and issubclass(made, Claims)


def _check_annotation(call: Any, name: str | None, found: FoundClaims[Any]) -> None:  # noqa: ANN401
    """Refuse a parameter whose type is not that of the claims which it is given."""
    if name is None:
        return
    parts = _parts_of(get_typed_signature(call).parameters[name].annotation)
    expected = tuple(part for part in parts if isinstance(part, type) and issubclass(part, Claims))
    if not expected:
        return
    for model in found.authenticator.engine.claims_models:
        if not issubclass(model, expected):
            msg = (
                f"The parameter '{name}' of {_name_of(call)} is given {model.__name__}: annotate it "
                "as that, or give the engine the model that you mean with claims_model=."
            )
            raise ConfigurationError(msg)
    if found.requirement.optional and not {None, NoneType}.intersection(parts):
        msg = (
            f"The parameter '{name}' of {_name_of(call)} is None where no token was sent: "
            f"annotate it as {expected[0].__name__} | None, or use auth.required()."
        )
        raise ConfigurationError(msg)


def _parts_of(annotation: object) -> list[object]:
    """Return the members of a union, or the one type that an annotation is."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _parts_of(get_args(annotation)[0])
    if origin in {Union, UnionType}:
        return [part for each in get_args(annotation) for part in _parts_of(each)]
    # A type alias stands for its value.
    value = getattr(annotation, "__value__", None)
    return [annotation] if value is None else _parts_of(value)


def _name_of(call: Any) -> str:  # noqa: ANN401 - the same
    return f"{getattr(call, '__qualname__', type(call).__name__)}()"
