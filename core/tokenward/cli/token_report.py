"""The report of ``tokenward inspect``: what an engine says about a token, and every other fault."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from tokenward.claims import Claims
from tokenward.cli.clock import iso_text, relative_text
from tokenward.engine import TokenEngine
from tokenward.errors import (
    AlgorithmMismatchError,
    InvalidSignatureError,
    KeysUnavailableError,
    MalformedTokenError,
    TokenError,
    UnknownKeyError,
    UnsupportedHeaderError,
)
from tokenward.tokens import UnverifiedToken, list_faults

__all__ = ["TokenReport", "Verdict", "report_on"]

Verdict: TypeAlias = Literal["valid", "invalid", "not-verified"]

# The errors of the engine for a token whose signature it has not verified.
_KEY_ERRORS: Final = (UnknownKeyError, AlgorithmMismatchError, InvalidSignatureError)
_NOT_VERIFIED: Final = (*_KEY_ERRORS, MalformedTokenError, UnsupportedHeaderError)
_TIMES: Final = ("iat", "nbf", "exp", "auth_time", "session_exp", "fresh")


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenReport:
    """A token, and what an engine of this configuration says about it."""

    token: UnverifiedToken
    now: float
    """The time for which the token was checked, in seconds since 1970."""
    has_keys: bool
    """Whether any keys are configured."""
    is_verified: bool
    """Whether one of the keys has signed the token. If not, nothing in it is trustworthy."""
    has_audience: bool
    """Whether an audience is configured."""
    problems: tuple[TokenError, ...]

    @property
    def verdict(self) -> Verdict:
        """The result in one word."""
        if not self.is_verified:
            return "not-verified"
        return "invalid" if self.problems else "valid"

    def times(self) -> Mapping[str, tuple[str, str]]:
        """Return each claim that is a time, as a date and relative to now."""
        found = {}
        for name in _TIMES:
            value = self.token.claims.get(name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                continue
            date = iso_text(value)
            if date is not None:
                found[name] = (date, relative_text(value, self.now))
        return found


async def report_on(
    text: str, token: UnverifiedToken, engine: TokenEngine[Claims], *, has_keys: bool
) -> TokenReport:
    """Decode a token, and list everything that is wrong with it.

    Args:
        text: the token in compact form.
        token: the same token, parsed.
        engine: an engine of the configuration. If no keys are configured, its key verifies nothing.
        has_keys: whether any keys are configured.

    Raises:
        KeysUnavailableError: the keys cannot be fetched, so nothing can be said about the token.
    """
    first = await _decode_error(text, engine)
    if isinstance(first, KeysUnavailableError):
        raise first
    is_verified = has_keys and not isinstance(first, _NOT_VERIFIED)

    # Without keys the signature is not a fault, but an algorithm that no key can have is one.
    if not has_keys and isinstance(first, _KEY_ERRORS):
        first = None if token.has_known_algorithm else AlgorithmMismatchError()

    problems: list[TokenError] = [] if first is None else [first]
    if not (is_verified and first is None):
        problems += list_faults(token, engine.policy, keys=engine.keys, now=engine.now())
    unique = {(each.code, getattr(each, "claim", "")): each for each in reversed(problems)}
    return TokenReport(
        token=token,
        now=engine.now(),
        has_keys=has_keys,
        is_verified=is_verified,
        has_audience=engine.policy.audience is not None,
        problems=tuple(reversed(unique.values())),
    )


async def _decode_error(text: str, engine: TokenEngine[Claims]) -> TokenError | None:
    try:
        await engine.decode(text, type=None)
    except TokenError as exc:
        return exc
    return None
