"""Fixtures: the service of the contract for each adapter."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.adapters import contract as c
from tests.adapters.adapters import ALL, WANTED, Build, build_of
from tests.support import FrozenClock

# If one adapter is tested alone, the other frameworks are not installed.
collect_ignore_glob = [f"test_{name}*" for name in ALL if name not in WANTED]


@pytest.fixture(scope="module", params=WANTED)
def build(request: pytest.FixtureRequest) -> Build:
    """Return the function that builds the service with one adapter."""
    return build_of(request.param)


@pytest.fixture(scope="module")
def app(build: Build) -> object:
    """Return the service, built once for a module, with some tokens revoked."""
    clock = FrozenClock()
    engine = c.contract_engine(clock)
    asyncio.run(c.revoke_some(engine, clock))
    return build(engine)


@pytest.fixture
async def client(app: object) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of the module's service, for requests that change no state."""
    async with c.client_of(app) as client:
        yield client


@pytest.fixture
async def own_client(build: Build, clock: FrozenClock) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of a service for this test only, for requests that use or revoke tokens."""
    async with c.client_of(build(c.contract_engine(clock))) as client:
        yield client
