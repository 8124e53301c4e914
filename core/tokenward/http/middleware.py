"""A middleware that requires a token, for every framework that speaks ASGI."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Generic, TypeAlias, TypeVar

from tokenward._arguments import kind_of
from tokenward.claims.model import Claims
from tokenward.errors import ConfigurationError, TokenError
from tokenward.http.asgi import Message, send_refusal
from tokenward.http.authenticator import Authenticator
from tokenward.http.request import RequestView, Scope
from tokenward.http.requirement import Requirement

__all__ = ["TokenMiddleware"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)
_Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send: TypeAlias = Callable[[Message], Awaitable[None]]


class TokenMiddleware(Generic[ClaimsT]):
    """Requires a token of every request and WebSocket of an ASGI app.

    The claims are in ``scope["state"]["claims"]``: Starlette's ``request.state.claims``. There is no
    list of excluded paths, because a server, a proxy and a router can read one path differently. Wrap
    only the part of the app that needs a token.
    """

    def __init__(
        self,
        app: Callable[[Scope, _Receive, _Send], Awaitable[None]],
        authenticator: Authenticator[ClaimsT],
        requirement: Requirement[ClaimsT] | None = None,
    ) -> None:
        """Protect an app.

        Args:
            app: the ASGI app.
            authenticator: authenticates the connections.
            requirement: what the app requires; by default a valid access token.

        Raises:
            ConfigurationError: an argument is invalid.
        """
        if isinstance(app, type) or not callable(app):
            msg = f"app must be an ASGI app, not {kind_of(app)}."
            raise ConfigurationError(msg)
        if not isinstance(authenticator, Authenticator):
            msg = (
                f"authenticator must be an Authenticator, not {kind_of(authenticator)}: "
                "pass Authenticator(engine)."
            )
            raise ConfigurationError(msg)
        if requirement is not None and not isinstance(requirement, Requirement):
            msg = (
                f"requirement must be a Requirement, not {kind_of(requirement)}: "
                "pass Requirement(scopes=['orders:read'])."
            )
            raise ConfigurationError(msg)

        self._app = app
        self._authenticator = authenticator
        self._requirement: Requirement[ClaimsT] = (
            Requirement() if requirement is None else requirement
        )
        authenticator.check_requirement(self._requirement)

    async def __call__(self, scope: Scope, receive: _Receive, send: _Send) -> None:
        """Authenticate a connection and call the app, or send the refusal.

        Not checked: errors of the app, also a `TokenError`; and a CSRF token in a form, because the
        body is for the app: browsers send it in the header.

        Raises:
            ConfigurationError: the scope is neither a request, a WebSocket nor the lifespan.
        """
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] not in ("http", "websocket"):
            msg = (
                "TokenMiddleware protects requests and WebSockets, and lets only the lifespan pass."
            )
            raise ConfigurationError(msg)

        try:
            claims = await self._authenticator.authenticate(RequestView(scope), self._requirement)
        except TokenError as error:
            refusal = self._authenticator.refusal(error, self._requirement)
            await send_refusal(refusal, scope, send)
            return

        # A new mapping: a server or another middleware may use its own for several requests.
        state = {**(scope.get("state") or {}), "claims": claims}
        await self._app({**scope, "state": state}, receive, send)
