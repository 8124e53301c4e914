"""Reading the tokens of one connection: each is verified once, however often its claims are read."""

from typing import Any, Final, Protocol, TypeAlias, cast

from tokenward import TokenEngine, TokenError
from tokenward.errors import KeyBindingError
from tokenward.http import RequestView, Requirement, check_csrf_token, is_bound
from tokenward_fastapi.authjwt._claims import AuthJWTClaims
from tokenward_fastapi.authjwt._engines import Engines
from tokenward_fastapi.authjwt._locations import SentToken, find_in_header
from tokenward_fastapi.authjwt._sources import AssignedToken, TokenSource
from tokenward_fastapi.authjwt._translation import translated_error, wrong_type
from tokenward_fastapi.authjwt._unverified import token_bytes, unverified_header
from tokenward_fastapi.authjwt.config import LoadConfig
from tokenward_fastapi.authjwt.exceptions import (
    AuthJWTException,
    FreshTokenRequired,
    JWTDecodeError,
    as_websocket_error,
)

__all__ = ["AuthJWTRequirement", "CurrentToken", "TokenReader"]

AuthJWTRequirement: TypeAlias = Requirement[AuthJWTClaims]
_MEMO: Final = "authjwt"


class _VerifiedTokens:
    """The claims of the tokens that were verified for one connection.

    All `AuthJWT` objects of one request share them.
    """

    def __init__(self, view: RequestView | None) -> None:
        """Start empty, or with what another object of the same request has verified."""
        self.outlives_tokens = view is None or view.is_websocket
        self._claims: dict[tuple[object, bytes], AuthJWTClaims] = (
            {} if view is None else cast("dict[Any, Any]", view.memo.setdefault(_MEMO, {}))
        )

    async def claims_of(self, engine: TokenEngine[AuthJWTClaims], token: bytes) -> AuthJWTClaims:
        """Return the claims of a token of any type, verified at most once.

        Raises:
            TokenError: the token is invalid, expired or revoked.
            KeyBindingError: the token is bound to a key of the client: here it is a bearer token.
        """
        claims = self._claims.get((engine, token))
        if claims is not None:
            if self.outlives_tokens:
                # A WebSocket can outlive its token: check expiry and the denylist again.
                await engine.revalidate(claims)
            return claims

        claims = await engine.decode(token, type=None)
        if is_bound(claims):
            raise KeyBindingError
        if self.outlives_tokens:
            self._claims.clear()  # Keep only the latest, so that they do not accumulate.
        self._claims[engine, token] = claims
        return claims


class TokenReader:
    """Verifies the tokens of one connection and keeps the token that the last guard accepted."""

    token: str | None = None
    """The token that the last guard accepted, or that was assigned since; None: neither."""
    _claims: AuthJWTClaims | None = None
    _engines: Engines | None = None
    _is_refused: bool = False
    assigned: AssignedToken | None = None
    """The token that the program uses in place of the header; None: it uses the header."""

    def __init__(self, view: RequestView | None) -> None:
        """Store the request or WebSocket, None outside of a connection; nothing is read yet."""
        self._view = view
        self._verified = _VerifiedTokens(view)

    def assign(self, token: str | None) -> None:
        """Use a token in place of the header from now on; every guard and every reading verifies it.

        Args:
            token: an access or refresh token; None or empty: as if there were no header.

        Raises:
            TypeError: `token` is neither text nor None.
        """
        if not isinstance(token, str | None):
            msg = f"_token must be a string or None, not {type(token).__name__}"
            raise TypeError(msg)
        self._keep(token, None)
        self.assigned = AssignedToken(SentToken(token_bytes(token)) if token else None)

    async def check(
        self, engines: Engines, requirement: AuthJWTRequirement, source: TokenSource
    ) -> None:
        """Return if the source has a token that meets the requirement, or none and none is needed.

        Args:
            engines: those of the current configuration, as in the other methods.
            requirement: what the guard requires of the token.
            source: where the token is.

        Raises:
            AuthJWTException: the token is missing, invalid, expired, revoked, of the wrong type,
                not fresh, or without the CSRF token that its cookie needs.
            RuntimeError: a key or the denylist callback is missing.
        """
        sent: SentToken | None = None
        try:
            sent = source.find(engines.settings, requirement.type)
            await self._accept(engines, requirement, source, sent)
        except (TokenError, AuthJWTException) as error:
            token = b"" if sent is None else sent.token
            refusal = _refusal(error, token, engines.settings, source.view)
            if self._verified.outlives_tokens:
                # An open WebSocket must not act for a user whose token is now refused.
                self._keep(None, None, is_refused=True)
        else:
            return
        raise refusal

    async def claims_of(self, engines: Engines, token: str | None) -> AuthJWTClaims | None:
        """Return the claims of a token, access or refresh, or of the request's token.

        Args:
            engines: those of the current configuration.
            token: the token; None or empty: the token that the last guard accepted, or before any
                guard the assigned one or the one in the header. The cookie is read by guards only.

        Returns:
            None if the request has no token, or if the last guard refused it.

        Raises:
            AuthJWTException: the token is invalid, expired or revoked.
        """
        if token:
            return await self.verified_claims(engines, token)
        if self._is_refused:
            return None
        if self._claims is None:
            sent = self._token_in_header(engines.settings)
            return await self._verify(engines, sent) if sent else None
        if self._engines is not engines:
            # The settings have changed since the guard accepted the token.
            return await self.verified_claims(engines, self.token)
        return self._claims

    async def verified_claims(self, engines: Engines, token: object) -> AuthJWTClaims:
        """Return the claims of a token, access or refresh.

        Raises:
            AuthJWTException: the token is invalid, expired or revoked.
        """
        return await self._verify(engines, token_bytes(token))

    def unverified_header(self, settings: LoadConfig, token: str | None) -> dict[str, Any]:
        """Return the header of a token, or of the request's token. Not checked: the signature.

        Raises:
            UnreadableTokenError: there is no token, or it cannot be read.
        """
        return unverified_header(
            token_bytes(token or self.token) or self._token_in_header(settings)
        )

    async def _accept(
        self,
        engines: Engines,
        requirement: AuthJWTRequirement,
        source: TokenSource,
        sent: SentToken | None,
    ) -> None:
        if sent is None:
            if not requirement.optional:
                raise source.missing_token(engines.settings, requirement.type)
            self._keep(None, None)
            return

        claims = await self._verified.claims_of(engines.verifier, sent.token)
        _check_claims(claims, requirement, sent)
        self._keep(sent.token.decode("ascii"), claims, engines)

    def _keep(
        self,
        token: str | None,
        claims: AuthJWTClaims | None,
        engines: Engines | None = None,
        *,
        is_refused: bool = False,
    ) -> None:
        self.token, self._claims, self._is_refused = token, claims, is_refused
        self._engines = engines

    async def _verify(self, engines: Engines, token: bytes) -> AuthJWTClaims:
        try:
            return await self._verified.claims_of(engines.verifier, token)
        except TokenError as error:
            refusal = _refusal(error, token, engines.settings, self._view)
        raise refusal

    def _token_in_header(self, settings: LoadConfig) -> bytes:
        if self.assigned is not None:
            return b"" if self.assigned.sent is None else self.assigned.sent.token
        if self._view is None or not settings.in_headers:
            return b""
        try:
            sent = find_in_header(self._view, settings, "access")
        except (TokenError, AuthJWTException) as error:
            refusal = _refusal(error, b"", settings, self._view)
        else:
            return b"" if sent is None else sent.token
        raise refusal


class _HasReader(Protocol):
    _reader: TokenReader


class CurrentToken:
    """The attribute `_token` of an object: see `TokenReader.token` and `TokenReader.assign`."""

    def __get__(self, instance: _HasReader | None, owner: type[object]) -> str | None:
        """Return the token; the class itself has none."""
        return None if instance is None else instance._reader.token  # noqa: SLF001 - its attribute

    def __set__(self, instance: _HasReader, token: str | None) -> None:
        """Use a token in place of the header."""
        instance._reader.assign(token)  # noqa: SLF001 - its attribute


def _refusal(
    error: TokenError | AuthJWTException,
    token: bytes,
    settings: LoadConfig,
    view: RequestView | None,
) -> Exception:
    refusal: Exception = error
    if isinstance(error, TokenError):
        refusal = translated_error(error, token, settings)
    if view is not None and view.is_websocket and isinstance(refusal, AuthJWTException):
        return as_websocket_error(refusal)
    return refusal


def _check_claims(claims: AuthJWTClaims, requirement: AuthJWTRequirement, sent: SentToken) -> None:
    if claims.type != requirement.type:
        raise wrong_type(requirement.type)
    if requirement.fresh and claims.fresh is not True:
        raise FreshTokenRequired(message="Fresh token required")
    if sent.csrf_values is not None:
        if not claims.has("csrf"):
            raise JWTDecodeError(message="Missing claim: csrf")
        check_csrf_token(sent.csrf_values, claims)
