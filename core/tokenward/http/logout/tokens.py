"""Reads logout tokens: the steps of OpenID Connect Back-Channel Logout 1.0 §2.6 that no other token has."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import JsonValue

from tokenward.errors import InvalidClaimError, MissingClaimError
from tokenward.http.logout.event_tokens import EventToken, EventTokenRules, text_in
from tokenward.http.logout.rules import LogoutRules

__all__ = ["LogoutToken", "logout_in", "rules_of_logout"]

_EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
_TYP: Final = "logout+jwt"


@dataclass(frozen=True, slots=True)
class LogoutToken:
    """What a valid logout token says."""

    issuer: str
    """The provider (``iss``)."""
    subject: str | None
    """The user at the provider (``sub``); None: only `session` is named."""
    session: str | None
    """The session at the provider (``sid``); None: all sessions of `subject` have ended."""
    jti: str
    """The identity of the token."""
    issued_at: float
    """The ``iat``, in seconds since 1970."""
    refused_from: float
    """When the token is too old or has expired, in seconds since 1970."""


def rules_of_logout(rules: LogoutRules) -> EventTokenRules:
    """Return the rules for logout tokens."""
    untyped = () if rules.typ == "required" else ("jwt", None)
    return EventTokenRules(
        typs=frozenset({_TYP, *untyped}),
        needs_exp=rules.exp == "required",
        max_age=rules.max_age,
        leeway=rules.leeway,
    )


def logout_in(token: EventToken) -> LogoutToken:
    """Return what a verified token says, if it is a logout token.

    Raises:
        MissingClaimError, InvalidClaimError: it is not.
    """
    subject, session = text_in(token.members, "sub"), text_in(token.members, "sid")
    if subject is None and session is None:
        raise MissingClaimError(claim="sub or sid")
    _check_event(token.members)
    return LogoutToken(
        token.issuer, subject, session, token.jti, token.issued_at, token.refused_from
    )


def _check_event(members: Mapping[str, JsonValue]) -> None:
    """Check what distinguishes a logout token from all other tokens (§2.4 and §4.1)."""
    events = members.get("events")
    if events is None:
        raise MissingClaimError(claim="events")
    if not isinstance(events, dict) or not isinstance(events.get(_EVENT), dict):
        raise InvalidClaimError(claim="events")
    if "nonce" in members:
        raise InvalidClaimError(claim="nonce")
