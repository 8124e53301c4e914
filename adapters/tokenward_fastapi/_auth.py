"""`TokenAuth`: the public class of this adapter."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any, TypeVar

from fastapi import FastAPI, Request, Response, WebSocket

from tokenward import Claims, ConfigurationError, KeyPublisher, TokenPair
from tokenward.http import BaseTokenAuth, Carrier, Requirement
from tokenward.tokens import ProvenKey
from tokenward_fastapi._cookies import add_cookies
from tokenward_fastapi._dependency import ClaimsDependency, view_of
from tokenward_fastapi._endpoints import EndpointMethod
from tokenward_fastapi._lifespan import LifespanMethod
from tokenward_fastapi._openapi import document_guards, documented_operation, documented_responses
from tokenward_fastapi._published_documents import add_document_routes
from tokenward_fastapi._refusals import as_refusals, close_websocket, register_refusals
from tokenward_fastapi._startup_checks import add_startup_checks

__all__ = ["TokenAuth"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)


class TokenAuth(
    LifespanMethod[ClaimsT],
    EndpointMethod,
    BaseTokenAuth[
        ClaimsT, Callable[..., Awaitable[ClaimsT]], Callable[..., Awaitable[ClaimsT | None]]
    ],
):
    """An engine connected to FastAPI.

    `required` and `optional` return a dependency for ``Depends`` and ``Security``, whose value is
    the claims. It works on routes, on routers and on the app. Two dependencies with the same
    requirement are equal, so a test can name one: ``app.dependency_overrides[auth.required()]``.
    """

    @property
    def responses(self) -> dict[int | str, dict[str, Any]]:
        """The responses to refused requests, for the document of a route that raises a `TokenError`.

        Routes with `required` or `optional` have them already. For a login::

            @app.post("/session", responses=auth.responses)
        """
        return documented_responses()

    def refresh_operation(self, *, carriers: Sequence[Carrier] | None = None) -> dict[str, Any]:
        """Return the description of a route that calls `refresh`, for its OpenAPI document.

        The document then names the places of the refresh token, the header of the CSRF token, and
        the refusals::

            @app.post("/refresh", openapi_extra=auth.refresh_operation())

        Args:
            carriers: as for `refresh`.

        Raises:
            ConfigurationError: `carriers` is invalid.
        """
        return documented_operation(self._documented_refresh(carriers))

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
            request: the request.
            carriers: where the token is looked for, instead of the carriers of this `TokenAuth`.
            check: your own check, sync or async, called with the claims of the refresh token
                before it is consumed. Any result but True refuses the request.
            fresh: whether the user has just logged in again, which `check` verifies.
            acr: the level of this login.

        Raises:
            TokenError: the token is refused. If the handler does not catch the error, the app sends
                its response.
            ConfigurationError: `check` is not a function of the claims.
        """
        with as_refusals(request, self.authenticator.refusal):
            return await self.authenticator.refresh(
                view_of(request), carriers=carriers, check=check, fresh=fresh, acr=acr
            )

    async def proven_key(self, request: Request) -> ProvenKey | None:
        """Return the key that a login proves (RFC 9449 §5, RFC 8705 §3); see `Authenticator.proven_key`.

        Raises:
            TokenError: the proof is refused. If the handler does not catch it, the app answers it.
            ConfigurationError: this `TokenAuth` has neither `dpop` nor `mtls`.
        """
        with as_refusals(request, self.authenticator.refusal):
            return await self.authenticator.proven_key(view_of(request))

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
            check_every: the interval between revocation checks. An expiry takes effect on
                time and does not wait for a check.

        Raises:
            ConfigurationError: `check_every` is not a timedelta above zero.
        """

        async def close(code: int, reason: str) -> None:
            await close_websocket(websocket, code, reason)

        return self.authenticator.while_valid(claims, close, check_every=check_every)

    def publish_keys(self, app: FastAPI, publisher: KeyPublisher) -> None:
        """Serve the public keys, and the issuer's metadata, at the paths of the publisher.

        The routes answer GET, HEAD and OPTIONS and are not in the OpenAPI document. The app's
        dependencies do not guard them, and pages of every origin may read them.

        Args:
            app: the app, mounted at the root of its host.
            publisher: the publisher of the engine's ring.
        """
        add_document_routes(app, publisher)

    def publish_resource(self, app: FastAPI) -> None:
        """Serve the metadata of this `TokenAuth`'s `resource` (RFC 9728), as `publish_keys` does.

        Args:
            app: the app, mounted at the root of its host.

        Raises:
            ConfigurationError: this `TokenAuth` has no `resource`.
        """
        add_document_routes(app, self._published_resource)

    def init_app(self, app: FastAPI) -> None:
        """Send complete responses to refused requests, document them, and check the app.

        Response bodies become ``{"detail": ..., "code": ...}``. A `TokenError` that a handler raises
        itself, for example through `engine.refresh`, gets the same response. WebSockets are refused
        with an HTTP response if the server supports it. The OpenAPI document lists the 400, 401, 403
        and 503 responses of every route with a dependency.

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
        document_guards(app, self._schemes)

    def _required_guard(
        self, requirement: Requirement[ClaimsT]
    ) -> Callable[..., Awaitable[ClaimsT]]:
        return ClaimsDependency[ClaimsT](self.authenticator, requirement, self._schemes)

    def _optional_guard(
        self, requirement: Requirement[ClaimsT]
    ) -> Callable[..., Awaitable[ClaimsT | None]]:
        return ClaimsDependency[ClaimsT | None](self.authenticator, requirement, self._schemes)
