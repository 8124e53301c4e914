"""From a request to claims: what every adapter calls, and all that it calls."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Final, Generic, TypeVar, cast

from tokenward._arguments import kind_of
from tokenward.claims.model import Claims, TokenType
from tokenward.engine.verifier import TokenVerifier
from tokenward.errors import (
    ConfigurationError,
    InsufficientScopeError,
    InvalidRequestError,
    MissingTokenError,
    PermissionDeniedError,
    TokenError,
)
from tokenward.hooks import maybe_await
from tokenward.http.carriers import BearerHeader, Carrier, checked_carriers
from tokenward.http.connection_lifetime import run_while_valid
from tokenward.http.cookies import CookieCarrier
from tokenward.http.refusal import Refusal
from tokenward.http.request import RequestView
from tokenward.http.requirement import Requirement
from tokenward.tokens.grant import TokenPair

__all__ = ["Authenticator"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)
_MEMO_SECONDS: Final = 1.0
"""How long a decoded token counts for the further requirements of its HTTP request."""


class Authenticator(Generic[ClaimsT]):
    """One engine, or those of several issuers, and where requests carry their tokens."""

    def __init__(
        self,
        engine: TokenVerifier[ClaimsT],
        *,
        carriers: Sequence[Carrier] | None = None,
        realm: str = "api",
    ) -> None:
        """Join an engine to HTTP.

        Args:
            engine: which judges the tokens; or the `Issuers` that know which engine does.
            carriers: where they may be; by default the ``Authorization: Bearer`` header alone.
            realm: named in challenges.

        Raises:
            ConfigurationError: an argument is not what its name says.
        """
        if isinstance(engine, type) or not isinstance(engine, TokenVerifier):
            msg = (
                f"engine must be a TokenEngine or Issuers, not {kind_of(engine)}: "
                "give TokenEngine(KeyRing.from_secret(...))."
            )
            raise ConfigurationError(msg)
        if not isinstance(realm, str):
            msg = "realm must be text, as in realm='api'."
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
        """Find the token, let the engine judge it, and hold the claims against the requirement.

        The engine decodes the token once a request, however many requirements it has to meet. On
        a WebSocket, and in a request that has gone on for more than a second, a later call checks
        expiry and revocation again.

        Args:
            request: the request, or the opening handshake of a WebSocket.
            requirement: what the route asks for.
            further_scopes: asked for besides the requirement's, where a framework adds some.

        Returns:
            The claims; None only for an optional requirement and a request without a token.

        Raises:
            TokenError: the request is refused; `refusal` says it in HTTP.
        """
        found = self._find_token(request, requirement.carriers or self.carriers, requirement.type)
        if found is None:
            if requirement.optional:
                return None
            raise MissingTokenError
        token, cookies = found
        claims = await self._judge(request, token, requirement.type)
        if cookies is not None:
            await _check_csrf(request, claims, cookies, requirement.type)
        if requirement.fresh:
            max_age = requirement.fresh if isinstance(requirement.fresh, timedelta) else None
            self.engine.check_fresh(claims, max_age=max_age)
        if requirement.scopes or further_scopes:
            _check_scopes(claims, (*requirement.scopes, *further_scopes))
        if (
            requirement.check is not None
            and await maybe_await(requirement.check(claims)) is not True
        ):
            raise PermissionDeniedError
        return claims

    async def refresh(
        self, request: RequestView, *, carriers: Sequence[Carrier] | None = None
    ) -> TokenPair:
        """Find the refresh token, and trade it for the next pair; see `TokenEngine.refresh`.

        A token that only a cookie carries needs the CSRF proof whatever the method of the request:
        a refresh is never safe (RFC 9110 §9.2.1).

        Args:
            request: the request.
            carriers: where the token may be, in place of what the authenticator says.

        Raises:
            TokenError: the request is refused; the token is then not used up, unless it was a
                second use.
        """
        looked_at = self.carriers if carriers is None else carriers
        found = self._find_token(request, looked_at, "refresh")
        if found is None:
            raise MissingTokenError
        token, cookies = found

        async def check(claims: ClaimsT) -> bool:
            if cookies is not None:
                await _check_csrf(request, claims, cookies, "refresh")
            return True

        return await self.engine.refresh(token, check=check)

    @property
    def cookies(self) -> CookieCarrier:
        """The first carrier that is a cookie: what sets and clears cookies.

        Raises:
            ConfigurationError: there is none.
        """
        for carrier in self.carriers:
            if isinstance(carrier, CookieCarrier):
                return carrier
        msg = "Cookies need a carrier: carriers=[BearerHeader(), CookieCarrier()]."
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
            claims: of the token, from `authenticate`.
            close: closes the connection, by a code of RFC 6455 §7.4 and a reason: the error's
                `code`. It is not called where the block ends by itself.
            check_every: how often the store is asked; an expiry is seen at its time.

        Raises:
            ConfigurationError: `check_every` is no timedelta above zero.
            TypeError: `claims` are no `Claims`.
        """
        if not isinstance(claims, Claims):
            msg = f"claims must be those of the request, not {kind_of(claims)}."
            raise TypeError(msg)

        async def refuse(error: TokenError) -> None:
            refusal = self.refusal(error)
            await close(refusal.close_code, refusal.code)

        return run_while_valid(lambda: self.engine.revalidate(claims), refuse, check_every)

    def refusal(self, error: TokenError) -> Refusal:
        """Say an error in HTTP, in the words of this authenticator."""
        return Refusal.from_error(error, scheme=self.carriers[0].scheme, realm=self.realm)

    async def _judge(self, request: RequestView, token: bytes, type: TokenType) -> ClaimsT:
        """Return the claims of a token: decoded once a request, and rechecked later in its life."""
        memo, key = request.memo, (self, type, token)
        seen = cast("tuple[ClaimsT, float] | None", memo.get(key))
        if seen is None:
            claims = await self.engine.decode(token, type=type)
        else:
            claims, checked_at = seen
            is_recent = self.engine.now() <= checked_at + _MEMO_SECONDS
            # The requirements of one HTTP request follow each other at once. A connection lives on.
            if is_recent and not request.is_websocket:
                return claims
            await self.engine.revalidate(claims)
        memo[key] = claims, self.engine.now()
        return claims

    def _find_token(
        self, request: RequestView, carriers: Sequence[Carrier], type: TokenType
    ) -> tuple[bytes, CookieCarrier | None] | None:
        """Give the token, and the cookies where no other carrier vouches for it."""
        found: bytes | None = None
        cookies: CookieCarrier | None = None
        is_only_in_cookies = True
        for carrier in carriers:
            token = carrier.read_token(request, type)
            if token is None:
                continue
            if found is not None and token != found:
                # Which of them is meant cannot be told: RFC 6750 §2 allows one only.
                raise InvalidRequestError
            found = token
            if isinstance(carrier, CookieCarrier):
                cookies = carrier
            else:
                is_only_in_cookies = False
        if found is None:
            return None
        return found, cookies if is_only_in_cookies else None


async def _check_csrf(
    request: RequestView, claims: Claims, cookies: CookieCarrier, type: TokenType
) -> None:
    await cookies.csrf.check(
        request,
        claims,
        is_secure=not cookies.development,
        # A refresh token renews or ends a session: no request with one is safe (RFC 9110 §9.2.1).
        trust_safe_methods=type != "refresh",
    )


def _check_scopes(claims: Claims, wanted: tuple[str, ...]) -> None:
    if not claims.scopes.issuperset(wanted):
        raise InsufficientScopeError(tuple(dict.fromkeys(wanted)))
