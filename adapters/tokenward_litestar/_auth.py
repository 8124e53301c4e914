"""`TokenAuth`: the public class of this adapter."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any, TypeVar

from litestar import Litestar, Request, Response, WebSocket
from litestar.config.app import AppConfig
from litestar.handlers import BaseRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Operation
from litestar.plugins import InitPlugin, ReceiveRoutePlugin
from litestar.routes import ASGIRoute, BaseRoute, WebSocketRoute

from tokenward import Claims, KeyPublisher, TokenPair
from tokenward.engine import TokenVerifier
from tokenward.http import (
    BaseTokenAuth,
    Carrier,
    CertificateSource,
    DpopChecks,
    Requirement,
    ResourceMetadata,
)
from tokenward.tokens import ProvenKey
from tokenward_litestar._cookies import add_cookies
from tokenward_litestar._endpoints import EndpointMethod
from tokenward_litestar._guard import ClaimsGuard, claims_provider, require_plugin, view_of
from tokenward_litestar._guarded_handlers import run_guards_without_copies
from tokenward_litestar._lifespan import LifespanMethod
from tokenward_litestar._openapi import Documentation, documented_operation, documented_responses
from tokenward_litestar._published_documents import add_document_handlers
from tokenward_litestar._refusals import close_websocket, refuse_by_response, register_refusals
from tokenward_litestar._startup_checks import HandlerChecks, refuse_duplicate_key
from tokenward_litestar._token_pairs import TokenPairPlugin
from tokenward_litestar._users import LoadUser, UserLoader

__all__ = ["TokenAuth"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)


class TokenAuth(
    LifespanMethod[ClaimsT],
    EndpointMethod,
    BaseTokenAuth[ClaimsT, ClaimsGuard[ClaimsT], ClaimsGuard[ClaimsT]],
    InitPlugin,
    ReceiveRoutePlugin,
):
    """An engine connected to Litestar, as a plugin: ``Litestar(plugins=[auth])``.

    `required` and `optional` return a guard for handlers, controllers, routers and the app. The
    claims are in ``request.auth`` and in the handler argument that `dependency_key` names.
    """

    def __init__(  # noqa: PLR0913 - what `BaseTokenAuth` takes, and three more
        self,
        engine: TokenVerifier[ClaimsT],
        *,
        carriers: Sequence[Carrier] | None = None,
        realm: str = "api",
        scheme_name: str = "Bearer",
        resource: ResourceMetadata | None = None,
        dpop: DpopChecks | None = None,
        mtls: CertificateSource | None = None,
        dependency_key: str = "claims",
        exclude_opt_key: str = "exclude_from_auth",
        load_user: LoadUser[ClaimsT] | None = None,
    ) -> None:
        """Connect an engine to Litestar.

        Args:
            engine: as for `BaseTokenAuth`.
            carriers: as for `BaseTokenAuth`.
            realm: as for `BaseTokenAuth`.
            scheme_name: as for `BaseTokenAuth`.
            resource: as for `BaseTokenAuth`.
            dpop: as for `BaseTokenAuth`.
            mtls: as for `BaseTokenAuth`.
            dependency_key: the name of the handler argument that receives the claims, as in ``claims:
                NamedDependency[ShopClaims]``. Each `TokenAuth` of an app needs a different name.
            exclude_opt_key: a handler, controller or router with this key in its ``opt`` is
                excluded from the guards of its outer layers, as in ``@get(..., exclude_from_auth=True)``.
                Guards of that layer itself still apply.
            load_user: a function, sync or async, that returns the user of a token for
                ``request.user``. Each request, and each handshake, calls it once, with the claims and
                the connection, when a guard has accepted the token. If it returns None, the guard
                refuses the request as it refuses an invalid token (`TokenRejectedError`).

        Raises:
            ConfigurationError: an argument is invalid, for example `carriers` is empty.
        """
        super().__init__(
            engine,
            carriers=carriers,
            realm=realm,
            scheme_name=scheme_name,
            resource=resource,
            dpop=dpop,
            mtls=mtls,
        )
        self.dependency_key: str = dependency_key
        self._exclude_opt_key = exclude_opt_key
        self._users = None if load_user is None else UserLoader(load_user)
        self._provider = claims_provider(self.authenticator)
        self._documentation = Documentation(self._schemes)
        self._checks = HandlerChecks(self, self.authenticator, self._provider)

    @property
    def responses(self) -> dict[int, ResponseSpec]:
        """The responses to refused requests, for the document of a handler that raises a `TokenError`.

        Handlers with a guard have them already. For a login::

            @post("/session", responses=auth.responses)
        """
        return documented_responses()

    def refresh_operation(self, *, carriers: Sequence[Carrier] | None = None) -> type[Operation]:
        """Return the description of a handler that calls `refresh`, for its OpenAPI document.

        The document then names the places of the refresh token, the header of the CSRF token, and
        the refusals::

            @post("/refresh", operation_class=auth.refresh_operation())

        Args:
            carriers: as for `refresh`.

        Raises:
            ConfigurationError: `carriers` is invalid.
        """
        return documented_operation(self._documented_refresh(carriers))

    async def refresh(
        self,
        request: Request[Any, Any, Any],
        *,
        carriers: Sequence[Carrier] | None = None,
        check: Callable[[ClaimsT], Awaitable[bool] | bool] | None = None,
        fresh: bool = False,
        acr: str | None = None,
    ) -> TokenPair:
        """Exchange a request's refresh token for a new pair; see `TokenEngine.refresh`.

        Args:
            request: the request.
            carriers: where the token is looked for, instead of the carriers of this `TokenAuth`.
            check: as for `TokenEngine.refresh`.
            fresh: as for `TokenEngine.refresh`.
            acr: as for `TokenEngine.refresh`.

        Raises:
            TokenError: the token is refused. If the handler does not catch it, the app answers it.
            ConfigurationError: this `TokenAuth` is not a plugin of the app, or `check` is invalid.
        """
        require_plugin(request.app, self)
        return await self.authenticator.refresh(
            view_of(request), carriers=carriers, check=check, fresh=fresh, acr=acr
        )

    async def proven_key(self, request: Request[Any, Any, Any]) -> ProvenKey | None:
        """Return the key that a login proves (RFC 9449 §5, RFC 8705 §3); see `Authenticator.proven_key`.

        Raises:
            TokenError: the proof is refused. If the handler does not catch it, the app answers it.
            ConfigurationError: this `TokenAuth` has neither `dpop` nor `mtls`.
        """
        return await self.authenticator.proven_key(view_of(request))

    def check_origin(self, request: Request[Any, Any, Any]) -> None:
        """Refuse a request from a page of another origin. Use it in your login routes.

        A login has no session yet, so no CSRF token protects it. Call this before you check the
        password. Requests without an origin, which come from programs, pass.

        Args:
            request: the request.

        Raises:
            OriginNotAllowedError: a page of another origin sent it. The app answers the error.
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
            check_every: the interval between revocation checks. An expiry takes effect on
                time and does not wait for a check.

        Raises:
            ConfigurationError: `check_every` is not a timedelta above zero.
        """

        async def close(code: int, reason: str) -> None:
            await close_websocket(websocket, code, reason)

        return self.authenticator.while_valid(claims, close, check_every=check_every)

    def publish_keys(self, app: Litestar, publisher: KeyPublisher) -> None:
        """Serve the public keys, and the issuer's metadata, at the paths of the publisher.

        The routes answer GET, HEAD and OPTIONS and are not in the OpenAPI document. The app's
        guards do not guard them, and pages of every origin may read them.

        Args:
            app: the app, mounted at the root of its host.
            publisher: the publisher of the engine's ring.
        """
        add_document_handlers(app, publisher, self._exclude_opt_key)

    def publish_resource(self, app: Litestar) -> None:
        """Serve the metadata of this `TokenAuth`'s `resource` (RFC 9728), as `publish_keys` does.

        Args:
            app: the app, mounted at the root of its host.

        Raises:
            ConfigurationError: this `TokenAuth` has no `resource`.
        """
        add_document_handlers(app, self._published_resource, self._exclude_opt_key)

    def on_app_init(self, app_config: AppConfig) -> AppConfig:
        """Register the responses, the claims and the security scheme. Litestar calls this.

        Raises:
            ConfigurationError: another `TokenAuth` of the app has the same `dependency_key`.
        """
        refuse_duplicate_key(app_config, self, self.dependency_key)
        register_refusals(app_config, self.authenticator.refusal)
        app_config.dependencies.setdefault(self.dependency_key, self._provider)
        self._documentation.add_to(app_config)
        app_config.plugins.append(TokenPairPlugin())
        return app_config

    def receive_route(self, route: BaseRoute) -> None:
        """Check a route, and add its refusals and its document. Litestar calls this for each route.

        Raises:
            ConfigurationError: a handler takes claims from the request, has a claims argument but
                no guard, annotates it with another model, caches its response behind a guard, or
                has a guard in the wrong place or of a `TokenAuth` that is not a plugin.
        """
        if isinstance(route, ASGIRoute | WebSocketRoute):
            self._checks.check(route.route_handler)
            refuse_by_response(route.route_handler)
        for handler in getattr(route, "route_handlers", ()):
            self._checks.check(handler)
            self._documentation.describe(handler, self._requirements_of(handler))
            run_guards_without_copies(handler)

    def _required_guard(self, requirement: Requirement[ClaimsT]) -> ClaimsGuard[ClaimsT]:
        key = self._exclude_opt_key
        return ClaimsGuard(
            self, self.authenticator, requirement, exclude_opt_key=key, users=self._users
        )

    _optional_guard = _required_guard

    def _requirements_of(self, handler: BaseRouteHandler) -> list[Requirement[ClaimsT]]:
        """Return the requirements of the guards of this `TokenAuth` that apply to a handler."""
        return [
            guard.requirement
            for guard in handler.resolve_guards()
            if isinstance(guard, ClaimsGuard)
            and guard.authenticator is self.authenticator
            and not guard.excludes(handler)
        ]
