"""Logs the cause of an outage, at most once a minute for each cause."""

import logging
from typing import Final

__all__ = ["OutageLog", "cause_of"]

_logger: Final = logging.getLogger("tokenward")

_EVERY_SECONDS: Final = 60.0
_MAX_CAUSES: Final = 64
_LONGEST_CHAIN: Final = 8


class OutageLog:
    """Tells operators why a store or a hook failed; a response only says that it failed."""

    __slots__ = ("_told_at",)

    def __init__(self) -> None:
        """Start with nothing logged."""
        self._told_at: dict[str, float] = {}

    def tell(self, error: BaseException, now: float) -> None:
        """Log the kind of an error, unless the same kind was logged less than a minute ago.

        Args:
            error: the error. Its message may hold secrets and is not logged.
            now: the time of the engine, in seconds since 1970.
        """
        cause = cause_of(error)
        last = self._told_at.get(cause)
        # If the clock was set back, the error is logged again.
        if last is not None and 0 <= now - last < _EVERY_SECONDS:
            return
        if len(self._told_at) >= _MAX_CAUSES:
            self._told_at.clear()
        self._told_at[cause] = now
        _logger.error(
            "The revocation store or an is_revoked hook failed (%s); requests are refused with 503. "
            "This is logged once a minute for each cause.",
            cause,
        )


def cause_of(error: BaseException) -> str:
    """Return the classes of an error and of the errors that caused it, without any message."""
    names: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(names) < _LONGEST_CHAIN:
        kind = type(cause)
        module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
        names.append(f"{module}{kind.__qualname__}")
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return ", caused by ".join(names)
