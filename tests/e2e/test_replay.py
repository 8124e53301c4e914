"""Reuse of a copied refresh token while a real browser uses the session; the clock is a fake."""

import pytest

from serving import served
from tests.adapters.adapters import build_of
from tests.e2e.pages import CSRF, REFRESH, another_client, cookies_of
from tests.support import NOW, SECRET, FrozenClock, ShopClaims
from tokenward import KeyRing, MemoryStore, TokenEngine, TokenPolicy

# Run in the page; returns the status and the code of the response.
ASK = """async ([method, path]) => {
    const csrf = document.cookie.match(/__Host-csrf_token=([^;]*)/)?.[1];
    const answer = await fetch(path, {method, headers: csrf ? {"X-CSRF-Token": csrf} : {}});
    return [answer.status, (await answer.json()).code ?? ""];
}"""


@pytest.fixture(scope="module")
def clock():
    """Return the clock of the service."""
    return FrozenClock(NOW)


@pytest.fixture(scope="module")
def site(framework, clock):
    """Serve the service of the contract tests with this clock and the default policy."""
    keys = KeyRing.from_secret(SECRET)
    engine = TokenEngine(keys, claims_model=ShopClaims, store=MemoryStore(), clock=clock)
    with served(build_of(framework)(engine)) as site:
        yield site


def test_a_replay_after_the_grace_ends_the_session(context, site, clock):
    """Within the grace a copied refresh token is refused; after the grace its reuse ends the session."""
    refresh, read = ["POST", "/browser/refresh"], ["GET", "/browser/me"]
    with another_client(site) as thief:
        page = context.new_page()
        page.goto(f"{site.origin}/public")
        assert page.evaluate(ASK, ["POST", "/browser/login"]) == [200, ""]
        copied = {name: cookie["value"] for name, cookie in cookies_of(page).items()}
        for _ in range(2):
            assert page.evaluate(ASK, refresh) == [200, ""]

        headers = {"Cookie": f"{REFRESH}={copied[REFRESH]}", "X-CSRF-Token": copied[CSRF]}
        answer = thief.request(*refresh, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "refresh_token_superseded")
        assert page.evaluate(ASK, read) == [200, ""]

        clock.advance(TokenPolicy().reuse_grace.total_seconds())
        answer = thief.request(*refresh, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "refresh_token_reused")
        for each in (read, refresh):
            assert page.evaluate(ASK, each) == [401, "token_revoked"]
