"""A service that forks after it has loaded the app, as gunicorn does with its option to preload."""

import asyncio
import multiprocessing
from uuid import uuid4

import pytest

from tests.stores.redis_store.support import forget
from tests.support import SECRET
from tokenward import KeyRing, TokenEngine, TokenRevokedError
from tokenward.stores.redis import RedisStore
from tokenward.stores.sql import SqlStore


def serve(engine, pipe):
    """Run the engine of the parent process in a worker; revoke or check the tokens that arrive."""

    async def run():
        async with engine.running(create_tables=True):
            while order := pipe.recv():
                call, token = order
                try:
                    await getattr(engine, call)(token)
                except TokenRevokedError:
                    pipe.send("revoked")
                else:
                    pipe.send("done")

    asyncio.run(run())


@pytest.fixture(params=["sqlite", "redis"])
def store(request, tmp_path):
    """Yield a store that was built and not used."""
    if request.param == "sqlite":
        yield SqlStore(f"sqlite+aiosqlite:///{tmp_path / 'tokens.db'}", timeout_seconds=20)
        return
    url = request.getfixturevalue("redis_url")
    prefix = f"tokenward-test-{uuid4().hex}:"
    yield RedisStore(url, key_prefix=prefix, timeout_seconds=20, ephemeral=True)
    asyncio.run(forget(url, prefix))


def test_workers_share_a_store_that_was_built_before_the_fork(store):
    """Each opens it for itself; a token that one of them revokes is refused by the other."""
    engine = TokenEngine(KeyRing.from_secret(SECRET), store=store)
    token = asyncio.run(TokenEngine(KeyRing.from_secret(SECRET)).issue("alice"))
    context = multiprocessing.get_context("fork")
    pipes, workers = [], []
    for _ in range(2):
        here, there = context.Pipe()
        worker = context.Process(target=serve, args=(engine, there))
        worker.start()
        pipes.append(here)
        workers.append(worker)

    def ask(number, call):
        pipes[number].send((call, token))
        return pipes[number].recv()

    assert [ask(0, "decode"), ask(1, "decode"), ask(0, "revoke")] == ["done"] * 3
    assert [ask(0, "decode"), ask(1, "decode")] == ["revoked"] * 2
    for pipe, worker in zip(pipes, workers, strict=True):
        pipe.send(None)
        worker.join()
        assert worker.exitcode == 0
