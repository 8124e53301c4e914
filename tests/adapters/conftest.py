"""The service of the contract, once for every adapter."""

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.adapters import contract as c
from tests.adapters.adapters import ALL, WANTED, Build, build_of
from tests.support import FrozenClock

# Where one adapter is tested, the other frameworks are not installed.
collect_ignore_glob = [f"test_{name}*" for name in ALL if name not in WANTED]


@pytest.fixture(params=WANTED)
def build(request: pytest.FixtureRequest) -> Build:
    """Give what builds the service with one adapter."""
    return build_of(request.param)


@pytest.fixture
async def app(build: Build, clock: FrozenClock) -> object:
    """Give the service, with some tokens revoked."""
    engine = c.contract_engine(clock)
    await c.revoke_some(engine, clock)
    return build(engine)


@pytest.fixture
async def client(app: object) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client of the service."""
    async with c.client_of(app) as client:
        yield client
