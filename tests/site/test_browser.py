"""The site in a browser: on a phone, without scripts, in the dark, and its search."""

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import sync_playwright

from tests.site.conftest import CHROMIUM

PAGES = [
    "index",
    "start",
    "architecture",
    "genindex",
    "providers/index",
    "routes",
    "keys",
    "verification",
    "threat-model",
    "errors",
    "api/tokenward",
    "api/tokenward_fastapi",
]
# Of each part of a name that has only letters: the part, and on how many lines it is.
LINES_OF_WORDS = """
elements => elements.flatMap(element => [...element.childNodes]).flatMap(node => {
  const range = document.createRange();
  range.selectNodeContents(node);
  return /^\\w+$/.test(node.textContent) ? [[node.textContent, range.getClientRects().length]] : [];
})
"""
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and writes no log."""

    def log_message(self, *_):
        """Write nothing."""


@pytest.fixture(scope="module")
def address(site):
    """Serve the site, and return its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def browser(site):
    """Start a browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        browser.close()


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_page_fits_and_can_be_read(browser, address, size, scripts):
    """Its text is visible, and the page does not scroll sideways."""
    context = browser.new_context(viewport=size, java_script_enabled=scripts)
    page = context.new_page()
    for name in PAGES:
        page.goto(f"{address}/{name}.html")
        assert page.locator("article h1").is_visible()
        if scripts:
            wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            assert wide <= 0, name
    context.close()


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_no_word_of_a_name_in_a_table_is_broken(browser, address, size):
    """The name of an error is read at a glance, however narrow its column."""
    page = browser.new_page(viewport=size)
    for name in ("errors", "routes", "settings", "providers/index"):
        page.goto(f"{address}/{name}.html")
        lines = page.locator("article td code .pre").evaluate_all(LINES_OF_WORDS)
        assert len(lines) > 20
        assert not [word for word, count in lines if count > 1], name
    page.close()


def test_the_program_of_each_framework_is_one_tab_away(browser, address):
    """Also without scripts."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/start.html")
    program = page.get_by_text("app = Quart(__name__)")
    assert not program.is_visible()
    page.locator("label.sd-tab-label", has_text="Quart").nth(1).click()
    assert program.is_visible()
    context.close()


def test_the_search_finds_a_setting(browser, address):
    """The name of a setting leads to the page that explains it."""
    page = browser.new_page()
    page.goto(f"{address}/search.html?q=reuse_grace")
    page.locator("ul.search li a").first.wait_for()
    assert page.get_by_role("link", name="Sessions and refresh token reuse").count()
    page.close()


def test_a_reader_can_choose_the_dark(browser, address):
    """By the setting of the machine, also without scripts, and by a button."""
    for scripts in (True, False):
        context = browser.new_context(color_scheme="dark", java_script_enabled=scripts)
        page = context.new_page()
        page.goto(f"{address}/start.html")
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert sum(int(part) for part in colour.strip("rgba()").split(",")[:3]) < 150
        assert page.locator("button.theme-toggle").count()
        context.close()


def test_a_program_can_be_copied(browser, address):
    """Each block of code has a button."""
    page = browser.new_page()
    page.goto(f"{address}/start.html")
    page.locator("button.copybtn").first.wait_for(state="attached")
    assert page.locator("button.copybtn").count() == page.locator("div.highlight pre").count()
    page.close()
