"""`TokenAuth`: the adapter's one public object."""

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
from tokenward.http import BaseTokenAuth, Carrier, Requirement
from tokenward_litestar._cookies import add_cookies
from tokenward_litestar._documents import add_documents
from tokenward_litestar._guard import ClaimsGuard, provider_of, require_plugin, view_of
from tokenward_litestar._openapi import document_refusals, document_scheme
from tokenward_litestar._refusals import close_websocket, register_refusals
from tokenward_litestar._wiring import HandlerChecks, refuse_second_plugin

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
            engine: as for `BaseTokenAuth`, like the next three arguments.
            carriers: where requests carry tokens; by default only the ``Authorization: Bearer``
                header.
            realm: the realm that challenges name.
            scheme_name: the name of the security scheme in the OpenAPI document.
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
        self._provider = provider_of(self.authenticator)
        self._checks = HandlerChecks(self, self.authenticator, self._provider)

    async def refresh(
        self, request: Request[Any, Any, Any], *, carriers: Sequence[Carrier] | None = None
    ) -> TokenPair:
        """Trade the refresh token of a request for the next pair; see `TokenEngine.refresh`.

        Args:
            request: the request.
            carriers: where the token may be, in place of what `TokenAuth` was given.

        Raises:
            TokenError: it is refused; left to the plugin, that is the answer.
            ConfigurationError: the app does not know the plugin.
        """
        require_plugin(request.app, self)
        return await self.authenticator.refresh(view_of(request), carriers=carriers)

    def check_origin(self, request: Request[Any, Any, Any]) -> None:
        """Refuse a request that a page of another origin sent: for your login routes.

        A login has no session yet, so no CSRF token protects it. Call this before you check the
        password. Requests of programs, which name no origin, pass.

        Args:
            request: the request.

        Raises:
            OriginNotAllowedError: it comes from a page of another origin; left to the plugin, that is the
                answer.
            ConfigurationError: there is no `CookieCarrier`.
        """
        self.authenticator.cookies.check_origin(view_of(request))

    def set_cookies(self, response: Response[Any], pair: TokenPair) -> None:
        """Hand a pair to the browser, in the cookies that the `CookieCarrier` describes.

        Raises:
            ConfigurationError: there is no `CookieCarrier`, or a token is too long for a cookie.
        """
        add_cookies(response, self.authenticator.cookies.set_cookies(pair))

    def clear_cookies(self, response: Response[Any]) -> None:
        """Have the browser forget all that `set_cookies` set. Revoke the session besides.

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
            websocket: that was accepted.
            claims: which let it in.
            check_every: how often the store is asked; an expiry is seen at its time.

        Raises:
            ConfigurationError: `check_every` is not above zero.
        """

        async def close(code: int, reason: str) -> None:
            await close_websocket(websocket, code, reason)

        return self.authenticator.while_valid(claims, close, check_every=check_every)

    def publish_keys(self, app: Litestar, publisher: KeyPublisher) -> None:
        """Show the public keys, and the metadata of the issuer, at the paths of the publisher.

        Each is for GET and HEAD, needs no token whatever the guards of the app, and stays out of
        the OpenAPI document. A service that signs shows its own ring.

        Args:
            app: which serves them at the root of its host.
            publisher: of the ring that the engine holds.
        """
        add_documents(app, publisher, self._exclude_opt_key)

    def on_app_init(self, app_config: AppConfig) -> AppConfig:
        """Let Litestar call this: register the answers, the claims and the security scheme.

        Raises:
            ConfigurationError: another `TokenAuth` of the app has the same `dependency_key`.
        """
        refuse_second_plugin(app_config, self, self.dependency_key)
        register_refusals(app_config, self.authenticator.refusal)
        app_config.dependencies.setdefault(self.dependency_key, self._provider)
        scheme = self.authenticator.carriers[0].security_scheme
        document_scheme(app_config, self.scheme_name, scheme)
        return app_config

    def receive_route(self, route: BaseRoute) -> None:
        """Let Litestar call this for each route: check it, and document what its guards ask for.

        Raises:
            ConfigurationError: a handler takes claims from the request, has them without a guard or in
                another model, is cached behind a guard, or has a guard in a wrong place or of a
                `TokenAuth` that is no plugin.
        """
        if isinstance(route, ASGIRoute | WebSocketRoute):
            self._checks.check(route.route_handler)
        for handler in getattr(route, "route_handlers", ()):
            self._checks.check(handler)
            scopes = self._scopes_of(handler)
            if scopes is not None:
                document_refusals(handler, self.scheme_name, scopes)

    def _required_guard(self, requirement: Requirement[ClaimsT]) -> ClaimsGuard[ClaimsT]:
        return ClaimsGuard(
            self, self.authenticator, requirement, exclude_opt_key=self._exclude_opt_key
        )

    def _optional_guard(self, requirement: Requirement[ClaimsT]) -> ClaimsGuard[ClaimsT]:
        return self._required_guard(requirement)

    def _scopes_of(self, handler: BaseRouteHandler) -> list[str] | None:
        """Give the scopes that guards of this object ask of a handler; None: there is no guard."""
        requirements = [
            guard.requirement
            for guard in handler.resolve_guards()
            if isinstance(guard, ClaimsGuard)
            and guard.authenticator is self.authenticator
            and not guard.requirement.optional
            and not guard.leaves_out(handler)
        ]
        if not requirements:
            return None
        return list(dict.fromkeys(scope for each in requirements for scope in each.scopes))
