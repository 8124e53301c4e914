"""A Redis that a test starts and stops, and helpers for the tests of RedisStore."""

import asyncio
import socket
import subprocess

import pytest
from redis.asyncio import Redis

from tests.support import NOW

PATIENT = 30.0


class Server:
    """A new Redis on a free port, which can be stopped and started again."""

    def __init__(self, directory, *options: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._options = ("--dir", str(directory), "--save", "", *options)
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        where = ("redis-server", "--bind", "127.0.0.1", "--port", str(self.port))
        self.process = subprocess.Popen((*where, *self._options), stdout=subprocess.PIPE, text=True)  # noqa: S603
        for line in self.process.stdout:
            if "Ready to accept connections" in line:
                return
        pytest.fail("redis-server did not start")

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()
            self.process = None

    def send(self, number: int) -> None:
        self.process.send_signal(number)


async def forget(url, prefix):
    """Delete the keys of a test."""
    async with Redis.from_url(url) as client:
        async for key in client.scan_iter(match=f"{prefix}*", count=10_000):
            await client.delete(key)


async def denies(store, jti, now=NOW):
    """Check only a token."""
    return await store.is_revoked(jti=jti, sid=None, sub="", issued_at=now, now=now)


async def background():
    """Wait for all background tasks."""
    await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}))


async def calls_of(url, *names):
    """Return how often the server has run commands."""
    async with Redis.from_url(url) as looking:
        stats = await looking.info("commandstats")
    return [stats.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in names]
