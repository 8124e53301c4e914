"""Whether a request that brings a cookie was meant by the page that owns the cookie.

Two answers that do not depend on each other: where the browser says that the request comes from
(``Origin``, ``Sec-Fetch-Site``), and a double submit bound to the session, as OWASP describes it.
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
# RFC 6454 §6.2: no path, and no port that is the scheme's own.
_ORIGIN: Final = re.compile(
    r"(http(?!.*:80$)|https(?!.*:443$))://([0-9a-z._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?"
)
_NO_SITE: Final = (b"none", None)  # by the user's own hand, or from a browser that does not say


@dataclass(frozen=True, slots=True, kw_only=True)
class CsrfCheck:
    """What must come beside a cookie. It never comes from a cookie itself.

    A request whose method is not safe, or that carries a refresh token, repeats the ``csrf`` claim
    of its token, in a header or in a field of an urlencoded form; another session's will not do.
    It, and the handshake of a WebSocket, must come from this origin, or from one that is allowed.

    Raises:
        ConfigurationError: a name or an origin cannot be used.
    """

    header: str = "X-CSRF-Token"
    """The header that repeats the claim."""
    form_field: str = "csrf_token"
    """The field of a form that repeats it, where there is no such header."""
    allowed_origins: Collection[str] = ()
    """Origins besides the service's own, as ``https://app.example``; no path, no wildcard.

    The own origin is ``https://`` and the ``Host`` header. Behind a proxy that changes ``Host``
    name the public origin here.
    """

    def __post_init__(self) -> None:
        """Check everything once."""
        for name in (self.header, self.form_field):
            if not isinstance(name, str) or not name.isascii() or name.split() != [name]:
                msg = "header and form_field must be one ASCII word each."
                raise ConfigurationError(msg)
        if isinstance(self.allowed_origins, str) or not isinstance(
            self.allowed_origins, Collection
        ):
            msg = "allowed_origins must be several origins, as in allowed_origins=['https://...']."
            raise ConfigurationError(msg)
        object.__setattr__(self, "allowed_origins", frozenset(self.allowed_origins))
        if not all(
            isinstance(origin, str) and _ORIGIN.fullmatch(origin) for origin in self.allowed_origins
        ):
            msg = "An allowed origin is scheme and host as browsers write them, without a path."
            raise ConfigurationError(msg)

    async def check(
        self,
        request: RequestView,
        claims: Claims,
        *,
        is_secure: bool,
        trust_safe_methods: bool = True,
    ) -> None:
        """Return where the request was meant by an allowed page.

        Args:
            request: that brought a token in a cookie.
            claims: of that token, verified.
            is_secure: whether the service is reached by https alone.
            trust_safe_methods: whether GET, HEAD, OPTIONS and TRACE need no proof. False where the
                request changes something whatever its method, as a refresh does.

        Raises:
            OriginNotAllowedError: it comes from a page of somebody else.
            CsrfMissingError: the ``csrf`` claim is not repeated.
            CsrfMismatchError: something else is, or the token has no such claim.
        """
        if request.is_websocket:
            # A page cannot add a header to a handshake: its origin alone decides.
            self.check_origin(request, is_secure=is_secure)
        elif not trust_safe_methods or request.method not in _SAFE_METHODS:
            self.check_origin(request, is_secure=is_secure)
            await self._check_repeated(request, claims)

    def check_origin(self, request: RequestView, *, is_secure: bool) -> None:
        """Return where a request comes from an allowed page, by what the browser says of it.

        For routes that have no session yet, such as a login: a form on another site could otherwise
        log its visitors in to the attacker's account. A request that names no origin, and is no
        WebSocket handshake, passes: it comes from a program or from an old browser.

        Args:
            request: whatever its method is, and whatever it carries.
            is_secure: whether the service is reached by https alone.

        Raises:
            OriginNotAllowedError: it comes from a page of another origin.
        """
        # Every browser names the origin in a handshake.
        may_be_absent = not request.is_websocket
        site = _single(request, b"sec-fetch-site")
        if site == _SAME_ORIGIN:
            return  # a page can neither set nor change it
        origin = _single(request, b"origin")
        if origin is None:
            if may_be_absent and site in _NO_SITE:
                return
        elif origin.decode("latin-1") in self.allowed_origins:
            return
        elif site in _NO_SITE:
            host = _single(request, b"host")
            schemes = (b"https://",) if is_secure else (b"https://", b"http://")
            if host and origin in {scheme + host.lower() for scheme in schemes}:
                return
        raise OriginNotAllowedError

    async def _check_repeated(self, request: RequestView, claims: Claims) -> None:
        sent = request.header_values(self.header.lower().encode())
        if not sent:
            sent = await request.form_values(self.form_field.encode())
        check_csrf_token(sent, claims)


def check_csrf_token(sent: Sequence[bytes], claims: Claims) -> None:
    """Return where exactly one value was sent, and it is the ``csrf`` claim of the token.

    Args:
        sent: every value that came, from anywhere but a cookie.
        claims: verified.

    Raises:
        CsrfMissingError: nothing was sent.
        CsrfMismatchError: something else was, or the token has no such claim.
    """
    if not sent:
        raise CsrfMissingError
    # In bytes: compare_digest takes no text that is not ASCII.
    if len(sent) != 1 or not claims.csrf or not hmac.compare_digest(sent[0], claims.csrf.encode()):
        raise CsrfMismatchError


def _single(request: RequestView, name: bytes) -> bytes | None:
    values = request.header_values(name)
    if len(values) > 1:
        raise OriginNotAllowedError
    return values[0] if values else None
