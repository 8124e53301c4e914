"""The part of `TokenAuth` that is the same in every framework."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import timedelta
from typing import Annotated, Generic, TypeVar

from tokenward.claims.model import Claims, TokenType
from tokenward.engine.verifier import TokenVerifier
from tokenward.http.authenticator import Authenticator
from tokenward.http.carriers import Carrier
from tokenward.http.misuse import MUST_BE_CALLED, keyword_arguments_only
from tokenward.http.requirement import Requirement

__all__ = ["BaseTokenAuth"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)
RequiredT = TypeVar("RequiredT")
OptionalT = TypeVar("OptionalT")


class BaseTokenAuth(ABC, Generic[ClaimsT, RequiredT, OptionalT]):
    """Connects an engine to a web framework; each adapter's `TokenAuth` is a subclass.

    The type parameters are the claims model, and what `required` and `optional` return.
    """

    def __init__(
        self,
        engine: TokenVerifier[ClaimsT],
        *,
        carriers: Sequence[Carrier] | None = None,
        realm: str = "api",
        scheme_name: str = "Bearer",
    ) -> None:
        """Connect an engine to the framework.

        Args:
            engine: verifies the tokens: a `TokenEngine`, or `Issuers` for several issuers.
            carriers: where requests carry tokens; by default only the ``Authorization: Bearer``
                header.
            realm: the realm that challenges name (RFC 9110 §11.5).
            scheme_name: the name of the security scheme in the OpenAPI document. Two `TokenAuth`
                of one app need different names.

        Raises:
            ConfigurationError: an argument is invalid, for example `carriers` is empty.
        """
        self.authenticator: Authenticator[ClaimsT] = Authenticator(
            engine, carriers=carriers, realm=realm
        )
        self.scheme_name: str = scheme_name

    @keyword_arguments_only("auth.required(), with parentheses")
    def required(
        self,
        *,
        type: Annotated[TokenType, MUST_BE_CALLED] = "access",
        fresh: bool | timedelta = False,
        scopes: Collection[str] = (),
        any_scope: Collection[str] | None = None,
        carriers: Sequence[Carrier] | None = None,
        check: Callable[[ClaimsT], Awaitable[bool] | bool] | None = None,
    ) -> RequiredT:
        """Return the guard for HTTP and WebSocket routes that need a token.

        A refused request gets the status and the challenge of RFC 6750. A WebSocket is refused
        before it is accepted.

        Args:
            type: the token type that the route accepts.
            fresh: True requires a token that is marked fresh; a timedelta is the maximum age of
                the user's login.
            scopes: the scopes that the token must contain, all of them.
            any_scope: scopes of which the token must contain at least one, in addition to `scopes`.
            carriers: where the token is looked for, instead of the carriers of this `TokenAuth`.
            check: a check of your own, sync or async, called with the claims. Any result but True
                refuses the request.

        Returns:
            FastAPI: a dependency for ``Depends`` and ``Security``, whose value is the claims; scopes
            of ``Security`` are required in addition to `scopes`. Litestar: a guard. Quart: a
            decorator, placed below ``@app.route``.

        Raises:
            ConfigurationError, TypeError: an argument is invalid.
        """
        return self._required_guard(
            Requirement(
                type=type,
                fresh=fresh,
                scopes=scopes,
                any_scope=any_scope,
                carriers=carriers,
                check=check,
            )
        )

    @keyword_arguments_only("auth.optional(), with parentheses")
    def optional(
        self,
        *,
        type: Annotated[TokenType, MUST_BE_CALLED] = "access",
        fresh: bool | timedelta = False,
        scopes: Collection[str] = (),
        any_scope: Collection[str] | None = None,
        carriers: Sequence[Carrier] | None = None,
        check: Callable[[ClaimsT], Awaitable[bool] | bool] | None = None,
    ) -> OptionalT:
        """Return a guard as `required` does; without a token the claims are None.

        An invalid token is still refused. The OpenAPI document shows the route as public.

        Args:
            type: as for `required`.
            fresh: as for `required`.
            scopes: as for `required`.
            any_scope: as for `required`.
            carriers: as for `required`.
            check: as for `required`.

        Raises:
            ConfigurationError, TypeError: an argument is invalid.
        """
        return self._optional_guard(
            Requirement(
                type=type,
                fresh=fresh,
                scopes=scopes,
                any_scope=any_scope,
                carriers=carriers,
                check=check,
                optional=True,
            )
        )

    @abstractmethod
    def _required_guard(self, requirement: Requirement[ClaimsT]) -> RequiredT:
        """Return the framework's guard for a requirement."""

    @abstractmethod
    def _optional_guard(self, requirement: Requirement[ClaimsT]) -> OptionalT:
        """Return the framework's guard for an optional requirement."""
