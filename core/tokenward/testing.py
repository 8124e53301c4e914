"""For tests: a clock that stands still, and the contract that every store has to pass.

::

    class TestMyStore(RevocationStoreContract):
        @pytest.fixture
        async def store(self):
            async with MyStore(...) as store:      # empty
                yield store

The suite is plain coroutine functions; run it with pytest-asyncio's auto mode, or with anyio.
"""

import asyncio
import math
from typing import Literal

from tokenward.stores.protocol import (
    CLOCK_SPARE_SECONDS,
    Consumed,
    Consumption,
    Revocation,
    RevocationStore,
)

__all__ = ["FrozenClock", "RevocationStoreContract"]

_NOW = 1_800_000_000.0
_KINDS: tuple[Literal["token", "session", "subject"], ...] = ("token", "session", "subject")


class FrozenClock:
    """A clock that moves only when told to: ``TokenEngine(..., clock=FrozenClock())``."""

    def __init__(self, now: float = _NOW) -> None:
        """Take the time at which it stands, in seconds since 1970."""
        self.now: float = now

    def __call__(self) -> float:
        """Tell the time."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Move on."""
        self.now += seconds


class RevocationStoreContract:
    """What every `RevocationStore` does. Subclass it with a fixture ``store`` that gives an empty one.

    Times in it are far from the real ones: a store must judge by the time that it is given. It may
    forget a record by a clock of its own only when the record's life, counted from when it was
    written, is over.
    """

    async def test_it_is_a_revocation_store(self, store: RevocationStore) -> None:
        """It has every member of the protocol."""
        assert isinstance(store, RevocationStore)

    async def test_what_is_revoked_is_denied_and_nothing_else(self, store: RevocationStore) -> None:
        """Not another identity, and not the same text in another place."""
        for kind in _KINDS:
            identity = f"one {kind}"
            assert not await _denies(store, kind, identity)
            await store.revoke(_record(kind, identity), now=_NOW)
            assert await _denies(store, kind, identity)
            assert not await _denies(store, kind, "another")
            for other in set(_KINDS) - {kind}:
                assert not await _denies(store, other, identity)

    async def test_identities_are_opaque(self, store: RevocationStore) -> None:
        """Whatever text a token may hold is one identity, and stays apart from all others."""
        odd = ["*", "a:b", "a%", "a_", "'; --", "é", "\U0001f511", " ", "x" * 4000, "{a}", "a\nb"]
        for identity in odd:
            assert not await _denies(store, "token", identity)
            await store.revoke(_record("token", identity), now=_NOW)
            assert await _denies(store, "token", identity)

    async def test_a_record_holds_until_its_time(self, store: RevocationStore) -> None:
        """To the last moment, and for ever where that is said."""
        for kind in _KINDS:
            await store.revoke(_record(kind, "x"), now=_NOW)
            await store.revoke(_record(kind, "ever", keep_until=math.inf), now=_NOW)
            assert await _denies(store, kind, "x", now=_NOW + 59.999)
            assert not await _denies(store, kind, "x", now=_NOW + 60)
            assert await _denies(store, kind, "ever", now=_NOW + 1e9)

    async def test_a_second_record_never_weakens_the_first(self, store: RevocationStore) -> None:
        """The later end stands, in whichever order they come."""
        for kind in _KINDS:
            await store.revoke(_record(kind, "x"), now=_NOW)
            weaker = _record(kind, "x", keep_until=_NOW + 1, issued_before=_NOW - 5)
            await store.revoke(weaker, now=_NOW)
            assert await _denies(store, kind, "x", now=_NOW + 59)
            await store.revoke(_record(kind, "x", keep_until=_NOW + 600), now=_NOW)
            assert await _denies(store, kind, "x", now=_NOW + 599)

    async def test_a_subject_is_denied_by_when_the_token_was_issued(
        self, store: RevocationStore
    ) -> None:
        """Earlier is denied, from the moment on is good, unknown counts as earlier."""
        moment = _NOW + 0.123
        await store.revoke(_record("subject", "x", issued_before=moment), now=_NOW)
        assert await _denies(store, "subject", "x", issued_at=_NOW + 0.122)
        assert not await _denies(store, "subject", "x", issued_at=moment)
        assert await _denies(store, "subject", "x", issued_at=None)
        await store.revoke(_record("subject", "x", issued_before=moment + 1), now=_NOW)
        assert await _denies(store, "subject", "x", issued_at=moment)

    async def test_a_subject_without_a_moment_is_denied_whole(self, store: RevocationStore) -> None:
        """Where no moment is said, no later token is good either."""
        await store.revoke(Revocation("subject", "x", _NOW + 60), now=_NOW)
        assert await _denies(store, "subject", "x", issued_at=_NOW + 30, now=_NOW + 30)
        await store.revoke(_record("subject", "x"), now=_NOW)
        assert await _denies(store, "subject", "x", issued_at=_NOW + 30, now=_NOW + 30)

    async def test_a_token_without_session_has_none(self, store: RevocationStore) -> None:
        """None is no name of a session."""
        await store.revoke(_record("session", "None"), now=_NOW)
        assert not await store.is_revoked(jti="j", sid=None, sub="s", issued_at=_NOW, now=_NOW)

    async def test_each_of_many_at_once_gets_its_own_answer(self, store: RevocationStore) -> None:
        """Two hundred questions in one turn of the loop, every third of them about a revoked token."""
        for number in range(0, 200, 3):
            await store.revoke(_record("token", str(number)), now=_NOW)
        answers = await asyncio.gather(*(_denies(store, "token", str(n)) for n in range(200)))
        assert answers == [number % 3 == 0 for number in range(200)]

    async def test_a_token_is_consumed_once(self, store: RevocationStore) -> None:
        """By one of two hundred at once, and by nobody after, until it is over."""
        answers = await asyncio.gather(*(store.consume(_use(), now=_NOW) for _ in range(200)))
        assert [each.is_first for each in answers].count(True) == 1
        assert await store.consume(_use(), now=_NOW + 59) == Consumed(is_first=False)
        assert (await store.consume(_use("y", successor="z"), now=_NOW)).is_first

    async def test_within_the_grace_the_first_pair_is_given_again(
        self, store: RevocationStore
    ) -> None:
        """To each who comes, and not what they have sealed themselves."""
        first = _use(sealed=b"\x00first\xff", grace=10)
        assert await store.consume(first, now=_NOW) == Consumed(is_first=True)
        again = Consumed(is_first=False, sealed=first.sealed, is_in_grace=True)
        late = _use(sealed=b"second", grace=10, successor="other")
        assert await store.consume(late, now=_NOW) == again
        assert await store.consume(late, now=_NOW + 9.999) == again
        assert await store.consume(late, now=_NOW + 10) == Consumed(is_first=False)

    async def test_a_pair_is_returned_until_its_successor_is_used(
        self, store: RevocationStore
    ) -> None:
        """An older token has no pair any more; it is still known to be within its grace."""
        await store.consume(_use(sealed=b"first", grace=10), now=_NOW)
        await store.consume(_use("y", successor="z", sealed=b"next", grace=10), now=_NOW + 1)
        in_grace = Consumed(is_first=False, is_in_grace=True)
        assert await store.consume(_use(), now=_NOW + 2) == in_grace
        again = await store.consume(_use("y", successor="other"), now=_NOW + 2)
        assert again == in_grace._replace(sealed=b"next")
        assert await store.consume(_use(), now=_NOW + 10) == Consumed(is_first=False)

    async def test_a_use_without_a_pair_has_its_grace(self, store: RevocationStore) -> None:
        """Whether a pair was sealed makes no difference to the grace."""
        await store.consume(_use(grace=10), now=_NOW)
        assert await store.consume(_use(), now=_NOW + 9) == Consumed(
            is_first=False, is_in_grace=True
        )
        assert await store.consume(_use(), now=_NOW + 10) == Consumed(is_first=False)

    async def test_the_retention_only_grows(self, store: RevocationStore) -> None:
        """One number for the whole store; zero reads it."""
        given = [(0, 0), (900.25, 900.25), (60, 900.25), (0, 900.25)]
        assert [(each, await store.raise_retention(each)) for each, _ in given] == given
        many = range(901, 951)
        answers = await asyncio.gather(*map(store.raise_retention, many))
        assert all(answer >= each for each, answer in zip(many, answers, strict=True))
        given = [(0, many[-1]), (math.inf, math.inf), (1, math.inf)]
        assert [(each, await store.raise_retention(each)) for each, _ in given] == given

    async def test_the_retention_outlives_all_records(self, store: RevocationStore) -> None:
        """A purge leaves it, and it is no record of anything."""
        raised = await store.raise_retention(60)
        await store.revoke(_record("token", "x"), now=_NOW)
        await store.purge(now=_NOW + 10**9)
        assert await store.raise_retention(0) == raised
        assert await store.purge(now=_NOW + 10**9) == 0

    async def test_consuming_is_not_revoking(self, store: RevocationStore) -> None:
        """A token that was used is told apart from one that was revoked."""
        await store.consume(_use(), now=_NOW)
        assert not await _denies(store, "token", "x")

    async def test_a_purge_by_a_clock_that_is_ahead_changes_no_answer(
        self, store: RevocationStore
    ) -> None:
        """A record is still there `CLOCK_SPARE_SECONDS` after its end."""
        for kind in _KINDS:
            await store.revoke(_record(kind, "x"), now=_NOW)
        await store.consume(_use(grace=10), now=_NOW)
        await store.purge(now=_NOW + 9 + CLOCK_SPARE_SECONDS)
        again = await store.consume(_use(), now=_NOW)
        assert (again.is_first, again.is_in_grace) == (False, True)
        assert await store.purge(now=_NOW + 59.9 + CLOCK_SPARE_SECONDS) == 0
        assert not (await store.consume(_use(), now=_NOW)).is_first
        for kind in _KINDS:
            assert await _denies(store, kind, "x")

    async def test_purging_changes_no_answer(self, store: RevocationStore) -> None:
        """What is over goes, what is not stays, and a purge may come twice or at the same time."""
        for kind in _KINDS:
            await store.revoke(_record(kind, "old", keep_until=_NOW + 1), now=_NOW)
            await store.revoke(_record(kind, "new"), now=_NOW)
        await store.consume(_use("new"), now=_NOW)
        await asyncio.gather(store.purge(now=_NOW + 30), store.purge(now=_NOW + 30))
        for kind in _KINDS:
            assert await _denies(store, kind, "new", now=_NOW + 30)
            assert not await _denies(store, kind, "old", now=_NOW + 30)
        assert not (await store.consume(_use("new"), now=_NOW + 30)).is_first
        assert await store.purge(now=_NOW + 30) == 0


async def _denies(
    store: RevocationStore,
    kind: str,
    identity: str,
    *,
    issued_at: float | None = _NOW,
    now: float = _NOW,
) -> bool:
    """Ask for a token that has the identity in the place of one kind alone."""
    return await store.is_revoked(
        jti=identity if kind == "token" else "no such token",
        sid=identity if kind == "session" else "no such session",
        sub=identity if kind == "subject" else "no such subject",
        issued_at=issued_at,
        now=now,
    )


def _record(
    kind: Literal["token", "session", "subject"],
    identity: str,
    *,
    keep_until: float = _NOW + 60,
    issued_before: float = _NOW + 1,
) -> Revocation:
    """Make a record as the engine makes it."""
    return Revocation(kind, identity, keep_until, issued_before if kind == "subject" else None)


def _use(
    jti: str = "x", *, successor: str = "y", sealed: bytes = b"", grace: float = 0
) -> Consumption:
    """Make a use as the engine makes it."""
    return Consumption(jti, successor, sealed, _NOW + grace, _NOW + 60)
