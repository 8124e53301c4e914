"""From a verified payload to checked claims: the policy applied, in full, on every path."""

import math
from datetime import datetime
from typing import Final, Generic, TypeVar, get_args
from uuid import UUID

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from tokenward._codec import all_finite
from tokenward._memory import VerifiedJws
from tokenward.claims import RESERVED_CLAIMS, Claims, TokenType
from tokenward.errors import (
    InvalidAudienceError,
    InvalidClaimError,
    InvalidIssuerError,
    InvalidTokenError,
    MalformedTokenError,
    MissingClaimError,
    TokenExpiredError,
    TokenNotYetValidError,
    WrongTokenTypeError,
)
from tokenward.policy import ALWAYS_REQUIRED, TokenPolicy

__all__ = ["ClaimsValidator"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)

_ACCESS_TYP: Final = "at+jwt"  # RFC 9068 §2.1
# Types of fields that hold no float, or one that the model itself has looked at.
_CLOSED_TYPES: Final = frozenset({str, int, float, bool, bytes, datetime, UUID, type(None), ...})
_KNOWN_TYPES: Final = frozenset({"access", "refresh"})
# RFC 8725 §3.11: a token that was typed for another purpose is not taken for ours.
_OUR_TYPS: Final = frozenset({_ACCESS_TYP, "jwt", None})
# What Pydantic calls a payload that is no JSON, or JSON that is no object.
_NO_OBJECT: Final = frozenset({"json_invalid", "model_type", "model_attributes_type"})


class ClaimsValidator(Generic[ClaimsT]):
    """Reads payloads into one claims model, and holds them against one policy."""

    def __init__(self, model: type[ClaimsT], policy: TokenPolicy) -> None:
        """Prepare what does not change from token to token."""
        self._validate_json = model.__pydantic_validator__.validate_json
        self._issuer = policy.issuer
        self._audiences = policy.audiences
        self._type_from = policy.type_from
        self._open_fields = tuple(
            name
            for name, info in model.model_fields.items()
            if name not in RESERVED_CLAIMS and _may_hide_a_float(info.annotation)
        )
        self._claim_names = _claim_names(model)
        self._named = frozenset(policy.required_claims)
        self._registered = sorted(self._named & RESERVED_CLAIMS)
        self._asks_more = not ALWAYS_REQUIRED.issuperset(self._named)
        self._leeway = policy.leeway.total_seconds()
        bound = policy.age_bound
        self._max_age = None if bound is None else bound.total_seconds()

    def read(self, payload: bytes) -> ClaimsT:
        """Parse a payload; nothing but its form and the types of its claims is checked.

        Raises:
            MalformedTokenError: it is not a JSON object in UTF-8.
            MissingClaimError: a claim that the model requires is absent.
            InvalidClaimError: a claim is not of the model's type.
        """
        try:
            claims: ClaimsT = self._validate_json(payload)
        except ValidationError as exc:
            refusal = self._translate(exc)
        else:
            if not (claims.__pydantic_extra__ or self._open_fields) or self._is_finite(claims):
                return claims
            refusal = MalformedTokenError()
        # Raised out here: inside `except` it would carry Pydantic's error, and that the payload.
        raise refusal

    def check(
        self, claims: ClaimsT, jws: VerifiedJws, *, expected: TokenType | None, now: float
    ) -> None:
        """Hold claims against the policy (RFC 7519 §4.1 and §7.2, RFC 8725 §3.8 to §3.12).

        Raises:
            MissingClaimError: a claim that the policy requires is absent or empty.
            InvalidIssuerError, InvalidAudienceError: it comes from, or is meant for, somebody else.
            WrongTokenTypeError: it is not of the expected type.
            TokenNotYetValidError, TokenExpiredError: its time has not come, or is over.
        """
        exp, iat, nbf, kind = claims.exp, claims.iat, claims.nbf, claims.type
        # A null or an empty text is as good as absent.
        if (
            exp is None
            or iat is None
            or not (kind and claims.sub and claims.jti)
            or self._asks_more
            # Nor is what the model put in place of an absent one.
            or not claims.model_fields_set >= self._named
        ):
            self._check_presence(claims)
        if self._issuer is not None and claims.iss != self._issuer:
            raise MissingClaimError(claim="iss") if claims.iss is None else InvalidIssuerError
        aud = claims.aud
        if aud is not None:
            # Where no audience is configured, none is ours: RFC 7519 §4.1.3.
            if self._audiences.isdisjoint((aud,) if isinstance(aud, str) else aud):
                raise InvalidAudienceError
        elif self._audiences:
            raise MissingClaimError(claim="aud")
        found = self._type_of(kind, jws.typ)
        if found is None or (found != expected and expected is not None):
            raise WrongTokenTypeError
        if iat is not None and iat > now + self._leeway:
            raise TokenNotYetValidError(claim="iat")
        if nbf is not None and now < nbf - self._leeway:
            raise TokenNotYetValidError(claim="nbf")
        if now >= self._end_of(exp, iat):
            raise TokenExpiredError

    def over_at(self, claims: ClaimsT) -> float:
        """Give the moment at which the time of a token is over, leeway included."""
        return self._end_of(claims.exp, claims.iat)

    def _end_of(self, exp: float | None, iat: float | None) -> float:
        # RFC 7519 §4.1.4: the current time must be before exp.
        end = math.inf if exp is None else exp
        if self._max_age is not None and iat is not None and iat + self._max_age < end:
            end = iat + self._max_age
        return end + self._leeway

    def _is_finite(self, claims: ClaimsT) -> bool:
        # JSON has no NaN and no Infinity (RFC 8259 §6); Pydantic's parser takes them, and makes
        # one of 1e999. The model refuses them in its own floats, and here is the rest.
        extra = claims.__pydantic_extra__
        if extra and not all_finite(extra):
            return False
        return not self._open_fields or all(
            all_finite(getattr(claims, name)) for name in self._open_fields
        )

    def _check_presence(self, claims: ClaimsT) -> None:
        for name in self._registered:
            if getattr(claims, name) in {None, ""}:
                raise MissingClaimError(name)
        if not claims.model_fields_set >= self._named:
            raise MissingClaimError(min(self._named - claims.model_fields_set))

    def _type_of(self, kind: str, typ: str | None) -> str | None:
        """Give the type of the token, or None where its claim, header and policy disagree."""
        source = self._type_from
        if source == "typ":
            return "access" if typ == _ACCESS_TYP else None
        if typ not in _OUR_TYPS:
            return None
        if source == "always-access" or kind == "access":
            return "access"
        return kind if kind in _KNOWN_TYPES and typ != _ACCESS_TYP else None

    def _translate(self, error: ValidationError) -> InvalidTokenError:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        location = first["loc"]
        if not location and first["type"] in _NO_OBJECT:
            return MalformedTokenError()
        # A name that only the token knows is not repeated.
        name = str(location[0]) if location else ""
        claim = name if name in self._claim_names else "(several or unnamed)"
        if first["type"] == "missing" and len(location) == 1:
            return MissingClaimError(claim)
        return InvalidClaimError(claim)


def _may_hide_a_float(annotation: object) -> bool:
    """Tell of a field's type whether it takes values of which the model does not say what they are."""
    inner = get_args(annotation)
    if inner:
        return any(_may_hide_a_float(each) for each in inner)
    return annotation not in _CLOSED_TYPES


def _claim_names(model: type[Claims]) -> frozenset[str]:
    def names(name: str, info: FieldInfo) -> set[str]:
        aliases = {info.alias, info.validation_alias}
        return {name} | {alias for alias in aliases if isinstance(alias, str)}

    return frozenset().union(*(names(*item) for item in model.model_fields.items()))
