"""`TokenAuth`: the public class of this adapter."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import TypeVar

from fastapi import FastAPI, Request, Response, WebSocket

from tokenward import Claims, ConfigurationError, KeyPublisher, TokenPair
from tokenward.http import BaseTokenAuth, Carrier, Requirement
from tokenward_fastapi._cookies import add_cookies
from tokenward_fastapi._dependency import ClaimsDependency, RequiredClaimsDependency, view_of
from tokenward_fastapi._openapi import document_refusals
from tokenward_fastapi._published_keys import add_key_routes
from tokenward_fastapi._refusals import as_refusals, close_websocket, register_refusals
from tokenward_fastapi._startup_checks import add_startup_checks

__all__ = ["TokenAuth"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)


class TokenAuth(
    BaseTokenAuth[
        ClaimsT, Callable[..., Awaitable[ClaimsT]], Callable[..., Awaitable[ClaimsT | None]]
    ]
):
    """An engine connected to FastAPI.

    `required` and `optional` return a dependency for ``Depends`` and ``Security``, whose value is
    the claims. It works on routes, on routers and on the app.
    """

    async def refresh(
        self, request: Request, *, carriers: Sequence[Carrier] | None = None
    ) -> TokenPair:
        """Exchange a request's refresh token for a new pair; see `TokenEngine.refresh`.

        Args:
            request: the request.
            carriers: where the token is looked for, instead of the carriers of this `TokenAuth`.

        Raises:
            TokenError: the token is refused. If the handler does not catch the error, the app sends
                its response.
        """
        with as_refusals(request, self.authenticator.refusal):
            return await self.authenticator.refresh(view_of(request), carriers=carriers)

    def check_origin(self, request: Request) -> None:
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
        with as_refusals(request, self.authenticator.refusal):
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
        websocket: WebSocket,
        claims: ClaimsT,
        *,
        check_every: timedelta = timedelta(seconds=5),
    ) -> AbstractAsyncContextManager[None]:
        """Run a block while a token is valid; then close the WebSocket and cancel the block.

        ::

            async with auth.while_valid(websocket, claims):
                async for text in websocket.iter_text(): ...

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

    def publish_keys(self, app: FastAPI, publisher: KeyPublisher) -> None:
        """Serve the public keys, and the issuer's metadata, at the paths of the publisher.

        The routes answer GET and HEAD, need no token whatever the dependencies of the app, and are
        not in the OpenAPI document.

        Args:
            app: the app, mounted at the root of its host.
            publisher: the publisher of the engine's ring.
        """
        add_key_routes(app, publisher)

    def init_app(self, app: FastAPI) -> None:
        """Send complete responses to refused requests, document them, and check the app.

        Response bodies become ``{"detail": ..., "code": ...}``. A `TokenError` that a handler raises
        itself, for example through `engine.refresh`, gets the same response. WebSockets are refused
        with an HTTP response if the server supports it. The OpenAPI document lists the 401 and 403
        responses of every protected route.

        Without this call, the dependency, `refresh` and `check_origin` raise FastAPI's
        HTTPException: the same statuses and challenges, but no ``code``. A `TokenError` that a
        handler raises itself is then a server error.

        The app does not start, and refuses every request, if a request could supply claims without
        a token: through a parameter whose type is a `Claims` model or contains one, a `Claims` model
        used as a dependency, or a parameter with a model that the engine does not return.

        Args:
            app: the app, before it has started. You may add routes before and after this call.

        Raises:
            ConfigurationError: `app` is not a FastAPI app, or has already started.
        """
        if not isinstance(app, FastAPI):
            msg = f"init_app needs the FastAPI app, not {type(app).__name__}: call auth.init_app(app)."
            raise ConfigurationError(msg)

        add_startup_checks(app)
        register_refusals(app, self.authenticator.refusal)
        document_refusals(app, self.scheme_name)

    def _required_guard(
        self, requirement: Requirement[ClaimsT]
    ) -> Callable[..., Awaitable[ClaimsT]]:
        return RequiredClaimsDependency[ClaimsT](self.authenticator, requirement, self.scheme_name)

    def _optional_guard(
        self, requirement: Requirement[ClaimsT]
    ) -> Callable[..., Awaitable[ClaimsT | None]]:
        return ClaimsDependency[ClaimsT | None](self.authenticator, requirement)
