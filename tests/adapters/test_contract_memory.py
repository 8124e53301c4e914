"""The contract with and without the signature cache: every request gets the same response.

All requests go to one app, each of them twice, so that valid and invalid tokens are repeated.
"""

import json

import pytest

from tests.adapters import contract as c
from tests.adapters.adapters import Build
from tests.adapters.asgi_websocket import open_websocket
from tests.adapters.contract import bearer
from tests.adapters.contract_requests import CASES, GOOD, SOCKETS_OPEN, SOCKETS_REFUSED
from tests.adapters.test_contract import ask, assert_answer
from tests.support import OTHER_SECRET, SECRET, FrozenClock, ShopClaims
from tokenward import KeyRing, TokenEngine

USED_UP = {"/renew", "/renew-json"}
"""Where a token is good for one use."""


@pytest.fixture
def keys() -> KeyRing:
    """Return the ring of the contract."""
    return KeyRing.from_secret(SECRET, kid=c.KEY_ID)


@pytest.fixture(params=[True, False], ids=["remembers", "forgets"])
def engine(
    request: pytest.FixtureRequest, clock: FrozenClock, keys: KeyRing
) -> TokenEngine[ShopClaims]:
    """Return the engine of the contract, with or without the signature cache."""
    return c.contract_engine(clock, keys=keys, remembers=request.param)


def assert_it_served(engine: TokenEngine[ShopClaims], at_least: int) -> None:
    """Check that the signature cache, if there is one, was used."""
    use = engine.signature_cache
    if engine.policy.signature_cache_entries:
        assert use.hits >= at_least
        assert 0 < use.entries <= use.misses
    else:
        assert (use.hits, use.entries) == (0, 0)


async def test_requests(build: Build, engine: TokenEngine[ShopClaims], clock: FrozenClock) -> None:
    """Status, challenge and body are those of the table, the first and the second time."""
    await c.revoke_some(engine, clock)
    good = 0
    async with c.client_of(build(engine)) as client:
        for case in CASES:
            try:
                assert_answer(await ask(client, case), case.answer)
                if case.path not in USED_UP:
                    assert_answer(await ask(client, case), case.answer)
            except AssertionError as error:
                error.add_note(f"The request: {case.name}")
                raise
            good += case.answer.status == 200 and case.method == "GET" and bool(case.headers)

    assert_it_served(engine, at_least=good // 2)


async def test_sockets(build: Build, engine: TokenEngine[ShopClaims], clock: FrozenClock) -> None:
    """Handshakes are accepted and refused as in the tables, the first and the second time."""
    await c.revoke_some(engine, clock)
    app = build(engine)
    for name, path, headers, said in SOCKETS_OPEN * 2:
        outcome = await open_websocket(app, path, headers=headers)
        assert (outcome.accepted, outcome.messages) == (True, [said]), name
    for case in SOCKETS_REFUSED * 2:
        outcome = await open_websocket(app, case.path, headers=case.headers)
        assert not outcome.accepted, case.name
        assert (outcome.status, json.loads(outcome.body)) == (case.answer.status, case.answer.body)

    assert_it_served(engine, at_least=len(SOCKETS_OPEN) // 2)


async def test_a_key_that_leaves(
    build: Build, engine: TokenEngine[ShopClaims], keys: KeyRing
) -> None:
    """A token that was accepted before is refused once its key is replaced."""
    app = build(engine)
    async with c.client_of(app) as client:
        for _ in range(2):
            assert_answer(await client.get("/me", headers=list(bearer(GOOD))), c.ME)
        assert_it_served(engine, at_least=1)
        keys.replace(KeyRing.from_secret(OTHER_SECRET, kid=c.KEY_ID))
        for _ in range(2):
            assert_answer(await client.get("/me", headers=list(bearer(GOOD))), c.FORGED)
    outcome = await open_websocket(app, "/ws", headers=bearer(GOOD))
    assert (outcome.accepted, outcome.status) == (False, 401)
