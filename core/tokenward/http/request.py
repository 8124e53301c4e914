"""The view of a request or of a WebSocket handshake that every adapter builds from its ASGI scope."""

import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final, TypeAlias

from tokenward.http.field_values import cookie_values, urlencoded_values

__all__ = ["RequestView"]

Scope: TypeAlias = MutableMapping[str, Any]
"""An ASGI connection scope; the values are whatever the ASGI specification says of each key."""

_MEMO: Final = "tokenward"
_DENIAL_RESPONSE: Final = "websocket.http.response"
_SPACE: Final = b" \t"
_FORM: Final = b"application/x-www-form-urlencoded"
_LONGEST_FORM: Final = 262_144
_SHORT_NUMBER: Final = re.compile(rb"[0-9]{1,9}")


class RequestView:
    """What the core sees of a request or of a WebSocket's opening handshake: its ASGI scope."""

    __slots__ = ("_body", "_scope")

    def __init__(self, scope: Scope, body: Callable[[], Awaitable[bytes]] | None = None) -> None:
        """Take what every supported framework has at hand.

        Args:
            scope: of ASGI.
            body: gives the whole body, as often as it is asked; None: there is none to be read.
        """
        self._scope = scope
        self._body = body

    @property
    def method(self) -> str:
        """The request method, in the case in which it came; empty for a WebSocket."""
        method: str = self._scope.get("method", "")
        return method

    @property
    def is_websocket(self) -> bool:
        """Whether this is the opening handshake of a WebSocket."""
        return bool(self._scope["type"] == "websocket")

    @property
    def supports_denial_response(self) -> bool:
        """Whether the server can answer this WebSocket handshake with an HTTP response.

        See the ASGI extension ``websocket.http.response``.
        """
        return _DENIAL_RESPONSE in (self._scope.get("extensions") or ())

    def header_values(self, name: bytes) -> list[bytes]:
        """Give every value of a header, in order.

        Args:
            name: in lower case, as ASGI has it.
        """
        return [value for key, value in self._scope["headers"] if key == name]

    def cookie_values(self, name: bytes) -> list[bytes]:
        """Give every value of a cookie (RFC 6265 §5.4), in order and as it came."""
        return cookie_values(self.header_values(b"cookie"), name)

    def query_values(self, name: bytes) -> list[bytes]:
        """Give every value of a parameter in the query, decoded, in order.

        More than 16 values, or values with more than 4,096 percent signs between them, are given as
        they came.
        """
        return urlencoded_values(self._scope.get("query_string", b""), name)

    async def form_values(self, name: bytes) -> list[bytes]:
        """Give every value of a field of the form in the body, decoded, in order.

        There is none where the body is not ``application/x-www-form-urlencoded``, is longer than
        256 KiB, or does not say how long it is. More than 16 values, or values with more than 4,096
        percent signs between them, are given as they came.
        """
        kinds = self.header_values(b"content-type")
        lengths = self.header_values(b"content-length")
        if self._body is None or len(kinds) != 1 or len(lengths) != 1:
            return []
        is_form = kinds[0].partition(b";")[0].strip(_SPACE).lower() == _FORM
        if (
            not is_form
            or not _SHORT_NUMBER.fullmatch(lengths[0])
            or int(lengths[0]) > _LONGEST_FORM
        ):
            return []
        return urlencoded_values(await self._body(), name)

    @property
    def memo(self) -> dict[object, object]:
        """What was found out about this one request."""
        memo: dict[object, object] = self._scope.setdefault(_MEMO, {})
        return memo
