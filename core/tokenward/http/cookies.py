"""Tokens in cookies: what browsers are told to keep, and where it is read again."""

import re
from dataclasses import dataclass, field
from typing import ClassVar, Final, Literal, NoReturn, TypeAlias

from tokenward._arguments import kind_of
from tokenward.claims.model import TokenType
from tokenward.errors import ConfigurationError, InvalidRequestError
from tokenward.http.csrf import CsrfCheck
from tokenward.http.request import RequestView
from tokenward.tokens.grant import TokenPair

__all__ = ["CookieCarrier", "SameSite", "render_cookie"]

SameSite: TypeAlias = Literal["Lax", "Strict", "None"]

_LONGEST: Final = 4096  # RFC 6265 §6.1: name, value and attributes
_LONGEST_HOST: Final = 261  # RFC 1035 §2.3.4 and a port
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 6265 §4.1.1, RFC 9110 §5.6.2
_PATH: Final = re.compile(r"/[!-:<-~]*")  # RFC 6265 §4.1.1: no control, no semicolon
_DOMAIN: Final = re.compile(r"[0-9A-Za-z]([0-9A-Za-z.-]*[0-9A-Za-z])?")
_VALUE: Final = re.compile(r"[0-9A-Za-z._-]*")  # a compact JWS, and nothing that ends a cookie
_PREFIX: Final = re.compile(r"^(__(host|secure)-)+", re.IGNORECASE)
_LOOPBACK: Final = re.compile(
    rb"(([a-z0-9-]+\.)*localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CookieCarrier:
    """The cookies of one service (RFC 6265): an access, a refresh and a CSRF token.

    The first two are HttpOnly: no script can read them. The third is for scripts to read, and to
    repeat as `CsrfCheck` says; it is worth nothing without the others.

    Raises:
        ConfigurationError: something that browsers would refuse, or that is not safe.
    """

    access_name: str = "__Host-access_token"
    """``__Host-``: no other host, not even a subdomain, can set it (RFC 6265bis §4.1.3.2)."""
    refresh_name: str = "__Secure-refresh_token"
    csrf_name: str = "__Host-csrf_token"
    refresh_path: str = "/refresh"
    """The refresh token is sent to this path and to those below it, and nowhere else.

    Choose one that holds both the route that refreshes and the route that logs out, as "/session"
    does for "/session/refresh" and "/session/logout". It is the public path, as the browser sees
    it: behind a proxy or a mount that adds a prefix, name the prefix as well.
    """
    domain: str | None = None
    """Share the cookies with this domain and all its subdomains; needs names without ``__Host-``."""
    same_site: SameSite = "Lax"
    """Whether they are sent along from pages of other sites (RFC 6265bis §5.6.7)."""
    csrf: CsrfCheck = CsrfCheck()  # noqa: RUF009 - frozen
    """What must come beside the cookies."""
    development: bool = False
    """For ``http://localhost``: no Secure, and names without the prefixes that need it.

    Cookies of requests to any other host are then not read.
    """

    scheme: ClassVar[str] = "Bearer"
    _names: dict[TokenType | Literal["csrf"], str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check everything once."""
        self._check_types()
        names = (self.access_name, self.refresh_name, self.csrf_name)
        # As they are sent: without their prefixes, two may be the same, and one be nothing.
        sent = [_PREFIX.sub("", name) if self.development else name for name in names]
        if not all(_NAME.fullmatch(name) for name in sent) or len(set(sent)) != len(sent):
            _refuse("The three cookies need different names, of letters that RFC 6265 allows.")
        if not _PATH.fullmatch(self.refresh_path):
            _refuse("refresh_path must begin with a slash, and have no semicolon or space.")
        if self.domain is not None and not _DOMAIN.fullmatch(self.domain):
            _refuse("domain must be a host name, as in 'shop.example'.")
        if self.same_site not in ("Lax", "Strict", "None"):
            _refuse("same_site must be 'Lax', 'Strict' or 'None'.")
        if self.same_site == "None" and self.development:
            _refuse("SameSite=None needs Secure, which development drops: browsers refuse it.")
        if self.domain is not None and self.development:
            _refuse("development is for http://localhost, of which no domain is shared.")
        if self.domain is not None and any(_is_host_only(name) for name in names):
            _refuse("A __Host- cookie has no Domain: begin its name with __Secure- instead.")
        if self.refresh_path != "/" and _is_host_only(self.refresh_name):
            _refuse("A __Host- cookie has the path /: begin refresh_name with __Secure- instead.")
        access, refresh, csrf = sent
        object.__setattr__(self, "_names", {"access": access, "refresh": refresh, "csrf": csrf})

    def _check_types(self) -> None:
        if not isinstance(self.csrf, CsrfCheck):
            _refuse("csrf must be a CsrfCheck, as in csrf=CsrfCheck(): no cookie goes without one.")
        if not isinstance(self.development, bool):
            _refuse("development must be True or False.")
        texts = (self.access_name, self.refresh_name, self.csrf_name, self.refresh_path)
        if not all(isinstance(text, str) for text in (*texts, self.domain or "")):
            _refuse("The names of the cookies, refresh_path and domain must be text.")

    @property
    def security_scheme(self) -> dict[str, str]:
        """How OpenAPI says it."""
        return {"type": "apiKey", "in": "cookie", "name": self._names["access"]}

    def read_token(self, request: RequestView, type: TokenType) -> bytes | None:
        """See `Carrier.read_token`; a cookie of one name that comes twice is refused."""
        values = request.cookie_values(self._names[type].encode())
        if not values or (self.development and not _is_loopback(request)):
            return None
        if len(values) > 1:
            raise InvalidRequestError
        return values[0]

    def check_origin(self, request: RequestView) -> None:
        """Return where a request comes from an allowed page; see `CsrfCheck.check_origin`.

        Raises:
            OriginNotAllowedError: it comes from a page of another origin.
        """
        self.csrf.check_origin(request, is_secure=not self.development)

    def set_cookies(self, pair: TokenPair) -> tuple[str, ...]:
        """Give the values of the ``Set-Cookie`` headers that hand a pair to a browser.

        Each lives as long as its token, and the CSRF token as long as the refresh token. Send
        ``Cache-Control: no-store`` with them.

        Raises:
            ConfigurationError: a cookie is longer than the 4,096 bytes that browsers keep, or the
                pair has no CSRF token (it is not from `issue_pair` or `refresh`).
        """
        if not isinstance(pair, TokenPair):
            _refuse(f"pair must be what issue_pair or refresh returned, not {kind_of(pair)}.")
        if not (pair.access_token and pair.refresh_token and pair.csrf_token):
            _refuse("The pair lacks a token: use one of issue_pair or refresh.")
        return self._rendered(
            (pair.access_token, pair.expires_in),
            (pair.refresh_token, pair.refresh_expires_in),
            (pair.csrf_token, pair.refresh_expires_in),
        )

    def clear_cookies(self) -> tuple[str, ...]:
        """Give the values of the ``Set-Cookie`` headers that have a browser forget them all."""
        return self._rendered(("", 0), ("", 0), ("", 0))

    def _rendered(self, *values: tuple[str, int | None]) -> tuple[str, ...]:
        """Give the cookies for access, refresh and CSRF, each of a value and a life in seconds."""
        access, refresh, csrf = values
        return (
            self._cookie("access", *access, path="/", http_only=True),
            self._cookie("refresh", *refresh, path=self.refresh_path, http_only=True),
            self._cookie("csrf", *csrf, path="/", http_only=False),
        )

    def _cookie(
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
    """Write a ``Set-Cookie`` value for one token, or for an empty text, as RFC 6265 §4.1.1 has it.

    Args:
        name: of the cookie.
        value: a token, or anything of the letters that tokens are made of.
        max_age: in seconds; zero has it forgotten, None ends it with the browser.
        path: below which it is sent.
        domain: with whose subdomains it is shared; None: with nobody.
        same_site: None leaves it to the browser.
        secure: whether it is sent over https alone.
        http_only: whether it is hidden from scripts.

    Raises:
        ConfigurationError: a part would end the cookie, or it is longer than the 4,096 bytes that
            browsers keep.
    """
    if not (
        _NAME.fullmatch(name)
        and _PATH.fullmatch(path)
        and (domain is None or _DOMAIN.fullmatch(domain))
    ):
        _refuse("The name, the path or the domain of a cookie has a letter that RFC 6265 bars.")
    if not _VALUE.fullmatch(value):
        _refuse("The value of the cookie is not a token.")
    attributes = {
        "Max-Age": max_age,
        "Path": path,
        "Domain": domain,
        "SameSite": same_site,
    }
    told = "".join(f"; {key}={each}" for key, each in attributes.items() if each is not None)
    flags = f"{'; Secure' if secure else ''}{'; HttpOnly' if http_only else ''}"
    cookie = f"{name}={value}{told}{flags}"
    if len(cookie) > _LONGEST:
        _refuse(
            f"The cookie {name} is longer than the 4,096 bytes that browsers keep: "
            "put fewer claims into the token."
        )
    return cookie


def _is_host_only(name: str) -> bool:
    return name.lower().startswith("__host-")


def _is_loopback(request: RequestView) -> bool:
    hosts = request.header_values(b"host")
    if len(hosts) != 1 or len(hosts[0]) > _LONGEST_HOST:
        return False
    return _LOOPBACK.fullmatch(hosts[0]) is not None


def _refuse(message: str) -> NoReturn:
    raise ConfigurationError(message)
