"""The signature cache itself: its bounds, the lifetime of its entries, and which it removes first."""

import sys
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.core.counted_keys import counted
from tests.support import NOW, engine_with, payload_of, signed
from tokenward import TokenPolicy
from tokenward.jose.compact import VerifiedJws
from tokenward.jose.signature_cache import SignatureCache


def verified(version=1, size=200):
    """Return the verified parts of a token."""
    return VerifiedJws(b"p" * size, "at+jwt", version)


def cache_with(**bounds):
    """Return a cache whose bounds are large unless given."""
    return SignatureCache(**{"max_entries": 100, "max_bytes": 1_000_000, **bounds})


def put(cache, text, *, end=NOW + 60, now=NOW, size=200):
    """Look up a missing text and then add it, as an engine does."""
    assert look_up(cache, text, now=now) is None
    cache.add(text, verified(size=size), expires_at=end, now=now)


def look_up(cache, text, *, now=NOW, version=1):
    """Return the entry of a text."""
    return cache.get(text, keys_version=version, now=now)


def stored(cache, texts, *, now=NOW):
    """Return those of the texts that have an entry."""
    return [text for text in texts if look_up(cache, text, now=now) is not None]


def size_of_one():
    """Return the size of an entry whose text has one letter."""
    cache = cache_with()
    put(cache, "a")
    return cache.use().bytes


def test_an_entry_is_returned_as_it_was_added():
    """An entry has the payload and the type that were verified."""
    cache = cache_with()
    put(cache, "a")
    assert look_up(cache, "a") == verified()
    assert look_up(cache, "b") is None
    assert cache.use()[:3] == (1, 1, 1)


def test_too_many_entries_remove_the_one_that_expires_first():
    """The entry that expires first is removed, whatever its age and use."""
    cache = cache_with(max_entries=3)
    for text, seconds in (("a", 30), ("b", 10), ("c", 20)):
        put(cache, text, end=NOW + seconds)
    for _ in range(9):
        look_up(cache, "b")
    put(cache, "d", end=NOW + 40)
    assert stored(cache, "abcd") == ["a", "c", "d"]
    put(cache, "e", end=NOW + 50)
    assert stored(cache, "abcde") == ["a", "d", "e"]
    put(cache, "f", end=NOW + 1)
    assert stored(cache, "abcdef") == ["a", "d", "e"]
    assert cache.use().entries == 3


def test_of_entries_that_expire_together_the_oldest_is_removed():
    """Of entries that expire within the same second, the oldest is removed."""
    cache = cache_with(max_entries=3)
    for text, seconds in (("a", 60.7), ("b", 60), ("c", 60.3), ("d", 60.5)):
        put(cache, text, end=NOW + seconds)
    assert stored(cache, "abcd") == ["b", "c", "d"]
    put(cache, "e", end=NOW + 60)
    assert stored(cache, "abcde") == ["c", "d", "e"]


def test_too_many_bytes_remove_the_entries_that_expire_first():
    """A long text removes as many entries as it needs bytes."""
    one = size_of_one()
    cache = cache_with(max_bytes=3 * one)
    for text, seconds in (("a", 30), ("b", 10), ("c", 20)):
        put(cache, text, end=NOW + seconds)
    assert cache.use()[2:] == (3, 3 * one)
    put(cache, "d", end=NOW + 40, size=201)
    assert stored(cache, "abcd") == ["a", "d"]
    assert cache.use().bytes == 2 * one + 1
    put(cache, "e", end=NOW + 50, size=200 + 2 * one)
    assert stored(cache, "abcde") == ["e"]
    assert cache.use().bytes == 3 * one


def test_a_text_larger_than_the_cache_is_not_stored():
    """A text that is larger than the cache removes no entry."""
    one = size_of_one()
    cache = cache_with(max_bytes=one)
    put(cache, "a")
    put(cache, "b", end=NOW + 90, size=201)
    put(cache, "bb", end=NOW + 90)
    assert stored(cache, ["a", "b", "bb"]) == ["a"]
    assert cache.use()[1:] == (3, 1, one)


@pytest.mark.parametrize("bounds", [{"max_entries": 0}, {"max_bytes": 0}], ids=repr)
def test_a_bound_of_zero_stores_nothing(bounds):
    """Misses are counted although nothing is stored."""
    cache = cache_with(**bounds)
    for _ in range(3):
        put(cache, "a")
    assert cache.use() == (0, 3, 0, 0)


def test_an_entry_is_removed_when_it_expires():
    """An entry is removed at its exp, together with all other expired entries."""
    cache = cache_with()
    for text in "abc":
        put(cache, text)
    put(cache, "later", end=NOW + 61)
    assert stored(cache, "abc", now=NOW + 59.999) == ["a", "b", "c"]
    assert look_up(cache, "another", now=NOW + 60) is None
    assert cache.use()[2:] == (1, size_of_one() + len("ater"))
    assert look_up(cache, "later", now=NOW + 60) is not None
    assert look_up(cache, "later", now=NOW + 61) is None
    assert cache.use()[2:] == (0, 0)


@pytest.mark.parametrize("end", [None, NOW + 901, 253_402_300_799.0])
def test_an_entry_is_kept_for_at_most_15_minutes(end):
    """The limit of 15 minutes applies without an exp and with a distant one."""
    cache = cache_with()
    put(cache, "a", end=end)
    assert look_up(cache, "a", now=NOW + 899.999) is not None
    assert look_up(cache, "a", now=NOW + 900) is None
    assert cache.use()[2:] == (0, 0)


def test_an_expiry_between_two_seconds_is_not_exceeded():
    """An entry may be removed up to a second before its exp, but never after."""
    cache = cache_with()
    put(cache, "a", end=NOW + 60.5)
    assert look_up(cache, "a", now=NOW + 59.5) is not None
    assert look_up(cache, "a", now=NOW + 60.5) is None
    assert cache.use()[2:] == (0, 0)


@pytest.mark.parametrize("end", [0, NOW - 1, NOW, NOW + 0.5])
def test_a_text_that_expires_at_once_is_not_stored(end):
    """A token that is valid only because of the leeway is not stored, but counts as a miss."""
    cache = cache_with()
    put(cache, "a", end=end)
    assert cache.use() == (0, 1, 0, 0)
    assert look_up(cache, "a") is None


def test_a_text_that_is_added_twice_has_one_entry():
    """A text that two concurrent requests add has one entry."""
    cache = cache_with(max_entries=2)
    once = cache_with()
    for text in ("a", "b"):
        put(once, text)
        put(cache, text)
        cache.add(text, verified(), expires_at=NOW + 60, now=NOW)
    assert cache.use() == (0, 4, 2, once.use().bytes)
    put(cache, "c", end=NOW + 90)
    put(cache, "d", end=NOW + 90)
    assert stored(cache, "abcd") == ["c", "d"]


def test_a_change_of_the_keys_removes_all_entries():
    """A change of the keys removes all entries, also for the version before."""
    cache = cache_with()
    put(cache, "a")
    assert look_up(cache, "a", version=2) is None
    assert cache.use()[2:] == (0, 0)
    assert look_up(cache, "a", version=1) is None


def test_a_late_entry_of_other_keys_is_not_used():
    """An entry that a slow request adds for the keys of before is not used with the new keys."""
    cache = cache_with()
    assert look_up(cache, "a", version=1) is None
    assert look_up(cache, "b", version=2) is None
    cache.add("a", verified(version=1), expires_at=NOW + 60, now=NOW)
    assert look_up(cache, "a", version=2) is None
    assert cache.use().hits == 0
    cache.add("a", verified(version=2), expires_at=NOW + 60, now=NOW)
    assert look_up(cache, "a", version=2) == verified(version=2)


def test_the_reported_size_is_about_the_allocated_memory():
    """The reported size is at least the allocated memory, and less than a third above it."""
    count = TokenPolicy().signature_cache_entries
    cache = cache_with(max_entries=count, max_bytes=100_000_000)
    tracemalloc.start()
    for number in range(count):
        payload = bytes(200 + number % 2)
        text = f"{number:05}{'x' * 300}"
        cache.add(
            text, VerifiedJws(payload, "at+jwt", 1), expires_at=NOW + 1 + number % 900, now=NOW
        )
    del text, payload
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    use = cache.use()
    assert use.entries == count
    assert taken < use.bytes < 1.33 * taken


async def test_the_bounds_are_set_by_the_policy(clock):
    """With two entries, a third token removes the first, whose signature is then verified again."""
    engine, key = counted(clock, policy=TokenPolicy(signature_cache_entries=2))
    tokens = [signed(payload_of(exp=NOW + seconds)) for seconds in (10, 20, 30)]
    for token in (*tokens, *reversed(tokens)):
        await engine.decode(token)
    assert (key.verified, engine.signature_cache[:3]) == (4, (2, 4, 2))


async def test_a_token_larger_than_the_cache_is_accepted(clock):
    """A valid token that is larger than the policy's cache is accepted each time."""
    engine, key = counted(clock, policy=TokenPolicy(signature_cache_bytes=2000))
    long = signed(payload_of(note="x" * 2000))
    for token in (signed(payload_of()), long, long):
        assert (await engine.decode(token)).sub == "alice"
    assert (key.verified, engine.signature_cache.entries) == (3, 1)
    assert 0 < engine.signature_cache.bytes <= 2000


async def test_a_token_is_removed_at_its_exp(clock):
    """An expired entry is removed when the next token of any kind is decoded."""
    engine = engine_with(clock)
    await engine.decode(signed(payload_of(exp=NOW + 60)))
    assert engine.signature_cache.entries == 1
    clock.advance(60)
    refresh = signed(payload_of(type="refresh"))
    await engine.decode(refresh, type="refresh")
    assert engine.signature_cache[2:] == (0, 0)


@pytest.mark.parametrize("exp", [..., NOW + 9_000])
async def test_a_lasting_token_is_verified_every_15_minutes(clock, exp):
    """The 15 minutes begin with the verification, not with the last use."""
    policy = TokenPolicy(required_claims={"sub", "jti", "type"})
    engine, key = counted(clock, policy=policy)
    token = signed(payload_of(exp=exp))
    for seconds in (0, 899, 1, 899, 1):
        clock.advance(seconds)
        await engine.decode(token)
    assert (key.verified, engine.signature_cache.hits) == (3, 2)


@pytest.fixture
def fast_switching_threads():
    """Make threads switch as often as possible."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("fast_switching_threads")
def test_threads_may_share_a_cache():
    """A cache that threads share stays consistent while entries are added and removed."""
    cache = cache_with(max_entries=5)

    def work(number):
        for turn in range(2_000):
            now, text = NOW + turn // 100, str(turn * number % 17)
            if cache.get(text, keys_version=turn // 500, now=now) is None:
                end = now + turn % 3 + 1
                cache.add(text, verified(turn // 500), expires_at=end, now=now)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, range(1, 5)))
    assert look_up(cache, "a", now=NOW + 1000, version=9) is None
    assert cache.use()[2:] == (0, 0)
