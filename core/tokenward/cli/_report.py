"""What is wrong with a token, in the words of the engine."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

from pydantic import JsonValue

from tokenward.claims.model import Claims
from tokenward.cli._clock import iso_text, relative_text
from tokenward.cli._token import Parts
from tokenward.engine.token_engine import TokenEngine
from tokenward.errors import (
    AlgorithmMismatchError,
    InvalidAudienceError,
    InvalidIssuerError,
    InvalidSignatureError,
    InvalidTokenError,
    KeysUnavailableError,
    MalformedTokenError,
    MissingClaimError,
    TokenError,
    UnknownKeyError,
    UnsupportedHeaderError,
    WrongTokenTypeError,
)
from tokenward.jose.algorithms import ALGORITHMS
from tokenward.jose.compact import VerifiedJws
from tokenward.policy import TokenPolicy
from tokenward.tokens.validator import ClaimsValidator

__all__ = ["Report", "examine"]

Verdict: TypeAlias = Literal["good", "bad", "not-verified"]

# Those that the engine raises where no signature has been found to be good.
_OF_THE_KEYS: Final = (UnknownKeyError, AlgorithmMismatchError, InvalidSignatureError)
_UNSIGNED: Final = (*_OF_THE_KEYS, MalformedTokenError, UnsupportedHeaderError)
_TIMES: Final = ("iat", "nbf", "exp", "auth_time", "session_exp", "fresh")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A token, and what an engine of this configuration says to it."""

    parts: Parts
    now: float
    has_keys: bool
    is_verified: bool
    """Whether a key of ours has signed it; otherwise nothing of it is to be believed."""
    has_audience: bool
    """Whether an audience is configured."""
    problems: tuple[TokenError, ...]

    @property
    def verdict(self) -> Verdict:
        """In one word."""
        if not self.is_verified:
            return "not-verified"
        return "bad" if self.problems else "good"

    def times(self) -> Mapping[str, tuple[str, str]]:
        """Give each claim that is a time, as a date and in words."""
        found = {}
        for name in _TIMES:
            value = self.parts.claims.get(name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                continue
            date = iso_text(value)
            if date is not None:
                found[name] = (date, relative_text(value, self.now))
        return found


async def examine(
    token: str, parts: Parts, engine: TokenEngine[Claims], *, has_keys: bool
) -> Report:
    """Have an engine judge a token, and find what else is wrong with it.

    Args:
        token: the compact form.
        parts: the same, taken apart.
        engine: of the configuration; where there are no keys, its own are good for nothing.
        has_keys: whether there are.

    Raises:
        KeysUnavailableError: the keys cannot be had, so that nothing can be said.
    """
    first = await _refusal(engine, token)
    if isinstance(first, KeysUnavailableError):
        raise first
    is_verified = has_keys and not isinstance(first, _UNSIGNED)
    # Of a key that does not exist nothing is known, but that no algorithm of ours would be its.
    if not has_keys and isinstance(first, _OF_THE_KEYS):
        is_ours = parts.header.get("alg") in ALGORITHMS
        first = None if is_ours else AlgorithmMismatchError()
    problems = [] if first is None else [first]
    if not (is_verified and first is None):
        problems += _faults_of_claims(parts, engine)
    told = {(each.code, getattr(each, "claim", "")): each for each in reversed(problems)}
    return Report(
        parts=parts,
        now=engine.now(),
        has_keys=has_keys,
        is_verified=is_verified,
        has_audience=engine.policy.audience is not None,
        problems=tuple(reversed(told.values())),
    )


async def _refusal(engine: TokenEngine[Claims], token: str) -> TokenError | None:
    try:
        await engine.decode(token, type=None)
    except TokenError as exc:
        return exc
    return None


def _faults_of_claims(parts: Parts, engine: TokenEngine[Claims]) -> list[TokenError]:
    """Ask again and again, each time with a policy that lets the last fault pass."""
    policy: TokenPolicy | None = engine.policy
    typ = parts.header.get("typ")
    jws = VerifiedJws(
        parts.payload,
        typ.lower().removeprefix("application/") if isinstance(typ, str) else None,
        keys_version=0,
    )
    faults: list[TokenError] = []
    while policy is not None:
        validator = ClaimsValidator(Claims, policy, engine.keys)
        try:
            claims = validator.read(parts.payload)
            validator.check(claims, jws, expected=None, now=engine.now())
        except WrongTokenTypeError as exc:
            faults.append(exc)
            policy, jws = replace(policy, type_source="always-access"), jws._replace(typ=None)
        except InvalidTokenError as exc:
            faults.append(exc)
            policy = _looser(policy, exc, parts.claims)
        else:
            return faults
    return faults


def _looser(
    policy: TokenPolicy, fault: InvalidTokenError, claims: Mapping[str, JsonValue]
) -> TokenPolicy | None:
    """Give a policy to which a fault is none; None after the last one that the engine looks for."""
    if isinstance(fault, MissingClaimError):
        required = frozenset(policy.required_claims)
        return replace(
            policy,
            issuer=None if fault.claim == "iss" else policy.issuer,
            audience=None if fault.claim == "aud" else policy.audience,
            required_claims=required - {fault.claim},
            type_source="always-access" if fault.claim == "type" else policy.type_source,
        )
    if isinstance(fault, InvalidIssuerError):
        return replace(policy, issuer=None)
    named = claims.get("aud")
    names = [name for name in (named if isinstance(named, list) else [named]) if name]
    if isinstance(fault, InvalidAudienceError) and names:
        return replace(policy, audience=[str(name) for name in names])
    return None
