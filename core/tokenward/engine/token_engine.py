"""The engine: issues, decodes, refreshes and revokes tokens.

This module has what these share: the constructor, which joins keys, tokens and sessions; the time;
and the order in which a token is checked.
"""

import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final, Generic, TypeVar, overload

from tokenward._arguments import kind_of
from tokenward.claims.model import Claims, TokenType
from tokenward.engine.arguments import check_engine_arguments
from tokenward.engine.issuing import IssuingMethods
from tokenward.engine.revoking import RevokingMethods
from tokenward.errors import PermissionDeniedError, WrongTokenTypeError
from tokenward.hooks import LifecycleHooks, maybe_await, run_validators
from tokenward.jose.codec import loads_payload
from tokenward.jose.compact import CompactJws, text_of_token
from tokenward.jose.key_source import KeySource
from tokenward.jose.signature_cache import SignatureCache, SignatureCacheUse
from tokenward.policy import TokenPolicy
from tokenward.sessions.clock import EngineClock
from tokenward.sessions.revocation import RevocationChecker
from tokenward.sessions.rotation import Rotation, successor_grant
from tokenward.stores.protocol import RevocationStore
from tokenward.tokens.arguments import check_refresh_tokens
from tokenward.tokens.identity import new_identity
from tokenward.tokens.pair import TokenPair
from tokenward.tokens.validator import ClaimsValidator
from tokenward.tokens.writer import TokenWriter

__all__ = ["TokenEngine"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)

_AFTER_DECODE: Final = "An after_decode hook must return None: to refuse, raise TokenRejectedError."


class TokenEngine(
    LifecycleHooks[ClaimsT], IssuingMethods, RevokingMethods[ClaimsT], Generic[ClaimsT]
):
    """Issues, decodes, refreshes and revokes the tokens of one configuration.

    ::

        engine = TokenEngine(
            KeyRing.from_secret(os.environ["TOKENWARD_SECRET"]),
            policy=TokenPolicy(issuer="https://shop.example", audience="shop-api"),
            claims_model=ShopClaims,
            store=MemoryStore(),
        )

    An engine has no connections and no global state: one process may have several. The hooks
    (`before_issue`, `after_decode`, `is_revoked`, `on_revoke`, `on_reuse`) are decorators of the
    engine; see `tokenward.hooks`.
    """

    @overload
    def __init__(
        self: "TokenEngine[Claims]",
        keys: KeySource,
        *,
        policy: TokenPolicy = ...,
        store: RevocationStore | None = ...,
        clock: Callable[[], float] = ...,
        new_jti: Callable[[], str] = ...,
    ) -> None: ...
    @overload
    def __init__(
        self,
        keys: KeySource,
        *,
        policy: TokenPolicy = ...,
        claims_model: type[ClaimsT],
        store: RevocationStore | None = ...,
        clock: Callable[[], float] = ...,
        new_jti: Callable[[], str] = ...,
    ) -> None: ...
    def __init__(
        self,
        keys: KeySource,
        *,
        policy: TokenPolicy = TokenPolicy(),  # noqa: B008 - frozen
        claims_model: type[ClaimsT] = Claims,  # type: ignore[assignment] # see the overloads
        store: RevocationStore | None = None,
        clock: Callable[[], float] = time.time,
        new_jti: Callable[[], str] = new_identity,
    ) -> None:
        """Join keys, policy, claims model and store.

        Args:
            keys: a `KeyRing`, which signs and verifies; or the keys of another issuer, which only
                verify, such as a `RemoteKeySet`.
            policy: what the engine requires of tokens and writes into them.
            claims_model: the type of the claims that `decode` returns.
            store: keeps revocations. Without a store no token can be revoked or refreshed.
            clock: returns the seconds since 1970; the only clock of the engine.
            new_jti: returns the ``jti`` of a new token; by default 128 random bits in hexadecimal.
                It must never return the same value twice or a value that can be guessed.

        Raises:
            ConfigurationError: an argument is not what its name says; the message names the fix.
            TypeError: `claims_model` redefines registered claims.
        """
        super().__init__()
        check_engine_arguments(
            keys=keys,
            policy=policy,
            claims_model=claims_model,
            store=store,
            clock=clock,
            new_jti=new_jti,
        )
        self.policy: TokenPolicy = policy
        self.claims_models: tuple[type[ClaimsT], ...] = (claims_model,)
        self._keys = keys
        self._clock = EngineClock(clock)
        self._new_jti = new_jti
        self._has_store = store is not None
        self._max_bytes = policy.max_token_bytes
        self._cache = SignatureCache(
            max_entries=policy.signature_cache_entries, max_bytes=policy.signature_cache_bytes
        )
        self._jws = CompactJws(keys, max_bytes=policy.max_token_bytes)
        self._validator = ClaimsValidator(claims_model, policy, keys)
        self._revocation = RevocationChecker(store, keys, policy, self._hooks)
        self._writer = TokenWriter(self._jws, keys, policy, claims_model, self._hooks, new_jti)
        self._rotation = Rotation(self._revocation, policy, self._hooks)

    async def decode(self, token: str | bytes, *, type: TokenType | None = "access") -> ClaimsT:
        """Verify a token and return its claims.

        The checks, in this order: the form, the signature, the types of the claims, issuer,
        audience, type and times, revocation (the store and the `is_revoked` hooks), and the
        `after_decode` hooks.

        Args:
            token: the compact form (RFC 7515 §7.1).
            type: the type that the token must have; None: any known type (see ``claims.type``).

        Returns:
            The claims; each call returns a new object.

        Raises:
            InvalidTokenError: the token is invalid; the subclass says why.
            StoreUnavailableError: the store failed, so the token may be revoked.
            KeysUnavailableError: the keys of the issuer could not be fetched.
            TypeError: `token` is neither text nor bytes.

        Not checked: scope, freshness and what else a route may require; see `Authenticator`.
        """
        claims, _ = await self._decode(token, type, self._clock.now())
        return claims

    async def _decode(
        self, token: str | bytes, expected: TokenType | None, now: float
    ) -> tuple[ClaimsT, bytes]:
        """Return the claims and the payload of a token that has passed every check."""
        keys = self._keys
        if now >= keys.due_at:
            await keys.prepare(now)
        # The common case, without a call; `text_of_token` refuses or converts all others.
        if type(token) is str and len(token) <= self._max_bytes:
            text = token
        else:
            text = text_of_token(token, max_bytes=self._max_bytes)
        verified = cached = self._cache.get(text, keys_version=keys.version, now=now)
        if verified is None:
            verified = await self._jws.verify_or_fetch(text, now)

        claims = self._validator.read_claims(verified.payload)
        self._validator.check(claims, verified, expected=expected, now=now)
        # Cached only after the policy has accepted it, and never a refresh token: it is used once.
        if cached is None and claims.type != "refresh":
            self._cache.add(text, verified, expires_at=claims.exp, now=now)

        if self._has_store or self._hooks.is_revoked:
            await self._revocation.refuse_revoked(claims, now)
        if self._hooks.after_decode:
            await run_validators(self._hooks.after_decode, claims, _AFTER_DECODE)
        return claims, verified.payload

    async def revalidate(self, claims: ClaimsT) -> float:
        """Check again that claims of `decode` have not expired and are not revoked.

        Use it for a connection that outlives its first request, such as a WebSocket.

        Returns:
            The seconds until the token expires; infinity if it never does.

        Raises:
            TokenExpiredError, TokenTooOldError, TokenRevokedError: the token is no longer valid.
            StoreUnavailableError: the store failed, so the token may be revoked.
            TypeError: `claims` is not a `Claims` object.

        Not checked: what does not change with time, and the `after_decode` hooks.
        """
        if not isinstance(claims, Claims):
            msg = f"claims must be an object that decode returned, not {kind_of(claims)}."
            raise TypeError(msg)
        now = self._clock.now()
        left = self._validator.seconds_left(claims, now)
        if self._has_store or self._hooks.is_revoked:
            await self._revocation.refuse_revoked(claims, now)
        return left

    def check_fresh(self, claims: ClaimsT, *, max_age: timedelta | None = None) -> None:
        """Check that the user logged in recently (RFC 9470), by claims that `decode` returned.

        Args:
            claims: the claims of a valid token.
            max_age: the longest time since the login (``auth_time``), to which the policy's leeway
                is added; None: the token must be marked fresh.

        Raises:
            FreshTokenRequiredError: the login is too old or unknown, or the token is not fresh.
        """
        self._validator.check_fresh(claims, max_age, self._clock.now())

    async def refresh(
        self,
        token: str | bytes,
        *,
        check: Callable[[ClaimsT], Awaitable[bool] | bool] | None = None,
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
            check: a check of your own, called with the claims before the token is consumed; plain
                or async. Any result but True refuses the refresh; it may raise a `TokenError`.

        Raises:
            RefreshTokenReusedError: the token was used before.
            PermissionDeniedError: `check` did not return True.
            TokenExpiredError: the token has expired, or its session has ended.
            WrongTokenTypeError: the token is not a refresh token, or the keys of this engine only
                verify: only the issuer of a refresh token can trade it.
            InvalidTokenError, StoreUnavailableError: see `decode`; an outage is never accepted.
            ConfigurationError: the engine has no store, or no claim of a token says whether it is a
                refresh token (see `TokenPolicy.type_source`).
            TypeError: `token` is neither text nor bytes, or `check` is not a function.
        """
        if not self._keys.can_sign:
            raise WrongTokenTypeError
        check_refresh_tokens(self.policy)
        if check is not None and not callable(check):
            msg = f"check must be a function that takes the claims, not {kind_of(check)}."
            raise TypeError(msg)

        # One time for all steps: what is revoked from now on covers the new tokens as well.
        now_ms, now = self._clock.now_ms(), self._clock.now()
        if self._revocation.retention.is_due(now_ms):
            await self._revocation.register(now_ms, accepts_outage=False)
        claims, payload = await self._decode(token, "refresh", now)
        grant = successor_grant(claims, loads_payload(payload), self.policy, now)
        if check is not None and await maybe_await(check(claims)) is not True:
            raise PermissionDeniedError
        written = await self._writer.write_pair(grant, issued_ms=now_ms)
        return await self._rotation.redeem(token, claims, written, now=now)

    def now(self) -> float:
        """Return the engine's time, in seconds since 1970."""
        return self._clock.now()

    @property
    def keys(self) -> KeySource:
        """The keys of the engine."""
        return self._keys

    @property
    def signature_cache(self) -> SignatureCacheUse:
        """How often the cache of verified signatures was used; the policy sets its size."""
        return self._cache.use()
