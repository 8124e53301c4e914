"""Refresh tokens are used once, also by many processes on one Redis."""

import asyncio
import multiprocessing
from datetime import timedelta
from uuid import uuid4

import pytest

from tests.stores.redis_store.support import PATIENT, forget
from tests.support import FrozenClock, engine_with
from tokenward import RefreshTokenReusedError, TokenPolicy, TokenRevokedError
from tokenward.stores.redis import RedisStore


async def refresh_all(engine, token, count):
    """Refresh one token by many at once: the pairs, and how many were told of a reuse."""
    answers = await asyncio.gather(
        *(engine.refresh(token) for _ in range(count)), return_exceptions=True
    )
    pairs = [answer for answer in answers if not isinstance(answer, BaseException)]
    for answer in answers:
        if isinstance(answer, BaseException) and not isinstance(
            answer, RefreshTokenReusedError | TokenRevokedError
        ):
            raise answer
    return [(pair.access_token, pair.refresh_token) for pair in pairs]


def policy_with(grace_seconds):
    """Give a policy with a grace."""
    return TokenPolicy(reuse_grace=timedelta(seconds=grace_seconds))


@pytest.mark.parametrize("grace_seconds", [0, 10])
async def test_of_five_hundred_refreshes_at_once_one_wins(clock, store, grace_seconds):
    """Twenty rounds: one pair; with a grace the same pair for everybody."""
    engine = engine_with(clock, policy=policy_with(grace_seconds), store=store)
    for _ in range(20):
        token = (await engine.issue_pair("alice")).refresh_token
        pairs = await refresh_all(engine, token, 500)
        assert len(pairs) == (500 if grace_seconds else 1)
        assert len(set(pairs)) == 1


def refresh_in_process(url, prefix, tokens, grace_seconds):
    """Refresh each token 125 times at once, in step with the other processes."""

    async def refresh():
        async with RedisStore(url, key_prefix=prefix, timeout_seconds=PATIENT) as store:
            policy = policy_with(grace_seconds)
            engine = engine_with(FrozenClock(), policy=policy, store=store)
            rounds = []
            for token in tokens:
                STEP.wait(PATIENT)
                rounds.append(await refresh_all(engine, token, 125))
            return rounds

    return asyncio.run(refresh())


def take_step(barrier):
    """Take over what keeps the processes in step."""
    global STEP  # noqa: PLW0603 - a barrier is given to a process only when it starts
    STEP = barrier


@pytest.mark.parametrize("grace_seconds", [0, 10])
def test_of_four_processes_one_wins(redis_url, grace_seconds):
    """Twenty rounds of 125 refreshes in each of four processes: one pair, or the same for all."""
    prefix = f"tokenward-test-{uuid4().hex}:"

    async def issue():
        engine = engine_with(FrozenClock(), policy=policy_with(grace_seconds))
        return [(await engine.issue_pair("alice")).refresh_token for _ in range(20)]

    work = (redis_url, prefix, asyncio.run(issue()), grace_seconds)
    context = multiprocessing.get_context("spawn")
    with context.Pool(4, initializer=take_step, initargs=(context.Barrier(4),)) as pool:
        answers = pool.starmap(refresh_in_process, [work] * 4, chunksize=1)
        pool.close()
        pool.join()
    asyncio.run(forget(redis_url, prefix))
    for rounds in zip(*answers, strict=True):
        pairs = [pair for process in rounds for pair in process]
        assert len(pairs) == (500 if grace_seconds else 1)
        assert len(set(pairs)) == 1
