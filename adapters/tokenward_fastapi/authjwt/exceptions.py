"""What is raised when a request is refused, each with the status that it has in the reference.

Every class is an `HTTPException`: without a handler of the user's own, the client gets the status
and the message all the same. The statuses stand here and nowhere else in the adapters.
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
    "closing",
]

_WS_POLICY_VIOLATION: Final = 1008  # RFC 6455 §7.4.1
_WS_TRY_AGAIN_LATER: Final = 1013
_LONGEST_REASON: Final = 123  # RFC 6455 §5.5, less the two bytes of the code


class AuthJWTException(HTTPException):
    """The root of all of them."""

    status_code: int = 400
    """An HTTP status; 1008 where a WebSocket has no token."""
    message: str = ""
    """Constant: nothing of a token, a key or a claim is ever in it."""
    close_code: ClassVar[int] = _WS_POLICY_VIOLATION
    """By which a WebSocket is closed where nobody catches the exception."""

    def __init__(self, status_code: int | None = None, message: str = "") -> None:
        """Take a status, by default that of the class, and what to say."""
        super().__init__(type(self).status_code if status_code is None else status_code, message)
        self.message = message


class InvalidHeaderError(AuthJWTException):
    """The header is there, and is not ``<type> <JWT>``; or there are two."""

    status_code = 422


class JWTDecodeError(AuthJWTException):
    """The token is not acceptable; `message` says why, in PyJWT's words."""

    status_code = 422


class UnreadableTokenError(JWTDecodeError, InvalidHeaderError):
    """The text is no token at all. The reference has called this by either name."""


class CSRFError(AuthJWTException):
    """A cookie came without the CSRF token that belongs to it."""

    status_code = 401


class MissingTokenError(AuthJWTException):
    """No token was sent where one is required."""

    status_code = 401

    @classmethod
    def on_websocket(cls, message: str) -> "MissingTokenError":
        """Give the one that has a close code for its status."""
        return cls(_WS_POLICY_VIOLATION, message)


class RevokedTokenError(AuthJWTException):
    """The token is on the deny-list."""

    status_code = 401


class AccessTokenRequired(AuthJWTException):
    """A good token of another type came where an access token is required."""

    status_code = 422


class RefreshTokenRequired(AuthJWTException):
    """A good token of another type came where a refresh token is required."""

    status_code = 422


class FreshTokenRequired(AuthJWTException):
    """A good access token came that is not fresh."""

    status_code = 401


class UnavailableError(AuthJWTException):
    """The deny-list did not answer, so nobody can say whether the token is revoked."""

    status_code = 503
    close_code = _WS_TRY_AGAIN_LATER


def closing(error: AuthJWTException) -> AuthJWTException:
    """Give the same error as one that closes a WebSocket where nobody catches it.

    Starlette would answer an HTTPException with a response, which a WebSocket has no room for.
    """
    reason = error.message.encode()[:_LONGEST_REASON].decode(errors="ignore")
    closed = _closing_kind(type(error))(error.close_code, reason)  # type: ignore[arg-type] # it is hashable
    AuthJWTException.__init__(closed, error.status_code, error.message)
    closed.__cause__ = error.__cause__
    return closed


@cache
def _closing_kind(kind: type[AuthJWTException]) -> type[AuthJWTException]:
    # WebSocketException stands first: Starlette takes the first of the bases that has a handler.
    return type(kind.__name__, (WebSocketException, kind), {"__module__": kind.__module__})
