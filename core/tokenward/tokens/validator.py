"""Checks claims against the policy; every path of the engine makes all checks."""

import math
from collections.abc import Mapping
from datetime import timedelta
from typing import Final, Generic, TypeVar

from pydantic import JsonValue

from tokenward.claims.model import RESERVED_CLAIMS, Claims, TokenType
from tokenward.claims.rules import ClaimRules
from tokenward.errors import (
    FreshTokenRequiredError,
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
from tokenward.tokens.reader import ClaimsReader

__all__ = ["ClaimsValidator"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)

_ACCESS_TYP: Final = "at+jwt"  # RFC 9068 §2.1
_KNOWN_TYPES: Final = frozenset({"access", "refresh"})
# RFC 8725 §3.11: a token with the ``typ`` of another purpose is refused.
_OUR_TYPS: Final = frozenset({_ACCESS_TYP, "jwt", None})
# OpenID Connect Core §2, §3.1.3.6 and §3.3.2.11: claims of ID tokens.
_OF_ID_TOKENS: Final = frozenset({"nonce", "at_hash", "c_hash"})


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
        self._issuer = policy.issuer
        self._audiences = policy.audiences
        self._audience_claim = policy.audience_claim
        self._requires_aud = policy.audience is not None and policy.audience_claim == "aud"
        self._is_for_others = policy.is_for_others
        self._type_source = policy.type_source
        self._refuses_id_tokens = policy.type_source != "claim" and not policy.accept_id_tokens
        rules = policy.access_token_claims
        self._access_rules = rules if isinstance(rules, ClaimRules) else None
        # One flag, so that own tokens do not pay for rules about tokens of other issuers.
        self._reads_members = (
            self._refuses_id_tokens
            or self._access_rules is not None
            or policy.audience_claim != "aud"
        )
        self._issuer_optional_in = policy.issuer_optional_in
        self._required_registered = RESERVED_CLAIMS.intersection(policy.required_claims)
        self._required_names = sorted(self._required_registered)
        self._required_others = sorted(frozenset(policy.required_claims) - RESERVED_CLAIMS)
        self._requires_more = not ALWAYS_REQUIRED.issuperset(policy.required_claims)
        self._leeway = policy.leeway.total_seconds()
        bound = policy.age_bound
        self._max_age = math.inf if bound is None else bound.total_seconds()
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
        exp, iat, nbf, kind = claims.exp, claims.iat, claims.nbf, claims.type
        # A null or an empty text counts as absent.
        if (
            exp is None
            or iat is None
            or not (kind and claims.sub and claims.jti)
            or self._requires_more
            or (nbf is None and "nbf" in claims.__pydantic_fields_set__)
        ):
            self._check_presence(claims, jws.payload)

        if self._issuer is not None and claims.iss != self._issuer:
            self._check_issuer(claims.iss, kind)
        aud = claims.aud
        if aud is not None:
            # RFC 7519 §4.1.3. Without a configured audience, every named audience is another one.
            if self._audiences.isdisjoint((aud,) if isinstance(aud, str) else aud):
                self._check_empty_audience(aud)
        elif self._requires_aud:
            raise MissingClaimError(claim="aud")
        if self._reads_members:
            self._check_members(kind, jws.payload)

        found = self._type_of(kind, jws.typ)
        if found is None or (found != expected and expected is not None):
            raise WrongTokenTypeError

        if iat is not None and iat > now + self._leeway:
            raise TokenNotYetValidError(claim="iat")
        if nbf is not None and now < nbf - self._leeway:
            raise TokenNotYetValidError(claim="nbf")
        self._check_age(exp, iat, now)

    def seconds_left(self, claims: ClaimsT, now: float) -> float:
        """Return the seconds until a token expires, including leeway; infinity: it never expires.

        Raises:
            TokenExpiredError: it has expired.
            TokenTooOldError: it is older than the policy allows.
        """
        self._check_age(claims.exp, claims.iat, now)
        return self.expires_at(claims) - now

    def expires_at(self, claims: ClaimsT) -> float:
        """Return the time from which a token is refused for its expiry or age, including leeway."""
        end = math.inf if claims.exp is None else claims.exp
        if claims.iat is not None and claims.iat + self._max_age < end and self._has_age_bound():
            end = claims.iat + self._max_age
        return end + self._leeway

    def check_fresh(self, claims: ClaimsT, max_age: timedelta | None, now: float) -> None:
        """Check the time of the login, or the ``fresh`` claim if `max_age` is None.

        Raises:
            FreshTokenRequiredError: the login is too old or unknown, or the token is not fresh.
        """
        if max_age is None:
            # flask-jwt-extended: True, or the time until which the token counts as fresh.
            if claims.fresh is False or (claims.fresh is not True and now >= claims.fresh):
                raise FreshTokenRequiredError
            return
        logged_in_at = claims.auth_time
        if logged_in_at is None and claims.fresh is True:
            # A token that is marked fresh was issued at the login itself.
            logged_in_at = claims.iat
        seconds = max_age.total_seconds()
        if logged_in_at is None or now > logged_in_at + seconds + self._leeway:
            raise FreshTokenRequiredError(int(seconds))

    def _check_issuer(self, issuer: str | None, kind: str) -> None:
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

    def _check_members(self, kind: str, payload: bytes) -> None:
        """Check what the policy says about other claims, by their names in the token."""
        members = loads_payload(payload)
        if self._audience_claim != "aud":
            self._check_audience_claim(members)
        self._check_access_claims(kind, members)

    def _check_audience_claim(self, members: Mapping[str, JsonValue]) -> None:
        named = members.get(self._audience_claim)
        if named in (None, "", []):
            raise MissingClaimError(self._audience_claim)
        names = named if isinstance(named, list) else [named]
        if not all(isinstance(name, str) for name in names):
            raise InvalidClaimError(self._audience_claim)
        if self._audiences.isdisjoint(names):
            raise InvalidAudienceError

    def _check_access_claims(self, kind: str, members: Mapping[str, JsonValue]) -> None:
        """Refuse an ID token, and a token without the claims of an access token."""
        if self._type_source == "claim" and kind != "access":
            return
        if self._refuses_id_tokens and not _OF_ID_TOKENS.isdisjoint(members):
            raise WrongTokenTypeError
        if self._access_rules is not None and not self._access_rules.are_met(members):
            raise WrongTokenTypeError

    def _check_age(self, exp: float | None, iat: float | None, now: float) -> None:
        # RFC 7519 §4.1.4: the current time must be before exp.
        if exp is not None and now >= exp + self._leeway:
            raise TokenExpiredError
        is_old = iat is not None and now >= iat + self._max_age + self._leeway
        if is_old and self._has_age_bound():
            raise TokenTooOldError

    def _has_age_bound(self) -> bool:
        # Checked for each token, because a ring may get a private key while the service runs.
        return self._sets_max_age or self._keys.can_sign

    def _check_presence(self, claims: ClaimsT, payload: bytes) -> None:
        for name in self._required_names:
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
        if typ not in _OUR_TYPS:
            return None
        if source == "always-access" or kind == "access":
            return "access"
        return kind if kind in _KNOWN_TYPES and typ != _ACCESS_TYP else None
