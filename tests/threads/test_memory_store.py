"""Threads, each with its own event loop, share a MemoryStore."""

from tests.support import NOW
from tests.threads.support import ROUNDS, THREADS, in_event_loops
from tokenward import MemoryStore, Revocation
from tokenward.stores import Consumption


async def denies(store, identity, now, *, issued_at=None):
    """Return whether a token with one identity for everything is denied."""
    return await store.is_revoked(
        jti=identity, sid=identity, sub=identity, issued_at=issued_at, now=now
    )


def test_of_all_uses_of_a_token_one_is_the_first():
    """The others see the sealed pair of the first, also while other records expire."""
    store = MemoryStore()

    async def use_all(number):
        firsts = 0
        for turn in range(ROUNDS):
            successor, sealed = f"{turn}.{number}", f"{number}".encode()
            use = Consumption(f"{turn}", f"{turn}", successor, sealed, NOW + 9_999, NOW + 9_999)
            consumed = await store.consume(use, now=NOW)
            firsts += consumed.is_first
            assert consumed.is_first or (consumed.is_in_grace and consumed.sealed)
            short = Consumption(
                f"short {successor}",
                f"short {successor}",
                f"after {successor}",
                b"x",
                NOW + turn,
                NOW + turn,
            )
            assert (await store.consume(short, now=NOW + turn - 1)).is_first
        return firsts

    assert sum(in_event_loops(use_all)) == ROUNDS


def test_a_revocation_is_seen_by_every_thread_at_once():
    """What a thread has revoked, no thread accepts afterwards."""
    store = MemoryStore()
    revoked: list[str] = []

    async def work(number):
        for turn in range(ROUNDS):
            now = NOW + turn
            for kind in ("token", "session"):
                identity = f"{kind} {number} {turn}"
                await store.revoke(Revocation(kind, identity, NOW + 9_999), now=now)
                revoked.append(identity)
            assert await denies(store, revoked[-1], now)
            assert await denies(store, revoked[turn], now)

    in_event_loops(work)
    assert len(store) == THREADS * ROUNDS * 2


def test_the_latest_revocation_of_a_subject_stands():
    """No thread sees the denied time of a subject go back, while other subjects expire."""
    store = MemoryStore()

    async def work(number):
        for turn in range(ROUNDS):
            before = NOW + turn * THREADS + number
            await store.revoke(Revocation("subject", "alice", NOW + 99_999, before), now=NOW)
            assert await denies(store, "alice", NOW, issued_at=before - 1)
            other = f"{number} {turn}"
            await store.revoke(Revocation("subject", other, NOW + turn, NOW), now=NOW + turn)

    in_event_loops(work)
    last = NOW + ROUNDS * THREADS - 1

    async def look(number):
        return [
            await denies(store, "alice", NOW, issued_at=last - 1),
            await denies(store, "alice", NOW, issued_at=last),
        ]

    assert in_event_loops(look, threads=1) == [[True, False]]


def test_purging_disturbs_no_thread():
    """Expired records are removed, and no others, while threads read and write."""
    store, later = MemoryStore(), NOW + 50_000

    async def work(number):
        for turn in range(ROUNDS):
            identity = f"{number} {turn}"
            await store.revoke(Revocation("token", identity, NOW + 1), now=NOW)
            await store.revoke(Revocation("subject", identity, later + 1), now=NOW)
            if turn % (ROUNDS // 4) == 0:
                await store.purge(now=later)
            assert await denies(store, identity, later)
        await store.purge(now=later)

    in_event_loops(work)
    assert len(store) == THREADS * ROUNDS
