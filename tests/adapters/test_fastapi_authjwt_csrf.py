"""The CSRF protection of the drop-in's cookies, for both types of tokens."""

import pytest

from tests.adapters import authjwt_service
from tests.adapters.authjwt_service import BOTH, COOKIES, Service, configure, old_token

auth, service = authjwt_service.auth, authjwt_service.service  # fixtures

MISSING = (401, "Missing CSRF Token")
MISMATCH = (401, "CSRF double submit tokens do not match")
UNSAFE = ["POST", "PUT", "PATCH", "DELETE"]
KINDS = {"required": "access", "fresh": "access", "optional": "access", "refresh": "refresh"}


def cookie_of(path: str, **changes: object) -> dict[str, str]:
    """Return the cookie that a route requires."""
    kind = KINDS[path]
    token = old_token(**{"type": kind, "fresh": True, "csrf": "proof", **changes})
    return {f"{kind}_token_cookie": token}


@pytest.mark.parametrize("locations", [COOKIES, BOTH])
@pytest.mark.parametrize("method", UNSAFE)
@pytest.mark.parametrize("path", KINDS)
async def test_unsafe_methods(
    service: Service, path: str, method: str, locations: dict[str, object]
) -> None:
    """A request with an unsafe method must repeat the CSRF claim of its token."""
    configure(service.auth, **locations)
    cookie = cookie_of(path)

    async def send(headers: dict[str, str] | list[tuple[str, str]]) -> tuple[int, object]:
        status, said = await service.send(f"/{path}", method=method, headers=headers, **cookie)
        return (status, None) if status == 200 else (status, said)

    assert await send({"X-CSRF-Token": "proof"}) == (200, None)
    assert await send({}) == MISSING
    assert await send({"X-CSRF-Token": ""}) == MISSING
    assert await send({"X-CSRF-Token": "other"}) == MISMATCH
    assert await send([("X-CSRF-Token", "proof")] * 2) == MISMATCH


@pytest.mark.parametrize("path", KINDS)
async def test_safe_methods(service: Service, path: str) -> None:
    """A GET needs no CSRF token, and a wrong one is ignored."""
    configure(service.auth, **COOKIES)
    for headers in ({}, {"X-CSRF-Token": "other"}):
        assert (await service.send(f"/{path}", headers=headers, **cookie_of(path)))[0] == 200


@pytest.mark.parametrize("path", KINDS)
@pytest.mark.parametrize("claim", ["proof", None])
async def test_a_csrf_token_that_is_not_ascii(
    service: Service, path: str, claim: str | None
) -> None:
    """A CSRF token with bytes outside ASCII is refused without an internal error."""
    configure(service.auth, **COOKIES)
    kind = KINDS[path]
    cookie = cookie_of(path, csrf=claim)
    response = await service.client.post(
        f"/{path}",
        headers=[
            (b"cookie", f"{kind}_token_cookie={cookie[f'{kind}_token_cookie']}".encode()),
            (b"x-csrf-token", "prööf\udcff".encode(errors="surrogateescape")),
        ],
    )

    assert (response.status_code, response.json()["detail"]) == MISMATCH


@pytest.mark.parametrize("path", KINDS)
async def test_a_token_without_the_csrf_claim(service: Service, path: str) -> None:
    """A token without a CSRF claim is refused for unsafe methods."""
    configure(service.auth, **COOKIES)
    answer = await service.send(
        f"/{path}", method="POST", headers={"X-CSRF-Token": "x"}, **cookie_of(path, csrf=...)
    )

    assert answer == (422, "Missing claim: csrf")


async def test_header_names_of_either_kind(service: Service) -> None:
    """Each type of token may have its own CSRF header."""
    configure(
        service.auth, **COOKIES, access_csrf_header_name="X-A", refresh_csrf_header_name="X-R"
    )
    for path, right, wrong in (("required", "X-A", "X-R"), ("refresh", "X-R", "X-A")):
        cookie = cookie_of(path)
        good = await service.send(f"/{path}", method="POST", headers={right: "proof"}, **cookie)
        bad = await service.send(f"/{path}", method="POST", headers={wrong: "proof"}, **cookie)
        assert (good[0], bad) == (200, MISSING)


async def test_methods_of_the_settings(service: Service) -> None:
    """Only the methods of the settings are protected."""
    configure(service.auth, **COOKIES, csrf_methods={"get"})
    cookie = cookie_of("required")

    assert await service.send("/required", **cookie) == MISSING
    assert (await service.send("/required", method="POST", **cookie))[0] == 200


async def test_protection_is_off(service: Service) -> None:
    """With the protection disabled, no CSRF token is required."""
    configure(service.auth, **COOKIES, cookie_csrf_protect=False)

    assert (await service.send("/required", method="POST", **cookie_of("required")))[0] == 200


async def test_a_header_needs_no_csrf_token(service: Service) -> None:
    """A token in a header needs no CSRF token, because browsers do not send it by themselves."""
    configure(service.auth, **BOTH)

    assert (await service.send("/required", old_token(), method="POST"))[0] == 200


async def test_the_tokens_of_a_login(service: Service) -> None:
    """The cookies of a login are accepted, each with its own CSRF token."""
    configure(service.auth, **COOKIES)
    await service.client.post("/login")
    for path, kind in KINDS.items():
        proof = service.client.cookies[f"csrf_{kind}_token"]
        answer = await service.send(f"/{path}", method="POST", headers={"X-CSRF-Token": proof})
        assert answer[0] == 200
    await service.client.post("/logout")
    assert (await service.send("/required"))[0] == 401
