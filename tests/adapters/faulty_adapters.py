"""Adapters with one fault each, which the contract must find.

They are subclasses of the adapter for Starlette. Each names a test of the contract that fails.
"""

from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket

from tests.adapters.starlette_adapter import Decorator, TokenAuth
from tests.support import ShopClaims
from tokenward import TokenPair
from tokenward.http import RequestView, Requirement

__all__ = ["FAULTS"]


class WeakerRequirement(TokenAuth):
    """Changes the requirement of every route."""

    changes: ClassVar[dict[str, Any]]

    def _required_guard(self, requirement: Requirement[ShopClaims]) -> Decorator:
        return super()._required_guard(replace(requirement, **self.changes))

    _optional_guard = _required_guard


class ForgetsScopes(WeakerRequirement):
    """Ignores `scopes`."""

    changes: ClassVar[dict[str, Any]] = {"scopes": ()}
    found_by = "test_route[scope, none]"


class ForgetsAnyScope(WeakerRequirement):
    """Ignores `any_scope`."""

    changes: ClassVar[dict[str, Any]] = {"any_scope": None}
    found_by = "test_route[any scope, none]"


class ForgetsFresh(WeakerRequirement):
    """Ignores `fresh`."""

    changes: ClassVar[dict[str, Any]] = {"fresh": False}
    found_by = "test_route[fresh, stale]"


class ForgetsType(WeakerRequirement):
    """Accepts access tokens where refresh tokens are required."""

    changes: ClassVar[dict[str, Any]] = {"type": "access"}
    found_by = "test_route[refresh route, access]"


class ForgetsCheck(WeakerRequirement):
    """Ignores `check`."""

    changes: ClassVar[dict[str, Any]] = {"check": None}
    found_by = "test_route[checked, says-false]"


class OptionalAll(WeakerRequirement):
    """Lets requests without a token pass."""

    changes: ClassVar[dict[str, Any]] = {"optional": True}
    found_by = "test_token[no header]"


class OtherView(TokenAuth):
    """Shows the core another request than the one that was sent."""

    def _required_guard(self, requirement: Requirement[ShopClaims]) -> Decorator:
        decorate = super()._required_guard(requirement)

        def decorate_with_view(endpoint: Any) -> Any:
            async def guarded(connection: Any) -> Any:
                kept = dict(connection.scope)
                self.change(connection.scope)
                guarded_endpoint = decorate(endpoint)
                try:
                    return await guarded_endpoint(connection)
                finally:
                    connection.scope.update(kept)

            return guarded

        return decorate_with_view

    _optional_guard = _required_guard

    def change(self, scope: Any) -> None:
        """Change the scope that the core reads."""
        raise NotImplementedError


class ForgetsCsrf(OtherView):
    """Lets the core take every request for a safe one."""

    found_by = "test_cookie[CSRF, absent]"

    def change(self, scope: Any) -> None:
        if scope["type"] == "http":
            scope["method"] = "GET"


class JoinsHeaders(OtherView):
    """Keeps one header of each name, as a dict does."""

    found_by = "test_token[two tokens]"

    def change(self, scope: Any) -> None:
        scope["headers"] = list(dict(scope["headers"]).items())


class ForgetsOrigin(OtherView):
    """Does not show the core who opens a WebSocket."""

    found_by = "test_cookie_socket_denied[cookie, foreign page]"

    def change(self, scope: Any) -> None:
        if scope["type"] == "websocket":
            scope["headers"] = [*scope["headers"], (b"sec-fetch-site", b"same-origin")]


class OtherRefusal(TokenAuth):
    """Sends another refusal than the core's."""

    async def _refuse(self, connection: Any, error: Any, requirement: Any = None) -> Any:
        response = await super()._refuse(connection, error, requirement)
        return response if response is None else self.changed(connection, response)

    def changed(self, connection: Any, response: Response) -> Response:
        """Return the response to send."""
        raise NotImplementedError


class SwallowsChallenge(OtherRefusal):
    """Sends no challenge."""

    found_by = "test_token[two tokens]"

    def changed(self, connection: Any, response: Response) -> Response:
        if "www-authenticate" in response.headers:
            del response.headers["www-authenticate"]
        return response


class ForgetsRequirement(TokenAuth):
    """Does not tell the core what the route requires when it asks for a refusal."""

    found_by = "test_a_challenge_leads_to_the_document[/orders, no token]"

    async def _refuse(self, connection: Any, error: Any, requirement: Any = None) -> Any:
        return await super()._refuse(connection, error)


class RefusesAlike(OtherRefusal):
    """Sends 401 for everything."""

    found_by = "test_token[store outage]"

    def changed(self, connection: Any, response: Response) -> Response:
        response.status_code = 401
        return response


class EchoesToken(OtherRefusal):
    """Repeats the request in a header of the refusal."""

    found_by = "test_token[two tokens]"

    def changed(self, connection: Any, response: Response) -> Response:
        response.headers["x-request"] = connection.headers.get("authorization", "")
        return response


class RemembersClaims(TokenAuth):
    """Decodes a token once and for all."""

    found_by = "test_revoked_while_in_use"

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.remembered: dict[str, Any] = {}

    def _required_guard(self, requirement: Requirement[ShopClaims]) -> Decorator:
        def decorate(endpoint: Any) -> Any:
            async def remember(connection: Any) -> Any:
                token = connection.headers.get("authorization", "")
                self.remembered[token] = connection.state.claims
                return await endpoint(connection)

            guarded = super(RemembersClaims, self)._required_guard(requirement)(remember)

            async def recall(connection: Any) -> Any:
                token = connection.headers.get("authorization", "")
                if token not in self.remembered:
                    return await guarded(connection)
                connection.state.claims = self.remembered[token]
                return await endpoint(connection)

            return recall

        return decorate

    _optional_guard = _required_guard


class SharesState(OtherView):
    """Stores the claims of all requests in one place."""

    found_by = "test_concurrent_requests"
    shared: ClassVar[dict[str, Any]] = {}

    def change(self, scope: Any) -> None:
        scope["state"] = self.shared


class AcceptsFirst(TokenAuth):
    """Accepts a WebSocket before it checks the token."""

    found_by = "test_socket_denied[none]"

    async def _refuse(self, connection: Any, error: Any, requirement: Any = None) -> Any:
        if isinstance(connection, WebSocket):
            await connection.accept()
        return await super()._refuse(connection, error, requirement)


class ForgetsErrorsOfHandlers(TokenAuth):
    """Does not handle the errors that an endpoint raises."""

    found_by = "test_route[handler, access]"

    def init_app(self, app: Starlette) -> None:
        pass


class ForgetsLogins(TokenAuth):
    """Lets pages of every origin log in."""

    found_by = "test_cookie[login, foreign page]"

    def check_origin(self, request: Request) -> None:
        pass


class RefreshesWithoutProof(TokenAuth):
    """Exchanges a refresh token without the CSRF token."""

    found_by = "test_cookie[refresh, no CSRF]"

    async def refresh(self, request: Request, **options: Any) -> TokenPair:
        name = b"__Secure-refresh_token"
        (token,) = RequestView(request.scope).cookie_values(name)
        return await self.authenticator.engine.refresh(token, **options)


class JoinsCookies(TokenAuth):
    """Sets all cookies in one header."""

    found_by = "test_login_sets_cookies"

    def set_cookies(self, response: Response, pair: TokenPair | None) -> None:
        super().set_cookies(response, pair)
        response.headers["set-cookie"] = ", ".join(response.headers.getlist("set-cookie"))


class LetsCachesStore(TokenAuth):
    """Does not forbid to cache tokens."""

    found_by = "test_login_sets_cookies"

    def set_cookies(self, response: Response, pair: TokenPair | None) -> None:
        super().set_cookies(response, pair)
        del response.headers["cache-control"]


class ClosesWithoutReason(TokenAuth):
    """Closes a WebSocket whose token has ended as if nothing were wrong."""

    found_by = "test_a_live_socket_is_closed[token_revoked]"

    def while_valid(self, socket: WebSocket, every: timedelta) -> AbstractAsyncContextManager[None]:
        async def close(code: int, reason: str) -> None:
            await socket.close()

        return self.authenticator.while_valid(socket.state.claims, close, check_every=every)


FAULTS: list[Any] = [
    ForgetsScopes,
    ForgetsAnyScope,
    ForgetsFresh,
    ForgetsType,
    ForgetsCheck,
    OptionalAll,
    ForgetsCsrf,
    JoinsHeaders,
    ForgetsOrigin,
    SwallowsChallenge,
    ForgetsRequirement,
    RefusesAlike,
    EchoesToken,
    RemembersClaims,
    SharesState,
    AcceptsFirst,
    ForgetsErrorsOfHandlers,
    ForgetsLogins,
    RefreshesWithoutProof,
    JoinsCookies,
    LetsCachesStore,
    ClosesWithoutReason,
]
