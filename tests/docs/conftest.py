"""What the tests of several pages need."""

import pytest

from tests.support import SECRET, ShopClaims
from tokenward import KeyRing, MemoryStore, TokenEngine


@pytest.fixture
def shop(clock):
    """Return the engine of a shop, whose tokens name a tenant."""
    return TokenEngine(
        KeyRing.from_secret(SECRET), claims_model=ShopClaims, store=MemoryStore(), clock=clock
    )
