"""Looks for mistakes in how an app is put together: they are found when it starts."""

import inspect
from collections.abc import Iterator
from dis import get_instructions
from types import FunctionType, MethodType
from typing import Any, Final, get_type_hints

from quart import Quart

from tokenward import ConfigurationError
from tokenward.http import BaseTokenAuth, contains_claims_model
from tokenward_quart._claims import current_claims
from tokenward_quart._decorator import GuardDecorator
from tokenward_quart._groups import groups_of
from tokenward_quart._marks import View, functions_within, guard_of, was_given

__all__ = ["check_app"]

_GUARD_METHODS: Final = ("required", "optional", "guard")
# Where quart-schema keeps the models that it fills from a request.
_FILLED: Final = (
    "_quart_schema_request_schema",
    "_quart_schema_querystring_schema",
    "_quart_schema_headers_schema",
)


def check_app(app: Quart) -> None:
    """Refuse an app in which something is open by mistake, or can never work.

    Args:
        app: with all its routes.

    Raises:
        ConfigurationError: says what it is, and what to do.
    """
    for name, function in _registered(app):
        _refuse_unapplied(name, function)
        _refuse_open(app, name, function)
        _refuse_unknown(app, name, function)
        _refuse_claims_of_the_client(name, function)
    for name, function in _late(app):
        _refuse_late(name, function)
    for rule in app.url_map.iter_rules():
        view = app.view_functions.get(rule.endpoint)
        if view is None:
            continue
        _refuse_claims_as_argument(rule.endpoint, view, rule.arguments)
        _refuse_stand_in(rule.endpoint, view)
        if rule.websocket:
            _refuse_open_socket(app, rule.endpoint, view)


def _registered(app: Quart) -> Iterator[tuple[str, View]]:
    yield from app.view_functions.items()
    for group in (app.before_request_funcs, app.before_websocket_funcs):
        for functions in group.values():
            for function in functions:
                yield getattr(function, "__name__", "A function"), function


def _late(app: Quart) -> Iterator[tuple[str, View]]:
    """Yield what runs after a handler."""
    for group in (
        app.after_request_funcs,
        app.after_websocket_funcs,
        app.teardown_request_funcs,
        app.teardown_websocket_funcs,
    ):
        for functions in group.values():
            for function in functions:
                yield getattr(function, "__name__", "A function"), function
    for by_code in app.error_handler_spec.values():
        for by_class in by_code.values():
            for function in by_class.values():
                yield getattr(function, "__name__", "A function"), function


def _refuse_late(name: str, function: View) -> None:
    """Refuse a guard that is asked when the handler has done its work."""
    if _is_guarded(function):
        msg = f"{name} has an auth decorator, and runs after the handler: decorate the handler."
        raise ConfigurationError(msg)


def _refuse_unapplied(name: str, function: View) -> None:
    """Refuse ``before_request(auth.required())`` and ``before_request(auth.required)``."""
    is_method = (
        isinstance(function, MethodType)
        and isinstance(function.__self__, BaseTokenAuth)
        and function.__name__ in _GUARD_METHODS
    )
    if is_method or isinstance(function, GuardDecorator):
        msg = (
            f"{name} is an auth decorator, and is registered in place of a function: guard a group "
            "with auth.guard(blueprint), and a view with @auth.required() below @app.route."
        )
        raise ConfigurationError(msg)


def _refuse_open(app: Quart, name: str, function: View) -> None:
    """Refuse what was handed to an auth decorator, and is registered without what came back."""
    if any(was_given(each, app) for each in functions_within(function, closures=False)):
        msg = (
            f"{name} is open: put the auth decorator below @app.route (or @app.before_request), "
            "so that what is registered is the decorated function, and only that."
        )
        raise ConfigurationError(msg)


def _refuse_unknown(app: Quart, name: str, function: View) -> None:
    for each in functions_within(function, guarded=True):
        mark = guard_of(each)
        if mark is not None and app not in mark.apps:
            msg = (
                f"The app does not know the TokenAuth that guards {name}: call auth.init_app(app)."
            )
            raise ConfigurationError(msg)


def _refuse_claims_of_the_client(name: str, function: View) -> None:
    """Refuse claims models for quart-schema's bodies, query strings and headers."""
    for each in functions_within(function, guarded=True):
        for attribute in _FILLED:
            filled = inspect.getattr_static(each, attribute, None)
            # Of a body the model and where it is looked for.
            models = filled if isinstance(filled, tuple) else (filled,)
            if any(contains_claims_model(model) for model in models):
                msg = (
                    f"{name} takes claims from the request, where the client writes them: "
                    "guard it with @auth.required() and read auth.current_claims."
                )
                raise ConfigurationError(msg)


def _refuse_claims_as_argument(name: str, view: View, arguments: set[str]) -> None:
    """Refuse a handler that waits for claims among its arguments: Quart passes none."""
    while guard_of(view) is not None:
        view = view.__wrapped__  # type: ignore[attr-defined]
    # A decorator of the user's own may pass them.
    if not isinstance(view, FunctionType) or hasattr(view, "__wrapped__"):
        return
    hints = _hints_of(view)
    for parameter in inspect.signature(view).parameters.values():
        is_passed = parameter.name in arguments or parameter.default is not parameter.empty
        if not is_passed and contains_claims_model(hints.get(parameter.name)):
            msg = (
                f"{name} has the argument {parameter.name}, and Quart passes no claims: "
                "read auth.current_claims in the handler."
            )
            raise ConfigurationError(msg)


def _refuse_stand_in(name: str, view: View) -> None:
    """Refuse `current_claims` where claims are optional: it is never None, whoever asks."""
    functions = list(functions_within(view, guarded=True))
    marks = [mark for each in functions if (mark := guard_of(each)) is not None]
    if not marks or not all(mark.requirement.optional for mark in marks):
        return
    if any(_reads_stand_in(function) for function in functions):
        msg = (
            f"{name} is optional and reads current_claims, which is never None: "
            "read auth.get_claims()."
        )
        raise ConfigurationError(msg)


def _reads_stand_in(function: View) -> bool:
    function = getattr(function, "__func__", function)  # that of a method
    if not isinstance(function, FunctionType):
        return False
    # The names of a code object are those of attributes too, as in auth.current_claims.
    named = (each.argval for each in get_instructions(function) if each.opname == "LOAD_GLOBAL")
    return any(function.__globals__.get(name) is current_claims for name in named)


def _hints_of(view: FunctionType) -> dict[str, Any]:
    try:
        return get_type_hints(view, include_extras=True)
    except (NameError, TypeError, AttributeError):  # names that are known to type checkers alone
        return {}


def _refuse_open_socket(app: Quart, endpoint: str, view: View) -> None:
    """Refuse a WebSocket that is open, in a group whose HTTP routes are guarded."""
    groups = list(groups_of(endpoint))
    before = (function for group in groups for function in app.before_request_funcs.get(group, ()))
    if not any(_asks(function) for function in before):
        return
    sockets = [each for group in groups for each in app.before_websocket_funcs.get(group, ())]
    if not any(_is_guarded(function) for function in (view, *sockets)):
        msg = (
            f"The WebSocket {endpoint} is open: Quart runs before_request for HTTP alone. Guard its "
            "group with auth.guard(blueprint) in place of blueprint.before_request."
        )
        raise ConfigurationError(msg)


def _asks(function: View) -> bool:
    """Whether a function demands a token."""
    marks = (guard_of(each) for each in functions_within(function, guarded=True))
    return any(mark is not None and not mark.requirement.optional for mark in marks)


def _is_guarded(function: View) -> bool:
    return any(guard_of(each) is not None for each in functions_within(function))
