"""Places in a request that carry a token: headers, the query and WebSocket subprotocols.

The carrier for cookies is in `tokenward.http.cookies`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol

from pydantic import JsonValue

from tokenward._arguments import check_methods, kind_of
from tokenward.claims.model import TokenType
from tokenward.errors import ConfigurationError, InvalidRequestError
from tokenward.http.field_values import list_item_ends
from tokenward.http.password_flow import password_flow
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

    Only `CookieCarrier`, `ProxyCookieCarrier` and `HeaderCarrier` get a CSRF check. Your own
    carrier must not read anything that browsers send automatically, such as cookies.
    """

    @property
    def scheme(self) -> str:
        """The authentication scheme that a challenge names (RFC 9110 §11.3)."""
        ...

    @property
    def security_scheme(self) -> Mapping[str, JsonValue]:
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

    With `token_url` the OpenAPI document has the OAuth 2.0 password flow (RFC 6749 §4.3), so the
    documentation pages ask for a name and a password instead of a token.
    """

    __slots__ = ("_name", "_scheme", "scheme", "security_scheme")

    scheme: str
    security_scheme: Mapping[str, JsonValue]

    def __init__(
        self,
        *,
        name: str = "Authorization",
        scheme: str = "Bearer",
        token_url: str | None = None,
        scopes: Mapping[str, str] | None = None,
    ) -> None:
        """Set the names of the header and of the scheme, and how OpenAPI documents them.

        Args:
            name: the name of the header.
            scheme: the authentication scheme that precedes the token.
            token_url: the URL of the route that exchanges a name and a password for a token, for
                OpenAPI only. Write it as browsers see it, as in ``"/token"``.
            scopes: the scopes that the dialog of the documentation page offers, each with a
                description. Needs `token_url`. It does not limit the scopes of tokens.

        Raises:
            ConfigurationError: a name is empty, is not ASCII, or contains a space; `token_url` or
                a scope is invalid; `scopes` has no `token_url`; or `token_url` is combined with
                another header or scheme than ``Authorization: Bearer``.
            TypeError: a scope is not text.
        """
        check_names(name, scheme)
        check_field_name(name)
        self.scheme = scheme
        self._name = name.lower().encode()
        self._scheme = scheme.lower().encode()
        flow = password_flow(token_url, scopes)
        if flow is not None:
            self._check_flow()
            self.security_scheme = {"type": "oauth2", "flows": {"password": flow}}
        elif self._name == b"authorization":
            # In OpenAPI, "http" always means the Authorization header.
            self.security_scheme = {"type": "http", "scheme": scheme.lower(), "bearerFormat": "JWT"}
        else:
            self.security_scheme = {"type": "apiKey", "in": "header", "name": name}

    def _check_flow(self) -> None:
        if (self._name, self._scheme) != (b"authorization", b"bearer"):
            msg = (
                "token_url is for Authorization: Bearer, which clients of OAuth 2.0 send: omit name "
                "and scheme, or omit token_url."
            )
            raise ConfigurationError(msg)

    def read_token(self, request: RequestView, type: TokenType) -> bytes | None:  # noqa: ARG002
        """See `Carrier.read_token`."""
        return self._token_of(request.single_header_value(self._name))

    def token_in(self, values: Iterable[str | bytes]) -> bytes | None:
        """Return the token in the values of the header; for metadata of gRPC and other headers.

        Args:
            values: every value that was sent under the name of the header.

        Returns:
            The token, or None if there is no value or one with another scheme.

        Raises:
            InvalidRequestError: there are two values or more.
            TypeError: `values` is one value, or contains something else than text and bytes.
        """
        return self._token_of(single_value(_as_bytes(values)))

    def _token_of(self, value: bytes | None) -> bytes | None:
        if value is None:
            return None

        value = value.strip(_SPACE)
        # A space must follow the scheme (RFC 9110 §11.4); a letter makes it a different scheme.
        scheme, _, credentials = value.partition(b" ")
        if scheme.lower() == self._scheme:
            return credentials.strip(b" ")
        # A tab is accepted here and stays in the token, which is then refused as malformed.
        has_tab = scheme.lower().startswith(self._scheme + b"\t")
        return value[len(self._scheme) :] if has_tab else None


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


def _as_bytes(values: Iterable[str | bytes]) -> list[bytes]:
    """Return all values as bytes. A character that UTF-8 lacks makes the token malformed."""
    if isinstance(values, (str, bytes)):
        msg = "token_in needs all values of the header, in a list."
        raise TypeError(msg)
    found = [*values]
    if not all(isinstance(value, (str, bytes)) for value in found):
        msg = "Each value of the header must be text or bytes."
        raise TypeError(msg)
    return [value.encode(errors="replace") if isinstance(value, str) else value for value in found]


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
