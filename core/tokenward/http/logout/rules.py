"""What a logout token or a security event token must say beyond what its specification always demands."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

from tokenward._arguments import refuse

__all__ = ["LogoutRules", "SecurityEventRules"]

_ZERO: Final = timedelta(0)
_TICK: Final = timedelta.resolution
_DAY: Final = timedelta(days=1)
_WEEK: Final = timedelta(days=7)
_LONGEST_LEEWAY: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogoutRules:
    """Settings for logout tokens; the defaults are those of OpenID Connect Back-Channel Logout 1.0.

    Raises:
        ConfigurationError: a value is invalid.
    """

    typ: Literal["recommended", "required"] = "recommended"
    """Whether the header must say ``logout+jwt`` (§2.4).

    ``"recommended"``: ``JWT`` and no ``typ`` are accepted as well; many providers send these. The
    ``typ`` of another purpose is always refused.
    """
    exp: Literal["required", "optional"] = "required"
    """Whether ``exp`` must be there (§2.4). ``"optional"``: for providers that do not send it."""
    max_age: timedelta = timedelta(minutes=10)
    """How long ago the token may have been issued, whatever its ``exp``; at most one day."""
    leeway: timedelta = timedelta(seconds=10)
    """How far the clocks of the provider and of this service may differ; at most 5 minutes."""

    def __post_init__(self) -> None:
        """Validate the values."""
        if self.typ not in ("recommended", "required"):
            refuse("typ must be 'recommended' or 'required'.")
        if self.exp not in ("required", "optional"):
            refuse("exp must be 'required' or 'optional'.")
        if not _is_between(self.max_age, _TICK, _DAY):
            refuse("max_age must be a timedelta above zero, and at most one day.")
        _check_leeway(self.leeway)


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityEventRules:
    """Settings for security event tokens (RFC 8417).

    Raises:
        ConfigurationError: a value is invalid.
    """

    session_ids: Literal["sid"] | None = None
    """What the id of a session in an event is, which CAEP leaves to the provider.

    ``"sid"``: the ``sid`` of ID tokens. An ``opaque`` identifier alone in ``sub_id`` is then a session, as in the
    examples of CAEP §3.1.2. None: unknown. An event with a user and a session then ends all sessions of
    the user, and an event with only a session is refused.
    """
    login_issuer: str | None = None
    """The ``iss`` of ID tokens, and of identifiers with the format ``iss_sub``; None: that of the events."""
    max_age: timedelta = _DAY
    """How long ago the event may have been issued; at most seven days.

    An older event is refused, so it must be longer than the time for which the provider repeats an event.
    """
    leeway: timedelta = timedelta(seconds=10)
    """How far the clocks of the provider and of this service may differ; at most 5 minutes."""

    def __post_init__(self) -> None:
        """Validate the values."""
        if self.session_ids not in ("sid", None):
            refuse("session_ids must be 'sid' or None.")
        issuer = self.login_issuer
        if issuer is not None and (not isinstance(issuer, str) or not issuer):
            refuse("login_issuer must be the iss of ID tokens, or None.")
        if not _is_between(self.max_age, _TICK, _WEEK):
            refuse("max_age must be a timedelta above zero, and at most seven days.")
        _check_leeway(self.leeway)


def _check_leeway(leeway: timedelta) -> None:
    if not _is_between(leeway, _ZERO, _LONGEST_LEEWAY):
        refuse("leeway must be a timedelta from zero to 5 minutes.")


def _is_between(value: object, lowest: timedelta, highest: timedelta) -> bool:
    return isinstance(value, timedelta) and lowest <= value <= highest
