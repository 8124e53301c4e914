"""Fixtures: a local issuer and its keys."""

from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from tests.remote.issuer import Issuer, engine_for, serving
from tests.support import FrozenClock
from tests.travelling import TravellingLoop
from tokenward import Claims, Key, RemoteKeySet, TokenEngine

OLD = Key.generate("ES256")
NEW = Key.generate("ES256")


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], TravellingLoop]]:
    """Run the tests of this folder on a loop whose time they can move on."""
    return {"travelling": TravellingLoop}


@pytest.fixture(scope="session")
def server() -> Iterator[list[Issuer]]:
    """Serve the issuer that is in the list."""
    current: list[Issuer] = []

    async def app(scope: object, receive: object, send: object) -> None:
        await current[-1](scope, receive, send)

    with serving(app) as port:
        current.append(Issuer())
        current[0].url = f"http://127.0.0.1:{port}"
        yield current


@pytest.fixture
def issuer(server: list[Issuer]) -> Iterator[Issuer]:
    """Return an issuer that publishes `OLD`."""
    fresh = Issuer()
    fresh.url = server[0].url
    fresh.publish(OLD)
    server.append(fresh)
    yield fresh
    fresh.gate.set()


@pytest.fixture
async def keys(issuer: Issuer) -> AsyncIterator[RemoteKeySet]:
    """Return the remote key set of the issuer, with default settings."""
    async with RemoteKeySet(issuer.jwks_url) as keys:
        yield keys


@pytest.fixture
def verifier(keys: RemoteKeySet, issuer: Issuer, clock: FrozenClock) -> TokenEngine[Claims]:
    """Return an engine with these keys."""
    return engine_for(keys, issuer, clock)
