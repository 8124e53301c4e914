"""Requests as text, in which a fuzzer can change everything.

::

    POST /session?a=b
    Cookie: __Host-access_token={access}

    field=value

The method ``WS`` means the handshake of a WebSocket. ``{access}``, ``{refresh}`` and ``{csrf}`` stand
for the tokens of one session, which no fuzzer could guess.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from fuzz.harness import run_in_loop

__all__ = ["RequestText", "Session", "fields_of", "session_of"]


@dataclass(frozen=True)
class Session:
    """The tokens of one login."""

    access: bytes
    refresh: bytes
    csrf: bytes

    def fill(self, text: bytes) -> bytes:
        """Return a text with the tokens instead of their names."""
        tokens = {b"{access}": self.access, b"{refresh}": self.refresh, b"{csrf}": self.csrf}
        for name, token in tokens.items():
            text = text.replace(name, token)
        return text


def session_of(engine: Any) -> Session:  # noqa: ANN401 - imported by the target, with coverage
    """Return the session of a new login of alice, with the scope ``orders:read``."""
    pair = run_in_loop(engine.issue_pair("alice", scopes=["orders:read"], fresh=True))
    return Session(
        pair.access_token.encode(), pair.refresh_token.encode(), pair.csrf_token.encode()
    )


@dataclass(frozen=True)
class RequestText:
    """A parsed request."""

    method: str
    path: bytes
    query: bytes
    headers: list[tuple[bytes, bytes]]
    """The names in lower case, as servers pass them on."""
    body: bytes

    @classmethod
    def parse(cls, text: bytes) -> "RequestText":
        """Read any bytes as a request; what is missing is empty."""
        head, _, body = text.partition(b"\n\n")
        start, *lines = head.split(b"\n")
        method, _, target = start.partition(b" ")
        path, _, query = target.partition(b"?")
        headers = []
        for line in lines:
            name, _, value = line.replace(b"\r", b"").partition(b":")
            headers.append((name.lower(), value.removeprefix(b" ")))
        if body and b"content-length" not in dict(headers):
            headers.append((b"content-length", b"%d" % len(body)))
        return cls(method.decode("latin-1"), path, query, headers, body)

    @property
    def is_websocket(self) -> bool:
        """Whether this is the handshake of a WebSocket."""
        return self.method == "WS"

    @property
    def scope(self) -> dict[str, Any]:
        """The ASGI connection scope."""
        scope: dict[str, Any] = {"query_string": self.query, "headers": self.headers}
        if self.is_websocket:
            return {**scope, "type": "websocket"}
        return {**scope, "type": "http", "method": self.method}

    async def read_body(self) -> bytes:
        """Return the whole body, as an adapter does."""
        return self.body

    def values(self, name: bytes) -> list[bytes]:
        """Return every value of a header."""
        return [value for key, value in self.headers if key == name]

    def cookies(self, name: bytes) -> list[bytes]:
        """Return every value of a cookie (RFC 6265 §5.4), read without Tokenward."""
        pairs = [pair for header in self.values(b"cookie") for pair in header.split(b";")]
        split = [pair.partition(b"=") for pair in pairs]
        return [value.strip(b" \t") for key, _, value in split if key.strip(b" \t") == name]


def fields_of(form: bytes) -> dict[str, list[str]]:
    """Return the fields of a urlencoded form, read without Tokenward."""
    return parse_qs(form.decode("latin-1"), keep_blank_values=True, encoding="utf-8")
