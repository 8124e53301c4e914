"""The contract with tokens of two issuers: each adapter accepts `Issuers` in place of an engine.

The core decides which engine verifies a token, so every request of the contract is sent to
the core's `Authenticator`; the adapters get one request for each different response.
"""

import asyncio
import math
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest

from tests.adapters.adapters import Build
from tests.support import NOW, OTHER_SECRET, FrozenClock, ShopClaims, payload_of, signed
from tokenward import (
    Issuers,
    Key,
    KeyRing,
    MemoryStore,
    PrefixedStore,
    TokenEngine,
    TokenError,
    TokenPolicy,
)
from tokenward.errors import KeysUnavailableError, SigningKeyError
from tokenward.http import Authenticator, RequestView, Requirement
from tokenward.testing.adapters import answers
from tokenward.testing.adapters.answers import Case, one_for_each_answer
from tokenward.testing.adapters.exchanges import ask, assert_answer
from tokenward.testing.adapters.route_requests import CASES
from tokenward.testing.adapters.service import (
    AUDIENCE,
    bearer,
    client_of,
    contract_engine,
    revoke_some,
    shop_payload,
    shop_token,
)
from tokenward.testing.adapters.socket_requests import SOCKETS_REFUSED
from tokenward.testing.adapters.token_requests import GOOD
from tokenward.testing.adapters.websocket_client import open_websocket

PARTNER = "https://partner.example"
PARTNER_KEY = Key.from_secret(OTHER_SECRET)
# The issuer is checked before anything else, so a token with two faults may get this error.
CARRIED_AND_CLAIMED = [case for case in CASES if case.path == "/me"]
SEEN_FIRST = {"claim_missing", "issuer_invalid", "token_malformed"}


class PartnerClaims(ShopClaims):
    """The claims of the other issuer; the handlers of the contract are annotated with ShopClaims."""

    tenant: str = "partner"


class Unreachable:
    """The keys of an issuer that is down."""

    version = 0
    due_at = -math.inf
    can_sign = False

    def find(self, *, kid: str | None, algorithm: str) -> Key:
        raise KeysUnavailableError

    async def prepare(self, now: float) -> None:
        raise KeysUnavailableError

    async def fetch_for(self, kid: str | None, now: float) -> bool:
        return False

    def signing_key(self) -> Key:
        raise SigningKeyError


class ContractIssuers(Issuers[ShopClaims]):
    """Two issuers, with an engine's methods for the routes of the contract that issue tokens."""

    def __init__(self, clock: FrozenClock, *, keys: object = None) -> None:
        """Combine the contract's engine with the partner's."""
        store = MemoryStore()
        self.own = contract_engine(clock)
        self.partner = TokenEngine(
            KeyRing(PARTNER_KEY) if keys is None else keys,
            policy=TokenPolicy(
                issuer=PARTNER, audience="partner-api", leeway=timedelta(seconds=30)
            ),
            claims_model=PartnerClaims,
            store=PrefixedStore(store, PARTNER),
            clock=clock,
        )
        super().__init__(self.own, self.partner)
        self.issue_pair = self.own.issue_pair


def partner_token(**changes: object) -> str:
    """Return a token of the partner."""
    claims = payload_of(**{"iss": PARTNER, "aud": "partner-api", "sub": "bob", **changes})
    return signed(claims, key=PARTNER_KEY)


@pytest.fixture
def issuers(clock: FrozenClock) -> ContractIssuers:
    """Return the two issuers."""
    return ContractIssuers(clock)


@pytest.fixture(scope="module")
def app(build: Build) -> object:
    """Return the service with both issuers, built once, with some tokens revoked."""
    clock = FrozenClock()
    issuers = ContractIssuers(clock)
    asyncio.run(revoke_some(issuers.own, clock))
    return build(issuers)


@pytest.fixture
async def client(app: object) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of the module's service, for requests that change no state."""
    async with client_of(app) as client:
        yield client


@pytest.fixture
async def own_client(build: Build, issuers: ContractIssuers) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of a service with issuers for this test only."""
    async with client_of(build(issuers)) as client:
        yield client


async def outcome_of(authenticator: Authenticator[ShopClaims], case: Case) -> str:
    """Return the subject whose claims a request gets, or the code of its refusal."""
    request = RequestView({"type": "http", "headers": list(case.headers)})
    try:
        return (await authenticator.authenticate(request, Requirement())).sub
    except TokenError as error:
        return error.code


@pytest.mark.parametrize("case", CARRIED_AND_CLAIMED, ids=lambda case: case.name)
async def test_the_core_answers_for_two_as_for_one(
    issuers: ContractIssuers, clock: FrozenClock, case: Case
) -> None:
    """The core answers for a token of the first issuer as if that issuer were the only one."""
    await revoke_some(issuers.own, clock)
    alone = await outcome_of(Authenticator(issuers.own), case)
    together = await outcome_of(Authenticator(issuers), case)

    assert together == alone or (case.answer.status == 401 and together in SEEN_FIRST)
    assert alone == case.answer.body["sub" if case.answer.status == 200 else "code"]


@pytest.mark.parametrize("case", one_for_each_answer(CASES), ids=lambda case: case.name)
async def test_request(client: httpx.AsyncClient, case: Case) -> None:
    """Requests with tokens of the first issuer get the same responses as with one engine."""
    response = await ask(client, case)

    if case.answer.status == 401 and response.json()["code"] in SEEN_FIRST:
        assert response.status_code == 401
    else:
        assert_answer(response, case.answer)


async def test_both_issuers_are_let_in(client: httpx.AsyncClient) -> None:
    """Tokens of both issuers are accepted, each with the claims model of its engine."""
    assert_answer(await client.get("/me", headers=list(bearer(GOOD))), answers.ME)
    mine = await client.get("/me", headers=list(bearer(partner_token())))
    assert_answer(mine, answers.ok(sub="bob", tenant="partner", extra={}))


@pytest.mark.parametrize(
    ("token", "answer"),
    [
        (partner_token(iss="https://nobody.example"), answers.WRONG_ISSUER),
        (partner_token(iss=...), answers.lacks("iss")),
        (partner_token(iss=7), answers.bad("iss")),
        (partner_token(aud=AUDIENCE), answers.WRONG_AUDIENCE),
        (partner_token(exp=NOW - 31), answers.EXPIRED),
        (partner_token(type="refresh"), answers.WRONG_TYPE),
        (signed(shop_payload(), key=PARTNER_KEY), answers.FORGED),
        (shop_token(iss=PARTNER, aud="partner-api"), answers.FORGED),
        (shop_token(aud="partner-api"), answers.WRONG_AUDIENCE),
    ],
    ids=range(9),
)
async def test_each_by_its_own_rules(
    client: httpx.AsyncClient, token: str, answer: answers.Answer
) -> None:
    """The key, audience and leeway of one issuer do not apply to the other."""
    assert_answer(await client.get("/me", headers=list(bearer(token))), answer)


async def test_freshness_by_the_leeway_of_the_issuer(
    own_client: httpx.AsyncClient, clock: FrozenClock
) -> None:
    """The age of a login is checked by the engine that verified the token."""
    clock.advance(610)
    mine, other = shop_token(auth_time=NOW), partner_token(auth_time=NOW)
    assert_answer(await own_client.get("/recent", headers=list(bearer(mine))), answers.too_old(600))
    assert_answer(
        await own_client.get("/recent", headers=list(bearer(other))), answers.ok(sub="bob")
    )


async def test_refresh(
    own_client: httpx.AsyncClient, issuers: ContractIssuers, clock: FrozenClock
) -> None:
    """A refresh token is exchanged once, by the engine of its issuer."""
    pair = await issuers.partner.issue_pair("bob", scopes=["a"])
    renewed = await own_client.post("/renew", content=pair.refresh_token)
    assert_answer(renewed, answers.ok(scope="a"))
    clock.advance(10)
    again = await own_client.post("/renew", content=pair.refresh_token)
    assert_answer(again, answers.REUSED)


async def test_revoked_of_one_issuer(
    own_client: httpx.AsyncClient, issuers: ContractIssuers
) -> None:
    """A jti that one issuer revoked is still valid for the other."""
    await issuers.revoke(partner_token())
    refused = await own_client.get("/me", headers=list(bearer(partner_token())))
    assert_answer(refused, answers.REVOKED)
    assert_answer(await own_client.get("/me", headers=list(bearer(GOOD))), answers.ME)


DOWN = answers.Answer(
    503,
    {"detail": KeysUnavailableError.message, "code": "keys_unavailable"},
    retry_after="1",
)


async def test_one_issuer_is_down(build: Build, clock: FrozenClock) -> None:
    """Tokens of an issuer that is down get 503 with Retry-After; those of the other are accepted."""
    app = build(ContractIssuers(clock, keys=Unreachable()))
    async with client_of(app) as client:
        for path in ("/me", "/maybe"):
            response = await client.get(path, headers=list(bearer(partner_token())))
            assert_answer(response, DOWN)
        assert_answer(await client.get("/me", headers=list(bearer(GOOD))), answers.ME)
    outcome = await open_websocket(app, "/ws", headers=bearer(partner_token()), extensions={})
    assert (outcome.accepted, outcome.close_code) == (False, 1013)
    assert outcome.close_reason == "keys_unavailable"


@pytest.mark.parametrize("case", one_for_each_answer(SOCKETS_REFUSED), ids=lambda case: case.name)
async def test_socket_refused(app: object, case: Case) -> None:
    """A handshake that one engine refuses is refused with two issuers too."""
    outcome = await open_websocket(app, case.path, headers=case.headers)

    assert not outcome.accepted
    assert outcome.status == case.answer.status


@pytest.mark.parametrize(("token", "said"), [(GOOD, "alice"), (partner_token(), "bob")])
async def test_socket_accepted(app: object, token: str, said: str) -> None:
    """Handshakes with a token of either issuer are accepted."""
    outcome = await open_websocket(app, "/ws", headers=bearer(token))

    assert (outcome.accepted, outcome.messages) == (True, [said])
