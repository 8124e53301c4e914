"""The exceptions of refused requests, each with the status that it has in the reference.

Every class is an `HTTPException`, so that the client gets the status and the message even if the app
has no handler for these exceptions. This is the only table of statuses in the adapters.
"""

from functools import cache
from typing import ClassVar, Final

from fastapi import HTTPException, WebSocketException

__all__ = [
    "AccessTokenRequired",
    "AuthJWTException",
    "CSRFError",
    "FreshTokenRequired",
    "InvalidHeaderError",
    "JWTDecodeError",
    "MissingTokenError",
    "RefreshTokenRequired",
    "RevokedTokenError",
    "UnavailableError",
    "UnreadableTokenError",
    "as_websocket_error",
]

_WS_POLICY_VIOLATION: Final = 1008  # RFC 6455 §7.4.1
_WS_TRY_AGAIN_LATER: Final = 1013
_LONGEST_REASON: Final = 123  # RFC 6455 §5.5, less the two bytes of the code


class AuthJWTException(HTTPException):
    """The base class of all exceptions of the drop-in."""

    status_code: int = 400
    """An HTTP status, or 1008 if a WebSocket has no token."""
    message: str = ""
    """Constant: it never contains a part of a token, a key or a claim."""
    close_code: ClassVar[int] = _WS_POLICY_VIOLATION
    """The code that closes a WebSocket if the app does not catch the exception."""

    def __init__(self, status_code: int | None = None, message: str = "") -> None:
        """Store the status, by default that of the class, and the message."""
        super().__init__(type(self).status_code if status_code is None else status_code, message)
        self.message = message


class InvalidHeaderError(AuthJWTException):
    """The header is not ``<type> <JWT>``, or was sent twice."""

    status_code = 422


class JWTDecodeError(AuthJWTException):
    """The token is invalid or has expired; `message` gives the reason as PyJWT words it."""

    status_code = 422


class UnreadableTokenError(JWTDecodeError, InvalidHeaderError):
    """The text is not a token. The reference raises one or the other of the two bases."""


class CSRFError(AuthJWTException):
    """A cookie was sent without its CSRF token."""

    status_code = 401


class MissingTokenError(AuthJWTException):
    """A token is required and none was sent."""

    status_code = 401

    @classmethod
    def on_websocket(cls, message: str) -> "MissingTokenError":
        """Return the exception of a WebSocket, whose status is a close code."""
        return cls(_WS_POLICY_VIOLATION, message)


class RevokedTokenError(AuthJWTException):
    """The token is on the denylist."""

    status_code = 401


class AccessTokenRequired(AuthJWTException):
    """An access token is required, and a valid token of another type was sent."""

    status_code = 422


class RefreshTokenRequired(AuthJWTException):
    """A refresh token is required, and a valid token of another type was sent."""

    status_code = 422


class FreshTokenRequired(AuthJWTException):
    """A fresh access token is required, and a valid one that is not fresh was sent."""

    status_code = 401


class UnavailableError(AuthJWTException):
    """The denylist callback failed, so it is unknown whether the token is revoked."""

    status_code = 503
    close_code = _WS_TRY_AGAIN_LATER


def as_websocket_error(error: AuthJWTException) -> AuthJWTException:
    """Return the same error in a form that closes a WebSocket if the app does not catch it.

    Starlette would answer an HTTPException with a response, which a WebSocket cannot send.
    """
    reason = error.message.encode()[:_LONGEST_REASON].decode(errors="ignore")
    websocket_class = _websocket_class(type(error))  # type: ignore[arg-type] # it is hashable
    closed = websocket_class(error.close_code, reason)
    AuthJWTException.__init__(closed, error.status_code, error.message)
    closed.__cause__ = error.__cause__
    return closed


@cache
def _websocket_class(error_class: type[AuthJWTException]) -> type[AuthJWTException]:
    # WebSocketException comes first: Starlette uses the first base class that has a handler.
    bases = (WebSocketException, error_class)
    return type(error_class.__name__, bases, {"__module__": error_class.__module__})
