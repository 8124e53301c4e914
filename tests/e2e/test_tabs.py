"""Several tabs of one browser refresh at the same moment, and nobody is logged out."""

import pytest
from playwright.sync_api import expect

from tests.e2e.pages import CSRF, REFRESH, another_client, click, log_in

ROUNDS = 50
# Every tab refreshes when it is told to, without a lock, and answers with the codes of its answers.
TAB = """() => {
    const post = async () => {
        const csrf = document.cookie.match(/__Host-csrf_token=([^;]*)/)[1];
        const headers = {"X-CSRF-Token": csrf};
        const answer = await fetch("/session/refresh", {method: "POST", headers});
        return (await answer.json()).code ?? answer.status;
    };
    const channel = new BroadcastChannel("tabs");
    channel.onmessage = async ({data}) => {
        if (data !== "refresh") return;
        const codes = [await post()];
        if (codes[0] === "refresh_token_superseded") codes.push(await post());
        channel.postMessage(codes);
    };
}"""
# The same with the page's own button, which refreshes under a lock.
PRESS = """() => {
    new BroadcastChannel("tabs").onmessage = () => document.getElementById("refresh").click();
}"""
# One tab tells all of them, waits for all of their answers, and begins again.
LEADER = """async ([tabs, rounds]) => {
    const channel = new BroadcastChannel("tabs");
    const answers = [];
    channel.onmessage = ({data}) => answers.push(data);
    for (let round = 1; round <= rounds; round++) {
        channel.postMessage("refresh");
        while (answers.length < tabs * round) await new Promise(done => setTimeout(done, 1));
    }
    return answers;
}"""


@pytest.fixture
def tabs(context, page, request):
    """Open as many tabs of one browser as the test asks for; the first one has logged in."""
    log_in(page)
    others = [context.new_page() for _ in range(request.param - 1)]
    for other in others:
        other.goto(page.url)
    return [page, *others]


@pytest.mark.parametrize("tabs", [2, 5, 8], indirect=True)
def test_tabs_that_refresh_at_the_same_moment_stay_logged_in(tabs):
    """Fifty times, and without a lock: each tab gets new cookies, at most after one retry."""
    for tab in tabs:
        tab.evaluate(TAB)
    answers = tabs[0].evaluate(LEADER, [len(tabs), ROUNDS])
    assert len(answers) == len(tabs) * ROUNDS
    assert {(codes[-1], len(codes)) for codes in answers} <= {(200, 1), (200, 2)}
    click(tabs[-1], "Read orders", 200, "orders_of: test")


@pytest.mark.parametrize("tabs", [8], indirect=True)
def test_tabs_of_the_page_refresh_in_turn(tabs):
    """The lock has each tab wait for the cookie of the one before: no two send the same token."""
    requests = []

    def keep(request):  # Playwright takes no method of a list
        requests.append(request)

    tabs[0].context.on("request", keep)
    for tab in tabs:
        tab.evaluate(PRESS)
    tabs[0].evaluate("new BroadcastChannel('tabs').postMessage('refresh')")
    for tab in tabs:
        expect(tab.locator("#log .said").first).to_have_text("Your session goes on.")
    assert len({request.all_headers()["cookie"] for request in requests}) == len(tabs)


def test_the_page_retries_with_its_current_cookie(page, site):
    """Refused because its token was replaced under way, it sends the newer one, once."""
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
    page.get_by_role("button", name="Refresh").click()
    newest = page.locator("#log .said")
    expect(newest.nth(1)).to_have_text("refresh_token_superseded")
    expect(newest.first).to_have_text("Your session goes on.")
