"""Times: read from the system or an option, and shown as dates and distances.

The only module of the command line that reads the system clock.
"""

import math
import re
from datetime import UTC, datetime
from typing import Final

from typer import BadParameter

__all__ = ["iso_text", "moment", "relative_text"]

_LAST_MOMENT: Final = 253_402_300_799  # 9999-12-31T23:59:59Z
_SECONDS: Final = re.compile(r"\d{1,12}(\.\d+)?", re.ASCII)
# For distances below the first number: the length of the unit in seconds, and its name.
_UNITS: Final = (
    (60, 1, "second"),
    (3_600, 60, "minute"),
    (172_800, 3_600, "hour"),
    (63_072_000, 86_400, "day"),
    (math.inf, 31_536_000, "year"),
)


def moment(at: str | None) -> float:
    """Return a time in seconds since 1970: that of an option, or the present.

    Raises:
        BadParameter: the option is neither ISO 8601 nor seconds since 1970.
    """
    if at is None:
        return datetime.now(UTC).timestamp()
    try:
        named = float(at) if _SECONDS.fullmatch(at) else _timestamp(at)
    except (ValueError, OverflowError):
        named = -1.0

    if not 0 <= named <= _LAST_MOMENT:
        msg = "--at takes ISO 8601, such as 2027-01-15T08:00:00Z, or seconds since 1970."
        raise BadParameter(msg)
    return named


def iso_text(seconds: float) -> str | None:
    """Return a time as ISO 8601 in UTC; None if it is before 1970 or after the year 9999."""
    if not 0 <= seconds <= _LAST_MOMENT:
        return None
    return datetime.fromtimestamp(int(seconds), UTC).isoformat().replace("+00:00", "Z")


def relative_text(seconds: float, now: float) -> str:
    """Return the distance of a time from now: ``in 12 minutes``, ``3 days ago``, ``now``."""
    distance = abs(seconds - now)
    size, name = next((size, name) for limit, size, name in _UNITS if distance < limit)
    count = int(distance // size)
    if count == 0:
        return "now"

    words = f"{count} {name}{'' if count == 1 else 's'}"
    return f"in {words}" if seconds > now else f"{words} ago"


def _timestamp(text: str) -> float:
    named = datetime.fromisoformat(text)
    return (named if named.tzinfo is not None else named.replace(tzinfo=UTC)).timestamp()
