"""The guard: builds the view of the connection, asks the authenticator, hands the claims over."""

from collections.abc import MutableMapping
from typing import Any, Generic, Self, TypeVar, cast

from litestar.connection import ASGIConnection, Request
from litestar.di import Provide
from litestar.enums import ScopeType
from litestar.handlers import BaseRouteHandler
from litestar.types import Scope

from tokenward import (
    Authenticator,
    Claims,
    ConfigurationError,
    RequestView,
    Requirement,
    TokenError,
)
from tokenward_litestar._refusals import RefusedRequest, RefusedWebSocket

__all__ = ["ClaimsGuard", "provider_of", "view_of"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)


def view_of(connection: ASGIConnection[Any, Any, Any, Any]) -> RequestView:
    """Show a request or a handshake to the core; Litestar keeps a body that was read."""
    return RequestView(
        cast("MutableMapping[str, Any]", connection.scope),
        connection.body if isinstance(connection, Request) else None,
    )


class ClaimsGuard(Generic[ClaimsT]):
    """Lets a connection through, with its claims at ``connection.auth``."""

    def __init__(
        self,
        authenticator: Authenticator[ClaimsT],
        requirement: Requirement[ClaimsT],
        *,
        dependency_key: str,
        exclude_opt_key: str,
    ) -> None:
        """Take what the route asks for, and the keys of claims and of handlers that are left out."""
        self.authenticator = authenticator
        self.requirement = requirement
        self._dependency_key = dependency_key
        self._exclude_opt_key = exclude_opt_key

    def __deepcopy__(self, memo: object) -> Self:
        """Stay the same: Litestar copies controllers and routers, and the engine is one."""
        return self

    def leaves_out(self, handler: BaseRouteHandler) -> bool:
        """Tell whether a layer below this guard asks to be left out.

        The guards of that layer itself, and of those below it, stay: they were put there by name.
        """
        if not handler.opt.get(self._exclude_opt_key):
            return False
        *above, own = handler.ownership_layers
        kept = [own]
        for place, layer in enumerate(above):
            if (layer.opt or {}).get(self._exclude_opt_key):
                kept = [*above[place:], own]
                break
        return not any(guard is self for layer in kept for guard in layer.guards or ())

    async def __call__(
        self, connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler
    ) -> None:
        """Let Litestar call this before the handler."""
        if self.leaves_out(handler):
            return
        try:
            claims = await self.authenticator.authenticate(view_of(connection), self.requirement)
        except TokenError as error:
            refusal = self.authenticator.refusal(error)
            if connection.scope["type"] == ScopeType.WEBSOCKET:
                raise RefusedWebSocket(refusal) from error
            raise RefusedRequest(refusal) from error
        connection.scope["auth"] = claims
        _found(connection.scope)[self._dependency_key] = claims


def provider_of(dependency_key: str) -> Provide:
    """Give what hands the claims over to a handler that names them in its arguments."""

    def provide_claims(scope: Scope) -> Any:  # noqa: ANN401 - the handler's annotation says what
        try:
            return _found(scope)[dependency_key]
        except KeyError:
            msg = "A handler with claims needs guards=[auth.required()] or auth.optional()."
            raise ConfigurationError(msg) from None

    return Provide(provide_claims, sync_to_thread=False)


def _found(scope: Scope) -> dict[str, Claims | None]:
    """Give the claims of a connection, by the key of the object whose guard found them."""
    found: dict[str, Claims | None] = cast("dict[str, Any]", scope).setdefault(
        "tokenward.claims", {}
    )
    return found
