"""The requests and handshakes of the contract, each with the response that every adapter must send.

`CASES` are all requests. The carrying of a token, its form, its claims, and the requirements of
routes have one table each. The full responses are in `contract`.
"""

import json

from tests.adapters import contract as c
from tests.adapters.contract import Case, bearer, shop_payload, shop_token
from tests.core.key_material import JWKS
from tests.support import NOW, OTHER_SECRET, signed
from tokenward import Key
from tokenward.jose.codec import b64url_encode

GOOD = shop_token()
REFRESH = shop_token(type="refresh")
HEAD, BODY, SIGNATURE = GOOD.split(".")
OTHERS_KEY = Key.from_secret(OTHER_SECRET)
FORGED = signed(shop_payload(), key=OTHERS_KEY)
RS256 = Key.from_jwk(JWKS["RSA"], kid="of another family")


def header(*values: bytes) -> c.Headers:
    """Return an Authorization header for each value."""
    return tuple((b"authorization", value) for value in values)


def with_header(header: dict[str, object] | bytes, **changes: object) -> c.Headers:
    """Return a token with this JOSE header and a valid signature."""
    return bearer(signed(shop_payload(**changes), header=header))


def with_json(text: str) -> c.Headers:
    """Return a token whose payload ends with this text, with a valid signature."""
    good = json.dumps(shop_payload()).removesuffix("}")
    return bearer(signed(f"{good}, {text}}}".encode()))


def says(**changes: object) -> c.Headers:
    """Return a token that differs from a valid one in some claims."""
    return bearer(shop_token(**changes))


def proxied(token: str) -> c.Headers:
    """Return the header of a proxy, with a token without a scheme."""
    return ((b"cf-access-jwt-assertion", token.encode()),)


def proxy_cookie(token: str) -> tuple[bytes, bytes]:
    """Return the cookie that a proxy set."""
    return b"cookie", f"{c.PROXY_COOKIE}={token}".encode()


OWN_PAGE = (b"sec-fetch-site", b"same-origin")
FOREIGN_PAGE = (b"origin", b"https://evil.example")
NONE_HEAD = b64url_encode(b'{"alg":"none"}')
NONE_ALG = f"{NONE_HEAD}.{BODY}."
B_GOOD = GOOD.encode()

CARRIED = [
    Case("a good token", "/me", bearer(GOOD), c.ME),
    Case("no header", "/me", (), c.MISSING),
    Case("an empty header", "/me", header(b""), c.MISSING),
    Case("white space alone", "/me", header(b" \t "), c.MISSING),
    Case("basic", "/me", header(b"Basic YWxpY2U6c2VjcmV0"), c.MISSING),
    Case("basic with a token", "/me", header(b"Basic " + B_GOOD), c.MISSING),
    Case("a bare token", "/me", header(B_GOOD), c.MISSING),
    Case("a longer scheme", "/me", header(b"Bearerx " + B_GOOD), c.MISSING),
    Case("a shorter scheme", "/me", header(b"Beare " + B_GOOD), c.MISSING),
    Case("no space after the scheme", "/me", header(b"Bearer" + B_GOOD), c.MISSING),
    Case("a colon after the scheme", "/me", header(b"Bearer: " + B_GOOD), c.MISSING),
    Case("a quote before the scheme", "/me", header(b'"Bearer ' + B_GOOD + b'"'), c.MISSING),
    Case("a regular expression as scheme", "/me", header(b".* " + B_GOOD), c.MISSING),
    Case("a dotted capital I", "/me", header("Bearer\u0130 x".encode()), c.MISSING),
    Case("lower case", "/me", header(b"bearer " + B_GOOD), c.ME),
    Case("upper case", "/me", header(b"BEARER " + B_GOOD), c.ME),
    Case("mixed case", "/me", header(b"bEaReR " + B_GOOD), c.ME),
    Case("the scheme alone", "/me", header(b"Bearer"), c.NOT_THREE),
    Case("the scheme and a space", "/me", header(b"Bearer "), c.NOT_THREE),
    Case("two spaces", "/me", header(b"Bearer  " + B_GOOD), c.ME),
    Case("spaces around", "/me", header(b"  Bearer " + B_GOOD + b"  "), c.ME),
    Case("a tab for the space", "/me", header(b"Bearer\t" + B_GOOD), c.MALFORMED),
    Case("a tab after the space", "/me", header(b"Bearer \t" + B_GOOD), c.MALFORMED),
    Case("tabs around", "/me", header(b"\tBearer " + B_GOOD + b"\t"), c.ME),
    Case("a form feed after", "/me", header(b"Bearer " + B_GOOD + b"\x0c"), c.MALFORMED),
    Case("the same twice", "/me", bearer(GOOD) * 2, c.TWO_CREDENTIALS),
    Case("two tokens", "/me", bearer(GOOD) + bearer(FORGED), c.TWO_CREDENTIALS),
    Case("two tokens, bad first", "/me", bearer(FORGED) + bearer(GOOD), c.TWO_CREDENTIALS),
    Case("basic and bearer", "/me", header(b"Basic eDp5") + bearer(GOOD), c.TWO_CREDENTIALS),
    Case("an empty one besides", "/me", header(b"") + bearer(GOOD), c.TWO_CREDENTIALS),
    Case("joined", "/me", header(b"Bearer " + B_GOOD + b", Bearer " + B_GOOD), c.NOT_THREE),
    Case("joined after basic", "/me", header(b"Basic eDp5, Bearer " + B_GOOD), c.MISSING),
    Case("joined before basic", "/me", header(b"Bearer " + B_GOOD + b", Basic eDp5"), c.MALFORMED),
    Case("a parameter", "/me", header(b'Bearer token="' + B_GOOD + b'"'), c.MALFORMED),
    Case("trailing garbage", "/me", bearer(f"{GOOD}!"), c.MALFORMED),
    Case("a trailing word", "/me", bearer(f"{GOOD} x"), c.MALFORMED),
    Case("a trailing dot", "/me", bearer(f"{GOOD}."), c.NOT_THREE),
    Case("in quotes", "/me", bearer(f'"{GOOD}"'), c.MALFORMED),
    Case("percent-encoded", "/me", bearer(GOOD.replace(".", "%2E")), c.NOT_THREE),
    Case("Latin-1", "/me", header(b"Bearer " + B_GOOD + b"\xe9"), c.MALFORMED),
    Case("UTF-8", "/me", header("Bearer é.ü.ß".encode()), c.MALFORMED),
    Case("no text at all", "/me", header(b"Bearer \xff\xfe.\x80.\x81"), c.MALFORMED),
    Case("bytes as scheme", "/me", header(b"\xff\xfe\xfd " + B_GOOD), c.MISSING),
    Case("a NUL", "/me", header(b"Bearer " + B_GOOD + b"\0"), c.MALFORMED),
    Case("a NUL in the scheme", "/me", header(b"Bear\0er " + B_GOOD), c.MISSING),
    Case("16 KiB", "/me", bearer(f"{HEAD}.{BODY}.{'x' * 16_384}"), c.TOO_LONG),
    Case("20 KB", "/me", says(note="x" * 20_000), c.TOO_LONG),
    Case("100 KB", "/me", header(b"Bearer " + b"x" * 100_000), c.TOO_LONG),
    Case("100 KB of dots", "/me", header(b"Bearer " + b"." * 100_000), c.TOO_LONG),
    Case("16,384 dots", "/me", header(b"Bearer " + b"." * 16_384), c.NOT_THREE),
    Case("100 KB of spaces", "/me", header(b"Bearer " + b" " * 100_000 + B_GOOD), c.ME),
    Case("100 KB of basic", "/me", header(b"Basic " + b"x" * 100_000), c.MISSING),
    Case("in the query", f"/me?access_token={GOOD}&token={GOOD}", (), c.MISSING),
    Case("in a cookie", "/me", ((b"cookie", b"access_token=" + B_GOOD),), c.MISSING),
    Case("in another header", "/me", ((b"x-authorization", b"Bearer " + B_GOOD),), c.MISSING),
    Case("in Proxy-Authorization", "/me", ((b"proxy-authorization", B_GOOD),), c.MISSING),
]

LINE_BREAKS = [
    Case("a line break", "/me", header(b"Bearer " + B_GOOD + b"\r\nx-role: admin"), c.MALFORMED),
    Case("a line break first", "/me", header(b"Bearer \r\n" + B_GOOD), c.MALFORMED),
    Case("a line break in it", "/me", bearer(f"{HEAD}\n.{BODY}.{SIGNATURE}"), c.MALFORMED),
]
"""What no server hands over (RFC 9110 §5.5), and Quart's own headers do not take."""

FORM = [
    Case("empty segments", "/me", bearer(".."), c.MALFORMED),
    Case("no signature", "/me", bearer(f"{HEAD}.{BODY}."), c.FORGED),
    Case("two segments", "/me", bearer(f"{HEAD}.{BODY}"), c.NOT_THREE),
    Case("five segments, as encrypted", "/me", bearer(f"{GOOD}.{BODY}.{BODY}"), c.NOT_THREE),
    Case("JSON serialisation", "/me", bearer(json.dumps({"payload": BODY})), c.NOT_THREE),
    Case("padding", "/me", bearer(f"{GOOD}="), c.MALFORMED),
    Case("the standard alphabet", "/me", bearer(f"{HEAD}.{BODY}.+/{SIGNATURE[2:]}"), c.MALFORMED),
    Case("stray bits", "/me", bearer(f"{GOOD[:-1]}{chr(ord(GOOD[-1]) + 1)}"), c.MALFORMED),
    Case("forged", "/me", bearer(FORGED), c.FORGED),
    Case("a short signature", "/me", bearer(f"{HEAD}.{BODY}.{SIGNATURE[:20]}"), c.FORGED),
    Case("another's payload", "/me", bearer(f"{HEAD}.{REFRESH.split('.')[1]}.{SIGNATURE}"), c.FORGED),
    Case("alg none", "/me", bearer(NONE_ALG), c.MISMATCH),
    Case("alg None, signed", "/me", with_header({"alg": "None"}), c.MISMATCH),
    Case("alg of the family", "/me", with_header({"alg": "HS512"}), c.MISMATCH),
    Case("alg of another family", "/me", bearer(signed(shop_payload(), key=RS256)), c.UNKNOWN_KEY),
    Case("alg of another family, no kid", "/me", with_header({"alg": "RS256"}), c.MISMATCH),
    Case("alg unknown", "/me", with_header({"alg": "XS256"}), c.MISMATCH),
    Case("alg in lower case", "/me", with_header({"alg": "hs256"}), c.MISMATCH),
    Case("alg a lone surrogate", "/me", with_header(b'{"alg":"\\ud800"}'), c.MISMATCH),
    Case("alg absent", "/me", with_header({"typ": "JWT"}), c.MALFORMED),
    Case("alg null", "/me", with_header({"alg": None}), c.MALFORMED),
    Case("alg a number", "/me", with_header({"alg": 256}), c.MALFORMED),
    Case("alg a list", "/me", with_header({"alg": ["HS256"]}), c.MALFORMED),
    Case("alg twice", "/me", with_header(b'{"alg":"none","alg":"HS256"}'), c.MALFORMED),
    Case("no kid", "/me", with_header({"alg": "HS256"}), c.ME),
    Case("kid unknown", "/me", with_header({"alg": "HS256", "kid": "k"}), c.UNKNOWN_KEY),
    Case("kid a path", "/me", with_header({"alg": "HS256", "kid": "../../dev/null"}), c.UNKNOWN_KEY),
    Case("kid empty", "/me", with_header({"alg": "HS256", "kid": ""}), c.UNKNOWN_KEY),
    Case("kid a lone surrogate", "/me", with_header(b'{"alg":"HS256","kid":"\\udfff"}'), c.UNKNOWN_KEY),
    Case("kid null", "/me", with_header({"alg": "HS256", "kid": None}), c.MALFORMED),
    Case("kid a list", "/me", with_header({"alg": "HS256", "kid": []}), c.MALFORMED),
    Case("crit", "/me", with_header({"alg": "HS256", "crit": ["exp"]}), c.UNSUPPORTED),
    Case("b64", "/me", with_header({"alg": "HS256", "b64": True}), c.UNSUPPORTED),
    Case("zip", "/me", with_header({"alg": "HS256", "zip": "DEF"}), c.UNSUPPORTED),
    Case(
        "jwk, jku and x5u unread",
        "/me",
        with_header({"alg": "HS256", "jwk": 1, "jku": "http://x.example", "x5u": "http://x.example"}),
        c.ME,
    ),
    Case("its own jwk", "/me", bearer(
        signed(shop_payload(), key=OTHERS_KEY, header={"alg": "HS256", "jwk": {"kty": "oct", "k": "eA"}})
    ), c.FORGED),
    Case("typ at+jwt", "/me", with_header({"alg": "HS256", "typ": "application/AT+jwt"}), c.ME),
    Case("typ of another purpose", "/me", with_header({"alg": "HS256", "typ": "dpop+jwt"}), c.WRONG_TYPE),
    Case("typ a number", "/me", with_header({"alg": "HS256", "typ": 1}), c.MALFORMED),
    Case("a header that is a list", "/me", with_header(b'["HS256"]'), c.MALFORMED),
    Case("a header that is no JSON", "/me", with_header(b"{"), c.MALFORMED),
    Case("a header in UTF-16", "/me", with_header('{"alg":"HS256"}'.encode("utf-16")), c.MALFORMED),
    Case("a header with a BOM", "/me", with_header(b'\xef\xbb\xbf{"alg":"HS256"}'), c.MALFORMED),
    Case("a header with NaN", "/me", with_header(b'{"alg":"HS256","n":NaN}'), c.MALFORMED),
    Case("a deep header", "/me", with_header(b'{"alg":' + b"[" * 5_000), c.MALFORMED),
    Case("a payload that is a list", "/me", bearer(signed(b"[]")), c.MALFORMED),
    Case("a payload that is text", "/me", bearer(signed(b'"alice"')), c.MALFORMED),
    Case("an empty payload", "/me", bearer(signed(b"")), c.MALFORMED),
    Case("a payload that is no UTF-8", "/me", with_json('"note": "\\ud800"'), c.MALFORMED),
    Case("a deep payload", "/me", bearer(signed(b'{"a":' * 2_000)), c.MALFORMED),
    Case("NaN in a payload", "/me", with_json('"n": [NaN]'), c.MALFORMED),
    Case("infinity by overflow", "/me", with_json('"n": [1e999]'), c.MALFORMED),
]  # fmt: skip

CLAIMS = [
    Case("extra claims", "/me", says(foo=["fiz", "baz"]), c.ok(sub="alice", tenant="acme", extra={"foo": ["fiz", "baz"]})),
    Case("expired", "/me", says(exp=NOW - 1), c.EXPIRED),
    Case("expired just now", "/me", says(exp=NOW), c.EXPIRED),
    Case("its last second", "/me", says(exp=NOW + 1), c.ME),
    Case("older than any token may be", "/me", says(iat=NOW - 31 * 86_400), c.TOO_OLD),
    Case("not yet valid", "/me", says(nbf=NOW + 1), c.TOO_EARLY),
    Case("valid from now", "/me", says(nbf=NOW), c.ME),
    Case("issued in the future", "/me", says(iat=NOW + 1), c.TOO_EARLY),
    Case("no exp", "/me", says(exp=...), c.lacks("exp")),
    Case("exp null", "/me", says(exp=None), c.lacks("exp")),
    Case("exp NaN", "/me", with_json('"exp": NaN'), c.bad("exp")),
    Case("exp Infinity", "/me", with_json('"exp": Infinity'), c.bad("exp")),
    Case("exp -Infinity", "/me", with_json('"exp": -Infinity'), c.bad("exp")),
    Case("exp by overflow", "/me", with_json('"exp": 1e999'), c.bad("exp")),
    Case("exp as text", "/me", says(exp="9999999999"), c.bad("exp")),
    Case("exp true", "/me", says(exp=True), c.bad("exp")),
    Case("exp a list", "/me", says(exp=[NOW + 9]), c.bad("exp")),
    Case("exp negative", "/me", says(exp=-1), c.bad("exp")),
    Case("exp huge", "/me", says(exp=10**30), c.bad("exp")),
    Case("exp of 400 digits", "/me", says(exp=10**400), c.bad("exp")),
    Case("exp of 5,000 digits", "/me", with_json(f'"exp": {"9" * 5_000}'), c.MALFORMED),
    Case("exp twice, the last counts", "/me", with_json(f'"exp": {NOW - 5}'), c.EXPIRED),
    Case("nbf true", "/me", says(nbf=True), c.bad("nbf")),
    Case("nbf as text", "/me", says(nbf="0"), c.bad("nbf")),
    Case("no iat", "/me", says(iat=...), c.lacks("iat")),
    Case("iat as text", "/me", says(iat="now"), c.bad("iat")),
    Case("no sub", "/me", says(sub=...), c.lacks("sub")),
    Case("sub empty", "/me", says(sub=""), c.lacks("sub")),
    Case("sub a number", "/me", says(sub=7), c.bad("sub")),
    Case("sub null", "/me", says(sub=None), c.bad("sub")),
    Case("no jti", "/me", says(jti=...), c.lacks("jti")),
    Case("jti a list", "/me", says(jti=["a"]), c.bad("jti")),
    Case("no type", "/me", says(type=...), c.lacks("type")),
    Case("an empty type", "/me", says(type=""), c.lacks("type")),
    Case("an unknown type", "/me", says(type="id"), c.WRONG_TYPE),
    Case("a type in capitals", "/me", says(type="Access"), c.WRONG_TYPE),
    Case("a type that is a list", "/me", says(type=["access"]), c.bad("type")),
    Case("refresh on an access route", "/me", bearer(REFRESH), c.WRONG_TYPE),
    Case("refresh typed as access", "/me", with_header({"alg": "HS256", "typ": "at+jwt"}, type="refresh"), c.WRONG_TYPE),
    Case("wrong issuer", "/me", says(iss="https://evil.example"), c.WRONG_ISSUER),
    Case("a longer issuer", "/me", says(iss=f"{c.ISSUER}/"), c.WRONG_ISSUER),
    Case("no issuer", "/me", says(iss=...), c.lacks("iss")),
    Case("issuer a list", "/me", says(iss=[c.ISSUER]), c.bad("iss")),
    Case("wrong audience", "/me", says(aud="stock-api"), c.WRONG_AUDIENCE),
    Case("one audience of several", "/me", says(aud=["stock-api", c.AUDIENCE]), c.ME),
    Case("none of several audiences", "/me", says(aud=["stock-api", "shop"]), c.WRONG_AUDIENCE),
    Case("no audience", "/me", says(aud=...), c.lacks("aud")),
    Case("an empty list of audiences", "/me", says(aud=[]), c.WRONG_AUDIENCE),
    Case("audience a number", "/me", says(aud=1), c.bad("aud")),
    Case("fresh as text", "/me", says(fresh="true"), c.bad("fresh")),
    Case("a claim of the model absent", "/me", says(tenant=...), c.lacks("tenant")),
    Case("a claim of the model wrong", "/me", says(tenant={"$ne": None}), c.bad("tenant")),
    Case("a part of a claim wrong", "/me", says(roles=["admin", {"not": "said"}]), c.bad("roles")),
    Case("revoked token", "/me", says(jti=c.REVOKED_TOKEN), c.REVOKED),
    Case("revoked session", "/me", says(sid=c.ENDED_SESSION), c.REVOKED),
    Case("revoked subject", "/me", says(sub=c.BANNED_SUBJECT, iat=NOW - 61), c.REVOKED),
    Case("revoked subject, later", "/me", says(sub=c.BANNED_SUBJECT, iat=NOW), c.ok(sub=c.BANNED_SUBJECT, tenant="acme", extra={})),
    Case("expired and revoked", "/me", says(exp=NOW, jti=c.REVOKED_TOKEN), c.EXPIRED),
    Case("store outage", "/me", says(sub=c.OUTAGE), c.OUT_OF_ORDER),
    Case("store outage, expired", "/me", says(sub=c.OUTAGE, exp=NOW), c.EXPIRED),
]  # fmt: skip

ROUTES = [
    Case("public", "/public", (), c.ok(public=True)),
    Case("public, bad token", "/public", bearer(FORGED), c.ok(public=True)),
    Case("public, basic", "/public", header(b"Basic eDp5"), c.ok(public=True)),
    Case("public, two headers", "/public", bearer(GOOD) * 2, c.ok(public=True)),
    Case("public, no text", "/public", header(b"\xff\0\t"), c.ok(public=True)),
    Case("optional, none", "/maybe", (), c.ok(sub=None)),
    Case("optional, basic", "/maybe", header(b"Basic eDp5"), c.ok(sub=None)),
    Case("optional, good", "/maybe", bearer(GOOD), c.ok(sub="alice")),
    Case("optional, empty", "/maybe", header(b"Bearer"), c.NOT_THREE),
    Case("optional, forged", "/maybe", bearer(FORGED), c.FORGED),
    Case("optional, expired", "/maybe", says(exp=NOW), c.EXPIRED),
    Case("optional, revoked", "/maybe", says(jti=c.REVOKED_TOKEN), c.REVOKED),
    Case("optional, refresh", "/maybe", bearer(REFRESH), c.WRONG_TYPE),
    Case("optional, wrong issuer", "/maybe", says(iss="x"), c.WRONG_ISSUER),
    Case("optional, two headers", "/maybe", bearer(GOOD) * 2, c.TWO_CREDENTIALS),
    Case("optional, store outage", "/maybe", says(sub=c.OUTAGE), c.OUT_OF_ORDER),
    Case("optional scope, none", "/maybe-orders", (), c.ok(sub=None)),
    Case("optional scope, too little", "/maybe-orders", bearer(GOOD), c.too_little("orders:read")),
    Case("optional scope, enough", "/maybe-orders", says(scope="orders:read"), c.ok(sub="alice")),
    Case("scope, no token", "/orders", (), c.MISSING),
    Case("scope, none", "/orders", bearer(GOOD), c.too_little("orders:read")),
    Case("scope, enough", "/orders", says(scope="orders:read"), c.ok(sub="alice")),
    Case("scope, among others", "/orders", says(scope="a orders:read b"), c.ok(sub="alice")),
    Case("scope, as a list", "/orders", says(scope=["orders:read"]), c.ok(sub="alice")),
    Case("scope, a prefix", "/orders", says(scope="orders:readonly"), c.too_little("orders:read")),
    Case("scope, in capitals", "/orders", says(scope="Orders:Read"), c.too_little("orders:read")),
    Case("scope, with commas", "/orders", says(scope="orders:read,b"), c.too_little("orders:read")),
    Case("scope, a number", "/orders", says(scope=1), c.bad("scope")),
    Case("scope, expired", "/orders", says(scope="orders:read", exp=NOW), c.EXPIRED),
    Case("two scopes, one", "/reports", says(scope="orders:read"), c.too_little("orders:read reports:write")),
    Case("two scopes, both", "/reports", says(scope="reports:write orders:read"), c.ok(sub="alice")),
    Case("any scope, no token", "/any", (), c.MISSING),
    Case("any scope, none", "/any", bearer(GOOD), c.too_little("orders:read admin")),
    Case("any scope, another", "/any", says(scope="orders:write administrator"), c.too_little("orders:read admin")),
    Case("any scope, the first", "/any", says(scope="orders:read"), c.ok(sub="alice")),
    Case("any scope, the second", "/any", says(scope="x admin"), c.ok(sub="alice")),
    Case("any scope, both", "/any", says(scope="admin orders:read"), c.ok(sub="alice")),
    Case("any and all, only any", "/any-and-all", says(scope="admin"), c.too_little("shop orders:read admin")),
    Case("any and all, only all", "/any-and-all", says(scope="shop"), c.too_little("shop orders:read admin")),
    Case("any and all, enough", "/any-and-all", says(scope="admin shop"), c.ok(sub="alice")),
    Case("fresh, stale", "/fresh", bearer(GOOD), c.NOT_FRESH),
    Case("fresh, absent", "/fresh", says(fresh=...), c.NOT_FRESH),
    Case("fresh, yes", "/fresh", says(fresh=True), c.ok(sub="alice")),
    Case("fresh, until later", "/fresh", says(fresh=NOW + 1), c.ok(sub="alice")),
    Case("fresh, until now", "/fresh", says(fresh=NOW), c.NOT_FRESH),
    Case("recent, never", "/recent", bearer(GOOD), c.too_old(600)),
    Case("recent, fresh token", "/recent", says(fresh=True), c.ok(sub="alice")),
    Case("recent, old fresh token", "/recent", says(fresh=True, iat=NOW - 601), c.too_old(600)),
    Case("recent, in time", "/recent", says(auth_time=NOW - 600), c.ok(sub="alice")),
    Case("recent, too late", "/recent", says(auth_time=NOW - 601), c.too_old(600)),
    Case("recent, fresh and too late", "/recent", says(fresh=True, auth_time=NOW - 601), c.too_old(600)),
    Case("refresh route, good", "/refresh-only", bearer(REFRESH), c.ok(sub="alice"), "POST"),
    Case("refresh route, access", "/refresh-only", bearer(GOOD), c.WRONG_TYPE, "POST"),
    Case("refresh route, none", "/refresh-only", (), c.MISSING, "POST"),
    Case("refresh route, wrong issuer", "/refresh-only", says(type="refresh", iss="x"), c.WRONG_ISSUER, "POST"),
    Case("refresh route, wrong audience", "/refresh-only", says(type="refresh", aud="x"), c.WRONG_AUDIENCE, "POST"),
    Case("refresh route, revoked", "/refresh-only", says(type="refresh", sid=c.ENDED_SESSION), c.REVOKED, "POST"),
    Case("proxy, none", "/proxied", bearer(GOOD), c.MISSING),
    Case("proxy, header", "/proxied", proxied(GOOD), c.ok(sub="alice")),
    Case("proxy, header with a scheme", "/proxied", proxied(f"Bearer {GOOD}"), c.MALFORMED),
    Case("proxy, empty header", "/proxied", proxied(""), c.NOT_THREE),
    Case("proxy, two headers", "/proxied", proxied(GOOD) * 2, c.TWO_CREDENTIALS),
    Case("proxy, joined headers", "/proxied", proxied(f"{GOOD}, {GOOD}"), c.NOT_THREE),
    Case("proxy, forged", "/proxied", proxied(FORGED), c.FORGED),
    Case("proxy, refresh", "/proxied", proxied(REFRESH), c.WRONG_TYPE),
    Case("proxy, a program posts", "/proxied", proxied(GOOD), c.ok(sub="alice"), "POST"),
    Case("proxy, own page posts", "/proxied", (*proxied(GOOD), OWN_PAGE), c.ok(sub="alice"), "POST"),
    Case("proxy, allowed page posts", "/proxied", (*proxied(GOOD), (b"origin", c.ALLOWED_ORIGIN.encode())), c.ok(sub="alice"), "POST"),
    Case("proxy, foreign page reads", "/proxied", (*proxied(GOOD), FOREIGN_PAGE), c.ok(sub="alice")),
    Case("proxy, foreign page posts", "/proxied", (*proxied(GOOD), FOREIGN_PAGE), c.FOREIGN_ORIGIN, "POST"),
    Case("proxy, foreign page posts with a scheme", "/proxied", (*bearer(GOOD), *proxied(GOOD), FOREIGN_PAGE), c.FOREIGN_ORIGIN, "POST"),
    Case("proxy, cookie", "/proxied", (proxy_cookie(GOOD),), c.ok(sub="alice")),
    Case("proxy, two cookies", "/proxied", (proxy_cookie(GOOD), proxy_cookie(GOOD)), c.TWO_CREDENTIALS),
    Case("proxy, cookie of a refresh token", "/proxied", (proxy_cookie(REFRESH),), c.WRONG_TYPE),
    Case("proxy, cookie, own page posts", "/proxied", (proxy_cookie(GOOD), OWN_PAGE), c.ok(sub="alice"), "POST"),
    Case("proxy, cookie, foreign page posts", "/proxied", (proxy_cookie(GOOD), FOREIGN_PAGE), c.FOREIGN_ORIGIN, "POST"),
    Case("proxy, both, foreign page posts", "/proxied", (*proxied(GOOD), proxy_cookie(GOOD), FOREIGN_PAGE), c.FOREIGN_ORIGIN, "POST"),
    Case("proxy, both, different", "/proxied", (*proxied(GOOD), proxy_cookie(FORGED)), c.TWO_CREDENTIALS),
    Case("proxy cookie, no CSRF", "/proxied-cookie", (proxy_cookie(GOOD), OWN_PAGE), c.CSRF_MISSING, "POST"),
    Case("proxy cookie, invented CSRF", "/proxied-cookie", (proxy_cookie(GOOD), OWN_PAGE, (b"x-csrf-token", b"x")), c.CSRF_MISMATCH, "POST"),
    Case("check, no token", "/checked", (), c.MISSING),
    *(
        Case(f"{path[1:]}, {tenant}", path, says(tenant=tenant), answer)
        for path in ("/checked", "/checked-async")
        for tenant, answer in {
            "acme": c.ok(sub="alice"),
            "says-false": c.DENIED,
            "says-none": c.DENIED,
            "says-one": c.DENIED,
            "says-yes": c.DENIED,
            "raises-denied": c.WEEKDAYS,
            "raises-scope": c.too_little("stock:write stock:read"),
            "raises-fresh": c.too_old(60),
            "raises-rejected": c.REJECTED,
            "raises-outage": c.OUT_OF_ORDER,
        }.items()
    ),
    Case("twice, none", "/twice", (), c.MISSING),
    Case("twice, too little", "/twice", bearer(GOOD), c.too_little("orders:read")),
    Case("twice, enough", "/twice", says(scope="orders:read"), c.ok(sub="alice")),
    Case("crossed, access", "/crossed", bearer(GOOD), c.WRONG_TYPE),
    Case("crossed, refresh", "/crossed", bearer(REFRESH), c.WRONG_TYPE),
    Case("group, none", "/admin", (), c.MISSING),
    Case("group, too little", "/admin", bearer(GOOD), c.too_little("admin")),
    Case("group, enough", "/admin", says(scope="admin"), c.ok(sub="alice")),
    Case("group, second route, none", "/admin/users", (), c.MISSING),
    Case("group, second route, too little", "/admin/users", bearer(GOOD), c.too_little("admin")),
    Case("group, second route, enough", "/admin/users", says(scope="admin"), c.ok(users=[])),
    Case("handler, good", "/renew", (), c.ok(scope="a b"), "POST", shop_token(type="refresh", scope="a b").encode()),
    Case("handler, access", "/renew", (), c.WRONG_TYPE, "POST", B_GOOD),
    Case("handler, empty", "/renew", (), c.NOT_THREE, "POST"),
    Case("handler, no text", "/renew", (), c.MALFORMED, "POST", b"\xff.\0.\r\n"),
    Case("handler, forged", "/renew", (), c.FORGED, "POST", FORGED.encode()),
    Case("handler, infinite claim", "/renew", (), c.MALFORMED, "POST", signed(
        json.dumps(shop_payload(type="refresh")).removesuffix("}").encode() + b', "n": 1e999}'
    ).encode()),
    Case("handler, store outage", "/renew", (), c.OUT_OF_ORDER, "POST", shop_token(type="refresh", sub=c.OUTAGE).encode()),
]  # fmt: skip

CASES = [*CARRIED, *FORM, *CLAIMS, *ROUTES]


def one_for_each_answer(cases: list[Case]) -> list[Case]:
    """Return the first case of each different response."""
    return list({repr(case.answer): case for case in reversed(cases)}.values())


SOCKETS_OPEN = [
    ("required", "/ws", bearer(GOOD), "alice"),
    ("required, lower case", "/ws", header(b"bearer " + B_GOOD), "alice"),
    ("optional, good", "/ws/maybe", bearer(GOOD), "alice"),
    ("optional, none", "/ws/maybe", (), ""),
    ("optional, basic", "/ws/maybe", header(b"Basic eDp5"), ""),
    ("scope", "/ws/orders", says(scope="orders:read"), "alice"),
]

SOCKETS_REFUSED = [
    Case("none", "/ws", (), c.MISSING),
    Case("basic", "/ws", header(b"Basic eDp5"), c.MISSING),
    Case("scheme alone", "/ws", header(b"Bearer"), c.NOT_THREE),
    Case("forged", "/ws", bearer(FORGED), c.FORGED),
    Case("expired", "/ws", says(exp=NOW), c.EXPIRED),
    Case("refresh", "/ws", bearer(REFRESH), c.WRONG_TYPE),
    Case("revoked", "/ws", says(jti=c.REVOKED_TOKEN), c.REVOKED),
    Case("two headers", "/ws", bearer(GOOD) * 2, c.TWO_CREDENTIALS),
    Case("no text", "/ws", header(b"Bearer \xff\0\t.x.y"), c.MALFORMED),
    Case("too long", "/ws", header(b"Bearer " + b"x" * 100_000), c.TOO_LONG),
    Case("store outage", "/ws", says(sub=c.OUTAGE), c.OUT_OF_ORDER),
    Case("optional, forged", "/ws/maybe", bearer(FORGED), c.FORGED),
    Case("optional, two headers", "/ws/maybe", bearer(GOOD) * 2, c.TWO_CREDENTIALS),
    Case("optional, store outage", "/ws/maybe", says(sub=c.OUTAGE), c.OUT_OF_ORDER),
    Case("scope, none", "/ws/orders", (), c.MISSING),
    Case("scope, too little", "/ws/orders", bearer(GOOD), c.too_little("orders:read")),
]
