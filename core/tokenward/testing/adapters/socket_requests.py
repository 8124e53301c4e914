"""WebSocket handshakes, each with what every adapter must do."""

from typing import Final

from tokenward.testing.adapters import answers as a
from tokenward.testing.adapters.answers import Case
from tokenward.testing.adapters.browser_requests import (
    ACCESS,
    ALLOWED,
    FOREIGN,
    OWN,
    cookie,
    csrf,
    site,
)
from tokenward.testing.adapters.service import OUTAGE, REVOKED_TOKEN, bearer
from tokenward.testing.adapters.token_requests import B_GOOD, FORGED, GOOD, REFRESH, header, says
from tokenward.testing.adapters.tokens import NOW

__all__ = [
    "COOKIE_SOCKETS_OPEN",
    "COOKIE_SOCKETS_REFUSED",
    "SOCKETS_OPEN",
    "SOCKETS_REFUSED",
    "offers",
]


def offers(*protocols: str) -> tuple[bytes, bytes]:
    """Return the header of the subprotocols that a client offers."""
    return (b"sec-websocket-protocol", ", ".join(protocols).encode())


SOCKETS_OPEN: Final = [
    ("required", "/ws", bearer(GOOD), "alice"),
    ("required, lower case", "/ws", header(b"bearer " + B_GOOD), "alice"),
    ("optional, good", "/ws/maybe", bearer(GOOD), "alice"),
    ("optional, none", "/ws/maybe", (), ""),
    ("optional, basic", "/ws/maybe", header(b"Basic eDp5"), ""),
    ("scope", "/ws/orders", says(scope="orders:read"), "alice"),
    ("query", f"/ws/query?access_token={GOOD}", (), "alice"),
    ("subprotocol", "/ws/protocol", (offers("bearer", GOOD),), "alice"),
    ("subprotocol, among others", "/ws/protocol", (offers("chat", "bearer", GOOD, "x"),), "alice"),
    ("subprotocol, in two headers", "/ws/protocol", (offers("bearer"), offers(GOOD)), "alice"),
]

SOCKETS_REFUSED: Final = [
    Case("none", "/ws", (), a.MISSING),
    Case("basic", "/ws", header(b"Basic eDp5"), a.MISSING),
    Case("scheme alone", "/ws", header(b"Bearer"), a.NOT_THREE),
    Case("forged", "/ws", bearer(FORGED), a.FORGED),
    Case("expired", "/ws", says(exp=NOW), a.EXPIRED),
    Case("refresh", "/ws", bearer(REFRESH), a.WRONG_TYPE),
    Case("revoked", "/ws", says(jti=REVOKED_TOKEN), a.REVOKED),
    Case("two headers", "/ws", bearer(GOOD) * 2, a.TWO_CREDENTIALS),
    Case("no text", "/ws", header(b"Bearer \xff\0\t.x.y"), a.MALFORMED),
    Case("too long", "/ws", header(b"Bearer " + b"x" * 100_000), a.TOO_LONG),
    Case("store outage", "/ws", says(sub=OUTAGE), a.OUT_OF_ORDER),
    Case("optional, forged", "/ws/maybe", bearer(FORGED), a.FORGED),
    Case("optional, two headers", "/ws/maybe", bearer(GOOD) * 2, a.TWO_CREDENTIALS),
    Case("optional, store outage", "/ws/maybe", says(sub=OUTAGE), a.OUT_OF_ORDER),
    Case("scope, none", "/ws/orders", (), a.MISSING),
    Case("scope, too little", "/ws/orders", bearer(GOOD), a.too_little("orders:read")),
    Case("query, none", "/ws/query", bearer(GOOD), a.MISSING),
    Case("query, forged", f"/ws/query?access_token={FORGED}", (), a.FORGED),
    Case("subprotocol, none", "/ws/protocol", (), a.MISSING),
    Case("subprotocol, no marker", "/ws/protocol", (offers(GOOD),), a.MISSING),
    Case("subprotocol, marker alone", "/ws/protocol", (offers("bearer"),), a.NOT_THREE),
    Case("subprotocol, forged", "/ws/protocol", (offers("bearer", FORGED),), a.FORGED),
    Case("subprotocol, twice", "/ws/protocol", (offers("bearer", GOOD, "bearer", GOOD),), a.TWO_CREDENTIALS),
    Case("subprotocol, no text", "/ws/protocol", ((b"sec-websocket-protocol", b"bearer,\xff.\0.\xfe"),), a.MALFORMED),
]  # fmt: skip

COOKIE_SOCKETS_OPEN: Final = [
    ("cookie, own page", "/browser/ws", (cookie(ACCESS), OWN), "alice"),
    ("cookie, allowed page", "/browser/ws", (cookie(ACCESS), ALLOWED), "alice"),
    (
        "cookie, same origin",
        "/browser/ws",
        (cookie(ACCESS), FOREIGN, site(b"same-origin")),
        "alice",
    ),
    ("header, foreign page", "/browser/ws", (*bearer(GOOD), FOREIGN), "alice"),
]

COOKIE_SOCKETS_REFUSED: Final = [
    Case("cookie, foreign page", "/browser/ws", (cookie(ACCESS), FOREIGN), a.FOREIGN_ORIGIN),
    Case("cookie, no origin", "/browser/ws", (cookie(ACCESS),), a.FOREIGN_ORIGIN),
    Case("cookie, null origin", "/browser/ws", (cookie(ACCESS), (b"origin", b"null")), a.FOREIGN_ORIGIN),
    Case("cookie, foreign site", "/browser/ws", (cookie(ACCESS), FOREIGN, site(b"cross-site")), a.FOREIGN_ORIGIN),
    Case("cookie, over http", "/browser/ws", (cookie(ACCESS), (b"origin", b"http://shop.example")), a.FOREIGN_ORIGIN),
    Case("cookie, foreign page, with CSRF", "/browser/ws", (cookie(ACCESS), csrf(), FOREIGN), a.FOREIGN_ORIGIN),
    Case("cookie, two origins", "/browser/ws", (cookie(ACCESS), OWN, OWN), a.FOREIGN_ORIGIN),
    Case("cookie, forged", "/browser/ws", (cookie(FORGED), OWN), a.FORGED),
    Case("cookie, two", "/browser/ws", (cookie(ACCESS), cookie(ACCESS), OWN), a.TWO_CREDENTIALS),
]  # fmt: skip
