"""Groups of routes: blueprints and the app. Guards a group, and finds the groups of a route."""

from collections.abc import Awaitable, Callable, Iterator
from typing import TypeAlias

from quart import Blueprint, Quart

from tokenward_quart._arguments import check_type

__all__ = ["groups_of_endpoint", "guard_group"]

_Guard: TypeAlias = Callable[[], Awaitable[None]]
_Decorator: TypeAlias = Callable[[_Guard], _Guard]


def groups_of_endpoint(endpoint: str) -> Iterator[str | None]:
    """Yield the keys of Quart's before-request functions for an endpoint: app, then blueprints."""
    yield None
    names = endpoint.split(".")[:-1]
    for depth in range(1, len(names) + 1):
        yield ".".join(names[:depth])


def guard_group(group: Quart | Blueprint, decorate: _Decorator) -> None:
    """Run a guard before every HTTP and WebSocket route of a group."""
    check_type(
        group,
        (Quart, Blueprint),
        "guard needs a blueprint or an app: to guard a view, write @auth.required().",
    )

    async def guard() -> None:
        """Do nothing; the decorator authenticates the request."""

    guarded = decorate(guard)
    group.before_request(guarded)
    group.before_websocket(guarded)
