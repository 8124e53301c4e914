"""Requests to routes with different requirements, each with the response that every adapter must send."""

import json
from typing import Final

from tokenward.testing.adapters import answers as a
from tokenward.testing.adapters.actor_requests import ACTORS
from tokenward.testing.adapters.answers import Case
from tokenward.testing.adapters.login_requests import LOGINS
from tokenward.testing.adapters.service import (
    ALLOWED_ORIGIN,
    ENDED_SESSION,
    OUTAGE,
    PROXY_COOKIE,
    REVOKED_TOKEN,
    Headers,
    bearer,
    shop_payload,
    shop_token,
)
from tokenward.testing.adapters.token_requests import (
    B_GOOD,
    CARRIED,
    CLAIMS,
    FORGED,
    FORM,
    GOOD,
    REFRESH,
    header,
    says,
)
from tokenward.testing.adapters.tokens import NOW, signed

__all__ = [
    "CASES",
    "FOREIGN_PAGE",
    "GROUPS",
    "OTHER_TOKEN",
    "OWN_PAGE",
    "QUERY",
    "ROUTES",
    "proxied",
    "proxy_cookie",
]

OTHER_TOKEN = shop_token(jti="another")


def proxied(token: str) -> Headers:
    """Return the header of a proxy, with a token without a scheme."""
    return ((b"cf-access-jwt-assertion", token.encode()),)


def proxy_cookie(token: str) -> tuple[bytes, bytes]:
    """Return the cookie that a proxy set."""
    return b"cookie", f"{PROXY_COOKIE}={token}".encode()


OWN_PAGE = (b"sec-fetch-site", b"same-origin")
FOREIGN_PAGE = (b"origin", b"https://evil.example")

ROUTES: Final = [
    Case("public", "/public", (), a.ok(public=True)),
    Case("public, bad token", "/public", bearer(FORGED), a.ok(public=True)),
    Case("public, basic", "/public", header(b"Basic eDp5"), a.ok(public=True)),
    Case("public, two headers", "/public", bearer(GOOD) * 2, a.ok(public=True)),
    Case("public, no text", "/public", header(b"\xff\0\t"), a.ok(public=True)),
    Case("optional, none", "/maybe", (), a.ok(sub=None)),
    Case("optional, basic", "/maybe", header(b"Basic eDp5"), a.ok(sub=None)),
    Case("optional, good", "/maybe", bearer(GOOD), a.ok(sub="alice")),
    Case("optional, empty", "/maybe", header(b"Bearer"), a.NOT_THREE),
    Case("optional, forged", "/maybe", bearer(FORGED), a.FORGED),
    Case("optional, expired", "/maybe", says(exp=NOW), a.EXPIRED),
    Case("optional, revoked", "/maybe", says(jti=REVOKED_TOKEN), a.REVOKED),
    Case("optional, refresh", "/maybe", bearer(REFRESH), a.WRONG_TYPE),
    Case("optional, wrong issuer", "/maybe", says(iss="x"), a.WRONG_ISSUER),
    Case("optional, two headers", "/maybe", bearer(GOOD) * 2, a.TWO_CREDENTIALS),
    Case("optional, store outage", "/maybe", says(sub=OUTAGE), a.OUT_OF_ORDER),
    Case("optional scope, none", "/maybe-orders", (), a.ok(sub=None)),
    Case("optional scope, too little", "/maybe-orders", bearer(GOOD), a.too_little("orders:read")),
    Case("optional scope, enough", "/maybe-orders", says(scope="orders:read"), a.ok(sub="alice")),
    Case("scope, no token", "/orders", (), a.MISSING),
    Case("scope, none", "/orders", bearer(GOOD), a.too_little("orders:read")),
    Case("scope, enough", "/orders", says(scope="orders:read"), a.ok(sub="alice")),
    Case("scope, among others", "/orders", says(scope="a orders:read b"), a.ok(sub="alice")),
    Case("scope, as a list", "/orders", says(scope=["orders:read"]), a.ok(sub="alice")),
    Case("scope, a prefix", "/orders", says(scope="orders:readonly"), a.too_little("orders:read")),
    Case("scope, in capitals", "/orders", says(scope="Orders:Read"), a.too_little("orders:read")),
    Case("scope, with commas", "/orders", says(scope="orders:read,b"), a.too_little("orders:read")),
    Case("scope, a number", "/orders", says(scope=1), a.bad("scope")),
    Case("scope, expired", "/orders", says(scope="orders:read", exp=NOW), a.EXPIRED),
    Case("two scopes, one", "/reports", says(scope="orders:read"), a.too_little("orders:read reports:write")),
    Case("two scopes, both", "/reports", says(scope="reports:write orders:read"), a.ok(sub="alice")),
    Case("any scope, no token", "/any", (), a.MISSING),
    Case("any scope, none", "/any", bearer(GOOD), a.too_little("orders:read admin")),
    Case("any scope, another", "/any", says(scope="orders:write administrator"), a.too_little("orders:read admin")),
    Case("any scope, the first", "/any", says(scope="orders:read"), a.ok(sub="alice")),
    Case("any scope, the second", "/any", says(scope="x admin"), a.ok(sub="alice")),
    Case("any scope, both", "/any", says(scope="admin orders:read"), a.ok(sub="alice")),
    Case("any and all, only any", "/any-and-all", says(scope="admin"), a.too_little("shop orders:read admin")),
    Case("any and all, only all", "/any-and-all", says(scope="shop"), a.too_little("shop orders:read admin")),
    Case("any and all, enough", "/any-and-all", says(scope="admin shop"), a.ok(sub="alice")),
    Case("fresh, stale", "/fresh", bearer(GOOD), a.NOT_FRESH),
    Case("fresh, absent", "/fresh", says(fresh=...), a.NOT_FRESH),
    Case("fresh, yes", "/fresh", says(fresh=True), a.ok(sub="alice")),
    Case("fresh, until later", "/fresh", says(fresh=NOW + 1), a.ok(sub="alice")),
    Case("fresh, until now", "/fresh", says(fresh=NOW), a.NOT_FRESH),
    Case("recent, never", "/recent", bearer(GOOD), a.too_old(600)),
    Case("recent, fresh token", "/recent", says(fresh=True), a.ok(sub="alice")),
    Case("recent, old fresh token", "/recent", says(fresh=True, iat=NOW - 601), a.too_old(600)),
    Case("recent, in time", "/recent", says(auth_time=NOW - 600), a.ok(sub="alice")),
    Case("recent, too late", "/recent", says(auth_time=NOW - 601), a.too_old(600)),
    Case("recent, fresh and too late", "/recent", says(fresh=True, auth_time=NOW - 601), a.too_old(600)),
    Case("refresh route, good", "/refresh-only", bearer(REFRESH), a.ok(sub="alice"), "POST"),
    Case("refresh route, access", "/refresh-only", bearer(GOOD), a.WRONG_TYPE, "POST"),
    Case("refresh route, none", "/refresh-only", (), a.MISSING, "POST"),
    Case("refresh route, wrong issuer", "/refresh-only", says(type="refresh", iss="x"), a.WRONG_ISSUER, "POST"),
    Case("refresh route, wrong audience", "/refresh-only", says(type="refresh", aud="x"), a.WRONG_AUDIENCE, "POST"),
    Case("refresh route, revoked", "/refresh-only", says(type="refresh", sid=ENDED_SESSION), a.REVOKED, "POST"),
    Case("proxy, none", "/proxied", bearer(GOOD), a.MISSING),
    Case("proxy, header", "/proxied", proxied(GOOD), a.ok(sub="alice")),
    Case("proxy, header with a scheme", "/proxied", proxied(f"Bearer {GOOD}"), a.MALFORMED),
    Case("proxy, empty header", "/proxied", proxied(""), a.NOT_THREE),
    Case("proxy, two headers", "/proxied", proxied(GOOD) * 2, a.TWO_CREDENTIALS),
    Case("proxy, joined headers", "/proxied", proxied(f"{GOOD}, {GOOD}"), a.NOT_THREE),
    Case("proxy, forged", "/proxied", proxied(FORGED), a.FORGED),
    Case("proxy, refresh", "/proxied", proxied(REFRESH), a.WRONG_TYPE),
    Case("proxy, a program posts", "/proxied", proxied(GOOD), a.ok(sub="alice"), "POST"),
    Case("proxy, own page posts", "/proxied", (*proxied(GOOD), OWN_PAGE), a.ok(sub="alice"), "POST"),
    Case("proxy, allowed page posts", "/proxied", (*proxied(GOOD), (b"origin", ALLOWED_ORIGIN.encode())), a.ok(sub="alice"), "POST"),
    Case("proxy, foreign page reads", "/proxied", (*proxied(GOOD), FOREIGN_PAGE), a.ok(sub="alice")),
    Case("proxy, foreign page posts", "/proxied", (*proxied(GOOD), FOREIGN_PAGE), a.FOREIGN_ORIGIN, "POST"),
    Case("proxy, foreign page posts with a scheme", "/proxied", (*bearer(GOOD), *proxied(GOOD), FOREIGN_PAGE), a.FOREIGN_ORIGIN, "POST"),
    Case("proxy, cookie", "/proxied", (proxy_cookie(GOOD),), a.ok(sub="alice")),
    Case("proxy, two cookies", "/proxied", (proxy_cookie(GOOD), proxy_cookie(GOOD)), a.TWO_CREDENTIALS),
    Case("proxy, cookie of a refresh token", "/proxied", (proxy_cookie(REFRESH),), a.WRONG_TYPE),
    Case("proxy, cookie, own page posts", "/proxied", (proxy_cookie(GOOD), OWN_PAGE), a.ok(sub="alice"), "POST"),
    Case("proxy, cookie, foreign page posts", "/proxied", (proxy_cookie(GOOD), FOREIGN_PAGE), a.FOREIGN_ORIGIN, "POST"),
    Case("proxy, both, foreign page posts", "/proxied", (*proxied(GOOD), proxy_cookie(GOOD), FOREIGN_PAGE), a.FOREIGN_ORIGIN, "POST"),
    Case("proxy, both, different", "/proxied", (*proxied(GOOD), proxy_cookie(FORGED)), a.TWO_CREDENTIALS),
    Case("proxy cookie, no CSRF", "/proxied-cookie", (proxy_cookie(GOOD), OWN_PAGE), a.CSRF_MISSING, "POST"),
    Case("proxy cookie, invented CSRF", "/proxied-cookie", (proxy_cookie(GOOD), OWN_PAGE, (b"x-csrf-token", b"x")), a.CSRF_MISMATCH, "POST"),
    Case("check, no token", "/checked", (), a.MISSING),
    *(
        Case(f"{path[1:]}, {tenant}", path, says(tenant=tenant), answer)
        for path in ("/checked", "/checked-async")
        for tenant, answer in {
            "acme": a.ok(sub="alice"),
            "says-false": a.DENIED,
            "says-none": a.DENIED,
            "says-one": a.DENIED,
            "says-yes": a.DENIED,
            "raises-denied": a.WEEKDAYS,
            "raises-scope": a.too_little("stock:write stock:read"),
            "raises-fresh": a.NOT_FRESH,
            "raises-rejected": a.REJECTED,
            "raises-outage": a.OUT_OF_ORDER,
        }.items()
    ),
    Case("handler, good", "/renew", (), a.ok(scope="a b"), "POST", shop_token(type="refresh", scope="a b").encode()),
    Case("handler, access", "/renew", (), a.WRONG_TYPE, "POST", B_GOOD),
    Case("handler, empty", "/renew", (), a.NOT_THREE, "POST"),
    Case("handler, no text", "/renew", (), a.MALFORMED, "POST", b"\xff.\0.\r\n"),
    Case("handler, forged", "/renew", (), a.FORGED, "POST", FORGED.encode()),
    Case("handler, infinite claim", "/renew", (), a.MALFORMED, "POST", signed(
        json.dumps(shop_payload(type="refresh")).removesuffix("}").encode() + b', "n": 1e999}'
    ).encode()),
    Case("handler, store outage", "/renew", (), a.OUT_OF_ORDER, "POST", shop_token(type="refresh", sub=OUTAGE).encode()),
    Case("renew from JSON, forged", "/renew-json", (), a.FORGED, "POST", b'{"refresh_token":"' + FORGED.encode() + b'"}'),
    Case("renew from JSON, a lone surrogate", "/renew-json", (), a.MALFORMED, "POST", b'{"refresh_token":"a.\\ud800.b"}'),
    Case("renew from JSON, surrogates alone", "/renew-json", (), a.NOT_THREE, "POST", b'{"refresh_token":"\\udfff\\ud800"}'),
    Case("renew from JSON, not ASCII", "/renew-json", (), a.MALFORMED, "POST", '{"refresh_token":"é.ü.ß"}'.encode()),
    Case("renew from JSON, a NUL", "/renew-json", (), a.MALFORMED, "POST", b'{"refresh_token":"a.\\u0000.b"}'),
]  # fmt: skip

GROUPS: Final = [
    Case("twice, none", "/twice", (), a.MISSING),
    Case("twice, too little", "/twice", bearer(GOOD), a.too_little("orders:read")),
    Case("twice, enough", "/twice", says(scope="orders:read"), a.ok(sub="alice")),
    Case("crossed, access", "/crossed", bearer(GOOD), a.WRONG_TYPE),
    Case("crossed, refresh", "/crossed", bearer(REFRESH), a.WRONG_TYPE),
    Case("group, none", "/admin", (), a.MISSING),
    Case("group, too little", "/admin", bearer(GOOD), a.too_little("admin")),
    Case("group, enough", "/admin", says(scope="admin"), a.ok(sub="alice")),
    Case("group, second route, none", "/admin/users", (), a.MISSING),
    Case("group, second route, too little", "/admin/users", bearer(GOOD), a.too_little("admin")),
    Case("group, second route, enough", "/admin/users", says(scope="admin"), a.ok(users=[])),
]  # fmt: skip

QUERY: Final = [
    Case("query", f"/download?access_token={GOOD}", (), a.ok(sub="alice")),
    Case("query, among others", f"/download?a=1&access_token={GOOD}&b", (), a.ok(sub="alice")),
    Case("query, percent-encoded", f"/download?access%5Ftoken={GOOD.replace('.', '%2E')}", (), a.ok(sub="alice")),
    Case("query, none", "/download", (), a.MISSING),
    Case("query, another name", f"/download?Access_Token={GOOD}&token={GOOD}", (), a.MISSING),
    Case("query, the header is not read", "/download", bearer(GOOD), a.MISSING),
    Case("query, empty", "/download?access_token=", (), a.NOT_THREE),
    Case("query, twice", f"/download?access_token={GOOD}&access_token={GOOD}", (), a.TWO_CREDENTIALS),
    Case("query, forged", f"/download?access_token={FORGED}", (), a.FORGED),
    Case("query, no text", "/download?access_token=%FF%FE.%80.%00", (), a.MALFORMED),
    Case("either, query", f"/either?access_token={GOOD}", (), a.ok(sub="alice")),
    Case("either, header", "/either", bearer(GOOD), a.ok(sub="alice")),
    Case("either, both alike", f"/either?access_token={GOOD}", bearer(GOOD), a.ok(sub="alice")),
    Case("either, two", f"/either?access_token={OTHER_TOKEN}", bearer(GOOD), a.TWO_CREDENTIALS),
    Case("either, good and forged", f"/either?access_token={FORGED}", bearer(GOOD), a.TWO_CREDENTIALS),
]  # fmt: skip

CASES: Final = [*CARRIED, *FORM, *CLAIMS, *ROUTES, *LOGINS, *ACTORS, *GROUPS, *QUERY]
