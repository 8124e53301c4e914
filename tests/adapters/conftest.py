"""Fixtures: what builds the service of the contract with each adapter, and an identity provider."""

from collections.abc import AsyncIterator
from importlib import import_module
from types import ModuleType

import httpx
import pytest

from tests.adapters.adapters import ALL, WANTED, Build, build_of
from tests.adapters.identity_provider import OF_PROVIDER, PatchyStore, Provider
from tests.support import FrozenClock
from tokenward import Claims, TokenEngine
from tokenward.testing.adapters.service import client_of

# Before a test imports it: pytest then shows the values that it compares.
pytest.register_assert_rewrite("tokenward.testing.adapters.exchanges")
# If one adapter is tested alone, the other frameworks are not installed.
collect_ignore_glob = [f"test_{name}*" for name in ALL if name not in WANTED]


@pytest.fixture(scope="module", params=WANTED)
def build(request: pytest.FixtureRequest) -> Build:
    """Return the function that builds the service with one adapter."""
    return build_of(request.param)


@pytest.fixture(scope="module", params=WANTED)
def framework(request: pytest.FixtureRequest) -> ModuleType:
    """Return the module that builds the service with one adapter."""
    return import_module(f"tests.adapters.{request.param}_endpoints")


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    """Yield the identity provider."""
    provider = Provider()
    yield provider
    await provider.client.aclose()


@pytest.fixture
def store() -> PatchyStore:
    """Return the store of both engines."""
    return PatchyStore()


@pytest.fixture
def login_engine(clock: FrozenClock, store: PatchyStore, provider: Provider) -> TokenEngine[Claims]:
    """Return an engine that verifies the access tokens of the provider."""
    return TokenEngine(provider.keys, policy=OF_PROVIDER, store=store, clock=clock)


@pytest.fixture
async def client(app: object) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client: the provider, or a stranger."""
    async with client_of(app) as client:
        yield client
