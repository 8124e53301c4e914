"""Hostile requests of browsers, and a check of which of them may be accepted.

They carry a cookie, a CSRF token and an origin. The rules are implemented here a second time,
without the engine.
"""

import json
import random

from tests.adapters.hostile_requests import HostileRequest
from tests.adapters.hostile_tokens import CSRF, decoded, why_not

PAIRED = {"/browser/refresh"}
"""Where a token is used up: a good one may have been used before."""
ORIGINS = [
    *(
        b"https://shop.example",
        b"https://shop.example",
        b"https://app.example",
        b"null",
        b"",
        b"\xff",
    ),
    *(
        b"https://evil.example",
        b"http://shop.example",
        b"HTTPS://SHOP.EXAMPLE",
        b"https://shop.example/",
    ),
]
SITES = [
    b"same-origin",
    b"same-origin",
    b"same-site",
    b"cross-site",
    b"none",
    b"",
    b"\xff",
    b"SAME-ORIGIN",
]
SAFE = {"GET", "HEAD", "OPTIONS", "TRACE"}
OWN, ALLOWED = [b"https://shop.example"], [b"https://app.example"]
UNSAID: list[list[bytes]] = [[], [b"none"]]


def add_browser(rng: random.Random, request: HostileRequest, token: bytes) -> None:
    """Put a token into a cookie, with a CSRF token and an origin."""
    name = b"__Secure-refresh_token" if request.path in PAIRED else b"__Host-access_token"
    if rng.random() < 0.1:
        name = rng.choice([name.lower(), b"access_token", b"", b"\xff", b"__Host-access_token"])
    junk = rng.choice(
        [b"", b"", b"a=1; ", b"=; ;;\xff; ", b"__Host-csrf_token=" + CSRF.encode() + b"; "]
    )
    headers = [(b"cookie", junk + name + b"=" + token)]
    kind = rng.random()
    if kind < 0.7:
        headers.append((b"x-csrf-token", CSRF.encode()))
    elif kind < 0.85:
        odd = [
            b"",
            b"\xff\xfe",
            "é".encode(),
            CSRF.upper().encode(),
            rng.randbytes(32),
            b"x" * 9_000,
        ]
        headers.append((b"x-csrf-token", rng.choice(odd)))
    elif kind < 0.95:
        request.body = b"note=x&csrf_token=" + rng.choice([CSRF.encode(), b"\xff", b"%", b""])
        headers.append((b"content-type", b"application/x-www-form-urlencoded"))
        headers.append((b"content-length", str(len(request.body)).encode()))
    if rng.random() < 0.5 or request.is_socket:
        headers.append((b"origin", rng.choice(ORIGINS)))
    if rng.random() < 0.5:
        headers.append((b"sec-fetch-site", rng.choice(SITES)))
    if rng.random() < 0.1:
        headers.append(
            rng.choice([headers[0], headers[-1], (b"authorization", b"Bearer " + token)])
        )
    rng.shuffle(headers)
    request.headers = headers


def _values(request: HostileRequest, name: bytes) -> list[bytes]:
    return [value for key, value in request.headers if key == name]


def why_not_a_browser(request: HostileRequest, *, is_optional: bool) -> str | None:
    """Return why a request with a token in a cookie must not be accepted."""
    kind = "refresh" if request.path in PAIRED else "access"
    wanted = b"__Secure-refresh_token" if kind == "refresh" else b"__Host-access_token"
    pairs = [
        pair.split(b"=", 1) for header in _values(request, b"cookie") for pair in header.split(b";")
    ]
    cookies = [pair[-1].strip(b" \t") for pair in pairs if pair[0].strip(b" \t") == wanted]
    bearers = [value[7:].strip(b" ") for value in _values(request, b"authorization")]
    if len(cookies) > 1 or len(bearers) > 1 or len({*cookies, *bearers}) > 1:
        return "two credentials"
    if not cookies and not bearers:
        return None if is_optional else "no token"
    reason = why_not(*(bearers or cookies), kind, set())
    if reason is not None or bearers or (request.method in SAFE and not request.is_socket):
        return reason
    return _why_not_meant(request, cookies[0])


def _why_not_meant(request: HostileRequest, token: bytes) -> str | None:
    """Return why a request with a valid cookie may come from another page."""
    origins, sites = _values(request, b"origin"), _values(request, b"sec-fetch-site")
    if sites != [b"same-origin"]:
        may_be_unsaid = not origins and not request.is_socket
        is_own = (origins == OWN or may_be_unsaid) and sites in UNSAID
        if not is_own and not (origins == ALLOWED and len(sites) < 2):
            return "origin"
    if request.is_socket:
        return None
    claim = json.loads(decoded(token.split(b".")[1]) or b"").get("csrf")
    sent = _values(request, b"x-csrf-token")
    if not sent and _values(request, b"content-type") == [b"application/x-www-form-urlencoded"]:
        sent = [request.body.partition(b"csrf_token=")[2]]
    return None if claim and sent == [claim.encode()] else "CSRF"
