"""Verifies what logout tokens and other security event tokens have in common (RFC 8417 §2.2)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, NamedTuple

from pydantic import JsonValue

from tokenward.errors import (
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
from tokenward.jose.compact import CompactJws
from tokenward.jose.key_source import KeySource
from tokenward.jose.segments import looks_like_token

__all__ = ["EventToken", "EventTokenChecker", "EventTokenRules", "text_in"]

_MAX_BYTES: Final = 16_384
_LATEST_TIME: Final = 253_402_300_799  # 9999-12-31T23:59:59Z


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTokenRules:
    """What differs between the kinds of event tokens."""

    typs: frozenset[str | None]
    """The accepted values of ``typ``, in lower case; None: it is absent."""
    needs_exp: bool
    max_age: timedelta
    leeway: timedelta


class EventToken(NamedTuple):
    """A verified token, whose event and subject have not been read."""

    members: Mapping[str, JsonValue]
    issuer: str
    jti: str
    issued_at: float
    refused_from: float
    """When the token is too old or has expired, in seconds since 1970."""


class EventTokenChecker:
    """Checks the event tokens of one issuer."""

    def __init__(
        self,
        keys: KeySource,
        issuers: frozenset[str],
        audiences: frozenset[str],
        rules: EventTokenRules,
    ) -> None:
        """Take what is the same for all tokens.

        Args:
            keys: the keys of the issuer.
            issuers: the accepted values of ``iss``.
            audiences: the names of this service, one of which ``aud`` must contain.
            rules: further rules.
        """
        self._keys = keys
        self._jws = CompactJws(keys, max_bytes=_MAX_BYTES)
        self._issuers = issuers
        self._audiences = audiences
        self._needs_exp = rules.needs_exp
        self._max_age = rules.max_age.total_seconds()
        self._leeway = rules.leeway.total_seconds()
        self._typs = rules.typs

    async def check(self, token: bytes, now: float) -> EventToken:
        """Return a token that passes the checks of signature, ``typ``, ``iss``, ``aud``, times and ``jti``.

        Args:
            token: the compact form.
            now: the time, in seconds since 1970.

        Raises:
            InvalidTokenError: a check failed; the subclass and its `claim` say which.
            KeysUnavailableError: the keys of the issuer cannot be fetched.

        Not checked: the events, the subject, and that the token was not used before.
        """
        if now >= self._keys.due_at:
            await self._keys.prepare(now)
        verified = await self._jws.verify_or_fetch(self._jws.text_of(token), now)
        # RFC 8725 §3.11: a token with the ``typ`` of another purpose is refused.
        if verified.typ not in self._typs:
            raise WrongTokenTypeError

        members = loads_payload(verified.payload)
        issuer = text_in(members, "iss")
        if issuer is None:
            raise MissingClaimError(claim="iss")
        if issuer not in self._issuers:
            raise InvalidIssuerError
        self._check_audience(members.get("aud"))
        issued_at, refused_from = self._check_times(members, now)
        jti = text_in(members, "jti")
        if jti is None:
            raise MissingClaimError(claim="jti")
        return EventToken(members, issuer, jti, issued_at, refused_from)

    def _check_audience(self, audience: JsonValue) -> None:
        if audience in (None, "", []):
            raise MissingClaimError(claim="aud")
        named = audience if isinstance(audience, list) else [audience]
        if not all(isinstance(each, str) for each in named):
            raise InvalidClaimError(claim="aud")
        if self._audiences.isdisjoint(named):
            raise InvalidAudienceError

    def _check_times(self, members: Mapping[str, JsonValue], now: float) -> tuple[float, float]:
        """Return ``iat``, and the time from which the token is refused."""
        iat, exp, nbf = (_time_in(members, name) for name in ("iat", "exp", "nbf"))
        if iat is None:
            raise MissingClaimError(claim="iat")
        if exp is None and self._needs_exp:
            raise MissingClaimError(claim="exp")
        if iat > now + self._leeway:
            raise TokenNotYetValidError(claim="iat")
        if nbf is not None and nbf > now + self._leeway:
            raise TokenNotYetValidError
        # RFC 7519 §4.1.4: the current time must be before exp.
        if exp is not None and now >= exp + self._leeway:
            raise TokenExpiredError
        oldest = iat + self._max_age
        if now >= oldest + self._leeway:
            raise TokenTooOldError
        return iat, (oldest if exp is None else min(exp, oldest)) + self._leeway


def text_in(members: Mapping[str, JsonValue], name: str) -> str | None:
    """Return a claim that is text; None: it is absent or empty.

    Raises:
        InvalidClaimError: it is not text, or it is a token.
    """
    value = members.get(name)
    if value is None or value == "":
        return None
    # A token in the place of a session or a subject would deny nothing.
    if not isinstance(value, str) or looks_like_token(value):
        raise InvalidClaimError(name)
    return value


def _time_in(members: Mapping[str, JsonValue], name: str) -> float | None:
    """Return a claim that is a time; None: it is absent."""
    if name not in members:
        return None
    value = members[name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidClaimError(name)
    # A NaN is not between them.
    if not 0 <= value <= _LATEST_TIME:
        raise InvalidClaimError(name)
    return value
