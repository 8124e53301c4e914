"""Requests with hostile tokens, each with the response that every adapter must send.

How a token is carried, its form and its claims have one table each.
"""

import json
from typing import Final

from tokenward.jose.codec import b64url_encode
from tokenward.jose.key import Key
from tokenward.testing.adapters import answers as a
from tokenward.testing.adapters.answers import Case
from tokenward.testing.adapters.service import (
    AUDIENCE,
    BANNED_SUBJECT,
    ENDED_SESSION,
    ISSUER,
    OUTAGE,
    REVOKED_TOKEN,
    Headers,
    bearer,
    shop_payload,
    shop_token,
)
from tokenward.testing.adapters.tokens import NOW, OTHER_SECRET, signed

__all__ = [
    "BODY",
    "B_GOOD",
    "CARRIED",
    "CLAIMS",
    "ES256",
    "FORGED",
    "FORM",
    "GOOD",
    "HEAD",
    "NONE_ALG",
    "NONE_HEAD",
    "OTHERS_KEY",
    "REFRESH",
    "SIGNATURE",
    "header",
    "says",
    "with_header",
    "with_json",
]

GOOD = shop_token()
REFRESH = shop_token(type="refresh")
HEAD, BODY, SIGNATURE = GOOD.split(".")
OTHERS_KEY = Key.from_secret(OTHER_SECRET)
FORGED = signed(shop_payload(), key=OTHERS_KEY)
ES256 = Key.generate("ES256", kid="of another family")


def header(*values: bytes) -> Headers:
    """Return an Authorization header for each value."""
    return tuple((b"authorization", value) for value in values)


def with_header(header: dict[str, object] | bytes, **changes: object) -> Headers:
    """Return a token with this JOSE header and a valid signature."""
    return bearer(signed(shop_payload(**changes), header=header))


def with_json(text: str) -> Headers:
    """Return a token whose payload ends with this text, with a valid signature."""
    good = json.dumps(shop_payload()).removesuffix("}")
    return bearer(signed(f"{good}, {text}}}".encode()))


def says(**changes: object) -> Headers:
    """Return a token that differs from a valid one in some claims."""
    return bearer(shop_token(**changes))


NONE_HEAD = b64url_encode(b'{"alg":"none"}')
NONE_ALG = f"{NONE_HEAD}.{BODY}."
B_GOOD = GOOD.encode()

CARRIED: Final = [
    Case("a good token", "/me", bearer(GOOD), a.ME),
    Case("no header", "/me", (), a.MISSING),
    Case("an empty header", "/me", header(b""), a.MISSING),
    Case("white space alone", "/me", header(b" \t "), a.MISSING),
    Case("basic", "/me", header(b"Basic YWxpY2U6c2VjcmV0"), a.MISSING),
    Case("basic with a token", "/me", header(b"Basic " + B_GOOD), a.MISSING),
    Case("a bare token", "/me", header(B_GOOD), a.MISSING),
    Case("a longer scheme", "/me", header(b"Bearerx " + B_GOOD), a.MISSING),
    Case("a shorter scheme", "/me", header(b"Beare " + B_GOOD), a.MISSING),
    Case("no space after the scheme", "/me", header(b"Bearer" + B_GOOD), a.MISSING),
    Case("a colon after the scheme", "/me", header(b"Bearer: " + B_GOOD), a.MISSING),
    Case("a quote before the scheme", "/me", header(b'"Bearer ' + B_GOOD + b'"'), a.MISSING),
    Case("a regular expression as scheme", "/me", header(b".* " + B_GOOD), a.MISSING),
    Case("a dotted capital I", "/me", header("Bearer\u0130 x".encode()), a.MISSING),
    Case("lower case", "/me", header(b"bearer " + B_GOOD), a.ME),
    Case("upper case", "/me", header(b"BEARER " + B_GOOD), a.ME),
    Case("mixed case", "/me", header(b"bEaReR " + B_GOOD), a.ME),
    Case("the scheme alone", "/me", header(b"Bearer"), a.NOT_THREE),
    Case("the scheme and a space", "/me", header(b"Bearer "), a.NOT_THREE),
    Case("two spaces", "/me", header(b"Bearer  " + B_GOOD), a.ME),
    Case("spaces around", "/me", header(b"  Bearer " + B_GOOD + b"  "), a.ME),
    Case("a tab for the space", "/me", header(b"Bearer\t" + B_GOOD), a.MALFORMED),
    Case("a tab after the space", "/me", header(b"Bearer \t" + B_GOOD), a.MALFORMED),
    Case("tabs around", "/me", header(b"\tBearer " + B_GOOD + b"\t"), a.ME),
    Case("a form feed after", "/me", header(b"Bearer " + B_GOOD + b"\x0c"), a.MALFORMED),
    Case("the same twice", "/me", bearer(GOOD) * 2, a.TWO_CREDENTIALS),
    Case("two tokens", "/me", bearer(GOOD) + bearer(FORGED), a.TWO_CREDENTIALS),
    Case("two tokens, bad first", "/me", bearer(FORGED) + bearer(GOOD), a.TWO_CREDENTIALS),
    Case("basic and bearer", "/me", header(b"Basic eDp5") + bearer(GOOD), a.TWO_CREDENTIALS),
    Case("an empty one as well", "/me", header(b"") + bearer(GOOD), a.TWO_CREDENTIALS),
    Case("joined", "/me", header(b"Bearer " + B_GOOD + b", Bearer " + B_GOOD), a.NOT_THREE),
    Case("joined after basic", "/me", header(b"Basic eDp5, Bearer " + B_GOOD), a.MISSING),
    Case("joined before basic", "/me", header(b"Bearer " + B_GOOD + b", Basic eDp5"), a.MALFORMED),
    Case("a parameter", "/me", header(b'Bearer token="' + B_GOOD + b'"'), a.MALFORMED),
    Case("trailing garbage", "/me", bearer(f"{GOOD}!"), a.MALFORMED),
    Case("a trailing word", "/me", bearer(f"{GOOD} x"), a.MALFORMED),
    Case("a trailing dot", "/me", bearer(f"{GOOD}."), a.NOT_THREE),
    Case("in quotes", "/me", bearer(f'"{GOOD}"'), a.MALFORMED),
    Case("percent-encoded", "/me", bearer(GOOD.replace(".", "%2E")), a.NOT_THREE),
    Case("Latin-1", "/me", header(b"Bearer " + B_GOOD + b"\xe9"), a.MALFORMED),
    Case("UTF-8", "/me", header("Bearer é.ü.ß".encode()), a.MALFORMED),
    Case("no text at all", "/me", header(b"Bearer \xff\xfe.\x80.\x81"), a.MALFORMED),
    Case("bytes as scheme", "/me", header(b"\xff\xfe\xfd " + B_GOOD), a.MISSING),
    Case("a NUL", "/me", header(b"Bearer " + B_GOOD + b"\0"), a.MALFORMED),
    Case("a NUL in the scheme", "/me", header(b"Bear\0er " + B_GOOD), a.MISSING),
    Case("16 KiB", "/me", bearer(f"{HEAD}.{BODY}.{'x' * 16_384}"), a.TOO_LONG),
    Case("20 KB", "/me", says(note="x" * 20_000), a.TOO_LONG),
    Case("100 KB", "/me", header(b"Bearer " + b"x" * 100_000), a.TOO_LONG),
    Case("100 KB of dots", "/me", header(b"Bearer " + b"." * 100_000), a.TOO_LONG),
    Case("16,384 dots", "/me", header(b"Bearer " + b"." * 16_384), a.NOT_THREE),
    Case("100 KB of spaces", "/me", header(b"Bearer " + b" " * 100_000 + B_GOOD), a.ME),
    Case("100 KB of basic", "/me", header(b"Basic " + b"x" * 100_000), a.MISSING),
    Case("in the query", f"/me?access_token={GOOD}&token={GOOD}", (), a.MISSING),
    Case("in a cookie", "/me", ((b"cookie", b"access_token=" + B_GOOD),), a.MISSING),
    Case("in another header", "/me", ((b"x-authorization", b"Bearer " + B_GOOD),), a.MISSING),
    Case("in Proxy-Authorization", "/me", ((b"proxy-authorization", B_GOOD),), a.MISSING),
]

FORM: Final = [
    Case("empty segments", "/me", bearer(".."), a.MALFORMED),
    Case("no signature", "/me", bearer(f"{HEAD}.{BODY}."), a.FORGED),
    Case("two segments", "/me", bearer(f"{HEAD}.{BODY}"), a.NOT_THREE),
    Case("five segments, as encrypted", "/me", bearer(f"{GOOD}.{BODY}.{BODY}"), a.NOT_THREE),
    Case("JSON serialisation", "/me", bearer(json.dumps({"payload": BODY})), a.NOT_THREE),
    Case("padding", "/me", bearer(f"{GOOD}="), a.MALFORMED),
    Case("the standard alphabet", "/me", bearer(f"{HEAD}.{BODY}.+/{SIGNATURE[2:]}"), a.MALFORMED),
    Case("stray bits", "/me", bearer(f"{GOOD[:-1]}{chr(ord(GOOD[-1]) + 1)}"), a.MALFORMED),
    Case("forged", "/me", bearer(FORGED), a.FORGED),
    Case("a short signature", "/me", bearer(f"{HEAD}.{BODY}.{SIGNATURE[:20]}"), a.FORGED),
    Case("another's payload", "/me", bearer(f"{HEAD}.{REFRESH.split('.')[1]}.{SIGNATURE}"), a.FORGED),
    Case("alg none", "/me", bearer(NONE_ALG), a.MISMATCH),
    Case("alg None, signed", "/me", with_header({"alg": "None"}), a.MISMATCH),
    Case("alg of the family", "/me", with_header({"alg": "HS512"}), a.MISMATCH),
    Case("alg of another family", "/me", bearer(signed(shop_payload(), key=ES256)), a.UNKNOWN_KEY),
    Case("alg of another family, no kid", "/me", with_header({"alg": "RS256"}), a.MISMATCH),
    Case("alg unknown", "/me", with_header({"alg": "XS256"}), a.MISMATCH),
    Case("alg in lower case", "/me", with_header({"alg": "hs256"}), a.MISMATCH),
    Case("alg a lone surrogate", "/me", with_header(b'{"alg":"\\ud800"}'), a.MISMATCH),
    Case("alg absent", "/me", with_header({"typ": "JWT"}), a.MALFORMED),
    Case("alg null", "/me", with_header({"alg": None}), a.MALFORMED),
    Case("alg a number", "/me", with_header({"alg": 256}), a.MALFORMED),
    Case("alg a list", "/me", with_header({"alg": ["HS256"]}), a.MALFORMED),
    Case("alg twice", "/me", with_header(b'{"alg":"none","alg":"HS256"}'), a.MALFORMED),
    Case("no kid", "/me", with_header({"alg": "HS256"}), a.ME),
    Case("kid unknown", "/me", with_header({"alg": "HS256", "kid": "k"}), a.UNKNOWN_KEY),
    Case("kid a path", "/me", with_header({"alg": "HS256", "kid": "../../dev/null"}), a.UNKNOWN_KEY),
    Case("kid empty", "/me", with_header({"alg": "HS256", "kid": ""}), a.UNKNOWN_KEY),
    Case("kid a lone surrogate", "/me", with_header(b'{"alg":"HS256","kid":"\\udfff"}'), a.UNKNOWN_KEY),
    Case("kid null", "/me", with_header({"alg": "HS256", "kid": None}), a.MALFORMED),
    Case("kid a list", "/me", with_header({"alg": "HS256", "kid": []}), a.MALFORMED),
    Case("crit", "/me", with_header({"alg": "HS256", "crit": ["exp"]}), a.UNSUPPORTED),
    Case("b64", "/me", with_header({"alg": "HS256", "b64": True}), a.UNSUPPORTED),
    Case("zip", "/me", with_header({"alg": "HS256", "zip": "DEF"}), a.UNSUPPORTED),
    Case(
        "jwk, jku and x5u unread",
        "/me",
        with_header({"alg": "HS256", "jwk": 1, "jku": "http://x.example", "x5u": "http://x.example"}),
        a.ME,
    ),
    Case("its own jwk", "/me", bearer(
        signed(shop_payload(), key=OTHERS_KEY, header={"alg": "HS256", "jwk": {"kty": "oct", "k": "eA"}})
    ), a.FORGED),
    Case("typ at+jwt", "/me", with_header({"alg": "HS256", "typ": "application/AT+jwt"}), a.ME),
    Case("typ of another purpose", "/me", with_header({"alg": "HS256", "typ": "dpop+jwt"}), a.WRONG_TYPE),
    Case("typ a number", "/me", with_header({"alg": "HS256", "typ": 1}), a.MALFORMED),
    Case("a header that is a list", "/me", with_header(b'["HS256"]'), a.MALFORMED),
    Case("a header that is no JSON", "/me", with_header(b"{"), a.MALFORMED),
    Case("a header in UTF-16", "/me", with_header('{"alg":"HS256"}'.encode("utf-16")), a.MALFORMED),
    Case("a header with a BOM", "/me", with_header(b'\xef\xbb\xbf{"alg":"HS256"}'), a.MALFORMED),
    Case("a header with NaN", "/me", with_header(b'{"alg":"HS256","n":NaN}'), a.MALFORMED),
    Case("a deep header", "/me", with_header(b'{"alg":' + b"[" * 5_000), a.MALFORMED),
    Case("a payload that is a list", "/me", bearer(signed(b"[]")), a.MALFORMED),
    Case("a payload that is text", "/me", bearer(signed(b'"alice"')), a.MALFORMED),
    Case("an empty payload", "/me", bearer(signed(b"")), a.MALFORMED),
    Case("a payload that is no UTF-8", "/me", with_json('"note": "\\ud800"'), a.MALFORMED),
    Case("a deep payload", "/me", bearer(signed(b'{"a":' * 2_000)), a.MALFORMED),
    Case("NaN in a payload", "/me", with_json('"n": [NaN]'), a.MALFORMED),
    Case("infinity by overflow", "/me", with_json('"n": [1e999]'), a.MALFORMED),
]  # fmt: skip

CLAIMS: Final = [
    Case("extra claims", "/me", says(foo=["fiz", "baz"]), a.ok(sub="alice", tenant="acme", extra={"foo": ["fiz", "baz"]})),
    Case("expired", "/me", says(exp=NOW - 1), a.EXPIRED),
    Case("expired just now", "/me", says(exp=NOW), a.EXPIRED),
    Case("its last second", "/me", says(exp=NOW + 1), a.ME),
    Case("older than any token may be", "/me", says(iat=NOW - 31 * 86_400), a.TOO_OLD),
    Case("not yet valid", "/me", says(nbf=NOW + 1), a.TOO_EARLY),
    Case("valid from now", "/me", says(nbf=NOW), a.ME),
    Case("issued in the future", "/me", says(iat=NOW + 1), a.TOO_EARLY),
    Case("no exp", "/me", says(exp=...), a.lacks("exp")),
    Case("exp null", "/me", says(exp=None), a.lacks("exp")),
    Case("exp NaN", "/me", with_json('"exp": NaN'), a.bad("exp")),
    Case("exp Infinity", "/me", with_json('"exp": Infinity'), a.bad("exp")),
    Case("exp -Infinity", "/me", with_json('"exp": -Infinity'), a.bad("exp")),
    Case("exp by overflow", "/me", with_json('"exp": 1e999'), a.bad("exp")),
    Case("exp as text", "/me", says(exp="9999999999"), a.bad("exp")),
    Case("exp true", "/me", says(exp=True), a.bad("exp")),
    Case("exp a list", "/me", says(exp=[NOW + 9]), a.bad("exp")),
    Case("exp negative", "/me", says(exp=-1), a.bad("exp")),
    Case("exp huge", "/me", says(exp=10**30), a.bad("exp")),
    Case("exp of 400 digits", "/me", says(exp=10**400), a.bad("exp")),
    Case("exp of 5,000 digits", "/me", with_json(f'"exp": {"9" * 5_000}'), a.MALFORMED),
    Case("exp twice, the last counts", "/me", with_json(f'"exp": {NOW - 5}'), a.EXPIRED),
    Case("nbf true", "/me", says(nbf=True), a.bad("nbf")),
    Case("nbf as text", "/me", says(nbf="0"), a.bad("nbf")),
    Case("no iat", "/me", says(iat=...), a.lacks("iat")),
    Case("iat as text", "/me", says(iat="now"), a.bad("iat")),
    Case("no sub", "/me", says(sub=...), a.lacks("sub")),
    Case("cnf of an unknown method", "/me", says(cnf={"jwk": {"kty": "EC"}}), a.UNKNOWN_BINDING),
    Case("cnf of no method", "/me", says(cnf={}), a.UNKNOWN_BINDING),
    Case("cnf null", "/me", says(cnf=None), a.ME),
    Case("sub empty", "/me", says(sub=""), a.lacks("sub")),
    Case("sub a number", "/me", says(sub=7), a.bad("sub")),
    Case("sub null", "/me", says(sub=None), a.bad("sub")),
    Case("no jti", "/me", says(jti=...), a.lacks("jti")),
    Case("jti a list", "/me", says(jti=["a"]), a.bad("jti")),
    Case("no type", "/me", says(type=...), a.lacks("type")),
    Case("an empty type", "/me", says(type=""), a.lacks("type")),
    Case("an unknown type", "/me", says(type="id"), a.WRONG_TYPE),
    Case("a type in capitals", "/me", says(type="Access"), a.WRONG_TYPE),
    Case("a type that is a list", "/me", says(type=["access"]), a.bad("type")),
    Case("refresh on an access route", "/me", bearer(REFRESH), a.WRONG_TYPE),
    Case("refresh typed as access", "/me", with_header({"alg": "HS256", "typ": "at+jwt"}, type="refresh"), a.WRONG_TYPE),
    Case("wrong issuer", "/me", says(iss="https://evil.example"), a.WRONG_ISSUER),
    Case("a longer issuer", "/me", says(iss=f"{ISSUER}/"), a.WRONG_ISSUER),
    Case("no issuer", "/me", says(iss=...), a.lacks("iss")),
    Case("issuer a list", "/me", says(iss=[ISSUER]), a.bad("iss")),
    Case("wrong audience", "/me", says(aud="stock-api"), a.WRONG_AUDIENCE),
    Case("one audience of several", "/me", says(aud=["stock-api", AUDIENCE]), a.ME),
    Case("none of several audiences", "/me", says(aud=["stock-api", "shop"]), a.WRONG_AUDIENCE),
    Case("no audience", "/me", says(aud=...), a.lacks("aud")),
    Case("an empty list of audiences", "/me", says(aud=[]), a.WRONG_AUDIENCE),
    Case("audience a number", "/me", says(aud=1), a.bad("aud")),
    Case("fresh as text", "/me", says(fresh="true"), a.bad("fresh")),
    Case("a claim of the model absent", "/me", says(tenant=...), a.lacks("tenant")),
    Case("a claim of the model wrong", "/me", says(tenant={"$ne": None}), a.bad("tenant")),
    Case("a part of a claim wrong", "/me", says(roles=["admin", {"not": "said"}]), a.bad("roles")),
    Case("revoked token", "/me", says(jti=REVOKED_TOKEN), a.REVOKED),
    Case("revoked session", "/me", says(sid=ENDED_SESSION), a.REVOKED),
    Case("revoked subject", "/me", says(sub=BANNED_SUBJECT, iat=NOW - 61), a.REVOKED),
    Case("revoked subject, later", "/me", says(sub=BANNED_SUBJECT, iat=NOW), a.ok(sub=BANNED_SUBJECT, tenant="acme", extra={})),
    Case("expired and revoked", "/me", says(exp=NOW, jti=REVOKED_TOKEN), a.EXPIRED),
    Case("store outage", "/me", says(sub=OUTAGE), a.OUT_OF_ORDER),
    Case("store outage, expired", "/me", says(sub=OUTAGE, exp=NOW), a.EXPIRED),
]  # fmt: skip
