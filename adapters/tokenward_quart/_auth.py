"""`TokenAuth`: the public class of this adapter."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import TypeVar, cast

from quart import Blueprint, Quart, Request, Response, Websocket, current_app

from tokenward import Claims, KeyPublisher, TokenPair, TokenType
from tokenward.engine import TokenVerifier
from tokenward.http import BaseTokenAuth, Carrier, Requirement, keyword_arguments_only
from tokenward_quart._apps import RegisteredApps
from tokenward_quart._arguments import check_type
from tokenward_quart._claims import claims_of, require_claims
from tokenward_quart._connection import unwrap_proxy, view_of
from tokenward_quart._cookies import add_cookies
from tokenward_quart._decorator import GuardDecorator, ViewDecorator
from tokenward_quart._openapi import document_route_groups, document_scheme
from tokenward_quart._published_keys import add_key_routes
from tokenward_quart._refusals import register_refusals
from tokenward_quart._route_groups import guard_group
from tokenward_quart._startup_checks import check_app
from tokenward_quart._unregistered_apps import UnregisteredAppChecks
from tokenward_quart._websockets import close_websocket, track_websockets

__all__ = ["TokenAuth"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)


class TokenAuth(BaseTokenAuth[ClaimsT, ViewDecorator, ViewDecorator]):
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
    ) -> None:
        # No docstring: editors show that of the base class.
        super().__init__(engine, carriers=carriers, realm=realm, scheme_name=scheme_name)
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

    @keyword_arguments_only("auth.guard(group) or auth.guard(group, scopes=[...])")
    def guard(
        self,
        group: Quart | Blueprint,
        *,
        type: TokenType = "access",
        fresh: bool | timedelta = False,
        scopes: Collection[str] = (),
        any_scope: Collection[str] | None = None,
        carriers: Sequence[Carrier] | None = None,
        check: Callable[[ClaimsT], Awaitable[bool] | bool] | None = None,
    ) -> None:
        """Require a token for every HTTP and WebSocket route of a blueprint or of the app.

        ::

            auth.guard(admin, scopes=["admin"])
            app.register_blueprint(admin)

        The guard includes nested blueprints and static files. Use it instead of a decorated
        ``before_request`` function, which Quart runs only for HTTP, so that WebSockets would stay
        unprotected. A handler can require more with `required`. The documents of `publish_keys`
        stay public.

        Args:
            group: a blueprint that is not registered yet, or an app.
            type: as for `required`.
            fresh: as for `required`.
            scopes: as for `required`.
            any_scope: as for `required`.
            carriers: as for `required`.
            check: as for `required`.

        Raises:
            TypeError: `group` is neither a blueprint nor an app.
            ConfigurationError: an argument is invalid.
        """
        requirement = Requirement(
            type=type,
            fresh=fresh,
            scopes=scopes,
            any_scope=any_scope,
            carriers=carriers,
            check=check,
        )
        guard_group(group, self._required_guard(requirement))

    async def refresh(
        self, request: Request, *, carriers: Sequence[Carrier] | None = None
    ) -> TokenPair:
        """Exchange a request's refresh token for a new pair; see `TokenEngine.refresh`.

        Args:
            request: the request, for example ``quart.request``.
            carriers: where the token is looked for, instead of the carriers of this `TokenAuth`.

        Raises:
            TokenError: the token is refused. If the handler does not catch the error, the app sends
                its response.
            ConfigurationError: `init_app` was not called for the app.
            TypeError: `request` is not a request.
        """
        check_type(
            request,
            Request,
            "refresh needs a Request: to refresh a token string, call engine.refresh(token).",
        )
        self._apps.require(unwrap_proxy(current_app))
        return await self.authenticator.refresh(view_of(request), carriers=carriers)

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
            check_every: the interval between revocation checks. An expired token is noticed at
                its expiry, whatever the interval.

        Raises:
            ConfigurationError: `check_every` is not a timedelta above zero.
        """

        async def close(code: int, reason: str) -> None:
            await close_websocket(websocket, code, reason)

        return self.authenticator.while_valid(claims, close, check_every=check_every)

    def publish_keys(self, app: Quart, publisher: KeyPublisher) -> None:
        """Serve the public keys, and the issuer's metadata, at the paths of the publisher.

        The routes answer GET and HEAD, need no token whatever the guards of the app, and are not in
        quart-schema's document.

        Args:
            app: the app, mounted at the root of its host.
            publisher: the publisher of the engine's ring.

        Raises:
            TypeError: `app` is not a Quart app, or `publisher` is not a KeyPublisher.
        """
        check_type(
            app,
            Quart,
            "publish_keys needs the Quart app first: call auth.publish_keys(app, publisher).",
        )
        check_type(
            publisher, KeyPublisher, "publish_keys needs a KeyPublisher: pass KeyPublisher(ring)."
        )
        add_key_routes(app, publisher)

    def init_app(self, app: Quart) -> None:
        """Register with an app: send responses to refused requests, document them, check the app.

        Call it before or after you add routes, also in an app factory. A `TokenError` that a
        handler raises itself, for example through `engine.refresh`, gets the same response as a
        refusal of the decorator. Your own error handlers for the error, a status or HTTPException
        are called first. quart-schema, if installed, gets the security scheme.

        The app does not start, and refuses every request, if it has one of these mistakes:
        decorators in the wrong order, an unprotected WebSocket in a group whose HTTP routes are
        guarded, claims that quart-schema reads from the request, or a guard of a `TokenAuth` that
        is not registered with the app.

        Raises:
            TypeError: `app` is not a Quart app.
        """
        check_type(
            app, Quart, "init_app needs the Quart app: to guard a blueprint, call auth.guard(...)."
        )
        if app in self._apps:
            return

        self._apps.add(app)
        self._unregistered_apps.stop()
        is_checked = False

        async def check_once() -> None:
            nonlocal is_checked
            if not is_checked:
                check_app(app)
                self._document(app)
                document_route_groups(app)
                is_checked = True

        register_refusals(app, self.authenticator.refusal)
        track_websockets(app)
        app.before_serving(check_once)
        # Not every server sends lifespan events, and test clients do not.
        app.before_request(check_once)
        app.before_websocket(check_once)
        self._document(app)

    def _required_guard(self, requirement: Requirement[ClaimsT]) -> ViewDecorator:
        return GuardDecorator(self._apps, self.authenticator, requirement, self.scheme_name)

    def _optional_guard(self, requirement: Requirement[ClaimsT]) -> ViewDecorator:
        return self._required_guard(requirement)

    def _document(self, app: Quart) -> None:
        scheme = self.authenticator.carriers[0].security_scheme
        document_scheme(app, self.scheme_name, scheme)
