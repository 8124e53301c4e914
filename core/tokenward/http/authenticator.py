"""Turns a request into claims, and an error into a response. Every adapter calls it."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Final, Generic, TypeAlias, TypeVar, cast

from tokenward._arguments import kind_of
from tokenward.claims.model import Claims, TokenType
from tokenward.engine.verifier import TokenVerifier
from tokenward.errors import (
    ConfigurationError,
    InvalidRequestError,
    MissingTokenError,
    PermissionDeniedError,
    TokenError,
)
from tokenward.hooks import maybe_await
from tokenward.http.carriers import BearerHeader, Carrier, checked_carriers
from tokenward.http.connection_lifetime import run_while_valid
from tokenward.http.cookies import CookieCarrier
from tokenward.http.proxy_carriers import HeaderCarrier, ProxyCookieCarrier
from tokenward.http.refusal import Refusal
from tokenward.http.request import RequestView
from tokenward.http.requirement import Requirement
from tokenward.tokens.pair import TokenPair

__all__ = ["Authenticator"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)
_Ambient: TypeAlias = CookieCarrier | HeaderCarrier | ProxyCookieCarrier
"""A place that browsers, or proxies for them, fill without the consent of the page."""
_MEMO_SECONDS: Final = 1.0
"""How long the result of decoding is reused for other requirements of the same HTTP request."""


class Authenticator(Generic[ClaimsT]):
    """Authenticates requests: finds the token, has it verified and applies a `Requirement`."""

    def __init__(
        self,
        engine: TokenVerifier[ClaimsT],
        *,
        carriers: Sequence[Carrier] | None = None,
        realm: str = "api",
    ) -> None:
        """Connect an engine to HTTP.

        Args:
            engine: verifies the tokens: a `TokenEngine`, or `Issuers` for several issuers.
            carriers: where requests carry tokens; by default only the ``Authorization: Bearer``
                header.
            realm: the realm that challenges name (RFC 9110 §11.5).

        Raises:
            ConfigurationError: an argument is invalid.
        """
        if isinstance(engine, type) or not isinstance(engine, TokenVerifier):
            msg = (
                f"engine must be a TokenEngine or Issuers, not {kind_of(engine)}: "
                "pass TokenEngine(KeyRing.from_secret(...))."
            )
            raise ConfigurationError(msg)
        if not isinstance(realm, str):
            msg = "realm must be a string, as in realm='api'."
            raise ConfigurationError(msg)

        self.engine = engine
        self.realm = realm
        self.carriers: tuple[Carrier, ...] = (
            (BearerHeader(),) if carriers is None else checked_carriers(carriers)
        )

    async def authenticate(
        self,
        request: RequestView,
        requirement: Requirement[ClaimsT],
        *,
        further_scopes: Sequence[str] = (),
    ) -> ClaimsT | None:
        """Return the claims of the request's token if it meets a requirement.

        The engine decodes the token once per request, whatever the number of requirements. On a
        WebSocket, and when a request has lasted longer than a second, a later call checks expiry
        and revocation again.

        Args:
            request: the request, or a WebSocket handshake.
            requirement: what the route requires.
            further_scopes: scopes required in addition to those of the requirement.

        Returns:
            The claims. None only if the requirement is optional and the request has no token.

        Raises:
            TokenError: the request is refused; `refusal` turns the error into a response.
        """
        found = self._find_token(request, requirement.carriers or self.carriers, requirement.type)
        if found is None:
            if requirement.optional:
                return None
            raise MissingTokenError

        token, ambient = found
        claims = await self._decode(request, token, requirement.type)
        for carrier in ambient:
            await carrier.check_csrf(request, claims, requirement.type)
        # Most routes require a valid token and nothing else: save them a coroutine.
        if requirement.checks_claims or further_scopes:
            await self._check(claims, requirement, further_scopes)
        return claims

    async def verify(self, token: str | bytes | None, requirement: Requirement[ClaimsT]) -> ClaimsT:
        """Return the claims of a token if it meets a requirement; for tokens outside of HTTP.

        For gRPC metadata, Socket.IO, messages of a queue and every other place that carries the
        text of a token. `authenticate` applies the same checks to the token of a request.

        Args:
            token: the token without a scheme, in compact form. None or nothing: it is refused.
            requirement: what the token must be. Its `carriers` are ignored.

        Raises:
            MissingTokenError: `token` is None or empty.
            TokenError: the token is refused.
            ConfigurationError: the requirement is optional: call `verify` only if there is a token.
            TypeError: `token` is neither text nor bytes, or `requirement` is not a `Requirement`.

        Not checked: how the token arrived. CSRF protection is for cookies, which only
        `authenticate` reads.
        """
        if not isinstance(requirement, Requirement):
            msg = (
                f"requirement must be a Requirement, not {kind_of(requirement)}: "
                "pass Requirement(scopes=['orders:read'])."
            )
            raise TypeError(msg)
        if requirement.optional:
            msg = (
                "verify always needs a token: pass a requirement that is not optional, and call "
                "verify only if there is a token."
            )
            raise ConfigurationError(msg)
        if token is None or token in ("", b""):
            raise MissingTokenError

        claims = await self.engine.decode(token, type=requirement.type)
        await self._check(claims, requirement)
        return claims

    async def refresh(
        self, request: RequestView, *, carriers: Sequence[Carrier] | None = None
    ) -> TokenPair:
        """Exchange the request's refresh token for a new pair; see `TokenEngine.refresh`.

        A refresh token that comes only from a cookie needs the CSRF token with every request
        method, because a refresh is never safe (RFC 9110 §9.2.1).

        Args:
            request: the request.
            carriers: where the token is looked for, instead of the authenticator's carriers.

        Raises:
            TokenError: the request is refused. The refresh token stays usable, unless the error
                reports its reuse.
        """
        searched = self.carriers if carriers is None else carriers
        found = self._find_token(request, searched, "refresh")
        if found is None:
            raise MissingTokenError

        token, ambient = found

        async def check(claims: ClaimsT) -> bool:
            for carrier in ambient:
                await carrier.check_csrf(request, claims, "refresh")
            return True

        return await self.engine.refresh(token, check=check)

    @property
    def cookies(self) -> CookieCarrier:
        """The first `CookieCarrier` of this authenticator.

        Raises:
            ConfigurationError: there is no `CookieCarrier`.
        """
        for carrier in self.carriers:
            if isinstance(carrier, CookieCarrier):
                return carrier
        msg = "Cookies need a CookieCarrier: carriers=[BearerHeader(), CookieCarrier()]."
        raise ConfigurationError(msg)

    def while_valid(
        self,
        claims: ClaimsT,
        close: Callable[[int, str], Awaitable[None]],
        *,
        check_every: timedelta = timedelta(seconds=5),
    ) -> AbstractAsyncContextManager[None]:
        """Run a block while a token is valid; then close the connection and cancel the block.

        Args:
            claims: the claims that `authenticate` returned.
            close: closes the connection. It is called with a close code (RFC 6455 §7.4) and a
                reason, which is the error's `code`. It is not called if the block ends first.
            check_every: the interval between revocation checks. An expired token is noticed at
                its expiry, whatever the interval.

        Raises:
            ConfigurationError: `check_every` is not a timedelta above zero.
            TypeError: `claims` is not a `Claims` object.
        """
        if not isinstance(claims, Claims):
            msg = f"claims must be the Claims of the request, not {kind_of(claims)}."
            raise TypeError(msg)

        async def close_with(error: TokenError) -> None:
            refusal = self.refusal(error)
            await close(refusal.close_code, refusal.code)

        return run_while_valid(lambda: self.engine.revalidate(claims), close_with, check_every)

    def refusal(self, error: TokenError) -> Refusal:
        """Return the HTTP response for an error, with this authenticator's scheme and realm."""
        return Refusal.from_error(error, scheme=self.carriers[0].scheme, realm=self.realm)

    async def _check(
        self,
        claims: ClaimsT,
        requirement: Requirement[ClaimsT],
        further_scopes: Sequence[str] = (),
    ) -> None:
        """Check everything that a requirement demands of the claims of a valid token."""
        if requirement.fresh:
            max_age = requirement.fresh if isinstance(requirement.fresh, timedelta) else None
            self.engine.check_fresh(claims, max_age=max_age)
        if requirement.scopes or requirement.any_scope or further_scopes:
            requirement.check_scopes(claims, further_scopes)
        if (
            requirement.check is not None
            and await maybe_await(requirement.check(claims)) is not True
        ):
            raise PermissionDeniedError

    async def _decode(self, request: RequestView, token: bytes, type: TokenType) -> ClaimsT:
        """Return a token's claims: decoded once per request, and revalidated by later calls."""
        memo, key = request.memo, (self, type, token)
        seen = cast("tuple[ClaimsT, float] | None", memo.get(key))
        if seen is None:
            claims = await self.engine.decode(token, type=type)
        else:
            claims, checked_at = seen
            is_recent = self.engine.now() <= checked_at + _MEMO_SECONDS
            # Requirements of one HTTP request are checked within moments. A WebSocket lasts longer.
            if is_recent and not request.is_websocket:
                return claims
            await self.engine.revalidate(claims)
        memo[key] = claims, self.engine.now()
        return claims

    def _find_token(
        self, request: RequestView, carriers: Sequence[Carrier], type: TokenType
    ) -> tuple[bytes, tuple[_Ambient, ...]] | None:
        """Return the token, and the carriers that need a CSRF check because no other has it."""
        found: bytes | None = None
        ambient: list[_Ambient] = []
        is_explicit = False
        for carrier in carriers:
            token = carrier.read_token(request, type)
            if token is None:
                continue
            if found is not None and token != found:
                # RFC 6750 §2: a client sends one token per request; two would be ambiguous.
                raise InvalidRequestError

            found = token
            if isinstance(carrier, _Ambient):
                ambient.append(carrier)
            else:
                is_explicit = True

        if found is None:
            return None

        return found, () if is_explicit else tuple(ambient)
