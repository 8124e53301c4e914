"""Real services: their URLs, and skipping or failing if a service is missing.

The contract of `MemoryStore` runs without SQLAlchemy, so the fixtures import what needs it.
"""

import os
import socket
from typing import NoReturn
from urllib.parse import urlsplit, urlunsplit

import pytest

REQUIRED = os.environ.get("TOKENWARD_REQUIRE_SERVICES") == "1"


def service(variable: str, default: str, start: str) -> str:
    """Return the URL of a service; without it, skip with the command that starts it, or fail."""
    url = os.environ.get(variable, default)
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname or "127.0.0.1", parts.port or 0), 1).close()
    except OSError:
        absent(f"Nothing answers at {variable}. Start it with: {start}")
    return url


def database_of_worker(url: str) -> str:
    """Return the URL of the Redis database of this xdist worker, out of the sixteen of a server.

    PostgreSQL needs none: each of its tests has a schema of its own.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is None:
        return url
    parts = urlsplit(url)
    first = int(parts.path.strip("/") or 0)
    number = (first + 1 + int(worker.removeprefix("gw"))) % 16
    return urlunsplit(parts._replace(path=f"/{number}"))


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
def postgres_url() -> str:
    """Return the URL of the PostgreSQL of the tests."""
    return service(
        "TOKENWARD_TEST_POSTGRES_URL",
        "postgresql+asyncpg://root@127.0.0.1:5432/test",
        "pg_ctlcluster 15 main start",
    )


@pytest.fixture(scope="session")
def pgbouncer_url(postgres_url):
    """Return the URL of the PostgreSQL of the tests behind a pooler in transaction mode."""
    from tests.stores import pooler

    executable = pooler.program()
    if executable is None:
        absent(f"pgbouncer is not installed. Install it with: {pooler.INSTALL}")
    with pooler.running(executable, postgres_url) as url:
        yield url


@pytest.fixture
async def sqlite_place(tmp_path):
    """Yield an SQLite file with tables."""
    from tests.stores.crash_worker import prepared

    async with prepared(f"sqlite+aiosqlite:///{tmp_path / 'revocations.db'}") as made:
        yield made


@pytest.fixture
async def postgres_place(postgres_url):
    """Yield a new PostgreSQL schema with tables."""
    from tests.stores.crash_worker import prepared

    async with prepared(postgres_url) as made:
        yield made


@pytest.fixture(params=["sqlite", "postgres"])
async def place(request, tmp_path):
    """Yield an empty place in each database."""
    from tests.stores.crash_worker import prepared

    if request.param == "sqlite":
        url = f"sqlite+aiosqlite:///{tmp_path / 'revocations.db'}"
    else:
        url = request.getfixturevalue("postgres_url")
    async with prepared(url) as made:
        yield made
