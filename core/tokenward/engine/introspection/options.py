"""The options of `IntrospectedTokens`, and how it authenticates at the endpoint."""

from base64 import b64encode
from collections.abc import Awaitable, Callable, Collection
from datetime import timedelta
from typing import TYPE_CHECKING, TypeAlias, TypedDict
from urllib.parse import quote_plus

from tokenward._arguments import check_callable, refuse
from tokenward.engine.introspection.answers import SignedAnswers
from tokenward.hooks import maybe_await

if TYPE_CHECKING:
    import httpx

__all__ = ["Authorization", "BearerToken", "IntrospectionOptions", "authorization_of"]

BearerToken: TypeAlias = str | Callable[[], Awaitable[str] | str]
"""A token, or a function that returns the current one."""
Authorization: TypeAlias = Callable[[], Awaitable[str | None]]
"""Returns the value of the ``Authorization`` header."""


class IntrospectionOptions(TypedDict, total=False):
    """The options of `IntrospectedTokens`."""

    client_id: str | None
    """The name of this service at the authorization server, for HTTP Basic (RFC 6749 §2.3.1)."""
    client_secret: str | None
    """The password for `client_id`."""
    bearer_token: BearerToken | None
    """A token that permits introspection; or a function, plain or async, that returns the current one."""
    client: "httpx.AsyncClient | None"
    """The HTTP client, which you close, and use in its event loop only; its connections stay open.

    None: a new client for each request to the endpoint.
    """
    signed: SignedAnswers | None
    """Accept only answers that the authorization server signed (RFC 9701); None: only plain JSON."""
    active_for: timedelta
    """How long the answer about an active token is cached: by default 30 s, and never past its ``exp``.

    A token that its issuer revokes is accepted for this long. Zero: the endpoint is always asked.
    """
    inactive_for: timedelta
    """How long the answer about any other token is cached; by default 5 s."""
    timeout: timedelta
    """The time limit of a whole request to the endpoint; by default 5 s."""
    plain_http_hosts: Collection[str]
    """Exact names of hosts in your own network that may be reached over plain http.

    Anybody who can read this traffic sees tokens, and anybody who can change it gets in.
    """


def authorization_of(options: IntrospectionOptions) -> Authorization:
    """Return what authenticates this service at the endpoint (RFC 7662 §2.1).

    Raises:
        ConfigurationError: there are no credentials, or two kinds of them, or one is invalid.
    """
    client_id, client_secret = options.get("client_id"), options.get("client_secret")
    bearer = options.get("bearer_token")
    if (client_id is None) != (client_secret is None) or None not in {client_id, bearer}:
        refuse("Pass client_id and client_secret, or bearer_token, or a client with credentials.")

    if client_id is not None and client_secret is not None:
        return _constant(_basic(client_id, client_secret))
    if isinstance(bearer, str):
        _check_text(bearer, "bearer_token")
        return _constant(f"Bearer {bearer}")
    if bearer is not None:
        check_callable(bearer, "bearer_token", "async def bearer_token(): ...", takes=0)
        return _current(bearer)
    if options.get("client") is None:
        refuse(
            "The endpoint must know who asks (RFC 7662 §2.1): pass client_id and client_secret, "
            "or bearer_token, or a client with credentials."
        )
    return _constant(None)


def _basic(client_id: str, client_secret: str) -> str:
    """Return HTTP Basic credentials, each encoded as a form encodes it (RFC 6749 §2.3.1)."""
    for name, value in (("client_id", client_id), ("client_secret", client_secret)):
        if not isinstance(value, str) or not value:
            refuse(f"{name} must be text, and not empty.")
    pair = f"{quote_plus(client_id)}:{quote_plus(client_secret)}"
    return f"Basic {b64encode(pair.encode()).decode()}"


def _check_text(token: str, name: str) -> None:
    if not token.isascii() or not token.isprintable() or not token or " " in token:
        refuse(f"{name} must be a token: printable ASCII without spaces.")


def _constant(value: str | None) -> Authorization:
    async def authorization() -> str | None:
        return value

    return authorization


def _current(bearer: Callable[[], Awaitable[str] | str]) -> Authorization:
    async def authorization() -> str:
        token = await maybe_await(bearer())
        _check_text(token, "The result of bearer_token")
        return f"Bearer {token}"

    return authorization
