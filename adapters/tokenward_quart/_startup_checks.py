"""Refuses to start an app whose guards or claims are used incorrectly."""

import inspect
from collections.abc import Callable, Iterator
from dis import get_instructions
from types import FunctionType, MethodType
from typing import Any, Final, get_type_hints

from quart import Quart

from tokenward import ConfigurationError
from tokenward.http import BaseTokenAuth, contains_claims_model
from tokenward_quart._claims import current_claims
from tokenward_quart._decorator import GuardDecorator
from tokenward_quart._route_groups import groups_of_endpoint
from tokenward_quart._view_functions import (
    View,
    guard_mark_of,
    was_passed_to_decorator,
    wrapped_functions,
)

__all__ = ["check_app", "run_at_start"]

_GUARD_METHODS: Final = ("required", "optional", "guard")
# The attributes in which quart-schema stores the models that it fills from a request.
_REQUEST_MODELS: Final = (
    "_quart_schema_request_schema",
    "_quart_schema_querystring_schema",
    "_quart_schema_headers_schema",
)


def run_at_start(app: Quart, start: Callable[[], None]) -> None:
    """Call a function once, before the app answers anything; again if it raised an error."""
    is_started = False

    async def start_once() -> None:
        nonlocal is_started
        if not is_started:
            start()
            is_started = True
            # Later requests do not call it: Quart takes longer for this than for the call itself.
            for hooks in (app.before_request_funcs, app.before_websocket_funcs):
                # A new list, because Quart may be iterating over the old one.
                others: list[Any] = [hook for hook in hooks[None] if hook is not start_once]
                hooks[None] = others

    app.before_serving(start_once)
    # Not every server sends lifespan events, and test clients do not.
    app.before_request(start_once)
    app.before_websocket(start_once)


def check_app(app: Quart) -> None:
    """Refuse an app in which a route is unprotected by mistake, or can never work.

    Args:
        app: the app, with all its routes.

    Raises:
        ConfigurationError: the app is refused; the message names the function and the fix.
    """
    for name, function in _functions_before_handler(app):
        _refuse_unapplied_decorator(name, function)
        _refuse_unguarded_original(app, name, function)
        _refuse_unregistered_auth(app, name, function)
        _refuse_request_models(name, function)

    for name, function in _functions_after_handler(app):
        _refuse_late_guard(name, function)

    for rule in app.url_map.iter_rules():
        view = app.view_functions.get(rule.endpoint)
        if view is None:
            continue
        _refuse_claims_argument(rule.endpoint, view, rule.arguments)
        _refuse_proxy_of_optional_claims(rule.endpoint, view)
        if rule.websocket:
            _refuse_unguarded_websocket(app, rule.endpoint, view)


def _functions_before_handler(app: Quart) -> Iterator[tuple[str, View]]:
    yield from app.view_functions.items()
    for group in (app.before_request_funcs, app.before_websocket_funcs):
        for functions in group.values():
            for function in functions:
                yield getattr(function, "__name__", "A function"), function


def _functions_after_handler(app: Quart) -> Iterator[tuple[str, View]]:
    """Yield the functions that run after a handler."""
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


def _refuse_late_guard(name: str, function: View) -> None:
    """Refuse a guard that runs only after the handler."""
    if _is_guarded(function):
        msg = f"{name} has an auth decorator but runs after the handler: decorate the handler instead."
        raise ConfigurationError(msg)


def _refuse_unapplied_decorator(name: str, function: View) -> None:
    """Refuse ``before_request(auth.required())`` and ``before_request(auth.required)``."""
    is_method = (
        isinstance(function, MethodType)
        and isinstance(function.__self__, BaseTokenAuth)
        and function.__name__ in _GUARD_METHODS
    )
    if is_method or isinstance(function, GuardDecorator):
        msg = (
            f"{name} is an auth decorator, registered instead of a function: guard a group with "
            "auth.guard(blueprint), and a view with @auth.required() below @app.route."
        )
        raise ConfigurationError(msg)


def _refuse_unguarded_original(app: Quart, name: str, function: View) -> None:
    """Refuse a function that was passed to an auth decorator but is registered without its guard."""
    if any(
        was_passed_to_decorator(each, app) for each in wrapped_functions(function, closures=False)
    ):
        msg = (
            f"{name} is unprotected: put the auth decorator below @app.route (or "
            "@app.before_request), so that only the decorated function is registered."
        )
        raise ConfigurationError(msg)


def _refuse_unregistered_auth(app: Quart, name: str, function: View) -> None:
    for each in wrapped_functions(function, guarded=True):
        mark = guard_mark_of(each)
        if mark is not None and app not in mark.apps:
            msg = (
                f"The TokenAuth that guards {name} is not registered with the app: call "
                "auth.init_app(app)."
            )
            raise ConfigurationError(msg)


def _refuse_request_models(name: str, function: View) -> None:
    """Refuse `Claims` models as quart-schema's bodies, query strings and headers."""
    for each in wrapped_functions(function, guarded=True):
        for attribute in _REQUEST_MODELS:
            attribute_value = inspect.getattr_static(each, attribute, None)
            # For a body it is a tuple of the model and its source.
            models = attribute_value if isinstance(attribute_value, tuple) else (attribute_value,)
            if any(contains_claims_model(model) for model in models):
                msg = (
                    f"{name} takes claims from the request, so the client would supply them: "
                    "guard it with @auth.required() and read auth.current_claims."
                )
                raise ConfigurationError(msg)


def _refuse_claims_argument(name: str, view: View, arguments: set[str]) -> None:
    """Refuse a handler with a claims argument, because Quart would not pass it."""
    while guard_mark_of(view) is not None:
        view = view.__wrapped__  # type: ignore[attr-defined]

    # Another decorator may pass the claims.
    if not isinstance(view, FunctionType) or hasattr(view, "__wrapped__"):
        return

    hints = _hints_of(view)
    for parameter in inspect.signature(view).parameters.values():
        is_passed = parameter.name in arguments or parameter.default is not parameter.empty
        if not is_passed and contains_claims_model(hints.get(parameter.name)):
            msg = (
                f"{name} has the argument {parameter.name}, but Quart passes no claims: "
                "read auth.current_claims in the handler instead."
            )
            raise ConfigurationError(msg)


def _refuse_proxy_of_optional_claims(name: str, view: View) -> None:
    """Refuse `current_claims` in a view with optional claims, because it is never None."""
    functions = list(wrapped_functions(view, guarded=True))
    marks = [mark for each in functions if (mark := guard_mark_of(each)) is not None]
    if not marks or not all(mark.requirement.optional for mark in marks):
        return
    if any(_reads_current_claims(function) for function in functions):
        msg = (
            f"{name} has optional claims but reads current_claims, which is never None: "
            "call auth.get_claims() instead."
        )
        raise ConfigurationError(msg)


def _reads_current_claims(function: View) -> bool:
    function = getattr(function, "__func__", function)  # the function of a method
    if not isinstance(function, FunctionType):
        return False

    # Only global names: co_names would include attributes, as in auth.current_claims.
    global_names = (
        each.argval for each in get_instructions(function) if each.opname == "LOAD_GLOBAL"
    )
    return any(function.__globals__.get(name) is current_claims for name in global_names)


def _hints_of(view: FunctionType) -> dict[str, Any]:
    try:
        return get_type_hints(view, include_extras=True)
    except (NameError, TypeError, AttributeError):  # names imported only for type checkers
        return {}


def _refuse_unguarded_websocket(app: Quart, endpoint: str, view: View) -> None:
    """Refuse an unprotected WebSocket in a group whose HTTP routes are guarded."""
    groups = list(groups_of_endpoint(endpoint))
    before = (function for group in groups for function in app.before_request_funcs.get(group, ()))
    if not any(_requires_token(function) for function in before):
        return

    sockets = [each for group in groups for each in app.before_websocket_funcs.get(group, ())]
    if not any(_is_guarded(function) for function in (view, *sockets)):
        msg = (
            f"The WebSocket {endpoint} is unprotected: Quart runs before_request only for HTTP. "
            "Guard its group with auth.guard(blueprint) instead of blueprint.before_request."
        )
        raise ConfigurationError(msg)


def _requires_token(function: View) -> bool:
    """Whether a function requires a token."""
    marks = (guard_mark_of(each) for each in wrapped_functions(function, guarded=True))
    return any(mark is not None and not mark.requirement.optional for mark in marks)


def _is_guarded(function: View) -> bool:
    return any(guard_mark_of(each) is not None for each in wrapped_functions(function))
