"""The test suite that every store must pass.

::

    class TestMyStore(RevocationStoreContract):
        @pytest.fixture
        async def store(self):
            async with MyStore(...) as store:      # empty
                yield store

The tests are plain coroutine functions; run them with pytest-asyncio's auto mode, or with anyio.
"""

import asyncio
import math
from dataclasses import replace
from typing import Literal

from tokenward.stores.protocol import CLOCK_SPARE_SECONDS, Revocation, RevocationStore
from tokenward.testing.store_uses import NOW, StoreUsesContract, use_of

__all__ = ["RevocationStoreContract"]

_KINDS: tuple[Literal["token", "session", "subject"], ...] = ("token", "session", "subject")


class RevocationStoreContract(StoreUsesContract):
    """Tests of a `RevocationStore`. Subclass it with a fixture ``store`` that yields an empty store.

    The times in the tests are far from the real time: a store must use the time that it is given. A
    store may remove a record by its own clock only when the lifetime of the record, counted from the
    time of writing, has passed.
    """

    async def test_it_is_a_revocation_store(self, store: RevocationStore) -> None:
        """The store has every member of the protocol."""
        assert isinstance(store, RevocationStore)

    async def test_a_store_that_works_answers_a_ping(self, store: RevocationStore) -> None:
        """Many pings at once return without an error, and change no record."""
        await store.revoke(_record("token", "x"), now=NOW)
        await asyncio.gather(*(store.ping() for _ in range(20)))
        assert await _denies(store, "token", "x")
        assert not await _denies(store, "token", "another")
        assert store.needs_purge in {True, False}

    async def test_a_store_may_be_closed_twice(self, store: RevocationStore) -> None:
        """Whoever closes a store does not have to know whether it is closed already."""
        await store.ping()
        await store.aclose()
        await store.aclose()

    async def test_what_is_revoked_is_denied_and_nothing_else(self, store: RevocationStore) -> None:
        """Another identity is not denied, nor is the same text as the identity of another kind."""
        for kind in _KINDS:
            identity = f"one {kind}"
            assert not await _denies(store, kind, identity)
            await store.revoke(_record(kind, identity), now=NOW)
            assert await _denies(store, kind, identity)
            assert not await _denies(store, kind, "another")
            for other in set(_KINDS) - {kind}:
                assert not await _denies(store, other, identity)

    async def test_identities_are_opaque(self, store: RevocationStore) -> None:
        """Every text that a token may contain is one identity, distinct from all others."""
        odd = ["*", "a:b", "a%", "a_", "'; --", "é", "\U0001f511", " ", "x" * 4000, "{a}", "a\nb"]
        for identity in odd:
            assert not await _denies(store, "token", identity)
            await store.revoke(_record("token", identity), now=NOW)
            assert await _denies(store, "token", identity)

    async def test_a_record_holds_until_its_time(self, store: RevocationStore) -> None:
        """A record denies until its `keep_until`, also if that is infinity."""
        for kind in _KINDS:
            await store.revoke(_record(kind, "x"), now=NOW)
            await store.revoke(_record(kind, "ever", keep_until=math.inf), now=NOW)
            assert await _denies(store, kind, "x", now=NOW + 59.999)
            assert not await _denies(store, kind, "x", now=NOW + 60)
            assert await _denies(store, kind, "ever", now=NOW + 1e9)

    async def test_a_second_record_never_weakens_the_first(self, store: RevocationStore) -> None:
        """The later `keep_until` counts, in any order of the records."""
        for kind in _KINDS:
            await store.revoke(_record(kind, "x"), now=NOW)
            weaker = _record(kind, "x", keep_until=NOW + 1, issued_before=NOW - 5)
            await store.revoke(weaker, now=NOW)
            assert await _denies(store, kind, "x", now=NOW + 59)
            await store.revoke(_record(kind, "x", keep_until=NOW + 600), now=NOW)
            assert await _denies(store, kind, "x", now=NOW + 599)

    async def test_a_subject_is_denied_by_when_the_token_was_issued(
        self, store: RevocationStore
    ) -> None:
        """Tokens issued before the time are denied, later tokens are not; no issue time counts as before."""
        revoked_at = NOW + 0.123
        await store.revoke(_record("subject", "x", issued_before=revoked_at), now=NOW)
        assert await _denies(store, "subject", "x", issued_at=NOW + 0.122)
        assert not await _denies(store, "subject", "x", issued_at=revoked_at)
        assert await _denies(store, "subject", "x", issued_at=None)
        await store.revoke(_record("subject", "x", issued_before=revoked_at + 1), now=NOW)
        assert await _denies(store, "subject", "x", issued_at=revoked_at)

    async def test_a_subject_without_a_time_is_denied_whole(self, store: RevocationStore) -> None:
        """A record without `issued_before` denies later tokens as well."""
        await store.revoke(Revocation("subject", "x", NOW + 60), now=NOW)
        assert await _denies(store, "subject", "x", issued_at=NOW + 30, now=NOW + 30)
        await store.revoke(_record("subject", "x"), now=NOW)
        assert await _denies(store, "subject", "x", issued_at=NOW + 30, now=NOW + 30)

    async def test_a_session_and_a_subject_are_asked_about_without_a_token(
        self, store: RevocationStore
    ) -> None:
        """As for the login with which a session began; an absent identity is never denied."""
        await store.revoke(_record("session", "s"), now=NOW)
        await store.revoke(_record("subject", "u", issued_before=NOW), now=NOW)
        for sid, sub, is_denied in (
            ("s", "", True),
            ("s", "other", True),
            (None, "u", True),
            ("other", "u", True),
            (None, "s", False),
            ("u", "s", False),
            (None, "", False),
        ):
            denied = await store.is_revoked(jti="", sid=sid, sub=sub, issued_at=NOW - 1, now=NOW)
            assert denied is is_denied

    async def test_a_token_without_session_has_none(self, store: RevocationStore) -> None:
        """The session None is not the session named "None"."""
        await store.revoke(_record("session", "None"), now=NOW)
        assert not await store.is_revoked(jti="j", sid=None, sub="s", issued_at=NOW, now=NOW)

    async def test_each_of_many_at_once_gets_its_own_answer(self, store: RevocationStore) -> None:
        """Two hundred calls at the same time get the right results, every third for a revoked token."""
        for number in range(0, 200, 3):
            await store.revoke(_record("token", str(number)), now=NOW)
        answers = await asyncio.gather(*(_denies(store, "token", str(n)) for n in range(200)))
        assert answers == [number % 3 == 0 for number in range(200)]

    async def test_the_retention_only_grows(self, store: RevocationStore) -> None:
        """The store has one retention, which never decreases; zero reads it."""
        given = [(0, 0), (900.25, 900.25), (60, 900.25), (0, 900.25)]
        assert [(each, await store.raise_retention(each)) for each, _ in given] == given
        many = range(901, 951)
        answers = await asyncio.gather(*map(store.raise_retention, many))
        assert all(answer >= each for each, answer in zip(many, answers, strict=True))
        given = [(0, many[-1]), (math.inf, math.inf), (1, math.inf)]
        assert [(each, await store.raise_retention(each)) for each, _ in given] == given

    async def test_the_retention_outlives_all_records(self, store: RevocationStore) -> None:
        """A purge neither removes nor counts the retention."""
        raised = await store.raise_retention(60)
        await store.revoke(_record("token", "x"), now=NOW)
        await store.purge(now=NOW + 10**9)
        assert await store.raise_retention(0) == raised
        assert await store.purge(now=NOW + 10**9) == 0

    async def test_consuming_is_not_revoking(self, store: RevocationStore) -> None:
        """A consumed token is not a revoked token."""
        await store.consume(use_of(), now=NOW)
        assert not await _denies(store, "token", "x")

    async def test_a_purge_by_a_clock_that_is_ahead_changes_no_answer(
        self, store: RevocationStore
    ) -> None:
        """A record is kept for `CLOCK_SPARE_SECONDS` after its `keep_until`."""
        for kind in _KINDS:
            await store.revoke(_record(kind, "x"), now=NOW)
        await store.consume(use_of(grace=10), now=NOW)
        await store.purge(now=NOW + 9 + CLOCK_SPARE_SECONDS)
        again = await store.consume(use_of(), now=NOW)
        assert (again.is_first, again.is_in_grace) == (False, True)
        assert await store.purge(now=NOW + 59.9 + CLOCK_SPARE_SECONDS) == 0
        assert not (await store.consume(use_of(), now=NOW)).is_first
        for kind in _KINDS:
            assert await _denies(store, kind, "x")

    async def test_purging_changes_no_answer(self, store: RevocationStore) -> None:
        """A purge removes expired records only, also if two purges run at the same time."""
        for kind in _KINDS:
            await store.revoke(_record(kind, "old", keep_until=NOW + 1), now=NOW)
            await store.revoke(_record(kind, "new"), now=NOW)
        await store.consume(use_of("new", session="new"), now=NOW)
        old = replace(use_of("old", session="old"), keep_until=NOW + 1)
        await store.consume(old, now=NOW)
        await asyncio.gather(store.purge(now=NOW + 30), store.purge(now=NOW + 30))
        for kind in _KINDS:
            assert await _denies(store, kind, "new", now=NOW + 30)
            assert not await _denies(store, kind, "old", now=NOW + 30)
        assert not (await store.consume(use_of("new", session="new"), now=NOW + 30)).is_first
        assert (await store.consume(use_of("other", session="old"), now=NOW + 30)).is_first
        assert await store.purge(now=NOW + 30) == 0


async def _denies(
    store: RevocationStore,
    kind: str,
    identity: str,
    *,
    issued_at: float | None = NOW,
    now: float = NOW,
) -> bool:
    """Ask about a token that has the identity as one kind only."""
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
    keep_until: float = NOW + 60,
    issued_before: float = NOW + 1,
) -> Revocation:
    """Return a record as the engine builds it."""
    return Revocation(kind, identity, keep_until, issued_before if kind == "subject" else None)
