"""From a grant to signed tokens: what goes into a token, and that nothing else does."""

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Final, Generic, Literal, NamedTuple, TypeVar, cast

from pydantic import JsonValue

from tokenward._codec import dumps
from tokenward._jws import CompactJws
from tokenward.claims import RESERVED_CLAIMS, Claims, TokenType
from tokenward.errors import ConfigurationError
from tokenward.hooks import RegisteredHooks, TokenDraft, run_hooks
from tokenward.policy import NEVER, Lifetime, TokenPolicy, names_of

__all__ = [
    "Grant",
    "Successors",
    "TokenPair",
    "TokenWriter",
    "check_identity",
    "check_type",
    "joined_scope",
    "new_grant",
    "new_identity",
]

ClaimsT = TypeVar("ClaimsT", bound=Claims)

_TEXT: Final = (str, bytes)
_TYP: Final[Mapping[TokenType, str]] = {"access": "at+jwt", "refresh": "JWT"}


@dataclass(frozen=True, slots=True)
class TokenPair:
    """An access and a refresh token of one session, named as in RFC 6749 §5.1.

    Ready to be a JSON response. Its repr shows neither token.
    """

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int | None
    """The life of the access token in whole seconds; None: it never expires."""
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - RFC 6750, no password
    scope: str = ""
    refresh_expires_in: int | None = None
    """The life of the refresh token in whole seconds; None: it never expires."""
    csrf_token: str | None = field(default=None, repr=False)
    """What must be repeated beside either token where it travels in a cookie (`CsrfCheck`)."""


class Successors(NamedTuple):
    """A pair, and by which identity its refresh token will be known."""

    pair: TokenPair
    refresh_jti: str


class Grant(NamedTuple):
    """Everything that decides what a token will say."""

    subject: str
    claims: Mapping[str, object]
    scope: str
    """Separated by spaces (RFC 6749 §3.3)."""
    fresh: bool
    audience: str | Collection[str] | None
    headers: Mapping[str, JsonValue] | None
    registered: Mapping[str, object]
    """Registered claims that only some tokens have: ``auth_time``, ``csrf``."""
    session: str | None = None
    session_end: float | None = None
    """When the session ends; no token of it lives longer."""


def new_grant(
    subject: str,
    *,
    claims: Mapping[str, object] | None,
    scope: Collection[str],
    fresh: bool,
    audience: str | Collection[str] | None,
    headers: Mapping[str, JsonValue] | None,
    now_ms: int,
) -> Grant:
    """Check the arguments of `issue` and `issue_pair`.

    Raises:
        ConfigurationError, TypeError: one cannot be used.
    """
    check_identity(subject, "subject")
    if not isinstance(fresh, bool):
        msg = "fresh must be True or False."
        raise TypeError(msg)
    if audience is not None:
        names_of(audience, "audience")
    return Grant(
        subject,
        {} if claims is None else claims,
        joined_scope(scope) if scope else "",
        fresh,
        audience,
        headers,
        {"auth_time": now_ms // 1000} if fresh else {},
    )


def new_identity() -> str:
    """Give 128 random bits as text, for a ``jti`` or a ``sid``."""
    return os.urandom(16).hex()


def check_identity(value: str, argument: str) -> None:
    """Refuse what does not name anybody.

    Raises:
        TypeError: it is no text; RFC 7519 §4.1.2 wants a number written as text.
        ConfigurationError: it is empty.
    """
    if not isinstance(value, str):
        msg = f"{argument} must be text: for a number, str(number)."
        raise TypeError(msg)
    if not value:
        msg = f"{argument} must not be empty."
        raise ConfigurationError(msg)


def check_type(type: TokenType, *, fresh: bool) -> None:
    """Refuse what no token is for, and a refresh token that is marked fresh.

    Raises:
        ConfigurationError: it is one of these.
    """
    if type not in {"access", "refresh"}:
        msg = "type must be 'access' or 'refresh'."
        raise ConfigurationError(msg)
    if type == "refresh" and fresh:
        msg = "A refresh token is not fresh: the tokens that it gives are not."
        raise ConfigurationError(msg)


class TokenWriter(Generic[ClaimsT]):
    """Writes the tokens of one engine."""

    def __init__(
        self,
        jws: CompactJws,
        policy: TokenPolicy,
        model: type[ClaimsT],
        hooks: RegisteredHooks[ClaimsT],
        new_jti: Callable[[], str],
    ) -> None:
        """Take what all tokens of the engine share, and what makes their identities."""
        self._jws = jws
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
        self._writes_more = policy.also_write
        self._new_jti = new_jti
        self._hooks = hooks
        self._model = model
        # Only presence is looked at: to validate each token again would cost a third of its issuing.
        self._needed = frozenset(
            info.alias or name
            for name, info in model.model_fields.items()
            if info.is_required() and info.validation_alias in {None, info.alias}
        )

    def begin_session(self, grant: Grant, now_ms: int) -> Grant:
        """Give a grant a session of its own, and the end that the policy sets it."""
        lasts = self._policy.session_lifetime
        end = None if lasts is None else now_ms // 1000 + int(lasts.total_seconds())
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
        if not (RESERVED_CLAIMS.isdisjoint(grant.claims) and self._needed <= grant.claims.keys()):
            raise ConfigurationError(self._misfit(grant.claims))
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
        if self._writes_more:
            self._write_more(claims)
        exp = _expiry(grant, lifetime_ms, issued_ms)
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
        return self._jws.sign(dumps(claims), typ=_TYP[kind], headers=grant.headers)

    def _write_more(self, claims: dict[str, object]) -> None:
        if "nbf" in self._writes_more:
            claims["nbf"] = claims["iat"]
        if "csrf" in self._writes_more:
            claims.setdefault("csrf", new_identity())

    async def _drafted(self, grant: Grant, kind: TokenType) -> Grant:
        claims = dict(grant.claims)
        await run_hooks(
            self._hooks.before_issue,
            TokenDraft(kind, grant.subject, grant.session, grant.scope, grant.fresh, claims),
        )
        return grant._replace(claims=claims)

    def _expires_in(
        self, grant: Grant, kind: TokenType, lifetime: Lifetime | None, issued_ms: int
    ) -> int | None:
        over_at = _expiry(grant, self._lifetime_ms(kind, lifetime), issued_ms)
        return None if over_at is None else int(over_at - issued_ms // 1000)

    def _lifetime_ms(self, kind: TokenType, asked: Lifetime | None) -> int | None:
        if asked is None:
            return self._lifetimes_ms[kind]
        self._policy.check_lifetime(asked)
        return _milliseconds(asked)

    def _misfit(self, claims: Mapping[str, object]) -> str:
        reserved = ", ".join(sorted(RESERVED_CLAIMS & claims.keys()))
        if reserved:
            return f"The engine alone sets {reserved}: use the arguments of issue, or the policy."
        missing = ", ".join(sorted(self._needed - claims.keys()))
        return f"{self._model.__name__} requires {missing}: give it with claims={{...}}."


def _expiry(grant: Grant, lifetime_ms: int | None, issued_ms: int) -> float | None:
    own = None if lifetime_ms is None else (issued_ms + lifetime_ms) // 1000
    if own is None or grant.session_end is None:
        return own if grant.session_end is None else grant.session_end
    return min(own, grant.session_end)


def _milliseconds(lifetime: Lifetime) -> int | None:
    return None if lifetime is NEVER else round(lifetime.total_seconds() * 1000)


def joined_scope(scope: Collection[str], *, argument: str = "scope") -> str:
    """Check scopes that the programmer gave, and join them by spaces.

    Raises:
        TypeError: one text instead of several: ``"orders:read"`` for ``["orders:read"]``.
        ConfigurationError: a scope is empty, or has a space, a quote or another letter that
            RFC 6749 §3.3 bars.
    """
    if isinstance(scope, _TEXT):
        msg = f"{argument} must be several scopes, as in {argument}=['orders:read']."
        raise TypeError(msg)
    if not scope:
        return ""
    joined = " ".join(scope)
    # RFC 6749 §3.3: printable ASCII without space, quote and backslash, at least one letter.
    if (
        "" in scope
        or joined.count(" ") != len(scope) - 1
        or not (joined.isascii() and joined.isprintable())
        or '"' in joined
        or "\\" in joined
    ):
        msg = f"{argument} holds something that is not a scope (RFC 6749 §3.3)."
        raise ConfigurationError(msg)
    return joined
