"""Real services: where they are, and what happens where they are not."""

import os
import socket
from urllib.parse import urlsplit

import pytest

REQUIRED = os.environ.get("TOKENWARD_REQUIRE_SERVICES") == "1"


def service(variable: str, default: str, start: str) -> str:
    """Give the URL of a service; skip with the command that starts it, or fail where it is required."""
    url = os.environ.get(variable, default)
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname or "127.0.0.1", parts.port or 0), 1).close()
    except OSError:
        message = f"Nothing answers at {variable}. Start it with: {start}"
        if REQUIRED:
            pytest.fail(message)
        pytest.skip(message)
    return url


@pytest.fixture(scope="session")
def redis_url() -> str:
    """Give a Redis of the tests."""
    return service(
        "TOKENWARD_TEST_REDIS_URL",
        "redis://127.0.0.1:6379/0",
        "redis-server --bind 127.0.0.1 --port 6379",
    )


@pytest.fixture(scope="session")
def postgres_url() -> str:
    """Give a PostgreSQL of the tests."""
    return service(
        "TOKENWARD_TEST_POSTGRES_URL",
        "postgresql+asyncpg://root@127.0.0.1:5432/test",
        "pg_ctlcluster 15 main start",
    )
