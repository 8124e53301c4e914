"""The script on the page about browsers, in a real Chromium, with the program of each framework."""

import asyncio
import re

import pytest

from serving import served
from tests.docs.pages import ROOT
from tests.docs.test_browsers import LOGIN, app_of
from tests.e2e.pages import ACCESS, CSRF, REFRESH, cookies_of

TEXT = (ROOT / "docs" / "browsers.md").read_text(encoding="utf-8")
(SCRIPT,) = re.findall(r"^```javascript\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
FILES = {
    "/": (b"text/html", b"<!doctype html><title>Shop</title>"),
    "/api.js": (b"text/javascript", SCRIPT.encode()),
}
LOG_IN = """login => fetch("/session", {
    method: "POST", body: JSON.stringify(login), headers: {"Content-Type": "application/json"},
}).then(answer => answer.status)"""
ORDER = """async () => {
    const { api } = await import("/api.js");
    const answer = await api("/orders", { method: "POST" });
    return [answer.status, await answer.json()];
}"""
REFUSED = """performance.getEntriesByType("resource").filter(
    ({ name, responseStatus }) => name.endsWith("/orders") && responseStatus === 401
).length"""


@pytest.fixture(scope="module")
def site(framework):
    """Serve the program of the page, and the script."""
    program = asyncio.run(app_of(framework))

    async def app(scope, receive, send):
        if scope.get("path") not in FILES:
            await program(scope, receive, send)
            return
        media_type, body = FILES[scope["path"]]
        headers = [(b"content-type", media_type)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    with served(app, lifespan=False) as site:
        yield site


@pytest.fixture
def user(page):
    """Log in."""
    assert page.evaluate(LOG_IN, LOGIN) == 204
    return page


def refreshes(page):
    """Return a list that gets the request of each refresh."""
    found = []

    def keep(request):
        if request.url.endswith("/session/refresh"):
            found.append(request)

    page.context.on("request", keep)
    return found


def test_an_expired_access_token_is_replaced(user):
    """The browser drops the cookie when the token expires; the script refreshes and repeats the order."""
    sent = refreshes(user)
    assert user.evaluate(ORDER) == [200, {"ordered_by": "alice"}]
    user.context.clear_cookies(name=ACCESS)
    assert user.evaluate(ORDER) == [200, {"ordered_by": "alice"}]
    assert len(sent) == 1
    assert ACCESS in cookies_of(user)


def test_requests_of_one_tab_share_a_refresh(user):
    """Two orders that are refused during a refresh, here while another tab holds the lock, need no second one."""
    sent = refreshes(user)
    user.context.clear_cookies(name=ACCESS)
    held = "navigator.locks.request('refresh', () => new Promise(done => window.release = done))"
    user.evaluate(f"() => {{ {held}; window.both = Promise.all([({ORDER})(), ({ORDER})()]) }}")
    user.wait_for_function(f"({REFUSED}) === 2")
    user.evaluate("release()")
    assert [status for status, _ in user.evaluate("both")] == [200, 200]
    assert len(sent) == 1


def test_tabs_refresh_in_turn(user, site):
    """No tab sends the refresh token that another tab has already used."""
    tabs = [user, *(user.context.new_page() for _ in range(3))]
    for tab in tabs[1:]:
        tab.goto(site.origin)
    sent = refreshes(user)
    order = f"window.result = new Promise(done => new BroadcastChannel('go').onmessage = () => done(({ORDER})()))"
    for tab in tabs:
        tab.evaluate(f"() => {{ {order} }}")
    user.context.clear_cookies(name=ACCESS)
    user.evaluate("window.channel = new BroadcastChannel('go')")
    user.evaluate("() => channel.postMessage(null)")
    for tab in tabs:
        assert tab.evaluate("window.result") == [200, {"ordered_by": "alice"}]
    cookies = [request.all_headers()["cookie"] for request in sent]
    tokens = [re.search(f"{REFRESH}=([^;]*)", each)[1] for each in cookies]
    assert len(set(tokens)) == len(tokens) > 0


def test_without_a_login(page, user):
    """The status 401 is returned: at once without cookies, and after a refused refresh of an ended session."""
    sent = refreshes(page)
    user.context.clear_cookies()
    assert page.evaluate(ORDER)[0] == 401
    assert sent == []
    page.context.add_cookies([{"name": CSRF, "value": "x", "url": page.url, "secure": True}])
    assert page.evaluate(ORDER)[0] == 401
    assert len(sent) == 1
