"""Calls to another service with a token that this service issues. Needs ``tokenward[jwks]``."""

import asyncio
import re
from collections.abc import AsyncGenerator, Collection, Generator, Mapping
from datetime import timedelta
from typing import Any, Final
from weakref import WeakKeyDictionary

from tokenward._arguments import kind_of
from tokenward.engine.token_engine import TokenEngine
from tokenward.errors import ConfigurationError

try:
    import httpx
except ImportError as _absent:
    _MISSING = "ServiceAuth needs httpx: install Tokenward with its extra 'jwks'"
    raise ImportError(_MISSING) from _absent

__all__ = ["ServiceAuth"]

_ORIGIN: Final = re.compile(
    r"(?P<scheme>https?)://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(?::[0-9]+)?/?"
)
_LOOPBACK: Final = {"localhost", "127.0.0.1", "::1"}
_UNAUTHORIZED: Final = 401


class ServiceAuth(httpx.Auth):
    """Sends requests to another service with a token of this service, for httpx.AsyncClient.

    ::

        auth = ServiceAuth(engine, "https://orders.example", subject="billing", audience="orders")
        async with httpx.AsyncClient(base_url="https://orders.example", auth=auth) as client: ...

    The first request issues a token. Later requests reuse it until shortly before it expires;
    concurrent requests wait for one new token. After a 401 the next request gets a new token; the
    refused request is not repeated.

    Only requests to `service` carry the token. A request to another origin is an error, and httpx
    removes the token when it follows a redirect to one.
    """

    def __init__(
        self,
        engine: TokenEngine[Any],
        service: str,
        *,
        subject: str,
        audience: str,
        scopes: Collection[str] = (),
        claims: Mapping[str, object] | None = None,
        lifetime: timedelta = timedelta(minutes=5),
        renew_before: timedelta = timedelta(seconds=30),
        allow_plain_http: bool = False,
    ) -> None:
        """Prepare the calls to one service.

        Args:
            engine: issues the tokens. The other service must know its public keys.
            service: the origin of the other service, such as ``https://orders.example``.
            subject: the name of this service; becomes ``sub``.
            audience: the audience that the other service requires of its tokens.
            scopes: the scopes of the tokens.
            claims: your own claims.
            lifetime: the lifetime of each token.
            renew_before: how long before its expiry a token is replaced. It must exceed the
                duration of a request and the difference of the clocks.
            allow_plain_http: whether `service` may be plain http, for a network that encrypts by itself.
                Plain http to localhost is always allowed.

        Raises:
            ConfigurationError: an argument is invalid.

        Not checked before the first request: that the engine can issue, and the arguments of
        `TokenEngine.issue`.
        """
        if not isinstance(engine, TokenEngine):
            msg = f"engine must be a TokenEngine, which issues the tokens, not {kind_of(engine)}."
            raise ConfigurationError(msg)
        if not isinstance(service, str) or not _ORIGIN.fullmatch(service):
            msg = "service must be an origin without a path, as in 'https://orders.example'."
            raise ConfigurationError(msg)

        self._origin = _origin_of(httpx.URL(service))
        if self._origin[0] == "http" and self._origin[1] not in _LOOPBACK and not allow_plain_http:
            msg = (
                "A token sent to a service over plain http can be read on the way: use https, or "
                "pass allow_plain_http=True if the network encrypts by itself."
            )
            raise ConfigurationError(msg)
        if not isinstance(lifetime, timedelta) or not isinstance(renew_before, timedelta):
            msg = "lifetime and renew_before must be timedeltas."
            raise ConfigurationError(msg)
        if not timedelta(0) <= renew_before < lifetime:
            msg = "renew_before must be zero or more, and shorter than the lifetime of a token."
            raise ConfigurationError(msg)

        self._engine = engine
        self._subject = subject
        self._audience = audience
        self._scopes = scopes
        self._claims = claims
        self._lifetime = lifetime
        self._use_seconds = (lifetime - renew_before).total_seconds()
        self._token: str | None = None
        self._renew_at = 0.0
        # A lock belongs to the event loop of its first wait.
        self._locks: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = (
            WeakKeyDictionary()
        )

    async def async_auth_flow(
        self, request: httpx.Request
    ) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Add the token to a request. httpx.AsyncClient calls this.

        Raises:
            ConfigurationError: the request is for another origin, or no token can be issued.
        """
        if _origin_of(request.url) != self._origin:
            msg = "This ServiceAuth has tokens for another service: use one for each origin."
            raise ConfigurationError(msg)

        token = await self._current_token()
        request.headers["Authorization"] = f"Bearer {token}"
        response = yield request
        # A request that was sent with an older token says nothing about the current one.
        if response.status_code == _UNAUTHORIZED and token == self._token:
            self._token = None

    def sync_auth_flow(
        self,
        request: httpx.Request,  # noqa: ARG002 - httpx passes it
    ) -> Generator[httpx.Request, httpx.Response, None]:
        """Report httpx.Client, which cannot wait for the engine.

        Raises:
            ConfigurationError: always.
        """
        msg = "ServiceAuth is for httpx.AsyncClient, because the engine is asynchronous."
        raise ConfigurationError(msg)

    async def _current_token(self) -> str:
        if (token := self._valid_token()) is not None:
            return token

        async with self._locks.setdefault(asyncio.get_running_loop(), asyncio.Lock()):
            return self._valid_token() or await self._issue()

    async def _issue(self) -> str:
        renew_at = self._engine.now() + self._use_seconds
        token = await self._engine.issue(
            self._subject,
            audience=self._audience,
            scopes=self._scopes,
            claims=self._claims,
            lifetime=self._lifetime,
        )
        self._token, self._renew_at = token, renew_at
        return token

    def _valid_token(self) -> str | None:
        return self._token if self._engine.now() < self._renew_at else None


def _origin_of(url: httpx.URL) -> tuple[str, str, int | None]:
    """Return scheme, host and port; httpx drops the default port."""
    return url.scheme, url.host, url.port
