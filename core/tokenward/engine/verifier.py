"""The protocol that one engine and the engines of several issuers satisfy."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Protocol, TypeVar, runtime_checkable

from tokenward.claims.model import Claims, TokenType
from tokenward.tokens.pair import TokenPair

__all__ = ["TokenVerifier"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)


@runtime_checkable
class TokenVerifier(Protocol[ClaimsT]):
    """Verifies, refreshes and revokes tokens: a `TokenEngine`, or the `Issuers` of several.

    This is all that an `Authenticator` and the adapters need of an engine. Each method is explained
    at `TokenEngine`. A session or a subject is revoked by claims, because a ``sid`` or a ``sub``
    alone does not say which issuer it belongs to.
    """

    @property
    def claims_models(self) -> tuple[type[ClaimsT], ...]:
        """The types of the claims that `decode` returns."""
        ...

    def now(self) -> float:
        """Return the time, in seconds since 1970."""
        ...

    async def decode(self, token: str | bytes, /, *, type: TokenType | None = "access") -> ClaimsT:
        """Verify a token and return its claims."""
        ...

    async def revalidate(self, claims: ClaimsT, /) -> float:
        """Check expiry and revocation again; return the seconds that are left."""
        ...

    def check_fresh(self, claims: ClaimsT, /, *, max_age: timedelta | None = None) -> None:
        """Check that the user logged in recently."""
        ...

    async def refresh(
        self,
        token: str | bytes,
        /,
        *,
        check: Callable[[ClaimsT], Awaitable[bool] | bool] | None = None,
    ) -> TokenPair:
        """Trade a refresh token for the next pair of its session."""
        ...

    async def revoke(self, token: str | bytes | ClaimsT, /) -> None:
        """Revoke one token."""
        ...

    async def revoke_session(self, claims: ClaimsT, /) -> None:
        """Revoke every token of the session of these claims."""
        ...

    async def revoke_subject(self, claims: ClaimsT, /) -> None:
        """Revoke every token of the subject of these claims that was issued before now."""
        ...
