"""The engine: issues, decodes, refreshes and revokes tokens. The only place that joins the rooms."""

import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import timedelta
from typing import Final, Generic, TypeVar, overload

from pydantic import JsonValue

from tokenward._arguments import check_callable, check_methods, kind_of
from tokenward.claims.model import Claims, TokenType
from tokenward.errors import (
    ConfigurationError,
    MissingClaimError,
    PermissionDeniedError,
    UnknownKeyError,
    WrongTokenTypeError,
)
from tokenward.hooks import LifecycleHooks, maybe_await, run_validators
from tokenward.jose.codec import loads_payload
from tokenward.jose.compact import CompactJws, VerifiedJws
from tokenward.jose.key_source import KeySource
from tokenward.jose.signature_cache import SignatureCache, SignatureCacheUse
from tokenward.policy import Lifetime, TokenPolicy
from tokenward.sessions.revocation import RevocationChecker, session_of
from tokenward.sessions.rotation import Rotation, successor_grant
from tokenward.stores.protocol import OF_STORES, RevocationStore
from tokenward.tokens.arguments import check_mapping, check_type
from tokenward.tokens.grant import new_grant, session_end
from tokenward.tokens.identity import check_identity, check_no_token, new_identity
from tokenward.tokens.pair import TokenPair
from tokenward.tokens.validator import ClaimsValidator
from tokenward.tokens.writer import TokenWriter

__all__ = ["TokenEngine"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)

_AFTER_DECODE: Final = "An after_decode hook returns nothing: to refuse, raise TokenRejectedError."


class TokenEngine(LifecycleHooks[ClaimsT], Generic[ClaimsT]):
    """Issues and judges the tokens of one configuration.

    ::

        engine = TokenEngine(
            KeyRing.from_secret(os.environ["TOKENWARD_SECRET"]),
            policy=TokenPolicy(issuer="https://shop.example", audience="shop-api"),
            claims_model=ShopClaims,
            store=MemoryStore(),
        )

    It holds no connection of its own and no global state: as many as you like live side by side.
    The hooks (`before_issue`, `after_decode`, `is_revoked`, `on_revoke`, `on_reuse`) are decorators
    of this object; see `tokenward.hooks`.
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
        claims_model: type[ClaimsT] = Claims,  # type: ignore[assignment] # the overloads tell
        store: RevocationStore | None = None,
        clock: Callable[[], float] = time.time,
        new_jti: Callable[[], str] = new_identity,
    ) -> None:
        """Join keys, rules, claims and a store.

        Args:
            keys: the ring that signs and verifies; or the keys of somebody else, which verify.
            policy: what is demanded of tokens, and given to them.
            claims_model: the type of the claims that `decode` gives.
            store: where revocations are kept. Without one nothing can be revoked or refreshed.
            clock: the time in seconds since 1970; the only clock of the engine.
            new_jti: makes the ``jti`` of a token; by default 128 random bits in hexadecimal. What it
                gives must not be given twice, and must not be guessed.

        Raises:
            ConfigurationError: an argument is not what its name says; the message names the fix.
            TypeError: `claims_model` redefines registered claims.
        """
        super().__init__()
        if not isinstance(keys, KeySource) or isinstance(keys, type):
            msg = "keys must be a KeyRing, as in KeyRing.from_secret(os.environ['SECRET'])."
            raise ConfigurationError(msg)
        if not (isinstance(claims_model, type) and issubclass(claims_model, Claims)):
            msg = (
                "claims_model must be a class derived from tokenward.Claims, not an object of one."
            )
            raise ConfigurationError(msg)
        if not isinstance(policy, TokenPolicy):
            msg = (
                f"policy must be a TokenPolicy, not {kind_of(policy)}: "
                "give policy=TokenPolicy(issuer=..., audience=...)."
            )
            raise ConfigurationError(msg)
        if store is not None:
            check_methods(store, OF_STORES, "store", "store=MemoryStore()")
        check_callable(clock, "clock", "clock=time.time", takes=0)
        check_callable(new_jti, "new_jti", "new_jti=lambda: uuid4().hex", takes=0)
        self.policy = policy
        self.claims_models: tuple[type[ClaimsT], ...] = (claims_model,)
        self._clock = clock
        self._new_jti = new_jti
        # From the millisecond `_held_ms` until `_floor_ms`, the engine's time is `_floor_ms`. A clock
        # that steps back further is believed.
        self._held_ms = self._floor_ms = 0
        self._keys = keys
        self._memory = SignatureCache(
            max_entries=policy.signature_cache_entries, max_bytes=policy.signature_cache_bytes
        )
        self._jws = CompactJws(keys, max_bytes=policy.max_token_bytes)
        self._validator = ClaimsValidator(claims_model, policy, keys)
        self._revocation = RevocationChecker(store, policy, self._hooks)
        self._writer = TokenWriter(self._jws, keys, policy, claims_model, self._hooks, new_jti)
        self._rotation = Rotation(self._revocation, policy, self._hooks)

    async def issue(
        self,
        subject: str,
        *,
        claims: Mapping[str, object] | None = None,
        scopes: Collection[str] = (),
        fresh: bool = False,
        lifetime: Lifetime | None = None,
        audience: str | Collection[str] | None = None,
        headers: Mapping[str, JsonValue] | None = None,
        type: TokenType = "access",
    ) -> str:
        """Issue one token that belongs to no session: an access token by default (RFC 9068).

        Args:
            subject: whom it is about; becomes ``sub``.
            claims: your own claims; whatever Pydantic can write as JSON.
            scopes: the scopes that the token grants, one by one.
            fresh: whether the user has just proved who they are.
            lifetime: in place of the policy's; zero is over at once, `NEVER` has no ``exp``.
            audience: in place of the policy's.
            headers: further members of the JOSE header.
            type: what it is for. A refresh token becomes the root of a session when it is used; the
                policy's `session_lifetime` counts from now.

        Returns:
            The token, in compact form.

        Raises:
            ConfigurationError: an argument cannot be used, `fresh` for a refresh token, a claim or a header is the engine's own,
                the claims do not fit the claims model, or the ring cannot sign.
            TypeError: `subject` is not text, or `scopes` is one text.
            StoreUnavailableError: the store does not answer. It is asked for the first token and
                once a minute after that (see `RevocationStore.raise_retention`).
        """
        if type != "access":
            check_type(type, fresh=fresh)
            self._check_refresh_tokens()
        now_ms = self._now_ms()
        grant = new_grant(
            subject,
            claims=claims,
            scopes=scopes,
            fresh=fresh,
            audience=audience,
            headers=headers,
            now_ms=now_ms,
        )
        if type == "refresh":
            grant = grant._replace(session_end=session_end(self.policy, now_ms // 1000))
        if self._revocation.retention.is_due(now_ms):
            await self._register(now_ms)
        token, _ = await self._writer.write(
            grant, type, jti=self._new_jti(), lifetime=lifetime, issued_ms=now_ms
        )
        return token

    async def issue_pair(
        self,
        subject: str,
        *,
        claims: Mapping[str, object] | None = None,
        access_claims: Mapping[str, object] | None = None,
        scopes: Collection[str] = (),
        fresh: bool = False,
        lifetime: Lifetime | None = None,
        refresh_lifetime: Lifetime | None = None,
        audience: str | Collection[str] | None = None,
        headers: Mapping[str, JsonValue] | None = None,
    ) -> TokenPair:
        """Issue an access and a refresh token that begin one session (``sid``).

        Args:
            subject: see `issue`; as `claims`, `scopes`, `fresh`, `audience` and `headers`.
            claims: the lasting ones: both tokens carry them, and so do their successors.
            access_claims: further ones, of this access token alone.
            scopes: the scopes that both tokens grant.
            fresh: marks the access token.
            lifetime: of the access token.
            refresh_lifetime: of the refresh token.
            audience: of both.
            headers: of both.

        Raises:
            ConfigurationError: see `issue`; or the policy tells refresh tokens from access tokens by
                no claim (see `TokenPolicy.type_source`).
            TypeError, StoreUnavailableError: see `issue`.
        """
        self._check_refresh_tokens()
        if access_claims is not None:
            check_mapping(access_claims, "access_claims")
        now_ms = self._now_ms()
        grant = new_grant(
            subject,
            claims=claims,
            scopes=scopes,
            fresh=fresh,
            audience=audience,
            headers=headers,
            now_ms=now_ms,
        )
        if self._revocation.retention.is_due(now_ms):
            await self._register(now_ms)
        made = await self._writer.write_pair(
            self._writer.begin_session(grant, now_ms),
            access_claims=access_claims,
            lifetime=lifetime,
            refresh_lifetime=refresh_lifetime,
            issued_ms=now_ms,
        )
        return made.pair

    async def decode(self, token: str | bytes, *, type: TokenType | None = "access") -> ClaimsT:
        """Check a token in full and give its claims.

        In this order: the form, the signature, the types of the claims, issuer, audience, type and
        times, revocation (the store and the `is_revoked` hooks), the `after_decode` hooks.

        Args:
            token: the compact form (RFC 7515 §7.1).
            type: what it must be for; None: anything that is known, and ``claims.type`` says what.

        Returns:
            The claims: an object of their own for every call.

        Raises:
            InvalidTokenError: it is not acceptable; the subclass says why.
            StoreUnavailableError: whether it is revoked cannot be told.
            TypeError: `token` is neither text nor bytes.

        Not checked: scope, freshness and what else a route may require; see `Authenticator`.
        """
        claims, _ = await self._decode(token, type, self.now())
        return claims

    async def _decode(
        self,
        token: str | bytes,
        expected: TokenType | None,
        now: float,
    ) -> tuple[ClaimsT, bytes]:
        """Return the claims of a token that has passed every check, and its payload."""
        keys = self._keys
        if now >= keys.due_at:
            await keys.prepare(now)
        text = self._jws.text_of(token)
        verified = remembered = self._memory.recall(text, keys_version=keys.version, now=now)
        if verified is None:
            verified = await self._verify(text, now)
        claims = self._validator.read(verified.payload)
        self._validator.check(claims, verified, expected=expected, now=now)
        # Only what has passed the policy, so that its `exp` is known; a refresh token comes once.
        if remembered is None and claims.type != "refresh":
            self._memory.remember(text, verified, end=claims.exp, now=now)
        if self._revocation.is_active:
            await self._revocation.refuse_revoked(claims, now)
        if self._hooks.after_decode:
            await run_validators(self._hooks.after_decode, claims, _AFTER_DECODE)
        return claims, verified.payload

    async def revalidate(self, claims: ClaimsT) -> float:
        """Check claims of `decode` once more, later: that they are not over and not revoked.

        For what outlives a request, as a WebSocket does.

        Returns:
            How many seconds they have left; infinity where they never expire.

        Raises:
            TokenExpiredError, TokenTooOldError, TokenRevokedError: they are good no longer.
            StoreUnavailableError: whether they are revoked cannot be told.
            TypeError: they are no `Claims`.

        Not checked: what no time changes, and the `after_decode` hooks.
        """
        if not isinstance(claims, Claims):
            msg = f"claims must be those of decode, not {kind_of(claims)}."
            raise TypeError(msg)
        now = self.now()
        left = self._validator.seconds_left(claims, now)
        if self._revocation.is_active:
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
        self._validator.check_fresh(claims, max_age, self.now())

    async def refresh(
        self,
        token: str | bytes,
        *,
        check: Callable[[ClaimsT], Awaitable[bool] | bool] | None = None,
    ) -> TokenPair:
        """Trade a refresh token for a new pair of its session; it is good for one use.

        The new tokens carry the claims of the old one exactly as they are in its payload, whatever
        the claims model makes of them, and its scope. They are not fresh. Each has the policy's
        lifetime, and none outlives the session: it ends at the token's ``session_exp``, or
        `session_lifetime` after its ``auth_time`` (without one: after its ``iat``), whichever is
        earlier. A second use of the same token ends the session: all its tokens are
        revoked, and the `on_reuse` hooks are called. Of callers at the same instant one wins, and
        the others count as a second use.

        The new pair is made before the old token is used up, so that a hook that fails loses
        nothing. What happens after that step loses the pair, never the safety of the session.

        Args:
            token: the refresh token, in compact form.
            check: your own question to its claims, plain or async, before it is used up; only True
                lets it through, and it may raise a `TokenError` of its own.

        Raises:
            RefreshTokenReusedError: it was used before.
            PermissionDeniedError: `check` did not say True.
            TokenExpiredError: the token has expired, or its session has ended.
            WrongTokenTypeError: it is no refresh token, or the keys here only verify, so that its
                issuer alone can trade it.
            InvalidTokenError, StoreUnavailableError: see `decode`; an outage is never accepted.
            ConfigurationError: the engine has no store, or its policy does not know refresh tokens
                (see `TokenPolicy.type_source`).
            TypeError: `token` is neither text nor bytes, or `check` is no function.
        """
        if not self._keys.can_sign:
            raise WrongTokenTypeError
        self._check_refresh_tokens()
        if check is not None and not callable(check):
            msg = f"check must be a function of the claims, not {kind_of(check)}."
            raise TypeError(msg)
        # One moment for all of it: what is revoked from now on covers the new tokens as well.
        now_ms, now = self._now_ms(), self.now()
        if self._revocation.retention.is_due(now_ms):
            await self._register(now_ms, accepts_outage=False)
        claims, payload = await self._decode(token, "refresh", now)
        grant = successor_grant(claims, loads_payload(payload), self.policy, now)
        if check is not None and await maybe_await(check(claims)) is not True:
            raise PermissionDeniedError
        successors = await self._writer.write_pair(grant, issued_ms=now_ms)
        return await self._rotation.redeem(token, claims, successors, now=now)

    async def revoke(self, token: str | bytes | ClaimsT) -> None:
        """Revoke one token: an access or a refresh token, as text or as the claims of `decode`.

        Doing it twice, or to a token that has expired, is a quiet success. Other tokens of the
        session live on: see `revoke_session`.

        Raises:
            InvalidTokenError: text that is no token of this ring, or has no ``jti``.
            StoreUnavailableError: the store failed; whether it has the record is not known.
            ConfigurationError: the engine has no store.

        Not checked: issuer, audience and type; whoever holds the token may give it up.
        """
        claims = token if isinstance(token, Claims) else await self._read(token)
        if not claims.jti:
            raise MissingClaimError(claim="jti")
        await self._revocation.deny_token(claims, self.now())

    async def revoke_session(self, session: str | ClaimsT) -> None:
        """Revoke every token of a session, given by its ``sid`` or by the claims of one of them.

        A refresh token without ``sid`` begins a session that has its ``jti`` for a name.

        Raises:
            MissingClaimError: the claims belong to no session.
            ConfigurationError: `session` is the text of a token.
            StoreUnavailableError, ConfigurationError: see `revoke`.
        """
        claims = None
        if isinstance(session, Claims):
            claims, sid = session, session_of(session)
            if sid is None:
                raise MissingClaimError(claim="sid")
            session = sid
        check_identity(session, "session")
        check_no_token(session, "session")
        await self._revocation.deny_all(
            "session", session, self.now(), is_issuer=self._keys.can_sign, claims=claims
        )

    async def revoke_subject(self, subject: str | ClaimsT) -> None:
        """Revoke every token of a subject that was issued before now; later tokens are valid.

        The subject is its ``sub``, or the claims of one of its tokens.

        "Before" is exact to the millisecond for tokens of this engine, and to the second of ``iat``
        for others. A token without ``iat`` counts as issued before.

        Raises:
            MissingClaimError: the claims have no ``sub``.
            ConfigurationError: `subject` is the text of a token.
            StoreUnavailableError, ConfigurationError: see `revoke`.
        """
        if isinstance(subject, Claims):
            subject = subject.sub
            if not subject:
                raise MissingClaimError(claim="sub")
        check_identity(subject, "subject")
        check_no_token(subject, "subject")
        clock_ms = int(self._clock() * 1000)
        if not self._held_ms <= clock_ms < self._floor_ms:
            self._held_ms = self._floor_ms = clock_ms
        now = self._floor_ms / 1000
        # Tokens of this very millisecond are denied; the engine's time moves on to the next.
        self._floor_ms += 1
        await self._revocation.deny_all(
            "subject",
            subject,
            now,
            is_issuer=self._keys.can_sign,
            issued_before=self._floor_ms / 1000,
        )

    def now(self) -> float:
        """Return the engine's time, in seconds since 1970."""
        now = self._clock()
        return self._floor_ms / 1000 if self._held_ms <= now * 1000 < self._floor_ms else now

    @property
    def signature_cache(self) -> SignatureCacheUse:
        """How well the memory of verified signatures serves; its bounds are in the policy."""
        return self._memory.use()

    def _check_refresh_tokens(self) -> None:
        """Refuse refresh tokens where the policy would not know them again."""
        source = self.policy.type_source
        if source != "claim":
            msg = (
                f"With type_source='{source}' a refresh token is never told from an access token: "
                "issue access tokens alone, or use type_source='claim'."
            )
            raise ConfigurationError(msg)

    @property
    def keys(self) -> KeySource:
        """The keys that sign and verify, or verify alone."""
        return self._keys

    def _now_ms(self) -> int:
        now_ms = int(self._clock() * 1000)
        return self._floor_ms if self._held_ms <= now_ms < self._floor_ms else now_ms

    async def _register(self, now_ms: int, *, accepts_outage: bool = True) -> None:
        if self._keys.can_sign:  # if not, the writer says so
            await self._revocation.register(now_ms, accepts_outage=accepts_outage)

    async def _read(self, token: str | bytes) -> ClaimsT:
        now = self.now()
        if now >= self._keys.due_at:
            await self._keys.prepare(now)
        return self._validator.read((await self._verify(self._jws.text_of(token), now)).payload)

    async def _verify(self, text: str, now: float) -> VerifiedJws:
        """Verify a signature; if the keys do not know its key, let them look for it elsewhere."""
        try:
            return self._jws.verify_text(text)
        except UnknownKeyError:
            if not await self._keys.fetch_for(self._jws.kid_of(text), now):
                raise
        return self._jws.verify_text(text)
