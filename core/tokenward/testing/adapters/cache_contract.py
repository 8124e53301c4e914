"""The contract with and without the signature cache: every request gets the same response.

All requests go to one app, each of them twice, so that valid and invalid tokens are repeated.
"""

from typing import Final

import pytest

from tokenward.engine.token_engine import TokenEngine
from tokenward.keys.ring import KeyRing
from tokenward.testing.adapters import answers as a
from tokenward.testing.adapters.answers import Case
from tokenward.testing.adapters.exchanges import ask, assert_answer, assert_denied, open_socket
from tokenward.testing.adapters.fixtures import AdapterFixtures, needs
from tokenward.testing.adapters.route_requests import CASES, GROUPS
from tokenward.testing.adapters.service import (
    KEY_ID,
    bearer,
    client_of,
    contract_engine,
    revoke_some,
)
from tokenward.testing.adapters.socket_requests import SOCKETS_OPEN, SOCKETS_REFUSED
from tokenward.testing.adapters.token_requests import GOOD
from tokenward.testing.adapters.tokens import OTHER_SECRET, SECRET, ShopClaims
from tokenward.testing.clock import FrozenClock

__all__ = ["CacheContract"]

_USED_UP: Final = {"/renew", "/renew-json"}
"""Where a token can be used once."""


class CacheContract(AdapterFixtures):
    """Tests that no response depends on the signature cache."""

    @pytest.fixture
    def keys(self) -> KeyRing:
        """Return the ring of the contract."""
        return KeyRing.from_secret(SECRET, kid=KEY_ID)

    @pytest.fixture(params=[True, False], ids=["remembers", "forgets"])
    def cached_engine(
        self, request: pytest.FixtureRequest, clock: FrozenClock, keys: KeyRing
    ) -> TokenEngine[ShopClaims]:
        """Return the engine of the contract, with or without the signature cache."""
        return contract_engine(clock, keys=keys, remembers=request.param)

    async def test_repeated_requests(
        self, cached_engine: TokenEngine[ShopClaims], clock: FrozenClock
    ) -> None:
        """Status, challenge and body are those of the table, the first and the second time."""
        await revoke_some(cached_engine, clock)
        async with client_of(self.build(cached_engine)) as client:
            for case in self._cases():
                try:
                    assert_answer(await ask(client, case), case.answer)
                    if case.path not in _USED_UP:
                        assert_answer(await ask(client, case), case.answer)
                except AssertionError as error:
                    error.add_note(f"The request: {case.name}")
                    raise

        assert_it_served(cached_engine, at_least=50)

    @needs("websockets")
    async def test_repeated_handshakes(
        self, cached_engine: TokenEngine[ShopClaims], clock: FrozenClock
    ) -> None:
        """Handshakes are accepted and refused as in the tables, the first and the second time."""
        await revoke_some(cached_engine, clock)
        app = self.build(cached_engine)
        for name, path, headers, said in SOCKETS_OPEN * 2:
            outcome = await open_socket(app, path, headers)
            assert (outcome.accepted, outcome.messages) == (True, [said]), name
        for case in SOCKETS_REFUSED * 2:
            assert_denied(await open_socket(app, case.path, case.headers), case)

        assert_it_served(cached_engine, at_least=len(SOCKETS_OPEN) // 2)

    async def test_a_key_that_leaves(
        self, cached_engine: TokenEngine[ShopClaims], keys: KeyRing
    ) -> None:
        """A token that was accepted before is refused once its key is replaced."""
        async with client_of(self.build(cached_engine)) as client:
            for _ in range(2):
                assert_answer(await client.get("/me", headers=list(bearer(GOOD))), a.ME)
            assert_it_served(cached_engine, at_least=1)
            keys.replace(KeyRing.from_secret(OTHER_SECRET, kid=KEY_ID))
            for _ in range(2):
                assert_answer(await client.get("/me", headers=list(bearer(GOOD))), a.FORGED)

    @needs("websockets")
    async def test_a_key_that_leaves_a_socket(
        self, cached_engine: TokenEngine[ShopClaims], keys: KeyRing
    ) -> None:
        """A handshake with a token that was accepted before is refused once its key is replaced."""
        app = self.build(cached_engine)
        assert (await open_socket(app, "/ws", bearer(GOOD))).accepted
        keys.replace(KeyRing.from_secret(OTHER_SECRET, kid=KEY_ID))
        outcome = await open_socket(app, "/ws", bearer(GOOD))
        assert (outcome.accepted, outcome.status) == (False, 401)

    def _cases(self) -> list[Case]:
        """Return the requests of the contract, without those to groups if the framework has none."""
        return [case for case in CASES if "groups" not in self.lacks or case not in GROUPS]


def assert_it_served(engine: TokenEngine[ShopClaims], at_least: int) -> None:
    """Check that the signature cache, if there is one, was used."""
    use = engine.signature_cache
    if engine.policy.signature_cache_entries:
        assert use.hits >= at_least
        assert 0 < use.entries <= use.misses
    else:
        assert (use.hits, use.entries) == (0, 0)
