"""A real Chromium logs in through the dialog of Swagger UI and calls a guarded route.

The tests are plain functions, because Playwright's event loop runs in this thread.
"""

import os

import pytest
from playwright.sync_api import expect

from serving import served
from tests.e2e.authorize_apps import BUILDERS, DOCUMENTS, PASSWORD, USER, WithSwaggerUi
from tests.npm import npm_install


@pytest.fixture(scope="session")
def swagger_ui(tmp_path_factory):
    """Return the directory of Swagger UI, from npm."""
    return npm_install(tmp_path_factory.mktemp("npm"), "swagger-ui-dist@5") / "swagger-ui-dist"


@pytest.fixture(scope="module")
def site(framework, swagger_ui):
    """Serve an app in one framework, with Swagger UI."""
    app = WithSwaggerUi(BUILDERS[framework](), swagger_ui, DOCUMENTS[framework])
    with served(app) as site:
        yield site


@pytest.fixture
def page(context, site):
    """Return the page of Swagger UI."""
    context.set_default_timeout(60_000)  # on however busy a machine
    page = context.new_page()
    page.goto(f"{site.origin}/ui")
    return page


def open_dialog(page):
    """Open the dialog and return it."""
    page.get_by_role("button", name="Authorize").click()
    return page.locator(".dialog-ux")


def fill(dialog, password=PASSWORD, scope="orders:read"):
    """Fill the dialog of the password flow."""
    dialog.locator("#oauth_username").fill(USER)
    dialog.locator("#oauth_password").fill(password)
    dialog.locator(".scopes label", has_text=scope).click()


def execute(page, status, path="/orders"):
    """Call a route from its row and return the shown response."""
    row = page.locator(".opblock", has=page.locator(f'[data-path="{path}"]'))
    row.locator(".opblock-summary-control").click()
    row.get_by_role("button", name="Try it out").click()
    with page.expect_response(f"**{path}") as answer:
        row.get_by_role("button", name="Execute").click()
    assert answer.value.status == status
    return answer.value


def test_the_dialog_logs_in(page):
    """Swagger UI exchanges name and password for a token, and sends it to guarded and optional routes.

    A screenshot for the docs is saved to the path in TOKENWARD_TEST_AUTHORIZE.
    """
    dialog = open_dialog(page)
    for text in ("OAuth2, password", "Token URL: /token", "Read orders", "Place orders"):
        expect(dialog).to_contain_text(text)
    fill(dialog)
    if path := os.environ.get("TOKENWARD_TEST_AUTHORIZE"):
        dialog.locator(".scopes").scroll_into_view_if_needed()
        page.add_style_tag(content=".modal-ux-content {max-height: none !important}")
        page.set_viewport_size({"width": 700, "height": 900})
        dialog.locator(".modal-ux").screenshot(path=path)

    dialog.get_by_role("button", name="Apply given OAuth2 credentials").click()
    expect(dialog.get_by_role("button", name="Remove authorization")).to_be_visible()
    expect(dialog.locator(".auth-container")).to_have_count(1)
    page.locator(".dialog-ux .btn-done").click()
    answer = execute(page, 200)

    assert answer.json() == {"orders_of": USER}
    assert answer.request.headers["authorization"].startswith("Bearer ")
    assert execute(page, 200, "/prices").json() == {"prices_for": USER}


def test_a_login_without_the_scope(page):
    """A wrong password is reported; a login with another scope does not open the route."""
    dialog = open_dialog(page)
    fill(dialog, password="wrong", scope="orders:write")
    apply = dialog.get_by_role("button", name="Apply given OAuth2 credentials")
    apply.click()
    expect(dialog.locator(".errors")).to_be_visible()

    dialog.locator("#oauth_password").fill(PASSWORD)
    apply.click()
    expect(dialog.get_by_role("button", name="Remove authorization")).to_be_visible()
    page.locator(".dialog-ux .btn-done").click()

    assert execute(page, 403).json()["code"] == "insufficient_scope"
