"""Handlers whose guards run without a copy of the handler for each request."""

from copy import copy
from functools import cache
from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from tokenward_litestar._guard import ClaimsGuard

__all__ = ["run_guards_without_copies"]


class _GuardedHandler(BaseRouteHandler):
    """Passes the handler itself to a `ClaimsGuard`, and a copy to every other guard.

    Litestar passes a copy to each guard, so that no guard can change the handler. To copy some 100 attributes takes
    longer than the whole authentication, and a `ClaimsGuard` only reads them.
    """

    __slots__ = ()

    def __init_subclass__(cls) -> None:
        """Do nothing: that of `get` and the like warns about subclasses, which programs should not write."""

    async def authorize_connection(self, connection: ASGIConnection[Any, Any, Any, Any]) -> None:
        """Run the guards, as `BaseRouteHandler.authorize_connection` does."""
        for guard in self.resolve_guards():
            await guard(connection, self if isinstance(guard, ClaimsGuard) else copy(self))  # type: ignore[misc]


def run_guards_without_copies(handler: BaseRouteHandler) -> None:
    """Give a handler with a `ClaimsGuard` a class whose guards run without copies.

    A handler whose class runs its guards in its own way stays as it is.
    """
    is_usual = type(handler).authorize_connection is BaseRouteHandler.authorize_connection
    if is_usual and any(isinstance(guard, ClaimsGuard) for guard in handler.resolve_guards()):
        handler.__class__ = _guarded_class(type(handler))  # type: ignore[arg-type] # classes are hashable


@cache
def _guarded_class(kind: type[BaseRouteHandler]) -> type[BaseRouteHandler]:
    names = {
        name: vars(kind)[name]
        for name in ("__module__", "__qualname__", "__doc__")
        if name in vars(kind)
    }
    return type(kind.__name__, (_GuardedHandler, kind), {**names, "__slots__": ()})
