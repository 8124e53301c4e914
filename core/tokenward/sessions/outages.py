"""Logs the cause of an outage, at most once a minute for each cause."""

import logging
from typing import Final

from tokenward.stores.outages import cause_of

__all__ = ["OutageLog"]

_logger: Final = logging.getLogger("tokenward")

_EVERY_SECONDS: Final = 60.0
_MAX_CAUSES: Final = 64
_REFUSED: Final = (
    "The revocation store or an is_revoked hook failed (%s); requests are refused with 503. "
    "This is logged once a minute for each cause."
)


class OutageLog:
    """Tells operators why a store or a hook failed; a response only says that it failed."""

    __slots__ = ("_message", "_told_at")

    def __init__(self, message: str = _REFUSED) -> None:
        """Start with nothing logged.

        Args:
            message: what is logged, with ``%s`` for the cause.
        """
        self._message = message
        self._told_at: dict[str, float] = {}

    def tell(self, error: BaseException, now: float) -> None:
        """Log the kind of an error, unless the same kind was logged less than a minute ago.

        Args:
            error: the error. Its message may hold secrets and is not logged.
            now: the time of the engine, in seconds since 1970.
        """
        self.note(cause_of(error), now)

    def note(self, cause: str, now: float) -> None:
        """Log a cause, unless the same cause was logged less than a minute ago.

        Args:
            cause: words without secrets.
            now: see `tell`.
        """
        last = self._told_at.get(cause)
        # If the clock was set back, the error is logged again.
        if last is not None and 0 <= now - last < _EVERY_SECONDS:
            return
        if len(self._told_at) >= _MAX_CAUSES:
            self._told_at.clear()
        self._told_at[cause] = now
        _logger.error(self._message, cause)
