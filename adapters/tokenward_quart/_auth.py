"""`TokenAuth`: the adapter's one public object."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import TypeVar, cast

from quart import Blueprint, Quart, Request, Response, Websocket, current_app

from tokenward import Claims, KeyPublisher, TokenPair, TokenType
from tokenward.engine import TokenVerifier
from tokenward.http import BaseTokenAuth, Carrier, Requirement, keyword_arguments_only
from tokenward_quart._apps import KnownApps
from tokenward_quart._claims import claims_that_exist, found_claims
from tokenward_quart._connection import current, view_of
from tokenward_quart._cookies import add_cookies
from tokenward_quart._decorator import GuardDecorator, ViewDecorator
from tokenward_quart._documents import add_documents
from tokenward_quart._groups import check_kind, guard_group
from tokenward_quart._refusals import register_refusals
from tokenward_quart._schema import document_groups, document_scheme
from tokenward_quart._sockets import close, watch_sockets
from tokenward_quart._watching import AppWatch
from tokenward_quart._wiring import check_app

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
        self._apps = KnownApps()
        self._watch = AppWatch()

    @property
    def current_claims(self) -> ClaimsT:
        """The claims that `required` or `optional` of this object let in.

        Raises:
            RuntimeError: it guards nothing of this request; or its guard is optional, and no token was
                sent: ask `get_claims`.
        """
        return cast("ClaimsT", claims_that_exist(self.get_claims()))

    def get_claims(self) -> ClaimsT | None:
        """Return the claims that this object let in, or None where `optional` found no token.

        Raises:
            RuntimeError: it guards nothing of this request, or there is no request.
        """
        return cast("ClaimsT | None", found_claims(self.authenticator))

    @keyword_arguments_only("auth.guard(group) or auth.guard(group, scopes=[...])")
    def guard(
        self,
        group: Quart | Blueprint,
        *,
        type: TokenType = "access",
        fresh: bool | timedelta = False,
        scopes: Collection[str] = (),
        carriers: Sequence[Carrier] | None = None,
        check: Callable[[ClaimsT], Awaitable[bool] | bool] | None = None,
    ) -> None:
        """Ask for a token before every HTTP and WebSocket route of a blueprint, or of the app.

        ::

            auth.guard(admin, scopes=["admin"])
            app.register_blueprint(admin)

        It covers the blueprints nested in it too, and static files. Quart runs ``before_request``
        functions for HTTP alone, so a decorated one leaves WebSockets open. A handler may ask for
        more with `required`. The documents of `publish_keys` stay open.

        Args:
            group: a blueprint that is not registered yet, or an app.
            type: what the token must be for.
            fresh: True, or how long ago the user proved who they are at most.
            scopes: which the token must all have.
            carriers: where the token may be, in place of what `TokenAuth` was given.
            check: your own question to the claims, plain or async; only True lets through.

        Raises:
            TypeError: `group` is neither a blueprint nor an app.
            ConfigurationError: an argument cannot be meant.
        """
        requirement = Requirement(
            type=type, fresh=fresh, scopes=scopes, carriers=carriers, check=check
        )
        guard_group(group, self._required_guard(requirement))

    async def refresh(
        self, request: Request, *, carriers: Sequence[Carrier] | None = None
    ) -> TokenPair:
        """Trade the refresh token of a request for the next pair; see `TokenEngine.refresh`.

        Args:
            request: the request; ``quart.request`` will do.
            carriers: where the token may be, in place of what `TokenAuth` was given.

        Raises:
            TokenError: it is refused; left to `init_app`, that is the answer.
            ConfigurationError: the app was not given to `init_app`.
            TypeError: `request` is no request.
        """
        check_kind(request, Request, "refresh takes the request: engine.refresh takes a token.")
        self._apps.require(current(current_app))
        return await self.authenticator.refresh(view_of(request), carriers=carriers)

    def check_origin(self, request: Request) -> None:
        """Refuse a request that a page of another origin sent: for your login routes.

        A login has no session yet, so no CSRF token protects it. Call this before you check the
        password. Requests of programs, which name no origin, pass.

        Args:
            request: the request; ``quart.request`` will do.

        Raises:
            OriginNotAllowedError: it comes from a page of another origin; left to `init_app`, that is the
                answer.
            ConfigurationError: there is no `CookieCarrier`.
        """
        self.authenticator.cookies.check_origin(view_of(request))

    def set_cookies(self, response: Response, pair: TokenPair) -> None:
        """Hand a pair to the browser, in the cookies that the `CookieCarrier` describes.

        Raises:
            ConfigurationError: there is no `CookieCarrier`, or a token is too long for a cookie.
        """
        add_cookies(response, self.authenticator.cookies.set_cookies(pair))

    def clear_cookies(self, response: Response) -> None:
        """Have the browser forget all that `set_cookies` set. Revoke the session besides.

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
            websocket: the socket; ``quart.websocket`` will do.
            claims: which let it in.
            check_every: how often the store is asked; an expiry is seen at its time.

        Raises:
            ConfigurationError: `check_every` is not above zero.
        """

        async def close_socket(code: int, reason: str) -> None:
            await close(websocket, code, reason)

        return self.authenticator.while_valid(claims, close_socket, check_every=check_every)

    def publish_keys(self, app: Quart, publisher: KeyPublisher) -> None:
        """Show the public keys, and the metadata of the issuer, at the paths of the publisher.

        Each is for GET and HEAD, needs no token whatever the guards of the app, and stays out of
        quart-schema's document. A service that signs shows its own ring.

        Args:
            app: which serves them at the root of its host.
            publisher: of the ring that the engine holds.

        Raises:
            TypeError: an argument is not what its name says.
        """
        check_kind(
            app, Quart, "publish_keys takes the app first: auth.publish_keys(app, publisher)."
        )
        check_kind(publisher, KeyPublisher, "publish_keys takes a publisher: KeyPublisher(ring).")
        add_documents(app, publisher)

    def init_app(self, app: Quart) -> None:
        """Answer for the whole app, before or after its routes are added, and in a factory.

        A `TokenError` that a handler raises itself (as `engine.refresh` does) is answered like the
        decorator's own, which is a `TokenError` now as well: your handlers of it, of a status or of
        HTTPException are asked first. The scheme is named to quart-schema.

        An app with a mistake in its wiring does not start, and answers nothing: a function that was
        decorated in the wrong order, a WebSocket that is open in a group whose HTTP routes are
        guarded, claims that quart-schema reads from the request, a guard whose `TokenAuth` was not
        given the app.

        Raises:
            TypeError: `app` is no Quart app.
        """
        check_kind(app, Quart, "init_app takes the Quart app; auth.guard guards a blueprint.")
        if app in self._apps:
            return
        self._apps.add(app)
        self._watch.stop()
        is_checked = False

        async def check_once() -> None:
            nonlocal is_checked
            if not is_checked:
                check_app(app)
                self._document(app)
                document_groups(app)
                is_checked = True

        register_refusals(app, self.authenticator.refusal)
        watch_sockets(app)
        app.before_serving(check_once)
        # Not every server tells that it starts, and no test client does.
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
