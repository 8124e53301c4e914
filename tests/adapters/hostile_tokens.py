"""Hostile tokens, and a check of which tokens are valid.

``MAKERS`` make tokens from a random number generator. ``why_not(token, kind, scopes)`` returns what is
wrong with a token; the rules are implemented here a second time, without the engine.
"""

import base64
import hashlib
import hmac
import json
import random
import re
from collections.abc import Callable
from typing import Any

from tests.support import NOW, SECRET, signed
from tokenward.testing.adapters.service import (
    AUDIENCE,
    ENDED_SESSION,
    ISSUER,
    KEY_ID,
    OUTAGE,
    REVOKED_TOKEN,
    shop_payload,
    shop_token,
)

CSRF = "0123456789abcdef0123456789abcdef"
"""The ``csrf`` claim of tokens that were made for a cookie."""
ODD: list[Any] = [
    *(None, True, False, 0, -1, 1, 1.5, NOW, NOW + 60, NOW - 60, 10**18, 10**400, -(10**400)),
    *("", " ", "access", "refresh", "alice", "acme", "0", "9999999999", "\0", "é", "\ud800", "x" * 5_000),
    *([], {}, [[]], [None], ["access"], [1, "a"], {"a": {"b": []}}, ["shop-api"], ["a", "shop-api"]),
    *(float("nan"), float("inf"), float("-inf"), OUTAGE, ENDED_SESSION, REVOKED_TOKEN),
    *("orders:read", "orders:read reports:write admin", ["admin", "orders:read"], ISSUER, AUDIENCE),
]  # fmt: skip
CLAIM_NAMES = [
    *(
        "sub",
        "exp",
        "iat",
        "nbf",
        "jti",
        "type",
        "iss",
        "aud",
        "sid",
        "scope",
        "fresh",
        "auth_time",
    ),
    *("csrf", "tenant", "roles", "extra", "scopes", "model_config", "__class__", "", "\ud800", "é"),
]
HEADER_NAMES = [
    "alg",
    "typ",
    "kid",
    "crit",
    "b64",
    "zip",
    "jwk",
    "jku",
    "x5u",
    "cty",
    "enc",
    "",
    "é",
]
ODD_HEADER: list[Any] = [
    *("HS256", "hs256", "none", "None", "RS256", "ES256", "HS512", "", "\0", "\ud800", "x" * 3_000),
    *("JWT", "jwt", "at+jwt", "application/at+jwt", "dpop+jwt", "../../etc/passwd", "' OR 1=1 --"),
    *(None, True, 0, -1, 10**400, float("nan"), [], {}, ["HS256"], {"kty": "oct", "k": "AAAA"}, ["exp"]),
]  # fmt: skip


def _good(rng: random.Random) -> bytes:
    changes: dict[str, object] = {
        "type": rng.choice(["access", "access", "refresh"]),
        "scope": rng.choice(["", "orders:read", "orders:read reports:write", "admin"]),
        "fresh": rng.choice([True, False]),
        "jti": rng.randbytes(8).hex(),
        "csrf": rng.choice([CSRF, CSRF, CSRF, "", "f" * 32]),
    }
    return shop_token(**changes).encode()


def _mutated(rng: random.Random) -> bytes:
    token = bytearray(_good(rng))
    for _ in range(rng.choice([1, 1, 2, 5])):
        at = rng.randrange(len(token))
        match rng.randrange(5):
            case 0:
                token[at] = rng.randrange(256)
            case 1:
                del token[at]
            case 2:
                token.insert(at, rng.choice(b"Aa0._-=+/ \t\r\n\0\xff"))
            case 3:
                del token[at:]
            case _:
                token[at:at] = token[at : at + rng.randrange(40)]
        if not token:
            break
    return bytes(token)


def _spliced(rng: random.Random) -> bytes:
    one, two = _good(rng).split(b"."), _odd_payload(rng).split(b".")
    return b".".join(rng.choice([one[at], two[at]]) for at in range(3))


def _random(rng: random.Random) -> bytes:
    length = rng.choice([0, 1, 10, 300, 3_000, 20_000])
    letters = rng.choice([None, b"abcXYZ019-_.", b".", b"A", b"ey."])
    return rng.randbytes(length) if letters is None else bytes(rng.choices(letters, k=length))


def _odd_members(rng: random.Random, names: list[str], values: list[Any]) -> dict[str, Any]:
    return {rng.choice(names): rng.choice(values) for _ in range(rng.choice([1, 1, 1, 2, 3, 8]))}


def _odd_json(rng: random.Random, members: dict[str, Any]) -> bytes:
    text = json.dumps(members, ensure_ascii=rng.random() < 0.8).encode("utf-8", "surrogatepass")
    if rng.random() < 0.75:
        return text
    return rng.choice(
        [
            text[:-1],
            text + text,
            text[:-1] + b", " + text[1:],
            b"\xef\xbb\xbf" + text,
            text.decode("utf-8", "replace").encode("utf-16"),
            rng.randbytes(rng.randrange(200)),
            rng.choice([b"[", b'{"a":', b"[[],"]) * rng.randrange(2_000),
            rng.choice([b"", b"null", b"[]", b'"alice"', b"1", b"NaN", b"{}", b" "]),
            text[:-1] + rng.choice([b', "exp": 1e999}', b', "sub": "\\ud800"}', b",}"]),
        ]
    )


def _odd_payload(rng: random.Random) -> bytes:
    payload = shop_payload(scope="orders:read reports:write admin", fresh=True)
    payload |= _odd_members(rng, CLAIM_NAMES, ODD)
    if rng.random() < 0.05:
        payload["sub"] = OUTAGE
    for name in rng.sample(sorted(payload), rng.choice([0, 0, 0, 1, 2])):
        del payload[name]
    return signed(_odd_json(rng, payload)).encode()


def _odd_header(rng: random.Random) -> bytes:
    header: dict[str, Any] = {"alg": "HS256", "typ": "JWT"}
    header |= _odd_members(rng, HEADER_NAMES, ODD_HEADER)
    return signed(shop_payload(jti=rng.randbytes(8).hex()), header=_odd_json(rng, header)).encode()


MAKERS: list[Callable[[random.Random], bytes]] = [
    *(_good, _mutated, _mutated, _spliced, _random),
    *(_odd_payload, _odd_payload, _odd_payload, _odd_header, _odd_header),
]


def decoded(segment: bytes) -> bytes | None:
    """Decode base64url as RFC 7515 defines it, or return None if it is invalid."""
    if not re.fullmatch(rb"[A-Za-z0-9_-]*", segment) or len(segment) % 4 == 1:
        return None
    data = base64.urlsafe_b64decode(segment + b"=" * (-len(segment) % 4))
    return data if base64.urlsafe_b64encode(data).rstrip(b"=") == segment else None


def _is_time(value: object, least: float, most: float) -> bool:
    return isinstance(value, int | float) and type(value) is not bool and least <= value <= most


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len(dict(pairs)) == len(pairs), "a header with a name that stands twice was accepted"
    return dict(pairs)


def why_not(token: bytes, kind: str, scopes: set[str]) -> str | None:
    """Return why a token must not be accepted, or None if it may be."""
    segments = token.split(b".")
    if len(segments) != 3 or len(token) > 16_384:
        return "form"
    head, body, signature = (decoded(segment) for segment in segments)
    if head is None or body is None or signature is None:
        return "base64url"
    message = token.rpartition(b".")[0]
    if signature != hmac.digest(SECRET.encode(), message, hashlib.sha256):
        return "signature"
    header = json.loads(head.decode("utf-8"), object_pairs_hook=_unique)
    names_another_key = header.get("kid", KEY_ID) != KEY_ID
    if header.get("alg") != "HS256" or names_another_key or header.keys() & {"crit", "b64", "zip"}:
        return "header"
    allowed = {"jwt", "at+jwt"} if kind == "access" else {"jwt"}
    if header.get("typ", "JWT").lower().removeprefix("application/") not in allowed:
        return "typ"
    return _why_not_claims(json.loads(body.decode("utf-8")), kind, scopes)


def _why_not_claims(claims: dict[str, Any], kind: str, scopes: set[str]) -> str | None:
    audience, scope = claims.get("aud"), claims.get("scope", "")
    is_good = {
        "sub": isinstance(claims.get("sub"), str) and claims["sub"] not in {"", OUTAGE},
        "jti": isinstance(claims.get("jti"), str) and claims["jti"] not in {"", REVOKED_TOKEN},
        "sid": claims.get("sid") != ENDED_SESSION,
        "tenant": isinstance(claims.get("tenant"), str),
        "exp": _is_time(claims.get("exp"), NOW + 0.001, 253_402_300_799),
        "iat": _is_time(claims.get("iat"), NOW - 30 * 86_400, NOW),
        "nbf": claims.get("nbf") is None or _is_time(claims["nbf"], 0, NOW),
        "type": claims.get("type") == kind,
        "iss": claims.get("iss") == ISSUER,
        "aud": AUDIENCE in (audience if isinstance(audience, list) else [audience]),
        "scope": scopes <= set(scope.split() if isinstance(scope, str) else scope),
    }
    return next((name for name, good in is_good.items() if not good), None)
