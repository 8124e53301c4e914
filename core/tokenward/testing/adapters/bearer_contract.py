"""The part of the contract about tokens in headers and in the query, and what routes require."""

import asyncio
from typing import Final

import httpx
import pytest

from tokenward.engine.token_engine import TokenEngine
from tokenward.errors import TokenRejectedError
from tokenward.testing.adapters import answers as a
from tokenward.testing.adapters.actor_requests import ACTORS
from tokenward.testing.adapters.answers import Case, one_for_each_answer
from tokenward.testing.adapters.exchanges import ask, assert_answer, assert_exchange
from tokenward.testing.adapters.fixtures import AdapterFixtures, needs
from tokenward.testing.adapters.login_requests import LOGINS
from tokenward.testing.adapters.route_requests import GROUPS, QUERY, ROUTES
from tokenward.testing.adapters.service import bearer, client_of, contract_engine, shop_token
from tokenward.testing.adapters.token_requests import (
    CARRIED,
    CLAIMS,
    FORM,
    GOOD,
    says,
)
from tokenward.testing.adapters.tokens import SECRET, CountingKey, ShopClaims
from tokenward.testing.clock import FrozenClock

__all__ = ["BearerContract"]

# The core checks the form and the claims of a token: here each different refusal is enough.
# `CacheContract` sends the whole table.
_TOKENS: Final = [*CARRIED, *one_for_each_answer([*FORM, *CLAIMS])]


class BearerContract(AdapterFixtures):
    """Tests of tokens in headers and in the query, of requirements, and of refusals."""

    @pytest.mark.parametrize("case", _TOKENS, ids=lambda case: case.name)
    async def test_token(
        self, client: httpx.AsyncClient, case: Case, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A request gets exactly its status, challenge and body; a refusal contains no part of it."""
        await assert_exchange(client, case, caplog)

    @pytest.mark.parametrize(
        "case", [*ROUTES, *LOGINS, *ACTORS, *QUERY], ids=lambda case: case.name
    )
    async def test_route(
        self, client: httpx.AsyncClient, case: Case, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A route requires what it was built with: type, login, actor, scopes, check and carriers."""
        await assert_exchange(client, case, caplog)

    @needs("groups")
    @pytest.mark.parametrize("case", GROUPS, ids=lambda case: case.name)
    async def test_group(
        self, client: httpx.AsyncClient, case: Case, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The requirement of a group of routes applies in addition to that of each route."""
        await assert_exchange(client, case, caplog)

    async def test_answers_do_not_depend_on_earlier_ones(self, client: httpx.AsyncClient) -> None:
        """A response does not depend on earlier requests, valid or invalid."""
        good = Case("good", "/me", bearer(GOOD), a.ME)
        for case in CARRIED:
            for each in (good, case):
                assert_answer(await ask(client, each), each.answer)

    @pytest.mark.parametrize("path", ["/me", "/orders"])
    @pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
    async def test_other_methods_do_not_bypass(
        self, client: httpx.AsyncClient, method: str, path: str
    ) -> None:
        """HEAD and OPTIONS on a protected route reveal nothing without a token."""
        await assert_nothing_revealed(client, method, path)

    @needs("groups")
    @pytest.mark.parametrize("path", ["/admin", "/twice"])
    @pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
    async def test_other_methods_do_not_bypass_a_group(
        self, client: httpx.AsyncClient, method: str, path: str
    ) -> None:
        """HEAD and OPTIONS on a route of a protected group reveal nothing without a token."""
        await assert_nothing_revealed(client, method, path)

    @pytest.mark.parametrize("path", ["/me", "/maybe", "/orders", "/checked"])
    async def test_one_verification(self, clock: FrozenClock, path: str) -> None:
        """A token costs one signature verification, however many requests use it."""
        key = CountingKey.from_secret(SECRET)
        await assert_one_verification(self.build(contract_engine(clock, key=key)), key, path)

    @needs("groups")
    @pytest.mark.parametrize("path", ["/admin", "/twice"])
    async def test_one_verification_in_a_group(self, clock: FrozenClock, path: str) -> None:
        """A token costs one signature verification, however many requirements a route has."""
        key = CountingKey.from_secret(SECRET)
        await assert_one_verification(self.build(contract_engine(clock, key=key)), key, path)

    async def test_after_decode_runs_once(self, clock: FrozenClock) -> None:
        """The engine's hooks run once for each request."""
        engine = contract_engine(clock)
        assert await seen_by_a_hook(engine, self.build(engine), "/orders") == ["alice"]

    @needs("groups")
    async def test_after_decode_runs_once_in_a_group(self, clock: FrozenClock) -> None:
        """The engine's hooks run once for each request, however many requirements it has."""
        engine = contract_engine(clock)
        assert await seen_by_a_hook(engine, self.build(engine), "/twice") == ["alice"]

    async def test_concurrent_requests(self, client: httpx.AsyncClient) -> None:
        """Each of twenty requests at the same time gets the claims of the token that it sent."""
        subjects = [f"user {number}" for number in range(20)]
        requests = [client.get("/slow", headers=list(says(sub=subject))) for subject in subjects]
        responses = await asyncio.gather(*requests)

        assert [response.json() for response in responses] == [{"sub": each} for each in subjects]

    async def test_rejected_by_a_hook(self, clock: FrozenClock) -> None:
        """A token that an `after_decode` hook rejects is refused like any other."""
        engine = contract_engine(clock)

        @engine.after_decode
        async def reject(claims: ShopClaims) -> None:
            raise TokenRejectedError

        async with client_of(self.build(engine)) as client:
            for path in ("/me", "/maybe", "/orders"):
                response = await client.get(path, headers=list(bearer(GOOD)))
                assert_answer(response, a.REJECTED)

    async def test_revoked_while_in_use(self, clock: FrozenClock) -> None:
        """A token that was accepted before is refused once it is revoked."""
        engine = contract_engine(clock)
        async with client_of(self.build(engine)) as client:
            assert_answer(await client.get("/me", headers=list(bearer(GOOD))), a.ME)
            await engine.revoke(GOOD)
            assert_answer(await client.get("/me", headers=list(bearer(GOOD))), a.REVOKED)

    async def test_expires_while_in_use(
        self, own_client: httpx.AsyncClient, clock: FrozenClock
    ) -> None:
        """A token that was accepted before is refused once it has expired."""
        clock.advance(899)
        assert_answer(await own_client.get("/me", headers=list(bearer(GOOD))), a.ME)
        clock.advance(1)
        assert_answer(await own_client.get("/me", headers=list(bearer(GOOD))), a.EXPIRED)

    async def test_second_refresh(self, own_client: httpx.AsyncClient, clock: FrozenClock) -> None:
        """A refresh token that is reused after the grace is refused from within the handler."""
        token = shop_token(type="refresh", scope="a")

        assert_answer(await own_client.post("/renew", content=token), a.ok(scope="a"))
        assert_answer(await own_client.post("/renew", content=token), a.ok(scope="a"))
        clock.advance(10)
        assert_answer(await own_client.post("/renew", content=token), a.REUSED)


async def assert_nothing_revealed(client: httpx.AsyncClient, method: str, path: str) -> None:
    """Send a request without a token, and check that it reveals nothing."""
    response = await client.request(method, path)

    assert response.status_code in ({401, 405} if method == "HEAD" else {200, 204, 401, 405})
    assert "alice" not in response.text


async def assert_one_verification(app: object, key: CountingKey, path: str) -> None:
    """Send two requests with one token, and check that its signature is verified once."""
    headers = list(says(scope="orders:read admin"))
    async with client_of(app) as client:
        first = await client.get(path, headers=headers)
        second = await client.get(path, headers=headers)

    assert (first.status_code, second.status_code, key.verified) == (200, 200, 1)


async def seen_by_a_hook(engine: TokenEngine[ShopClaims], app: object, path: str) -> list[str]:
    """Send one request, and return the subjects that an `after_decode` hook is called with."""
    seen: list[str] = []
    engine.after_decode(lambda claims: seen.append(claims.sub))
    async with client_of(app) as client:
        response = await client.get(path, headers=list(says(scope="orders:read")))

    assert response.status_code == 200
    return seen
