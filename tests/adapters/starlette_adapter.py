"""An adapter for Starlette, as the author of a fourth adapter would write it; it is not shipped."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from functools import wraps
from typing import Any, TypeAlias, cast

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketState

from tests.support import ShopClaims
from tokenward import TokenError, TokenPair
from tokenward.http import BaseTokenAuth, RequestView, Requirement, send_refusal

Endpoint: TypeAlias = Callable[[Any], Awaitable[Response | None]]
Decorator: TypeAlias = Callable[[Endpoint], Endpoint]


def view_of(connection: Request | WebSocket) -> RequestView:
    """Return the core's view of a request or handshake. Starlette caches the body it reads."""
    return RequestView(connection.scope, getattr(connection, "body", None))


class TokenAuth(BaseTokenAuth[ShopClaims, Decorator, Decorator]):
    """An engine connected to Starlette: a decorator for endpoints, which read `state.claims`."""

    def init_app(self, app: Starlette) -> None:
        """Send the response of a `TokenError` that an endpoint raises."""
        app.add_exception_handler(TokenError, cast("Any", self._refuse))

    async def refresh(self, request: Request, **options: Any) -> TokenPair:
        """Exchange a request's refresh token for a new pair."""
        return await self.authenticator.refresh(view_of(request), **options)

    def check_origin(self, request: Request) -> None:
        """Refuse a request from a page of another origin."""
        self.authenticator.cookies.check_origin(view_of(request))

    def set_cookies(self, response: Response, pair: TokenPair | None) -> None:
        """Store a pair in the browser; None removes it."""
        cookies = self.authenticator.cookies
        for cookie in cookies.clear_cookies() if pair is None else cookies.set_cookies(pair):
            response.headers.append("set-cookie", cookie)
        response.headers["cache-control"] = "no-store"

    def while_valid(self, socket: WebSocket, every: timedelta) -> AbstractAsyncContextManager[None]:
        """Run a block while its token is valid; then close the WebSocket and cancel the block."""
        return self.authenticator.while_valid(socket.state.claims, socket.close, check_every=every)

    def _required_guard(self, requirement: Requirement[ShopClaims]) -> Decorator:
        def decorate(endpoint: Endpoint) -> Endpoint:
            @wraps(endpoint)
            async def guarded(connection: Request | WebSocket) -> Response | None:
                view, authenticator = view_of(connection), self.authenticator
                try:
                    connection.state.claims = await authenticator.authenticate(view, requirement)
                except TokenError as error:
                    return await self._refuse(connection, error, requirement)
                return await endpoint(connection)

            return guarded

        return decorate

    _optional_guard = _required_guard

    async def _refuse(
        self, connection: Any, error: Any, requirement: Requirement[ShopClaims] | None = None
    ) -> Response | None:
        refusal = self.authenticator.refusal(error, requirement)
        if isinstance(connection, Request):
            headers = {"content-type": "application/json", **refusal.headers}
            return Response(refusal.content, refusal.status, headers)
        is_accepted = connection.application_state is WebSocketState.CONNECTED
        await send_refusal(refusal, connection.scope, connection.send, is_accepted=is_accepted)
        return None
