"""The requests of browsers, each with the response that every adapter must send.

They carry the cookies of the contract (`COOKIES`), CSRF tokens and origins.
"""

from typing import Final

from tokenward.testing.adapters import answers as a
from tokenward.testing.adapters.answers import Case
from tokenward.testing.adapters.service import (
    ALLOWED_ORIGIN,
    COOKIES,
    DISMISSED,
    ENDED_SESSION,
    OUTAGE,
    REVOKED_TOKEN,
    Headers,
    bearer,
    shop_token,
)
from tokenward.testing.adapters.token_requests import FORGED, GOOD
from tokenward.testing.adapters.tokens import NOW

__all__ = [
    "ACCESS",
    "ACCESS_NAME",
    "ALICE",
    "ALLOWED",
    "BROWSER_CASES",
    "CLEARED",
    "CSRF",
    "CSRF_NAME",
    "EMPTY_CSRF",
    "FOREIGN",
    "FORM",
    "FORMS",
    "GUARDED",
    "NOTE",
    "OTHER_CSRF",
    "OTHER_SESSION",
    "OWN",
    "READ",
    "REFRESH",
    "REFRESH_NAME",
    "SESSIONS",
    "WITHOUT_CSRF",
    "cookie",
    "csrf",
    "form",
    "get",
    "post",
    "site",
]

CSRF = "0123456789abcdef0123456789abcdef"
OTHER_CSRF = "fedcba9876543210fedcba9876543210"
ACCESS = shop_token(csrf=CSRF, sid="s1", jti="browser-access")
OTHER_SESSION = shop_token(csrf=OTHER_CSRF, sid="s2", sub="bob")
WITHOUT_CSRF = shop_token(sid="s1")
EMPTY_CSRF = shop_token(sid="s1", csrf="")
REFRESH = shop_token(csrf=CSRF, sid="s1", type="refresh")
ACCESS_NAME = b"__Host-access_token"
REFRESH_NAME = b"__Secure-refresh_token"
CSRF_NAME = b"__Host-csrf_token"
OWN = (b"origin", b"https://shop.example")
ALLOWED = (b"origin", ALLOWED_ORIGIN.encode())
FOREIGN = (b"origin", b"https://evil.example")
ALICE = a.ok(sub="alice")
CLEARED = COOKIES.clear_cookies()
FORM = b"application/x-www-form-urlencoded"


def cookie(token: str | bytes, name: bytes = ACCESS_NAME) -> tuple[bytes, bytes]:
    """Return the header of one cookie."""
    value = token.encode() if isinstance(token, str) else token
    return (b"cookie", name + b"=" + value)


def csrf(value: str | bytes = CSRF) -> tuple[bytes, bytes]:
    """Return the header that repeats the CSRF claim."""
    return (b"x-csrf-token", value.encode() if isinstance(value, str) else value)


def site(value: bytes) -> tuple[bytes, bytes]:
    """Return the headers with which a browser states the origin of a request."""
    return (b"sec-fetch-site", value)


def get(name: str, headers: Headers, answer: a.Answer) -> Case:
    """Return a request with a safe method."""
    return Case(name, "/browser/me", headers, answer)


def post(name: str, headers: Headers, answer: a.Answer) -> Case:
    """Return a request with an unsafe method."""
    return Case(name, "/browser/me", headers, answer, "POST")


def form(name: str, content: bytes, answer: a.Answer, kind: bytes = FORM) -> Case:
    """Return a request with a form and a cookie, but no CSRF header."""
    headers = (cookie(ACCESS), (b"content-type", kind))
    return Case(name, "/browser/form", headers, answer, "POST", content)


READ: Final = [
    get("cookie", (cookie(ACCESS),), ALICE),
    get("cookie, among others", ((b"cookie", b"a=1; " + cookie(ACCESS)[1] + b"; b=2"),), ALICE),
    get("cookie, without spaces", ((b"cookie", b"a=1;" + cookie(ACCESS)[1] + b";"),), ALICE),
    get("cookie, in a second header", ((b"cookie", b"a=1"), cookie(ACCESS)), ALICE),
    get("cookie, after junk", ((b"cookie", b"=; ;;=x; \xff\xfe; " + cookie(ACCESS)[1]),), ALICE),
    get("cookie, without CSRF claim", (cookie(WITHOUT_CSRF),), ALICE),
    get("cookie, from a foreign page", (cookie(ACCESS), FOREIGN, site(b"cross-site")), ALICE),
    get("no cookie", (), a.MISSING),
    get("cookie, empty", (cookie(""),), a.NOT_THREE),
    get("cookie, not ASCII", (cookie("é.ü.ß".encode()),), a.MALFORMED),
    get("cookie, no text", (cookie(b"\xff\xfe.\x80.\0"),), a.MALFORMED),
    get("cookie, in quotes", (cookie(f'"{ACCESS}"'),), a.MALFORMED),
    get("cookie, forged", (cookie(FORGED),), a.FORGED),
    get("cookie, expired", (cookie(shop_token(exp=NOW, csrf=CSRF)),), a.EXPIRED),
    get("cookie, revoked", (cookie(shop_token(jti=REVOKED_TOKEN, csrf=CSRF)),), a.REVOKED),
    get("cookie, a refresh token", (cookie(REFRESH),), a.WRONG_TYPE),
    get("cookie, of the refresh token", (cookie(REFRESH, REFRESH_NAME),), a.MISSING),
    get("cookie, other case", (cookie(ACCESS, ACCESS_NAME.lower()),), a.MISSING),
    get("cookie, without prefix", (cookie(ACCESS, b"access_token"),), a.MISSING),
    get("cookie, a longer name", (cookie(ACCESS, b"x" + ACCESS_NAME),), a.MISSING),
    get("cookie, a space in the name", (cookie(ACCESS, b"__Host-access token"),), a.MISSING),
    get("cookie, no equals sign", ((b"cookie", ACCESS_NAME),), a.NOT_THREE),
    get("cookie, twice", (cookie(ACCESS), cookie(ACCESS)), a.TWO_CREDENTIALS),
    get("cookie, two", ((b"cookie", cookie(ACCESS)[1] + b"; " + cookie(OTHER_SESSION)[1]),), a.TWO_CREDENTIALS),
    get("cookie, 100 KB", ((b"cookie", b"a=" + b"x" * 100_000 + b"; " + cookie(ACCESS)[1]),), ALICE),
    get("cookie, 20 KB", (cookie(b"x" * 20_000),), a.TOO_LONG),
    get("cookie, 10,000 of them", ((b"cookie", b"a=1; " * 10_000 + cookie(ACCESS)[1]),), ALICE),
    get("cookie and header, alike", (cookie(ACCESS), *bearer(ACCESS)), ALICE),
    get("cookie and header, two sessions", (cookie(OTHER_SESSION), *bearer(ACCESS)), a.TWO_CREDENTIALS),
    get("cookie and basic", (cookie(ACCESS), (b"authorization", b"Basic eDp5")), ALICE),
    get("cookie and an empty header", (cookie(ACCESS), (b"authorization", b"Bearer")), a.TWO_CREDENTIALS),
    get("a CSRF cookie alone", (cookie(CSRF, CSRF_NAME),), a.MISSING),
    Case("no cookie where none is read", "/me", (cookie(ACCESS),), a.MISSING),
]  # fmt: skip

GUARDED: Final = [
    post("CSRF, good", (cookie(ACCESS), csrf()), ALICE),
    post("CSRF, good, own page", (cookie(ACCESS), csrf(), OWN, site(b"same-origin")), ALICE),
    post("CSRF, good, own page of old", (cookie(ACCESS), csrf(), OWN), ALICE),
    post("CSRF, good, allowed page", (cookie(ACCESS), csrf(), ALLOWED, site(b"cross-site")), ALICE),
    post("CSRF, good, allowed page of old", (cookie(ACCESS), csrf(), ALLOWED), ALICE),
    post("CSRF, good, by hand", (cookie(ACCESS), csrf(), site(b"none")), ALICE),
    post("CSRF, good, no referrer", (cookie(ACCESS), csrf(), (b"origin", b"null"), site(b"same-origin")), ALICE),
    post("CSRF, absent", (cookie(ACCESS),), a.CSRF_MISSING),
    post("CSRF, in a cookie alone", ((b"cookie", cookie(ACCESS)[1] + b"; " + cookie(CSRF, CSRF_NAME)[1]),), a.CSRF_MISSING),
    post("CSRF, empty", (cookie(ACCESS), csrf("")), a.CSRF_MISMATCH),
    post("CSRF, wrong", (cookie(ACCESS), csrf("x" * 32)), a.CSRF_MISMATCH),
    post("CSRF, shorter", (cookie(ACCESS), csrf(CSRF[:-1])), a.CSRF_MISMATCH),
    post("CSRF, in capitals", (cookie(ACCESS), csrf(CSRF.upper())), a.CSRF_MISMATCH),
    post("CSRF, of another session", (cookie(ACCESS), csrf(OTHER_CSRF)), a.CSRF_MISMATCH),
    post("cookie of another session", (cookie(OTHER_SESSION), csrf()), a.CSRF_MISMATCH),
    post("CSRF, not ASCII", (cookie(ACCESS), csrf("é" * 16)), a.CSRF_MISMATCH),
    post("CSRF, no text", (cookie(ACCESS), csrf(b"\xff\xfe\x00\x80")), a.CSRF_MISMATCH),
    post("CSRF, 100 KB", (cookie(ACCESS), csrf(b"x" * 100_000)), a.CSRF_MISMATCH),
    post("CSRF, twice", (cookie(ACCESS), csrf(), csrf()), a.CSRF_MISMATCH),
    post("CSRF, good and wrong", (cookie(ACCESS), csrf(), csrf("x")), a.CSRF_MISMATCH),
    post("CSRF, the token itself", (cookie(ACCESS), csrf(ACCESS)), a.CSRF_MISMATCH),
    post("CSRF, no claim", (cookie(WITHOUT_CSRF), csrf()), a.CSRF_MISMATCH),
    post("CSRF, no claim, empty", (cookie(WITHOUT_CSRF), csrf("")), a.CSRF_MISMATCH),
    post("CSRF, no claim, None", (cookie(WITHOUT_CSRF), csrf("None")), a.CSRF_MISMATCH),
    post("CSRF, empty claim, empty", (cookie(EMPTY_CSRF), csrf("")), a.CSRF_MISMATCH),
    post("CSRF claim a number", (cookie(shop_token(csrf=1)), csrf("1")), a.bad("csrf")),
    post("CSRF, foreign page", (cookie(ACCESS), csrf(), FOREIGN, site(b"cross-site")), a.FOREIGN_ORIGIN),
    post("CSRF, foreign page of old", (cookie(ACCESS), csrf(), FOREIGN), a.FOREIGN_ORIGIN),
    post("CSRF, foreign site, no origin", (cookie(ACCESS), csrf(), site(b"cross-site")), a.FOREIGN_ORIGIN),
    post("CSRF, a subdomain", (cookie(ACCESS), csrf(), (b"origin", b"https://x.shop.example"), site(b"same-site")), a.FOREIGN_ORIGIN),
    post("CSRF, own page over http", (cookie(ACCESS), csrf(), (b"origin", b"http://shop.example")), a.FOREIGN_ORIGIN),
    post("CSRF, own page, other port", (cookie(ACCESS), csrf(), (b"origin", b"https://shop.example:8443")), a.FOREIGN_ORIGIN),
    post("CSRF, a longer host", (cookie(ACCESS), csrf(), (b"origin", b"https://shop.example.evil.example")), a.FOREIGN_ORIGIN),
    post("CSRF, null origin", (cookie(ACCESS), csrf(), (b"origin", b"null")), a.FOREIGN_ORIGIN),
    post("CSRF, empty origin", (cookie(ACCESS), csrf(), (b"origin", b"")), a.FOREIGN_ORIGIN),
    post("CSRF, origin no text", (cookie(ACCESS), csrf(), (b"origin", b"\xff\xfe")), a.FOREIGN_ORIGIN),
    post("CSRF, two origins", (cookie(ACCESS), csrf(), OWN, FOREIGN), a.FOREIGN_ORIGIN),
    post("CSRF, two sites", (cookie(ACCESS), csrf(), site(b"same-origin"), site(b"cross-site")), a.FOREIGN_ORIGIN),
    post("CSRF, site unknown", (cookie(ACCESS), csrf(), site(b"SAME-ORIGIN")), a.FOREIGN_ORIGIN),
    post("CSRF, allowed origin in capitals", (cookie(ACCESS), csrf(), (b"origin", b"https://APP.example")), a.FOREIGN_ORIGIN),
    post("foreign page and no CSRF", (cookie(ACCESS), FOREIGN, site(b"cross-site")), a.FOREIGN_ORIGIN),
    post("verified first: forged", (cookie(FORGED),), a.FORGED),
    post("verified first: revoked", (cookie(shop_token(jti=REVOKED_TOKEN)),), a.REVOKED),
    post("no cookie, CSRF", (csrf(),), a.MISSING),
    post("header, no CSRF", bearer(GOOD), ALICE),
    post("header, foreign page", (*bearer(GOOD), FOREIGN, site(b"cross-site")), ALICE),
    post("header and cookie alike, no CSRF", (*bearer(ACCESS), cookie(ACCESS)), ALICE),
    Case("put, no CSRF", "/browser/me", (cookie(ACCESS),), a.CSRF_MISSING, "PUT"),
    Case("put, CSRF", "/browser/me", (cookie(ACCESS), csrf()), ALICE, "PUT"),
    Case("optional, none", "/browser/maybe", (), a.ok(sub=None), "POST"),
    Case("optional, CSRF", "/browser/maybe", (cookie(ACCESS), csrf()), ALICE, "POST"),
    Case("optional, no CSRF", "/browser/maybe", (cookie(ACCESS),), a.CSRF_MISSING, "POST"),
    Case("optional, foreign page", "/browser/maybe", (cookie(ACCESS), csrf(), FOREIGN), a.FOREIGN_ORIGIN, "POST"),
]  # fmt: skip

_C = CSRF.encode()
NOTE = a.ok(note="é & co")
FORMS: Final = [
    form("form, good", b"csrf_token=" + _C + b"&note=%C3%A9+%26+co", NOTE),
    form("form, percent-encoded", b"note=%C3%A9+%26+co&csrf%5Ftoken=%30" + _C[1:], NOTE),
    form("form, with a charset", b"csrf_token=" + _C + b"&note=%C3%A9+%26+co", NOTE, FORM + b"; charset=utf-8"),
    form("form, no field", b"note=x", a.CSRF_MISSING),
    form("form, empty", b"", a.CSRF_MISSING),
    form("form, wrong", b"csrf_token=x&note=x", a.CSRF_MISMATCH),
    form("form, empty field", b"csrf_token=&note=x", a.CSRF_MISMATCH),
    form("form, field without value", b"csrf_token&note=x", a.CSRF_MISMATCH),
    form("form, twice", b"csrf_token=" + _C + b"&csrf_token=" + _C, a.CSRF_MISMATCH),
    form("form, of another session", b"csrf_token=" + OTHER_CSRF.encode(), a.CSRF_MISMATCH),
    form("form, not ASCII", "csrf_token=é".encode(), a.CSRF_MISMATCH),
    form("form, no text", b"csrf_token=\xff%FF%\0&%ZZ", a.CSRF_MISMATCH),
    form("form, a lone surrogate", b"csrf_token=%ED%A0%80", a.CSRF_MISMATCH),
    form("form, 300 KB", b"note=" + b"x" * 300_000 + b"&csrf_token=" + _C, a.CSRF_MISSING),
    form("form, as JSON", b'{"csrf_token":"' + _C + b'"}', a.CSRF_MISSING, b"application/json"),
    form("form, as text", b"csrf_token=" + _C, a.CSRF_MISSING, b"text/plain"),
    form("form, no text as kind", b"csrf_token=" + _C, a.CSRF_MISSING, b"\xff\xfe"),
    Case("form, header wrong, field good", "/browser/form", (cookie(ACCESS), csrf("x"), (b"content-type", FORM)), a.CSRF_MISMATCH, "POST", b"csrf_token=" + _C),
    Case("form, in the query", "/browser/form?csrf_token=" + CSRF, (cookie(ACCESS), (b"content-type", FORM)), a.CSRF_MISSING, "POST", b"note=x"),
]  # fmt: skip

SESSIONS: Final = [
    Case("login, foreign page", "/browser/login", (FOREIGN, site(b"cross-site")), a.FOREIGN_ORIGIN, "POST"),
    Case("login, foreign page of old", "/browser/login", (FOREIGN,), a.FOREIGN_ORIGIN, "POST"),
    Case("login, foreign form", "/browser/login", (FOREIGN, site(b"cross-site"), (b"content-type", b"text/plain")), a.FOREIGN_ORIGIN, "POST", b'{"a":"="}'),
    Case("login, a subdomain", "/browser/login", ((b"origin", b"https://x.shop.example"), site(b"same-site")), a.FOREIGN_ORIGIN, "POST"),
    Case("login, no origin but another site", "/browser/login", (site(b"cross-site"),), a.FOREIGN_ORIGIN, "POST"),
    Case("login, null origin", "/browser/login", ((b"origin", b"null"),), a.FOREIGN_ORIGIN, "POST"),
    # A session that no other request uses, because this request ends it.
    Case("logout", "/browser/logout", (cookie(shop_token(csrf=CSRF, sid="s3")), csrf()), ALICE, "POST", cookies=CLEARED),
    Case("logout, no CSRF", "/browser/logout", (cookie(ACCESS),), a.CSRF_MISSING, "POST"),
    Case("logout, no cookie", "/browser/logout", (), a.MISSING, "POST"),
    Case("refresh, no cookie", "/browser/refresh", (), a.MISSING, "POST"),
    Case("refresh, the access cookie", "/browser/refresh", (cookie(ACCESS), csrf()), a.MISSING, "POST"),
    Case("refresh, an access token", "/browser/refresh", (cookie(ACCESS, REFRESH_NAME), csrf()), a.WRONG_TYPE, "POST"),
    Case("refresh, no CSRF", "/browser/refresh", (cookie(REFRESH, REFRESH_NAME),), a.CSRF_MISSING, "POST"),
    Case("refresh, wrong CSRF", "/browser/refresh", (cookie(REFRESH, REFRESH_NAME), csrf("é")), a.CSRF_MISMATCH, "POST"),
    Case("refresh, foreign page", "/browser/refresh", (cookie(REFRESH, REFRESH_NAME), csrf(), FOREIGN), a.FOREIGN_ORIGIN, "POST"),
    Case("refresh, two cookies", "/browser/refresh", (cookie(REFRESH, REFRESH_NAME), cookie(REFRESH, REFRESH_NAME), csrf()), a.TWO_CREDENTIALS, "POST"),
    Case("refresh, forged", "/browser/refresh", (cookie(FORGED, REFRESH_NAME),), a.FORGED, "POST"),
    Case("refresh, ended session", "/browser/refresh", (cookie(shop_token(type="refresh", csrf=CSRF, sid=ENDED_SESSION), REFRESH_NAME), csrf()), a.REVOKED, "POST"),
    Case("refresh, denied by the check", "/browser/refresh", (cookie(shop_token(type="refresh", csrf=CSRF, sub=DISMISSED), REFRESH_NAME), csrf()), a.DENIED, "POST"),
    Case("refresh, CSRF before the check", "/browser/refresh", (cookie(shop_token(type="refresh", csrf=CSRF, sub=DISMISSED), REFRESH_NAME),), a.CSRF_MISSING, "POST"),
    Case("refresh, store outage", "/browser/refresh", (cookie(shop_token(type="refresh", csrf=CSRF, sub=OUTAGE), REFRESH_NAME), csrf()), a.OUT_OF_ORDER, "POST"),
]  # fmt: skip

BROWSER_CASES: Final = [*READ, *GUARDED, *FORMS, *SESSIONS]
