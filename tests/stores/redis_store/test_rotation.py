"""Refresh tokens are used once. Several processes on one Redis are in `test_sql_crash`."""

import asyncio
from datetime import timedelta

import pytest

from tests.support import IS_DEEP, engine_with
from tokenward import RefreshTokenReusedError, TokenPolicy, TokenRevokedError


async def refresh_all(engine, token, count):
    """Refresh one token with many callers at once; return the pairs, and the number of reuses."""
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
    """Return a policy with a grace."""
    return TokenPolicy(reuse_grace=timedelta(seconds=grace_seconds))


@pytest.mark.parametrize("grace_seconds", [0, 10])
async def test_of_five_hundred_refreshes_at_once_one_wins(clock, store, grace_seconds):
    """In each round there is one new pair; with a grace all callers get the same pair."""
    engine = engine_with(clock, policy=policy_with(grace_seconds), store=store)
    for _ in range(20 if IS_DEEP else 4):
        token = (await engine.issue_pair("alice")).refresh_token
        pairs = await refresh_all(engine, token, 500)
        assert len(pairs) == (500 if grace_seconds else 1)
        assert len(set(pairs)) == 1
