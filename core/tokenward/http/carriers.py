"""Places in a request that carry a token: headers, the query and WebSocket subprotocols.

The carrier for cookies is in `tokenward.http.cookies`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol

from tokenward._arguments import check_methods, kind_of
from tokenward.claims.model import TokenType
from tokenward.errors import ConfigurationError, InvalidRequestError
from tokenward.http.field_values import list_item_ends
from tokenward.http.request import RequestView

__all__ = [
    "BearerHeader",
    "Carrier",
    "QueryCarrier",
    "WebSocketProtocolCarrier",
    "check_field_name",
    "check_names",
    "checked_carriers",
    "single_value",
]

_SPACE: Final = b" \t"
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 §5.6.2
_CARRIER_MEMBERS: Final = ("read_token", "scheme", "security_scheme")


class Carrier(Protocol):
    """A place in a request that can carry a token.

    Only `CookieCarrier`, `ProxyCookieCarrier` and `HeaderCarrier` get a CSRF check. A carrier of
    your own must not read anything that browsers send automatically, such as cookies.
    """

    @property
    def scheme(self) -> str:
        """The authentication scheme that a challenge names (RFC 9110 §11.3)."""
        ...

    @property
    def security_scheme(self) -> Mapping[str, str]:
        """The Security Scheme Object of the OpenAPI document (OpenAPI 3.1 §4.8.27)."""
        ...

    def read_token(self, request: RequestView, type: TokenType) -> bytes | None:
        """Return the token, or None if this place carries no token.

        Args:
            request: the request, or a WebSocket handshake.
            type: the token type that the caller expects. Most carriers ignore it.

        Raises:
            InvalidRequestError: the place is ambiguous, for example a header is sent twice.
        """
        ...


class BearerHeader:
    """``Authorization: Bearer <token>`` (RFC 6750 §2.1); the case of the scheme is ignored.

    A header with another scheme, such as ``Basic``, carries no token. Two headers are refused,
    because a proxy and this service could each read a different one.
    """

    __slots__ = ("_name", "_scheme", "scheme", "security_scheme")

    scheme: str
    security_scheme: Mapping[str, str]

    def __init__(self, *, name: str = "Authorization", scheme: str = "Bearer") -> None:
        """Set the names of the header and of the scheme.

        Raises:
            ConfigurationError: a name is empty, is not ASCII, or contains a space.
        """
        check_names(name, scheme)
        check_field_name(name)
        self.scheme = scheme
        self._name = name.lower().encode()
        self._scheme = scheme.lower().encode()
        # In OpenAPI, "http" always means the Authorization header.
        self.security_scheme = (
            {"type": "http", "scheme": scheme.lower(), "bearerFormat": "JWT"}
            if self._name == b"authorization"
            else {"type": "apiKey", "in": "header", "name": name}
        )

    def read_token(self, request: RequestView, type: TokenType) -> bytes | None:  # noqa: ARG002
        """See `Carrier.read_token`."""
        value = single_value(request.header_values(self._name))
        if value is None:
            return None

        value = value.strip(_SPACE)
        scheme, credentials = value[: len(self._scheme)], value[len(self._scheme) :]
        # A space must follow the scheme (RFC 9110 §11.4); a letter makes it a different scheme. A tab
        # is accepted here and stays in the token, which is then refused as malformed.
        if scheme.lower() != self._scheme or credentials[:1] not in _SPACE:
            return None

        return credentials.strip(b" ")


class QueryCarrier:
    """``?access_token=<token>`` (RFC 6750 §2.3), for clients that cannot set a header.

    Never a default: URLs end up in logs, browser histories and ``Referer`` headers. Use it only on
    the routes that need it, for example WebSockets and downloads, with tokens that expire within a
    minute.
    """

    __slots__ = ("_name", "scheme", "security_scheme")

    scheme: str
    security_scheme: Mapping[str, str]

    def __init__(self, *, name: str = "access_token") -> None:
        """Set the name of the query parameter.

        Raises:
            ConfigurationError: the name is empty, is not ASCII, or contains a space.
        """
        check_names(name)
        self.scheme = "Bearer"
        self._name = name.encode()
        self.security_scheme = {"type": "apiKey", "in": "query", "name": name}

    def read_token(self, request: RequestView, type: TokenType) -> bytes | None:  # noqa: ARG002
        """See `Carrier.read_token`."""
        return single_value(request.query_values(self._name))


class WebSocketProtocolCarrier:
    """``new WebSocket(url, ["bearer", token])``: the only header that a browser lets a page set.

    The token is the subprotocol after the marker (RFC 6455 §4.1). Accept the WebSocket with the
    marker as its subprotocol, or with another offered one, never with the token; browsers close a
    WebSocket whose server selected no subprotocol. Ordinary HTTP requests carry no token here.
    """

    __slots__ = ("_marker", "scheme", "security_scheme")

    scheme: str
    security_scheme: Mapping[str, str]

    def __init__(self, *, marker: str = "bearer") -> None:
        """Set the marker: the subprotocol that precedes the token.

        Raises:
            ConfigurationError: the marker is empty, is not ASCII, or contains a space or a comma.
        """
        check_names(marker)
        if "," in marker:
            msg = "marker must be one subprotocol, without a comma."
            raise ConfigurationError(msg)
        self.scheme = "Bearer"
        self._marker = marker.encode()
        self.security_scheme = {"type": "apiKey", "in": "header", "name": "Sec-WebSocket-Protocol"}

    def read_token(self, request: RequestView, type: TokenType) -> bytes | None:  # noqa: ARG002
        """See `Carrier.read_token`."""
        if not request.is_websocket:
            return None

        offered = b",".join(request.header_values(b"sec-websocket-protocol"))
        marker_ends = list_item_ends(offered, self._marker)
        if not marker_ends:
            return None
        if len(marker_ends) > 1:  # a second marker announces a second token
            raise InvalidRequestError

        token = offered[marker_ends[0] + 1 :].partition(b",")[0]
        return token.strip(_SPACE)


def checked_carriers(carriers: Sequence[Carrier]) -> tuple[Carrier, ...]:
    """Return the carriers as a tuple.

    Raises:
        ConfigurationError: `carriers` is empty or no list, or an element is not a carrier.
    """
    if isinstance(carriers, str | type) or not isinstance(carriers, Iterable):
        msg = (
            f"carriers must be a list of carriers, not {kind_of(carriers)}: "
            "write carriers=[BearerHeader()]."
        )
        raise ConfigurationError(msg)

    checked = tuple(carriers)
    if not checked:
        msg = "carriers must contain at least one carrier, as in carriers=[BearerHeader()]."
        raise ConfigurationError(msg)

    for carrier in checked:
        check_methods(carrier, _CARRIER_MEMBERS, "A carrier", "carriers=[BearerHeader()]")

    return checked


def check_names(*names: str) -> None:
    """Refuse names that are not one ASCII word.

    Raises:
        ConfigurationError: a name is empty, is not ASCII, or contains a space.
    """
    for name in names:
        if not isinstance(name, str) or not name.isascii() or not name or name.split() != [name]:
            msg = "Each name of a carrier must be one ASCII word, without spaces."
            raise ConfigurationError(msg)


def check_field_name(name: str) -> None:
    """Refuse a name that no header (RFC 9110 §5.1) and no cookie (RFC 6265 §4.1.1) can have.

    Raises:
        ConfigurationError: the name contains another character than a token of RFC 9110.
    """
    if not _TOKEN.fullmatch(name):
        msg = "The name of a header or cookie is invalid: use letters, digits and hyphens, without a colon."
        raise ConfigurationError(msg)


def single_value(values: list[bytes]) -> bytes | None:
    """Return the only value, or None. Two values are refused, even equal ones.

    Raises:
        InvalidRequestError: there are two values or more.
    """
    if len(values) > 1:
        raise InvalidRequestError
    return values[0] if values else None
