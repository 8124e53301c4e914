"""Handing tokens to browsers, and taking them back."""

from typing import Final, Literal

from fastapi import Response

from tokenward import TokenType
from tokenward.http import render_cookie
from tokenward_fastapi.authjwt._messages import unverified_part
from tokenward_fastapi.authjwt._reader import TokenReader, as_bytes
from tokenward_fastapi.authjwt.exceptions import JWTDecodeError

__all__ = ["CookieMaker"]

_SAME_SITE: Final[dict[str | None, Literal["Strict", "Lax", "None"] | None]] = {
    "strict": "Strict",
    "lax": "Lax",
    "none": "None",
    None: None,
}


class CookieMaker(TokenReader):
    """What `AuthJWT` sets cookies with."""

    _response: Response | None = None

    async def set_access_cookies(
        self,
        encoded_access_token: str,
        response: Response | None = None,
        max_age: int | None = None,
    ) -> None:
        """Set the cookie of an access token, and beside it that of its CSRF token.

        Args:
            encoded_access_token: the token.
            response: to set them in; by default that of the request.
            max_age: in seconds, in place of that of the settings; zero has it forgotten at once.

        Raises:
            RuntimeWarning: cookies are no location of tokens.
            TypeError: an argument is of a wrong type, or there is no response.
            ValueError: a cookie is longer than browsers keep, or the token is none.
            AuthJWTException: the token is not one of this object's own, and is not acceptable.
        """
        self._check_cookies("set_access_cookies")
        await self._set("access", encoded_access_token, response, max_age)

    async def set_refresh_cookies(
        self,
        encoded_refresh_token: str,
        response: Response | None = None,
        max_age: int | None = None,
    ) -> None:
        """Set the cookie of a refresh token, and beside it that of its CSRF token.

        See `set_access_cookies`.
        """
        self._check_cookies("set_refresh_cookies")
        await self._set("refresh", encoded_refresh_token, response, max_age)

    async def unset_access_cookies(self, response: Response | None = None) -> None:
        """Have the browser forget what `set_access_cookies` set; it raises what that raises."""
        self._check_cookies("unset_access_cookies")
        self._add("access", self._writable(response), "", "", 0)

    async def unset_refresh_cookies(self, response: Response | None = None) -> None:
        """Have the browser forget what `set_refresh_cookies` set; it raises what that raises."""
        self._check_cookies("unset_refresh_cookies")
        self._add("refresh", self._writable(response), "", "", 0)

    async def unset_jwt_cookies(self, response: Response | None = None) -> None:
        """Have the browser forget all of them."""
        await self.unset_access_cookies(response)
        await self.unset_refresh_cookies(response)

    def _check_cookies(self, caller: str) -> None:
        if not self.jwt_in_cookies:
            msg = f"{caller}() called without 'authjwt_token_location' configured to use cookies"
            raise RuntimeWarning(msg)

    async def _set(self, kind: TokenType, token: str, response: object, max_age: object) -> None:
        if max_age is None:
            max_age = self._settings.authjwt_cookie_max_age
        if isinstance(max_age, bool) or not isinstance(max_age, int | None):
            msg = "max_age must be a integer"
            raise TypeError(msg)
        written = self._writable(response)
        is_guarded = self._settings.authjwt_cookie_csrf_protect
        csrf = await self._csrf_of(token) if is_guarded else ""
        self._add(kind, written, token, csrf, max_age)

    def _writable(self, response: object) -> Response:
        written = self._response if response is None else response
        if not isinstance(written, Response):
            msg = "The response must be an object response FastAPI"
            raise TypeError(msg)
        return written

    async def _csrf_of(self, token: str) -> str:
        # A token that was made right here needs no second look.
        raw = (
            unverified_part(token.encode(), 1)
            if token in self._made
            else (await self._read(as_bytes(token))).as_dict()
        )
        if "csrf" not in raw:
            raise JWTDecodeError(message="Missing claim: csrf")
        return str(raw["csrf"])

    def _add(
        self, kind: TokenType, response: Response, token: str, csrf: str, max_age: int | None
    ) -> None:
        settings = self._settings
        cookies = {"cookie": token, "csrf_cookie": csrf}
        if not settings.authjwt_cookie_csrf_protect:
            del cookies["csrf_cookie"]
        rendered = [
            render_cookie(
                getattr(settings, f"authjwt_{kind}_{cookie}_key"),
                value,
                max_age=max_age,
                path=getattr(settings, f"authjwt_{kind}_{cookie}_path"),
                domain=settings.cookie_domain,
                same_site=_SAME_SITE[settings.authjwt_cookie_samesite],
                secure=settings.authjwt_cookie_secure,
                http_only=cookie == "cookie",
            )
            for cookie, value in cookies.items()
        ]
        for cookie in rendered:
            response.headers.append("Set-Cookie", cookie)
