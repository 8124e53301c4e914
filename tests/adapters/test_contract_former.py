"""The contract with tokens of before a migration: each adapter accepts a `FormerEngine`'s until its date.

They are in `Issuers` next to the engine of the contract, with the same secret: the hardest case.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.adapters.adapters import Build
from tests.support import FrozenClock, ShopClaims, signed
from tokenward import Issuers, Key, KeyRing, TokenPolicy
from tokenward.engine import FormerEngine
from tokenward.testing.adapters import answers
from tokenward.testing.adapters.exchanges import assert_answer
from tokenward.testing.adapters.service import (
    bearer,
    client_of,
    contract_engine,
    shop_token,
)
from tokenward.testing.adapters.token_requests import GOOD
from tokenward.testing.adapters.tokens import NOW, SECRET
from tokenward.testing.adapters.websocket_client import live_websocket, open_websocket

FORMER_KEY = Key.from_secret(SECRET)
DAYS = 30
DATE = datetime.fromtimestamp(NOW, UTC) + timedelta(days=DAYS)


def former_token(**changes: object) -> str:
    """Return a token of the former library, which has no issuer, no type and no identity."""
    claims = {"sub": "alice", "tenant": "acme", "exp": NOW + 365 * 86_400, **changes}
    return signed(claims, key=FORMER_KEY)


FORMER = former_token()
SAYS_REFRESH = former_token(type="refresh", jti="j")


class MigratingIssuers(Issuers[ShopClaims]):
    """The engine of the contract and that of former tokens, with a method for the routes."""

    def __init__(self, clock: FrozenClock) -> None:
        """Combine both."""
        self.own = contract_engine(clock)
        self.former = FormerEngine(
            KeyRing(FORMER_KEY),
            policy=TokenPolicy(required_claims={"exp", "sub"}, type_source="always-access"),
            claims_model=ShopClaims,
            until=DATE,
            clock=clock,
        )
        super().__init__(self.own, self.former)
        self.issue_pair = self.own.issue_pair


@pytest.fixture
def issuers(clock: FrozenClock) -> MigratingIssuers:
    """Return the engines of a service that migrates."""
    return MigratingIssuers(clock)


@pytest.fixture
def app(build: Build, issuers: MigratingIssuers) -> object:
    """Return the service of the contract."""
    return build(issuers)


@pytest.fixture
async def client(app: object) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of the service."""
    async with client_of(app) as client:
        yield client


@pytest.mark.parametrize("path", ["/me", "/maybe"])
async def test_a_former_token_opens_a_route_until_the_date(
    client: httpx.AsyncClient, clock: FrozenClock, path: str
) -> None:
    """From the date on it has expired, although its exp is later; new tokens are accepted."""
    found = answers.ME if path == "/me" else answers.ok(sub="alice")
    clock.advance(DAYS * 86_400 - 1)
    assert_answer(await client.get(path, headers=list(bearer(FORMER))), found)
    clock.advance(1)
    assert_answer(await client.get(path, headers=list(bearer(FORMER))), answers.EXPIRED)
    new = shop_token(iat=clock(), nbf=clock(), exp=clock() + 900)
    assert_answer(await client.get(path, headers=list(bearer(new))), found)


async def test_its_own_expiry_counts_before_the_date(
    client: httpx.AsyncClient, clock: FrozenClock
) -> None:
    """The date does not extend a token."""
    token = former_token(exp=NOW + 60)
    assert_answer(await client.get("/me", headers=list(bearer(token))), answers.ME)
    clock.advance(60)
    assert_answer(await client.get("/me", headers=list(bearer(token))), answers.EXPIRED)


@pytest.mark.parametrize("token", [FORMER, SAYS_REFRESH], ids=["without a type", "type refresh"])
@pytest.mark.parametrize("path", ["/refresh-only", "/browser/refresh", "/renew"])
async def test_a_former_token_is_never_a_refresh_token(
    client: httpx.AsyncClient, path: str, token: str
) -> None:
    """Neither where a route requires one, nor where one is exchanged."""
    content = token if path == "/renew" else ""
    response = await client.post(path, headers=list(bearer(token)), content=content)
    assert_answer(response, answers.WRONG_TYPE)


async def test_a_new_refresh_token_is_not_a_former_token(
    client: httpx.AsyncClient, issuers: MigratingIssuers
) -> None:
    """Although both engines have the same secret: it names an issuer."""
    pair = await issuers.own.issue_pair("alice", claims={"tenant": "acme"})
    refused = await client.get("/me", headers=list(bearer(pair.refresh_token)))
    assert_answer(refused, answers.WRONG_TYPE)


async def test_a_former_token_is_not_fresh_and_has_no_scope(client: httpx.AsyncClient) -> None:
    """A route that requires more than a valid token refuses it."""
    headers = list(bearer(FORMER))
    assert_answer(await client.get("/fresh", headers=headers), answers.NOT_FRESH)
    assert_answer(await client.get("/orders", headers=headers), answers.too_little("orders:read"))


async def test_of_two_tokens_none_counts(client: httpx.AsyncClient) -> None:
    """A request with a former and a new token is refused."""
    headers = [*bearer(FORMER), *bearer(GOOD)]
    assert_answer(await client.get("/me", headers=headers), answers.TWO_CREDENTIALS)


async def test_an_open_socket_ends_on_the_date(app: object, clock: FrozenClock) -> None:
    """It is closed, and no other is accepted."""
    async with live_websocket(app, "/ws/live", headers=bearer(FORMER)) as socket:
        assert await socket.ask("hello") == "hello"
        clock.advance(DAYS * 86_400)
        await socket.is_over()

    assert (socket.outcome.close_code, socket.outcome.close_reason) == (1008, "token_expired")
    assert (await open_websocket(app, "/ws", headers=bearer(FORMER))).status == 401
