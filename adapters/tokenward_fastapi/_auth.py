"""`TokenAuth`: the adapter's one public object."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import timedelta
from typing import Generic, TypeVar

from fastapi import FastAPI

from tokenward import Authenticator, Carrier, Claims, Requirement, TokenEngine, TokenType
from tokenward_fastapi._dependency import OptionalClaims, RequiredClaims
from tokenward_fastapi._openapi import document_refusals
from tokenward_fastapi._refusals import register_refusals

__all__ = ["TokenAuth"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)


class TokenAuth(Generic[ClaimsT]):
    """One engine, shown to FastAPI."""

    def __init__(
        self,
        engine: TokenEngine[ClaimsT],
        *,
        carriers: Sequence[Carrier] | None = None,
        realm: str = "api",
        scheme_name: str = "Bearer",
    ) -> None:
        """Join an engine to FastAPI.

        Args:
            engine: which judges the tokens.
            carriers: where they may be; by default the ``Authorization: Bearer`` header alone.
            realm: named in challenges.
            scheme_name: of the OpenAPI security scheme; one app with two engines needs two names.

        Raises:
            ConfigurationError: `carriers` is empty.
        """
        self.authenticator: Authenticator[ClaimsT] = Authenticator(
            engine, carriers=carriers, realm=realm
        )
        self.scheme_name: str = scheme_name

    def required(
        self,
        *,
        type: TokenType = "access",
        fresh: bool | timedelta = False,
        scopes: Collection[str] = (),
        carriers: Sequence[Carrier] | None = None,
        check: Callable[[ClaimsT], Awaitable[bool] | bool] | None = None,
    ) -> Callable[..., Awaitable[ClaimsT]]:
        """Give a dependency whose value is the claims, for ``Depends`` and ``Security``.

        It works on HTTP and WebSocket routes, on routers and on the app. Scopes of
        ``Security(..., scopes=[...])`` are asked for besides `scopes`. Requests that are refused get
        the statuses and challenges of RFC 6750; a WebSocket is refused before it is accepted.

        Args:
            type: what the token must be for.
            fresh: True, or how long ago the user proved who they are at most.
            scopes: which the token must all have.
            carriers: where the token may be, in place of what `TokenAuth` was given.
            check: your own question to the claims, plain or async; only True lets through.

        Raises:
            ConfigurationError, TypeError: an argument cannot be meant.
        """
        requirement = Requirement(
            type=type, fresh=fresh, scopes=scopes, carriers=carriers, check=check
        )
        return RequiredClaims(self.authenticator, requirement, self.scheme_name)

    def optional(
        self,
        *,
        type: TokenType = "access",
        fresh: bool | timedelta = False,
        scopes: Collection[str] = (),
        carriers: Sequence[Carrier] | None = None,
        check: Callable[[ClaimsT], Awaitable[bool] | bool] | None = None,
    ) -> Callable[..., Awaitable[ClaimsT | None]]:
        """Give a dependency like that of `required`, whose value is None where no token was sent.

        A token that is there and bad is still refused. In OpenAPI the route stays open.
        """
        requirement = Requirement(
            type=type, fresh=fresh, scopes=scopes, carriers=carriers, check=check, optional=True
        )
        return OptionalClaims(self.authenticator, requirement)

    def init_app(self, app: FastAPI) -> None:
        """Answer in full, and document it.

        Bodies become ``{"detail": ..., "code": ...}``, a `TokenError` that a handler raises itself
        (as `engine.refresh` does) is answered like the dependency's own, WebSockets are refused
        with an HTTP response where the server can, and the OpenAPI document gains the 401 and 403
        of every protected route. Without this, the dependency answers through FastAPI's own
        HTTPException: the same statuses and challenges, and no ``code``.
        """
        register_refusals(app, self.authenticator.refusal)
        document_refusals(app, self.scheme_name)
