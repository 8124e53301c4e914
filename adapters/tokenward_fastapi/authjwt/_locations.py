"""Where a request carries its token: in a header or in a cookie with its CSRF token."""

from typing import NamedTuple

from tokenward import TokenType
from tokenward.errors import CsrfMissingError, InvalidRequestError
from tokenward.http import RequestView
from tokenward_fastapi.authjwt.config import LoadConfig
from tokenward_fastapi.authjwt.exceptions import (
    AuthJWTException,
    InvalidHeaderError,
    MissingTokenError,
)

__all__ = ["SentToken", "find_in_cookie", "find_in_header", "missing_token"]


class SentToken(NamedTuple):
    """A token as the client sent it, not verified yet."""

    token: bytes
    csrf_values: tuple[bytes, ...] | None = None
    """The CSRF tokens sent with a cookie; None: no CSRF token is required."""


def find_in_header(
    view: RequestView, settings: LoadConfig, token_type: TokenType
) -> SentToken | None:
    """Return the token of the header; a header of another scheme, such as ``Basic``, has none.

    Raises:
        InvalidHeaderError: the scheme is followed by anything but one word.
        InvalidRequestError: there are two such headers.
    """
    header = settings.bearer_header
    if header is not None:
        credentials = header.read_token(view, token_type)
        if credentials is None:
            return None
        words = credentials.split()
        if len(words) != 1:
            raise _bad_header(settings)
        return SentToken(words[0])

    words = _header_words(view, settings)
    return SentToken(words[0]) if len(words) == 1 else None


def find_in_cookie(
    view: RequestView, settings: LoadConfig, token_type: TokenType, csrf_token: str | None
) -> SentToken | None:
    """Return the token of the cookie.

    Args:
        view: the request or the WebSocket handshake.
        settings: name the cookie and the CSRF protection.
        token_type: which of the two cookies to read.
        csrf_token: the CSRF token of a WebSocket, which cannot send it in a header.

    Raises:
        CsrfMissingError: a CSRF token is required and was not sent.
        OriginNotAllowedError: a page of another origin opens the WebSocket.
        InvalidRequestError: the cookie was sent twice.
    """
    name: str = getattr(settings, f"authjwt_{token_type}_cookie_key")
    tokens = view.cookie_values(name.encode())
    if len(tokens) > 1:
        raise InvalidRequestError
    if not tokens or not tokens[0]:
        return None

    if view.is_websocket:
        _check_origin(view, settings)
    is_protected = view.is_websocket or view.method.upper() in settings.authjwt_csrf_methods
    if not (settings.authjwt_cookie_csrf_protect and is_protected):
        return SentToken(tokens[0])

    if view.is_websocket:
        csrf_values = [(csrf_token or "").encode(errors="replace")]
    else:
        header: str = getattr(settings, f"authjwt_{token_type}_csrf_header_name")
        csrf_values = view.header_values(header.lower().encode())
    if not any(csrf_values):
        raise CsrfMissingError
    return SentToken(tokens[0], tuple(csrf_values))


def missing_token(
    view: RequestView | None, settings: LoadConfig, token_type: TokenType
) -> AuthJWTException:
    """Return the error for a request without a token.

    Raises:
        InvalidRequestError: there are two headers.
    """
    if settings.in_headers and view is not None and _header_words(view, settings):
        return _bad_header(settings)
    if settings.in_cookies:
        name = getattr(settings, f"authjwt_{token_type}_cookie_key")
        return MissingTokenError(message=f"Missing cookie {name}")
    return MissingTokenError(message=f"Missing {settings.authjwt_header_name} Header")


def _check_origin(view: RequestView, settings: LoadConfig) -> None:
    """Refuse a handshake that a browser sends for a page of another origin.

    Browsers send cookies for any page, but they name the page's origin in every handshake. A
    handshake that names none comes from a program that is not a browser.

    Raises:
        OriginNotAllowedError: the page is of another origin.
    """
    if view.header_values(b"origin") or view.header_values(b"sec-fetch-site"):
        settings.csrf_check.check_origin(view, is_secure=settings.authjwt_cookie_secure)


def _header_words(view: RequestView, settings: LoadConfig) -> list[bytes]:
    """Return the words of the header.

    Raises:
        InvalidRequestError: there are two headers.
    """
    values = view.header_values(settings.authjwt_header_name.lower().encode())
    if len(values) > 1:
        raise InvalidRequestError
    return values[0].split() if values else []


def _bad_header(settings: LoadConfig) -> InvalidHeaderError:
    header_type = settings.authjwt_header_type
    expected = f"{header_type} <JWT>" if header_type else "<JWT>"
    name = settings.authjwt_header_name
    return InvalidHeaderError(message=f"Bad {name} header. Expected value '{expected}'")
