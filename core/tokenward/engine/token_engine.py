"""The engine: issues, decodes, refreshes and revokes tokens.

This module has what these share: the constructor, the time, and the order in which a token is checked.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar, Final, Generic, TypeVar, overload

from tokenward._arguments import kind_of
from tokenward.claims.model import Claims, TokenType
from tokenward.engine.arguments import check_engine_arguments
from tokenward.engine.issuing import IssuingMethods
from tokenward.engine.listing import ListingMethods, lister_for
from tokenward.engine.refreshing import RefreshingMethod
from tokenward.engine.revoking import RevokingMethods
from tokenward.engine.running import RunningMethods
from tokenward.errors import TokenError
from tokenward.hooks import LifecycleHooks, run_validators
from tokenward.jose.compact import CompactJws
from tokenward.jose.key_source import KeySource
from tokenward.jose.segments import FIRST_LETTERS, refuse_no_header, text_of_token
from tokenward.jose.signature_cache import SignatureCache, SignatureCacheUse
from tokenward.policy import TokenPolicy
from tokenward.sessions.clock import EngineClock, system_time
from tokenward.sessions.revocation import RevocationChecker
from tokenward.sessions.rotation import Rotation
from tokenward.stores.protocol import RevocationStore
from tokenward.tokens.identity import new_identity
from tokenward.tokens.validator import ClaimsValidator
from tokenward.tokens.writer import TokenWriter

if TYPE_CHECKING:
    from tokenward.engine.session_list import SessionList

__all__ = ["TokenEngine"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)

_AFTER_DECODE: Final = "An after_decode hook must return None: to refuse, raise TokenRejectedError."


class TokenEngine(
    LifecycleHooks[ClaimsT],
    IssuingMethods,
    RefreshingMethod[ClaimsT],
    RevokingMethods[ClaimsT],
    RunningMethods[ClaimsT],
    ListingMethods,
    Generic[ClaimsT],
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
    (`before_issue`, `after_decode`, `is_revoked`, `on_revoke`, `on_reuse`, `on_refuse`) are decorators
    of the engine; see `tokenward.hooks`.
    """

    is_opaque: ClassVar[bool] = False
    """Whether only their issuer can read its tokens, which may have any form."""

    @overload
    def __init__(
        self: "TokenEngine[Claims]",
        keys: KeySource,
        *,
        policy: TokenPolicy = ...,
        store: RevocationStore | None = ...,
        clock: Callable[[], float] = ...,
        new_jti: Callable[[], str] = ...,
        session_list: "SessionList | None" = ...,
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
        session_list: "SessionList | None" = ...,
    ) -> None: ...
    def __init__(
        self,
        keys: KeySource,
        *,
        policy: TokenPolicy = TokenPolicy(),  # noqa: B008 - frozen
        claims_model: type[ClaimsT] = Claims,  # type: ignore[assignment] # see the overloads
        store: RevocationStore | None = None,
        clock: Callable[[], float] = system_time,
        new_jti: Callable[[], str] = new_identity,
        session_list: "SessionList | None" = None,
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
            session_list: lists and limits the open sessions of each subject, in the store; see
                `sessions`. None: no session is recorded.

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
        self._lister = lister_for(session_list, self._revocation, policy)

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

        Not checked: scope, freshness and what else a route may require, and whether the sender has
        the key of a bound token; see `Authenticator`.
        """
        try:
            return (await self._decode(token, type, self._clock.now()))[0]
        except TokenError as error:
            await self.report_refusal(error)
            raise

    async def _decode(
        self, token: str | bytes, expected: TokenType | None, now: float
    ) -> tuple[ClaimsT, bytes]:
        """Return the claims and the payload of a token that has passed every check."""
        keys = self._keys
        if now >= keys.due_at:
            await keys.prepare(now)
        if type(token) is str and len(token) <= self._max_bytes:
            text = token  # the common case, without a call
        else:
            text = text_of_token(token, max_bytes=self._max_bytes)
        if text[:1] not in FIRST_LETTERS and not self.is_opaque:
            refuse_no_header(text)  # before the cache hashes all letters
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

        Use it for a connection that outlives its first request, such as a WebSocket. If the request
        required `max_age` or `fresh`, the login must still be recent.

        Returns:
            The seconds until the token expires or its login is too old; infinity if neither happens.

        Raises:
            TokenExpiredError, TokenTooOldError, TokenRevokedError: the token is no longer valid.
            InsufficientAuthenticationError, FreshTokenRequiredError: the login is too old for the
                request that the token was sent with.
            StoreUnavailableError: the store failed, so the token may be revoked.
            TypeError: `claims` is not a `Claims` object.

        Not checked: what does not change with time, the `after_decode` hooks, and the `check` of a
        route.
        """
        if not isinstance(claims, Claims):
            msg = f"claims must be an object that decode returned, not {kind_of(claims)}."
            raise TypeError(msg)
        now = self._clock.now()
        left = self._validator.seconds_left(claims, now)
        if self._has_store or self._hooks.is_revoked:
            await self._revocation.refuse_revoked(claims, now)
        return left

    def check_fresh(self, claims: ClaimsT) -> None:
        """Check that the token is marked fresh, by claims that `decode` returned.

        Args:
            claims: the claims of a valid token.

        Raises:
            FreshTokenRequiredError: it is not.
        """
        self._validator.check_fresh(claims, self._clock.now())

    def check_login(
        self, claims: ClaimsT, *, acr: Sequence[str] | None = None, max_age: timedelta | None = None
    ) -> None:
        """Check how and when the user logged in (RFC 9470), by claims that `decode` returned.

        Args:
            claims: the claims of a valid token.
            acr: the levels of which the login must have one; or a stronger one, by the policy's
                `acr_levels`. None: any login, also one without a level.
            max_age: the longest time since the login (``auth_time``), to which the policy's leeway
                is added. None: no maximum.

        Raises:
            InsufficientAuthenticationError: the login is not sufficient, or the token does not say
                how or when the user logged in.
            ConfigurationError: `acr` is one text, or `max_age` is no timedelta above zero.
        """
        self._validator.check_login(claims, acr, max_age, self._clock.now())

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
