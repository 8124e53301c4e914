"""Publishes the public keys of a service, so that other services can verify its tokens.

The documents are the key set (RFC 7517 §5) and, for an issuer with a URL, its metadata (RFC 8414).
"""

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final

from pydantic import JsonValue

from tokenward._arguments import kind_of
from tokenward.errors import ConfigurationError
from tokenward.http.documents import (
    FIVE_MINUTES,
    JSON,
    SERVICE_URL,
    Document,
    DocumentResponse,
    cache_control,
)
from tokenward.http.request import RequestView
from tokenward.keys.ring import KeyRing
from tokenward.sessions.clock import system_time

__all__ = ["KeyPublisher"]

_JWKS: Final = "application/jwk-set+json"  # RFC 7517 §8.5.2
# Characters without a special meaning in the routes of any framework (RFC 3986 §2.3).
_PATH: Final = re.compile(r"(?:/[A-Za-z0-9._~-]+)+")


class KeyPublisher:
    """Publishes the public keys of a ring, and the metadata of their issuer.

    ::

        auth.publish_keys(app, KeyPublisher(ring, issuer="https://shop.example"))

    ===========================================  ================================================
    Path                                         Content
    ===========================================  ================================================
    ``/.well-known/jwks.json``                   the public keys: pending, active, verify-only
    ``/.well-known/oauth-authorization-server``  the issuer's metadata (RFC 8414 §3)
    ``/.well-known/openid-configuration``        the same metadata at the other usual path (§5)
    ===========================================  ================================================

    If the issuer has a path, as in ``https://shop.example/eu``, that path is appended to the second
    path and put before the third (RFC 8414 §3). The app must serve them at the root of the host.
    """

    def __init__(
        self,
        ring: KeyRing,
        *,
        issuer: str | None = None,
        max_age: timedelta = FIVE_MINUTES,
        jwks_path: str = "/.well-known/jwks.json",
        metadata: Mapping[str, JsonValue] | None = None,
        clock: Callable[[], float] = system_time,
    ) -> None:
        """Prepare the documents of a ring.

        Args:
            ring: the ring whose public keys are published. Its changes appear immediately.
            issuer: the issuer of the policy, an ``https`` URL. None: only the key set is published.
            max_age: how long clients may cache a document. A new key must be pending for longer
                than this before it signs; otherwise clients refuse its first tokens.
            jwks_path: the path of the key set, at the root of the host.
            metadata: additional metadata, such as ``token_endpoint`` (RFC 8414 §2). Include
                ``response_types_supported``, which depends on your endpoints.
            clock: returns the time in seconds since 1970. Use the clock of the engine.

        Raises:
            ConfigurationError: the ring contains only secrets, so there is no public key; `issuer`
                is not an https URL; or another argument is invalid.

        Not checked: that the engine's policy names the same issuer.
        """
        own_members = {"issuer", "jwks_uri", "access_token_signing_alg_values_supported"}
        if not isinstance(ring, KeyRing):
            msg = f"ring must be the KeyRing of the engine, not {kind_of(ring)}."
            raise ConfigurationError(msg)
        if not ring.public_jwks()["keys"]:
            msg = "The ring contains only secrets, which cannot be published: sign with Ed25519."
            raise ConfigurationError(msg)
        if not _PATH.fullmatch(jwks_path):
            msg = "jwks_path must be a path without parameters, as in '/.well-known/jwks.json'."
            raise ConfigurationError(msg)
        if metadata is not None and (issuer is None or not own_members.isdisjoint(metadata)):
            msg = (
                "metadata needs an issuer, and must not contain issuer, jwks_uri or "
                "access_token_signing_alg_values_supported."
            )
            raise ConfigurationError(msg)

        self._ring = ring
        self._clock = clock
        self._jwks_path = jwks_path
        self._cache_control = cache_control(max_age)
        self._metadata = dict(metadata or {})
        self._issuer = issuer
        self._origin = ""
        self._renderers: dict[str, Callable[[], Document]] = {jwks_path: self._render_key_set}
        if issuer is not None:
            self._add_metadata(issuer)
        self._documents: tuple[int, dict[str, Document]] = (ring.version, self._render_all())

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths of all documents. Each is served for GET, HEAD and OPTIONS."""
        return tuple(self._renderers)

    def respond(self, request: RequestView, path: str) -> DocumentResponse:
        """Return the response to a GET, HEAD or OPTIONS request. No token is required.

        Args:
            request: its method and ``If-None-Match`` (RFC 9110 §13.1.2) decide what is sent.
            path: one of `paths`.
        """
        # The engine drops expired keys only when it uses the ring, which may be later or never.
        if self._ring.due_at <= (now := self._clock()):
            self._ring.drop_expired(now)
        version, documents = self._documents
        if version != self._ring.version:
            # Read the version before rendering: a change in between is seen by the next request.
            self._documents = (self._ring.version, self._render_all())
            documents = self._documents[1]

        return documents[path].respond(request, self._cache_control)

    def _add_metadata(self, issuer: str) -> None:
        parts = SERVICE_URL.fullmatch(issuer)
        if parts is None:
            msg = "issuer must be an https URL without query and fragment (RFC 8414 §2)."
            raise ConfigurationError(msg)

        self._origin = parts["origin"]
        for path in (
            f"/.well-known/oauth-authorization-server{parts['path']}",
            f"{parts['path']}/.well-known/openid-configuration",
        ):
            self._renderers[path] = self._render_metadata

        if len(self._renderers) != 3:  # noqa: PLR2004 - the key set and two metadata paths
            msg = "jwks_path must differ from the paths of the metadata."
            raise ConfigurationError(msg)

    def _render_all(self) -> dict[str, Document]:
        return {path: render() for path, render in self._renderers.items()}

    def _render_key_set(self) -> Document:
        return Document.render(_JWKS, self._ring.public_jwks())

    def _render_metadata(self) -> Document:
        algorithms = sorted(
            {key.algorithm.name for key in self._ring if key.algorithm.key_type != "oct"}
        )
        members: dict[str, JsonValue] = {
            **self._metadata,
            "issuer": self._issuer,
            "jwks_uri": f"{self._origin}{self._jwks_path}",
        }
        # RFC 8414 §3.2: a member without elements is omitted. No RFC defines a member for the
        # algorithms of access tokens; clients ignore unknown members.
        if algorithms:
            members["access_token_signing_alg_values_supported"] = [*algorithms]
        return Document.render(JSON, members)
