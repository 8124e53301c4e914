"""Several tabs of one browser refresh at the same time, and the user stays logged in."""

import pytest
from playwright.sync_api import expect

from tests.e2e.pages import CSRF, REFRESH, another_client, click, log_in, opened
from tests.support import IS_DEEP

TABS = 8
ROUNDS = 50 if IS_DEEP else 10
# On a message in the channel "refresh", a tab refreshes without a lock and posts the codes of the
# responses. On one in "press" it clicks the page's button, which refreshes under a lock.
TAB = """index => {
    const post = async () => {
        const csrf = document.cookie.match(/__Host-csrf_token=([^;]*)/)[1];
        const headers = {"X-CSRF-Token": csrf};
        const answer = await fetch("/session/refresh", {method: "POST", headers});
        return (await answer.json()).code ?? answer.status;
    };
    const answers = new BroadcastChannel("answers");
    new BroadcastChannel("refresh").onmessage = async ({data: count}) => {
        if (index >= count) return;
        const codes = [await post()];
        if (codes[0] === "refresh_token_superseded") codes.push(await post());
        answers.postMessage(codes);
    };
    new BroadcastChannel("press").onmessage = () => document.getElementById("refresh").click();
}"""
# The first tab makes a number of tabs refresh, waits for all answers, and repeats this.
ROUND = """async ([count, rounds]) => {
    const orders = new BroadcastChannel("refresh");
    const incoming = new BroadcastChannel("answers");
    const answers = [];
    for (let round = 1; round <= rounds; round++) {
        await new Promise(done => {
            incoming.onmessage = ({data}) => {
                if (answers.push(data) === count * round) done();
            };
            orders.postMessage(count);
        });
    }
    orders.close();
    incoming.close();
    return answers;
}"""


@pytest.fixture(scope="module")
def browser(chromium, site):
    """Open eight tabs of one browser."""
    with opened(chromium) as context:
        tabs = [context.new_page() for _ in range(TABS)]
        for index, tab in enumerate(tabs):
            tab.goto(site.origin)
            tab.evaluate(TAB, index)
        yield tabs


@pytest.fixture
def tabs(browser):
    """Log in in the first tab."""
    log_in(browser[0])
    return browser


@pytest.mark.parametrize("count", [2, TABS])
def test_tabs_that_refresh_at_the_same_moment_stay_logged_in(tabs, count):
    """Without a lock, each tab gets new cookies each time, after one retry at most."""
    answers = tabs[0].evaluate(ROUND, [count, ROUNDS])
    assert len(answers) == count * ROUNDS
    assert {(codes[-1], len(codes)) for codes in answers} <= {(200, 1), (200, 2)}
    click(tabs[-1], "Read orders", 200, "orders_of: test")


def test_tabs_of_the_page_refresh_in_turn(tabs):
    """With the lock, each tab waits for the cookie of the tab before it, and no token is sent twice."""
    requests = []

    def keep(request):  # Playwright does not accept a method of a list
        requests.append(request)

    tabs[0].context.on("request", keep)
    tabs[0].evaluate("new BroadcastChannel('press').postMessage(null)")
    for tab in tabs:
        expect(tab.locator("#log .said").first).to_have_text("Your session goes on.")
    assert len({request.all_headers()["cookie"] for request in requests}) == TABS


def test_the_page_retries_with_its_current_cookie(page, site):
    """If the token was replaced during the request, the page retries once with the newer token."""
    before = log_in(page)
    click(page, "Refresh", 200, "Your session goes on.")
    click(page, "Refresh", 200, "Your session goes on.")

    def send_before(route):
        with another_client(site) as client:
            cookie = f"{REFRESH}={before[REFRESH]['value']}"
            headers = {"Cookie": cookie, "X-CSRF-Token": before[CSRF]["value"]}
            answer = client.post("/session/refresh", headers=headers)
        route.fulfill(status=answer.status_code, body=answer.text)

    page.route("**/session/refresh", send_before, times=1)
    page.get_by_role("button", name="Refresh", exact=True).click()
    newest = page.locator("#log .said")
    expect(newest.nth(1)).to_have_text("refresh_token_superseded")
    expect(newest.first).to_have_text("Your session goes on.")
