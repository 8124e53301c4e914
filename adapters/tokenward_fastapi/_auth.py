"""`TokenAuth`: the adapter's one public object."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import TypeVar

from fastapi import FastAPI, Request, Response, WebSocket

from tokenward import Claims, ConfigurationError, KeyPublisher, TokenPair
from tokenward.http import BaseTokenAuth, Carrier, Requirement
from tokenward_fastapi._dependency import FoundClaims, RequiredClaims, view_of
from tokenward_fastapi._documents import add_documents
from tokenward_fastapi._openapi import document_refusals
from tokenward_fastapi._refusals import as_refusals, close_websocket, register_refusals
from tokenward_fastapi._wiring import check_wiring

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
        """Trade the refresh token of a request for the next pair; see `TokenEngine.refresh`.

        Args:
            request: the request.
            carriers: where the token may be, in place of what `TokenAuth` was given.

        Raises:
            TokenError: it is refused. If the handler does not catch it, that is the answer.
        """
        with as_refusals(request, self.authenticator.refusal):
            return await self.authenticator.refresh(view_of(request), carriers=carriers)

    def check_origin(self, request: Request) -> None:
        """Refuse a request that a page of another origin sent: for your login routes.

        A login has no session yet, so no CSRF token protects it. Call this before you check the
        password. Requests of programs, which name no origin, pass.

        Args:
            request: the request.

        Raises:
            OriginNotAllowedError: it comes from a page of another origin. If the handler does not
                catch it, that is the answer.
            ConfigurationError: there is no `CookieCarrier`.
        """
        with as_refusals(request, self.authenticator.refusal):
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
            websocket: that was accepted.
            claims: which let it in.
            check_every: how often the store is asked; an expiry is seen at its time.

        Raises:
            ConfigurationError: `check_every` is not above zero.
        """

        async def close(code: int, reason: str) -> None:
            await close_websocket(websocket, code, reason)

        return self.authenticator.while_valid(claims, close, check_every=check_every)

    def publish_keys(self, app: FastAPI, publisher: KeyPublisher) -> None:
        """Show the public keys, and the metadata of the issuer, at the paths of the publisher.

        Each is for GET and HEAD, needs no token whatever the dependencies of the app, and stays out of
        the OpenAPI document. A service that signs shows its own ring.

        Args:
            app: which serves them at the root of its host.
            publisher: of the ring that the engine holds.
        """
        add_documents(app, publisher)

    def init_app(self, app: FastAPI) -> None:
        """Answer in full, and document it.

        Bodies become ``{"detail": ..., "code": ...}``, a `TokenError` that a handler raises itself
        (as `engine.refresh` does) is answered like the dependency's own, WebSockets are refused
        with an HTTP response where the server can, and the OpenAPI document gains the 401 and 403
        of every protected route. Without this, the dependency, `refresh` and `check_origin` answer
        through FastAPI's own HTTPException: the same statuses and challenges, and no ``code``; and a
        `TokenError` that a handler raises itself is an error of the server.

        The app does not start, and answers no request, where claims would come from a request
        without a token: a parameter whose type is a `Claims` model or holds one, such a model as a
        dependency, and a parameter whose model is not that of the engine.

        Args:
            app: before it has started. Routes may be added before and after this call.

        Raises:
            ConfigurationError: `app` is no FastAPI app, or has already started.
        """
        if not isinstance(app, FastAPI):
            msg = "init_app takes the FastAPI app: call auth.init_app(app)."
            raise ConfigurationError(msg)
        check_wiring(app)
        register_refusals(app, self.authenticator.refusal)
        document_refusals(app, self.scheme_name)

    def _required_guard(
        self, requirement: Requirement[ClaimsT]
    ) -> Callable[..., Awaitable[ClaimsT]]:
        return RequiredClaims[ClaimsT](self.authenticator, requirement, self.scheme_name)

    def _optional_guard(
        self, requirement: Requirement[ClaimsT]
    ) -> Callable[..., Awaitable[ClaimsT | None]]:
        return FoundClaims[ClaimsT | None](self.authenticator, requirement)


def _add_cookies(response: Response, cookies: tuple[str, ...]) -> None:
    for cookie in cookies:
        response.headers.append("Set-Cookie", cookie)
    response.headers["Cache-Control"] = "no-store"
