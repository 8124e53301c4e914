"""A visitor of the page sees where they are logged in, and ends the session of another device."""

import pytest
from playwright.sync_api import expect

from tests.e2e.pages import CSRF, USER, another_client, click, cookies_of, log_in, log_in_elsewhere

HOSTILE = '<img src=x onerror=alert(1)> & "O\'Neill"'


@pytest.fixture(autouse=True)
def no_other_devices(site):
    """End the sessions of other tests, which share the user."""
    with another_client(site) as client:
        token = client.post("/login", json=USER).json()["refresh_token"]
        headers = {"Authorization": f"Bearer {token}"}
        assert client.post("/session/logout/everywhere", headers=headers).status_code == 200


def status_elsewhere(site, token):
    """Return the status and the code that the other device gets."""
    with another_client(site) as phone:
        answer = phone.get("/claims", headers={"Authorization": f"Bearer {token}"})
        return answer.status_code, answer.json().get("code")


def show_devices(page, names):
    """Show the devices on the page, and check their names."""
    click(page, "Show your devices", 200, f"devices: {len(names)}")
    expect(page.locator("#devices .name")).to_have_text(names)


def test_the_page_ends_the_session_of_another_device(page, site):
    """The newest is first and the current one has no button; the other device is logged out at once."""
    click(page, "Show your devices", 401, "token_missing")
    log_in(page)
    token = log_in_elsewhere(site, device="A phone")
    log_in_elsewhere(site)
    show_devices(page, ["A device without a name", "A phone", "This browser"])
    entries = page.locator("#devices li")
    assert [each.get_by_role("button").count() for each in entries.all()] == [1, 1, 0]
    expect(entries.nth(2)).to_contain_text("This device")
    expect(entries.nth(1).locator("time")).to_contain_text(["Logged in ", "Last refresh "])
    assert status_elsewhere(site, token) == (200, None)

    click(page, "End A phone", 200, "ended: true")
    expect(page.locator("#devices .name")).to_have_text(["A device without a name", "This browser"])
    assert status_elsewhere(site, token) == (401, "token_revoked")
    show_devices(page, ["A device without a name", "This browser"])
    click(page, "Log out", 200, "You are logged out.")
    expect(entries).to_have_count(0)


def test_a_label_is_text(page, site):
    """A label that looks like HTML is shown as it is, also in the name of its button."""
    log_in_elsewhere(site, device=HOSTILE)
    log_in(page)
    show_devices(page, ["This browser", HOSTILE])
    assert page.locator("#devices img").count() == 0
    click(page, f"End {HOSTILE}", 200, "ended: true")


def test_without_csrf_token_no_session_is_ended(page, site):
    """The cookie alone ends nothing; with the CSRF token it ends the session."""
    log_in(page)
    token = log_in_elsewhere(site, device="A phone")
    end = """async ([path, headers]) => {
        const answer = await fetch(path, {method: "DELETE", headers});
        return [answer.status, (await answer.json()).code];
    }"""
    devices = page.evaluate("fetch('/devices').then(answer => answer.json())")["devices"]
    path = f"/devices/{devices[0]['session']}"
    assert page.evaluate(end, [path, {}]) == [403, "csrf_missing"]
    assert status_elsewhere(site, token) == (200, None)
    headers = {"X-CSRF-Token": cookies_of(page)[CSRF]["value"]}
    assert page.evaluate(end, [path, headers]) == [200, None]
    assert status_elsewhere(site, token) == (401, "token_revoked")
