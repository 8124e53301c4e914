"""The tests of `RevocationStoreContract` about the uses of refresh tokens."""

import asyncio
from dataclasses import replace
from typing import Final

from tokenward.stores.protocol import (
    CLOCK_SPARE_SECONDS,
    RECENT_USES,
    Consumed,
    Consumption,
    RevocationStore,
)

__all__ = ["NOW", "StoreUsesContract", "use_of"]

NOW: Final = 1_800_000_000.0


class StoreUsesContract:
    """The part of `RevocationStoreContract` that is about `RevocationStore.consume`."""

    async def test_a_token_is_consumed_once(self, store: RevocationStore) -> None:
        """One of two hundred uses at the same time is the first, and no later use is."""
        answers = await asyncio.gather(*(store.consume(use_of(), now=NOW) for _ in range(200)))
        assert [each.is_first for each in answers].count(True) == 1
        assert await store.consume(use_of(), now=NOW + 59) == Consumed(is_first=False)
        assert (await store.consume(use_of("y", successor="z"), now=NOW)).is_first

    async def test_a_session_has_one_token_that_can_be_consumed(
        self, store: RevocationStore
    ) -> None:
        """It is the successor of the last use. Every other token of the session counts as used."""
        await store.consume(use_of("1", successor="2"), now=NOW)
        assert not (await store.consume(use_of("unknown"), now=NOW)).is_first
        assert not (await store.consume(use_of("3", successor="4"), now=NOW)).is_first
        assert (await store.consume(use_of("2", successor="3"), now=NOW)).is_first
        assert (await store.consume(use_of("3", successor="4"), now=NOW)).is_first
        for used in ("1", "2", "3"):
            assert await store.consume(use_of(used), now=NOW) == Consumed(is_first=False)

    async def test_different_tokens_of_a_session_at_once_each_get_their_answer(
        self, store: RevocationStore
    ) -> None:
        """Of used tokens and the current one at the same time, the current one is the first."""
        for number in range(5):
            await store.consume(use_of(f"{number}", successor=f"{number + 1}"), now=NOW)
        uses = (use_of(f"{number % 6}", successor="6") for number in range(60))
        answers = await asyncio.gather(*(store.consume(use, now=NOW) for use in uses))
        firsts = [number % 6 for number, answer in enumerate(answers) if answer.is_first]
        assert firsts == [5]

    async def test_two_sessions_never_affect_each_other(self, store: RevocationStore) -> None:
        """Also if their tokens have the same identities, or one is named as a token of the other."""
        sessions = ["s", "other", "x", "y", "", "{", "}", "{}", "s}", "x" * 600, "a b", "\x00", "é"]
        for session in sessions:
            use = use_of(session=session, sealed=session.encode(), grace=10)
            assert await store.consume(use, now=NOW) == Consumed(is_first=True)
        for session in sessions:
            again = await store.consume(use_of(session=session), now=NOW)
            expected = Consumed(is_first=False, sealed=session.encode(), is_in_grace=True)
            assert again == expected
        assert (await store.consume(use_of("y", successor="z"), now=NOW)).is_first
        for session in sessions[1:]:
            again = await store.consume(use_of(session=session), now=NOW)
            assert again.sealed == session.encode()

    async def test_a_token_never_succeeds_itself(self, store: RevocationStore) -> None:
        """If a successor has the identity of the token itself, the token stays used."""
        assert (await store.consume(use_of(successor="x"), now=NOW)).is_first
        assert await store.consume(use_of(successor="x"), now=NOW) == Consumed(is_first=False)

    async def test_records_grow_with_sessions_not_with_refreshes(
        self, store: RevocationStore
    ) -> None:
        """Seven sessions that refresh thirty times have seven records, for the latest of the times."""
        for session in range(7):
            for number in range(30):
                use = use_of(str(number), successor=str(number + 1), session=f"{session}")
                use = replace(use, keep_until=NOW + 60 - number)
                assert (await store.consume(use, now=NOW)).is_first
        assert await store.purge(now=NOW + 59.9 + CLOCK_SPARE_SECONDS) == 0
        again = await store.consume(use_of("29", session="3"), now=NOW + 59.9)
        assert again == Consumed(is_first=False)
        # A store whose server removes expired records by itself counts none.
        assert await store.purge(now=NOW + 60 + CLOCK_SPARE_SECONDS) in {0, 7}

    async def test_an_older_token_is_in_its_grace_or_used(self, store: RevocationStore) -> None:
        """While the grace of the latest uses runs, none of their tokens ends the session."""
        for number in range(RECENT_USES):
            use = use_of(str(number), successor=str(number + 1), sealed=b"pair", grace=10)
            await store.consume(use, now=NOW + number / 10)
        now = NOW + RECENT_USES / 10
        in_grace = Consumed(is_first=False, is_in_grace=True)
        for number in range(RECENT_USES - 1):
            assert await store.consume(use_of(str(number)), now=now) == in_grace
        last = use_of(str(RECENT_USES - 1))
        assert await store.consume(last, now=now) == in_grace._replace(sealed=b"pair")
        for now, is_in_grace in ((NOW + 9.999, True), (NOW + 10, False)):
            for number in range(RECENT_USES):
                again = await store.consume(use_of(str(number)), now=now)
                assert (again.is_first, again.is_in_grace) == (False, is_in_grace)

    async def test_each_use_has_its_own_grace(self, store: RevocationStore) -> None:
        """A use without a grace does not end the grace of an earlier use."""
        await store.consume(use_of("1", successor="2", sealed=b"pair", grace=10), now=NOW)
        await store.consume(use_of("2", successor="3"), now=NOW + 1)
        await store.consume(use_of("3", successor="4"), now=NOW + 2)
        in_grace = Consumed(is_first=False, is_in_grace=True)
        for number, expected in (
            (1, in_grace),
            (2, Consumed(is_first=False)),
            (3, Consumed(is_first=False)),
        ):
            assert await store.consume(use_of(str(number)), now=NOW + 3) == expected
        assert await store.consume(use_of("1"), now=NOW + 10) == Consumed(is_first=False)

    async def test_within_the_grace_the_first_pair_is_given_again(
        self, store: RevocationStore
    ) -> None:
        """Every use in the grace gets the pair of the first use, not its own."""
        first = use_of(sealed=b"\x00first\xff", grace=10)
        assert await store.consume(first, now=NOW) == Consumed(is_first=True)
        again = Consumed(is_first=False, sealed=first.sealed, is_in_grace=True)
        late = use_of(sealed=b"second", grace=10, successor="other")
        assert await store.consume(late, now=NOW) == again
        assert await store.consume(late, now=NOW + 9.999) == again
        assert await store.consume(late, now=NOW + 10) == Consumed(is_first=False)

    async def test_a_pair_is_returned_until_its_successor_is_used(
        self, store: RevocationStore
    ) -> None:
        """When the successor is used, the older token has no pair, but is still within its grace."""
        await store.consume(use_of(sealed=b"first", grace=10), now=NOW)
        await store.consume(use_of("y", successor="z", sealed=b"next", grace=10), now=NOW + 1)
        in_grace = Consumed(is_first=False, is_in_grace=True)
        assert await store.consume(use_of(), now=NOW + 2) == in_grace
        again = await store.consume(use_of("y", successor="other"), now=NOW + 2)
        assert again == in_grace._replace(sealed=b"next")
        assert await store.consume(use_of(), now=NOW + 10) == Consumed(is_first=False)

    async def test_a_use_without_a_pair_has_its_grace(self, store: RevocationStore) -> None:
        """The grace does not depend on a sealed pair."""
        await store.consume(use_of(grace=10), now=NOW)
        assert await store.consume(use_of(), now=NOW + 9) == Consumed(
            is_first=False, is_in_grace=True
        )
        assert await store.consume(use_of(), now=NOW + 10) == Consumed(is_first=False)

    async def test_what_was_begun_can_be_repeated_until_it_is_finished(
        self, store: RevocationStore
    ) -> None:
        """With a grace as long as the record, and no pair after the second use; as for logouts."""
        begun = use_of(sealed=b"1", grace=60)
        assert await store.consume(begun, now=NOW) == Consumed(is_first=True)
        in_grace = Consumed(is_first=False, is_in_grace=True)
        for seconds in (0, 30, 59.9):
            again = await store.consume(begun, now=NOW + seconds)
            assert again == in_grace._replace(sealed=b"1")
        finished = await store.consume(use_of("y", successor="z"), now=NOW + 59.9)
        assert finished == Consumed(is_first=True)
        assert await store.consume(begun, now=NOW + 59.9) == in_grace


def use_of(
    jti: str = "x",
    *,
    successor: str = "y",
    session: str = "s",
    sealed: bytes = b"",
    grace: float = 0,
) -> Consumption:
    """Return a use as the engine builds it."""
    return Consumption(session, jti, successor, sealed, NOW + grace, NOW + 60)
