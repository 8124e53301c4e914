"""The framework-free view of a request, which every adapter builds from the ASGI scope."""

import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final, TypeAlias

from tokenward.http.field_values import cookie_values, urlencoded_values

__all__ = ["RequestView"]

Scope: TypeAlias = MutableMapping[str, Any]
"""An ASGI connection scope; the ASGI specification defines the type of each value."""

_MEMO: Final = "tokenward"
_DENIAL_RESPONSE: Final = "websocket.http.response"
_SPACE: Final = b" \t"
_FORM: Final = b"application/x-www-form-urlencoded"
_MAX_FORM_BYTES: Final = 262_144
_CONTENT_LENGTH: Final = re.compile(rb"[0-9]{1,9}")


class RequestView:
    """The parts of a request, or of a WebSocket handshake, that the core reads."""

    __slots__ = ("_body", "_scope")

    def __init__(self, scope: Scope, body: Callable[[], Awaitable[bytes]] | None = None) -> None:
        """Create a view of an ASGI connection.

        Args:
            scope: the ASGI connection scope.
            body: returns the whole body, each time it is called. None: there is no readable body.
        """
        self._scope = scope
        self._body = body

    @property
    def method(self) -> str:
        """The request method as the client sent it; empty for a WebSocket."""
        method: str = self._scope.get("method", "")
        return method

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
        content_types = self.header_values(b"content-type")
        lengths = self.header_values(b"content-length")
        if self._body is None or len(content_types) != 1 or len(lengths) != 1:
            return []

        is_form = content_types[0].partition(b";")[0].strip(_SPACE).lower() == _FORM
        if (
            not is_form
            or not _CONTENT_LENGTH.fullmatch(lengths[0])
            or int(lengths[0]) > _MAX_FORM_BYTES
        ):
            return []

        return urlencoded_values(await self._body(), name)

    @property
    def memo(self) -> dict[object, object]:
        """Results that are kept for the duration of this request."""
        memo: dict[object, object] = self._scope.setdefault(_MEMO, {})
        return memo
