"""The fixtures of the pytest plugin, without the plugin being registered."""

import asyncio

import pytest

from tests.support import NOW, SECRET
from tokenward import Key, KeyRing, TokenEngine
from tokenward.testing import pytest_plugin
from tokenward.testing.pytest_plugin import frozen_clock, token_factory

__all__ = ["frozen_clock", "token_factory"]  # fixtures


@pytest.fixture
def token_engine(frozen_clock):
    """Return the engine of the application, which the user defines."""
    return TokenEngine(KeyRing(Key.from_secret(SECRET)), clock=frozen_clock)


def test_the_factory_issues_tokens_of_the_engine(token_factory, token_engine, frozen_clock):
    """It takes the arguments of `issue`, and the token is valid by the frozen clock."""
    token = token_factory("alice", scopes=["orders:read"], fresh=True)
    claims = asyncio.run(token_engine.decode(token))

    assert (claims.sub, claims.scope, claims.fresh) == ("alice", "orders:read", True)
    assert claims.iat == frozen_clock() == NOW


async def test_the_factory_in_an_asynchronous_test(token_factory):
    """The message names the call to await."""
    with pytest.raises(RuntimeError, match=r"write await token_engine.issue\(\.\.\.\)"):
        token_factory("alice")


def test_the_engine_is_the_users():
    """Without the user's own fixture, the error says what to define."""
    with pytest.raises(pytest.UsageError, match="define a fixture token_engine"):
        pytest_plugin.token_engine.__wrapped__()
