"""Blueprints and the app as groups of routes: which ones a route belongs to, and how they are guarded."""

from collections.abc import Awaitable, Callable, Iterator
from typing import TypeAlias

from quart import Blueprint, Quart

__all__ = ["check_kind", "groups_of", "guard_group"]

_Guard: TypeAlias = Callable[[], Awaitable[None]]
_Decorator: TypeAlias = Callable[[_Guard], _Guard]


def groups_of(endpoint: str) -> Iterator[str | None]:
    """Yield the names under which Quart keeps what runs before a route: the app, then blueprints."""
    yield None
    names = endpoint.split(".")[:-1]
    for depth in range(1, len(names) + 1):
        yield ".".join(names[:depth])


def guard_group(group: Quart | Blueprint, decorate: _Decorator) -> None:
    """Run a guard before all HTTP and WebSocket routes of a group."""
    check_kind(
        group,
        (Quart, Blueprint),
        "guard takes a blueprint or an app: auth.required() decorates views.",
    )

    async def guard() -> None:
        """Pass: what it is decorated with does the work."""

    guarded = decorate(guard)
    group.before_request(guarded)
    group.before_websocket(guarded)


def check_kind(value: object, kinds: type | tuple[type, ...], message: str) -> None:
    """Refuse an argument of another type.

    Raises:
        TypeError: with the message.
    """
    if not isinstance(value, kinds):
        raise TypeError(message)
