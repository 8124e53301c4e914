"""The part of the contract about browsers: cookies, CSRF tokens and origins."""

import httpx
import pytest

from tokenward.testing.adapters import answers as a
from tokenward.testing.adapters.answers import Case
from tokenward.testing.adapters.browser_requests import (
    ALLOWED,
    FORMS,
    GUARDED,
    OWN,
    READ,
    REFRESH,
    REFRESH_NAME,
    SESSIONS,
    cookie,
    csrf,
    site,
)
from tokenward.testing.adapters.exchanges import assert_answer, assert_exchange
from tokenward.testing.adapters.fixtures import AdapterFixtures, needs
from tokenward.testing.adapters.service import COOKIES, bearer, client_of, contract_engine
from tokenward.testing.adapters.tokens import SECRET, CountingKey
from tokenward.testing.clock import FrozenClock
from tokenward.tokens.pair import TokenPair

__all__ = ["BrowserContract"]


class BrowserContract(AdapterFixtures):
    """Tests of cookies, CSRF tokens, origins, logins, refreshes and logouts."""

    @needs("cookies")
    @pytest.mark.parametrize("case", [*READ, *GUARDED, *SESSIONS], ids=lambda case: case.name)
    async def test_cookie(
        self, client: httpx.AsyncClient, case: Case, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A request gets exactly its status, challenge, body and cookies; a refusal repeats no part."""
        await assert_exchange(client, case, caplog)

    @needs("cookies", "forms")
    @pytest.mark.parametrize("case", FORMS, ids=lambda case: case.name)
    async def test_form(
        self, client: httpx.AsyncClient, case: Case, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A CSRF token in a form counts, and the handler still reads the whole form."""
        await assert_exchange(client, case, caplog)

    @needs("cookies")
    async def test_login_sets_cookies(self, client: httpx.AsyncClient) -> None:
        """A login sets the three cookies as the core renders them, and no cache may store them."""
        response = await client.post("/browser/login")

        assert response.status_code == 200
        assert set_by(response) == list(COOKIES.set_cookies(pair_of(response)))
        assert response.headers.get_list("cache-control") == ["no-store"]

    @needs("cookies")
    @pytest.mark.parametrize(
        "headers",
        [[], [OWN], [site(b"same-origin")], [ALLOWED, site(b"cross-site")], [site(b"none")]],
        ids=["a program", "own page of old", "own page", "allowed page", "by hand"],
    )
    async def test_a_login_of_an_allowed_page(
        self, client: httpx.AsyncClient, headers: list[tuple[bytes, bytes]]
    ) -> None:
        """`check_origin` accepts logins of programs, of the service's own pages and of allowed pages."""
        response = await client.post("/browser/login", headers=headers)
        assert (response.status_code, len(set_by(response))) == (200, 3)

    @needs("cookies")
    async def test_session_of_a_browser(self, own_client: httpx.AsyncClient) -> None:
        """Log in, read, write, refresh and log out with the cookies alone."""
        pair = pair_of(await own_client.post("/browser/login"))
        assert pair.csrf_token is not None
        access, proof = cookie(pair.access_token), csrf(pair.csrf_token)
        refresh = cookie(pair.refresh_token, REFRESH_NAME)
        assert (await own_client.get("/browser/me", headers=[access])).status_code == 200
        assert (await own_client.post("/browser/me", headers=[access, proof])).status_code == 200

        response = await own_client.post("/browser/refresh", headers=[refresh, proof])
        successor = pair_of(response)
        assert set_by(response) == list(COOKIES.set_cookies(successor))
        assert successor.csrf_token == pair.csrf_token, "a page that is open stays good"
        renewed = cookie(successor.access_token)
        assert (await own_client.post("/browser/me", headers=[renewed, proof])).status_code == 200

        response = await own_client.post("/browser/logout", headers=[renewed, proof])
        assert set_by(response) == list(COOKIES.clear_cookies())
        assert_answer(await own_client.get("/browser/me", headers=[renewed]), a.REVOKED)
        assert_answer(await own_client.get("/browser/me", headers=[access]), a.REVOKED)

    @needs("cookies")
    async def test_a_refusal_uses_no_refresh_token_up(
        self, own_client: httpx.AsyncClient, clock: FrozenClock
    ) -> None:
        """A forged refresh without the CSRF token does not use the token; real reuse ends the session."""
        refresh = cookie(REFRESH, REFRESH_NAME)
        assert_answer(await own_client.post("/browser/refresh", headers=[refresh]), a.CSRF_MISSING)

        assert (
            await own_client.post("/browser/refresh", headers=[refresh, csrf()])
        ).status_code == 200
        clock.advance(10)
        assert_answer(
            await own_client.post("/browser/refresh", headers=[refresh, csrf()]), a.REUSED
        )

    @needs("cookies")
    async def test_a_tab_that_comes_late_keeps_its_session(
        self, own_client: httpx.AsyncClient
    ) -> None:
        """A late tab's old cookie gets the same pair, or once the pair is used a refusal without cookies."""
        old = cookie(REFRESH, REFRESH_NAME)
        first = pair_of(await own_client.post("/browser/refresh", headers=[old, csrf()]))
        assert pair_of(await own_client.post("/browser/refresh", headers=[old, csrf()])) == first
        current = cookie(first.refresh_token, REFRESH_NAME)
        second = pair_of(await own_client.post("/browser/refresh", headers=[current, csrf()]))
        late = await own_client.post("/browser/refresh", headers=[old, csrf()])
        assert_answer(late, a.SUPERSEDED)
        assert set_by(late) == []
        access = cookie(second.access_token)
        assert (await own_client.post("/browser/me", headers=[access, csrf()])).status_code == 200

    @needs("cookies")
    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    async def test_a_refresh_is_never_safe(
        self, own_client: httpx.AsyncClient, method: str
    ) -> None:
        """A refresh with a safe method needs the CSRF token and the origin; a refusal does not use the token."""
        token = cookie(REFRESH, REFRESH_NAME)
        foreign = [token, csrf(), site(b"cross-site")]
        for headers, answer in (([token], a.CSRF_MISSING), (foreign, a.FOREIGN_ORIGIN)):
            response = await own_client.request(method, "/browser/renew", headers=headers)
            assert response.status_code == 403
            assert response.headers["www-authenticate"] == answer.challenge
            assert set_by(response) == []
        assert (
            await own_client.post("/browser/refresh", headers=[token, csrf()])
        ).status_code == 200

    @needs("cookies")
    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    async def test_a_refresh_by_a_safe_method_works_with_its_proof(
        self, own_client: httpx.AsyncClient, method: str
    ) -> None:
        """A refresh with GET or HEAD and the CSRF token sets the cookies."""
        headers = [cookie(REFRESH, REFRESH_NAME), csrf()]
        response = await own_client.request(method, "/browser/renew", headers=headers)
        assert (response.status_code, len(set_by(response))) == (200, 3)

    @needs("cookies")
    async def test_a_route_for_refresh_tokens_is_never_safe(
        self, client: httpx.AsyncClient
    ) -> None:
        """A GET route that requires a refresh token in a cookie needs the CSRF token."""
        token = cookie(REFRESH, REFRESH_NAME)
        foreign = [token, csrf(), site(b"cross-site")]
        assert_answer(await client.get("/browser/leave", headers=[token]), a.CSRF_MISSING)
        assert_answer(await client.get("/browser/leave", headers=foreign), a.FOREIGN_ORIGIN)
        assert_answer(
            await client.get("/browser/leave", headers=[token, csrf()]), a.ok(sub="alice")
        )
        assert_answer(
            await client.get("/browser/leave", headers=bearer(REFRESH)), a.ok(sub="alice")
        )

    @needs("cookies")
    async def test_a_refresh_verifies_once(self, clock: FrozenClock) -> None:
        """A refresh from a cookie costs one signature verification."""
        key = CountingKey.from_secret(SECRET)
        async with client_of(self.build(contract_engine(clock, key=key))) as client:
            headers = [cookie(REFRESH, REFRESH_NAME), csrf()]
            response = await client.post("/browser/refresh", headers=headers)

        assert (response.status_code, key.verified) == (200, 1)


def set_by(response: httpx.Response) -> list[str]:
    """Return the Set-Cookie headers of a response."""
    return response.headers.get_list("set-cookie")


def pair_of(response: httpx.Response) -> TokenPair:
    """Return the token pair in a response of the service."""
    return TokenPair(expires_in=900, refresh_expires_in=2_592_000, **response.json())
