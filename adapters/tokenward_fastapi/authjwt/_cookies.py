"""Setting and removing the cookies of tokens."""

from typing import Final, Literal

from fastapi import Response

from tokenward import TokenType
from tokenward.http import render_cookie
from tokenward_fastapi.authjwt._engines import Engines
from tokenward_fastapi.authjwt._issuer import TokenIssuer
from tokenward_fastapi.authjwt._reader import TokenReader
from tokenward_fastapi.authjwt._unverified import unverified_payload
from tokenward_fastapi.authjwt.config import LoadConfig
from tokenward_fastapi.authjwt.exceptions import JWTDecodeError

__all__ = ["CookieWriter"]

_SAME_SITE: Final[dict[str | None, Literal["Strict", "Lax", "None"] | None]] = {
    "strict": "Strict",
    "lax": "Lax",
    "none": "None",
    None: None,
}


class CookieWriter:
    """Writes the two cookies of a token, its own and that of its CSRF token, into a response."""

    def __init__(self, issuer: TokenIssuer, reader: TokenReader) -> None:
        """Store what is needed to write cookies.

        Args:
            issuer: recognises tokens that need no verification here.
            reader: verifies the others.
        """
        self._issuer = issuer
        self._reader = reader

    async def set(
        self,
        engines: Engines,
        token_type: TokenType,
        token: str,
        response: object,
        max_age: object,
    ) -> None:
        """Set both cookies.

        Args:
            engines: those of the current configuration.
            token_type: decides the names and paths of the cookies.
            token: their content.
            response: where they are set.
            max_age: in seconds; None: as the settings say.

        Raises:
            RuntimeWarning: the settings do not allow tokens in cookies.
            TypeError: `max_age` is not an integer, or `response` is not a response.
            ValueError: a cookie would be longer than browsers accept.
            AuthJWTException: the token was not issued here and is invalid, or has no CSRF token.
        """
        settings = engines.settings
        _require_cookies(settings, f"set_{token_type}_cookies")
        if max_age is None:
            max_age = settings.authjwt_cookie_max_age
        if isinstance(max_age, bool) or not isinstance(max_age, int | None):
            msg = "max_age must be a integer"
            raise TypeError(msg)
        target = _checked_response(response)

        csrf = await self._csrf_of(engines, token) if settings.authjwt_cookie_csrf_protect else ""
        _add_cookies(target, settings, token_type, token, csrf, max_age)

    def unset(self, settings: LoadConfig, token_type: TokenType, response: object) -> None:
        """Make the browser remove both cookies.

        Raises:
            RuntimeWarning: the settings do not allow tokens in cookies.
            TypeError: `response` is not a response.
        """
        _require_cookies(settings, f"unset_{token_type}_cookies")
        _add_cookies(_checked_response(response), settings, token_type, "", "", 0)

    async def _csrf_of(self, engines: Engines, token: str) -> str:
        claims = (
            unverified_payload(token.encode())
            if self._issuer.has_issued(token)
            else (await self._reader.verified_claims(engines, token)).as_dict()
        )
        if "csrf" not in claims:
            raise JWTDecodeError(message="Missing claim: csrf")
        return str(claims["csrf"])


def _require_cookies(settings: LoadConfig, caller: str) -> None:
    if not settings.in_cookies:
        msg = f"{caller}() called without 'authjwt_token_location' configured to use cookies"
        raise RuntimeWarning(msg)


def _checked_response(response: object) -> Response:
    if not isinstance(response, Response):
        msg = "The response must be an object response FastAPI"
        raise TypeError(msg)
    return response


def _add_cookies(
    response: Response,
    settings: LoadConfig,
    token_type: TokenType,
    token: str,
    csrf: str,
    max_age: int | None,
) -> None:
    values = {"cookie": token}
    if settings.authjwt_cookie_csrf_protect:
        values["csrf_cookie"] = csrf

    # All are rendered before any is added: if one is refused, the response stays as it was.
    rendered = [
        render_cookie(
            getattr(settings, f"authjwt_{token_type}_{cookie}_key"),
            value,
            max_age=max_age,
            path=getattr(settings, f"authjwt_{token_type}_{cookie}_path"),
            domain=settings.cookie_domain,
            same_site=_SAME_SITE[settings.authjwt_cookie_samesite],
            secure=settings.authjwt_cookie_secure,
            http_only=cookie == "cookie",
        )
        for cookie, value in values.items()
    ]
    for cookie in rendered:
        response.headers.append("Set-Cookie", cookie)
