"""Several processes share one store: they race, and they are killed."""

import base64
import json
import random
import time
from collections import Counter
from dataclasses import replace

import pytest

from tests.stores import crash_worker
from tests.stores.conftest import (
    DATABASES,
    POSTGRES_DRIVERS,
    REDIS_TOPOLOGIES,
    url_of,
    with_driver,
)
from tests.stores.crash_worker import Place, outcome_of, prepared
from tests.stores.mirror.conftest import SOURCES
from tests.stores.processes import context
from tests.support import IS_DEEP
from tokenward import TokenRevokedError
from tokenward.stores import Consumption

PROCESSES = 4
CALLERS = 125
ROUNDS = 50 if IS_DEEP else 2
KILLS = 33 if IS_DEEP else 8
STORES = (*DATABASES, "redis", *REDIS_TOPOLOGIES)
# Other ways to a store, which make no difference to a race: the store, and how it is reached.
WAYS = {
    "valkey": ("redis", "valkey"),
    **{f"pooled {driver}": (driver, "pooled") for driver in POSTGRES_DRIVERS},
    **{f"mirrored {source}": (source, "mirrored") for source in SOURCES},
}
LOST = {"refresh_token_reused", "token_revoked"}


@pytest.fixture(params=STORES)
async def place(request, tmp_path):
    """Yield an empty place in each store that processes can share."""
    async with prepared(url_of(request.param, request, tmp_path)) as made:
        # Of hundreds of callers on a busy machine, the last one waits long.
        yield replace(made, timeout_seconds=90)


@pytest.fixture(params=(*STORES, *WAYS))
async def raced_place(request, tmp_path):
    """Yield an empty place in each store that processes can share, by each way to it."""
    store, way = WAYS.get(request.param, (request.param, ""))
    async with prepared(url_of(store, request, tmp_path)) as made:
        place = replace(made, timeout_seconds=90)
        if way == "pooled":
            yield replace(place, url=with_driver(request.getfixturevalue("pgbouncer"), store))
            return
        if way == "mirrored" and store != "redis":
            async with place.store() as opened:
                await opened.create_feed()
        yield replace(place, way=way)


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


async def test_of_500_refreshes_in_4_processes_one_wins(raced_place):
    """In each round there is one new pair, and all others get the documented error."""
    for outcomes in await race(raced_place):
        assert len(outcomes) == PROCESSES * CALLERS
        assert len([each for each in outcomes if each not in LOST]) == 1


async def test_within_the_grace_500_refreshes_in_4_processes_get_one_pair(raced_place):
    """In each round all callers get the same pair."""
    for outcomes in await race(replace(raced_place, grace_seconds=10)):
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
        for number in range(KILLS):
            tokens = [(await engine.issue_pair("alice")).refresh_token]
            process, pipe = started(crash_worker.rotate_until_killed, place, tokens[0])
            # On a busy machine no process gets far before its end.
            tokens += [pipe.recv() for _ in range(number % 2)]
            time.sleep(chance.uniform(0, 0.015))  # noqa: ASYNC251 - the random point
            process.kill()
            process.join()
            tokens += received(pipe)
            rotations += len(tokens) - 1
            for token in tokens[:-1]:
                claims = claims_of(token)
                use = Consumption(claims["sid"], claims["jti"], "none", b"", 0, engine.now() + 60)
                assert not (await store.consume(use, now=engine.now())).is_first
            last = await outcome_of(engine, tokens[-1])
            assert last not in tokens
            assert "." in last or last == "refresh_token_reused"
    assert rotations


def claims_of(token: str) -> dict[str, str]:
    """Return the claims of a token."""
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "==="))


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
