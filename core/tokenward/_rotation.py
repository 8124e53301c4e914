"""Refresh tokens are used once (RFC 9700 §4.14.2): rotation, and what a second use means."""

from typing import Generic, TypeVar

from tokenward._denial import Denial
from tokenward._issuing import Grant
from tokenward.claims import RESERVED_CLAIMS, Claims
from tokenward.errors import MissingClaimError, RefreshTokenReusedError
from tokenward.hooks import RegisteredHooks, run_hooks
from tokenward.revocation import Revocation

__all__ = ["Rotation", "successor_grant"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)


class Rotation(Generic[ClaimsT]):
    """Turns a refresh token into the grant of its successors, once."""

    def __init__(self, denial: Denial[ClaimsT], hooks: RegisteredHooks[ClaimsT]) -> None:
        """Take what knows the store, and the hooks to tell of a replay."""
        self._denial = denial
        self._hooks = hooks

    async def use_up(self, claims: ClaimsT, *, keep_until: float, now: float) -> None:
        """Return to exactly one of all who present this token.

        Raises:
            RefreshTokenReusedError: it was used before; by then its session has been ended.
            StoreUnavailableError: the store failed.
        """
        if await self._denial.consume(claims.jti, keep_until=keep_until, now=now):
            return
        # Either the thief or the user was first, and nobody can tell which: both are logged out.
        session = Revocation("session", _session_of(claims), self._denial.keep_until(now))
        await self._denial.deny(session, now)
        await run_hooks(self._hooks.on_reuse, claims)
        raise RefreshTokenReusedError


def successor_grant(claims: Claims) -> Grant:
    """Carry over who it is and what they may do; never more, and never as fresh."""
    kept = claims.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return Grant(
        subject=claims.sub,
        claims={name: value for name, value in kept.items() if name not in RESERVED_CLAIMS},
        scope=claims.scope if isinstance(claims.scope, str) else " ".join(claims.scope),
        fresh=False,
        audience=claims.aud,
        headers=None,
        session=_session_of(claims),
        auth_time=claims.auth_time,
    )


def _session_of(claims: Claims) -> str:
    """Give the session of a refresh token; one without becomes the root of its own.

    Raises:
        MissingClaimError: the token has no ``jti``, by which alone a second use is known.
    """
    if not claims.jti:
        raise MissingClaimError(claim="jti")
    return claims.sid or claims.jti
