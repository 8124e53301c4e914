"""Public documents, such as key sets and metadata: how they are rendered, cached and sent."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Protocol, Self

from pydantic import JsonValue

from tokenward.errors import ConfigurationError
from tokenward.http.field_values import list_item_ends
from tokenward.http.request import RequestView
from tokenward.jose.codec import b64url_encode, dumps

__all__ = [
    "FIVE_MINUTES",
    "JSON",
    "SERVICE_URL",
    "Document",
    "DocumentPublisher",
    "DocumentResponse",
    "cache_control",
]

JSON: Final = "application/json"
FIVE_MINUTES: Final = timedelta(minutes=5)
# An issuer (RFC 8414 §2) or a resource (RFC 9728 §1.2): https, no query and no fragment. Plain http
# is allowed only for the local machine. The characters of the path have no special meaning in the
# routes of any framework (RFC 3986 §2.3).
SERVICE_URL: Final = re.compile(
    r"(?P<origin>https://[A-Za-z0-9.-]+(?::[0-9]+)?"
    r"|http://(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]+)?)"
    r"(?P<path>(?:/[A-Za-z0-9._~-]+)*)/?"
)
# Pages of every origin may read a public document. It is the same with and without cookies.
_CORS: Final = {"Access-Control-Allow-Origin": "*"}
# MCP clients in browsers send MCP-Protocol-Version, which needs a preflight request (Fetch §3.3.5).
_PREFLIGHT: Final = {
    **_CORS,
    "Access-Control-Allow-Methods": "GET, HEAD",
    "Access-Control-Allow-Headers": "*",
    "Allow": "GET, HEAD, OPTIONS",
}


@dataclass(frozen=True, slots=True)
class DocumentResponse:
    """The response to a request for a public document: the same bytes in every framework."""

    status: int
    """The HTTP status."""
    headers: Mapping[str, str]
    """The headers for the content, its caching, and the pages that may read it."""
    body: bytes
    """The body; empty for HEAD and OPTIONS, and for status 304."""


class DocumentPublisher(Protocol):
    """Serves public documents: `KeyPublisher` or `ResourceMetadata`."""

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths of all documents. Each is served for GET, HEAD and OPTIONS."""
        ...

    def respond(self, request: RequestView, path: str) -> DocumentResponse:
        """Return the response to a request for one of `paths`."""
        ...


@dataclass(frozen=True, slots=True)
class Document:
    """One rendered document."""

    media_type: str
    content: bytes
    etag: str

    @classmethod
    def render(cls, media_type: str, members: Mapping[str, JsonValue]) -> Self:
        """Render a JSON object. Equal members have the same entity tag in every process.

        Raises:
            ConfigurationError: a member cannot be written as JSON.
        """
        content = dumps(members)
        return cls(media_type, content, f'"{b64url_encode(hashlib.sha256(content).digest())}"')

    def respond(self, request: RequestView, cache_control: str) -> DocumentResponse:
        """Return the response to a GET, HEAD or OPTIONS request.

        Args:
            request: its method and ``If-None-Match`` (RFC 9110 §13.1.2) decide what is sent.
            cache_control: the value of ``Cache-Control``.
        """
        if request.method == "OPTIONS":
            return DocumentResponse(204, _PREFLIGHT, b"")

        headers = {"Cache-Control": cache_control, "ETag": self.etag, **_CORS}
        if _matches_etag(request.header_values(b"if-none-match"), self.etag.encode()):
            return DocumentResponse(304, headers, b"")

        headers["Content-Type"] = self.media_type
        headers["Content-Length"] = str(len(self.content))
        return DocumentResponse(200, headers, b"" if request.method == "HEAD" else self.content)


def cache_control(max_age: timedelta) -> str:
    """Return the value of ``Cache-Control`` for a public document.

    Raises:
        ConfigurationError: `max_age` is not a timedelta of zero or more.
    """
    if not isinstance(max_age, timedelta) or max_age < timedelta(0):
        msg = "max_age must be a timedelta of zero or more."
        raise ConfigurationError(msg)

    return f"public, max-age={int(max_age.total_seconds())}"


def _matches_etag(values: list[bytes], etag: bytes) -> bool:
    """Whether ``If-None-Match`` matches an entity tag, by weak comparison (RFC 9110 §8.8.3.2).

    The entity tags of the documents contain no comma, so splitting at commas is safe.
    """
    tags = b",".join(values)
    if tags.strip(b" \t") == b"*":
        return True
    return bool(list_item_ends(tags, etag) or list_item_ends(tags, b"W/" + etag))
