"""Finds the guards of a view function, and the functions that it wraps.

Guards are recorded as attributes of the functions. `functools.wraps` copies the attributes of a
function, so each record also names the function that it belongs to.
"""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from types import FunctionType, MethodType
from typing import Any, Final, TypeAlias

from quart import Quart

from tokenward.http import Requirement
from tokenward_quart._apps import RegisteredApps

__all__ = [
    "GuardMark",
    "View",
    "guard_mark_of",
    "mark_guard",
    "mark_passed_to_decorator",
    "was_passed_to_decorator",
    "wrapped_functions",
]

View: TypeAlias = Callable[..., Any]

_GUARD: Final = "_tokenward_guard"
_PASSED: Final = "_tokenward_passed_to_decorator"
# Only these are inspected: attribute access on other callables, such as proxies, runs their code.
_FUNCTIONS: Final = (FunctionType, MethodType, partial)
_METHOD_NAMES: Final = ("get", "post", "head", "options", "delete", "put", "trace", "patch")


@dataclass(frozen=True, slots=True, eq=False)
class GuardMark:
    """Marks a function that authenticates the request before it calls the view."""

    guarded: View
    """The function that carries the mark."""
    apps: RegisteredApps
    """The apps of the `TokenAuth` that created the guard."""
    requirement: Requirement[Any]
    """What the guard requires."""


def mark_guard(guarded: View, apps: RegisteredApps, requirement: Requirement[Any]) -> None:
    """Mark a function as guarded."""
    setattr(guarded, _GUARD, GuardMark(guarded, apps, requirement))


def guard_mark_of(function: View) -> GuardMark | None:
    """Return the mark of a guarded function; None for a function that only wraps one."""
    mark: GuardMark | None = getattr(function, _GUARD, None)
    return mark if mark is not None and mark.guarded is function else None


def mark_passed_to_decorator(view: View, apps: RegisteredApps) -> None:
    """Record that a function, with the functions that it wraps, was passed to an auth decorator."""
    for function in wrapped_functions(view):
        # A method has the attributes of its function, which other methods may share.
        holder = function.__func__ if isinstance(function, MethodType) else function
        attributes = getattr(holder, "__dict__", None)
        if isinstance(attributes, dict):  # not for a class or an object with slots
            attributes.setdefault(_PASSED, []).append((function, apps))


def was_passed_to_decorator(function: View, app: Quart) -> bool:
    """Whether a function was passed to an auth decorator, which returned the guarded function.

    The function itself is not guarded. A `TokenAuth` of another app does not count, because the
    function may be public in this app.
    """
    passed = getattr(function, _PASSED, ())
    return any(each == function and apps.may_serve(app) for each, apps in passed)


def wrapped_functions(
    view: View, *, closures: bool = True, guarded: bool = False
) -> Iterator[View]:
    """Yield a function and the functions that it wraps, from the outermost to the innermost.

    Args:
        view: the function.
        closures: whether to search closures too. A decorator without `functools.wraps` keeps the
            wrapped function there.
        guarded: whether to search inside guarded functions.
    """
    waiting, seen = [view], list[View]()
    while waiting:
        function = waiting.pop()
        if any(function is each for each in seen):
            continue
        seen.append(function)
        yield function
        if guarded or guard_mark_of(function) is None:
            waiting.extend(_wrapped_by(function, closures=closures))


def _wrapped_by(function: View, *, closures: bool) -> Iterator[View]:
    if isinstance(function, partial):
        yield function.func
    if isinstance(function, MethodType):
        function = function.__func__
    wrapped = inspect.getattr_static(function, "__wrapped__", None)
    if isinstance(wrapped, _FUNCTIONS):
        yield wrapped
    view_class = inspect.getattr_static(function, "view_class", None)
    if inspect.isclass(view_class):
        methods = (getattr(view_class, name, None) for name in ("dispatch_request", *_METHOD_NAMES))
        yield from (method for method in methods if isinstance(method, _FUNCTIONS))
    if closures and isinstance(function, FunctionType):
        yield from _closed_over(function)


def _closed_over(function: FunctionType) -> Iterator[View]:
    """Yield the functions in the closure of a wrapper."""
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            inner = cell.cell_contents
        except ValueError:  # the variable has no value yet
            continue
        # A decorator stores the wrapped function under a different name, such as `func`. A function
        # under its own name is a neighbour that the code calls.
        if isinstance(inner, _FUNCTIONS) and getattr(inner, "__name__", None) != name:
            yield inner
