"""What the page of the examples shows, in a real Chromium; its framework does not matter."""

import time

import pytest
from playwright.sync_api import expect

from tests.e2e.pages import ACCESS, CSRF, REFRESH, click, log_in, log_in_elsewhere

# For each text of the page, the contrast with its background (WCAG 2.2, §1.4.3).
CONTRASTS = """() => {
    const channels = (color) => color.match(/[0-9.]+/g).map(Number);
    const luminance = (color) => {
        const [r, g, b] = channels(color).slice(0, 3).map((each) => each / 255).map(
            (each) => each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const background = (element) => {
        const color = getComputedStyle(element).backgroundColor;
        return channels(color)[3] === 0 ? background(element.parentElement) : color;
    };
    const texts = [...document.body.querySelectorAll("*")].filter((element) =>
        element.checkVisibility() && (element.matches("input") ||
        [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim())));
    return texts.map((element) => {
        const both = [getComputedStyle(element).color, background(element)].map(luminance);
        return [element.textContent, (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05)];
    });
}"""


@pytest.fixture(scope="module")
def framework():
    """Return the name of one framework: the page is the same for all."""
    return "fastapi"


def current_step(page):
    """Return the heading of the step that the page marks as the next one."""
    return page.locator("[aria-current=step] h2").inner_text()


def test_the_page_says_what_to_do_first_and_next(page):
    """Numbered steps; the next one is marked after every answer, and is the login once a session ends."""
    steps = page.get_by_role("list", name="Steps").get_by_role("heading").all_inner_texts()
    assert steps == [
        "Log in",
        "Use the session",
        "Refresh",
        "Replay the old refresh token",
        "Log out",
    ]
    assert current_step(page) == "Log in"
    log_in(page)
    assert current_step(page) == "Use the session"
    click(page, "Place an order", 200, "ordered_by: test")
    assert current_step(page) == "Refresh"
    click(page, "Refresh", 200, "Your session goes on.")
    assert current_step(page) == "Replay the old refresh token"
    page.reload()
    assert current_step(page) == "Refresh"
    click(page, "Log out", 200, "You are logged out.")
    assert current_step(page) == "Log in"


def test_the_page_shows_when_each_cookie_expires(page):
    """Names, lifetimes and paths are those of the browser's cookies, without any value."""
    listed = page.locator("#cookies li")
    expect(listed).to_have_text(["None: log in first."])
    cookies = log_in(page)
    hidden, every = "HttpOnly: no script can read it", "Sent with every request"
    expect(listed).to_contain_text([
        f"{ACCESS}{hidden}{every}Expires in 15 min",
        f"{REFRESH}{hidden}Sent to /session and belowExpires in 14 days",
        f"{CSRF}Scripts can read it{every}Expires in 14 days",
    ])  # fmt: skip
    times = page.locator("#cookies time").evaluate_all(
        "all => all.map(each => Date.parse(each.dateTime) / 1000)"
    )
    for name, shown in zip((ACCESS, REFRESH, CSRF), times, strict=True):
        assert shown == pytest.approx(cookies[name]["expires"], abs=60)
        assert cookies[name]["value"] not in page.locator("#cookies").inner_text()

    page.reload()
    expect(listed).to_have_text([
        "There are cookies of an earlier visit. Refresh to see when they expire."
    ])  # fmt: skip
    click(page, "Refresh", 200, "Your session goes on.")
    expect(listed).to_have_count(3)
    click(page, "Log out", 200, "You are logged out.")
    expect(listed).to_have_text(["None: log in first."])


def test_the_page_shows_that_a_cookie_has_expired(context, site):
    """The lifetimes count down while the page is open."""
    page = context.new_page()
    now = time.time()
    page.clock.install(time=now)
    page.goto(site.origin)
    page.clock.pause_at(now + 60)
    log_in(page)
    access = page.locator("#cookies time").first
    page.clock.run_for(14 * 60_000)
    expect(access).to_contain_text("Expires in 60 s")
    page.clock.run_for(61_000)
    expect(access).to_contain_text("Expired ")
    expect(page.locator("#cookies time").nth(1)).to_contain_text("Expires in 14 days")


def test_the_page_explains_each_refusal(page):
    """Beside the code there is a sentence that says what it means."""
    meaning = page.locator("#log .means").first
    click(page, "Read orders", 401, "token_missing")
    expect(meaning).to_have_text("The request has no token. Log in first.")
    click(page, "Replay the old refresh token", 409, "nothing_stolen")
    expect(meaning).to_have_text("The thief has no token of this session. Refresh first.")
    log_in(page)
    click(page, "Place one without CSRF token", 403, "csrf_missing")
    expect(meaning).to_contain_text("like the form of another site")


def test_the_page_loads_nothing_from_elsewhere(context, site):
    """Every request goes to the service itself, and the browser blocks nothing of the page."""
    requests, said = [], []
    context.on("request", lambda request: requests.append(request.url))
    context.on("console", lambda message: said.append(message.text))
    page = context.new_page()
    page.goto(site.origin)
    click(page, "Read orders", 401, "token_missing")
    paths = {url.removeprefix(site.origin) for url in requests if not url.startswith("data:")}
    assert paths == {"/", "/page.css", "/page.js", "/orders"}
    assert not [text for text in said if "Content Security Policy" in text]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_readable_on_a_phone(chromium, site, scheme):
    """Nothing is wider than the screen, buttons fit a finger, and every text has enough contrast."""
    with chromium.new_context(
        ignore_https_errors=True,
        viewport={"width": 360, "height": 640},
        color_scheme=scheme,
        has_touch=True,
    ) as context:
        page = context.new_page()
        page.goto(site.origin)
        click(page, "Read orders", 401, "token_missing")
        log_in(page)
        log_in_elsewhere(site, device="A" * 100)
        page.get_by_role("button", name="Show your devices").click()
        expect(page.locator("#devices .name").first).to_have_text("A" * 100)
        click(page, "Place one without CSRF token", 403, "csrf_missing")
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        for button in page.get_by_role("button").all():
            assert button.bounding_box()["height"] >= 44
        # The newest answer is visible beside the button, though the log is far below.
        expect(page.locator("#latest .said")).to_have_text("csrf_missing")
        expect(page.locator("#latest")).to_be_in_viewport()
        contrasts = page.evaluate(CONTRASTS)
        assert len(contrasts) > 30
        assert [each for each in contrasts if each[1] < 4.5] == []
        luminance = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        is_dark = sum(map(int, luminance.strip("rgb()").split(","))) < 3 * 128
        assert is_dark == (scheme == "dark")
