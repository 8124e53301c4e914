"""The drop-in checks the origin of a WebSocket handshake with a cookie."""

import pytest

from tests.adapters import authjwt_service
from tests.adapters.authjwt_service import BOTH, COOKIES, Service, configure, old_token
from tests.adapters.test_fastapi_authjwt_websocket import KINDS, by_cookie
from tokenward.testing.adapters.websocket_client import open_websocket
from tokenward_fastapi.authjwt import AuthJWT

auth, service = authjwt_service.auth, authjwt_service.service  # fixtures

EVIL = [(b"origin", b"https://evil.example")]


@pytest.mark.parametrize(
    ("path", "locations", "is_protected"),
    [
        *((path, COOKIES, True) for path in KINDS),
        ("required", COOKIES, False),
        ("required", BOTH, True),
        ("required", BOTH, False),
    ],
)
@pytest.mark.parametrize(
    ("headers", "is_allowed"),
    [
        ([], True),
        ([(b"origin", b"https://shop.example")], True),
        ([(b"origin", b"http://shop.example")], True),
        ([(b"origin", b"https://app.example")], True),
        ([(b"sec-fetch-site", b"same-origin"), *EVIL], True),
        (EVIL, False),
        ([(b"origin", b"https://shop.example:8000")], False),
        ([(b"origin", b"https://shop.example.evil.example")], False),
        ([(b"origin", b"null")], False),
        ([(b"origin", b"")], False),
        ([(b"origin", b"https://shop.example"), *EVIL], False),
        ([(b"sec-fetch-site", b"cross-site")], False),
        ([(b"sec-fetch-site", b"same-site")], False),
    ],
)
async def test_origin_of_a_cookie(
    service: Service,
    path: str,
    headers: list[tuple[bytes, bytes]],
    is_allowed: bool,
    is_protected: bool,
    locations: dict[str, object],
) -> None:
    """Pages of the service's own origin and of allowed origins can open a WebSocket with a cookie."""
    configure(
        service.auth,
        **locations,
        cookie_csrf_protect=is_protected,
        allowed_origins=["https://app.example"],
    )
    outcome = await by_cookie(service, path, "proof", headers)

    assert outcome.messages == (["alice"] if is_allowed else [])
    assert outcome.close_reason == (
        "" if is_allowed else "Requests from this origin are not allowed."
    )
    assert is_allowed or (outcome.accepted, outcome.close_code) == (False, 1008)


async def test_origin_of_a_service_with_secure_cookies(service: Service) -> None:
    """With secure cookies, the service's own origin must use https."""
    configure(service.auth, **COOKIES, cookie_secure=True)
    opened = await by_cookie(service, "required", "proof", [(b"origin", b"https://shop.example")])
    closed = await by_cookie(service, "required", "proof", [(b"origin", b"http://shop.example")])

    assert (opened.accepted, closed.accepted) == (True, False)


@pytest.mark.parametrize("path", ["required", "request/required"])
async def test_origin_is_not_checked_without_a_cookie(service: Service, path: str) -> None:
    """The origin is not checked for a token in a header or in the query: other pages do not have it."""
    configure(service.auth, **BOTH)
    headers = [*EVIL, (b"authorization", f"Bearer {old_token()}".encode())]
    query = f"token={old_token()}".encode()
    outcome = await open_websocket(service.app, f"/ws/{path}", query=query, headers=headers)

    assert outcome.messages == ["alice"]


@pytest.mark.parametrize("origins", ["https://a.example", ["https://a.example/"], ["*"], [5], 5])
def test_allowed_origins_are_origins(auth: type[AuthJWT], origins: object) -> None:
    """An allowed origin that is not an origin is refused when the settings are loaded."""
    with pytest.raises(
        ValueError, match=r"allowed_origins|Each allowed origin must be a scheme and a host"
    ):
        configure(auth, allowed_origins=origins)
