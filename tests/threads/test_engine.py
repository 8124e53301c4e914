"""Threads, each with its own event loop, share an engine."""

from datetime import timedelta

import pytest

from tests.support import NOW
from tests.threads.support import ROUNDS, THREADS, in_event_loops
from tokenward import KeyRing, MemoryStore, TokenEngine, TokenPolicy
from tokenward.errors import RefreshTokenReusedError, TokenRevokedError


@pytest.mark.parametrize("algorithm", ["HS256", "ES256", "Ed25519"])
def test_every_thread_gets_its_own_claims(algorithm):
    """Keys, signature cache and claims model are shared; no claim of another token appears."""
    engine = TokenEngine(KeyRing.generate(algorithm), store=MemoryStore())

    async def work(number):
        for turn in range(ROUNDS // 4):
            subject = f"{number} {turn}"
            token = await engine.issue(subject, scopes=[f"s{number}"])
            for _ in range(3):
                claims = await engine.decode(token)
                assert (claims.sub, *claims.scopes) == (subject, f"s{number}")

    in_event_loops(work)


def test_a_revoked_token_is_refused_by_every_thread():
    """From the moment at which `revoke` returns, whichever thread revoked it."""
    engine = TokenEngine(KeyRing.generate("HS256"), store=MemoryStore())
    revoked: list[str] = []

    async def work(number):
        for turn in range(ROUNDS // 4):
            token = await engine.issue(f"{number}")
            await engine.decode(token)
            await engine.revoke(token)
            revoked.append(token)
            for each in (revoked[turn], revoked[-1]):
                with pytest.raises(TokenRevokedError):
                    await engine.decode(each)

    in_event_loops(work)


def test_of_simultaneous_refreshes_one_rotates():
    """All threads get the pair of the first, and it is the only one that was written."""
    store = MemoryStore()
    engine = TokenEngine(KeyRing.generate("HS256"), store=store, clock=lambda: NOW)
    pairs = in_event_loops(lambda _: engine.issue_pair("alice"), threads=ROUNDS // 10)

    async def refresh_all(_):
        return [await engine.refresh(pair.refresh_token) for pair in pairs]

    first, *others = in_event_loops(refresh_all)
    assert all(other == first for other in others)
    assert len(store) == len(pairs)


def test_without_grace_one_of_simultaneous_refreshes_succeeds():
    """The others count as reuse, and the session has ended."""
    policy = TokenPolicy(reuse_grace=timedelta(0))
    engine = TokenEngine(KeyRing.generate("HS256"), policy=policy, store=MemoryStore())
    pairs = in_event_loops(lambda _: engine.issue_pair("alice"), threads=ROUNDS // 10)

    async def refresh_all(_):
        successes = 0
        for pair in pairs:
            try:
                await engine.refresh(pair.refresh_token)
                successes += 1
            except (RefreshTokenReusedError, TokenRevokedError):
                pass
        return successes

    assert sum(in_event_loops(refresh_all)) == len(pairs)

    async def decode_all(_):
        for pair in pairs:
            with pytest.raises(TokenRevokedError):
                await engine.decode(pair.access_token)

    in_event_loops(decode_all, threads=1)


def test_a_login_after_the_revocation_of_a_subject_is_valid():
    """Also if other threads revoke their subjects within the same millisecond."""
    engine = TokenEngine(KeyRing.generate("HS256"), store=MemoryStore(), clock=lambda: NOW)

    async def work(number):
        subject = f"{number}"
        for _ in range(ROUNDS):
            before = await engine.issue(subject)
            await engine.revoke_subject(subject)
            with pytest.raises(TokenRevokedError):
                await engine.decode(before)
            assert (await engine.decode(await engine.issue(subject))).sub == subject

    in_event_loops(work, threads=THREADS)
