"""Where a request carries a token: ``Authorization``, other headers, the query, a subprotocol."""

from collections.abc import Iterator

from fuzz.harness import NOW, finished, fuzz, instrumented
from fuzz.http_text import RequestText, fields_of, session_of

with instrumented(__name__):
    from tokenward import BearerHeader, Claims, KeyRing, MemoryStore, TokenEngine
    from tokenward.errors import TokenError
    from tokenward.http import (
        Authenticator,
        Carrier,
        HeaderCarrier,
        QueryCarrier,
        Refusal,
        RequestView,
        Requirement,
        WebSocketProtocolCarrier,
    )

_ENGINE = TokenEngine(
    KeyRing.from_secret(b"a secret of the fuzz targets, 32+ bytes"),
    store=MemoryStore(),
    clock=lambda: NOW,
)
_SESSION = session_of(_ENGINE)
_CARRIERS: list[Carrier] = [
    BearerHeader(),
    BearerHeader(name="X-Token", scheme="Token"),
    HeaderCarrier("X-Jwt", allowed_origins=["https://app.example"]),
    QueryCarrier(),
    WebSocketProtocolCarrier(),
]
_HEADERS = (b"authorization", b"x-token", b"x-jwt", b"sec-websocket-protocol")
_AUTHENTICATOR = Authenticator(_ENGINE, carriers=_CARRIERS)
_REQUIREMENTS: list[Requirement[Claims]] = [
    Requirement(optional=True),
    Requirement(scopes=["orders:read"], fresh=True),
    Requirement(scopes=["orders:write"]),
    *(Requirement(carriers=[carrier]) for carrier in _CARRIERS),
]


def check(data: bytes) -> None:
    """Authenticate a request for several routes, and render each refusal."""
    request = RequestText.parse(_SESSION.fill(data))
    for requirement in _REQUIREMENTS:
        view = RequestView(request.scope, request.read_body)
        try:
            claims = finished(_AUTHENTICATOR.authenticate(view, requirement))
        except TokenError as error:
            _check_refusal(_AUTHENTICATOR.refusal(error, requirement))
            continue
        if claims is None:
            assert requirement.optional, "A request without a token is accepted."
            continue
        assert claims.type == "access", "A refresh token is accepted."
        assert _carries(request), "A request is accepted without its token."
        assert "orders:write" not in requirement.scopes, "The required scope is missing."


def _check_refusal(refusal: Refusal) -> None:
    lines = "".join(refusal.headers.values())
    assert 400 <= refusal.status < 600
    assert lines.isprintable()
    assert lines.isascii(), "A refusal has a header that cannot be sent."


def _carries(request: RequestText) -> bool:
    """Whether the request has the access token in a place that is not ambiguous."""
    values = [request.values(name) for name in _HEADERS]
    tokens = fields_of(request.query).get("access_token", [])
    found = [each for value in values for each in value] + [each.encode() for each in tokens]
    return any(_SESSION.access in each for each in found)


def seeds() -> Iterator[bytes]:
    """Return requests with each carrier, with two tokens, and with other schemes."""
    for line in (
        b"Authorization: Bearer {access}",
        b"Authorization:\tbearer  {access} ",
        b"Authorization: Basic eDp5\nX-Token: Token {access}",
        b"Authorization: Bearer {access}\nAuthorization: Bearer {access}",
        b"Authorization: Bearer {refresh}",
        b"X-Jwt: {access}\nOrigin: https://app.example\nSec-Fetch-Site: same-site",
        b"X-Jwt: {access}\nOrigin: https://shop.example\nHost: shop.example",
        b"Authorization: Bearer {access}\nX-Token: Token {refresh}",
    ):
        yield b"GET /\n" + line
        yield b"POST /\n" + line
    yield b"GET /?access_token={access}&a=%20"
    yield b"GET /?a=1&access%5Ftoken={access}&access_token=%FF+"
    yield b"WS /\nSec-WebSocket-Protocol: bearer, {access}"
    yield b"WS /?x\nSec-WebSocket-Protocol: chat, bearer\nSec-WebSocket-Protocol: {access}, bearer"


if __name__ == "__main__":
    fuzz(check)
