"""A real Chromium walks the page of the examples against each of the three services, over TLS.

The tests are plain functions: Playwright's own loop runs in this thread while it is open.
"""

import json
import os
from contextlib import contextmanager
from html import escape
from pathlib import Path
from urllib.parse import parse_qs

import httpx
import pytest
from playwright.sync_api import expect, sync_playwright

from serving import FRAMEWORKS, app_of, served

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
ACCESS, REFRESH, CSRF = "__Host-access_token", "__Secure-refresh_token", "__Host-csrf_token"
USER = {"username": "test", "password": "test"}
# The grace of a used refresh token, in the real time of the served example.
GRACE_MS = 10_000


@pytest.fixture(scope="module", params=FRAMEWORKS)
def site(request):
    """Serve the example in one framework."""
    with served(app_of(request.param)) as site:
        yield site


@pytest.fixture(scope="module")
def elsewhere():
    """Serve a page of somebody else, which sends a form to the address in its query at once.

    Sent as plain text, the form is JSON that logs in.
    """

    async def app(scope, receive, send):
        query = {name: value[0] for name, value in parse_qs(scope["query_string"].decode()).items()}
        target, kind = query.get("target", ""), query.get("kind", "")
        field = json.dumps(USER)[:-1] + ', "x":"'
        body = f"""<!doctype html><title>Elsewhere</title>
            <form method="post" action="{target}" enctype="{kind}">
            <input name="{escape(field)}" value="&quot;}}"></form>
            <script>if ("{target}") document.forms[0].submit()</script>"""
        headers = [(b"content-type", b"text/html")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body.encode()})

    with served(app, lifespan=False) as site:
        yield site


@pytest.fixture(scope="module")
def chromium(site, elsewhere):
    """Give the browser; skip with the command that installs it, or fail where it is required.

    It is closed before its servers are: they have nobody left to wait for.
    """
    if not Path(CHROMIUM).exists():
        message = f"There is no {CHROMIUM}. Install it with: apt-get install chromium"
        if os.environ.get("TOKENWARD_REQUIRE_SERVICES") == "1":
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium, site):
    """Give the page of the example, in a browser that has no cookies yet."""
    context = chromium.new_context(
        ignore_https_errors=True, viewport={"width": 1000, "height": 700}
    )
    page = context.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(site.origin)
    yield page
    context.close()
    assert errors == []


def click(page, button, status, said):
    """Press a button of the page, and see what its newest line says."""
    count = page.locator("#log li").count()
    page.get_by_role("button", name=button, exact=True).click()
    expect(page.locator("#log li")).to_have_count(count + 1)
    newest = page.locator("#log li").first
    expect(newest.locator(".status")).to_have_text(str(status))
    expect(newest.locator(".said")).to_have_text(said)


def log_in(page):
    """Log in, and give the cookies that the browser holds then."""
    click(page, "Log in", 200, "You are logged in.")
    return cookies_of(page)


def cookies_of(page):
    """Give what the browser holds, HttpOnly or not, by name."""
    return {cookie["name"]: cookie for cookie in page.context.cookies()}


@contextmanager
def another_client(site):
    """Give a client that has nothing to do with the browser."""
    with httpx.Client(base_url=site.origin, verify=site.tls) as client:
        yield client


def test_login_sets_the_cookies_as_promised(page):
    """Both tokens are HttpOnly, all are Secure, SameSite=Lax and this host's own, with their paths."""
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
    """It sees the CSRF token, and no other cookie, storage or answer has a token in it."""
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
    """A read needs the cookie alone, a post the CSRF token besides; without a login there is 401."""
    click(page, "Read orders", 401, "token_missing")
    log_in(page)
    click(page, "Read orders", 200, "orders_of: test")
    click(page, "Place an order", 200, "ordered_by: test")
    click(page, "Place one without CSRF token", 403, "csrf_missing")


def test_a_refresh_changes_both_tokens_and_ends_the_old_one(page, site):
    """The CSRF token stays the same; the old refresh token ends the session once its grace is over."""
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
        page.wait_for_timeout(GRACE_MS)
        answer = thief.post("/session/refresh", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "refresh_token_reused")
    click(page, "Read orders", 401, "token_revoked")


def test_a_form_of_another_site_comes_without_cookies(page, site, elsewhere):
    """SameSite=Lax withholds them: the forged post is one of nobody."""
    log_in(page)
    with page.expect_response(f"{site.origin}/orders") as answer:
        page.goto(f"https://127.0.0.1:{elsewhere.port}/?target={site.origin}/orders")
    assert answer.value.request.method == "POST"
    assert "cookie" not in answer.value.request.all_headers()
    assert (answer.value.status, answer.value.json()["code"]) == (401, "token_missing")
    assert set(cookies_of(page)) == {ACCESS, REFRESH, CSRF}


def test_a_form_of_another_origin_of_the_site_is_refused(page, site, elsewhere):
    """Another port is the same site, so the cookies come along: the origin gives it away."""
    log_in(page)
    with page.expect_response(f"{site.origin}/orders") as answer:
        page.goto(f"{elsewhere.origin}/?target={site.origin}/orders")
    assert ACCESS in answer.value.request.all_headers()["cookie"]
    assert (answer.value.status, answer.value.json()["code"]) == (403, "origin_not_allowed")


def test_a_form_of_another_site_cannot_log_in(page, site, elsewhere):
    """Its origin is not allowed, also where the framework parses plain text as JSON."""
    with page.expect_response(f"{site.origin}/session") as answer:
        address = f"https://127.0.0.1:{elsewhere.port}/?target={site.origin}/session"
        page.goto(f"{address}&kind=text/plain")
    assert json.loads(answer.value.request.post_data) == {**USER, "x": "="}
    # FastAPI refuses the media type before the route can look at the origin.
    assert answer.value.status in {403, 422}
    assert cookies_of(page) == {}


def test_a_websocket_of_another_origin_of_the_site_is_refused(page, site, elsewhere):
    """Its handshake brings the cookies too; a page that may connect sees it open."""
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
    """None is left, and a copy of the access token is no good any more."""
    before = log_in(page)
    click(page, "Log out", 200, "You are logged out.")
    assert cookies_of(page) == {}
    assert page.evaluate("document.cookie") == ""
    with another_client(site) as thief:
        answer = thief.get("/orders", headers={"Cookie": f"{ACCESS}={before[ACCESS]['value']}"})
    assert (answer.status_code, answer.json()["code"]) == (401, "token_revoked")


def test_an_expired_access_token_does_not_prevent_a_logout(page, site):
    """The refresh token in its cookie ends the session, so it is worth nothing from then on."""
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
    """Logged out everywhere from another client, it closes with 1008 and the reason."""
    log_in(page)
    page.get_by_role("button", name="Open WebSocket").click()
    expect(page.locator("#log .said").first).to_have_text("receive hello")
    with another_client(site) as phone:
        token = phone.post("/login", json=USER).json()["refresh_token"]
        headers = {"Authorization": f"Bearer {token}"}
        assert phone.post("/session/logout/everywhere", headers=headers).status_code == 200
    expect(page.locator("#socket")).to_have_text("closed: 1008 token_revoked")
    click(page, "Read orders", 401, "token_revoked")


def test_the_page_has_one_picture(page):
    """Everything that it does, for the documents; taken where TOKENWARD_TEST_SCREENSHOT says to."""
    click(page, "Read orders", 401, "token_missing")
    log_in(page)
    click(page, "Read orders", 200, "orders_of: test")
    click(page, "Refresh", 200, "Your session goes on.")
    click(page, "Place an order", 200, "ordered_by: test")
    click(page, "Place one without CSRF token", 403, "csrf_missing")
    page.get_by_role("button", name="Open WebSocket").click()
    expect(page.locator("#log .said").first).to_have_text("receive hello")
    if path := os.environ.get("TOKENWARD_TEST_SCREENSHOT"):
        page.screenshot(path=path)
