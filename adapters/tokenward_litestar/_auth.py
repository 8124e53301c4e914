"""`TokenAuth`: the public class of this adapter."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any, TypeVar

from litestar import Litestar, Request, Response, WebSocket
from litestar.config.app import AppConfig
from litestar.handlers import BaseRouteHandler
from litestar.plugins import InitPlugin, ReceiveRoutePlugin
from litestar.routes import ASGIRoute, BaseRoute, WebSocketRoute

from tokenward import Claims, KeyPublisher, TokenPair
from tokenward.engine import TokenVerifier
from tokenward.http import BaseTokenAuth, Carrier, Requirement, scope_alternatives
from tokenward_litestar._cookies import add_cookies
from tokenward_litestar._guard import ClaimsGuard, claims_provider, require_plugin, view_of
from tokenward_litestar._openapi import document_refusals, document_scheme
from tokenward_litestar._published_keys import add_key_handlers
from tokenward_litestar._refusals import close_websocket, register_refusals
from tokenward_litestar._startup_checks import HandlerChecks, refuse_duplicate_key

__all__ = ["TokenAuth"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)


class TokenAuth(
    BaseTokenAuth[ClaimsT, ClaimsGuard[ClaimsT], ClaimsGuard[ClaimsT]],
    InitPlugin,
    ReceiveRoutePlugin,
):
    """An engine connected to Litestar, as a plugin: ``Litestar(plugins=[auth])``.

    `required` and `optional` return a guard for handlers, controllers, routers and the app. The
    claims are in ``request.auth`` and in the handler argument that `dependency_key` names.
    """

    def __init__(
        self,
        engine: TokenVerifier[ClaimsT],
        *,
        carriers: Sequence[Carrier] | None = None,
        realm: str = "api",
        scheme_name: str = "Bearer",
        dependency_key: str = "claims",
        exclude_opt_key: str = "exclude_from_auth",
    ) -> None:
        """Connect an engine to Litestar.

        Args:
            engine: as for `BaseTokenAuth`.
            carriers: as for `BaseTokenAuth`.
            realm: as for `BaseTokenAuth`.
            scheme_name: as for `BaseTokenAuth`.
            dependency_key: the name of the handler argument that receives the claims, as in
                ``claims: NamedDependency[ShopClaims]``. Each `TokenAuth` of an app needs a
                different name.
            exclude_opt_key: a handler, controller or router with this key in its ``opt`` is
                excluded from the guards of its outer layers, as in
                ``@get("/health", exclude_from_auth=True)``. Guards of that layer itself still
                apply.

        Raises:
            ConfigurationError: an argument is invalid, for example `carriers` is empty.
        """
        super().__init__(engine, carriers=carriers, realm=realm, scheme_name=scheme_name)
        self.dependency_key: str = dependency_key
        self._exclude_opt_key = exclude_opt_key
        self._provider = claims_provider(self.authenticator)
        self._checks = HandlerChecks(self, self.authenticator, self._provider)

    async def refresh(
        self, request: Request[Any, Any, Any], *, carriers: Sequence[Carrier] | None = None
    ) -> TokenPair:
        """Exchange a request's refresh token for a new pair; see `TokenEngine.refresh`.

        Args:
            request: the request.
            carriers: where the token is looked for, instead of the carriers of this `TokenAuth`.

        Raises:
            TokenError: the token is refused. If the handler does not catch the error, the app sends
                its response.
            ConfigurationError: this `TokenAuth` is not a plugin of the app.
        """
        require_plugin(request.app, self)
        return await self.authenticator.refresh(view_of(request), carriers=carriers)

    def check_origin(self, request: Request[Any, Any, Any]) -> None:
        """Refuse a request from a page of another origin. Use it in your login routes.

        A login has no session yet, so no CSRF token protects it. Call this before you check the
        password. Requests without an origin, which come from programs, pass.

        Args:
            request: the request.

        Raises:
            OriginNotAllowedError: the request comes from a page of another origin. If the handler
                does not catch the error, the app sends its response.
            ConfigurationError: there is no `CookieCarrier`.
        """
        self.authenticator.cookies.check_origin(view_of(request))

    def set_cookies(self, response: Response[Any], pair: TokenPair) -> None:
        """Store a pair in the browser, in the cookies of the `CookieCarrier`.

        Raises:
            ConfigurationError: there is no `CookieCarrier`, or a token is too long for a cookie.
        """
        add_cookies(response, self.authenticator.cookies.set_cookies(pair))

    def clear_cookies(self, response: Response[Any]) -> None:
        """Remove the cookies of `set_cookies` from the browser. Revoke the session as well.

        Raises:
            ConfigurationError: there is no `CookieCarrier`.
        """
        add_cookies(response, self.authenticator.cookies.clear_cookies())

    def while_valid(
        self,
        websocket: WebSocket[Any, Any, Any],
        claims: ClaimsT,
        *,
        check_every: timedelta = timedelta(seconds=5),
    ) -> AbstractAsyncContextManager[None]:
        """Run a block while a token is valid; then close the WebSocket and cancel the block.

        ::

            async with auth.while_valid(socket, claims):
                async for text in socket.iter_data(): ...

        Args:
            websocket: the accepted WebSocket.
            claims: the claims of the WebSocket's token.
            check_every: the interval between revocation checks. An expired token is noticed at
                its expiry, whatever the interval.

        Raises:
            ConfigurationError: `check_every` is not a timedelta above zero.
        """

        async def close(code: int, reason: str) -> None:
            await close_websocket(websocket, code, reason)

        return self.authenticator.while_valid(claims, close, check_every=check_every)

    def publish_keys(self, app: Litestar, publisher: KeyPublisher) -> None:
        """Serve the public keys, and the issuer's metadata, at the paths of the publisher.

        The routes answer GET and HEAD, need no token whatever the guards of the app, and are not in
        the OpenAPI document.

        Args:
            app: the app, mounted at the root of its host.
            publisher: the publisher of the engine's ring.
        """
        add_key_handlers(app, publisher, self._exclude_opt_key)

    def on_app_init(self, app_config: AppConfig) -> AppConfig:
        """Register the responses, the claims and the security scheme. Litestar calls this.

        Raises:
            ConfigurationError: another `TokenAuth` of the app has the same `dependency_key`.
        """
        refuse_duplicate_key(app_config, self, self.dependency_key)
        register_refusals(app_config, self.authenticator.refusal)
        app_config.dependencies.setdefault(self.dependency_key, self._provider)
        scheme = self.authenticator.carriers[0].security_scheme
        document_scheme(app_config, self.scheme_name, scheme)
        return app_config

    def receive_route(self, route: BaseRoute) -> None:
        """Check a route, and document what its guards require. Litestar calls this for each route.

        Raises:
            ConfigurationError: a handler takes claims from the request, has a claims argument but
                no guard, annotates it with another model, caches its response behind a guard, or
                has a guard in the wrong place or of a `TokenAuth` that is not a plugin.
        """
        if isinstance(route, ASGIRoute | WebSocketRoute):
            self._checks.check(route.route_handler)
        for handler in getattr(route, "route_handlers", ()):
            self._checks.check(handler)
            requirements = self._requirements_of(handler)
            if requirements:
                alternatives = scope_alternatives(requirements)
                document_refusals(handler, self.scheme_name, alternatives)

    def _required_guard(self, requirement: Requirement[ClaimsT]) -> ClaimsGuard[ClaimsT]:
        return ClaimsGuard(
            self, self.authenticator, requirement, exclude_opt_key=self._exclude_opt_key
        )

    def _optional_guard(self, requirement: Requirement[ClaimsT]) -> ClaimsGuard[ClaimsT]:
        return self._required_guard(requirement)

    def _requirements_of(self, handler: BaseRouteHandler) -> list[Requirement[ClaimsT]]:
        """Return the requirements of the guards of a handler that always need a token."""
        return [
            guard.requirement
            for guard in handler.resolve_guards()
            if isinstance(guard, ClaimsGuard)
            and guard.authenticator is self.authenticator
            and not guard.requirement.optional
            and not guard.excludes(handler)
        ]
