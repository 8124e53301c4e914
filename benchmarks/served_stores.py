"""Requests per second of one uvicorn worker with each store, beside a hand-written check with PyJWT and ``redis.exists``.

``python -m benchmarks.served_stores [--quick] [--write]`` from the root of the checkout. It needs wrk (``apt-get install wrk``),
and creates its own key prefix and schema in ``--redis`` and ``--postgres``, which it removes at the end. The workers are loaded
alternately, in rounds. ``--write`` puts the table into docs/deployment.md.
"""

import argparse
import asyncio
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from uuid import uuid4

from redis.asyncio import Redis
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from benchmarks.document import with_blocks
from benchmarks.minting import mint
from benchmarks.parts.served import Load, Server
from benchmarks.processes import SideFailedError, running
from benchmarks.tables import Table, conditions, number, today
from tokenward import Revocation, RevocationStore
from tokenward.stores.redis import RedisStore
from tokenward.stores.sql import SqlStore

DOCUMENT = Path("docs/deployment.md")
BLOCK = "one worker with each store"
ALGORITHM = "HS256"
CONNECTIONS = 64
TOKENS = 500
"""The tokens of the requests: few enough that the worker has seen each of them before."""
ROUNDS, SECONDS = 9, 5
QUICK_ROUNDS, QUICK_SECONDS = 1, 1
AT_ONCE = 500
PATIENT = 30.0
MEMORY = "`MemoryStore`"
BY_HAND = "by hand: PyJWT and `redis.exists`"
COLUMNS = (
    "store",
    "requests/s",
    f"of those with {MEMORY}",
    "p99 ms",
    "asked in spite of the mirror",
)


async def _revoke(store: RevocationStore, count: int) -> None:
    """Revoke sessions, so that look-ups search among as many."""
    now = time.time()
    async with store:
        for start in range(0, count, AT_ONCE):
            await asyncio.gather(
                *(
                    store.revoke(Revocation("session", f"{each:032x}", now + 86_400), now=now)
                    for each in range(start, min(start + AT_ONCE, count))
                )
            )


@contextmanager
def redis_prefix(url: str, revoked: int) -> Iterator[str]:
    """Yield a URL with a new prefix as its fragment; remove its keys at the end."""
    prefix = f"tokenward-served-{uuid4().hex[:8]}:"

    async def remove() -> None:
        async with Redis.from_url(url) as client:
            async for key in client.scan_iter(f"{prefix}*", count=10_000):
                await client.unlink(key)

    store = RedisStore(url, key_prefix=prefix, timeout_seconds=PATIENT, ephemeral=True)
    try:
        asyncio.run(_revoke(store, revoked))
        yield f"{url}#{prefix}"
    finally:
        asyncio.run(remove())


@contextmanager
def postgres_schema(url: str, revoked: int) -> Iterator[str]:
    """Yield a URL with a new schema as its fragment; remove it at the end."""
    schema = f"tokenward_served_{uuid4().hex[:8]}"

    async def execute(statement: str) -> None:
        engine = create_async_engine(url)
        async with engine.begin() as connection:
            await connection.execute(text(statement))
        await engine.dispose()

    async def fill() -> None:
        store = SqlStore(url, schema=schema, timeout_seconds=PATIENT)
        await store.create_tables()
        await store.create_feed()
        await _revoke(store, revoked)

    asyncio.run(execute(f"CREATE SCHEMA {schema}"))
    try:
        asyncio.run(fill())
        yield f"{url}#{schema}"
    finally:
        asyncio.run(execute(f"DROP SCHEMA {schema} CASCADE"))


def measure(wanted: argparse.Namespace) -> Table:
    """Load the workers alternately, and return the table.

    Raises:
        SideFailedError: a worker gave a wrong response, or none.
    """
    rounds, seconds = (QUICK_ROUNDS, QUICK_SECONDS) if wanted.quick else (ROUNDS, SECONDS)
    with TemporaryDirectory() as folder, ExitStack() as stack:
        material = mint(Path(folder), [ALGORITHM])
        tokens = material.path(ALGORITHM, "some")
        tokens.write_text("\n".join(material.tokens(ALGORITHM, "usual")[:TOKENS]) + "\n")
        redis = stack.enter_context(redis_prefix(wanted.redis, wanted.revoked))
        postgres = stack.enter_context(postgres_schema(wanted.postgres, wanted.revoked))

        def serve(script: str, store: str) -> Server:
            arguments = (str(material.folder), ALGORITHM, "--store", store, "--serve", "main")
            side = stack.enter_context(running(store, sys.executable, script, *arguments))
            return Server(side, tokens, CONNECTIONS)

        stores = {
            "no store": "none",
            MEMORY: "memory",
            "`MirroredStore`, Redis": f"mirror:{redis}",
            "`MirroredStore`, PostgreSQL": f"mirror:{postgres}",
            "`RedisStore`": redis,
            "`SqlStore`, PostgreSQL": postgres,
        }
        servers = {name: serve("fastapi_stores.py", store) for name, store in stores.items()}
        servers[BY_HAND] = serve("fastapi_by_hand_redis.py", f"{redis}by-hand:")
        loads = _loads(servers, rounds, seconds)
        fallbacks = {name: str(servers[name].side.last_output()["fallbacks"]) for name in stores}

        versions = {k: v for server in servers.values() for k, v in server.side.versions.items()}
    rows = [_row(name, loads, fallbacks.get(name, "")) for name in servers]
    note = (
        f"One uvicorn worker (uvloop, httptools) with FastAPI and one guarded route, {ALGORITHM}, {TOKENS} tokens that the worker has seen before, "
        f"{wanted.revoked:,} revoked sessions. `wrk -t1 -c{CONNECTIONS}` and the servers of the stores run on the same machine. The workers are loaded alternately for "
        f"{seconds} s each, {rounds} times; the figures are medians. {conditions(versions, [today()])}"
    )
    return Table(COLUMNS, rows, [note])


def _loads(servers: dict[str, Server], rounds: int, seconds: int) -> dict[str, list[Load]]:
    """Return what wrk has measured of each worker, once for each round; the first one does not count."""
    loads: dict[str, list[Load]] = {name: [] for name in servers}
    for place in range(rounds + 1):
        for name, server in servers.items():
            load = server.load(seconds if place else 1)
            if place:
                loads[name].append(load)
                print(f"{name}: {number(load.requests_per_second)}/s", file=sys.stderr, flush=True)
    return loads


def _row(name: str, loads: dict[str, list[Load]], fallbacks: str) -> tuple[str, ...]:
    own, memory = loads[name], loads[MEMORY]
    share = median(
        each.requests_per_second / other.requests_per_second
        for each, other in zip(own, memory, strict=True)
    )
    return (
        name,
        number(median(each.requests_per_second for each in own)),
        f"{share:.2f}",
        number(median(each.p99_ms for each in own)),
        fallbacks if "Mirror" in name else "",
    )


def main() -> None:
    """Measure, print the table, and write it if that is wanted."""
    parser = argparse.ArgumentParser(prog="benchmarks.served_stores", description=__doc__)
    parser.add_argument("--redis", default="redis://127.0.0.1:6379/0", metavar="URL")
    parser.add_argument(
        "--postgres", default="postgresql+asyncpg://root@127.0.0.1:5432/test", metavar="URL"
    )
    parser.add_argument("--revoked", type=int, default=10_000, help="sessions in each store")
    parser.add_argument("--quick", action="store_true", help="one round of a second")
    parser.add_argument("--write", action="store_true", help=f"write the table into {DOCUMENT}")
    wanted = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("wrk is not installed: apt-get install wrk")
    document = DOCUMENT.read_text(encoding="utf-8")
    if wanted.write:  # Before measuring: check that the document has the block.
        with_blocks(document, {BLOCK: ""})
    try:
        table = measure(wanted).markdown()
    except SideFailedError as failure:
        sys.exit(f"A worker failed: {failure}")
    print(table)
    if wanted.write:
        DOCUMENT.write_text(with_blocks(document, {BLOCK: table}), encoding="utf-8")


if __name__ == "__main__":
    main()
