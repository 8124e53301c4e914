"""Reading tokens: each is verified once a request, however often its claims are asked for."""

from typing import Any, Final, cast

from fastapi.requests import HTTPConnection

from tokenward import TokenEngine, TokenError
from tokenward.http import RequestView
from tokenward_fastapi._dependency import view_of
from tokenward_fastapi.authjwt._claims import AuthJWTClaims
from tokenward_fastapi.authjwt._messages import refusal_of, unverified_part
from tokenward_fastapi.authjwt._requests import find_in_header
from tokenward_fastapi.authjwt._tokens import TokenMaker
from tokenward_fastapi.authjwt.exceptions import AuthJWTException, closing

__all__ = ["TokenReader", "as_bytes"]

_MEMO: Final = "authjwt"


class TokenReader(TokenMaker):
    """What `AuthJWT` reads tokens with."""

    _token: str | None = None
    """The token of this request, once it was accepted."""

    def __init__(self, connection: HTTPConnection | None) -> None:
        """Take the request, or the WebSocket, where there is one."""
        super().__init__()
        if not isinstance(connection, HTTPConnection | None):
            msg = "request must be an instance of 'Request' or 'WebSocket'"
            raise TypeError(msg)
        self._request = connection
        self._claims: AuthJWTClaims | None = None
        self._is_refused = False
        self._lasts = connection is None or connection.scope["type"] == "websocket"
        # Objects of one request share what they found out.
        self._memo: dict[object, object] = (
            {}
            if connection is None
            else cast("dict[object, object]", view_of(connection).memo.setdefault(_MEMO, {}))
        )

    async def get_raw_jwt(self, encoded_token: str | None = None) -> dict[str, Any] | None:
        """Give the claims of a token as a dictionary of the caller's own.

        Args:
            encoded_token: a token, access or refresh; by default that of the request.

        Returns:
            None where the request has no token.

        Raises:
            AuthJWTException: the token is not acceptable.
        """
        claims = await self._claims_of(encoded_token)
        return None if claims is None else claims.as_dict()

    async def get_jti(self, encoded_token: str) -> str:
        """Give the identity of a token, access or refresh.

        Raises:
            AuthJWTException: the token is not acceptable.
        """
        return str((await self._read(as_bytes(encoded_token))).as_dict()["jti"])

    async def get_jwt_subject(self) -> str | int | None:
        """Give the subject of the request's token; an integer where it was made with one.

        Returns:
            None where the request has no token.

        Raises:
            AuthJWTException: the token is not acceptable.
        """
        claims = await self._claims_of(None)
        return None if claims is None else claims.subject

    async def get_unverified_jwt_headers(self, encoded_token: str | None = None) -> dict[str, Any]:
        """Give the header of a token. Nobody vouches for it: anybody may have written it.

        Args:
            encoded_token: a token; by default that of the request.

        Raises:
            UnreadableTokenError: there is none, or it cannot be read.
        """
        token = as_bytes(encoded_token or self._token) or self._token_of_header()
        return unverified_part(token, 0)

    async def _claims_of(self, token: str | None) -> AuthJWTClaims | None:
        if token:
            return await self._read(as_bytes(token))
        if self._is_refused:
            return None
        if self._claims is None:
            # The reference reads the header, and never the cookie, before it is asked to.
            sent = self._token_of_header()
            return await self._read(sent) if sent else None
        return self._claims

    def _token_of_header(self) -> bytes:
        if self._request is None or not self.jwt_in_headers:
            return b""
        try:
            sent = find_in_header(view_of(self._request), self._settings, "access")
        except (TokenError, AuthJWTException) as error:
            refusal = self._refusal_of(error)
        else:
            return b"" if sent is None else sent.token
        raise refusal

    def _hold(
        self, token: str | None, claims: AuthJWTClaims | None, *, is_refused: bool = False
    ) -> None:
        """Keep what was accepted last, or that the last check refused the client."""
        self._token, self._claims, self._is_refused = token, claims, is_refused

    async def _read(self, token: bytes) -> AuthJWTClaims:
        """Verify a token of any type; errors are those of the reference."""
        try:
            return await self._verified(token)
        except TokenError as error:
            refusal = self._refusal_of(error, token)
        raise refusal

    async def _verified(self, token: bytes) -> AuthJWTClaims:
        """Verify a token of any type, unless that was done already; errors are the core's."""
        engine = self._engines().verifier
        known = cast("AuthJWTClaims | None", self._memo.get((engine, token)))
        if known is None:
            return await self._decoded(engine, token)
        if self._lasts:
            # A WebSocket outlives its token: its time and the deny-list are looked at again.
            await engine.revalidate(known)
        return known

    async def _decoded(self, engine: TokenEngine[AuthJWTClaims], token: bytes) -> AuthJWTClaims:
        claims = await engine.decode(token, type=None)
        if self._lasts:
            self._memo.clear()  # the latest is enough, and they must not pile up
        self._memo[engine, token] = claims
        return claims

    def _refusal_of(
        self,
        error: TokenError | AuthJWTException,
        token: bytes = b"",
        view: RequestView | None = None,
    ) -> Exception:
        refusal: Exception = error
        if isinstance(error, TokenError):
            settings = self._settings
            refusal = refusal_of(
                error,
                token,
                algorithms=settings.authjwt_decode_algorithms or [settings.authjwt_algorithm],
                has_audience=settings.authjwt_decode_audience is not None,
            )
        if view is None and self._request is not None:
            view = view_of(self._request)
        is_websocket = view is not None and view.is_websocket
        if is_websocket and isinstance(refusal, AuthJWTException):
            return closing(refusal)
        return refusal


def as_bytes(token: object) -> bytes:
    """Give a token as ASCII; what is none becomes something that no token is."""
    return token.encode("ascii", errors="replace") if isinstance(token, str) else b""
