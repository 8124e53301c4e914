"""From a grant to signed tokens: what goes into a token, and that nothing else does."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Final, Generic, TypeVar, cast

from tokenward.claims.model import RESERVED_CLAIMS, Claims, TokenType
from tokenward.claims.names import needed_members
from tokenward.errors import ConfigurationError
from tokenward.hooks import RegisteredHooks, TokenDraft, run_validators
from tokenward.jose.codec import dumps
from tokenward.jose.compact import CompactJws
from tokenward.jose.key import Key
from tokenward.jose.key_source import KeySource
from tokenward.policy import NEVER, Lifetime, TokenPolicy
from tokenward.tokens.grant import Grant, Successors, TokenPair, new_identity, session_end

__all__ = ["TokenWriter"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)

_TYP: Final[Mapping[TokenType, str]] = {"access": "at+jwt", "refresh": "JWT"}


class TokenWriter(Generic[ClaimsT]):
    """Writes the tokens of one engine."""

    def __init__(
        self,
        jws: CompactJws,
        keys: KeySource,
        policy: TokenPolicy,
        model: type[ClaimsT],
        hooks: RegisteredHooks[ClaimsT],
        new_jti: Callable[[], str],
    ) -> None:
        """Take what all tokens of the engine share, and what makes their identities."""
        self._jws = jws
        self._keys = keys
        self._policy = policy
        self._lifetimes_ms: Mapping[TokenType, int | None] = {
            "access": _milliseconds(policy.access_lifetime),
            "refresh": _milliseconds(policy.refresh_lifetime),
        }
        self._policy_claims: dict[str, object] = {}
        if policy.issuer is not None:
            self._policy_claims["iss"] = policy.issuer
        if policy.audience is not None:
            self._policy_claims["aud"] = policy.audience
        self._extra_claims = policy.extra_registered_claims
        self._new_jti = new_jti
        self._hooks = hooks
        self._model = model
        # Only presence is looked at: to validate each token again would cost a third of its issuing.
        self._needed = needed_members(model)

    def begin_session(self, grant: Grant, now_ms: int) -> Grant:
        """Give a grant a session of its own, and the end that the policy sets it."""
        end = session_end(self._policy, now_ms // 1000)
        # The same for all tokens of a session, so that a page stays good while they are refreshed.
        registered = {**grant.registered, "csrf": new_identity()}
        return grant._replace(session=new_identity(), session_end=end, registered=registered)

    async def write_pair(
        self,
        grant: Grant,
        *,
        issued_ms: int,
        access_claims: Mapping[str, object] | None = None,
        lifetime: Lifetime | None = None,
        refresh_lifetime: Lifetime | None = None,
    ) -> Successors:
        """Write an access and a refresh token of the grant's session; see `write`."""
        refresh_jti = self._new_jti()
        access = await self.write(
            grant._replace(claims={**grant.claims, **(access_claims or {})}),
            "access",
            jti=self._new_jti(),
            lifetime=lifetime,
            issued_ms=issued_ms,
        )
        refresh = await self.write(
            grant, "refresh", jti=refresh_jti, lifetime=refresh_lifetime, issued_ms=issued_ms
        )
        pair = TokenPair(
            access,
            refresh,
            expires_in=self._expires_in(grant, "access", lifetime, issued_ms),
            scope=grant.scope,
            refresh_expires_in=self._expires_in(grant, "refresh", refresh_lifetime, issued_ms),
            csrf_token=cast("str", grant.registered["csrf"]),
        )
        return Successors(pair, refresh_jti)

    async def write(
        self,
        grant: Grant,
        kind: TokenType,
        *,
        jti: str,
        lifetime: Lifetime | None,
        issued_ms: int,
    ) -> str:
        """Write one token: run the hooks, check its claims, and sign.

        Args:
            grant: what it will say.
            kind: its type.
            jti: its identity.
            lifetime: in place of the policy's.
            issued_ms: the time, in milliseconds since 1970.

        Raises:
            ConfigurationError: a registered claim among the callers', one missing that the model
                requires, a value that JSON cannot say, or a lifetime that the policy bars.
        """
        lifetime_ms = self._lifetime_ms(kind, lifetime)
        if self._hooks.before_issue:
            grant = await self._drafted(grant, kind)
        needed = self._needed
        if (
            not (RESERVED_CLAIMS.isdisjoint(grant.claims) and needed.each <= grant.claims.keys())
            or needed.alternatives
        ):
            self._check_fit(grant.claims)
        claims = self._claims_of(
            grant, kind, jti, _expiry(grant, lifetime_ms, issued_ms), issued_ms
        )
        payload, key = dumps(claims), self._keys.signing_key()
        if isinstance(key, Key):
            return self._jws.sign(payload, typ=_TYP[kind], headers=grant.headers, key=key)
        return await self._jws.sign_with(key, payload, typ=_TYP[kind], headers=grant.headers)

    def _claims_of(
        self, grant: Grant, kind: TokenType, jti: str, exp: float | None, issued_ms: int
    ) -> dict[str, object]:
        claims: dict[str, object] = {
            **grant.claims,
            **self._policy_claims,
            **grant.registered,
            "sub": grant.subject,
            # Whole seconds, because readers that count in them would take a fraction for the
            # future; and an expiry is rounded down, so that nothing outlives what was asked for.
            "iat": issued_ms // 1000,
            "iat_ms": issued_ms % 1000,
            "jti": jti,
            "type": kind,
        }
        if self._extra_claims:
            self._write_more(claims)
        if exp is not None:
            claims["exp"] = exp
        if grant.audience is not None:
            claims["aud"] = grant.audience
        if grant.session is not None:
            claims["sid"] = grant.session
        if grant.scope:
            claims["scope"] = grant.scope
        if kind == "access":
            claims["fresh"] = grant.fresh
        elif grant.session_end is not None:
            claims["session_exp"] = grant.session_end
        return claims

    def _write_more(self, claims: dict[str, object]) -> None:
        if "nbf" in self._extra_claims:
            claims["nbf"] = claims["iat"]
        if "csrf" in self._extra_claims:
            claims.setdefault("csrf", new_identity())

    async def _drafted(self, grant: Grant, kind: TokenType) -> Grant:
        # Deep: the access and the refresh token, and often many users, share the caller's lists.
        try:
            claims = deepcopy(dict(grant.claims))
        except Exception as exc:
            msg = "A claim cannot be copied for the before_issue hooks: use plain JSON values."
            raise ConfigurationError(msg) from exc
        await run_validators(
            self._hooks.before_issue,
            TokenDraft(kind, grant.subject, grant.session, grant.scope, grant.fresh, claims),
            "A before_issue hook returns nothing: change draft.claims.",
        )
        return grant._replace(claims=claims)

    def _expires_in(
        self, grant: Grant, kind: TokenType, lifetime: Lifetime | None, issued_ms: int
    ) -> int | None:
        expires_at = _expiry(grant, self._lifetime_ms(kind, lifetime), issued_ms)
        # Within the leeway a session is refreshed after its end.
        return None if expires_at is None else max(0, int(expires_at - issued_ms // 1000))

    def _lifetime_ms(self, kind: TokenType, asked: Lifetime | None) -> int | None:
        if asked is None:
            return self._lifetimes_ms[kind]
        self._policy.check_lifetime(asked)
        return _milliseconds(asked)

    def _check_fit(self, claims: Mapping[str, object]) -> None:
        reserved = ", ".join(sorted(RESERVED_CLAIMS & claims.keys()))
        if reserved:
            msg = f"The engine alone sets {reserved}: use the arguments of issue, or the policy."
            raise ConfigurationError(msg)
        missing = ", ".join(self._needed.missing_from(frozenset(claims)))
        if missing:
            msg = f"{self._model.__name__} requires {missing}: give it with claims={{...}}."
            raise ConfigurationError(msg)


def _expiry(grant: Grant, lifetime_ms: int | None, issued_ms: int) -> float | None:
    own = None if lifetime_ms is None else (issued_ms + lifetime_ms) // 1000
    if own is None or grant.session_end is None:
        return own if grant.session_end is None else grant.session_end
    return min(own, grant.session_end)


def _milliseconds(lifetime: Lifetime) -> int | None:
    return None if lifetime is NEVER else round(lifetime.total_seconds() * 1000)
