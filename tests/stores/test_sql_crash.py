"""Several processes share one store: they race, and they are killed."""

import base64
import json
import multiprocessing
import random
import time
from collections import Counter
from dataclasses import replace

import pytest

from tests.stores import crash_worker
from tests.stores.crash_worker import Place, outcome_of, prepared
from tests.support import IS_DEEP
from tokenward import TokenRevokedError
from tokenward.stores import Consumption

PROCESSES = 4
CALLERS = 125
ROUNDS = 20 if IS_DEEP else 4
KILLS = 33 if IS_DEEP else 8
LOST = {"refresh_token_reused", "token_revoked"}

# Children are forked from a process without threads, in which everything is imported already.
context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload(["pytest", "tests.stores.crash_worker", "redis.asyncio"])


@pytest.fixture(params=["sqlite", "postgres", "redis"])
async def place(request, tmp_path):
    """Yield an empty place in each store that processes can share."""
    if request.param == "sqlite":
        url = f"sqlite+aiosqlite:///{tmp_path / 'revocations.db'}"
    else:
        url = request.getfixturevalue(f"{request.param}_url")
    async with prepared(url) as made:
        yield made


def started(work, place: Place, *args):
    """Start a process, and return it with this end of its pipe when it is ready."""
    here, there = context.Pipe()
    process = context.Process(target=work, args=(place, *args, there), daemon=True)
    process.start()
    there.close()
    assert here.recv() == "ready"
    return process, here


async def race(place: Place) -> list[list[str]]:
    """Refresh a token in several processes at once, repeatedly; return each caller's outcome."""
    workers = [started(crash_worker.refresh_at_once, place, CALLERS) for _ in range(PROCESSES)]
    rounds = []
    async with place.engine() as engine:
        for _ in range(ROUNDS):
            token = (await engine.issue_pair("alice")).refresh_token
            for _, pipe in workers:
                pipe.send(token)
            rounds.append([outcome for _, pipe in workers for outcome in pipe.recv()])
    for process, pipe in workers:
        pipe.send("")
        process.join()
        assert process.exitcode == 0
    return rounds


async def test_of_500_refreshes_in_4_processes_one_wins(place):
    """In each round there is one new pair, and all others get the documented error."""
    for outcomes in await race(place):
        assert len(outcomes) == PROCESSES * CALLERS
        assert len([each for each in outcomes if each not in LOST]) == 1


async def test_within_the_grace_500_refreshes_in_4_processes_get_one_pair(place):
    """In each round all callers get the same pair."""
    for outcomes in await race(replace(place, grace_seconds=10)):
        assert len(Counter(outcomes)) == 1
        assert outcomes[0] not in LOST


async def test_a_revocation_outlives_a_kill_right_after_its_commit(place):
    """The caller gets no result, but the token is revoked."""
    async with place.engine() as engine:
        token = await engine.issue("alice")
    process = context.Process(target=crash_worker.revoke_and_die, args=(place, token))
    process.start()
    process.join()
    assert process.exitcode == -9
    async with place.engine() as engine:
        with pytest.raises(TokenRevokedError):
            await engine.decode(token)


async def test_a_kill_at_any_point_of_a_rotation_leaves_one_live_refresh_token_at_most(place):
    """Afterwards the last token still works or is consumed, and each before it is consumed."""
    chance = random.Random(3)  # noqa: S311 - when to kill
    rotations = 0
    async with place.store() as store:
        engine = place.engine_with(store)
        for _ in range(KILLS):
            tokens = [(await engine.issue_pair("alice")).refresh_token]
            process, pipe = started(crash_worker.rotate_until_killed, place, tokens[0])
            time.sleep(chance.uniform(0, 0.015))  # noqa: ASYNC251 - the random point
            process.kill()
            process.join()
            tokens += received(pipe)
            rotations += len(tokens) - 1
            for token in tokens[:-1]:
                use = Consumption(jti_of(token), "none", b"", 0, engine.now() + 60)
                assert not (await store.consume(use, now=engine.now())).is_first
            last = await outcome_of(engine, tokens[-1])
            assert last not in tokens
            assert "." in last or last == "refresh_token_reused"
    assert rotations


def jti_of(token: str) -> str:
    """Return the ``jti`` of a token."""
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "==="))["jti"]


def received(pipe) -> list[str]:
    """Return everything that a dead process has sent completely."""
    messages = []
    try:
        while True:
            messages.append(pipe.recv())
    except EOFError:
        return messages
    finally:
        pipe.close()
