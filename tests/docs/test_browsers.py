"""The page about browsers: each of its three programs logs in, refreshes and logs out by cookie."""

import httpx
import pytest

from tests.docs.frameworks import FRAMEWORKS
from tests.docs.pages import ROOT, blocks_of, run

ORIGIN = "https://shop.example"
LOGIN = {"name": "alice", "password": "wonderland"}
*_PROGRAMS, _OTHER_ORIGINS = blocks_of(ROOT / "docs" / "browsers.md")
PROGRAMS = dict(zip(FRAMEWORKS, _PROGRAMS, strict=True))


async def app_of(framework):
    """Return the app of a program."""
    return (await run(PROGRAMS[framework], {"__name__": __name__}))["app"]


@pytest.fixture(params=FRAMEWORKS)
async def browser(request):
    """Return a client that keeps cookies, of the app in each framework."""
    transport = httpx.ASGITransport(app=await app_of(request.param))
    headers = {"Origin": ORIGIN}
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers=headers) as client:
        yield client


def csrf(browser):
    """Return the header that a script adds."""
    return {"X-CSRF-Token": browser.cookies["__Host-csrf_token"]}


async def test_a_session_by_cookie(browser):
    """A login, an order, a refresh and a logout; each write needs the CSRF token."""
    assert (await browser.post("/session", json=LOGIN)).status_code == 204
    old = dict(browser.cookies)
    assert (await browser.post("/orders")).json()["code"] == "csrf_missing"
    order = await browser.post("/orders", headers=csrf(browser))
    assert order.json() == {"ordered_by": "alice"}

    refreshed = await browser.post("/session/refresh", headers=csrf(browser))
    assert (refreshed.status_code, refreshed.headers["cache-control"]) == (204, "no-store")
    assert browser.cookies["__Host-access_token"] != old["__Host-access_token"]
    out = await browser.post("/session/logout", headers=csrf(browser))
    assert (out.status_code, dict(browser.cookies)) == (204, {})
    old_token = {"Authorization": f"Bearer {old['__Host-access_token']}"}
    assert (await browser.post("/orders", headers=old_token)).json()["code"] == "token_revoked"


async def test_a_login_of_another_site(browser):
    """It is refused before the password is checked, and sets no cookie; so is a wrong password."""
    answer = await browser.post("/session", json=LOGIN, headers={"Origin": "https://evil.example"})
    assert answer.json()["code"] == "origin_not_allowed"
    wrong = await browser.post("/session", json={**LOGIN, "password": "looking-glass"})
    assert wrong.status_code == 401
    assert not browser.cookies


async def test_allowing_pages_of_other_origins():
    """The carrier of the page accepts the origin that it names."""
    cookies = (await run(_OTHER_ORIGINS, {}))["cookies"]
    assert cookies.csrf.allowed_origins == {"https://app.example"}
