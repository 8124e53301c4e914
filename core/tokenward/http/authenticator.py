"""Turns a request into claims, and an error into a response. Every adapter calls it."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Final, Generic, TypeVar

from tokenward._arguments import kind_of
from tokenward.claims.model import Claims, TokenType
from tokenward.engine.verifier import TokenVerifier
from tokenward.errors import (
    ConfigurationError,
    KeyBindingError,
    MissingTokenError,
    TokenError,
)
from tokenward.http.arguments import (
    check_authenticator_arguments,
    check_key_requirement,
    check_without_request,
)
from tokenward.http.carriers import BearerHeader, Carrier, checked_carriers
from tokenward.http.connection_lifetime import run_while_valid
from tokenward.http.cookies import CookieCarrier
from tokenward.http.dpop_header import DPOP_HEADER, scheme_of
from tokenward.http.key_binding import (
    CertificateSource,
    DpopChecks,
    check_key_binding,
    is_bound,
)
from tokenward.http.refresh_methods import RefreshMethods
from tokenward.http.refusal_method import RefusalMethod
from tokenward.http.request import RequestView
from tokenward.http.requirement import Requirement
from tokenward.http.resource_metadata import ResourceMetadata
from tokenward.http.token_search import find_token

__all__ = ["Authenticator"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)
_MEMO_SECONDS: Final = 1.0
"""How long the result of decoding is reused for other requirements of the same HTTP request."""


class Authenticator(RefreshMethods[ClaimsT], RefusalMethod[ClaimsT], Generic[ClaimsT]):
    """Authenticates requests: finds the token, has it verified and applies a `Requirement`."""

    def __init__(
        self,
        engine: TokenVerifier[ClaimsT],
        *,
        carriers: Sequence[Carrier] | None = None,
        realm: str = "api",
        resource: ResourceMetadata | None = None,
        dpop: DpopChecks | None = None,
        mtls: CertificateSource | None = None,
    ) -> None:
        """Connect an engine to HTTP.

        Args:
            engine: verifies the tokens: a `TokenEngine`, or `Issuers` for several issuers.
            carriers: where requests carry tokens; by default only the ``Authorization: Bearer``
                header.
            realm: the realm that challenges name (RFC 9110 §11.5).
            resource: the metadata whose URL challenges contain (RFC 9728 §5.1). The challenge of a
                401 then also contains the scopes that the route requires.
            dpop: verifies the proofs of bound tokens: a `DpopVerifier`. None: a token that is bound
                to a key is refused.
            mtls: finds the certificate of the client: a `TlsCertificate` or a `ForwardedCertificate`.
                None: a token that is bound to a certificate is refused.

        Raises:
            ConfigurationError: an argument is invalid.
        """
        check_authenticator_arguments(
            engine=engine, realm=realm, resource=resource, dpop=dpop, mtls=mtls
        )
        self.engine = engine
        self.realm = realm
        self.resource = resource
        self.dpop = dpop
        self.mtls = mtls
        self.carriers: tuple[Carrier, ...] = (
            (BearerHeader(),) if carriers is None else checked_carriers(carriers)
        )
        if dpop is not None and DPOP_HEADER not in self.carriers:
            self.carriers += (DPOP_HEADER,)

    async def authenticate(
        self,
        request: RequestView,
        requirement: Requirement[ClaimsT],
        *,
        further_scopes: Sequence[str] = (),
    ) -> ClaimsT | None:
        """Return the claims of the request's token if it meets a requirement.

        The engine decodes the token once per request, also if a route has several requirements. On
        a WebSocket, and when a request has lasted longer than a second, a later call checks expiry
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
        try:
            found = find_token(request, requirement.carriers or self.carriers, requirement.type)
            if found is None:
                if requirement.optional:
                    return None
                raise MissingTokenError

            token, ambient = found
            claims = await self._decode(request, token, requirement.type)
            for carrier in ambient:
                await carrier.check_csrf(request, claims, requirement.type)
            # Most routes require a valid token and nothing else: save them a coroutine.
            if (
                requirement.checks_claims
                or further_scopes
                or claims.cnf is not None
                or self.dpop is not None
            ):
                await self._check(request, token, claims, requirement, further_scopes)
        except TokenError as error:
            if self.dpop is not None:
                error.scheme = scheme_of(request)
            await self.engine.report_refusal(error)
            raise
        return claims

    async def _check(
        self,
        request: RequestView,
        token: bytes,
        claims: ClaimsT,
        requirement: Requirement[ClaimsT],
        further_scopes: Sequence[str],
    ) -> None:
        """Check what a route requires in addition to a valid token, the binding to a key first."""
        now = self.engine.now()
        await check_key_binding(request, token, claims, requirement, self.dpop, self.mtls, now)
        await requirement.check_claims(self.engine, claims, further_scopes)

    def check_requirement(self, requirement: Requirement[ClaimsT]) -> None:
        """Refuse a requirement that this authenticator cannot check.

        Raises:
            ConfigurationError: it requires DPoP or a certificate, and this authenticator has no
                `dpop` or `mtls`.
        """
        check_key_requirement(requirement, dpop=self.dpop, mtls=self.mtls)

    async def verify(self, token: str | bytes | None, requirement: Requirement[ClaimsT]) -> ClaimsT:
        """Return the claims of a token if it meets a requirement; for tokens outside of HTTP.

        For gRPC metadata, Socket.IO, messages of a queue and everything else that carries the text
        of a token. `authenticate` applies the same checks to the token of a request.

        Args:
            token: the token without a scheme, in compact form. None and an empty text are refused.
            requirement: what is required of the token. Its `carriers` are ignored.

        Raises:
            MissingTokenError: `token` is None or empty.
            TokenError: the token is refused.
            KeyBindingError: the token is bound to a key, which only a request can prove.
            ConfigurationError: the requirement is optional: call `verify` only if there is a token;
                or it requires a bound token.
            TypeError: `token` is neither text nor bytes, or `requirement` is not a `Requirement`.

        Not checked: how the token arrived. CSRF protection is for cookies, which only
        `authenticate` reads.
        """
        check_without_request(requirement)
        try:
            if token is None or token in ("", b""):
                raise MissingTokenError

            claims = await self.engine.decode(token, type=requirement.type)
            if is_bound(claims):
                raise KeyBindingError
            await requirement.check_claims(self.engine, claims)
        except TokenError as error:
            await self.engine.report_refusal(error)
            raise
        return claims

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

        It also ends when the login is too old for the requirement that admitted the claims.

        Args:
            claims: the claims that `authenticate` returned.
            close: closes the connection. It is called with a close code (RFC 6455 §7.4) and a
                reason, which is the error's `code`. It is not called if the block ends first.
            check_every: the interval between revocation checks. An expiry takes effect on
                time and does not wait for a check.

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

    async def _decode(self, request: RequestView, token: bytes, type: TokenType) -> ClaimsT:
        """Return a token's claims: decoded once per request, and revalidated by later calls."""
        memo, key = request.memo, (self, type, token)
        seen: tuple[ClaimsT, float] | None = memo.get(key)  # type: ignore[assignment] # set below
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
