"""Reads the event ``session-revoked`` (OpenID CAEP 1.0 §3.1) in a security event token."""

from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

from tokenward.errors import InvalidClaimError, MissingClaimError
from tokenward.http.logout.event_tokens import EventToken, EventTokenRules, text_in
from tokenward.http.logout.rules import SecurityEventRules
from tokenward.tokens.provider_login import ProviderLogin

__all__ = ["SessionEvents", "rules_of_events"]

_SESSION_REVOKED: Final = "https://schemas.openid.net/secevent/caep/event-type/session-revoked"
_TYP: Final = "secevent+jwt"
_SUBJECT: Final = "sub_id"


def rules_of_events(rules: SecurityEventRules) -> EventTokenRules:
    """Return the rules for security event tokens, whose ``typ`` is required (SSF 1.0 §4.1.1)."""
    return EventTokenRules(
        typs=frozenset({_TYP}), needs_exp=False, max_age=rules.max_age, leeway=rules.leeway
    )


class SessionEvents:
    """Finds the login whose sessions a provider has revoked."""

    def __init__(self, login_issuer: str, rules: SecurityEventRules) -> None:
        """Take the ``iss`` of ID tokens, and the rules."""
        self._issuer = login_issuer
        self._knows_sessions = rules.session_ids == "sid"

    def revoked_in(self, token: EventToken) -> ProviderLogin | None:
        """Return the login that a verified token names; None: it has only other events.

        Raises:
            MissingClaimError, InvalidClaimError: it is no security event token, or does not name the
                subject in a way that can be read.
        """
        # SSF 1.0 §4.1.3: neither is ever in a security event token.
        for name in ("sub", "exp"):
            if name in token.members:
                raise InvalidClaimError(claim=name)
        events = token.members.get("events")
        if events is None:
            raise MissingClaimError(claim="events")
        # RFC 8417 §2.2: at least one event, and each is an object.
        if not isinstance(events, dict) or not events:
            raise InvalidClaimError(claim="events")
        if not all(isinstance(each, dict) for each in events.values()):
            raise InvalidClaimError(claim="events")
        return self._login_in(token.members) if _SESSION_REVOKED in events else None

    def _login_in(self, members: Mapping[str, JsonValue]) -> ProviderLogin:
        """Return the login that ``sub_id`` names (RFC 9493 §4.1, SSF 1.0 §3)."""
        whole = members.get(_SUBJECT)
        if whole is None:
            raise MissingClaimError(_SUBJECT)
        if not isinstance(whole, dict):
            raise InvalidClaimError(_SUBJECT)
        parts: dict[str, JsonValue] = {"user": whole}
        if whole.get("format") == "complex":
            # Other members, such as a device, only say which of the sessions. More of them end.
            parts = whole
        elif whole.get("format") == "opaque":
            parts = {"session": whole}
        subject, session = (self._name_in(parts, each) for each in ("user", "session"))
        if subject is None and (session is None or not self._knows_sessions):
            raise InvalidClaimError(_SUBJECT)
        return ProviderLogin(issuer=self._issuer, subject=subject, session=session)

    def _name_in(self, parts: Mapping[str, JsonValue], member: str) -> str | None:
        """Return the name that an identifier has at the provider; None: there is no identifier."""
        if member not in parts:
            return None
        identifier = parts[member]
        if not isinstance(identifier, dict):
            raise InvalidClaimError(_SUBJECT)
        name = {"iss_sub": "sub", "opaque": "id"}.get(str(identifier.get("format")))
        # Another issuer has other users with the same names.
        is_foreign = name == "sub" and identifier.get("iss") != self._issuer
        found = None if name is None or is_foreign else text_in(identifier, name)
        if found is None:
            raise InvalidClaimError(_SUBJECT)
        return found
