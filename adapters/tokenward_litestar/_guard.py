"""The guard: builds the view of the connection, asks the authenticator, hands the claims over."""

from collections.abc import MutableMapping
from typing import Any, Generic, NoReturn, Self, TypeVar, cast

from litestar import Litestar
from litestar.connection import ASGIConnection, Request
from litestar.di import Provide
from litestar.enums import ScopeType
from litestar.handlers import BaseRouteHandler
from litestar.plugins import InitPlugin
from litestar.types import Scope

from tokenward import Claims, ConfigurationError, TokenError
from tokenward.http import Authenticator, RequestView, Requirement
from tokenward_litestar._refusals import RefusedRequest, RefusedWebSocket

__all__ = ["ClaimsGuard", "provider_of", "require_plugin", "view_of"]

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
        plugin: InitPlugin,
        authenticator: Authenticator[ClaimsT],
        requirement: Requirement[ClaimsT],
        *,
        exclude_opt_key: str,
    ) -> None:
        """Take what the route asks for, and the key of handlers that are left out."""
        self.plugin = plugin
        self.authenticator = authenticator
        self.requirement = requirement
        self._exclude_opt_key = exclude_opt_key

    def __deepcopy__(self, memo: object) -> Self:
        """Stay the same: Litestar copies controllers and routers, and the engine is one."""
        return self

    def __iter__(self) -> NoReturn:
        """Refuse ``guards=auth.required()``.

        Raises:
            TypeError: always.
        """
        msg = "guards is a list: write guards=[auth.required()]."
        raise TypeError(msg)

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
        require_plugin(connection.app, self.plugin)
        if self.leaves_out(handler):
            return
        try:
            claims = await self.authenticator.authenticate(view_of(connection), self.requirement)
        except TokenError as error:
            refusal = self.authenticator.refusal(error)
            if connection.scope["type"] == ScopeType.WEBSOCKET:
                raise RefusedWebSocket(refusal) from error
            raise RefusedRequest(refusal) from error
        found = _found(connection.scope)
        found[self.authenticator] = claims
        if len(found) == 1:
            connection.scope["auth"] = claims
        else:  # nobody could say whose they are
            cast("dict[str, Any]", connection.scope).pop("auth", None)

    # Python shows this name where @auth.required() stands above a handler, and calls it with that.
    __call__.__qualname__ = (
        "auth.required() is a guard and no decorator, write guards=[auth.required()]: __call__"
    )


def require_plugin(app: Litestar, plugin: InitPlugin) -> None:
    """Refuse to serve an app that does not know the plugin: nothing has checked its handlers.

    Raises:
        ConfigurationError: the app does not know it.
    """
    if plugin not in app.plugins:
        msg = "The app does not know this TokenAuth: Litestar(plugins=[auth])."
        raise ConfigurationError(msg)


def provider_of(authenticator: Authenticator[Any]) -> Provide:
    """Return what hands the claims over to a handler that names them in its arguments."""

    def provide_claims(scope: Scope) -> Any:  # noqa: ANN401 - the handler's annotation says what
        return _found(scope)[authenticator]

    return Provide(provide_claims, sync_to_thread=False)


def _found(scope: Scope) -> dict[Authenticator[Any], Claims | None]:
    """Return the claims of a connection, by the authenticator that let it in."""
    found: dict[Authenticator[Any], Claims | None] = cast("dict[str, Any]", scope).setdefault(
        "tokenward.claims", {}
    )
    return found
