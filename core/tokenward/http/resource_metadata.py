"""The metadata of a protected resource (RFC 9728): which authorization servers issue its tokens."""

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Final, Literal, TypeAlias

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
from tokenward.tokens.arguments import checked_scope

__all__ = ["BearerMethod", "ResourceMetadata"]

BearerMethod: TypeAlias = Literal["header", "body", "query"]
"""Where clients may send a bearer token (RFC 6750 §2.1, §2.2 and §2.3)."""

_WELL_KNOWN: Final = "/.well-known/oauth-protected-resource"  # RFC 9728 §3
_BEARER_METHODS: Final = ("header", "body", "query")
_OWN_MEMBERS: Final = frozenset(
    {
        "resource",
        "authorization_servers",
        "scopes_supported",
        "bearer_methods_supported",
        "jwks_uri",
        "resource_name",
        "resource_documentation",
    }
)
# A URL of a document, which unlike an issuer may have a query (RFC 3986 §2).
_URL: Final = re.compile(
    r"(?:https://[A-Za-z0-9.-]+|http://(?:localhost|127\.0\.0\.1|\[::1\]))(?::[0-9]+)?"
    r"(?:[/?][A-Za-z0-9._~:/?@!$&'()*+,;=%-]*)?"
)


class ResourceMetadata:
    """Publishes where clients get a token for an API or an MCP server.

    ::

        metadata = ResourceMetadata(
            "https://api.example/mcp", authorization_servers=["https://login.example"]
        )
        auth = TokenAuth(engine, resource=metadata)  # challenges name the document
        auth.publish_resource(app)                   # serves it

    The document is at ``/.well-known/oauth-protected-resource``, followed by the path of the
    resource (RFC 9728 §3.1). The app must serve it at the root of the host.
    """

    def __init__(
        self,
        resource: str,
        *,
        authorization_servers: Sequence[str],
        scopes: Collection[str] = (),
        bearer_methods: Sequence[BearerMethod] = ("header",),
        jwks_uri: str | None = None,
        name: str | None = None,
        documentation: str | None = None,
        metadata: Mapping[str, JsonValue] | None = None,
        max_age: timedelta = FIVE_MINUTES,
    ) -> None:
        """Prepare the document of a resource.

        Args:
            resource: the URL under which clients know the API. Clients ask for tokens with this
                audience (RFC 8707), so it is usually the audience of the policy as well.
            authorization_servers: the issuers whose tokens the engine accepts.
            scopes: the scopes that clients may need. None are listed if it is empty.
            bearer_methods: where clients may send the token.
            jwks_uri: the keys of the resource itself, for responses that it signs. The keys that
                verify tokens are in the metadata of the authorization server.
            name: the name of the resource, for people.
            documentation: the URL of a page for developers.
            metadata: additional members, such as ``resource_policy_uri`` (RFC 9728 §2).
            max_age: how long clients may cache the document.

        Raises:
            ConfigurationError, TypeError: an argument is invalid.

        Not checked: that the engine accepts the tokens of these authorization servers.
        """
        parts = SERVICE_URL.fullmatch(resource) if isinstance(resource, str) else None
        if parts is None:
            msg = (
                "resource must be an https URL without query and fragment (RFC 9728 §1.2), as in "
                "'https://api.example/mcp'. Plain http is only for localhost."
            )
            raise ConfigurationError(msg)
        if metadata is not None and not _OWN_MEMBERS.isdisjoint(metadata):
            msg = "metadata must not contain members that have an argument, such as jwks_uri."
            raise ConfigurationError(msg)

        _check_servers(authorization_servers)
        checked_scope(scopes)
        _check_bearer_methods(bearer_methods)
        _check_url(jwks_uri, "jwks_uri")
        _check_url(documentation, "documentation")
        if name is not None and not isinstance(name, str):
            msg = f"name must be text, not {kind_of(name)}."
            raise ConfigurationError(msg)

        # RFC 9728 §3.1: only the slash that directly follows the host is removed.
        path = resource.removeprefix(parts["origin"])
        self._path = _WELL_KNOWN + ("" if path == "/" else path)
        self._resource = resource
        self._url = parts["origin"] + self._path
        self._cache_control = cache_control(max_age)
        members: dict[str, JsonValue] = {
            **(metadata or {}),
            "resource": resource,
            "authorization_servers": [*authorization_servers],
            "scopes_supported": [*scopes] or None,
            "bearer_methods_supported": [*bearer_methods] or None,
            "jwks_uri": jwks_uri,
            "resource_name": name,
            "resource_documentation": documentation,
        }
        # RFC 9728 §3.2: a member without a value is omitted.
        self._document = Document.render(
            JSON, {member: value for member, value in members.items() if value is not None}
        )

    @property
    def resource(self) -> str:
        """The URL of the resource."""
        return self._resource

    @property
    def url(self) -> str:
        """The URL of the document, which challenges contain as ``resource_metadata``."""
        return self._url

    @property
    def paths(self) -> tuple[str, ...]:
        """The path of the document. It is served for GET, HEAD and OPTIONS."""
        return (self._path,)

    def respond(self, request: RequestView, path: str) -> DocumentResponse:
        """Return the response to a GET, HEAD or OPTIONS request. No token is required.

        Args:
            request: its method and ``If-None-Match`` (RFC 9110 §13.1.2) decide what is sent.
            path: the one element of `paths`.
        """
        return {self._path: self._document}[path].respond(request, self._cache_control)


def _check_servers(servers: Sequence[str]) -> None:
    if isinstance(servers, (str, bytes)) or not isinstance(servers, Sequence) or not servers:
        msg = (
            "authorization_servers must list at least one issuer, as in "
            "authorization_servers=['https://login.example']."
        )
        raise ConfigurationError(msg)
    if not all(isinstance(each, str) and SERVICE_URL.fullmatch(each) for each in servers):
        msg = (
            "Each authorization server must be an issuer: an https URL without query and fragment "
            "(RFC 8414 §2). Plain http is only for localhost."
        )
        raise ConfigurationError(msg)


def _check_bearer_methods(methods: Sequence[str]) -> None:
    if isinstance(methods, str) or not set(_BEARER_METHODS).issuperset(methods):
        msg = "bearer_methods must be a list of 'header', 'body' and 'query'."
        raise ConfigurationError(msg)


def _check_url(url: str | None, argument: str) -> None:
    if url is not None and not (isinstance(url, str) and _URL.fullmatch(url)):
        msg = f"{argument} must be an https URL without fragment. Plain http is only for localhost."
        raise ConfigurationError(msg)
