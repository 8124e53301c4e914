"""The framework-free view of a request, which every adapter builds from the ASGI scope."""

import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final, TypeAlias
from urllib.parse import quote

from tokenward.errors import InvalidRequestError
from tokenward.http.field_values import cookie_values, urlencoded_values

__all__ = ["RequestView"]

Scope: TypeAlias = MutableMapping[str, Any]
"""An ASGI connection scope; the ASGI specification defines the type of each value."""

_MEMO: Final = "tokenward"
_DENIAL_RESPONSE: Final = "websocket.http.response"
_SPACE: Final = b" \t"
_OF_PATHS: Final = "/:@!$&'()*+,;="  # RFC 3986 §3.3
_FORM: Final = b"application/x-www-form-urlencoded"
_MAX_BODY_BYTES: Final = 262_144
_CONTENT_LENGTH: Final = re.compile(rb"[0-9]{1,9}")


class RequestView:
    """The parts of a request, or of a WebSocket handshake, that the core reads."""

    __slots__ = ("_body", "_scope")

    def __init__(
        self, scope: Mapping[str, object], body: Callable[[], Awaitable[bytes]] | None = None
    ) -> None:
        """Create a view of an ASGI connection.

        Args:
            scope: the ASGI connection scope, a dictionary; the frameworks give it various types.
            body: returns the whole body, each time it is called. None: there is no readable body.
        """
        self._scope: Scope = scope  # type: ignore[assignment] # a dictionary, see above
        self._body = body

    @property
    def method(self) -> str:
        """The request method as the client sent it; empty for a WebSocket."""
        method: str = self._scope.get("method", "")
        return method

    @property
    def raw_path(self) -> str:
        """The path as the client sent it: percent-encoded, and without the query.

        A server that does not pass it on (ASGI ``raw_path``) has decoded it; it is encoded again.
        """
        raw: bytes | None = self._scope.get("raw_path")
        if raw is None:
            return quote(self._scope.get("path", ""), safe=_OF_PATHS)
        path = raw.partition(b"?")[0]
        return path.decode() if path.isascii() else quote(path, safe=_OF_PATHS + "%")

    @property
    def client_host(self) -> str | None:
        """The address of the client as the server reports it; None: unknown, or a Unix socket.

        Behind a proxy it is that of the proxy, unless a setting of the server takes it from a header.
        """
        client: tuple[str, int] | None = self._scope.get("client")
        return client[0] if client else None

    @property
    def tls(self) -> Mapping[str, object]:
        """The TLS extension of ASGI: what the server says about the TLS connection, or nothing."""
        tls: Mapping[str, object] = (self._scope.get("extensions") or {}).get("tls") or {}
        return tls

    @property
    def is_websocket(self) -> bool:
        """Whether this is a WebSocket handshake."""
        return bool(self._scope["type"] == "websocket")

    @property
    def supports_denial_response(self) -> bool:
        """Whether the server can answer this WebSocket handshake with an HTTP response.

        See the ASGI extension ``websocket.http.response``.
        """
        return _DENIAL_RESPONSE in (self._scope.get("extensions") or ())

    def header_values(self, name: bytes) -> list[bytes]:
        """Return every value of a header, in order.

        Args:
            name: the name of the header in lower case, as in ASGI.
        """
        return [value for key, value in self._scope["headers"] if key == name]

    def single_header_value(self, name: bytes) -> bytes | None:
        """Return the only value of a header, or None. Two values are refused, even equal ones.

        Args:
            name: as for `header_values`.

        Raises:
            InvalidRequestError: the header was sent twice or more often.
        """
        found: bytes | None = None
        for key, value in self._scope["headers"]:
            if key == name:
                if found is not None:
                    raise InvalidRequestError
                found = value
        return found

    def cookie_values(self, name: bytes) -> list[bytes]:
        """Return every value of a cookie (RFC 6265 §5.4), in order and as sent."""
        return cookie_values(self.header_values(b"cookie"), name)

    def query_values(self, name: bytes) -> list[bytes]:
        """Return every value of a query parameter, decoded and in order.

        If there are more than 16 values, or more than 4,096 percent signs in all values together,
        the values are returned as sent, without decoding.
        """
        return urlencoded_values(self._scope.get("query_string", b""), name)

    async def form_values(self, name: bytes) -> list[bytes]:
        """Return every value of a form field in the body, decoded and in order.

        The result is empty if the body is not ``application/x-www-form-urlencoded``, is longer than
        256 KiB, or has no ``Content-Length``. If there are more than 16 values, or more than 4,096
        percent signs in all values together, the values are returned as sent, without decoding.
        """
        body = await self.body_of_type(_FORM)
        return [] if body is None else urlencoded_values(body, name)

    async def body_of_type(self, media_type: bytes) -> bytes | None:
        """Return the body if it has a media type, whose parameters are ignored.

        None: it has another type, is longer than 256 KiB, or has no ``Content-Length``.

        Args:
            media_type: the type in lower case.
        """
        content_types = self.header_values(b"content-type")
        lengths = self.header_values(b"content-length")
        if self._body is None or len(content_types) != 1 or len(lengths) != 1:
            return None

        is_wanted = content_types[0].partition(b";")[0].strip(_SPACE).lower() == media_type
        if (
            not is_wanted
            or not _CONTENT_LENGTH.fullmatch(lengths[0])
            or int(lengths[0]) > _MAX_BODY_BYTES
        ):
            return None

        return await self._body()

    @property
    def memo(self) -> dict[object, object]:
        """Results that are kept for the duration of this request."""
        memo: dict[object, object] = self._scope.setdefault(_MEMO, {})
        return memo
