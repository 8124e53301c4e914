"""Four processes with mirrors, while another one revokes, and processes and connections fail."""

import asyncio
import os
import signal
import time
import uuid
from contextlib import asynccontextmanager

import pytest

from tests.stores.crash_worker import prepared
from tests.stores.mirror.soak_worker import check_until_the_end
from tests.stores.mirror.support import record
from tests.stores.processes import context
from tests.support import IS_DEEP, NOW

PROCESSES = 4
AT_ONCE = 25
ROUNDS = 40 if IS_DEEP else 4


async def break_redis(place, number):
    """Cut connections, trim the feed, or delete it, in turn."""
    from redis.asyncio import Redis

    async with Redis.from_url(place.url) as client:
        if number % 3 == 0:
            for each in await client.client_list():
                if each["db"] == place.url.rsplit("/", 1)[1] and each["cmd"] != "client|list":
                    await client.execute_command("CLIENT", "KILL", "ID", each["id"])
        elif number % 3 == 1:
            await client.xtrim(f"{place.part}feed", maxlen=1, approximate=False)
        else:
            await client.delete(f"{place.part}feed")


async def break_postgres(place, number):
    """Empty the state, as a crash does, or cut connections, in turn."""
    from sqlalchemy import text
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine(place.url)
    async with engine.begin() as connection:
        if number % 2:
            await connection.execute(text(f"DELETE FROM {place.part}.tokenward_feed_state"))  # noqa: S608
        else:
            await connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
    await engine.dispose()


@asynccontextmanager
async def own_database(url):
    """Yield the URL of a new PostgreSQL database, in which no other test has a connection."""
    from sqlalchemy import make_url, text
    from sqlalchemy.ext.asyncio import create_async_engine

    name = f"tokenward_test_{uuid.uuid4().hex[:12]}"
    engine = create_async_engine(url, isolation_level="AUTOCOMMIT")
    try:
        async with engine.connect() as connection:
            await connection.execute(text(f"CREATE DATABASE {name}"))
            yield make_url(url).set(database=name).render_as_string(hide_password=False)
            await connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    finally:
        await engine.dispose()


@asynccontextmanager
async def place_for(url):
    """Yield an empty place whose connections can be cut without those of other tests."""
    if url.startswith("redis"):
        async with prepared(url) as place:
            yield place
        return
    async with own_database(url) as own, prepared(own) as place:
        async with place.store() as store:
            await store.create_feed()
        yield place


async def revoke_some(place, pipes, start):
    """Revoke some tokens, and tell the other processes when each was acknowledged."""
    async with place.store() as store:
        for number in range(start, start + AT_ONCE):
            await store.revoke(record(str(number)), now=NOW)
            for pipe in pipes:
                pipe.send((str(number), time.monotonic()))


@pytest.mark.parametrize("service", ["redis", "postgres"])
async def test_no_revoked_token_is_accepted_too_late(request, service):
    """Not while processes are stopped for longer than that, connections end, and the feed is lost."""
    url = request.getfixturevalue(f"{service}_url")
    async with place_for(url) as place:
        pipes, workers = [], []
        try:
            for _ in range(PROCESSES):
                ours, theirs = context.Pipe()
                worker = context.Process(target=check_until_the_end, args=(place, theirs))
                worker.start()
                theirs.close()  # so that the end of the process ends the pipe
                pipes.append(ours)
                workers.append(worker)
            for pipe in pipes:
                assert await asyncio.to_thread(pipe.recv) == "ready"

            for number in range(ROUNDS):
                stopped = workers[number % PROCESSES].pid
                os.kill(stopped, signal.SIGSTOP)
                await revoke_some(place, pipes, number * AT_ONCE)
                if service == "redis":
                    await break_redis(place, number)
                else:
                    await break_postgres(place, number)
                await asyncio.sleep(1.2)
                os.kill(stopped, signal.SIGCONT)
                await asyncio.sleep(0.5)

            for pipe in pipes:
                pipe.send(None)
            counts = [await asyncio.to_thread(pipe.recv) for pipe in pipes]
        finally:
            for worker in workers:
                worker.kill()
                worker.join()

    for each in counts:
        assert (each["too late"], each["wrong"]) == (0, 0)
        assert each["denied"] > AT_ONCE
