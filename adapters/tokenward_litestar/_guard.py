"""The guard that authenticates a connection and stores its claims."""

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
from tokenward_litestar._refusals import RefusedRequest, RefusedWebSocket, own_handler
from tokenward_litestar._users import UserLoader

__all__ = ["ClaimsGuard", "claims_provider", "require_plugin", "view_of"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)


def view_of(connection: ASGIConnection[Any, Any, Any, Any]) -> RequestView:
    """Return the core's view of a request or handshake. Litestar caches the body it reads."""
    return RequestView(
        connection.scope,
        connection.body if isinstance(connection, Request) else None,
    )


class ClaimsGuard(Generic[ClaimsT]):
    """Requires a token of a connection, and puts its claims into ``connection.auth``."""

    def __init__(
        self,
        plugin: InitPlugin,
        authenticator: Authenticator[ClaimsT],
        requirement: Requirement[ClaimsT],
        *,
        exclude_opt_key: str,
        users: UserLoader[ClaimsT] | None,
    ) -> None:
        """Create the guard for one requirement.

        Args:
            plugin: the `TokenAuth` that created the guard.
            authenticator: authenticates the connections.
            requirement: what the routes require.
            exclude_opt_key: the ``opt`` key of handlers that the guard skips.
            users: loads the user of the claims, if the app has a function for that.
        """
        self.plugin = plugin
        self.authenticator = authenticator
        self.requirement = requirement
        self._exclude_opt_key = exclude_opt_key
        self._users = users

    def __deepcopy__(self, memo: object) -> Self:
        """Return the same guard: Litestar copies controllers and routers, but not the engine."""
        return self

    def __iter__(self) -> NoReturn:
        """Report ``guards=auth.required()``.

        Raises:
            TypeError: always.
        """
        msg = "guards must be a list: write guards=[auth.required()]."
        raise TypeError(msg)

    def excludes(self, handler: BaseRouteHandler) -> bool:
        """Whether a layer inside the layer of this guard opts out.

        The guards of that layer itself, and of the layers inside it, still apply.
        """
        if not handler.opt.get(self._exclude_opt_key):
            return False

        *outer_layers, handler_layer = handler.ownership_layers
        remaining = [handler_layer]
        for index, layer in enumerate(outer_layers):
            if (layer.opt or {}).get(self._exclude_opt_key):
                remaining = [*outer_layers[index:], handler_layer]
                break

        return not any(guard is self for layer in remaining for guard in layer.guards or ())

    async def __call__(
        self, connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler
    ) -> None:
        """Authenticate the connection. Litestar calls this before the handler."""
        require_plugin(connection.app, self.plugin)
        if self.excludes(handler):
            return

        try:
            claims = await self.authenticator.authenticate(view_of(connection), self.requirement)
            if self._users is not None:
                await self._users.load(claims, connection)
        except TokenError as error:
            refusal = self.authenticator.refusal(error, self.requirement)
            if connection.scope["type"] == ScopeType.WEBSOCKET:
                raise RefusedWebSocket(error, refusal) from error
            if own_handler(handler, error) is not None:
                raise
            raise RefusedRequest(refusal) from error

        stored = _stored_claims(connection.scope)
        stored[self.authenticator] = claims
        if len(stored) == 1:
            connection.scope["auth"] = claims
        else:  # two TokenAuth have claims: request.auth would be ambiguous
            cast("dict[str, Any]", connection.scope).pop("auth", None)

    # Python shows this name in its TypeError if @auth.required() is used as a decorator.
    __call__.__qualname__ = (
        "auth.required() is a guard, not a decorator: write guards=[auth.required()]. __call__"
    )


def require_plugin(app: Litestar, plugin: InitPlugin) -> None:
    """Refuse to serve an app without the plugin, because its handlers were not checked.

    Raises:
        ConfigurationError: the `TokenAuth` is not a plugin of the app.
    """
    if plugin not in app.plugins:
        msg = "This TokenAuth is not a plugin of the app: write Litestar(plugins=[auth])."
        raise ConfigurationError(msg)


def claims_provider(authenticator: Authenticator[Any]) -> Provide:
    """Return the provider of the handler argument that receives the claims."""

    def provide_claims(scope: Scope) -> Any:  # noqa: ANN401 - the handler's annotation has the type
        return _stored_claims(scope)[authenticator]

    return Provide(provide_claims, sync_to_thread=False)


def _stored_claims(scope: Any) -> dict[Authenticator[Any], Claims | None]:  # noqa: ANN401 - a Scope with our key
    """Return the claims of a connection, by authenticator."""
    stored: dict[Authenticator[Any], Claims | None] = scope.setdefault("tokenward.claims", {})
    return stored
