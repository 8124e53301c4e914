"""What a service publishes of its keys, so that others can verify its tokens: no framework in it.

The key set (RFC 7517 §5) and, for an issuer with an address, the metadata that lead to it (RFC 8414).
"""

import hashlib
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from pydantic import JsonValue

from tokenward._arguments import kind_of
from tokenward.errors import ConfigurationError
from tokenward.http.field_values import listed
from tokenward.http.request import RequestView
from tokenward.jose.codec import b64url_encode, dumps
from tokenward.keys.ring import KeyRing

__all__ = ["KeyPublisher", "KeysResponse"]

_JWKS: Final = "application/jwk-set+json"  # RFC 7517 §8.5.2
_JSON: Final = "application/json"  # RFC 8414 §3.2
_FIVE_MINUTES: Final = timedelta(minutes=5)
# Letters that mean themselves in the routes of every framework (RFC 3986 §2.3).
_PATH: Final = re.compile(r"(?:/[A-Za-z0-9._~-]+)+")
# RFC 8414 §2: https, no query and no fragment. Plain http is for this machine alone.
_ISSUER: Final = re.compile(
    r"(?P<origin>https://[A-Za-z0-9.-]+(?::[0-9]+)?"
    r"|http://(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]+)?)"
    r"(?P<path>(?:/[A-Za-z0-9._~-]+)*)/?"
)


@dataclass(frozen=True, slots=True)
class KeysResponse:
    """The answer to a request for a document: the same bytes from every framework."""

    status: int
    """The HTTP status."""
    headers: Mapping[str, str]
    """All headers that have to do with the content."""
    body: bytes
    """The body; empty for HEAD and for 304."""


@dataclass(frozen=True, slots=True)
class _Document:
    media_type: str
    content: bytes
    etag: str


class KeyPublisher:
    """Shows the public keys of a ring to the world, and who they belong to.

    ::

        auth.publish_keys(app, KeyPublisher(ring, issuer="https://shop.example"))

    ===========================================  ================================================
    Path                                         Holds
    ===========================================  ================================================
    ``/.well-known/jwks.json``                   the public keys: pending, active, verify-only
    ``/.well-known/oauth-authorization-server``  where they are, and the algorithms (RFC 8414 §3)
    ``/.well-known/openid-configuration``        the same, where many look for it (RFC 8414 §5)
    ===========================================  ================================================

    For an issuer with a path, as in ``https://shop.example/eu``, the path follows the second and
    goes before the third, as RFC 8414 says; the app must serve them at the root of the host.
    """

    def __init__(
        self,
        ring: KeyRing,
        *,
        issuer: str | None = None,
        max_age: timedelta = _FIVE_MINUTES,
        jwks_path: str = "/.well-known/jwks.json",
        metadata: Mapping[str, JsonValue] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Join a ring to its place.

        Args:
            ring: whose public keys are shown, as they are at each request.
            issuer: the policy's, an ``https`` address; None: there is the key set alone.
            max_age: how long others may keep a copy. A new key must be pending for longer than this
                before it signs, or they refuse its first tokens.
            jwks_path: of the key set, at the root of the host.
            metadata: further members, such as ``token_endpoint`` (RFC 8414 §2). Its
                ``response_types_supported`` is for you to give: only you know your endpoints.
            clock: the time in seconds since 1970; the same as that of the engine.

        Raises:
            ConfigurationError: the ring holds secrets alone, so that there is nothing to show, the
                issuer is no such address, or another argument cannot be meant.

        Not checked: that the engine's policy names the same issuer.
        """
        own = {"issuer", "jwks_uri", "access_token_signing_alg_values_supported"}
        if not isinstance(ring, KeyRing):
            msg = f"ring must be the KeyRing of the engine, not {kind_of(ring)}."
            raise ConfigurationError(msg)
        if not ring.public_jwks()["keys"]:
            msg = "The ring holds secrets alone, which cannot be published. Sign with EdDSA, say."
            raise ConfigurationError(msg)
        if not isinstance(max_age, timedelta) or max_age < timedelta(0):
            msg = "max_age must be a timedelta that is not negative."
            raise ConfigurationError(msg)
        if not _PATH.fullmatch(jwks_path):
            msg = "jwks_path must be a plain path, as in '/.well-known/jwks.json'."
            raise ConfigurationError(msg)
        if metadata is not None and (issuer is None or not own.isdisjoint(metadata)):
            msg = "metadata needs an issuer, and cannot name what the publisher itself says."
            raise ConfigurationError(msg)
        self._ring = ring
        self._clock = clock
        self._jwks_path = jwks_path
        self._cache_control = f"public, max-age={int(max_age.total_seconds())}"
        self._metadata = dict(metadata or {})
        self._issuer = issuer
        self._origin = ""
        self._makers: dict[str, Callable[[], _Document]] = {jwks_path: self._key_set}
        if issuer is not None:
            self._add_metadata(issuer)
        self._rendered: tuple[int, dict[str, _Document]] = (ring.version, self._render())

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths of all documents, each for GET and HEAD."""
        return tuple(self._makers)

    def respond(self, request: RequestView, path: str) -> KeysResponse:
        """Answer a GET or a HEAD; no token is asked for.

        Args:
            request: for its method, and for ``If-None-Match`` (RFC 9110 §13.1.2).
            path: one of `paths`.
        """
        # An engine removes expired keys when it uses the ring, which may be much later or never.
        if self._ring.due_at <= (now := self._clock()):
            self._ring.drop_expired(now)
        version, documents = self._rendered
        if version != self._ring.version:
            # The number first: a change in between is seen at the next request.
            self._rendered = (self._ring.version, self._render())
            documents = self._rendered[1]
        document = documents[path]
        headers = {"Cache-Control": self._cache_control, "ETag": document.etag}
        if _is_known(request.header_values(b"if-none-match"), document.etag.encode()):
            return KeysResponse(304, headers, b"")
        headers["Content-Type"] = document.media_type
        headers["Content-Length"] = str(len(document.content))
        return KeysResponse(200, headers, b"" if request.method == "HEAD" else document.content)

    def _add_metadata(self, issuer: str) -> None:
        parts = _ISSUER.fullmatch(issuer)
        if parts is None:
            msg = "issuer must be an https address without query and fragment (RFC 8414 §2)."
            raise ConfigurationError(msg)
        self._origin = parts["origin"]
        for path in (
            f"/.well-known/oauth-authorization-server{parts['path']}",
            f"{parts['path']}/.well-known/openid-configuration",
        ):
            self._makers[path] = self._issuer_metadata
        if len(self._makers) != 3:  # noqa: PLR2004 - the key set and two more
            msg = "jwks_path is the path of the metadata."
            raise ConfigurationError(msg)

    def _render(self) -> dict[str, _Document]:
        return {path: make() for path, make in self._makers.items()}

    def _key_set(self) -> _Document:
        return _document(_JWKS, self._ring.public_jwks())

    def _issuer_metadata(self) -> _Document:
        algorithms = sorted(
            {key.algorithm.name for key in self._ring if key.algorithm.key_type != "oct"}
        )
        members: dict[str, JsonValue] = {
            **self._metadata,
            "issuer": self._issuer,
            "jwks_uri": f"{self._origin}{self._jwks_path}",
        }
        # RFC 8414 §3.2: what has no elements is left out. No RFC names a member for the algorithms
        # of access tokens; readers leave alone what they do not know.
        if algorithms:
            members["access_token_signing_alg_values_supported"] = [*algorithms]
        return _document(_JSON, members)


def _document(media_type: str, members: Mapping[str, JsonValue]) -> _Document:
    content = dumps(members)
    return _Document(media_type, content, f'"{b64url_encode(hashlib.sha256(content).digest())}"')


def _is_known(values: list[bytes], etag: bytes) -> bool:
    """Tell whether ``If-None-Match`` names a document, by weak comparison (RFC 9110 §8.8.3.2).

    Tags of ours have no comma, so to split at commas finds them in every list that is well formed.
    """
    asked = b",".join(values)
    return asked.strip(b" \t") == b"*" or bool(listed(asked, etag) or listed(asked, b"W/" + etag))
