"""Where in a request the token is, and the CSRF token that must come beside a cookie."""

from typing import Final, NamedTuple

from tokenward import TokenType
from tokenward.errors import CsrfMissingError, InvalidRequestError
from tokenward.http import RequestView
from tokenward_fastapi.authjwt.config import LoadConfig
from tokenward_fastapi.authjwt.exceptions import InvalidHeaderError, MissingTokenError

__all__ = ["Sent", "find_in_cookies", "find_in_header", "refuse_missing"]

_SPACE: Final = b" \t"


class Sent(NamedTuple):
    """A token that was sent, not verified yet."""

    token: bytes
    repeated: tuple[bytes, ...] | None = None
    """What came beside a cookie as the CSRF token; None: nothing has to."""


def find_in_header(view: RequestView, settings: LoadConfig, kind: TokenType) -> Sent | None:
    """Give the token of the header; another scheme, as ``Basic``, is no token.

    Raises:
        InvalidHeaderError: the scheme is ours, and what follows is not one token.
        InvalidRequestError: there are two headers.
    """
    if settings.authjwt_header_type:
        credentials = settings.bearer_header.read_token(view, kind)
        if credentials is None:
            return None
        words = credentials.split()
        if len(words) != 1:
            raise _bad_header(settings)
        return Sent(words[0])
    words = _values_of_header(view, settings)
    return Sent(words[0]) if len(words) == 1 else None


def find_in_cookies(
    view: RequestView, settings: LoadConfig, kind: TokenType, csrf_token: str | None
) -> Sent | None:
    """Give the token of the cookie.

    Args:
        view: of the request, or of the handshake of a WebSocket.
        settings: which name the cookie, and what must come beside it.
        kind: of the token.
        csrf_token: for a WebSocket, which has no header of its own.

    Raises:
        CsrfMissingError: a CSRF token must come beside it, and does not.
        OriginNotAllowedError: a page of another origin opens the WebSocket.
        InvalidRequestError: the cookie came twice.
    """
    name: str = getattr(settings, f"authjwt_{kind}_cookie_key")
    tokens = view.cookie_values(name.encode())
    if len(tokens) > 1:
        raise InvalidRequestError
    if not tokens or not tokens[0]:
        return None
    if view.is_websocket:
        _check_origin(view, settings)
    is_guarded = view.is_websocket or view.method.upper() in settings.authjwt_csrf_methods
    if not (settings.authjwt_cookie_csrf_protect and is_guarded):
        return Sent(tokens[0])
    if view.is_websocket:
        repeated = [(csrf_token or "").encode(errors="replace")]
    else:
        header: str = getattr(settings, f"authjwt_{kind}_csrf_header_name")
        repeated = view.header_values(header.lower().encode())
    if not any(repeated):
        raise CsrfMissingError
    return Sent(tokens[0], tuple(repeated))


def _check_origin(view: RequestView, settings: LoadConfig) -> None:
    """Refuse a handshake that a page of another origin has a browser send.

    Browsers send cookies for any page, but name its origin in every handshake. One that names none
    comes from a program.

    Raises:
        OriginNotAllowedError: it comes from such a page.
    """
    if view.header_values(b"origin") or view.header_values(b"sec-fetch-site"):
        settings.csrf_check.check_origin(view, is_secure=settings.authjwt_cookie_secure)


def refuse_missing(view: RequestView | None, settings: LoadConfig, kind: TokenType) -> Exception:
    """Give the refusal of a request in which there is no token."""
    if settings.in_headers and view is not None and _values_of_header(view, settings):
        return _bad_header(settings)
    if settings.in_cookies:
        name = getattr(settings, f"authjwt_{kind}_cookie_key")
        return MissingTokenError(message=f"Missing cookie {name}")
    return MissingTokenError(message=f"Missing {settings.authjwt_header_name} Header")


def _values_of_header(view: RequestView, settings: LoadConfig) -> list[bytes]:
    """Give the words of the one header.

    Raises:
        InvalidRequestError: there are two.
    """
    values = view.header_values(settings.authjwt_header_name.lower().encode())
    if len(values) > 1:
        raise InvalidRequestError
    return values[0].split() if values else []


def _bad_header(settings: LoadConfig) -> InvalidHeaderError:
    kind = settings.authjwt_header_type
    expected = f"{kind} <JWT>" if kind else "<JWT>"
    name = settings.authjwt_header_name
    return InvalidHeaderError(message=f"Bad {name} header. Expected value '{expected}'")
