"""The protocol that one engine and the engines of several issuers satisfy."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Protocol, Self, TypeVar, runtime_checkable

from tokenward.claims.model import Claims, TokenType
from tokenward.errors import TokenError
from tokenward.tokens.pair import TokenPair
from tokenward.tokens.proven_key import ProvenKey

__all__ = ["TokenVerifier"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)


@runtime_checkable
class TokenVerifier(Protocol[ClaimsT]):
    """Verifies, refreshes and revokes tokens: a `TokenEngine`, or the `Issuers` of several.

    An `Authenticator` and the adapters need nothing else of an engine. Each method is explained
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

    async def ping(self) -> None:
        """Check that the store and the keys can be used."""
        ...

    def running(
        self, *, create_tables: bool = ..., purge_every: timedelta | None = ...
    ) -> AbstractAsyncContextManager[Self]:
        """Run the store and the keys for as long as the service runs."""
        ...

    async def report_refusal(self, error: TokenError, /) -> None:
        """Call the `on_refuse` hooks with an error, once."""
        ...

    async def decode(self, token: str | bytes, /, *, type: TokenType | None = "access") -> ClaimsT:
        """Verify a token and return its claims."""
        ...

    async def revalidate(self, claims: ClaimsT, /) -> float:
        """Check expiry and revocation again; return the seconds that are left."""
        ...

    def check_fresh(self, claims: ClaimsT, /) -> None:
        """Check that the token is marked fresh."""
        ...

    def check_login(
        self,
        claims: ClaimsT,
        /,
        *,
        acr: Sequence[str] | None = None,
        max_age: timedelta | None = None,
    ) -> None:
        """Check how and when the user logged in."""
        ...

    async def refresh(
        self,
        token: str | bytes,
        /,
        *,
        check: Callable[[ClaimsT], Awaitable[bool] | bool] | None = None,
        bound_to: ProvenKey | None = None,
        fresh: bool = False,
        acr: str | None = None,
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
