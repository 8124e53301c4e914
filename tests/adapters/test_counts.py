"""The work of a protected request in every framework: each step happens once or not at all."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.adapters.adapters import Build
from tests.adapters.counting import CountedApp, Work, counted_engine
from tests.core.key_material import JWKS
from tests.support import SECRET, CountingKey, signed
from tokenward import Key
from tokenward.testing import FrozenClock
from tokenward.testing.adapters import browser_requests as browser
from tokenward.testing.adapters.service import Headers, bearer, client_of, shop_payload
from tokenward.testing.adapters.token_requests import FORGED
from tokenward.testing.adapters.websocket_client import open_websocket

FIRST = Work(signatures=1, parses=2, claims=1)
"""Of a token, and of a header, that was never seen: header and payload are parsed."""
NEW = Work(signatures=1, parses=1, claims=1)
"""Of a token that was never seen, with a header that was."""
REPEAT = Work(parses=1, claims=1)
"""Of a token that was seen: its payload alone is parsed, for claims of this request's own."""
NOTHING = Work()


@dataclass(frozen=True)
class Way:
    """The way a request carries its token."""

    name: str
    path: str
    headers: Callable[[str], Headers] = bearer
    method: str = "GET"
    content: bytes = b""

    async def go(self, app: object, token: str) -> bool:
        """Send a token and return whether it was accepted."""
        headers = self.headers(token)
        if self.method == "WebSocket":
            return (await open_websocket(app, self.path, headers=headers)).messages == ["alice"]
        async with client_of(app) as client:
            response = await client.request(
                self.method, self.path, headers=list(headers), content=self.content
            )
        return response.status_code == 200


def _with_csrf(token: str) -> Headers:
    return (browser.cookie(token), browser.csrf())


def _in_form(token: str) -> Headers:
    return (browser.cookie(token), (b"content-type", browser.FORM))


def _from_own_page(token: str) -> Headers:
    return (browser.cookie(token), browser.OWN)


FIELDS = b"note=x&csrf_token=" + browser.CSRF.encode()
BY_HEADER = Way("header", "/me")
SOCKET = Way("socket", "/ws", method="WebSocket")
WAYS = [
    BY_HEADER,
    SOCKET,
    Way("header, two requirements", "/twice"),
    Way("header, async check", "/checked-async"),
    Way("header, optional", "/maybe"),
    Way("cookie", "/browser/me", _with_csrf),
    Way("cookie, CSRF", "/browser/me", _with_csrf, "POST"),
    Way("cookie, CSRF in a form", "/browser/form", _in_form, "POST", FIELDS),
    Way("socket, two requirements", "/ws/orders", method="WebSocket"),
    Way("socket, cookie", "/browser/ws", _from_own_page, "WebSocket"),
]

SIGNERS = {"HS256": Key.from_secret(SECRET), "RS256": Key.from_jwk(JWKS["RSA"])}


def verifier(algorithm: str) -> CountingKey:
    """Return a counting key: the secret, or the public half of the RSA key."""
    if algorithm == "HS256":
        return CountingKey.from_secret(SECRET)
    return CountingKey.from_jwk(SIGNERS[algorithm].public_jwk())


def tokens(algorithm: str) -> tuple[str, str]:
    """Return two tokens with the same header that are valid for every way."""
    payload = shop_payload(scope="orders:read", csrf=browser.CSRF)
    key = SIGNERS[algorithm]
    return signed(payload, key=key), signed({**payload, "jti": "another"}, key=key)


@pytest.mark.parametrize("algorithm", SIGNERS)
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
async def test_each_thing_once(build: Build, clock: FrozenClock, way: Way, algorithm: str) -> None:
    """From the first request on, a token costs one verification and one parse of its payload."""
    key = verifier(algorithm)
    app = CountedApp(build(counted_engine(clock, key)))
    one, other = tokens(algorithm)

    assert [await way.go(app, token) for token in (one, one, other, one, other)] == [True] * 5

    assert app.work == [FIRST, REPEAT, NEW, REPEAT, REPEAT]
    assert key.verified == 2


@pytest.mark.parametrize("algorithm", SIGNERS)
async def test_side_by_side(build: Build, clock: FrozenClock, algorithm: str) -> None:
    """Twenty concurrent requests with one new token cost one verification."""
    key = verifier(algorithm)
    app = build(counted_engine(clock, key))
    token, _ = tokens(algorithm)

    assert await asyncio.gather(*(BY_HEADER.go(app, token) for _ in range(20))) == [True] * 20

    assert key.verified == 1


@pytest.mark.parametrize("algorithm", SIGNERS)
async def test_without_a_memory(build: Build, clock: FrozenClock, algorithm: str) -> None:
    """Without the signature cache, a repeated token costs the same as before."""
    engine = counted_engine(clock, verifier(algorithm), signature_cache_entries=0)
    app = CountedApp(build(engine))
    token, _ = tokens(algorithm)
    for _ in range(3):
        await BY_HEADER.go(app, token)

    assert app.work == [FIRST, NEW, NEW]


@pytest.mark.parametrize("way", [BY_HEADER, SOCKET], ids=lambda way: way.name)
async def test_a_forged_token(build: Build, clock: FrozenClock, way: Way) -> None:
    """A forged token costs one verification each time, and its claims are not parsed."""
    app = CountedApp(build(counted_engine(clock, verifier("HS256"))))
    good, _ = tokens("HS256")

    sent = (FORGED, FORGED, good, FORGED)
    assert [await way.go(app, token) for token in sent] == [False, False, True, False]

    # Its header is parsed until a token with this header has been verified.
    unread, known = Work(signatures=1, parses=1), Work(signatures=1)
    assert app.work == [unread, unread, FIRST, known]


async def test_an_expired_token(build: Build, clock: FrozenClock) -> None:
    """An expired token costs one verification, and its claims are parsed."""
    app = CountedApp(build(counted_engine(clock, verifier("HS256"))))
    token, _ = tokens("HS256")
    await BY_HEADER.go(app, token)
    clock.advance(900)

    assert not await BY_HEADER.go(app, token)
    assert app.work == [FIRST, NEW]


@pytest.mark.parametrize("path", ["/public", "/me", "/maybe"])
async def test_no_token(build: Build, clock: FrozenClock, path: str) -> None:
    """A request without a token costs no work."""
    app = CountedApp(build(counted_engine(clock, verifier("HS256"))))
    async with client_of(app) as client:
        response = await client.get(path)

    assert (response.status_code, app.work) == (401 if path == "/me" else 200, [NOTHING])
