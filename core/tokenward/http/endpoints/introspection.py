"""Token introspection (RFC 7662): other services ask about access tokens of this one."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from pydantic import JsonValue

from tokenward._arguments import check_callable
from tokenward.claims.model import Claims
from tokenward.engine.token_engine import TokenEngine
from tokenward.errors import InvalidTokenError
from tokenward.hooks import maybe_await
from tokenward.http.endpoints.caller_endpoint import CallerEndpoint, payload_of
from tokenward.http.endpoints.callers import AuthenticateCaller

__all__ = ["IntrospectionEndpoint"]

_INACTIVE: Final[Mapping[str, JsonValue]] = {"active": False}


class IntrospectionEndpoint(CallerEndpoint):
    """Answers whether an access token is valid, and with which claims (RFC 7662).

    ::

        endpoint = IntrospectionEndpoint(engine, ClientSecrets({"orders-api": secret}))
        auth.add_endpoint(app, "/introspect", endpoint)

    A token that `TokenEngine.decode` accepts is active, and the answer has its claims. Every other
    text is ``{"active": false}``, whatever the reason: also a refresh token, which no service but
    this one may accept.
    """

    def __init__(
        self,
        engine: TokenEngine[Any],
        authenticate: AuthenticateCaller,
        *,
        check: Callable[[str, Claims], Awaitable[bool] | bool] | None = None,
    ) -> None:
        """Connect the engine that issues the tokens.

        Args:
            engine: the engine. Its policy must accept the audiences of all callers.
            authenticate: returns the name of the caller of a request, or None; plain or async, such
                as `ClientSecrets`. It may raise a `TokenError`, for callers with a bearer token.
            check: whether a caller may see the claims of a token (RFC 7662 §4), plain or async. For
                any result but True, the token is not active for this caller.

        Raises:
            ConfigurationError: the engine issues no tokens, or a function has other arguments.
        """
        super().__init__(engine, authenticate)
        if check is not None:
            check_callable(check, "check", "check=lambda caller, claims: ...", takes=2)
        self._check = check

    async def _answer(self, token: bytes, caller: str) -> Mapping[str, JsonValue]:
        try:
            claims = await self._engine.decode(token)
        except InvalidTokenError:
            return _INACTIVE
        if self._check is not None and await maybe_await(self._check(caller, claims)) is not True:
            return _INACTIVE
        members = payload_of(token)
        # For the browser of the user only.
        members.pop("csrf", None)
        is_bound = claims.cnf is not None and claims.cnf.jkt is not None
        # RFC 9449 §6.2
        return {**members, "active": True, "token_type": "DPoP" if is_bound else "Bearer"}
