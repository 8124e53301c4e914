"""The latest uses of a session's refresh tokens."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tests.support import NOW
from tokenward.stores import RECENT_USES, Consumed
from tokenward.stores.recent_uses import RecentUse, later_use, mark_of, with_use
from tokenward.stores.sql.schema import packed_use, unpacked_uses

REUSED = Consumed(is_first=False)
IN_GRACE = Consumed(is_first=False, is_in_grace=True)
TIMES = st.floats(allow_nan=False)


def test_a_use_stays_while_its_grace_runs():
    """The newest use always stays, whatever its grace."""
    recent = with_use((), "a", NOW + 10, NOW)
    recent = with_use(recent, "b", NOW + 99, NOW + 1)
    assert [use.token for use in with_use(recent, "c", NOW, NOW + 9.999)] == ["c", "b", "a"]
    assert [use.token for use in with_use(recent, "c", NOW, NOW + 10)] == ["c", "b"]


def test_the_number_of_uses_is_bounded():
    """Beyond it an older token counts as reused, also within its grace."""
    recent = ()
    for number in range(RECENT_USES + 1):
        recent = with_use(recent, str(number), NOW + 10, NOW)
    assert len(recent) == RECENT_USES
    assert later_use(recent, "1", b"pair", NOW) == IN_GRACE
    assert later_use(recent, "0", b"pair", NOW) == REUSED


def test_only_the_newest_use_returns_the_pair():
    """The successors of all others have been consumed."""
    recent = (RecentUse("b", NOW + 10), RecentUse("a", NOW + 10))
    assert later_use(recent, "b", b"pair", NOW) == IN_GRACE._replace(sealed=b"pair")
    assert later_use(recent, "a", b"pair", NOW) == IN_GRACE
    for token, now in (("b", NOW + 10), ("a", NOW + 10), ("unknown", NOW)):
        assert later_use(recent, token, b"pair", now) == REUSED


def test_the_newest_of_two_uses_of_one_token_counts():
    """After an expired record a token may be used again."""
    recent = (RecentUse("a", NOW), RecentUse("a", NOW + 10))
    assert later_use(recent, "a", b"pair", NOW) == REUSED


@given(st.lists(st.tuples(st.text(), TIMES), min_size=1))
def test_a_packed_use_is_read_back_exactly(uses):
    """Whatever the token and the time."""
    recent = [RecentUse(mark_of(token), grace_until) for token, grace_until in uses]
    assert unpacked_uses("".join(map(packed_use, recent))) == recent


def test_marks_are_different():
    """Also those of a lone surrogate, and of a mark."""
    marks = ["", "a", "\ud800", "\ud801", mark_of("a")]
    assert all(one != other for one, other in pairwise(sorted(map(mark_of, marks))))
