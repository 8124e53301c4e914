"""The requests and handshakes of browsers, each with the response that every adapter must send.

They carry the cookies of the contract (`COOKIES`), CSRF tokens and origins.
"""

from tests.adapters import contract as c
from tests.adapters.contract import Case, bearer, shop_token
from tests.adapters.contract_requests import FORGED, GOOD
from tests.support import NOW

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
ALLOWED = (b"origin", c.ALLOWED_ORIGIN.encode())
FOREIGN = (b"origin", b"https://evil.example")
ALICE = c.ok(sub="alice")
CLEARED = c.COOKIES.clear_cookies()
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


def get(name: str, headers: c.Headers, answer: c.Answer) -> Case:
    """Return a request with a safe method."""
    return Case(name, "/browser/me", headers, answer)


def post(name: str, headers: c.Headers, answer: c.Answer) -> Case:
    """Return a request with an unsafe method."""
    return Case(name, "/browser/me", headers, answer, "POST")


def form(name: str, content: bytes, answer: c.Answer, kind: bytes = FORM) -> Case:
    """Return a request with a form and a cookie, but no CSRF header."""
    headers = (cookie(ACCESS), (b"content-type", kind))
    return Case(name, "/browser/form", headers, answer, "POST", content)


READ = [
    get("cookie", (cookie(ACCESS),), ALICE),
    get("cookie, among others", ((b"cookie", b"a=1; " + cookie(ACCESS)[1] + b"; b=2"),), ALICE),
    get("cookie, without spaces", ((b"cookie", b"a=1;" + cookie(ACCESS)[1] + b";"),), ALICE),
    get("cookie, in a second header", ((b"cookie", b"a=1"), cookie(ACCESS)), ALICE),
    get("cookie, after junk", ((b"cookie", b"=; ;;=x; \xff\xfe; " + cookie(ACCESS)[1]),), ALICE),
    get("cookie, without CSRF claim", (cookie(WITHOUT_CSRF),), ALICE),
    get("cookie, from a foreign page", (cookie(ACCESS), FOREIGN, site(b"cross-site")), ALICE),
    get("no cookie", (), c.MISSING),
    get("cookie, empty", (cookie(""),), c.NOT_THREE),
    get("cookie, not ASCII", (cookie("é.ü.ß".encode()),), c.MALFORMED),
    get("cookie, no text", (cookie(b"\xff\xfe.\x80.\0"),), c.MALFORMED),
    get("cookie, in quotes", (cookie(f'"{ACCESS}"'),), c.MALFORMED),
    get("cookie, forged", (cookie(FORGED),), c.FORGED),
    get("cookie, expired", (cookie(shop_token(exp=NOW, csrf=CSRF)),), c.EXPIRED),
    get("cookie, revoked", (cookie(shop_token(jti=c.REVOKED_TOKEN, csrf=CSRF)),), c.REVOKED),
    get("cookie, a refresh token", (cookie(REFRESH),), c.WRONG_TYPE),
    get("cookie, of the refresh token", (cookie(REFRESH, REFRESH_NAME),), c.MISSING),
    get("cookie, other case", (cookie(ACCESS, ACCESS_NAME.lower()),), c.MISSING),
    get("cookie, without prefix", (cookie(ACCESS, b"access_token"),), c.MISSING),
    get("cookie, a longer name", (cookie(ACCESS, b"x" + ACCESS_NAME),), c.MISSING),
    get("cookie, a space in the name", (cookie(ACCESS, b"__Host-access token"),), c.MISSING),
    get("cookie, no equals sign", ((b"cookie", ACCESS_NAME),), c.NOT_THREE),
    get("cookie, twice", (cookie(ACCESS), cookie(ACCESS)), c.TWO_CREDENTIALS),
    get("cookie, two", ((b"cookie", cookie(ACCESS)[1] + b"; " + cookie(OTHER_SESSION)[1]),), c.TWO_CREDENTIALS),
    get("cookie, 100 KB", ((b"cookie", b"a=" + b"x" * 100_000 + b"; " + cookie(ACCESS)[1]),), ALICE),
    get("cookie, 20 KB", (cookie(b"x" * 20_000),), c.TOO_LONG),
    get("cookie, 10,000 of them", ((b"cookie", b"a=1; " * 10_000 + cookie(ACCESS)[1]),), ALICE),
    get("cookie and header, alike", (cookie(ACCESS), *bearer(ACCESS)), ALICE),
    get("cookie and header, two sessions", (cookie(OTHER_SESSION), *bearer(ACCESS)), c.TWO_CREDENTIALS),
    get("cookie and basic", (cookie(ACCESS), (b"authorization", b"Basic eDp5")), ALICE),
    get("cookie and an empty header", (cookie(ACCESS), (b"authorization", b"Bearer")), c.TWO_CREDENTIALS),
    get("a CSRF cookie alone", (cookie(CSRF, CSRF_NAME),), c.MISSING),
    Case("no cookie where none is read", "/me", (cookie(ACCESS),), c.MISSING),
]  # fmt: skip

GUARDED = [
    post("CSRF, good", (cookie(ACCESS), csrf()), ALICE),
    post("CSRF, good, own page", (cookie(ACCESS), csrf(), OWN, site(b"same-origin")), ALICE),
    post("CSRF, good, own page of old", (cookie(ACCESS), csrf(), OWN), ALICE),
    post("CSRF, good, allowed page", (cookie(ACCESS), csrf(), ALLOWED, site(b"cross-site")), ALICE),
    post("CSRF, good, allowed page of old", (cookie(ACCESS), csrf(), ALLOWED), ALICE),
    post("CSRF, good, by hand", (cookie(ACCESS), csrf(), site(b"none")), ALICE),
    post("CSRF, good, no referrer", (cookie(ACCESS), csrf(), (b"origin", b"null"), site(b"same-origin")), ALICE),
    post("CSRF, absent", (cookie(ACCESS),), c.CSRF_MISSING),
    post("CSRF, in a cookie alone", ((b"cookie", cookie(ACCESS)[1] + b"; " + cookie(CSRF, CSRF_NAME)[1]),), c.CSRF_MISSING),
    post("CSRF, empty", (cookie(ACCESS), csrf("")), c.CSRF_MISMATCH),
    post("CSRF, wrong", (cookie(ACCESS), csrf("x" * 32)), c.CSRF_MISMATCH),
    post("CSRF, shorter", (cookie(ACCESS), csrf(CSRF[:-1])), c.CSRF_MISMATCH),
    post("CSRF, in capitals", (cookie(ACCESS), csrf(CSRF.upper())), c.CSRF_MISMATCH),
    post("CSRF, of another session", (cookie(ACCESS), csrf(OTHER_CSRF)), c.CSRF_MISMATCH),
    post("cookie of another session", (cookie(OTHER_SESSION), csrf()), c.CSRF_MISMATCH),
    post("CSRF, not ASCII", (cookie(ACCESS), csrf("é" * 16)), c.CSRF_MISMATCH),
    post("CSRF, no text", (cookie(ACCESS), csrf(b"\xff\xfe\x00\x80")), c.CSRF_MISMATCH),
    post("CSRF, 100 KB", (cookie(ACCESS), csrf(b"x" * 100_000)), c.CSRF_MISMATCH),
    post("CSRF, twice", (cookie(ACCESS), csrf(), csrf()), c.CSRF_MISMATCH),
    post("CSRF, good and wrong", (cookie(ACCESS), csrf(), csrf("x")), c.CSRF_MISMATCH),
    post("CSRF, the token itself", (cookie(ACCESS), csrf(ACCESS)), c.CSRF_MISMATCH),
    post("CSRF, no claim", (cookie(WITHOUT_CSRF), csrf()), c.CSRF_MISMATCH),
    post("CSRF, no claim, empty", (cookie(WITHOUT_CSRF), csrf("")), c.CSRF_MISMATCH),
    post("CSRF, no claim, None", (cookie(WITHOUT_CSRF), csrf("None")), c.CSRF_MISMATCH),
    post("CSRF, empty claim, empty", (cookie(EMPTY_CSRF), csrf("")), c.CSRF_MISMATCH),
    post("CSRF claim a number", (cookie(shop_token(csrf=1)), csrf("1")), c.bad("csrf")),
    post("CSRF, foreign page", (cookie(ACCESS), csrf(), FOREIGN, site(b"cross-site")), c.FOREIGN_ORIGIN),
    post("CSRF, foreign page of old", (cookie(ACCESS), csrf(), FOREIGN), c.FOREIGN_ORIGIN),
    post("CSRF, foreign site, no origin", (cookie(ACCESS), csrf(), site(b"cross-site")), c.FOREIGN_ORIGIN),
    post("CSRF, a subdomain", (cookie(ACCESS), csrf(), (b"origin", b"https://x.shop.example"), site(b"same-site")), c.FOREIGN_ORIGIN),
    post("CSRF, own page over http", (cookie(ACCESS), csrf(), (b"origin", b"http://shop.example")), c.FOREIGN_ORIGIN),
    post("CSRF, own page, other port", (cookie(ACCESS), csrf(), (b"origin", b"https://shop.example:8443")), c.FOREIGN_ORIGIN),
    post("CSRF, a longer host", (cookie(ACCESS), csrf(), (b"origin", b"https://shop.example.evil.example")), c.FOREIGN_ORIGIN),
    post("CSRF, null origin", (cookie(ACCESS), csrf(), (b"origin", b"null")), c.FOREIGN_ORIGIN),
    post("CSRF, empty origin", (cookie(ACCESS), csrf(), (b"origin", b"")), c.FOREIGN_ORIGIN),
    post("CSRF, origin no text", (cookie(ACCESS), csrf(), (b"origin", b"\xff\xfe")), c.FOREIGN_ORIGIN),
    post("CSRF, two origins", (cookie(ACCESS), csrf(), OWN, FOREIGN), c.FOREIGN_ORIGIN),
    post("CSRF, two sites", (cookie(ACCESS), csrf(), site(b"same-origin"), site(b"cross-site")), c.FOREIGN_ORIGIN),
    post("CSRF, site unknown", (cookie(ACCESS), csrf(), site(b"SAME-ORIGIN")), c.FOREIGN_ORIGIN),
    post("CSRF, allowed origin in capitals", (cookie(ACCESS), csrf(), (b"origin", b"https://APP.example")), c.FOREIGN_ORIGIN),
    post("foreign page and no CSRF", (cookie(ACCESS), FOREIGN, site(b"cross-site")), c.FOREIGN_ORIGIN),
    post("verified first: forged", (cookie(FORGED),), c.FORGED),
    post("verified first: revoked", (cookie(shop_token(jti=c.REVOKED_TOKEN)),), c.REVOKED),
    post("no cookie, CSRF", (csrf(),), c.MISSING),
    post("header, no CSRF", bearer(GOOD), ALICE),
    post("header, foreign page", (*bearer(GOOD), FOREIGN, site(b"cross-site")), ALICE),
    post("header and cookie alike, no CSRF", (*bearer(ACCESS), cookie(ACCESS)), ALICE),
    Case("put, no CSRF", "/browser/me", (cookie(ACCESS),), c.CSRF_MISSING, "PUT"),
    Case("put, CSRF", "/browser/me", (cookie(ACCESS), csrf()), ALICE, "PUT"),
    Case("optional, none", "/browser/maybe", (), c.ok(sub=None), "POST"),
    Case("optional, CSRF", "/browser/maybe", (cookie(ACCESS), csrf()), ALICE, "POST"),
    Case("optional, no CSRF", "/browser/maybe", (cookie(ACCESS),), c.CSRF_MISSING, "POST"),
    Case("optional, foreign page", "/browser/maybe", (cookie(ACCESS), csrf(), FOREIGN), c.FOREIGN_ORIGIN, "POST"),
]  # fmt: skip

_C = CSRF.encode()
NOTE = c.ok(note="é & co")
FORMS = [
    form("form, good", b"csrf_token=" + _C + b"&note=%C3%A9+%26+co", NOTE),
    form("form, percent-encoded", b"note=%C3%A9+%26+co&csrf%5Ftoken=%30" + _C[1:], NOTE),
    form("form, with a charset", b"csrf_token=" + _C + b"&note=%C3%A9+%26+co", NOTE, FORM + b"; charset=utf-8"),
    form("form, no field", b"note=x", c.CSRF_MISSING),
    form("form, empty", b"", c.CSRF_MISSING),
    form("form, wrong", b"csrf_token=x&note=x", c.CSRF_MISMATCH),
    form("form, empty field", b"csrf_token=&note=x", c.CSRF_MISMATCH),
    form("form, field without value", b"csrf_token&note=x", c.CSRF_MISMATCH),
    form("form, twice", b"csrf_token=" + _C + b"&csrf_token=" + _C, c.CSRF_MISMATCH),
    form("form, of another session", b"csrf_token=" + OTHER_CSRF.encode(), c.CSRF_MISMATCH),
    form("form, not ASCII", "csrf_token=é".encode(), c.CSRF_MISMATCH),
    form("form, no text", b"csrf_token=\xff%FF%\0&%ZZ", c.CSRF_MISMATCH),
    form("form, a lone surrogate", b"csrf_token=%ED%A0%80", c.CSRF_MISMATCH),
    form("form, 300 KB", b"note=" + b"x" * 300_000 + b"&csrf_token=" + _C, c.CSRF_MISSING),
    form("form, as JSON", b'{"csrf_token":"' + _C + b'"}', c.CSRF_MISSING, b"application/json"),
    form("form, as text", b"csrf_token=" + _C, c.CSRF_MISSING, b"text/plain"),
    form("form, no text as kind", b"csrf_token=" + _C, c.CSRF_MISSING, b"\xff\xfe"),
    Case("form, header wrong, field good", "/browser/form", (cookie(ACCESS), csrf("x"), (b"content-type", FORM)), c.CSRF_MISMATCH, "POST", b"csrf_token=" + _C),
    Case("form, in the query", "/browser/form?csrf_token=" + CSRF, (cookie(ACCESS), (b"content-type", FORM)), c.CSRF_MISSING, "POST", b"note=x"),
]  # fmt: skip

SESSIONS = [
    Case("login, foreign page", "/browser/login", (FOREIGN, site(b"cross-site")), c.FOREIGN_ORIGIN, "POST"),
    Case("login, foreign page of old", "/browser/login", (FOREIGN,), c.FOREIGN_ORIGIN, "POST"),
    Case("login, foreign form", "/browser/login", (FOREIGN, site(b"cross-site"), (b"content-type", b"text/plain")), c.FOREIGN_ORIGIN, "POST", b'{"a":"="}'),
    Case("login, a subdomain", "/browser/login", ((b"origin", b"https://x.shop.example"), site(b"same-site")), c.FOREIGN_ORIGIN, "POST"),
    Case("login, no origin but another site", "/browser/login", (site(b"cross-site"),), c.FOREIGN_ORIGIN, "POST"),
    Case("login, null origin", "/browser/login", ((b"origin", b"null"),), c.FOREIGN_ORIGIN, "POST"),
    # A session that no other request uses, because this request ends it.
    Case("logout", "/browser/logout", (cookie(shop_token(csrf=CSRF, sid="s3")), csrf()), ALICE, "POST", cookies=CLEARED),
    Case("logout, no CSRF", "/browser/logout", (cookie(ACCESS),), c.CSRF_MISSING, "POST"),
    Case("logout, no cookie", "/browser/logout", (), c.MISSING, "POST"),
    Case("refresh, no cookie", "/browser/refresh", (), c.MISSING, "POST"),
    Case("refresh, the access cookie", "/browser/refresh", (cookie(ACCESS), csrf()), c.MISSING, "POST"),
    Case("refresh, an access token", "/browser/refresh", (cookie(ACCESS, REFRESH_NAME), csrf()), c.WRONG_TYPE, "POST"),
    Case("refresh, no CSRF", "/browser/refresh", (cookie(REFRESH, REFRESH_NAME),), c.CSRF_MISSING, "POST"),
    Case("refresh, wrong CSRF", "/browser/refresh", (cookie(REFRESH, REFRESH_NAME), csrf("é")), c.CSRF_MISMATCH, "POST"),
    Case("refresh, foreign page", "/browser/refresh", (cookie(REFRESH, REFRESH_NAME), csrf(), FOREIGN), c.FOREIGN_ORIGIN, "POST"),
    Case("refresh, two cookies", "/browser/refresh", (cookie(REFRESH, REFRESH_NAME), cookie(REFRESH, REFRESH_NAME), csrf()), c.TWO_CREDENTIALS, "POST"),
    Case("refresh, forged", "/browser/refresh", (cookie(FORGED, REFRESH_NAME),), c.FORGED, "POST"),
    Case("refresh, ended session", "/browser/refresh", (cookie(shop_token(type="refresh", csrf=CSRF, sid=c.ENDED_SESSION), REFRESH_NAME), csrf()), c.REVOKED, "POST"),
    Case("refresh, store outage", "/browser/refresh", (cookie(shop_token(type="refresh", csrf=CSRF, sub=c.OUTAGE), REFRESH_NAME), csrf()), c.OUT_OF_ORDER, "POST"),
    Case("renew from JSON, forged", "/renew-json", (), c.FORGED, "POST", b'{"refresh_token":"' + FORGED.encode() + b'"}'),
    Case("renew from JSON, a lone surrogate", "/renew-json", (), c.MALFORMED, "POST", b'{"refresh_token":"a.\\ud800.b"}'),
    Case("renew from JSON, surrogates alone", "/renew-json", (), c.NOT_THREE, "POST", b'{"refresh_token":"\\udfff\\ud800"}'),
    Case("renew from JSON, not ASCII", "/renew-json", (), c.MALFORMED, "POST", '{"refresh_token":"é.ü.ß"}'.encode()),
    Case("renew from JSON, a NUL", "/renew-json", (), c.MALFORMED, "POST", b'{"refresh_token":"a.\\u0000.b"}'),
]  # fmt: skip

QUERY = [
    Case("query", f"/download?access_token={GOOD}", (), ALICE),
    Case("query, among others", f"/download?a=1&access_token={GOOD}&b", (), ALICE),
    Case("query, percent-encoded", f"/download?access%5Ftoken={GOOD.replace('.', '%2E')}", (), ALICE),
    Case("query, none", "/download", (), c.MISSING),
    Case("query, another name", f"/download?Access_Token={GOOD}&token={GOOD}", (), c.MISSING),
    Case("query, the header is not read", "/download", bearer(GOOD), c.MISSING),
    Case("query, empty", "/download?access_token=", (), c.NOT_THREE),
    Case("query, twice", f"/download?access_token={GOOD}&access_token={GOOD}", (), c.TWO_CREDENTIALS),
    Case("query, forged", f"/download?access_token={FORGED}", (), c.FORGED),
    Case("query, no text", "/download?access_token=%FF%FE.%80.%00", (), c.MALFORMED),
    Case("either, query", f"/either?access_token={GOOD}", (), ALICE),
    Case("either, header", "/either", bearer(GOOD), ALICE),
    Case("either, both alike", f"/either?access_token={GOOD}", bearer(GOOD), ALICE),
    Case("either, two", f"/either?access_token={ACCESS}", bearer(GOOD), c.TWO_CREDENTIALS),
    Case("either, good and forged", f"/either?access_token={FORGED}", bearer(GOOD), c.TWO_CREDENTIALS),
]  # fmt: skip

BROWSER_CASES = [*READ, *GUARDED, *FORMS, *SESSIONS, *QUERY]


def offers(*protocols: str) -> tuple[bytes, bytes]:
    """Return the header of the subprotocols that a client offers."""
    return (b"sec-websocket-protocol", ", ".join(protocols).encode())


BROWSER_SOCKETS_OPEN = [
    ("cookie, own page", "/browser/ws", (cookie(ACCESS), OWN)),
    ("cookie, allowed page", "/browser/ws", (cookie(ACCESS), ALLOWED)),
    ("cookie, same origin", "/browser/ws", (cookie(ACCESS), FOREIGN, site(b"same-origin"))),
    ("header, foreign page", "/browser/ws", (*bearer(GOOD), FOREIGN)),
    ("query", f"/ws/query?access_token={GOOD}", ()),
    ("subprotocol", "/ws/protocol", (offers("bearer", GOOD),)),
    ("subprotocol, among others", "/ws/protocol", (offers("chat", "bearer", GOOD, "x"),)),
    ("subprotocol, in two headers", "/ws/protocol", (offers("bearer"), offers(GOOD))),
]

BROWSER_SOCKETS_REFUSED = [
    Case("cookie, foreign page", "/browser/ws", (cookie(ACCESS), FOREIGN), c.FOREIGN_ORIGIN),
    Case("cookie, no origin", "/browser/ws", (cookie(ACCESS),), c.FOREIGN_ORIGIN),
    Case("cookie, null origin", "/browser/ws", (cookie(ACCESS), (b"origin", b"null")), c.FOREIGN_ORIGIN),
    Case("cookie, foreign site", "/browser/ws", (cookie(ACCESS), FOREIGN, site(b"cross-site")), c.FOREIGN_ORIGIN),
    Case("cookie, over http", "/browser/ws", (cookie(ACCESS), (b"origin", b"http://shop.example")), c.FOREIGN_ORIGIN),
    Case("cookie, foreign page, with CSRF", "/browser/ws", (cookie(ACCESS), csrf(), FOREIGN), c.FOREIGN_ORIGIN),
    Case("cookie, two origins", "/browser/ws", (cookie(ACCESS), OWN, OWN), c.FOREIGN_ORIGIN),
    Case("cookie, forged", "/browser/ws", (cookie(FORGED), OWN), c.FORGED),
    Case("cookie, two", "/browser/ws", (cookie(ACCESS), cookie(ACCESS), OWN), c.TWO_CREDENTIALS),
    Case("query, none", "/ws/query", bearer(GOOD), c.MISSING),
    Case("query, forged", f"/ws/query?access_token={FORGED}", (), c.FORGED),
    Case("subprotocol, none", "/ws/protocol", (), c.MISSING),
    Case("subprotocol, no marker", "/ws/protocol", (offers(GOOD),), c.MISSING),
    Case("subprotocol, marker alone", "/ws/protocol", (offers("bearer"),), c.NOT_THREE),
    Case("subprotocol, forged", "/ws/protocol", (offers("bearer", FORGED),), c.FORGED),
    Case("subprotocol, twice", "/ws/protocol", (offers("bearer", GOOD, "bearer", GOOD),), c.TWO_CREDENTIALS),
    Case("subprotocol, no text", "/ws/protocol", ((b"sec-websocket-protocol", b"bearer,\xff.\0.\xfe"),), c.MALFORMED),
]  # fmt: skip
