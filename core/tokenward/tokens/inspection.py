"""What a token says, unverified, and everything in its claims that a policy refuses.

For tools that explain a token to a person, such as ``tokenward inspect``. To accept a token, call
`TokenEngine.decode`: nothing in this module checks a signature or a revocation.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from pydantic import JsonValue

from tokenward.claims.model import RESERVED_CLAIMS, Claims
from tokenward.errors import (
    InvalidClaimError,
    InvalidTokenError,
    MalformedTokenError,
    MissingClaimError,
    TokenNotYetValidError,
    WrongTokenTypeError,
)
from tokenward.jose.algorithms import ALGORITHMS
from tokenward.jose.codec import all_finite, b64url_decode, loads_header, loads_payload
from tokenward.jose.compact import normalize_typ
from tokenward.jose.key_source import KeySource
from tokenward.jose.segments import split_compact, text_of_token
from tokenward.policy import TokenPolicy
from tokenward.tokens.validator import ClaimsValidator

__all__ = ["UnverifiedToken", "list_faults", "read_unverified"]

_TIMES: Final = ("exp", "iat", "nbf")


@dataclass(frozen=True, slots=True, repr=False)
class UnverifiedToken:
    """The parts of a token. Anyone may have written them: nothing is verified.

    Its `repr` shows no part of the token.
    """

    header: dict[str, JsonValue]
    claims: dict[str, JsonValue]
    payload: bytes
    """The bytes from which `claims` was read."""
    signature: str
    """In base64url, as in the token."""
    signature_bytes: int
    """The length of the decoded signature."""

    @property
    def has_known_algorithm(self) -> bool:
        """Whether ``alg`` names an algorithm that Tokenward implements; ``none`` is not one."""
        algorithm = self.header.get("alg")
        return isinstance(algorithm, str) and algorithm in ALGORITHMS


def read_unverified(token: str, *, max_bytes: int) -> UnverifiedToken:
    """Return the parts of a token in compact form (RFC 7515 §7.1), without verifying it.

    Args:
        token: the compact form.
        max_bytes: the longest token that is read; see `TokenPolicy.max_token_bytes`.

    Raises:
        MalformedTokenError: the token is too long, is not three base64url segments, or its header
            or payload is not a JSON object.

    Not checked: the signature, and what the header and the claims mean.
    """
    segments = split_compact(text_of_token(token, max_bytes=max_bytes))
    header = loads_header(b64url_decode(segments[0]))
    payload = b64url_decode(segments[1])
    claims = loads_payload(payload)
    # JSON has no NaN and no Infinity (RFC 8259 §6), but the parsers accept 1e999.
    if not all_finite(header) or not all_finite(claims):
        raise MalformedTokenError

    return UnverifiedToken(header, claims, payload, segments[2], len(b64url_decode(segments[2])))


def list_faults(
    token: UnverifiedToken, policy: TokenPolicy, *, keys: KeySource, now: float
) -> list[InvalidTokenError]:
    """Return everything in the claims and the header's ``typ`` that a policy refuses.

    `TokenEngine.decode` raises the first fault that it finds; this function finds all of them. The
    list is empty if and only if `decode` with ``type=None`` accepts the same claims, read by the
    standard claims model.

    Args:
        token: from `read_unverified`.
        policy: the rules.
        keys: the keys of the engine. They decide whether tokens have a maximum age.
        now: the time, in seconds since 1970.

    Returns:
        Missing claims first, then issuer, audience, type and times. If a claim has the wrong type,
        that is the only fault.

    Not checked: the signature, revocation and hooks.
    """
    lister = _FaultLister(policy, keys)
    try:
        claims = lister.read_claims(token.payload)
    except InvalidTokenError as exc:
        return [exc]
    return list(lister.faults(claims, token, now))


class _FaultLister(ClaimsValidator[Claims]):
    """Makes the checks of `ClaimsValidator.check`, and goes on after a fault."""

    def __init__(self, policy: TokenPolicy, keys: KeySource) -> None:
        super().__init__(Claims, policy, keys)
        self._required = sorted(policy.required_claims)
        self._audience_claim = policy.audience_claim

    def faults(
        self, claims: Claims, token: UnverifiedToken, now: float
    ) -> Iterator[InvalidTokenError]:
        missing = [name for name in self._required if _is_missing(name, claims, token)]
        yield from map(MissingClaimError, missing)
        for name in _TIMES:
            is_null = getattr(claims, name) is None and name in claims.model_fields_set
            if is_null and name not in missing:
                yield InvalidClaimError(name)

        if self._issuer is not None and claims.iss != self._issuer and "iss" not in missing:
            yield from _raised(lambda: self._check_issuer(claims.iss, claims.type))
        yield from self._audience_faults(claims, token, missing)
        kind = "access" if "type" in missing else claims.type
        if self._type_of(kind, _media_type(token)) is None:
            yield WrongTokenTypeError()
        else:
            yield from _raised(lambda: self._rules.check_access_claims(kind, token.claims))

        if claims.iat is not None and claims.iat > now + self._leeway:
            yield TokenNotYetValidError(claim="iat")
        if claims.nbf is not None and now < claims.nbf - self._leeway:
            yield TokenNotYetValidError(claim="nbf")
        yield from _raised(lambda: self._check_age(claims.exp, None, now))
        yield from _raised(lambda: self._check_age(None, claims.iat, now))

    def _audience_faults(
        self, claims: Claims, token: UnverifiedToken, missing: list[str]
    ) -> Iterator[InvalidTokenError]:
        aud = claims.aud
        if aud is None and self._requires_aud and "aud" not in missing:
            yield MissingClaimError("aud")
        if aud is not None and self._audiences.isdisjoint(claims.audiences):
            faults = _raised(lambda: self._check_empty_audience(aud))
            yield from (each for each in faults if "aud" not in missing or aud)
        if self._audience_claim not in missing:
            yield from _raised(lambda: self._rules.check_audience_claim(token.claims))


def _raised(check: Callable[[], None]) -> list[InvalidTokenError]:
    try:
        check()
    except InvalidTokenError as exc:
        return [exc]
    return []


def _is_missing(name: str, claims: Claims, token: UnverifiedToken) -> bool:
    """Whether a claim is absent, null or empty text."""
    if name in RESERVED_CLAIMS:
        return name not in claims.model_fields_set or getattr(claims, name) in {None, "", ()}
    return token.claims.get(name) in (None, "")


def _media_type(token: UnverifiedToken) -> str | None:
    typ = token.header.get("typ")
    return normalize_typ(typ) if isinstance(typ, str) else None
