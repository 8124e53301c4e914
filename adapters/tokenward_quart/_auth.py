"""`TokenAuth`: the adapter's one public object."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from functools import wraps
from inspect import iscoroutinefunction
from typing import Generic, TypeVar, cast
from weakref import WeakSet

from quart import Quart, Request, Response, Websocket, current_app

from tokenward import (
    Authenticator,
    Carrier,
    Claims,
    KeyPublisher,
    Requirement,
    TokenError,
    TokenJudge,
    TokenPair,
    TokenType,
)
from tokenward_quart._claims import current_claims, keep_claims
from tokenward_quart._connection import connection, view_of
from tokenward_quart._documents import add_documents, is_document
from tokenward_quart._order import refuse_open_routes
from tokenward_quart._refusals import refuse, register_refusals
from tokenward_quart._schema import document_groups, document_scheme, document_view
from tokenward_quart._sockets import close, watch_sockets

__all__ = ["TokenAuth"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)
ViewT = TypeVar("ViewT", bound=Callable[..., object])


class TokenAuth(Generic[ClaimsT]):
    """One engine, shown to Quart."""

    def __init__(
        self,
        engine: TokenJudge[ClaimsT],
        *,
        carriers: Sequence[Carrier] | None = None,
        realm: str = "api",
        scheme_name: str = "Bearer",
    ) -> None:
        """Join an engine to Quart.

        Args:
            engine: which judges the tokens; or the `Issuers` that know which engine does.
            carriers: where they may be; by default the ``Authorization: Bearer`` header alone.
            realm: named in challenges.
            scheme_name: of quart-schema's security scheme; one app with two engines needs two names.

        Raises:
            ConfigurationError: `carriers` is empty.
        """
        self.authenticator: Authenticator[ClaimsT] = Authenticator(
            engine, carriers=carriers, realm=realm
        )
        self.scheme_name: str = scheme_name
        self.current_claims: ClaimsT = cast("ClaimsT", current_claims)
        self._decorated: WeakSet[Callable[..., object]] = WeakSet()

    def required(
        self,
        *,
        type: TokenType = "access",
        fresh: bool | timedelta = False,
        scopes: Collection[str] = (),
        carriers: Sequence[Carrier] | None = None,
        check: Callable[[ClaimsT], Awaitable[bool] | bool] | None = None,
    ) -> Callable[[ViewT], ViewT]:
        """Give a decorator for handlers, HTTP and WebSocket, and for ``before_request`` functions.

        It stands below ``@app.route``, as Quart asks of every decorator. The claims are at
        `current_claims`. Requests that are refused get the statuses and challenges of RFC 6750; a
        WebSocket is refused before it is accepted.

        Args:
            type: what the token must be for.
            fresh: True, or how long ago the user proved who they are at most.
            scopes: which the token must all have.
            carriers: where the token may be, in place of what `TokenAuth` was given.
            check: your own question to the claims, plain or async; only True lets through.

        Raises:
            ConfigurationError, TypeError: an argument cannot be meant.
        """
        return self._decorator(
            Requirement(type=type, fresh=fresh, scopes=scopes, carriers=carriers, check=check)
        )

    def optional(
        self,
        *,
        type: TokenType = "access",
        fresh: bool | timedelta = False,
        scopes: Collection[str] = (),
        carriers: Sequence[Carrier] | None = None,
        check: Callable[[ClaimsT], Awaitable[bool] | bool] | None = None,
    ) -> Callable[[ViewT], ViewT]:
        """Give a decorator like that of `required`; without a token `current_claims` is false.

        A token that is there and bad is still refused. In quart-schema the route stays open.
        """
        return self._decorator(
            Requirement(
                type=type, fresh=fresh, scopes=scopes, carriers=carriers, check=check, optional=True
            )
        )

    async def refresh(
        self, request: Request, *, carriers: Sequence[Carrier] | None = None
    ) -> TokenPair:
        """Trade the refresh token of a request for the next pair; see `TokenEngine.refresh`.

        Args:
            request: the request; ``quart.request`` will do.
            carriers: where the token may be, in place of what `TokenAuth` was given.

        Raises:
            TokenError: it is refused; left to `init_app`, that is the answer.
        """
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
        _add_cookies(response, self.authenticator.cookies.set_cookies(pair))

    def clear_cookies(self, response: Response) -> None:
        """Have the browser forget all that `set_cookies` set. Revoke the session besides.

        Raises:
            ConfigurationError: there is no `CookieCarrier`.
        """
        _add_cookies(response, self.authenticator.cookies.clear_cookies())

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
        """
        add_documents(app, publisher)

    def init_app(self, app: Quart) -> None:
        """Answer for the whole app, before or after its routes are added, and in a factory.

        A `TokenError` that a handler raises itself (as `engine.refresh` does) is answered like the
        decorator's own, which is a `TokenError` now as well: your handlers of it, of a status or of
        HTTPException are asked first. The scheme is named to quart-schema. An app with a function
        that was decorated in the wrong order, and so is open, does not start, and answers nothing.
        """
        is_checked = False

        async def check_app() -> None:
            nonlocal is_checked
            if not is_checked:
                refuse_open_routes(app, self._decorated)
                self._document(app)
                document_groups(app)
                is_checked = True

        register_refusals(app, self.authenticator.refusal)
        watch_sockets(app)
        app.before_serving(check_app)
        # Not every server tells that it starts, and no test client does.
        app.before_request(check_app)
        app.before_websocket(check_app)
        self._document(app)

    def _decorator(self, requirement: Requirement[ClaimsT]) -> Callable[[ViewT], ViewT]:
        def decorate(view: ViewT) -> ViewT:
            own = view if iscoroutinefunction(view) else None

            @wraps(view)
            async def guarded(*args: object, **kwargs: object) -> object:
                # No local variable holds claims here: Quart's page of tracebacks would show it.
                if not await self._admit(requirement):
                    return None
                # How plain functions are run is the app's to say.
                return await (own or current_app.ensure_async(view))(*args, **kwargs)

            self._decorated.add(view)
            if not requirement.optional:
                document_view(guarded, self.scheme_name, tuple(requirement.scopes))
            return cast("ViewT", guarded)

        return decorate

    async def _admit(self, requirement: Requirement[ClaimsT]) -> bool:
        """Keep the claims of what is being handled; False where nobody has to show any."""
        found = connection()
        # Such a view is never decorated: this runs before it, for the app or a group.
        if is_document(found):
            return False
        try:
            claims = await self.authenticator.authenticate(view_of(found), requirement)
        except TokenError as error:
            raised = await refuse(found, error, self.authenticator.refusal(error))
            if raised is error:
                raise
            raise raised from error
        keep_claims(found, claims)
        return True

    def _document(self, app: Quart) -> None:
        scheme = self.authenticator.carriers[0].security_scheme
        document_scheme(app, self.scheme_name, scheme)


def _add_cookies(response: Response, cookies: tuple[str, ...]) -> None:
    for cookie in cookies:
        response.headers.add("Set-Cookie", cookie)
    response.headers["Cache-Control"] = "no-store"
