"""`AuthJWT`, the object that handlers use, and `AuthJWTBearer`, the dependency that creates it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final, TypeAlias

from fastapi import Response, WebSocket
from fastapi.openapi.models import HTTPBearer
from fastapi.requests import HTTPConnection
from fastapi.security.base import SecurityBase

from tokenward_fastapi.authjwt._async_class import AsyncClass
from tokenward_fastapi.authjwt._cookies import CookieWriter
from tokenward_fastapi.authjwt._issuer import NewToken, TokenIssuer
from tokenward_fastapi.authjwt._reader import AuthJWTRequirement, CurrentToken, TokenReader
from tokenward_fastapi.authjwt._sources import checked_view, token_source
from tokenward_fastapi.authjwt.auth_config import AuthConfig

__all__ = ["AuthJWT", "AuthJWTBearer"]

_Audience: TypeAlias = str | list[str] | tuple[str, ...] | set[str] | frozenset[str]

_ACCESS: Final = AuthJWTRequirement()
_OPTIONAL: Final = AuthJWTRequirement(optional=True)
_REFRESH: Final = AuthJWTRequirement(type="refresh")
_FRESH: Final = AuthJWTRequirement(fresh=True)


class AuthJWT(AuthConfig, AsyncClass):
    """Protects routes, issues tokens and reads them; configured as a class, with `load_config`.

    ::

        @app.get("/orders")
        async def orders(authorize: AuthJWT = Depends()):
            await authorize.jwt_required()
            return await authorize.get_jwt_subject()

    As a dependency, directly or through `AuthJWTBearer`, it belongs to one request. Outside of a
    request it can still issue and read tokens.
    """

    _token = CurrentToken()

    def __init__(
        self,
        req: HTTPConnection = None,  # type: ignore[assignment] # FastAPI refuses a union here
        res: Response = None,  # type: ignore[assignment] # the same
    ) -> None:
        """Store the request or WebSocket, and the response in which cookies are set.

        No token is read yet: an invalid header must not fail a route without a guard.

        Raises:
            TypeError: `req` is neither a request nor a WebSocket.
        """
        self._request = req
        self._response = res
        self._view = None if req is None else checked_view(req)
        self._issuer = TokenIssuer()
        self._reader = TokenReader(self._view)
        self._cookies = CookieWriter(self._issuer, self._reader)

    async def create_access_token(
        self,
        subject: str | int,
        fresh: bool = False,  # noqa: FBT001, FBT002 - the reference's signature
        algorithm: str | None = None,
        headers: dict[str, Any] | None = None,
        expires_time: timedelta | int | bool | None = None,  # noqa: FBT001
        audience: _Audience | None = None,
        user_claims: Mapping[str, Any] | None = None,
    ) -> str:
        """Return a new access token.

        Args:
            subject: the user; an integer is read back as an integer.
            fresh: whether the user has just authenticated.
            algorithm: in place of that of the settings.
            headers: additional members of the token's header.
            expires_time: the lifetime in seconds, or as a timedelta. 0: the token has expired as
                soon as it is issued. False: it never expires. True or None: as the settings say.
            audience: the services that the token is for.
            user_claims: additional claims.

        Raises:
            TypeError: an argument is of a wrong type.
            ValueError: `user_claims` or `headers` contains a reserved name, or the algorithm is
                unknown.
            RuntimeError: the settings have no key for the algorithm.
        """
        new = NewToken(
            "access", subject, algorithm, headers, expires_time, audience, user_claims, fresh
        )
        return await self._issuer.issue(self._engines(), new)

    async def create_refresh_token(
        self,
        subject: str | int,
        algorithm: str | None = None,
        headers: dict[str, Any] | None = None,
        expires_time: timedelta | int | bool | None = None,  # noqa: FBT001
        audience: _Audience | None = None,
        user_claims: Mapping[str, Any] | None = None,
    ) -> str:
        """Return a new refresh token; see `create_access_token`."""
        new = NewToken("refresh", subject, algorithm, headers, expires_time, audience, user_claims)
        return await self._issuer.issue(self._engines(), new)

    async def jwt_required(
        self,
        auth_from: str = "request",
        token: str | None = None,
        websocket: WebSocket | None = None,
        csrf_token: str | None = None,
    ) -> None:
        """Require a valid access token.

        Args:
            auth_from: "request", or "websocket" to use `websocket` or else `token`.
            token: the token from the query or the path of a WebSocket.
            websocket: the WebSocket whose cookies are read.
            csrf_token: the CSRF token of a WebSocket, which cannot send it in a header.

        Raises:
            AuthJWTException: the request is refused.
            TypeError, ValueError: an argument is invalid.
            RuntimeError: a key or the denylist callback is missing.
        """
        await self._check(_ACCESS, auth_from, token, websocket, csrf_token)

    async def jwt_optional(
        self,
        auth_from: str = "request",
        token: str | None = None,
        websocket: WebSocket | None = None,
        csrf_token: str | None = None,
    ) -> None:
        """Accept a request without a token; refuse an invalid token as `jwt_required` does."""
        await self._check(_OPTIONAL, auth_from, token, websocket, csrf_token)

    async def jwt_refresh_token_required(
        self,
        auth_from: str = "request",
        token: str | None = None,
        websocket: WebSocket | None = None,
        csrf_token: str | None = None,
    ) -> None:
        """Require a valid refresh token; see `jwt_required`."""
        await self._check(_REFRESH, auth_from, token, websocket, csrf_token)

    async def fresh_jwt_required(
        self,
        auth_from: str = "request",
        token: str | None = None,
        websocket: WebSocket | None = None,
        csrf_token: str | None = None,
    ) -> None:
        """Require a valid access token that is fresh; see `jwt_required`."""
        await self._check(_FRESH, auth_from, token, websocket, csrf_token)

    async def get_raw_jwt(self, encoded_token: str | None = None) -> dict[str, Any] | None:
        """Return the claims of a token as a new dictionary, or None if the request has no token.

        Args:
            encoded_token: an access or refresh token; by default that of the request.

        Raises:
            AuthJWTException: the token is invalid, expired or revoked.
        """
        claims = await self._reader.claims_of(self._engines(), encoded_token)
        return None if claims is None else claims.as_dict()

    async def get_jti(self, encoded_token: str) -> str:
        """Return the ``jti`` of an access or refresh token.

        Raises:
            AuthJWTException: the token is invalid, expired or revoked.
        """
        claims = await self._reader.verified_claims(self._engines(), encoded_token)
        return str(claims.as_dict()["jti"])

    async def get_jwt_subject(self) -> str | int | None:
        """Return the subject of the request's token, or None if the request has no token.

        The subject is an integer if the token was issued with one.

        Raises:
            AuthJWTException: the token is invalid, expired or revoked.
        """
        claims = await self._reader.claims_of(self._engines(), None)
        return None if claims is None else claims.subject

    async def get_unverified_jwt_headers(self, encoded_token: str | None = None) -> dict[str, Any]:
        """Return the header of a token. Not checked: the signature; anybody may have written it.

        Args:
            encoded_token: a token; by default that of the request.

        Raises:
            UnreadableTokenError: there is no token, or it cannot be read.
        """
        return self._reader.unverified_header(self._engines().settings, encoded_token)

    async def set_access_cookies(
        self,
        encoded_access_token: str,
        response: Response | None = None,
        max_age: int | None = None,
    ) -> None:
        """Set the cookie of an access token and the cookie of its CSRF token.

        Args:
            encoded_access_token: the token.
            response: where the cookies are set; by default the response of the request.
            max_age: in seconds, in place of that of the settings. 0: the browser removes the cookie.

        Raises:
            RuntimeWarning: the settings do not allow tokens in cookies.
            TypeError: an argument is of a wrong type, or there is no response.
            ValueError: a cookie would be longer than browsers accept.
            AuthJWTException: this object did not issue the token, and the token is invalid.
        """
        target = self._target(response)
        await self._cookies.set(self._engines(), "access", encoded_access_token, target, max_age)

    async def set_refresh_cookies(
        self,
        encoded_refresh_token: str,
        response: Response | None = None,
        max_age: int | None = None,
    ) -> None:
        """Set the cookies of a refresh token; see `set_access_cookies`."""
        target = self._target(response)
        await self._cookies.set(self._engines(), "refresh", encoded_refresh_token, target, max_age)

    async def unset_access_cookies(self, response: Response | None = None) -> None:
        """Make the browser remove the cookies of `set_access_cookies`; it raises the same errors."""
        self._cookies.unset(self._engines().settings, "access", self._target(response))

    async def unset_refresh_cookies(self, response: Response | None = None) -> None:
        """Make the browser remove the cookies of `set_refresh_cookies`; it raises the same errors."""
        self._cookies.unset(self._engines().settings, "refresh", self._target(response))

    async def unset_jwt_cookies(self, response: Response | None = None) -> None:
        """Make the browser remove the cookies of both tokens; see `unset_access_cookies`."""
        await self.unset_access_cookies(response)
        await self.unset_refresh_cookies(response)

    async def _check(
        self,
        requirement: AuthJWTRequirement,
        auth_from: str,
        token: str | None,
        websocket: WebSocket | None,
        csrf_token: str | None,
    ) -> None:
        source = token_source(
            auth_from,
            self._view,
            assigned=self._reader.assigned,
            token=token,
            websocket=websocket,
            csrf_token=csrf_token,
        )
        await self._reader.check(self._engines(), requirement, source)

    def _target(self, response: Response | None) -> Response | None:
        return self._response if response is None else response


class AuthJWTBearer(SecurityBase):
    """Gives a handler its `AuthJWT`, and the OpenAPI document its Authorize button."""

    def __init__(
        self,
        *,
        bearerFormat: str | None = None,  # noqa: N803 - OpenAPI's name
        scheme_name: str | None = None,
        description: str | None = None,
        auto_error: bool = True,
    ) -> None:
        """Describe the security scheme for OpenAPI.

        Args:
            bearerFormat: a hint at the format of the token.
            scheme_name: the name of the security scheme.
            description: shown to readers of the document.
            auto_error: stored without effect, as in the reference: the guards decide.
        """
        self.model: HTTPBearer = HTTPBearer(bearerFormat=bearerFormat, description=description)
        self.scheme_name: str = scheme_name or type(self).__name__
        self.auto_error: bool = auto_error

    async def __call__(self, req: HTTPConnection, res: Response) -> AuthJWT:
        """Return the `AuthJWT` of a request; FastAPI calls this once for each request."""
        return AuthJWT(req=req, res=res)
