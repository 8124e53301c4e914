"""The drop-in's CSRF protection of cookies, for both kinds of tokens."""

import pytest

from tests.adapters import authjwt_service
from tests.adapters.authjwt_service import BOTH, COOKIES, Service, configure, old_token

auth, service = authjwt_service.auth, authjwt_service.service  # fixtures

MISSING = (401, "Missing CSRF Token")
MISMATCH = (401, "CSRF double submit tokens do not match")
UNSAFE = ["POST", "PUT", "PATCH", "DELETE"]
KINDS = {"required": "access", "fresh": "access", "optional": "access", "refresh": "refresh"}


def cookie_of(path: str, **changes: object) -> dict[str, str]:
    """Give the cookie that a route takes."""
    kind = KINDS[path]
    token = old_token(**{"type": kind, "fresh": True, "csrf": "proof", **changes})
    return {f"{kind}_token_cookie": token}


@pytest.mark.parametrize("locations", [COOKIES, BOTH])
@pytest.mark.parametrize("method", UNSAFE)
@pytest.mark.parametrize("path", KINDS)
async def test_unsafe_methods(
    service: Service, path: str, method: str, locations: dict[str, object]
) -> None:
    """A request that changes something must repeat what its token says."""
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
    """A GET needs nothing, and is not refused for a wrong one."""
    configure(service.auth, **COOKIES)
    for headers in ({}, {"X-CSRF-Token": "other"}):
        assert (await service.send(f"/{path}", headers=headers, **cookie_of(path)))[0] == 200


@pytest.mark.parametrize("path", KINDS)
@pytest.mark.parametrize("claim", ["proof", None])
async def test_a_proof_that_is_not_ascii(service: Service, path: str, claim: str | None) -> None:
    """Whatever bytes come as the proof, the request is refused, and nothing breaks."""
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
async def test_a_token_without_the_claim(service: Service, path: str) -> None:
    """A token that has no CSRF claim cannot be used for that."""
    configure(service.auth, **COOKIES)
    answer = await service.send(
        f"/{path}", method="POST", headers={"X-CSRF-Token": "x"}, **cookie_of(path, csrf=...)
    )

    assert answer == (422, "Missing claim: csrf")


async def test_header_names_of_either_kind(service: Service) -> None:
    """Each kind of token may have a header of its own."""
    configure(
        service.auth, **COOKIES, access_csrf_header_name="X-A", refresh_csrf_header_name="X-R"
    )
    for path, right, wrong in (("required", "X-A", "X-R"), ("refresh", "X-R", "X-A")):
        cookie = cookie_of(path)
        good = await service.send(f"/{path}", method="POST", headers={right: "proof"}, **cookie)
        bad = await service.send(f"/{path}", method="POST", headers={wrong: "proof"}, **cookie)
        assert (good[0], bad) == (200, MISSING)


async def test_methods_of_the_settings(service: Service) -> None:
    """The methods that the settings name are protected, and no others."""
    configure(service.auth, **COOKIES, csrf_methods={"get"})
    cookie = cookie_of("required")

    assert await service.send("/required", **cookie) == MISSING
    assert (await service.send("/required", method="POST", **cookie))[0] == 200


async def test_protection_is_off(service: Service) -> None:
    """Where it is switched off, nothing is asked for."""
    configure(service.auth, **COOKIES, cookie_csrf_protect=False)

    assert (await service.send("/required", method="POST", **cookie_of("required")))[0] == 200


async def test_a_header_needs_no_proof(service: Service) -> None:
    """A token in the header is sent by nobody unasked, and needs no CSRF token."""
    configure(service.auth, **BOTH)

    assert (await service.send("/required", old_token(), method="POST"))[0] == 200


async def test_the_tokens_of_a_login(service: Service) -> None:
    """What a login hands over opens the routes, each cookie with its own proof."""
    configure(service.auth, **COOKIES)
    await service.client.post("/login")
    for path, kind in KINDS.items():
        proof = service.client.cookies[f"csrf_{kind}_token"]
        answer = await service.send(f"/{path}", method="POST", headers={"X-CSRF-Token": proof})
        assert answer[0] == 200
    await service.client.post("/logout")
    assert (await service.send("/required"))[0] == 401
