"""The denylist: a callback of the user's that decides whether a token is revoked."""

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from tokenward_fastapi.authjwt._claims import AuthJWTClaims
from tokenward_fastapi.authjwt.config import LoadConfig

__all__ = ["Denylist", "DenylistCallback", "MissingCallbackError"]

DenylistCallback: TypeAlias = Callable[[dict[str, Any]], Awaitable[object] | object]
"""Receives the claims of a token as a dictionary; a true result means that the token is revoked."""


class MissingCallbackError(RuntimeError):
    """The denylist is enabled, but no callback has been registered."""

    def __init__(self) -> None:
        """Use the reference's message, which names the decorator to use."""
        super().__init__(
            "A token_in_denylist_callback must be provided via the "
            "'@AuthJWT.token_in_denylist_loader' if authjwt_denylist_enabled is 'True'"
        )


class Denylist:
    """Asks the callback about tokens of the types that the settings name."""

    def __init__(
        self, settings: LoadConfig, current_callback: Callable[[], DenylistCallback | None]
    ) -> None:
        """Store the settings and a function that returns the callback registered at the moment."""
        self._checked_types = frozenset(settings.authjwt_denylist_token_checks)
        self._current_callback = current_callback

    async def is_revoked(self, claims: AuthJWTClaims) -> bool:
        """Whether the callback denies a token.

        Raises:
            MissingCallbackError: no callback has been registered.
        """
        if claims.type not in self._checked_types:
            return False

        callback = self._current_callback()
        if callback is None:
            raise MissingCallbackError
        answer = callback(claims.as_dict())
        if inspect.isawaitable(answer):
            answer = await answer
        return bool(answer)
