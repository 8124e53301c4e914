"""What is known of a view function: which guards stand before it, and what it calls.

Everything is kept on the functions themselves. `functools.wraps` copies a function's attributes, so
each mark also names the function that it belongs to.
"""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from types import FunctionType, MethodType
from typing import Any, Final, TypeAlias

from quart import Quart

from tokenward.http import Requirement
from tokenward_quart._apps import KnownApps

__all__ = [
    "GuardMark",
    "View",
    "functions_within",
    "guard_of",
    "mark_given",
    "mark_guard",
    "was_given",
]

View: TypeAlias = Callable[..., Any]

_GUARD: Final = "_tokenward_guard"
_GIVEN: Final = "_tokenward_given"
# Other callables, such as proxies, can do anything when they are asked for an attribute.
_FUNCTIONS: Final = (FunctionType, MethodType, partial)
_VERBS: Final = ("get", "post", "head", "options", "delete", "put", "trace", "patch")


@dataclass(frozen=True, slots=True, eq=False)
class GuardMark:
    """Says that a function asks for a token before it does anything else."""

    guarded: View
    """The function."""
    apps: KnownApps
    """Those of the `TokenAuth` that made it."""
    requirement: Requirement[Any]
    """What it asks for."""


def mark_guard(guarded: View, apps: KnownApps, requirement: Requirement[Any]) -> None:
    """Note that a function is guarded."""
    setattr(guarded, _GUARD, GuardMark(guarded, apps, requirement))


def guard_of(function: View) -> GuardMark | None:
    """Return the mark of a guarded function, and None for one that only wraps such a function."""
    mark: GuardMark | None = getattr(function, _GUARD, None)
    return mark if mark is not None and mark.guarded is function else None


def mark_given(view: View, apps: KnownApps) -> None:
    """Note that a function, and whatever it wraps, was handed to an auth decorator."""
    for function in functions_within(view):
        # Attributes of a method are those of its function, and other methods may share it.
        holder = function.__func__ if isinstance(function, MethodType) else function
        attributes = getattr(holder, "__dict__", None)
        if isinstance(attributes, dict):  # not that of a class, nor of an object with slots
            attributes.setdefault(_GIVEN, []).append((function, apps))


def was_given(function: View, app: Quart) -> bool:
    """Whether a function was handed to an auth decorator; what came back is another function.

    A `TokenAuth` of another app does not count: the function may be open in this one.
    """
    given = getattr(function, _GIVEN, ())
    return any(each == function and apps.may_serve(app) for each, apps in given)


def functions_within(view: View, *, closures: bool = True, guarded: bool = False) -> Iterator[View]:
    """Yield a function and what it wraps, from the outside in.

    Args:
        view: the function.
        closures: whether to look at the variables of an enclosing function too, which is where a
            decorator without `functools.wraps` keeps the function that it wraps.
        guarded: whether to look inside functions that are guarded.
    """
    waiting, seen = [view], list[View]()
    while waiting:
        function = waiting.pop()
        if any(function is each for each in seen):
            continue
        seen.append(function)
        yield function
        if guarded or guard_of(function) is None:
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
        methods = (getattr(view_class, name, None) for name in ("dispatch_request", *_VERBS))
        yield from (method for method in methods if isinstance(method, _FUNCTIONS))
    if closures and isinstance(function, FunctionType):
        yield from _closed_over(function)


def _closed_over(function: FunctionType) -> Iterator[View]:
    """Yield the functions that a wrapper has in its closure."""
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            inner = cell.cell_contents
        except ValueError:  # the variable has no value yet
            continue
        # A neighbour is called by its own name; a decorator has a name of its own for what it wraps.
        if isinstance(inner, _FUNCTIONS) and getattr(inner, "__name__", None) != name:
            yield inner
