"""Hostile requests, each made from a number, and a check of which of them may be accepted.

``request_of(number)`` makes the same request each time. ``why_not_accepted(request)`` returns what is
wrong with it. Tokens are in `hostile_tokens`, and browser requests in `hostile_browsers`.
"""

import random
import re
from urllib.parse import quote_from_bytes, unquote_to_bytes

from tests.adapters.hostile_browsers import add_browser, why_not_a_browser
from tests.adapters.hostile_requests import HostileRequest
from tests.adapters.hostile_tokens import MAKERS, why_not
from tests.support import ShopClaims
from tokenward import TokenError
from tokenward.testing.adapters.websocket_client import DENIAL_RESPONSE

SEED = 6750
OPEN = {"/public"}
OPTIONAL = {"/maybe", "/maybe-orders", "/ws/maybe", "/browser/maybe"}
SCOPES = {
    "/orders": {"orders:read"},
    "/maybe-orders": {"orders:read"},
    "/ws/orders": {"orders:read"},
    "/twice": {"orders:read"},
    "/reports": {"orders:read", "reports:write"},
    "/admin": {"admin"},
    "/admin/users": {"admin"},
}
PATHS = [
    *(
        "/me",
        "/me",
        "/me",
        "/public",
        "/fresh",
        "/recent",
        "/checked",
        "/checked-async",
        "/crossed",
    ),
    *(
        "/refresh-only",
        "/renew",
        "/renew",
        "/maybe",
        "/maybe-orders",
        "/orders",
        "/twice",
        "/reports",
    ),
    *("/admin", "/admin/users", "/download"),
    *("/browser/me", "/browser/me", "/browser/me", "/browser/maybe", "/browser/refresh"),
]
NOWHERE = ["/nowhere", "//me", "/ME", "/me\x00", "/é", "/me/../me"]
SOCKETS = ["/ws", "/ws/maybe", "/ws/orders", "/browser/ws"]
POSTED = {"/refresh-only", "/renew", "/browser/maybe", "/browser/refresh"}
METHODS = ["HEAD", "OPTIONS", "PUT", "DELETE", "TRACE", "CONNECT", "BREW", "get", "G\x00T", "é"]
SCHEMES = [
    *(b"Bearer", b"bearer", b"BEARER", b"Basic", b"Digest", b"Bearer:", b"", b"Bear er", b"\xff"),
    *(
        b"JWT",
        b"Bearer\t",
        b"Bearer,",
        b"Token",
        b"\0Bearer",
        b"Bearer\r\n",
        "B\u0435arer".encode(),
    ),
]


def _kinds(kind: type[TokenError]) -> list[type[TokenError]]:
    return [kind, *(each for child in kind.__subclasses__() for each in _kinds(child))]


MESSAGES = {kind.message: kind.code for kind in _kinds(TokenError)}
ADDITION = re.compile(
    r" (Expected three segments\.|It is too long\."
    rf"|Claim: ({'|'.join(ShopClaims.model_fields)}|\(several or unnamed\))\.)$"
)


def is_constant(body: dict[str, str]) -> bool:
    """Whether a refusal contains only constant text and nothing of the request."""
    return MESSAGES.get(ADDITION.sub("", body["detail"])) == body["code"] and len(body) == 2


def request_of(number: int) -> HostileRequest:
    """Return the request of this number, the same each time."""
    rng = random.Random(f"{SEED}-{number}")  # noqa: S311 - no secrets
    is_socket = rng.random() < 0.15
    path = rng.choice(SOCKETS if is_socket else PATHS)
    if rng.random() < 0.03:
        path = rng.choice(NOWHERE)
    natural = "POST" if path in POSTED or (path == "/browser/me" and rng.random() < 0.7) else "GET"
    request = HostileRequest(
        path,
        natural if rng.random() < 0.9 else rng.choice(METHODS),
        query=rng.choice(
            [b"", b"", b"access_token=x", b"%FF=%00&%D0%7B&" + rng.randbytes(9).hex().encode()]
        ),
        is_socket=is_socket,
        extensions=rng.choice([DENIAL_RESPONSE, DENIAL_RESPONSE, {}]),
    )
    token = rng.choice(MAKERS)(rng)
    if path == "/renew":
        request.body = token
    elif path == "/download":
        request.query = rng.choice([b"", b"a=1&", b"&&=%"]) + b"access_token=" + _in_a_target(token)
    elif path.startswith("/browser"):
        add_browser(rng, request, token)
    else:
        request.headers = _headers(rng, token)
    # RFC 9110 §5.5: no server passes a line break on.
    request.headers = [
        (name, value.replace(b"\r", b"\v").replace(b"\n", b"\v")) for name, value in request.headers
    ]
    return request


def _in_a_target(token: bytes) -> bytes:
    """Percent-encode the characters that servers refuse in a request target (RFC 9112 §3.2)."""
    return quote_from_bytes(token, safe="%+&=;/?:@").encode()


def _headers(rng: random.Random, token: bytes) -> list[tuple[bytes, bytes]]:
    scheme = b"Bearer" if rng.random() < 0.8 else rng.choice(SCHEMES)
    space = b" " if rng.random() < 0.95 else rng.choice([b"", b"  ", b"\t", b" \t", b"\r\n", b"\0"])
    headers = [(b"authorization", scheme + space + token)]
    kind = rng.random()
    if kind < 0.04:
        headers.append((b"authorization", rng.choice([b"", b"Basic eDp5", headers[0][1], token])))
    elif kind < 0.06:
        headers.clear()
    elif kind < 0.10:
        headers += [(b"x-" + rng.randbytes(4).hex().encode(), rng.randbytes(40))] * 3
        headers += [(b"cookie", b"access_token=" + token), (b"content-type", rng.randbytes(9))]
    rng.shuffle(headers)
    return headers


def why_not_accepted(request: HostileRequest) -> str | None:
    """Return why a request must not be accepted, or None if it may be."""
    if request.path in OPEN:
        return None
    if request.path == "/renew":
        return why_not(request.body, "refresh", set())
    if request.path == "/download":
        return _why_not_a_query(request.query)
    if request.path.startswith("/browser"):
        return why_not_a_browser(request, is_optional=request.path in OPTIONAL)
    return _why_not_a_header(request)


def is_routed(request: HostileRequest) -> bool:
    """Whether the service has a route for a request."""
    if request.path in NOWHERE:
        return False
    if request.path == "/browser/me":
        return request.method in {"GET", "POST", "PUT"}
    return request.is_socket or request.method == ("POST" if request.path in POSTED else "GET")


def _why_not_a_query(query: bytes) -> str | None:
    sent = [pair.split(b"=", 1) for pair in query.split(b"&")]
    tokens = [pair[1] for pair in sent if pair[0] == b"access_token"]
    decoded = [unquote_to_bytes(token.replace(b"+", b" ")) for token in tokens]
    return why_not(*decoded, "access", set()) if len(decoded) == 1 else "two credentials"


def _why_not_a_header(request: HostileRequest) -> str | None:
    values = [value for name, value in request.headers if name == b"authorization"]
    if len(values) > 1:
        return "two headers"
    found = re.fullmatch(
        rb"[ \t]*bearer(?: +(.*?))?[ \t]*", b"".join(values), re.IGNORECASE | re.DOTALL
    )
    if found is None:
        return None if request.path in OPTIONAL else "no token"
    kind = "refresh" if request.path == "/refresh-only" else "access"
    return why_not(found[1] or b"", kind, SCOPES.get(request.path, set()))
