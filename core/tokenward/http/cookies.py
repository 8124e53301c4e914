"""Tokens in cookies: written into ``Set-Cookie`` headers and read from requests."""

import re
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from tokenward._arguments import kind_of, refuse
from tokenward.claims.model import Claims, TokenType
from tokenward.errors import InvalidRequestError
from tokenward.http.csrf import CsrfCheck
from tokenward.http.request import RequestView
from tokenward.tokens.pair import TokenPair

__all__ = ["CookieCarrier", "SameSite", "render_cookie"]

SameSite: TypeAlias = Literal["Lax", "Strict", "None"]

_MAX_COOKIE_BYTES: Final = 4096  # RFC 6265 §6.1: name, value and attributes
_MAX_HOST_BYTES: Final = 261  # RFC 1035 §2.3.4, plus a port
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 6265 §4.1.1, RFC 9110 §5.6.2
_PATH: Final = re.compile(r"/[!-:<-~]*")  # RFC 6265 §4.1.1: no control characters, no semicolon
_DOMAIN: Final = re.compile(r"[0-9A-Za-z]([0-9A-Za-z.-]*[0-9A-Za-z])?")
_VALUE: Final = re.compile(r"[0-9A-Za-z._-]*")  # a compact JWS; nothing that could end the cookie
_PREFIX: Final = re.compile(r"^(__(host|secure)-)+", re.IGNORECASE)
_LOOPBACK: Final = re.compile(
    rb"(([a-z0-9-]+\.)*localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CookieCarrier:
    """The cookies of one service (RFC 6265): an access token, a refresh token and a CSRF token.

    The token cookies are HttpOnly, so scripts cannot read them. Scripts read the CSRF token and
    repeat it in each request, see `CsrfCheck`; without the token cookies it is useless.

    Raises:
        ConfigurationError: a setting is unsafe, or browsers would reject the cookie.
    """

    access_name: str = "__Host-access_token"
    """With ``__Host-`` no other host, not even a subdomain, can set it (RFC 6265bis §4.1.3.2)."""
    refresh_name: str = "__Secure-refresh_token"
    csrf_name: str = "__Host-csrf_token"
    refresh_path: str = "/refresh"
    """Browsers send the refresh token only to this path and the paths below it.

    Choose a path above both the refresh route and the logout route, for example "/session" for
    "/session/refresh" and "/session/logout". Use the public path that the browser sees, including
    any prefix that a proxy or a mount adds.
    """
    domain: str | None = None
    """Shares the cookies with this domain and all its subdomains. Needs names without ``__Host-``."""
    same_site: SameSite = "Lax"
    """Whether requests from other sites include the cookies (RFC 6265bis §5.6.7)."""
    csrf: CsrfCheck = CsrfCheck()  # noqa: RUF009 - frozen
    """The check that protects requests with cookies."""
    development: bool = False
    """For ``http://localhost``: no Secure attribute, and names without the prefixes that need it.

    Cookies in requests to any other host are then ignored.
    """

    scheme: str = field(default="Bearer", init=False, repr=False)
    _names: dict[TokenType | Literal["csrf"], str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Validate all settings."""
        self._check_types()

        names = (self.access_name, self.refresh_name, self.csrf_name)
        # The names as sent: without prefixes, two names can be equal and a name can be empty.
        sent = [_PREFIX.sub("", name) if self.development else name for name in names]
        if not all(_NAME.fullmatch(name) for name in sent) or len(set(sent)) != len(sent):
            refuse(
                "The three cookies must have different names, with characters that RFC 6265 allows."
            )
        if not _PATH.fullmatch(self.refresh_path):
            refuse("refresh_path must start with a slash and contain no semicolon or space.")
        if self.domain is not None and not _DOMAIN.fullmatch(self.domain):
            refuse("domain must be a host name, as in 'shop.example'.")
        if self.same_site not in ("Lax", "Strict", "None"):
            refuse("same_site must be 'Lax', 'Strict' or 'None'.")
        if self.same_site == "None" and self.development:
            refuse("same_site='None' requires Secure, which development=True removes: use 'Lax'.")
        if self.domain is not None and self.development:
            refuse(
                "domain cannot be combined with development=True, which is for http://localhost."
            )
        if self.domain is not None and any(_is_host_only(name) for name in names):
            refuse("A __Host- cookie cannot have a domain: start its name with __Secure- instead.")
        if self.refresh_path != "/" and _is_host_only(self.refresh_name):
            refuse(
                "A __Host- cookie must have the path /: start refresh_name with __Secure- instead."
            )

        access, refresh, csrf = sent
        object.__setattr__(self, "_names", {"access": access, "refresh": refresh, "csrf": csrf})

    def _check_types(self) -> None:
        if not isinstance(self.csrf, CsrfCheck):
            refuse(
                "csrf must be a CsrfCheck, as in csrf=CsrfCheck(): the check cannot be switched off."
            )
        if not isinstance(self.development, bool):
            refuse("development must be True or False.")
        texts = (self.access_name, self.refresh_name, self.csrf_name, self.refresh_path)
        if not all(isinstance(text, str) for text in (*texts, self.domain or "")):
            refuse("The cookie names, refresh_path and domain must be strings.")

    @property
    def security_scheme(self) -> dict[str, str]:
        """The Security Scheme Object of the OpenAPI document."""
        return {"type": "apiKey", "in": "cookie", "name": self._names["access"]}

    def cookie_name(self, type: TokenType) -> str:
        """Return the name of a token's cookie, as browsers send it."""
        return self._names[type]

    def csrf_header(self, method: str, type: TokenType) -> str | None:
        """Return the header that `check_csrf` requires; None for requests that need no CSRF token."""
        # A refresh token renews or ends a session: no such request is safe (RFC 9110 §9.2.1).
        return self.csrf.header_for(method, trust_safe_methods=type != "refresh")

    def read_token(self, request: RequestView, type: TokenType) -> bytes | None:
        """See `Carrier.read_token`; a cookie that is sent twice is refused."""
        values = request.cookie_values(self._names[type].encode())
        if not values or (self.development and not _is_loopback(request)):
            return None
        if len(values) > 1:
            raise InvalidRequestError
        return values[0]

    async def check_csrf(self, request: RequestView, claims: Claims, type: TokenType) -> None:
        """Refuse a request that a page of another origin may have caused; see `CsrfCheck.check`.

        Raises:
            CsrfError: the request is refused.
        """
        await self.csrf.check(
            request,
            claims,
            is_secure=not self.development,
            # A refresh token renews or ends a session: no such request is safe (RFC 9110 §9.2.1).
            trust_safe_methods=type != "refresh",
        )

    def check_origin(self, request: RequestView) -> None:
        """Refuse a request from a page of another origin; see `CsrfCheck.check_origin`.

        Raises:
            OriginNotAllowedError: the request comes from a page of another origin.
        """
        self.csrf.check_origin(request, is_secure=not self.development)

    def set_cookies(self, pair: TokenPair) -> tuple[str, ...]:
        """Return the ``Set-Cookie`` header values that store a pair in the browser.

        Each cookie expires with its token, and the CSRF cookie with the refresh token. Send the
        response with ``Cache-Control: no-store``.

        Args:
            pair: the result of `issue_pair` or `refresh`.

        Raises:
            ConfigurationError: a cookie is longer than 4,096 bytes, which browsers do not store, or
                the pair lacks a token.
        """
        if not isinstance(pair, TokenPair):
            refuse(f"pair must be the result of issue_pair or refresh, not {kind_of(pair)}.")
        if not (pair.access_token and pair.refresh_token and pair.csrf_token):
            refuse("The pair lacks a token: pass the result of issue_pair or refresh.")
        return self._render_cookies(
            (pair.access_token, pair.expires_in),
            (pair.refresh_token, pair.refresh_expires_in),
            (pair.csrf_token, pair.refresh_expires_in),
        )

    def clear_cookies(self) -> tuple[str, ...]:
        """Return the ``Set-Cookie`` header values that remove all cookies from the browser."""
        return self._render_cookies(("", 0), ("", 0), ("", 0))

    def _render_cookies(self, *values: tuple[str, int | None]) -> tuple[str, ...]:
        """Return the access, refresh and CSRF cookies, from each value and lifetime in seconds."""
        access, refresh, csrf = values
        return (
            self._render_cookie("access", *access, path="/", http_only=True),
            self._render_cookie("refresh", *refresh, path=self.refresh_path, http_only=True),
            self._render_cookie("csrf", *csrf, path="/", http_only=False),
        )

    def _render_cookie(
        self,
        kind: TokenType | Literal["csrf"],
        value: str,
        max_age: int | None,
        *,
        path: str,
        http_only: bool,
    ) -> str:
        return render_cookie(
            self._names[kind],
            value,
            max_age=max_age,
            path=path,
            domain=self.domain,
            same_site=self.same_site,
            secure=not self.development,
            http_only=http_only,
        )


def render_cookie(
    name: str,
    value: str,
    *,
    max_age: int | None = None,
    path: str = "/",
    domain: str | None = None,
    same_site: SameSite | None = "Lax",
    secure: bool = True,
    http_only: bool = True,
) -> str:
    """Return a ``Set-Cookie`` header value for one token (RFC 6265 §4.1.1).

    Public for the drop-in (`tokenward_fastapi.authjwt`); `CookieCarrier` calls it for other services.

    Args:
        name: the name of the cookie.
        value: a token, or the empty string. Only characters that occur in tokens are allowed.
        max_age: the lifetime in seconds. Zero removes the cookie; None keeps it until the browser
            is closed.
        path: the path below which the browser sends the cookie.
        domain: the domain that shares the cookie with its subdomains; None: only this host.
        same_site: the SameSite attribute; None leaves the choice to the browser.
        secure: whether the browser sends the cookie only over https.
        http_only: whether the cookie is hidden from scripts.

    Raises:
        ConfigurationError: a part contains a character that RFC 6265 forbids, or the cookie is
            longer than 4,096 bytes, which browsers do not store.
    """
    if not (
        _NAME.fullmatch(name)
        and _PATH.fullmatch(path)
        and (domain is None or _DOMAIN.fullmatch(domain))
    ):
        refuse("The name, path or domain of the cookie contains a character that RFC 6265 forbids.")
    if not _VALUE.fullmatch(value):
        refuse("The value of the cookie is not a token.")

    attributes = {
        "Max-Age": max_age,
        "Path": path,
        "Domain": domain,
        "SameSite": same_site,
    }
    rendered = "".join(f"; {key}={each}" for key, each in attributes.items() if each is not None)
    flags = f"{'; Secure' if secure else ''}{'; HttpOnly' if http_only else ''}"
    cookie = f"{name}={value}{rendered}{flags}"

    if len(cookie) > _MAX_COOKIE_BYTES:
        refuse(
            f"The cookie {name} is longer than the 4,096 bytes that browsers store: "
            "put fewer claims into the token."
        )
    return cookie


def _is_host_only(name: str) -> bool:
    return name.lower().startswith("__host-")


def _is_loopback(request: RequestView) -> bool:
    hosts = request.header_values(b"host")
    if len(hosts) != 1 or len(hosts[0]) > _MAX_HOST_BYTES:
        return False
    return _LOOPBACK.fullmatch(hosts[0]) is not None
