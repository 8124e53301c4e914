"""Fixtures of every suite."""

import pytest

from tests.support import FrozenClock, engine_with
from tokenward import Claims, TokenEngine


@pytest.fixture
def clock() -> FrozenClock:
    """Give a clock that stands still."""
    return FrozenClock()


@pytest.fixture
def engine(clock: FrozenClock) -> TokenEngine[Claims]:
    """Give an engine with the default policy, one HS256 secret, a MemoryStore and the clock."""
    return engine_with(clock)
