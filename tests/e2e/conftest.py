"""Fixtures: the served examples and a real browser."""

import json
import os
from html import escape
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import sync_playwright

from browser_page import BrowserPage
from serving import FRAMEWORKS, app_of, served
from tests.e2e.pages import USER, opened

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


@pytest.fixture(scope="module", params=FRAMEWORKS)
def framework(request):
    """Return the name of each framework."""
    return request.param


@pytest.fixture(scope="module")
def site(framework):
    """Serve the example in one framework, and its page."""
    with served(BrowserPage(app_of(framework))) as site:
        yield site


@pytest.fixture(scope="module")
def elsewhere():
    """Serve a page of another origin, which immediately submits a form to the URL in its query.

    The form is plain text that is also the JSON of a login.
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
    """Return the browser; without one, skip with the command that installs it, or fail if required.

    It is closed before the servers, so that they wait for no connection.
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
def context(chromium):
    """Return a browser context without cookies."""
    with opened(chromium) as context:
        yield context


@pytest.fixture
def page(context, site):
    """Return the page of the example."""
    page = context.new_page()
    page.goto(site.origin)
    return page
