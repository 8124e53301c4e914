"""Cookies and CSRF: any request with the cookies of a session, and any setting of a cookie."""

from collections.abc import Iterator

from fuzz.harness import NOW, finished, fuzz, instrumented
from fuzz.http_text import RequestText, fields_of, session_of

with instrumented(__name__):
    from tokenward import Claims, CookieCarrier, CsrfCheck, KeyRing, MemoryStore, TokenEngine
    from tokenward.errors import ConfigurationError, TokenError
    from tokenward.http import Authenticator, RequestView, Requirement, render_cookie

_ENGINE = TokenEngine(
    KeyRing.from_secret(b"a secret of the fuzz targets, 32+ bytes"),
    store=MemoryStore(),
    clock=lambda: NOW,
)
_SESSION = session_of(_ENGINE)
_CSRF = CsrfCheck(allowed_origins=["https://app.example"])
_AUTHENTICATOR = Authenticator(_ENGINE, carriers=[CookieCarrier(csrf=_CSRF)])
_DEVELOPMENT = Authenticator(_ENGINE, carriers=[CookieCarrier(development=True)])
_ROUTES: dict[bytes, Requirement[Claims]] = {
    b"__Host-access_token": Requirement(),
    b"__Secure-refresh_token": Requirement(type="refresh"),
}
_SAFE = {"GET", "HEAD", "OPTIONS", "TRACE"}


def check(data: bytes) -> None:
    """Authenticate a request, or write a cookie if the data begins with ``SET``."""
    if data.startswith(b"SET "):
        _write(data[4:].decode("latin-1"))
        return
    request = RequestText.parse(_SESSION.fill(data))
    for name, requirement in _ROUTES.items():
        if not _is_accepted(_AUTHENTICATOR, request, requirement):
            continue
        is_refresh = requirement.type == "refresh"
        token = _SESSION.refresh if is_refresh else _SESSION.access
        why = _why_not(request, name, token, is_refresh=is_refresh)
        assert why is None, f"A request with a cookie is accepted: {why}."

    if _is_accepted(_DEVELOPMENT, request, Requirement()):
        (host,) = request.values(b"host")
        assert any(each in host.lower() for each in (b"localhost", b"127.0.0.1", b"[::1]"))


def _is_accepted(
    authenticator: Authenticator[Claims],
    request: RequestText,
    requirement: Requirement[Claims],
) -> bool:
    view = RequestView(request.scope, request.read_body)
    try:
        finished(authenticator.authenticate(view, requirement))
    except TokenError:
        return False
    return True


def _why_not(request: RequestText, name: bytes, token: bytes, *, is_refresh: bool) -> str | None:
    """Return why a request must be refused, by a second implementation of the rules."""
    if request.cookies(name) != [token]:
        return "it has another cookie, or two"
    if request.method in _SAFE and not is_refresh:
        return None

    origins, sites = request.values(b"origin"), request.values(b"sec-fetch-site")
    if sites != [b"same-origin"]:
        own = [b"https://" + host.lower() for host in request.values(b"host")]
        may_be_absent = not origins and not request.is_websocket
        is_own = (may_be_absent or (len(own) == 1 and origins == own)) and sites in ([], [b"none"])
        if not is_own and not (origins == [b"https://app.example"] and len(sites) <= 1):
            return "it comes from another origin"
    if request.is_websocket:
        return None

    sent = request.values(b"x-csrf-token") or [
        each.encode() for each in fields_of(request.body).get("csrf_token", [])
    ]
    return None if sent == [_SESSION.csrf] else "it has no CSRF token"


def _write(text: str) -> None:
    """Write a cookie from any name, path, domain and value; browsers must read what was meant."""
    name, path, domain, value, *_ = [*text.split("\n"), "", "", "", ""]
    try:
        cookie = render_cookie(name, value, path=path, domain=domain or None, max_age=60)
    except ConfigurationError:
        return
    expected = [f"{name}={value}", "Max-Age=60", f"Path={path}"]
    expected += [f"Domain={domain}"] if domain else []
    assert cookie.split("; ") == [*expected, "SameSite=Lax", "Secure", "HttpOnly"]
    assert cookie.isascii()
    assert cookie.isprintable(), "A cookie has a character that no header may have."


def seeds() -> Iterator[bytes]:
    """Return requests that pass and that do not, and cookies to write."""
    cookie = b"Cookie: __Host-access_token={access}; __Secure-refresh_token={refresh}\n"
    for line in (
        b"X-CSRF-Token: {csrf}",
        b"X-CSRF-Token: {csrf}\nOrigin: https://app.example\nSec-Fetch-Site: same-site",
        b"X-CSRF-Token: {csrf}\nOrigin: https://shop.example\nHost: SHOP.example",
        b"X-CSRF-Token: {csrf}\nSec-Fetch-Site: same-origin",
        b"X-CSRF-Token: {csrf}\nSec-Fetch-Site: none\nOrigin: null",
        b"X-CSRF-Token: x\nX-CSRF-Token: {csrf}",
        b"Content-Type: application/x-www-form-urlencoded; charset=utf-8\n\na=b&csrf_token={csrf}",
        b"Cookie: __Host-access_token=a; a; =b",
    ):
        yield b"POST /\n" + cookie + line
        yield b"WS /\n" + cookie + line
    yield b"GET /\n" + cookie
    yield b"GET /\nHost: localhost:8000\nCookie: a=b; access_token={access}"
    yield b"POST /\nHost: [::1]\nCookie: access_token={access}\nOrigin: http://[::1]"
    yield b"SET __Host-a\n/\n\nabc.def-_"
    yield b"SET a\n/refresh\nshop.example\nabc; Path=/"


if __name__ == "__main__":
    fuzz(check)
