"""Where in a request a token may be. Cookies have a room of their own, `tokenward.http.cookies`."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol

from tokenward._arguments import check_methods, kind_of
from tokenward.claims.model import TokenType
from tokenward.errors import ConfigurationError, InvalidRequestError
from tokenward.http.field_values import listed
from tokenward.http.request import RequestView

__all__ = [
    "BearerHeader",
    "Carrier",
    "QueryCarrier",
    "WebSocketProtocolCarrier",
    "checked_carriers",
]

_SPACE: Final = b" \t"
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 §5.6.2
_CARRIER_MEMBERS: Final = ("read_token", "scheme", "security_scheme")


class Carrier(Protocol):
    """A place in a request where a token may be.

    A carrier of your own that reads what browsers send by themselves, as a cookie, gets no CSRF
    check: use `CookieCarrier` for that.
    """

    @property
    def scheme(self) -> str:
        """The authentication scheme that a challenge names (RFC 9110 §11.3)."""
        ...

    @property
    def security_scheme(self) -> Mapping[str, str]:
        """How OpenAPI says it (OpenAPI 3.1 §4.8.27, Security Scheme Object)."""
        ...

    def read_token(self, request: RequestView, type: TokenType) -> bytes | None:
        """Give the token, or None where there is none here.

        Args:
            request: the request, or the opening handshake of a WebSocket.
            type: what the token is wanted for; most carriers carry every type alike.

        Raises:
            InvalidRequestError: it cannot be read with certainty.
        """
        ...


class BearerHeader:
    """``Authorization: Bearer <token>`` (RFC 6750 §2.1), the scheme in any case.

    Another scheme, as ``Basic``, is no token. Two headers are refused, because a proxy and this
    service might each look at another one.
    """

    __slots__ = ("_name", "_scheme", "scheme", "security_scheme")

    scheme: str
    security_scheme: Mapping[str, str]

    def __init__(self, *, name: str = "Authorization", scheme: str = "Bearer") -> None:
        """Take the name of the header and of the scheme.

        Raises:
            ConfigurationError: either is empty or not ASCII, or has a space.
        """
        _check_words(name, scheme)
        if not _TOKEN.fullmatch(name):
            msg = "No header has such a name: use letters, digits and hyphens, without a colon."
            raise ConfigurationError(msg)
        self.scheme = scheme
        self._name = name.lower().encode()
        self._scheme = scheme.lower().encode()
        # OpenAPI's "http" means the Authorization header and no other.
        self.security_scheme = (
            {"type": "http", "scheme": scheme.lower(), "bearerFormat": "JWT"}
            if self._name == b"authorization"
            else {"type": "apiKey", "in": "header", "name": name}
        )

    def read_token(self, request: RequestView, type: TokenType) -> bytes | None:  # noqa: ARG002
        """See `Carrier.read_token`."""
        value = _only(request.header_values(self._name))
        if value is None:
            return None
        value = value.strip(_SPACE)
        scheme, credentials = value[: len(self._scheme)], value[len(self._scheme) :]
        # What follows the scheme is a space (RFC 9110 §11.4), or it is part of another word. A tab
        # is neither: that token is there, and malformed.
        if scheme.lower() != self._scheme or credentials[:1] not in _SPACE:
            return None
        return credentials.strip(b" ")


class QueryCarrier:
    """``?access_token=<token>`` (RFC 6750 §2.3), for WebSockets and downloads that know no header.

    Never a default: addresses end up in logs, histories and ``Referer`` headers. Give it to the
    routes that need it alone, and have their tokens live a minute.
    """

    __slots__ = ("_name", "scheme", "security_scheme")

    scheme: str
    security_scheme: Mapping[str, str]

    def __init__(self, *, name: str = "access_token") -> None:
        """Take the name of the parameter.

        Raises:
            ConfigurationError: it is empty or not ASCII, or has a space.
        """
        _check_words(name)
        self.scheme = "Bearer"
        self._name = name.encode()
        self.security_scheme = {"type": "apiKey", "in": "query", "name": name}

    def read_token(self, request: RequestView, type: TokenType) -> bytes | None:  # noqa: ARG002
        """See `Carrier.read_token`."""
        return _only(request.query_values(self._name))


class WebSocketProtocolCarrier:
    """``new WebSocket(url, ["bearer", token])``: browsers can set no other header there.

    The token is the subprotocol after the marker (RFC 6455 §4.1). Accept the socket with the
    marker, or with another subprotocol that was offered and is not the token; a browser closes a
    socket whose server chose none. Requests that are no WebSocket have no token here.
    """

    __slots__ = ("_marker", "scheme", "security_scheme")

    scheme: str
    security_scheme: Mapping[str, str]

    def __init__(self, *, marker: str = "bearer") -> None:
        """Take the subprotocol that says that a token follows.

        Raises:
            ConfigurationError: it is empty or not ASCII, or has a space or a comma.
        """
        _check_words(marker)
        if "," in marker:
            msg = "The marker must be one subprotocol."
            raise ConfigurationError(msg)
        self.scheme = "Bearer"
        self._marker = marker.encode()
        self.security_scheme = {"type": "apiKey", "in": "header", "name": "Sec-WebSocket-Protocol"}

    def read_token(self, request: RequestView, type: TokenType) -> bytes | None:  # noqa: ARG002
        """See `Carrier.read_token`."""
        if not request.is_websocket:
            return None
        offered = b",".join(request.header_values(b"sec-websocket-protocol"))
        marked = listed(offered, self._marker)
        if not marked:
            return None
        # The marker a second time announces a second token.
        if len(marked) > 1:
            raise InvalidRequestError
        following = offered[marked[0] + 1 :].partition(b",")[0]
        return following.strip(_SPACE)


def checked_carriers(carriers: Sequence[Carrier]) -> tuple[Carrier, ...]:
    """Return the carriers that a programmer gave as a tuple.

    Raises:
        ConfigurationError: there is none, or one of them is no carrier.
    """
    if isinstance(carriers, str | type) or not isinstance(carriers, Iterable):
        msg = (
            f"carriers must be several carriers, not {kind_of(carriers)}: "
            "give a list, as in carriers=[BearerHeader()]."
        )
        raise ConfigurationError(msg)
    several = tuple(carriers)
    if not several:
        msg = "carriers must name at least one carrier."
        raise ConfigurationError(msg)
    for carrier in several:
        check_methods(carrier, _CARRIER_MEMBERS, "A carrier", "carriers=[BearerHeader()]")
    return several


def _check_words(*texts: str) -> None:
    for text in texts:
        if not isinstance(text, str) or not text.isascii() or not text or text.split() != [text]:
            msg = "The names of a carrier must be one ASCII word each."
            raise ConfigurationError(msg)


def _only(values: list[bytes]) -> bytes | None:
    """Give the one value; two are refused, even alike: another reader might take the other."""
    if len(values) > 1:
        raise InvalidRequestError
    return values[0] if values else None
