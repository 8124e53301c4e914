"""Refresh token rotation: each token is used once, and a second use counts as theft (RFC 9700 §4.14.2)."""

from collections.abc import Mapping
from typing import Generic, NamedTuple, TypeVar, cast

from pydantic import JsonValue

from tokenward.claims.model import RESERVED_CLAIMS, Claims
from tokenward.errors import (
    MissingClaimError,
    RefreshTokenReusedError,
    RefreshTokenSupersededError,
    StoreUnavailableError,
    TokenExpiredError,
)
from tokenward.hooks import RegisteredHooks, run_hooks
from tokenward.policy import TokenPolicy
from tokenward.sessions.retention import end_of_life
from tokenward.sessions.revocation import RevocationChecker, session_of
from tokenward.sessions.sealing import DamagedSealError, open_pair, seal_pair
from tokenward.stores.protocol import Consumption
from tokenward.tokens.grant import Grant, session_end
from tokenward.tokens.identity import new_identity
from tokenward.tokens.pair import TokenPair
from tokenward.tokens.proven_key import ProvenKey, confirmation_of
from tokenward.tokens.writer import WrittenPair

__all__ = ["Login", "Rotation", "successor_grant"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)


class Login(NamedTuple):
    """How a user has just logged in again, within a session."""

    auth_time: int
    """Now, in whole seconds since 1970."""
    acr: str | None
    """The level; None: unknown."""


class Rotation(Generic[ClaimsT]):
    """Trades a refresh token for the next pair, once."""

    def __init__(
        self,
        revocation: RevocationChecker[ClaimsT],
        policy: TokenPolicy,
        hooks: RegisteredHooks[ClaimsT],
    ) -> None:
        """Join the store, the policy's grace and the hooks.

        Args:
            revocation: has the store.
            policy: sets the grace for a second use.
            hooks: the hooks of the engine.
        """
        self._revocation = revocation
        self._hooks = hooks
        self._grace_seconds = policy.reuse_grace.total_seconds()

    async def redeem(
        self,
        token: str | bytes,
        claims: ClaimsT,
        written: WrittenPair,
        *,
        now: float,
        is_login: bool,
    ) -> TokenPair:
        """Consume a refresh token in one step of the store, and return the next pair.

        Args:
            token: the text of the token; with a grace, the pair is encrypted with a key from it.
            claims: the claims of the token.
            written: the next pair, written before, so that an error in writing it loses nothing.
            now: the time.
            is_login: whether the pair is the result of a login: then no second use returns it, and
                this use returns no other pair.

        Raises:
            RefreshTokenReusedError: the token was used before, and the grace has ended; its session
                is now revoked.
            RefreshTokenSupersededError: the token was used within the grace, and so was its
                successor.
            StoreUnavailableError: the store failed, or returned a pair that cannot be decrypted; the
                token may or may not be consumed.
        """
        pair = written.pair
        session = _session_of(claims)
        consumption = Consumption(
            session,
            claims.jti,
            successor=written.refresh_jti,
            sealed=seal_pair(token, pair) if self._grace_seconds and not is_login else b"",
            grace_until=now + self._grace_seconds,
            keep_until=end_of_life(claims),
        )

        consumed = await self._revocation.consume(consumption, now)
        if consumed.is_first:
            return pair
        if consumed.is_in_grace and self._grace_seconds:
            if is_login or not consumed.sealed:
                raise RefreshTokenSupersededError
            return self._opened(token, consumed.sealed, now)

        # The first use was by the user or by a thief. Nobody knows which, so both are logged out.
        await self._revocation.deny_all("session", session, now, claims=claims)
        await run_hooks(self._hooks.on_reuse, claims)
        raise RefreshTokenReusedError

    def _opened(self, token: str | bytes, sealed: bytes, now: float) -> TokenPair:
        try:
            return open_pair(token, sealed)
        except DamagedSealError as exc:
            self._revocation.outages.tell(exc, now)
            raise StoreUnavailableError from exc


def successor_grant(
    claims: Claims,
    members: Mapping[str, JsonValue],
    policy: TokenPolicy,
    now: float,
    bound_to: ProvenKey | None = None,
    login: Login | None = None,
) -> Grant:
    """Copy subject, scope and lasting claims into the next grant.

    The result is fresh only after a login.

    Args:
        claims: the claims of the refresh token, after all checks.
        members: the members of its verified payload. Lasting claims are copied from here, because a
            claims model may rename, convert, hide or compute values.
        policy: sets how long a session lasts.
        now: the time.
        bound_to: the key to which the successor is bound if the token itself is not bound.
        login: how the user has just logged in again; None: the login of the token stays. The end of
            the session does not change.

    Raises:
        TokenExpiredError: the session has ended.
        MissingClaimError: the token has no ``jti``.
    """
    end = _session_end_of(claims, policy)
    if end is not None and now >= end + policy.leeway.total_seconds():
        raise TokenExpiredError

    return Grant(
        subject=claims.sub,
        claims={name: value for name, value in members.items() if name not in RESERVED_CLAIMS},
        scope=claims.scope if isinstance(claims.scope, str) else " ".join(claims.scope),
        fresh=login is not None,
        audience=claims.aud,
        headers=None,
        session=_session_of(claims),
        registered=_carried_over(claims, members, bound_to)
        | _login_members(claims if login is None else login),
        session_end=end,
    )


def _carried_over(
    claims: Claims, members: Mapping[str, JsonValue], bound_to: ProvenKey | None
) -> dict[str, object]:
    carried: dict[str, object] = {"csrf": claims.csrf or new_identity()}
    if claims.act is not None:
        # Without it, the successor would be a token of the subject itself.
        carried["act"] = members["act"]
    cnf = {} if claims.cnf is None else cast("dict[str, object]", members["cnf"])
    if bound_to is not None:
        cnf = {**cnf, **confirmation_of(bound_to)}
    if cnf:
        carried["cnf"] = cnf
    return carried


def _login_members(login: Claims | Login) -> dict[str, object]:
    """Return the claims about a login. Both are of the same one: a level without its time says little."""
    members = {"auth_time": login.auth_time, "acr": login.acr}
    return {name: value for name, value in members.items() if value is not None}


def _session_end_of(claims: Claims, policy: TokenPolicy) -> float | None:
    """Return the end of the session: the one in the token or the policy's, whichever is earlier.

    The policy's counts from the login, or from the issue of this token if it has no ``auth_time``.
    It therefore also ends sessions that began with `issue`, or before the policy had a
    `session_lifetime`.
    """
    began_at = claims.iat if claims.auth_time is None else claims.auth_time
    of_policy = None if began_at is None else session_end(policy, began_at)
    ends = [end for end in (claims.session_exp, of_policy) if end is not None]
    return min(ends, default=None)


def _session_of(claims: Claims) -> str:
    """Return the session of a refresh token.

    Raises:
        MissingClaimError: the token has no ``jti``, without which a second use is not detected.
    """
    session = session_of(claims)
    if not (session and claims.jti):
        raise MissingClaimError(claim="jti")
    return session
