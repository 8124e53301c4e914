"""A visitor of the page replays the old refresh token; the service's clock is a fake."""

import sys
import time

import pytest
from playwright.sync_api import expect

import shop
from browser_page import BrowserPage
from serving import EXAMPLES, app_of, served
from tests.e2e.pages import ACCESS, REFRESH, click, cookies_of, log_in
from tests.support import SECRET, FrozenClock
from tokenward import KeyRing, MemoryStore, TokenEngine
from tokenward.engine import SessionList

REPLAY, GOES_ON = "Replay the old refresh token", "Your session goes on."


@pytest.fixture(scope="module")
def clock():
    """Return the clock of the service."""
    return FrozenClock(time.time())


@pytest.fixture(scope="module")
def site(framework, clock):
    """Serve the page, and the example with an engine that has this clock."""
    app_of(framework)  # so that the module comes back afterwards
    engine = TokenEngine(
        KeyRing.from_secret(SECRET),
        policy=shop.engine.policy,
        claims_model=shop.ShopClaims,
        store=MemoryStore(),
        clock=clock,
        session_list=SessionList(),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shop, "engine", engine)
        patch.delitem(sys.modules, EXAMPLES[framework])
        with served(BrowserPage(app_of(framework))) as site:
            yield site


def test_a_replay_after_the_grace_ends_the_session_of_the_visitor(context, site, clock):
    """Within the grace the thief gets the same pair; after it the session ends, and the page says why."""
    page = context.new_page()
    page.clock.install(time=clock.now)
    page.goto(site.origin)
    page.clock.pause_at(clock.now + 60)
    meaning, grace = page.locator("#log .means").first, page.locator("#grace")
    expect(grace).to_have_text("Refresh first.")
    log_in(page)
    click(page, "Refresh", 200, GOES_ON)
    before = cookies_of(page)

    expect(grace).to_have_text("The old token still works for 10 s.")
    click(page, REPLAY, 200, GOES_ON)
    expect(meaning).to_contain_text("a quick thief gets them too")
    after = cookies_of(page)
    assert {name: after[name]["value"] for name in after} == {
        name: before[name]["value"] for name in before
    }
    click(page, "Read orders", 200, "orders_of: test")

    clock.advance(10)
    page.clock.run_for(10_000)
    expect(grace).to_have_text("The ten seconds are over. A replay now ends the session.")
    click(page, REPLAY, 401, "refresh_token_reused")
    expect(meaning).to_contain_text("The session has ended for the thief and for you")
    click(page, "Read orders", 401, "token_revoked")
    expect(meaning).to_have_text("The session has ended. Log in again.")
    expect(page.locator("[aria-current=step] h2")).to_have_text("Log in")
    click(page, "Refresh", 401, "token_revoked")

    log_in(page)
    click(page, "Read orders", 200, "orders_of: test")
    click(page, REPLAY, 409, "nothing_stolen")


def test_the_answer_to_the_thief_has_no_cookies(context, site):
    """The browser cannot store the thief's tokens, and no script sees them."""
    page = context.new_page()
    page.goto(site.origin)
    log_in(page)
    click(page, "Refresh", 200, GOES_ON)
    with page.expect_response("**/thief") as answer:
        click(page, REPLAY, 200, GOES_ON)
    sent = {each["name"].lower(): each["value"] for each in answer.value.headers_array()}
    assert not {"set-cookie", "demo-cookies"} & set(sent)
    tokens = [cookies_of(page)[name]["value"] for name in (ACCESS, REFRESH)]
    assert not any(token in answer.value.text() for token in tokens)
