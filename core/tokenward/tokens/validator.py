"""Checks claims against the policy; every path of the engine makes all checks."""

import math
from collections.abc import Sequence
from datetime import timedelta
from operator import itemgetter
from typing import Final, Generic, TypeVar

from tokenward.claims.acr import checked_acr_values, satisfies
from tokenward.claims.login_limits import login_limits
from tokenward.claims.model import RESERVED_CLAIMS, Claims, TokenType
from tokenward.claims.rules import check_above_zero
from tokenward.errors import (
    FreshTokenRequiredError,
    InsufficientAuthenticationError,
    InvalidAudienceError,
    InvalidClaimError,
    InvalidIssuerError,
    MissingClaimError,
    TokenExpiredError,
    TokenNotYetValidError,
    TokenTooOldError,
    WrongTokenTypeError,
)
from tokenward.jose.codec import loads_payload
from tokenward.jose.compact import VerifiedJws
from tokenward.jose.key_source import KeySource
from tokenward.policy import ALWAYS_REQUIRED, TokenPolicy
from tokenward.tokens.member_rules import MemberRules
from tokenward.tokens.reader import ClaimsReader

__all__ = ["ClaimsValidator"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)

_checked: Final = itemgetter("sub", "exp", "iat", "nbf", "jti", "type", "iss", "aud")
_ACCESS_TYP: Final = "at+jwt"  # RFC 9068 §2.1
_KNOWN_TYPES: Final = frozenset({"access", "refresh"})
# RFC 8725 §3.11: a token with the ``typ`` of another purpose is refused.
_OUR_TYPS: Final = frozenset({_ACCESS_TYP, "jwt", None})


class ClaimsValidator(ClaimsReader[ClaimsT], Generic[ClaimsT]):
    """Reads payloads into one claims model, and checks them against one policy."""

    def __init__(self, model: type[ClaimsT], policy: TokenPolicy, keys: KeySource) -> None:
        """Prepare what is the same for all tokens.

        Args:
            model: the claims model.
            policy: the rules.
            keys: the keys of the engine. If they only verify, tokens have a maximum age only if
                the policy sets `max_token_age`.

        Raises:
            TypeError: the model redefines registered claims.
        """
        super().__init__(model, policy)
        self._issuers = policy.issuers
        # Compared first, so that one issuer costs no more than a comparison.
        self._issuer = min(policy.issuers, default=None)
        self._audiences = policy.audiences
        self._requires_aud = policy.audience is not None and policy.audience_claim == "aud"
        self._is_for_others = policy.is_for_others
        self._type_source = policy.type_source
        # RFC 9068 §4: a profile demands the header of access tokens, whatever their claims say.
        self._access_typs = _OUR_TYPS if policy.profile is None else frozenset({_ACCESS_TYP})
        self._rules = MemberRules(policy)
        # One flag, so that own tokens do not pay for rules about tokens of other issuers.
        self._reads_members = self._rules.are_needed
        self._issuer_optional_in = policy.issuer_optional_in
        self._required_registered = RESERVED_CLAIMS.intersection(policy.required_claims)
        self._required_others = sorted(frozenset(policy.required_claims) - RESERVED_CLAIMS)
        self._requires_more = not ALWAYS_REQUIRED.issuperset(policy.required_claims)
        self._acr_levels = policy.acr_levels
        self._leeway = policy.leeway.total_seconds()
        bound = policy.age_bound
        self._max_age = math.inf if bound is None else bound.total_seconds()
        self._old_after = self._max_age + self._leeway
        self._sets_max_age = policy.max_token_age is not None
        self._keys = keys

    def check(
        self, claims: ClaimsT, jws: VerifiedJws, *, expected: TokenType | None, now: float
    ) -> None:
        """Check claims against the policy (RFC 7519 §4.1 and §7.2, RFC 8725 §3.8 to §3.12).

        Args:
            claims: the claims of the token.
            jws: its payload and ``typ``, verified.
            expected: the type that it must have; None: any known type.
            now: the time, in seconds since 1970.

        Raises:
            MissingClaimError: a claim that the policy requires is absent or empty.
            InvalidClaimError: ``exp``, ``iat`` or ``nbf`` is null.
            InvalidIssuerError, InvalidAudienceError: the issuer or the audience is another one.
            WrongTokenTypeError: the token does not have the expected type, is an ID token, or
                lacks the claims of an access token.
            TokenNotYetValidError, TokenExpiredError: the token is not valid yet, or has expired.
            TokenTooOldError: the token is older than the policy allows.
        """
        # Read together, because an attribute of a Pydantic model takes ten times as long.
        sub, exp, iat, nbf, jti, kind, iss, aud = _checked(claims.__dict__)
        # A null or an empty text counts as absent.
        if (
            exp is None
            or iat is None
            or not (kind and sub and jti)
            or self._requires_more
            or (nbf is None and "nbf" in claims.__pydantic_fields_set__)
        ):
            self._check_presence(claims, jws.payload)

        if self._issuer is not None and iss != self._issuer:
            self._check_issuer(iss, kind)
        if aud is not None:
            # RFC 7519 §4.1.3. Without a configured audience, every named audience is another one.
            if self._audiences.isdisjoint((aud,) if isinstance(aud, str) else aud):
                self._check_empty_audience(aud)
        elif self._requires_aud:
            raise MissingClaimError(claim="aud")
        if self._reads_members:
            self._rules.check(kind, loads_payload(jws.payload))

        found = self._type_of(kind, jws.typ)
        if found is None or (found != expected and expected is not None):
            raise WrongTokenTypeError

        if iat is not None and iat > now + self._leeway:
            raise TokenNotYetValidError(claim="iat")
        if nbf is not None and now < nbf - self._leeway:
            raise TokenNotYetValidError(claim="nbf")
        self._check_age(exp, iat, now)

    def seconds_left(self, claims: ClaimsT, now: float) -> float:
        """Return the seconds until a token is refused, including leeway; infinity: never.

        It is refused when it expires, or when its login becomes too old for the request that it
        was sent with.

        Raises:
            TokenExpiredError: it has expired.
            TokenTooOldError: it is older than the policy allows.
            FreshTokenRequiredError, InsufficientAuthenticationError: its login is too old.
        """
        self._check_age(claims.exp, claims.iat, now)
        end = self.expires_at(claims)
        for fresh, acr, max_age in login_limits(claims):
            if fresh:
                self.check_fresh(claims, now)
                end = min(end, math.inf if claims.fresh is True else claims.fresh)
            self.check_login(claims, acr, max_age, now)
            if max_age is not None:
                end = min(end, self._login_expires_at(claims, max_age))
        return end - now

    def expires_at(self, claims: ClaimsT) -> float:
        """Return the time from which a token is refused for its expiry or age, including leeway."""
        end = math.inf if claims.exp is None else claims.exp
        if claims.iat is not None and claims.iat + self._max_age < end and self._has_age_bound():
            end = claims.iat + self._max_age
        return end + self._leeway

    def check_fresh(self, claims: ClaimsT, now: float) -> None:
        """Check the ``fresh`` claim.

        Raises:
            FreshTokenRequiredError: the token is not fresh.
        """
        # flask-jwt-extended: True, or the time until which the token counts as fresh.
        if claims.fresh is False or (claims.fresh is not True and now >= claims.fresh):
            raise FreshTokenRequiredError

    def check_login(
        self, claims: ClaimsT, acr: Sequence[str] | None, max_age: timedelta | None, now: float
    ) -> None:
        """Check the level and the time of the login.

        Raises:
            InsufficientAuthenticationError: the login is too old, too weak or unknown. The error
                names everything that is required: one login then suffices.
            ConfigurationError: `acr` or `max_age` is invalid.
        """
        # A requirement has checked its tuple. Within one text, "1" would be a level of "10".
        if acr is not None and type(acr) is not tuple:
            acr = checked_acr_values(acr, "acr")
        check_above_zero(max_age, "max_age")
        is_sufficient = acr is None or satisfies(claims.acr, acr, self._acr_levels)
        if max_age is not None and now > self._login_expires_at(claims, max_age):
            is_sufficient = False
        if not is_sufficient:
            raise InsufficientAuthenticationError(
                tuple(acr or ()), None if max_age is None else int(max_age.total_seconds())
            )

    def _login_expires_at(self, claims: ClaimsT, max_age: timedelta) -> float:
        """Return the last time at which a login is recent enough; minus infinity: it is unknown."""
        logged_in_at = claims.auth_time
        if logged_in_at is None and claims.fresh is True:
            # A token that is marked fresh was issued at the login itself.
            logged_in_at = claims.iat
        if logged_in_at is None:
            return -math.inf
        return logged_in_at + max_age.total_seconds() + self._leeway

    def _check_issuer(self, issuer: str | None, kind: str) -> None:
        if issuer in self._issuers:
            return
        if issuer is not None:
            raise InvalidIssuerError
        if kind not in self._issuer_optional_in:
            raise MissingClaimError(claim="iss")

    def _check_empty_audience(self, audience: str | tuple[str, ...]) -> None:
        """Refuse an audience that names others; an empty list of another issuer counts as absent."""
        if audience != () or not self._is_for_others:
            raise InvalidAudienceError
        if self._requires_aud:
            raise MissingClaimError(claim="aud")

    def _check_age(self, exp: float | None, iat: float | None, now: float) -> None:
        # RFC 7519 §4.1.4: the current time must be before exp.
        if exp is not None and now >= exp + self._leeway:
            raise TokenExpiredError
        is_old = iat is not None and now >= iat + self._old_after
        if is_old and self._has_age_bound():
            raise TokenTooOldError

    def _has_age_bound(self) -> bool:
        # Checked for each token, because a ring may get a private key while the service runs.
        return self._sets_max_age or self._keys.can_sign

    def _check_presence(self, claims: ClaimsT, payload: bytes) -> None:
        for name in sorted(self._required_registered):
            if getattr(claims, name) in {None, "", ()}:
                raise MissingClaimError(name)
        if not claims.__pydantic_fields_set__ >= self._required_registered:
            raise MissingClaimError(min(self._required_registered - claims.__pydantic_fields_set__))
        for name in ("exp", "iat", "nbf"):
            # RFC 7519 §4.1: a time is a number. A null must not remove a limit that was intended.
            if getattr(claims, name) is None and name in claims.__pydantic_fields_set__:
                raise InvalidClaimError(name)
        if self._required_others:
            # By their names in the token, which may differ from the fields of the model.
            members = loads_payload(payload)
            for name in self._required_others:
                if members.get(name) in (None, ""):
                    raise MissingClaimError(name)

    def _type_of(self, kind: str, typ: str | None) -> str | None:
        """Return the type of a token; None: its claim, header and the policy do not agree."""
        source = self._type_source
        if source == "typ":
            return "access" if typ == _ACCESS_TYP else None
        if source == "always-access" or kind == "access":
            return "access" if typ in self._access_typs else None
        is_plain = typ in _OUR_TYPS and typ != _ACCESS_TYP
        return kind if is_plain and kind in _KNOWN_TYPES else None
