"""From a grant to signed tokens."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Final, Generic, NamedTuple, TypeVar, cast

from tokenward.claims.model import RESERVED_CLAIMS, Claims, TokenType
from tokenward.claims.names import needed_members
from tokenward.errors import ConfigurationError, InvalidTokenError
from tokenward.hooks import RegisteredHooks, TokenDraft, run_validators
from tokenward.jose.codec import dumps, loads_payload
from tokenward.jose.compact import CompactJws
from tokenward.jose.key import Key
from tokenward.jose.key_source import KeySource
from tokenward.policy import NEVER, Lifetime, TokenPolicy
from tokenward.tokens.claim_values import check_claim_values
from tokenward.tokens.grant import Grant, session_end
from tokenward.tokens.identity import new_identity
from tokenward.tokens.member_rules import MemberRules
from tokenward.tokens.pair import TokenPair
from tokenward.tokens.provider_login import ProviderLogin, session_begun_by

__all__ = ["TokenWriter", "WrittenPair"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)

_TYP: Final[Mapping[TokenType, str]] = {"access": "at+jwt", "refresh": "JWT"}


class WrittenPair(NamedTuple):
    """A new pair, and the ``jti`` of its refresh token."""

    pair: TokenPair
    refresh_jti: str


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
        """Prepare what all tokens of the engine share.

        Args:
            jws: signs.
            keys: the keys of the engine.
            policy: the issuer, the audience and the lifetimes.
            model: the claims model; its required claims must be given.
            hooks: the hooks of the engine.
            new_jti: makes the ``jti`` of each token of a pair.
        """
        self._jws = jws
        self._keys = keys
        self._policy = policy
        self._lifetimes_ms: Mapping[TokenType, int | None] = {
            "access": _milliseconds(policy.access_lifetime),
            "refresh": _milliseconds(policy.refresh_lifetime),
        }
        self._policy_claims: dict[str, object] = {}
        self._has_several_issuers = len(policy.issuers) > 1
        if policy.issuers:
            (self._policy_claims["iss"], *_) = policy.issuers
        if policy.audience is not None:
            self._policy_claims["aud"] = policy.audience
        self._rules = MemberRules(policy)
        self._extra_claims = policy.extra_registered_claims
        self._new_jti = new_jti
        self._hooks = hooks
        self._model = model
        # Only presence is checked: validating each new token would take a third of its issuing.
        self._needed = needed_members(model)

    def begin_session(self, grant: Grant, now_ms: int, login: ProviderLogin | None) -> Grant:
        """Return the grant with a new session, which ends when the policy says.

        Raises:
            TypeError, ConfigurationError: see `session_begun_by`.
        """
        end = session_end(self._policy, now_ms // 1000)
        # One CSRF token for the whole session: an open page stays usable after a refresh.
        registered = {**grant.registered, "csrf": new_identity()}
        session = new_identity() if login is None else session_begun_by(login)
        return grant._replace(session=session, session_end=end, registered=registered)

    async def write_pair(
        self,
        grant: Grant,
        *,
        issued_ms: int,
        access_claims: Mapping[str, object] | None = None,
        lifetime: Lifetime | None = None,
        refresh_lifetime: Lifetime | None = None,
    ) -> WrittenPair:
        """Write an access and a refresh token of the grant's session; see `write`."""
        refresh_jti = self._new_jti()
        of_access = grant
        if access_claims:
            of_access = grant._replace(claims={**grant.claims, **access_claims})

        access, access_exp = await self.write(
            of_access, "access", jti=self._new_jti(), lifetime=lifetime, issued_ms=issued_ms
        )
        refresh, refresh_exp = await self.write(
            grant, "refresh", jti=refresh_jti, lifetime=refresh_lifetime, issued_ms=issued_ms
        )

        issued_at = issued_ms // 1000
        pair = TokenPair(
            access,
            refresh,
            expires_in=_seconds_until(access_exp, issued_at),
            token_type="DPoP" if grant.is_bound_to_dpop else "Bearer",
            scope=grant.scope,
            refresh_expires_in=_seconds_until(refresh_exp, issued_at),
            csrf_token=cast("str", grant.registered["csrf"]),
        )
        return WrittenPair(pair, refresh_jti)

    async def write(
        self,
        grant: Grant,
        kind: TokenType,
        *,
        jti: str,
        lifetime: Lifetime | None,
        issued_ms: int,
    ) -> tuple[str, float | None]:
        """Write one token: run the hooks, check its claims, and sign.

        Args:
            grant: its content.
            kind: its type.
            jti: its identity.
            lifetime: in place of the policy's.
            issued_ms: the time, in milliseconds since 1970.

        Returns:
            The token, and its ``exp`` (None: it never expires).

        Raises:
            ConfigurationError: the caller's claims include a registered claim or lack a claim that
                the model requires, a value cannot be written as JSON without losing its meaning, or
                the policy does not allow the lifetime, has several issuers, or would refuse the
                token.
            SigningKeyError: the keys only verify.
        """
        if self._has_several_issuers:
            msg = (
                "An engine whose policy has several issuers only verifies: issue tokens with an "
                "engine whose policy has one."
            )
            raise ConfigurationError(msg)
        exp = self._expiry(grant, kind, lifetime, issued_ms)
        if self._hooks.before_issue:
            grant = await self._drafted(grant, kind)
        needed = self._needed
        if (
            not (RESERVED_CLAIMS.isdisjoint(grant.claims) and needed.each <= grant.claims.keys())
            or needed.alternatives
        ):
            self._check_claims(grant.claims)

        payload = dumps(self._claims_of(grant, kind, jti, exp, issued_ms))
        if grant.claims:
            check_claim_values(grant.claims)
        if self._rules.are_needed:
            self._check_own(kind, payload)
        key = self._keys.signing_key()
        if isinstance(key, Key):
            token = self._jws.sign(payload, typ=_TYP[kind], headers=grant.headers, key=key)
        else:
            token = await self._jws.sign_with(key, payload, typ=_TYP[kind], headers=grant.headers)
        if len(token) > self._policy.max_token_bytes:
            msg = (
                "The token is longer than the max_token_bytes of the policy: put fewer claims into "
                "it, or raise the limit."
            )
            raise ConfigurationError(msg)
        return token, exp

    def _expiry(
        self, grant: Grant, kind: TokenType, lifetime: Lifetime | None, issued_ms: int
    ) -> float | None:
        """Return the ``exp`` of a token: the end of its lifetime or of its session."""
        if lifetime is None:
            lifetime_ms = self._lifetimes_ms[kind]
        else:
            self._policy.check_lifetime(lifetime)
            lifetime_ms = _milliseconds(lifetime)
        session_end = grant.session_end
        if lifetime_ms is None:
            return session_end
        # Rounded down, so that no token outlives the lifetime that was asked for.
        exp = (issued_ms + lifetime_ms) // 1000
        return exp if session_end is None or exp <= session_end else session_end

    def _claims_of(
        self, grant: Grant, kind: TokenType, jti: str, exp: float | None, issued_ms: int
    ) -> dict[str, object]:
        claims: dict[str, object] = {
            **grant.claims,
            **self._policy_claims,
            **grant.registered,
            "sub": grant.subject,
            # Whole seconds: readers that count in seconds would take a fraction for the future.
            "iat": issued_ms // 1000,
            "iat_ms": issued_ms % 1000,
            "jti": jti,
            "type": kind,
        }
        if self._extra_claims:
            self._add_extra_claims(claims)

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

    def _add_extra_claims(self, claims: dict[str, object]) -> None:
        if "nbf" in self._extra_claims:
            claims["nbf"] = claims["iat"]
        if "csrf" in self._extra_claims:
            claims.setdefault("csrf", new_identity())

    async def _drafted(self, grant: Grant, kind: TokenType) -> Grant:
        """Return the grant with the claims as the before_issue hooks leave them."""
        # A deep copy: the caller's lists are shared by both tokens, and often by many users.
        try:
            claims = deepcopy(dict(grant.claims))
        except Exception as exc:
            msg = "A claim cannot be copied for the before_issue hooks: use plain JSON values."
            raise ConfigurationError(msg) from exc

        await run_validators(
            self._hooks.before_issue,
            TokenDraft(
                kind,
                grant.subject,
                grant.session,
                grant.scope,
                grant.fresh,
                claims,
                acr=cast("str | None", grant.registered.get("acr")),
                actor=grant.actor,
            ),
            "A before_issue hook must return None: change draft.claims instead.",
        )
        return grant._replace(claims=claims)

    def _check_own(self, kind: TokenType, payload: bytes) -> None:
        """Refuse a token that the engine itself would not accept as what it is."""
        try:
            self._rules.check(kind, loads_payload(payload))
        except InvalidTokenError as exc:
            msg = (
                "The policy of this engine would refuse the token: pass the claims that "
                "access_token_claims and audience_claim require with claims={...}, and no claims of "
                "ID tokens; or issue tokens with an engine whose policy does not have these settings."
            )
            raise ConfigurationError(msg) from exc

    def _check_claims(self, claims: Mapping[str, object]) -> None:
        reserved = ", ".join(sorted(RESERVED_CLAIMS & claims.keys()))
        if reserved:
            msg = f"Only the engine sets {reserved}: use the arguments of issue, or the policy."
            raise ConfigurationError(msg)

        missing = ", ".join(self._needed.missing_from(frozenset(claims)))
        if missing:
            msg = f"{self._model.__name__} requires {missing}: pass it with claims={{...}}."
            raise ConfigurationError(msg)


def _seconds_until(exp: float | None, issued_at: int) -> int | None:
    # Not negative: within the leeway a session is refreshed after its end.
    return None if exp is None else max(0, int(exp - issued_at))


def _milliseconds(lifetime: Lifetime) -> int | None:
    return None if lifetime is NEVER else round(lifetime.total_seconds() * 1000)
