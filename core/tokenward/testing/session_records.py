"""The test suite for stores that keep lists of sessions, in addition to `RevocationStoreContract`."""

import asyncio
import math

from tokenward.stores.prefixed import PrefixedStore
from tokenward.stores.protocol import RevocationStore
from tokenward.stores.session_records import SessionRecord, SessionRecords, records_in
from tokenward.testing.store_uses import NOW

__all__ = ["SessionRecordsContract"]

# Prefixes, separators, wildcards and encodings of the databases.
_SUBJECTS = (
    "alice",
    "5:alice",
    "",
    "a b",
    "a:b",
    "%",
    "*",
    "{a}",
    "{}",
    "ä",
    "A",
    "x" * 300,
    "\x00",
)


class SessionRecordsContract:
    """Tests of `SessionRecords`. Subclass it with a fixture ``store`` that yields an empty store."""

    async def test_a_session_is_listed_from_its_begin(self, store: RevocationStore) -> None:
        """With everything that it was recorded with; other subjects have none."""
        records = records_in(store)
        assert await records.of("alice", now=NOW) == []
        await records.add("alice", record_of("one", label="Phone"), now=NOW)
        await records.add("alice", record_of("two", began_at=NOW + 0.001), now=NOW)
        found = await records.of("alice", now=NOW)
        assert sorted(found) == [
            SessionRecord("one", NOW, NOW, NOW + 60, "Phone"),
            SessionRecord("two", NOW + 0.001, NOW + 0.001, NOW + 60, ""),
        ]
        assert await records.of("bob", now=NOW) == []

    async def test_every_subject_has_its_own_sessions(self, store: RevocationStore) -> None:
        """Whatever the subjects are called, also if sessions have the same name."""
        records = records_in(store)
        for place, subject in enumerate(_SUBJECTS):
            await records.add(subject, record_of("same", label=f"of {place}"), now=NOW)
        for place, subject in enumerate(_SUBJECTS):
            assert [each.label for each in await records.of(subject, now=NOW)] == [f"of {place}"]

    async def test_labels_are_returned_as_they_are(self, store: RevocationStore) -> None:
        """Every printable text."""
        records = records_in(store)
        labels = ["'; --", 'a "b"', "\\", "%s", "😀" * 100, "ä", "a|b|c", "null", "0"]
        for place, label in enumerate(labels):
            await records.add("alice", record_of(f"s{place}", label=label), now=NOW)
        found = {each.session: each.label for each in await records.of("alice", now=NOW)}
        assert found == {f"s{place}": label for place, label in enumerate(labels)}

    async def test_a_session_is_not_found_after_its_end(self, store: RevocationStore) -> None:
        """By the time that the store is given."""
        records = records_in(store)
        await records.add("alice", record_of("short"), now=NOW)
        await records.add("alice", record_of("endless", keep_until=math.inf), now=NOW)
        assert await _names(records, now=NOW + 59.9) == ["endless", "short"]
        assert await _names(records, now=NOW + 60) == ["endless"]
        await records.add("alice", record_of("late", keep_until=NOW + 120), now=NOW + 61)
        assert await _names(records, now=NOW + 61) == ["endless", "late"]

    async def test_a_refresh_is_recorded(self, store: RevocationStore) -> None:
        """The later end stands, and everything else stays."""
        records = records_in(store)
        await records.add("alice", record_of("one", label="Phone"), now=NOW)
        await _refresh(records, "one", at=NOW + 30, until=NOW + 90)
        assert await records.of("alice", now=NOW + 80) == [
            SessionRecord("one", NOW, NOW + 30, NOW + 90, "Phone")
        ]
        await _refresh(records, "one", at=NOW + 40, until=NOW + 50)
        assert await records.of("alice", now=NOW + 80) == [
            SessionRecord("one", NOW, NOW + 40, NOW + 90, "Phone")
        ]
        await _refresh(records, "one", at=NOW + 80.5, until=math.inf)
        assert (await records.of("alice", now=NOW + 1e9))[0].keep_until == math.inf

    async def test_a_refresh_begins_no_session(self, store: RevocationStore) -> None:
        """Neither of an unknown session, nor of one that was removed or has ended."""
        records = records_in(store)
        await _refresh(records, "one", at=NOW, until=NOW + 60)
        await records.add("alice", record_of("two"), now=NOW)
        await records.remove("alice", ["two"], now=NOW)
        await _refresh(records, "two", at=NOW, until=NOW + 60)
        await records.add("alice", record_of("three"), now=NOW)
        await _refresh(records, "three", at=NOW + 60, until=NOW + 90)
        assert await _names(records, now=NOW + 60) == []
        assert await records.of("bob", now=NOW) == []

    async def test_sessions_are_removed(self, store: RevocationStore) -> None:
        """Several at once, unknown ones too; those of others stay."""
        records = records_in(store)
        for name in ("one", "two", "three"):
            await records.add("alice", record_of(name), now=NOW)
        await records.add("bob", record_of("one"), now=NOW)
        await records.remove("alice", ["one", "three", "unknown"], now=NOW)
        assert await _names(records, now=NOW) == ["two"]
        await records.remove("alice", ["two"], now=NOW)
        await records.remove("nobody", ["two"], now=NOW)
        assert await _names(records, now=NOW) == []
        assert len(await records.of("bob", now=NOW)) == 1

    async def test_no_session_is_lost_if_many_begin_at_once(self, store: RevocationStore) -> None:
        """And if others are refreshed and removed at the same time."""
        records = records_in(store)
        names = [f"s{number:02}" for number in range(20)]
        for name in names[:10]:
            await records.add("alice", record_of(name), now=NOW)
        await asyncio.gather(
            *(records.add("alice", record_of(name), now=NOW) for name in names[10:]),
            *(_refresh(records, name, at=NOW + 1, until=NOW + 90) for name in names[:5]),
            *(records.remove("alice", [name], now=NOW) for name in names[5:10]),
        )
        found = {each.session: each.refreshed_at for each in await records.of("alice", now=NOW)}
        assert sorted(found) == names[:5] + names[10:]
        assert {found[name] for name in names[:5]} == {NOW + 1}

    async def test_many_sessions_of_one_subject(self, store: RevocationStore) -> None:
        """As many as an engine can allow."""
        records = records_in(store)
        names = [f"s{number:04}" for number in range(1_000)]
        for start in range(0, len(names), 50):
            some = names[start : start + 50]
            await asyncio.gather(*(records.add("alice", record_of(x), now=NOW) for x in some))
        assert await _names(records, now=NOW) == names
        await records.remove("alice", names[1:], now=NOW)
        assert await _names(records, now=NOW) == names[:1]

    async def test_a_prefix_keeps_subjects_apart(self, store: RevocationStore) -> None:
        """A subject of one issuer is not the same subject of another."""
        ours, theirs = (records_in(PrefixedStore(store, each)) for each in ("ours", "theirs"))
        await ours.add("alice", record_of("one"), now=NOW)
        await theirs.add("alice", record_of("two"), now=NOW)
        assert await _names(ours, now=NOW) == ["one"]
        assert await _names(records_in(store), now=NOW) == []
        await theirs.remove("alice", ["one", "two"], now=NOW)
        await _refresh(ours, "one", at=NOW + 5, until=NOW + 60)
        assert [each.refreshed_at for each in await ours.of("alice", now=NOW)] == [NOW + 5]


def record_of(
    session: str, *, began_at: float = NOW, keep_until: float = NOW + 60, label: str = ""
) -> SessionRecord:
    """Return a record as the engine builds it at a login."""
    return SessionRecord(session, began_at, began_at, keep_until, label)


async def _names(records: SessionRecords, *, now: float) -> list[str]:
    return sorted(each.session for each in await records.of("alice", now=now))


async def _refresh(records: SessionRecords, session: str, *, at: float, until: float) -> None:
    await records.refresh("alice", session, refreshed_at=at, keep_until=until, now=at)
