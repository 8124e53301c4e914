"""A real Chromium uses the page of the examples with each of the three services, over TLS.

The tests are plain functions, because Playwright's event loop runs in this thread.
"""

import json
import os

from playwright.sync_api import expect

from tests.e2e.pages import (
    ACCESS,
    CSRF,
    REFRESH,
    USER,
    another_client,
    click,
    cookies_of,
    log_in,
    log_in_elsewhere,
)


def test_login_sets_the_cookies_as_promised(page):
    """Both tokens are HttpOnly; all cookies are Secure, SameSite=Lax, without domain, with their paths."""
    cookies = log_in(page)
    seen = {
        name: (each["httpOnly"], each["secure"], each["sameSite"], each["domain"], each["path"])
        for name, each in cookies.items()
    }
    assert seen == {
        ACCESS: (True, True, "Lax", "localhost", "/"),
        REFRESH: (True, True, "Lax", "localhost", "/session"),
        CSRF: (False, True, "Lax", "localhost", "/"),
    }


def test_no_script_can_read_the_tokens(page):
    """Scripts see the CSRF token; no other cookie, storage or response contains a token."""
    cookies = log_in(page)
    assert page.evaluate("document.cookie") == f"{CSRF}={cookies[CSRF]['value']}"
    names = page.evaluate("cookieStore.getAll().then(all => all.map(each => each.name))")
    assert names == [CSRF]
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0
    click(page, "Refresh", 200, "Your session goes on.")
    answer = page.evaluate(
        """csrf => fetch("/session/refresh", {method: "POST", headers: {"X-CSRF-Token": csrf}})
        .then(async answer => [await answer.text(), ...answer.headers].join())""",
        cookies[CSRF]["value"],
    )
    tokens = [cookies_of(page)[name]["value"] for name in (ACCESS, REFRESH)]
    assert not any(token in answer + page.content() for token in tokens)


def test_the_page_reads_posts_and_refreshes(page):
    """A read needs only the cookie, a post also the CSRF token; without a login the answer is 401."""
    click(page, "Read orders", 401, "token_missing")
    log_in(page)
    click(page, "Read orders", 200, "orders_of: test")
    click(page, "Place an order", 200, "ordered_by: test")
    click(page, "Place one without CSRF token", 403, "csrf_missing")


def test_a_refresh_replaces_both_tokens(page, site):
    """A refresh keeps the CSRF token, and the old refresh token is refused."""
    before = log_in(page)
    click(page, "Refresh", 200, "Your session goes on.")
    after = cookies_of(page)
    changed = {name for name in after if after[name]["value"] != before[name]["value"]}
    assert changed == {ACCESS, REFRESH}
    click(page, "Place an order", 200, "ordered_by: test")
    click(page, "Refresh", 200, "Your session goes on.")
    with another_client(site) as thief:
        stolen = f"{REFRESH}={before[REFRESH]['value']}"
        headers = {"Cookie": stolen, "X-CSRF-Token": before[CSRF]["value"]}
        answer = thief.post("/session/refresh", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "refresh_token_superseded")
    click(page, "Read orders", 200, "orders_of: test")


def test_a_form_of_another_site_is_sent_without_cookies(page, site, elsewhere):
    """A form of another site is sent without cookies because of SameSite=Lax, and is refused."""
    log_in(page)
    with page.expect_response(f"{site.origin}/orders") as answer:
        page.goto(f"https://127.0.0.1:{elsewhere.port}/?target={site.origin}/orders")
    assert answer.value.request.method == "POST"
    assert "cookie" not in answer.value.request.all_headers()
    assert (answer.value.status, answer.value.json()["code"]) == (401, "token_missing")
    assert set(cookies_of(page)) == {ACCESS, REFRESH, CSRF}


def test_a_form_of_another_origin_of_the_site_is_refused(page, site, elsewhere):
    """A form of another port, which is the same site, is sent with cookies; its origin is refused."""
    log_in(page)
    with page.expect_response(f"{site.origin}/orders") as answer:
        page.goto(f"{elsewhere.origin}/?target={site.origin}/orders")
    assert ACCESS in answer.value.request.all_headers()["cookie"]
    assert (answer.value.status, answer.value.json()["code"]) == (403, "origin_not_allowed")


def test_a_form_of_another_site_cannot_log_in(page, site, elsewhere):
    """A login from another site is refused, even if the framework parses plain text as JSON."""
    with page.expect_response(f"{site.origin}/session") as answer:
        address = f"https://127.0.0.1:{elsewhere.port}/?target={site.origin}/session"
        page.goto(f"{address}&kind=text/plain")
    assert json.loads(answer.value.request.post_data) == {**USER, "x": "="}
    # FastAPI refuses the media type before the route can check the origin.
    assert answer.value.status in {400, 403}
    assert cookies_of(page) == {}


def test_a_websocket_of_another_origin_of_the_site_is_refused(page, site, elsewhere):
    """The handshake is sent with cookies and refused; the service's own page can connect."""
    log_in(page)
    connect = """address => new Promise(resolve => {
        const socket = new WebSocket(address);
        socket.onopen = () => resolve("open");
        socket.onclose = () => resolve("refused");
    })"""
    address = f"wss://localhost:{site.port}/ws"
    assert page.evaluate(connect, address) == "open"
    page.goto(elsewhere.origin)
    assert page.evaluate(connect, address) == "refused"


def test_logout_removes_the_cookies(page, site):
    """After a logout no cookie is left, and a copy of the access token is refused."""
    before = log_in(page)
    click(page, "Log out", 200, "You are logged out.")
    assert cookies_of(page) == {}
    assert page.evaluate("document.cookie") == ""
    with another_client(site) as thief:
        answer = thief.get("/orders", headers={"Cookie": f"{ACCESS}={before[ACCESS]['value']}"})
    assert (answer.status_code, answer.json()["code"]) == (401, "token_revoked")


def test_an_expired_access_token_does_not_prevent_a_logout(page, site):
    """The refresh cookie alone ends the session; the refresh token is then refused."""
    before = log_in(page)
    page.context.clear_cookies(name=ACCESS)  # as the browser does when the token expires
    click(page, "Read orders", 401, "token_missing")
    click(page, "Log out", 200, "You are logged out.")
    assert cookies_of(page) == {}
    with another_client(site) as thief:
        copied = f"{REFRESH}={before[REFRESH]['value']}"
        headers = {"Cookie": copied, "X-CSRF-Token": before[CSRF]["value"]}
        answer = thief.post("/session/refresh", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "token_revoked")


def test_the_websocket_closes_when_the_session_is_revoked(page, site):
    """A logout from another client closes the WebSocket with 1008 and the reason."""
    log_in(page)
    page.get_by_role("button", name="Open WebSocket").click()
    expect(page.locator("#log .said").first).to_have_text("receive hello")
    with another_client(site) as phone:
        token = phone.post("/login", json=USER).json()["refresh_token"]
        headers = {"Authorization": f"Bearer {token}"}
        assert phone.post("/session/logout/everywhere", headers=headers).status_code == 200
    expect(page.locator("#socket")).to_have_text("closed: 1008 token_revoked")
    click(page, "Read orders", 401, "token_revoked")


def test_the_screenshot_of_the_page(page, site):
    """Save a screenshot of every action for the docs, to the path in TOKENWARD_TEST_SCREENSHOT."""
    click(page, "Read orders", 401, "token_missing")
    log_in(page)
    click(page, "Read orders", 200, "orders_of: test")
    click(page, "Place an order", 200, "ordered_by: test")
    click(page, "Place one without CSRF token", 403, "csrf_missing")
    page.get_by_role("button", name="Open WebSocket").click()
    expect(page.locator("#log .said").first).to_have_text("receive hello")
    click(page, "Refresh", 200, "Your session goes on.")
    log_in_elsewhere(site, device="My phone")
    page.get_by_role("button", name="Show your devices").click()
    expect(page.locator("#devices .name").first).to_have_text("My phone")
    if path := os.environ.get("TOKENWARD_TEST_SCREENSHOT"):
        page.screenshot(path=path, full_page=True)
