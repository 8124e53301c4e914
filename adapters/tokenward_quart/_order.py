"""Finds what was decorated in the wrong order, and so is open."""

from collections.abc import Callable, Collection, Iterator
from typing import TypeAlias

from quart import Quart

from tokenward import ConfigurationError

__all__ = ["refuse_open_routes"]

_View: TypeAlias = Callable[..., object]


def refuse_open_routes(app: Quart, decorated: Collection[_View]) -> None:
    """Look for functions that were decorated after they were registered.

    Args:
        app: with all its routes.
        decorated: the functions that were given to a decorator.

    Raises:
        ConfigurationError: one of them is registered, and what it was decorated to is not.
    """
    registered = list(_registered(app))
    # What stands inside a registered function is called through it.
    within = {inner for _, view in registered for inner in _unwrapped(view)}
    for name, view in registered:
        if view in decorated and view not in within:
            msg = (
                f"{name} is open: put the auth decorator below @app.route (or @app.before_request), "
                "so that what is registered is the decorated function."
            )
            raise ConfigurationError(msg)


def _registered(app: Quart) -> Iterator[tuple[str, _View]]:
    yield from app.view_functions.items()
    for group in (app.before_request_funcs, app.before_websocket_funcs):
        for functions in group.values():
            for function in functions:
                yield getattr(function, "__name__", "A function"), function


def _unwrapped(view: _View) -> Iterator[_View]:
    while hasattr(view, "__wrapped__"):
        view = view.__wrapped__
        yield view
