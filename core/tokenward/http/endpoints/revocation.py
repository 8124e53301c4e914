"""Token revocation (RFC 7009): clients log out by their tokens."""

from collections.abc import Mapping
from typing import Any

from pydantic import JsonValue

from tokenward._arguments import refuse
from tokenward.engine.token_engine import TokenEngine
from tokenward.errors import InvalidTokenError
from tokenward.http.endpoints.caller_endpoint import CallerEndpoint, payload_of
from tokenward.http.endpoints.callers import AuthenticateCaller

__all__ = ["RevocationEndpoint"]


class RevocationEndpoint(CallerEndpoint):
    """Revokes tokens for the clients that hold them (RFC 7009).

    ::

        auth.add_endpoint(app, "/revoke", RevocationEndpoint(engine, authenticate))

    An access token is revoked alone, a refresh token with its session: with all its tokens. Every
    other text gets the same response, so it says nothing about a token.
    """

    def __init__(self, engine: TokenEngine[Any], authenticate: AuthenticateCaller) -> None:
        """Connect the engine that issues the tokens.

        Args:
            engine: the engine.
            authenticate: see `IntrospectionEndpoint`. Clients that everybody can install have no
                secret: for them, return a name for every request.

        Raises:
            ConfigurationError: the engine issues no tokens or has no store, or `authenticate` is not
                a function of the request.

        Not checked: to which client the token was issued. Whoever holds a token may revoke it.
        """
        super().__init__(engine, authenticate)
        if engine.store is None:
            refuse("The engine needs a store to revoke tokens: TokenEngine(..., store=...).")

    async def _answer(self, token: bytes, caller: str) -> Mapping[str, JsonValue]:  # noqa: ARG002
        try:
            await self._engine.revoke(token)
        except InvalidTokenError:
            # RFC 7009 §2.2: the client cannot do anything about an invalid token.
            return {}
        members = payload_of(token)
        if members.get("type") == "refresh":
            # A refresh token without a sid begins a session that is named by its jti.
            await self._engine.revoke_session(str(members.get("sid") or members["jti"]))
        return {}
