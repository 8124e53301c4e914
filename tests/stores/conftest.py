"""Real services: their URLs, and skipping or failing if a service is missing.

The contract of `MemoryStore` runs without SQLAlchemy, so the fixtures import what needs it.
"""

import asyncio
import os
import socket
from typing import NoReturn
from urllib.parse import urlsplit, urlunsplit

import pytest

REDIS_TOPOLOGIES = ("redis_sentinels", "redis_cluster")
REQUIRED = os.environ.get("TOKENWARD_REQUIRE_SERVICES") == "1"
POSTGRES_DRIVERS = ("asyncpg", "psycopg")
DATABASES = ("sqlite", *POSTGRES_DRIVERS, "mariadb")


def service(variable: str, default: str, start: str) -> str:
    """Return the URL of a service; without it, skip with the command that starts it, or fail."""
    url = os.environ.get(variable, default)
    if not answers(url):
        absent(f"Nothing answers at {variable}. Start it with: {start}")
    return url


def answers(url: str) -> bool:
    """Whether a server accepts connections at the host and port of a URL."""
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname or "127.0.0.1", parts.port or 0), 1).close()
    except OSError:
        return False
    return True


def database_of_worker(url: str) -> str:
    """Return the URL of the Redis database of this xdist worker, out of the sixteen of a server.

    PostgreSQL needs none: each of its tests has its own schema.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is None:
        return url
    parts = urlsplit(url)
    first = int(parts.path.strip("/") or 0)
    number = (first + 1 + int(worker.removeprefix("gw"))) % 16
    return urlunsplit(parts._replace(path=f"/{number}"))


def with_driver(url: str, driver: str) -> str:
    """Return a URL of SQLAlchemy with another driver."""
    dialect, _, rest = url.partition("+")
    return f"{dialect}+{driver}://{rest.partition('://')[2]}"


def absent(message: str) -> NoReturn:
    """Skip because a service is missing, or fail if it is required."""
    if REQUIRED:
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def redis_url() -> str:
    """Return the URL of the Redis of the tests."""
    url = service(
        "TOKENWARD_TEST_REDIS_URL",
        "redis://127.0.0.1:6379/0",
        "redis-server --bind 127.0.0.1 --port 6379",
    )
    return database_of_worker(url)


@pytest.fixture(scope="session")
def redis_program():
    """Skip if no Redis can be started."""
    from tests.stores.redis_store import servers

    if not servers.is_installed():
        absent(f"redis-server is not installed. Install it with: {servers.INSTALL}")


@pytest.fixture(scope="session")
def redis_servers(redis_program, tmp_path_factory):
    """Yield a function that starts a Redis, which runs until the last test."""
    from tests.stores.redis_store import servers

    with servers.servers(tmp_path_factory.mktemp("redis")) as start:
        yield start


@pytest.fixture(scope="session")
def redis_cluster(redis_servers):
    """Return a cluster of three primaries."""
    from tests.stores.redis_store import servers

    return servers.start_cluster(redis_servers)


@pytest.fixture(scope="session")
def redis_sentinels(redis_servers):
    """Return a master and its replica, watched by three Sentinels."""
    from tests.stores.redis_store import servers

    return servers.start_watched(redis_servers)


@pytest.fixture(scope="session")
def redis_tls_url(redis_servers):
    """Return the URL of a Redis that accepts only TLS."""
    from tests.stores.redis_store import servers

    return servers.start_with_tls(redis_servers)


@pytest.fixture(scope="session")
def postgres_url() -> str:
    """Return the URL of the PostgreSQL of the tests."""
    return service(
        "TOKENWARD_TEST_POSTGRES_URL",
        "postgresql+asyncpg://root@127.0.0.1:5432/test",
        "pg_ctlcluster 15 main start",
    )


@pytest.fixture(scope="session")
def mariadb_url():
    """Return the URL of the MariaDB of the tests; where none runs, start one if it is installed."""
    from tests.stores import mariadb

    variable, default = "TOKENWARD_TEST_MARIADB_URL", "mysql+asyncmy://root@127.0.0.1:3306/test"
    executable = mariadb.program()
    if variable not in os.environ and not answers(default) and executable is not None:
        with mariadb.running(executable) as url:
            yield url
        return
    yield service(variable, default, "apt-get install mariadb-server; service mariadb start")


@pytest.fixture(params=POSTGRES_DRIVERS)
def postgres_driver_url(request, postgres_url):
    """Return the URL of the PostgreSQL of the tests for each driver."""
    return with_driver(postgres_url, request.param)


@pytest.fixture(scope="session")
def pgbouncer(postgres_url):
    """Return the URL of the PostgreSQL of the tests behind a pooler in transaction mode."""
    from tests.stores import pooler

    executable = pooler.program()
    if executable is None:
        absent(f"pgbouncer is not installed. Install it with: {pooler.INSTALL}")
    with pooler.running(executable, postgres_url) as url:
        yield url


@pytest.fixture
def pgbouncer_url(pgbouncer, postgres_driver_url):
    """Return the URL behind the pooler for each driver."""
    return with_driver(pgbouncer, postgres_driver_url.partition("://")[0].partition("+")[2])


@pytest.fixture
async def sqlite_place(tmp_path):
    """Yield an SQLite file with tables."""
    from tests.stores.crash_worker import prepared

    async with prepared(f"sqlite+aiosqlite:///{tmp_path / 'revocations.db'}") as made:
        yield made


@pytest.fixture(scope="session")
def shared_places():
    """Yield the places that the tests of this process use one after the other."""
    from tests.stores.crash_worker import removed

    places = {}
    yield places
    for place in places.values():
        asyncio.run(removed(place))


async def shared_place(url, shared_places, name="", *, more=()):
    """Return the shared place of a URL, empty: creating tables takes most of the time of a test.

    A test that changes the tables needs a new place instead.
    """
    from tests.stores.crash_worker import created, emptied

    place = shared_places.get((url, name))
    if place is None:
        place = shared_places[url, name] = await created(url)
    else:
        await emptied(place, *more)
    return place


async def shared_place_with_feed(url, shared_places):
    """Return the shared place of a URL whose revocations feed mirrors, as after `create_feed`."""
    more = ("tokenward_feed", "tokenward_feed_state")
    place = await shared_place(url, shared_places, "feed", more=more)
    async with place.store() as store:
        await store.create_feed()
    return place


@pytest.fixture
async def postgres_place(postgres_driver_url, shared_places):
    """Return an empty schema with tables in PostgreSQL, for each driver; a test must not change them."""
    return await shared_place(postgres_driver_url, shared_places)


@pytest.fixture
async def new_postgres_place(postgres_driver_url):
    """Yield a new schema with tables in PostgreSQL, for each driver."""
    from tests.stores.crash_worker import prepared

    async with prepared(postgres_driver_url) as made:
        yield made


@pytest.fixture
async def mariadb_place(mariadb_url, shared_places):
    """Return an empty database with tables in MariaDB; a test must not change them."""
    return await shared_place(mariadb_url, shared_places)


def url_of(database, request, tmp_path):
    """Return the URL of a store, by the name of its database or driver."""
    if database == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'revocations.db'}"
    if database in POSTGRES_DRIVERS:
        return with_driver(request.getfixturevalue("postgres_url"), database)
    if database in REDIS_TOPOLOGIES:
        return request.getfixturevalue(database).url
    return request.getfixturevalue(f"{database}_url")


@pytest.fixture(params=DATABASES)
async def place(request, tmp_path, shared_places):
    """Return an empty place in each database, through each driver; a test must not change its tables."""
    from tests.stores.crash_worker import created

    url = url_of(request.param, request, tmp_path)
    if request.param == "sqlite":
        return await created(url)
    return await shared_place(url, shared_places)


@pytest.fixture(params=DATABASES)
async def new_place(request, tmp_path):
    """Yield a new place in each database, through each driver."""
    from tests.stores.crash_worker import prepared

    async with prepared(url_of(request.param, request, tmp_path)) as made:
        yield made
