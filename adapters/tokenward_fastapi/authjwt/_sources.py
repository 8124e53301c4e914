"""The sources of a token: a request, the cookies of a WebSocket, or an argument of the guard.

The arguments of a guard decide which of them it uses, as in the reference; see `token_source`.
"""

from typing import NamedTuple, TypeAlias

from fastapi.requests import HTTPConnection

from tokenward import TokenType
from tokenward.http import RequestView
from tokenward_fastapi._dependency import view_of
from tokenward_fastapi.authjwt._locations import (
    SentToken,
    find_in_cookie,
    find_in_header,
    missing_token,
)
from tokenward_fastapi.authjwt._unverified import token_bytes
from tokenward_fastapi.authjwt.config import LoadConfig
from tokenward_fastapi.authjwt.exceptions import AuthJWTException, MissingTokenError

__all__ = ["AssignedToken", "TokenSource", "checked_view", "token_source"]


class AssignedToken(NamedTuple):
    """What the program uses in place of the header; not verified yet."""

    sent: SentToken | None


class _ConnectionSource(NamedTuple):
    """A connection: its header, then its cookies, as far as the settings allow either."""

    view: RequestView | None
    csrf_token: str | None
    assigned: AssignedToken | None = None
    cookies_only: bool = False
    """Whether to read the cookies and nothing else, whatever the settings say."""

    def find(self, settings: LoadConfig, token_type: TokenType) -> SentToken | None:
        """Return the token, or None if the client sent none.

        Raises:
            TokenError, AuthJWTException: the request is invalid, whatever the token says.
            TypeError: there is no connection to read cookies from.
        """
        if not self.cookies_only:
            sent = self._find_in_header(settings, token_type) if settings.in_headers else None
            if sent is not None or not settings.in_cookies:
                return sent
        if self.view is None:
            raise _no_connection()
        return find_in_cookie(self.view, settings, token_type, self.csrf_token)

    def missing_token(self, settings: LoadConfig, token_type: TokenType) -> AuthJWTException:
        """Return the error for a required token that the client did not send; see `_locations`."""
        view = self.view if self.assigned is None else None  # not the header that it replaces
        return missing_token(view, settings, token_type)

    def _find_in_header(self, settings: LoadConfig, token_type: TokenType) -> SentToken | None:
        if self.assigned is not None:
            return self.assigned.sent
        return None if self.view is None else find_in_header(self.view, settings, token_type)


class _ArgumentSource(NamedTuple):
    """A token that the caller read from the query or the path."""

    view: RequestView | None
    token: str | None

    def find(self, _settings: LoadConfig, _token_type: TokenType) -> SentToken | None:
        """See `_ConnectionSource.find`."""
        return SentToken(token_bytes(self.token)) if self.token else None

    def missing_token(self, _settings: LoadConfig, token_type: TokenType) -> AuthJWTException:
        """See `_ConnectionSource.missing_token`."""
        message = f"Missing {token_type} token from Query or Path"
        # An HTTP response cannot carry the close code that a WebSocket gets as the status.
        if self.view is not None and not self.view.is_websocket:
            return MissingTokenError(message=message)
        return MissingTokenError.on_websocket(message)


TokenSource: TypeAlias = _ConnectionSource | _ArgumentSource
"""Where a guard looks for the token; `view` is the connection that gets the refusal."""


def token_source(
    auth_from: str,
    view: RequestView | None,
    *,
    assigned: AssignedToken | None,
    token: str | None,
    websocket: HTTPConnection | None,
    csrf_token: str | None,
) -> TokenSource:
    """Return the source that the arguments of a guard name.

    Args:
        auth_from: "request", or "websocket" for `websocket` or `token`.
        view: the connection to which the guard belongs, if any.
        assigned: used by "request" in place of the header.
        token: read by the caller from the query or the path; ignored with `websocket`.
        websocket: the WebSocket whose cookies are read.
        csrf_token: the CSRF token of a WebSocket.

    Raises:
        ValueError: `auth_from` is neither. A misspelt one must not let every request through.
        TypeError: `websocket` is not a connection.
    """
    if auth_from == "request":
        return _ConnectionSource(view, csrf_token, assigned)
    if auth_from != "websocket":
        msg = "auth_from must be between 'request' or 'websocket'"
        raise ValueError(msg)
    if websocket is None:
        return _ArgumentSource(view, token)
    return _ConnectionSource(checked_view(websocket), csrf_token, cookies_only=True)


def checked_view(connection: object) -> RequestView:
    """Return the core's view of a request or a WebSocket.

    Raises:
        TypeError: `connection` is neither.
    """
    if not isinstance(connection, HTTPConnection):
        raise _no_connection()
    return view_of(connection)


def _no_connection() -> TypeError:
    return TypeError("request must be an instance of 'Request' or 'WebSocket'")
