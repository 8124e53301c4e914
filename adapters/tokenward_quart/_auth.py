"""`TokenAuth`: the public class of this adapter."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import TypeVar, cast

from quart import Quart, Request, Response, Websocket, current_app

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
from tokenward_quart._apps import RegisteredApps
from tokenward_quart._arguments import check_type
from tokenward_quart._claims import claims_of, require_claims
from tokenward_quart._connection import unwrap_proxy, view_of
from tokenward_quart._cookies import add_cookies
from tokenward_quart._decorator import GuardDecorator, ViewDecorator
from tokenward_quart._endpoints import EndpointMethod
from tokenward_quart._guard_method import GuardMethod
from tokenward_quart._lifespan import LifespanMethod
from tokenward_quart._openapi import document_app, document_refresh, document_refusals
from tokenward_quart._published_documents import add_document_routes
from tokenward_quart._refusals import register_refusals
from tokenward_quart._startup_checks import check_app, run_at_start
from tokenward_quart._unregistered_apps import UnregisteredAppChecks
from tokenward_quart._websockets import close_websocket, track_websockets

__all__ = ["TokenAuth"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)
ViewT = TypeVar("ViewT", bound=Callable[..., object])


class TokenAuth(
    LifespanMethod[ClaimsT],
    EndpointMethod,
    GuardMethod[ClaimsT],
    BaseTokenAuth[ClaimsT, ViewDecorator, ViewDecorator],
):
    """An engine connected to Quart.

    `required` and `optional` return a decorator for handlers, placed below ``@app.route``. The
    claims are in `current_claims`. For blueprints and for the app use `guard`.
    """

    def __init__(
        self,
        engine: TokenVerifier[ClaimsT],
        *,
        carriers: Sequence[Carrier] | None = None,
        realm: str = "api",
        scheme_name: str = "Bearer",
        resource: ResourceMetadata | None = None,
        dpop: DpopChecks | None = None,
        mtls: CertificateSource | None = None,
    ) -> None:
        super().__init__(
            engine,
            carriers=carriers,
            realm=realm,
            scheme_name=scheme_name,
            resource=resource,
            dpop=dpop,
            mtls=mtls,
        )
        self._apps = RegisteredApps()
        self._unregistered_apps = UnregisteredAppChecks()

    @property
    def current_claims(self) -> ClaimsT:
        """The claims of the current request's token, as verified by this `TokenAuth`.

        Raises:
            RuntimeError: this `TokenAuth` does not guard the current request; or the guard is
                optional and no token was sent, see `get_claims`.
        """
        return cast("ClaimsT", require_claims(self.get_claims()))

    def get_claims(self) -> ClaimsT | None:
        """Return the claims of the current request's token; None if `optional` found no token.

        Raises:
            RuntimeError: this `TokenAuth` does not guard the current request, or there is none.
        """
        return cast("ClaimsT | None", claims_of(self.authenticator))

    def responses(self, view: ViewT) -> ViewT:
        """Document the refusals of a view without a guard that raises a `TokenError`.

        A decorator, placed below ``@app.route``. Without quart-schema it does nothing.
        """
        return document_refusals(view)

    def refresh_operation(self, *, carriers: Sequence[Carrier] | None = None) -> ViewDecorator:
        """Document the refresh token, the CSRF header and the refusals of a view that calls `refresh`.

        A decorator, placed below ``@app.route``. Without quart-schema it does nothing.

        Args:
            carriers: as for `refresh`.

        Raises:
            ConfigurationError: `carriers` is invalid.
        """
        return document_refresh(self._documented_refresh(carriers))

    async def refresh(
        self,
        request: Request,
        *,
        carriers: Sequence[Carrier] | None = None,
        check: Callable[[ClaimsT], Awaitable[bool] | bool] | None = None,
        fresh: bool = False,
        acr: str | None = None,
    ) -> TokenPair:
        """Exchange a request's refresh token for a new pair; see `TokenEngine.refresh`.

        Args:
            request: the request, for example ``quart.request``.
            carriers: where the token is looked for, instead of the carriers of this `TokenAuth`.
            check: your own check, sync or async, called with the claims of the refresh token
                before it is consumed. Any result but True refuses the request.
            fresh: whether the user has just logged in again, which `check` verifies.
            acr: the level of this login.

        Raises:
            TokenError: the token is refused. If the handler does not catch the error, the app sends
                its response.
            ConfigurationError: `init_app` was not called for the app, or `check` is not a function
                of the claims.
            TypeError: `request` is not a request.
        """
        check_type(
            request, Request, "refresh needs a Request: for text, call engine.refresh(text)."
        )
        self._apps.require(unwrap_proxy(current_app))
        return await self.authenticator.refresh(
            view_of(request), carriers=carriers, check=check, fresh=fresh, acr=acr
        )

    async def proven_key(self, request: Request) -> ProvenKey | None:
        """Return the key that a login proves (RFC 9449 §5, RFC 8705 §3); see `Authenticator.proven_key`.

        Raises:
            TokenError: the proof is refused. If the handler does not catch it, the app answers it.
            ConfigurationError: this `TokenAuth` has neither `dpop` nor `mtls`.
        """
        return await self.authenticator.proven_key(view_of(request))

    def check_origin(self, request: Request) -> None:
        """Refuse a request from a page of another origin. Use it in your login routes.

        A login has no session yet, so no CSRF token protects it. Call this before you check the
        password. Requests without an origin, which come from programs, pass.

        Args:
            request: the request, for example ``quart.request``.

        Raises:
            OriginNotAllowedError: the request comes from a page of another origin. If the handler
                does not catch the error, the app sends its response.
            ConfigurationError: there is no `CookieCarrier`.
        """
        self.authenticator.cookies.check_origin(view_of(request))

    def set_cookies(self, response: Response, pair: TokenPair) -> None:
        """Store a pair in the browser, in the cookies of the `CookieCarrier`.

        Raises:
            ConfigurationError: there is no `CookieCarrier`, or a token is too long for a cookie.
        """
        add_cookies(response, self.authenticator.cookies.set_cookies(pair))

    def clear_cookies(self, response: Response) -> None:
        """Remove the cookies of `set_cookies` from the browser. Revoke the session as well.

        Raises:
            ConfigurationError: there is no `CookieCarrier`.
        """
        add_cookies(response, self.authenticator.cookies.clear_cookies())

    def while_valid(
        self,
        websocket: Websocket,
        claims: ClaimsT,
        *,
        check_every: timedelta = timedelta(seconds=5),
    ) -> AbstractAsyncContextManager[None]:
        """Run a block while a token is valid; then close the WebSocket and cancel the block.

        ::

            async with auth.while_valid(websocket, auth.current_claims):
                while True: await websocket.send(await websocket.receive())

        Args:
            websocket: the WebSocket, for example ``quart.websocket``.
            claims: the claims of the WebSocket's token.
            check_every: the interval between revocation checks. An expiry takes effect on
                time and does not wait for a check.

        Raises:
            ConfigurationError: `check_every` is not a timedelta above zero.
        """

        async def close(code: int, reason: str) -> None:
            await close_websocket(websocket, code, reason)

        return self.authenticator.while_valid(claims, close, check_every=check_every)

    def publish_keys(self, app: Quart, publisher: KeyPublisher) -> None:
        """Serve the public keys, and the issuer's metadata, at the paths of the publisher.

        The routes answer GET, HEAD and OPTIONS and are not in quart-schema's document. The app's
        guards do not guard them, and pages of every origin may read them.

        Args:
            app: the app, mounted at the root of its host.
            publisher: the publisher of the engine's ring.

        Raises:
            TypeError: `app` is not a Quart app, or `publisher` is not a KeyPublisher.
        """
        check_type(publisher, KeyPublisher, "publish_keys needs a KeyPublisher of the ring.")
        add_document_routes(app, publisher)

    def publish_resource(self, app: Quart) -> None:
        """Serve the metadata of this `TokenAuth`'s `resource` (RFC 9728), as `publish_keys` does.

        Args:
            app: the app, mounted at the root of its host.

        Raises:
            ConfigurationError: this `TokenAuth` has no `resource`.
            TypeError: `app` is not a Quart app.
        """
        add_document_routes(app, self._published_resource)

    def init_app(self, app: Quart) -> None:
        """Register with an app: send responses to refused requests, document them, check the app.

        Call it before or after you add routes, also in an app factory. A `TokenError` that a handler
        raises itself, for example through `engine.refresh`, is refused in the same way. Your own
        error handlers for the error, a status or HTTPException are called first.

        The app does not start, and refuses every request, if it has one of these mistakes:
        decorators in the wrong order, an unprotected WebSocket in a group whose HTTP routes are
        guarded, claims that quart-schema reads from the request, or a guard of a `TokenAuth` that
        is not registered with the app.

        Raises:
            TypeError: `app` is not a Quart app.
        """
        check_type(app, Quart, "init_app needs the Quart app; auth.guard(...) guards a blueprint.")
        if app in self._apps:
            return
        self._apps.add(app)
        self._unregistered_apps.stop()

        def start() -> None:
            check_app(app)
            document_app(app, self._schemes)

        register_refusals(app, self.authenticator.refusal)
        track_websockets(app)
        run_at_start(app, start)
        document_app(app, self._schemes)

    def _required_guard(self, requirement: Requirement[ClaimsT]) -> ViewDecorator:
        return GuardDecorator(self._apps, self.authenticator, requirement, self._schemes)

    _optional_guard = _required_guard
