"""The method of an engine that refreshes sessions."""

from abc import abstractmethod
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Generic, TypeVar

from tokenward._arguments import check_predicate
from tokenward.claims.model import Claims, TokenType
from tokenward.engine.listing import end_of
from tokenward.errors import PermissionDeniedError, TokenError, WrongTokenTypeError
from tokenward.hooks import maybe_await
from tokenward.jose.codec import loads_payload
from tokenward.jose.key_source import KeySource
from tokenward.policy import TokenPolicy
from tokenward.sessions.clock import EngineClock
from tokenward.sessions.revocation import RevocationChecker
from tokenward.sessions.rotation import Login, Rotation, successor_grant
from tokenward.tokens.arguments import check_login_arguments, check_refresh_tokens
from tokenward.tokens.pair import TokenPair
from tokenward.tokens.proven_key import ProvenKey, check_bound_to
from tokenward.tokens.writer import TokenWriter

if TYPE_CHECKING:
    from tokenward.engine.session_list import SessionLister

__all__ = ["RefreshingMethod"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)


class RefreshingMethod(Generic[ClaimsT]):
    """The method `refresh` of `TokenEngine`, whose constructor sets the attributes."""

    policy: TokenPolicy
    _clock: EngineClock
    _keys: KeySource
    _revocation: RevocationChecker[ClaimsT]
    _rotation: Rotation[ClaimsT]
    _writer: TokenWriter[ClaimsT]
    _lister: "SessionLister | None"

    @abstractmethod
    async def report_refusal(self, error: TokenError, /) -> None:
        """Call the `on_refuse` hooks."""

    @abstractmethod
    async def _decode(
        self, token: str | bytes, expected: TokenType | None, now: float
    ) -> tuple[ClaimsT, bytes]:
        """Return the claims and the payload of a token that has passed every check."""

    async def refresh(
        self,
        token: str | bytes,
        *,
        check: Callable[[ClaimsT], Awaitable[bool] | bool] | None = None,
        bound_to: ProvenKey | None = None,
        fresh: bool = False,
        acr: str | None = None,
    ) -> TokenPair:
        """Trade a refresh token for the next pair of its session; each refresh token is used once.

        The new tokens have the claims and the scope of the old token, exactly as they are in its
        payload, whatever the claims model makes of them. They are not fresh. They have the policy's
        lifetimes, and none outlives the session, which ends at the token's ``session_exp``, or
        `session_lifetime` after its ``auth_time`` (without it, after its ``iat``), whichever is
        earlier. A second use of the same token ends the session: all its tokens are revoked, and
        the `on_reuse` hooks are called. If several callers use a token at the same time, one gets a
        pair, and the others count as a second use.

        The new pair is made before the old token is consumed, so that a failing hook loses nothing.
        An error after that step loses the new pair, but the session stays safe.

        Args:
            token: the refresh token, in compact form.
            check: your own check, called with the claims before the token is consumed; plain
                or async. Any result but True refuses the refresh; it may raise a `TokenError`.
            bound_to: the key that the client has proven. A token that is bound to a key needs that
                key. A token that is not bound, and all its successors, become bound to it.
            fresh: whether the user has just logged in again, which `check` must verify (step-up, RFC
                9470). The new access token is fresh, ``auth_time`` is now, and ``acr`` is that of
                this login. The session does not last longer. The grace does not apply: a second use
                of the token, and a use after another one, gets a `RefreshTokenSupersededError`.
            acr: the level of this login, with `fresh` only. None: it has none.

        Raises:
            RefreshTokenReusedError: the token was used before.
            KeyBindingError: the token is bound to another key than `bound_to`.
            PermissionDeniedError: `check` did not return True.
            TokenExpiredError: the token has expired, or its session has ended.
            WrongTokenTypeError: the token is not a refresh token, or the keys of this engine only
                verify: only the issuer of a refresh token can trade it.
            InvalidTokenError, StoreUnavailableError: see `decode`; an outage is never accepted.
            ConfigurationError: the engine has no store, `check` is not a function of the claims,
                `fresh` is True without a `check`, there is an `acr` without `fresh`, or no claim of a token says whether it is a refresh token (see `TokenPolicy.type_source`).
            TypeError: `token` is neither text nor bytes.
        """
        try:
            check_login_arguments(fresh=fresh, acr=acr, check=check)
            if not self._keys.can_sign:
                raise WrongTokenTypeError
            check_refresh_tokens(self.policy)
            if check is not None:
                check_predicate(check)
            # One time for all steps: what is revoked from now on covers the new tokens as well.
            now_ms, now = self._clock.now_ms(), self._clock.now()
            if self._revocation.retention.is_due(now_ms):
                await self._revocation.register(now_ms, accepts_outage=False)
            claims, payload = await self._decode(token, "refresh", now)
            check_bound_to(claims, bound_to)
            login = Login(now_ms // 1000, acr) if fresh else None
            members = loads_payload(payload)
            grant = successor_grant(claims, members, self.policy, now, bound_to, login)
            if check is not None and await maybe_await(check(claims)) is not True:
                raise PermissionDeniedError
            written = await self._writer.write_pair(grant, issued_ms=now_ms)
            if self._lister is not None:
                # Before the token is consumed, so that an outage loses nothing.
                await self._lister.refreshed(claims, end_of(written.pair, now_ms), now)
            return await self._rotation.redeem(token, claims, written, now=now, is_login=fresh)
        except TokenError as error:
            await self.report_refusal(error)
            raise
