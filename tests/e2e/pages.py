"""Actions on the page of the examples in a real browser."""

from contextlib import contextmanager

import httpx
from playwright.sync_api import expect

ACCESS, REFRESH, CSRF = "__Host-access_token", "__Secure-refresh_token", "__Host-csrf_token"
USER = {"username": "test", "password": "test"}


@contextmanager
def opened(chromium):
    """Yield a browser context without cookies; fail if a script of a page fails."""
    context = chromium.new_context(
        ignore_https_errors=True, viewport={"width": 1000, "height": 700}
    )
    errors = []
    context.on("weberror", lambda each: errors.append(str(each.error)))
    yield context
    context.close()
    assert errors == []


def click(page, button, status, said):
    """Press a button of the page and check the newest line of its log."""
    count = page.locator("#log li").count()
    page.get_by_role("button", name=button, exact=True).click()
    expect(page.locator("#log li")).to_have_count(count + 1)
    newest = page.locator("#log li").first
    expect(newest.locator(".status")).to_have_text(str(status))
    expect(newest.locator(".said")).to_have_text(said)


def log_in(page):
    """Log in and return the browser's cookies."""
    click(page, "Log in", 200, "You are logged in.")
    return cookies_of(page)


def cookies_of(page):
    """Return the browser's cookies by name, including HttpOnly ones."""
    return {cookie["name"]: cookie for cookie in page.context.cookies()}


@contextmanager
def another_client(site):
    """Return a client that shares nothing with the browser."""
    with httpx.Client(base_url=site.origin, verify=site.tls) as client:
        yield client


def log_in_elsewhere(site, **body):
    """Log in from another device, and return its access token."""
    with another_client(site) as phone:
        return phone.post("/login", json={**USER, **body}).json()["access_token"]
