"""What a picture keeps, for how long, and in how much memory."""

import math
import tracemalloc

from tests.support import NOW
from tokenward.stores.feed import Change
from tokenward.stores.mirror.picture import Picture


def change(name="x", kind="token", *, keep_until=NOW + 9000, before=math.inf, age=0.0):
    """Return a change."""
    return Change(kind, name, keep_until, before, age)


def denies(picture, name="x", kind="token", issued_at=NOW, now=NOW):
    """Check a token that has the identity as one kind only."""
    return picture.denies(
        name if kind == "token" else "",
        name if kind == "session" else None,
        name if kind == "subject" else "",
        issued_at,
        now,
    )


def test_a_record_is_kept_for_its_time_from_the_revocation_on():
    """Less for a record that was already old when it was read."""
    picture = Picture(100)
    picture.add([change("old", age=60.0)], uptime=0, now=NOW)
    for kind in ("token", "session", "subject"):
        picture.add([change(kind=kind)], uptime=0, now=NOW)
    picture.remove_old(39.9)
    assert len(picture) == 4
    picture.remove_old(40)
    assert not denies(picture, "old")
    picture.remove_old(99.9)
    assert all(denies(picture, kind=kind) for kind in ("token", "session", "subject"))
    picture.remove_old(100)
    assert not any(denies(picture, kind=kind) for kind in ("token", "session", "subject"))
    assert len(picture) == 0


def test_a_record_that_is_added_again_is_kept_from_the_last_time_on():
    """However often it was added."""
    for kind in ("token", "session", "subject"):
        picture = Picture(100)
        for uptime in (0, 30, 60):
            picture.add([change(kind=kind)], uptime=uptime, now=NOW)
        for uptime in (100, 130, 159):
            picture.remove_old(uptime)
            assert denies(picture, kind=kind)
        picture.remove_old(160)
        assert not denies(picture, kind=kind)
        picture.add([change(kind=kind)], uptime=160, now=NOW)
        picture.remove_old(260)
        assert len(picture) == 0


def test_old_records_are_removed_in_parts():
    """So that the event loop does not wait for long."""
    picture = Picture(100)
    for start in range(0, 20_000, 1000):
        picture.add([change(str(start + n)) for n in range(1000)], uptime=0, now=NOW)
    left = []
    while len(picture):
        picture.remove_old(100)
        left.append(len(picture))
    assert left == [15_000, 10_000, 5_000, 0]


def test_the_time_of_the_engine_only_saves_memory():
    """With it, no record expires earlier; records that the picture removes before share one end."""
    for now in (None, NOW):
        picture = Picture(100)
        picture.add([change("soon", keep_until=NOW + 60)], uptime=0, now=now)
        picture.add([change("late", keep_until=NOW + 9000)], uptime=0, now=now)
        assert denies(picture, "soon", now=NOW + 59.9)
        assert not denies(picture, "soon", now=NOW + 60)
        assert denies(picture, "late", now=NOW + 8999)


def test_a_record_takes_at_most_138_bytes():
    """As the engine makes them: 128 random bits in hexadecimal, in sessions of thirty days."""
    picture, count = Picture(1200), 100_000
    tracemalloc.start()
    for start in range(0, count, 1000):
        ends = (NOW + 2_592_000 + number / 7 for number in range(start, start + 1000))
        changes = [
            change(f"{number:032x}", "session", keep_until=end)
            for number, end in enumerate(ends, start)
        ]
        picture.add(changes, uptime=0, now=NOW)
    del changes
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(picture) == count
    assert held / count <= 138
