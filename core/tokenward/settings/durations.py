"""Durations as text, for settings and the command line."""

import re
from datetime import timedelta
from typing import Final

from pydantic import TypeAdapter, ValidationError

from tokenward.errors import ConfigurationError
from tokenward.policy import NEVER, Lifetime

__all__ = ["duration_text", "parse_duration", "parse_lifetime"]

_SECONDS: Final = re.compile(r"\d{1,12}(\.\d{1,6})?", re.ASCII)
_COUNT_AND_UNIT: Final = re.compile(r"(\d{1,9})([smhdw])", re.ASCII)
# Without years and months, which have no fixed length.
_ISO_8601: Final = re.compile(r"P(\d+W|(\d+D)?(T(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?)", re.ASCII)
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_EXPECTED: Final = (
    "Expected seconds (900), a number with a unit (15m, 12h, 30d) or ISO 8601 (PT15M)"
)
_TIMEDELTA: Final = TypeAdapter(timedelta)


def parse_duration(text: str) -> timedelta:
    """Return the duration that a text such as ``900``, ``15m`` or ``PT15M`` names.

    Raises:
        ConfigurationError: the text has another form, or is too long for a `timedelta`.
    """
    duration = _parsed(text.strip())
    if duration is None:
        msg = f"{_EXPECTED}."
        raise ConfigurationError(msg)
    return duration


def parse_lifetime(text: str) -> Lifetime:
    """Return the duration that a text names, or `NEVER` for ``never``.

    Raises:
        ConfigurationError: the text is neither; see `parse_duration`.
    """
    if text.strip().lower() == "never":
        return NEVER
    duration = _parsed(text.strip())
    if duration is None:
        msg = f"{_EXPECTED}, or 'never'."
        raise ConfigurationError(msg)
    return duration


def duration_text(duration: Lifetime) -> str:
    """Return a duration as text in its largest whole unit: ``15m``, ``30d``; or ``never``."""
    if duration is NEVER:
        return "never"

    seconds = duration.total_seconds()
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds and seconds % length == 0:
            return f"{seconds // length:.0f}{unit}"
    return f"{seconds:.6f}".rstrip("0").removesuffix(".") + "s"


def _parsed(text: str) -> timedelta | None:
    try:
        if _SECONDS.fullmatch(text):
            return timedelta(seconds=float(text))
        counted = _COUNT_AND_UNIT.fullmatch(text)
        if counted:
            return timedelta(**{_UNITS[counted[2]]: int(counted[1])})
        if _ISO_8601.fullmatch(text):
            return _TIMEDELTA.validate_python(text)
    except (OverflowError, ValidationError):
        pass
    return None
