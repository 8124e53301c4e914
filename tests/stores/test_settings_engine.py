"""An engine from settings opens its store and its keys, and closes them; with real services."""

import asyncio
from collections import Counter
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from sqlalchemy import event
from sqlalchemy.pool import Pool

from tests.stores.crash_worker import prepared
from tests.support import SECRET, ShopClaims, payload_of, signed
from tokenward import Claims, ConfigurationError, MemoryStore, TokenEngine, TokenRevokedError
from tokenward.errors import KeysUnavailableError
from tokenward.settings import TokenwardSettings, engine_from_settings

CLIENT = "tokenward-settings-test"


def settings(**values: object) -> TokenwardSettings:
    """Return settings with only these values, whatever is in the environment."""
    return TokenwardSettings(_env_prefix="SHOP_", **({"secret": SECRET} | values))


def settings_at(place, **values: object) -> TokenwardSettings:
    """Return settings whose store is at a new place."""
    schema = {"store_schema": place.part} if place.part else {}
    return settings(store_url=place.url, store_timeout_seconds=20, **schema, **values)


@pytest.fixture
def connections():
    """Count the connections that SQLAlchemy opens and closes."""
    counts: Counter[str] = Counter()

    def opened(*_: object) -> None:
        counts["opened"] += 1

    def closed(*_: object) -> None:
        counts["closed"] += 1

    event.listen(Pool, "connect", opened)
    event.listen(Pool, "close", closed)
    yield counts
    event.remove(Pool, "connect", opened)
    event.remove(Pool, "close", closed)


async def assert_revokes(engine: TokenEngine[Claims]) -> None:
    """Revoke a token, and check that it is refused."""
    token = await engine.issue("alice")
    assert (await engine.decode(token)).sub == "alice"
    await engine.revoke(token)
    with pytest.raises(TokenRevokedError):
        await engine.decode(token)


async def test_an_engine_creates_the_tables_and_closes_its_database(place, connections):
    """SQLite and PostgreSQL: after the block no connection of the engine is open."""
    before = Counter(connections)
    async with engine_from_settings(settings_at(place)).running(create_tables=True) as engine:
        await assert_revokes(engine)
        assert engine.store is not None
        assert await engine.store.purge(now=engine.now()) == 0
        assert connections["opened"] > before["opened"]
    assert connections["opened"] == connections["closed"]


async def test_a_store_that_was_passed_in_replaces_that_of_the_settings(place, connections):
    """No connection to the other one is opened; the running engine closes it as well."""
    before = Counter(connections)
    store = settings_at(place).to_store()
    other = settings(store_url="postgresql+asyncpg://127.0.0.1:1/db")
    async with engine_from_settings(other, store=store).running(create_tables=True) as engine:
        assert engine.store is store
        await assert_revokes(engine)
        assert connections["opened"] > before["opened"]
    assert connections["opened"] == connections["closed"]


async def clients_of(observer: Redis) -> int:
    """Return how many connections of the store the server has."""
    return sum(each["name"] == CLIENT for each in await observer.client_list())


@asynccontextmanager
async def redis_settings(url: str):
    """Yield settings whose store is in Redis, under a new prefix."""
    async with prepared(url) as place:
        yield settings(
            store_url=f"{url}?client_name={CLIENT}",
            store_prefix=place.part,
            store_timeout_seconds=20,
        )


@pytest.mark.filterwarnings("ignore::tokenward.stores.redis.RedisPersistenceWarning")
async def test_an_engine_closes_its_redis(redis_url):
    """After the block the server has no connection of the engine; there are no tables to create."""
    async with Redis.from_url(redis_url) as observer, redis_settings(redis_url) as values:
        async with engine_from_settings(values).running(create_tables=True) as engine:
            await assert_revokes(engine)
            assert await clients_of(observer) > 0
        # The server may answer before it notices.
        async with asyncio.timeout(20):
            while await clients_of(observer):
                pass


async def test_an_engine_works_without_running(place):
    """As in a script, which closes the store itself."""
    engine = engine_from_settings(settings_at(place), claims_model=ShopClaims)
    token = await engine.issue("alice", claims={"tenant": "acme"})
    assert (await engine.decode(token)).tenant == "acme"
    await engine.store.aclose()


@pytest.mark.parametrize("store", [None, MemoryStore()])
async def test_an_engine_without_connections_can_be_closed(store):
    """Without a store, or with a store in memory, nothing is created or closed."""
    async with engine_from_settings(settings(), store=store).running(create_tables=True) as engine:
        assert engine.store is store
        assert await engine.issue("alice")


class SilentIssuer:
    """A server on this machine that accepts requests for a key set and never answers."""

    def __init__(self) -> None:
        """Wait for the first request."""
        self.arrived = asyncio.Event()
        self.gone = asyncio.Event()
        self.url = ""

    @asynccontextmanager
    async def serving(self):
        """Listen on a free port."""
        server = await asyncio.start_server(self._keep_silent, "127.0.0.1", 0)
        async with server:
            self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/keys"
            yield self

    async def _keep_silent(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.arrived.set()
        while await reader.read(1024):
            pass
        writer.close()
        self.gone.set()


async def test_closing_the_engine_ends_a_fetch_of_its_keys():
    """The fetch is cancelled, and the token that waits for it is refused."""
    async with SilentIssuer().serving() as issuer:
        engine = engine_from_settings(settings(secret=None, jwks_url=issuer.url))
        async with engine.running():
            waiting = asyncio.create_task(engine.decode(signed(payload_of())))
            await asyncio.wait_for(issuer.arrived.wait(), 10)
        with pytest.raises(KeysUnavailableError):
            await asyncio.wait_for(waiting, 10)
        await asyncio.wait_for(issuer.gone.wait(), 10)


async def test_a_store_of_another_event_loop_ends_the_start():
    """It can neither be used nor closed in this one."""
    engine = engine_from_settings(settings(store_url="redis://127.0.0.1:1"))
    with pytest.raises(RedisConnectionError):
        await asyncio.to_thread(asyncio.run, engine.store.raise_retention(0))
    with pytest.raises(ConfigurationError, match="another event loop"):
        async with engine.running():
            pytest.fail("the block must not begin")
