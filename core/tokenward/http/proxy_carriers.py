"""Tokens that a proxy in front of the service adds to a request: a header without a scheme, a cookie.

Such a proxy (Cloudflare Access, Google IAP, Azure App Service) recognises a browser by a cookie. It
therefore adds its token to every request of that browser, also to those that a page of another site
caused. So each carrier here checks the origin that the browser reports.
"""

from collections.abc import Collection
from typing import Final

from tokenward.claims.model import Claims, TokenType
from tokenward.errors import ConfigurationError
from tokenward.http.carriers import check_field_name, check_names, single_value
from tokenward.http.csrf import CsrfCheck
from tokenward.http.request import RequestView

__all__ = ["HeaderCarrier", "ProxyCookieCarrier"]

_SPACE: Final = b" \t"
_NOT_PLAIN: Final = frozenset({"authorization", "cookie", "proxy-authorization"})


class HeaderCarrier:
    """A header that contains only the token, such as ``Cf-Access-Jwt-Assertion: <token>``.

    For ``X-Goog-IAP-JWT-Assertion``, ``X-MS-TOKEN-AAD-ID-TOKEN`` and other headers without a
    scheme. Two headers are refused, even equal ones.

    A request with an unsafe method, and every WebSocket handshake, must come from the service's own
    origin or from an allowed origin. A request without an origin passes, because it comes from a
    program; a WebSocket handshake without an origin is refused.

    Not checked: that the proxy added the header. The token's signature, issuer and audience prove
    that, so always configure both in the `TokenPolicy`.
    """

    __slots__ = ("_csrf", "_name", "scheme", "security_scheme")

    scheme: str
    security_scheme: dict[str, str]

    def __init__(self, name: str, *, allowed_origins: Collection[str] = ()) -> None:
        """Set the name of the header.

        Args:
            name: the name of the header, in any case.
            allowed_origins: other origins whose pages may send requests; see `CsrfCheck`.

        Raises:
            ConfigurationError: the name is invalid or belongs to a header with another form, or an
                origin is invalid.
        """
        check_names(name)
        check_field_name(name)
        if name.lower() in _NOT_PLAIN:
            msg = (
                "This header contains more than a token: use BearerHeader for Authorization, and "
                "CookieCarrier or ProxyCookieCarrier for cookies."
            )
            raise ConfigurationError(msg)

        self.scheme = "Bearer"
        self._name = name.lower().encode()
        self._csrf = CsrfCheck(allowed_origins=allowed_origins)
        self.security_scheme = {"type": "apiKey", "in": "header", "name": name}

    def read_token(self, request: RequestView, type: TokenType) -> bytes | None:  # noqa: ARG002
        """See `Carrier.read_token`; an empty header is an invalid token, not an absent one."""
        value = request.single_header_value(self._name)
        return None if value is None else value.strip(_SPACE)

    async def check_csrf(self, request: RequestView, claims: Claims, type: TokenType) -> None:
        """Refuse a request from a page of another origin; see `CsrfCheck.check_origin`.

        Raises:
            OriginNotAllowedError: the request is refused.
        """
        await self._csrf.check(
            request,
            claims,
            is_secure=True,
            trust_safe_methods=type != "refresh",
            requires_token=False,
        )


class ProxyCookieCarrier:
    """A cookie that another service sets, such as ``CF_Authorization``; it is only read.

    It carries access tokens. It has a CSRF check, as a `CookieCarrier` has. The token of another
    issuer usually has no ``csrf`` claim, so only GET, HEAD, OPTIONS and TRACE pass, unless
    `proxy_prevents_csrf` is True.
    """

    __slots__ = ("_csrf", "_name", "_requires_token", "scheme", "security_scheme")

    scheme: str
    security_scheme: dict[str, str]

    def __init__(
        self, name: str, *, csrf: CsrfCheck | None = None, proxy_prevents_csrf: bool = False
    ) -> None:
        """Set the name of the cookie.

        Args:
            name: the name of the cookie.
            csrf: the names of the CSRF token, and other allowed origins; by default `CsrfCheck()`.
            proxy_prevents_csrf: True if the service that sets the cookie prevents cross-site
                requests, for example by ``SameSite=Strict``. No CSRF token is then required. The
                origin that the browser reports is checked anyway.

        Raises:
            ConfigurationError: an argument is invalid.
        """
        check_names(name)
        check_field_name(name)
        if csrf is not None and not isinstance(csrf, CsrfCheck):
            msg = (
                "csrf must be a CsrfCheck: if the proxy prevents cross-site requests, pass "
                "proxy_prevents_csrf=True."
            )
            raise ConfigurationError(msg)
        if not isinstance(proxy_prevents_csrf, bool):
            msg = "proxy_prevents_csrf must be True or False."
            raise ConfigurationError(msg)

        self.scheme = "Bearer"
        self._name = name.encode()
        self._csrf = CsrfCheck() if csrf is None else csrf
        self._requires_token = not proxy_prevents_csrf
        self.security_scheme = {"type": "apiKey", "in": "cookie", "name": name}

    def read_token(self, request: RequestView, type: TokenType) -> bytes | None:
        """See `Carrier.read_token`; a cookie that is sent twice is refused."""
        if type != "access":
            return None
        return single_value(request.cookie_values(self._name))

    def csrf_header(self, method: str, type: TokenType) -> str | None:
        """Return the header that `check_csrf` requires; None for requests that need no CSRF token."""
        if type != "access" or not self._requires_token:
            return None
        return self._csrf.header_for(method)

    async def check_csrf(self, request: RequestView, claims: Claims, type: TokenType) -> None:  # noqa: ARG002
        """Refuse a request that a page of another origin may have caused; see `CsrfCheck.check`.

        Raises:
            CsrfError: the request is refused.
        """
        await self._csrf.check(request, claims, is_secure=True, requires_token=self._requires_token)
