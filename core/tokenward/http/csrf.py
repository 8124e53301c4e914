"""Protection of cookies against cross-site request forgery (CSRF).

Two independent checks: the origin that the browser reports (``Origin``, ``Sec-Fetch-Site``), and a
double-submitted token that is bound to the session, as OWASP recommends.
"""

import hmac
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from tokenward.claims.model import Claims
from tokenward.errors import (
    ConfigurationError,
    CsrfMismatchError,
    CsrfMissingError,
    OriginNotAllowedError,
)
from tokenward.http.request import RequestView

__all__ = ["CsrfCheck", "check_csrf_token"]

_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})  # RFC 9110 §9.2.1
_SAME_ORIGIN: Final = b"same-origin"
# RFC 6454 §6.2: no path, and no default port.
_ORIGIN: Final = re.compile(
    r"(http(?!.*:80$)|https(?!.*:443$))://([0-9a-z._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?"
)
_NO_SITE: Final = (b"none", None)  # opened by the user, or sent by a browser without the header


@dataclass(frozen=True, slots=True, kw_only=True)
class CsrfCheck:
    """The proof that a request with a cookie needs, apart from the cookie.

    A request with an unsafe method, or with a refresh token, must repeat the ``csrf`` claim of its
    token in a header or in a field of a urlencoded form. A CSRF token of another session is
    refused. Such a request, and every WebSocket handshake, must come from the service's own origin
    or from an allowed origin.

    Raises:
        ConfigurationError: a name or an origin is invalid.
    """

    header: str = "X-CSRF-Token"
    """The name of the header that repeats the claim."""
    form_field: str = "csrf_token"
    """The name of the form field that repeats the claim if the header is absent."""
    allowed_origins: Collection[str] = ()
    """Other origins whose pages may send requests, such as ``https://app.example``; no path, no
    wildcard.

    The service's own origin is ``https://`` and the ``Host`` header. Behind a proxy that changes
    ``Host``, add the public origin here.
    """

    def __post_init__(self) -> None:
        """Validate all settings."""
        for name in (self.header, self.form_field):
            if not isinstance(name, str) or not name.isascii() or name.split() != [name]:
                msg = "header and form_field must each be one ASCII word, without spaces."
                raise ConfigurationError(msg)

        if isinstance(self.allowed_origins, str) or not isinstance(
            self.allowed_origins, Collection
        ):
            msg = "allowed_origins must be a list, as in allowed_origins=['https://app.example']."
            raise ConfigurationError(msg)

        object.__setattr__(self, "allowed_origins", frozenset(self.allowed_origins))
        if not all(
            isinstance(origin, str) and _ORIGIN.fullmatch(origin) for origin in self.allowed_origins
        ):
            msg = "Each allowed origin must be a scheme and a host, as in 'https://app.example'."
            raise ConfigurationError(msg)

    def header_for(self, method: str, *, trust_safe_methods: bool = True) -> str | None:
        """Return the header that repeats the claim, or None if requests with this method need none.

        Args:
            method: the request method.
            trust_safe_methods: as for `check`.
        """
        return None if trust_safe_methods and method in _SAFE_METHODS else self.header

    async def check(
        self,
        request: RequestView,
        claims: Claims,
        *,
        is_secure: bool,
        trust_safe_methods: bool = True,
        requires_token: bool = True,
    ) -> None:
        """Refuse a request with a cookie that a page of another origin may have caused.

        Args:
            request: a request that carries its token in a cookie.
            claims: the verified claims of that token.
            is_secure: whether the service is reached only over https.
            trust_safe_methods: whether GET, HEAD, OPTIONS and TRACE pass without a check. False if
                every request has an effect, as a refresh has.
            requires_token: whether the ``csrf`` claim must be repeated. False only if another
                service prevents cross-site requests; the origin is checked anyway.

        Raises:
            OriginNotAllowedError: the request comes from a page of another origin.
            CsrfMissingError: the ``csrf`` claim is not repeated.
            CsrfMismatchError: the repeated value is wrong, or the token has no ``csrf`` claim.
        """
        if request.is_websocket:
            # A page cannot add a header to a handshake, so only its origin is checked.
            self.check_origin(request, is_secure=is_secure)
        elif self.header_for(request.method, trust_safe_methods=trust_safe_methods):
            self.check_origin(request, is_secure=is_secure)
            if requires_token:
                await self._check_double_submit(request, claims)

    def check_origin(self, request: RequestView, *, is_secure: bool) -> None:
        """Refuse a request from a page of another origin, as reported by the browser.

        For routes without a session, such as a login: otherwise a form on another site could log
        its visitors in to the attacker's account. A request without an origin passes,
        because it comes from a program or an old browser. A WebSocket handshake without an origin
        is refused.

        Args:
            request: a request with any method and any content.
            is_secure: whether the service is reached only over https.

        Raises:
            OriginNotAllowedError: the request comes from a page of another origin.
        """
        # Every browser sends the origin in a WebSocket handshake.
        may_be_absent = not request.is_websocket
        site = _single_value(request, b"sec-fetch-site")
        if site == _SAME_ORIGIN:
            return  # a page can neither set nor change this header

        origin = _single_value(request, b"origin")
        if origin is None:
            if may_be_absent and site in _NO_SITE:
                return
        elif origin.decode("latin-1") in self.allowed_origins:
            return
        elif site in _NO_SITE:
            host = _single_value(request, b"host")
            schemes = (b"https://",) if is_secure else (b"https://", b"http://")
            if host and origin in {scheme + host.lower() for scheme in schemes}:
                return

        raise OriginNotAllowedError

    async def _check_double_submit(self, request: RequestView, claims: Claims) -> None:
        sent = request.header_values(self.header.lower().encode())
        if not sent:
            sent = await request.form_values(self.form_field.encode())
        check_csrf_token(sent, claims)


def check_csrf_token(sent: Sequence[bytes], claims: Claims) -> None:
    """Refuse a request that does not repeat the ``csrf`` claim of its token exactly once.

    Public for the drop-in (`tokenward_fastapi.authjwt`); `CsrfCheck` calls it for other services.

    Args:
        sent: every value that the client sent, from any place other than a cookie.
        claims: the verified claims of the token.

    Raises:
        CsrfMissingError: no value was sent.
        CsrfMismatchError: another value or several values were sent, or the token has no ``csrf``
            claim.
    """
    if not sent:
        raise CsrfMissingError
    # As bytes, because compare_digest rejects strings that are not ASCII.
    if len(sent) != 1 or not claims.csrf or not hmac.compare_digest(sent[0], claims.csrf.encode()):
        raise CsrfMismatchError


def _single_value(request: RequestView, name: bytes) -> bytes | None:
    values = request.header_values(name)
    if len(values) > 1:
        raise OriginNotAllowedError
    return values[0] if values else None
