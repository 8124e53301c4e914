"""The signature cache itself: how much it holds, for how long, and what it lets go first."""

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
    """Give what a good signature has vouched for."""
    return VerifiedJws(b"p" * size, "at+jwt", version)


def memory_of(**bounds):
    """Make a memory that has room, where it is not told otherwise."""
    return SignatureCache(**{"max_entries": 100, "max_bytes": 1_000_000, **bounds})


def put(memory, text, *, end=NOW + 60, now=NOW, size=200):
    """Look for a text that is not there, and take it down, as an engine does."""
    assert recall(memory, text, now=now) is None
    memory.add(text, verified(size=size), expires_at=end, now=now)


def recall(memory, text, *, now=NOW, version=1):
    """Ask for a text."""
    return memory.get(text, keys_version=version, now=now)


def kept(memory, texts, *, now=NOW):
    """Tell which of these texts are there."""
    return [text for text in texts if recall(memory, text, now=now) is not None]


def size_of_one():
    """Tell what a text of that length takes."""
    memory = memory_of()
    put(memory, "a")
    return memory.use().bytes


def test_it_gives_what_it_was_given():
    """Payload and type, as they were verified."""
    memory = memory_of()
    put(memory, "a")
    assert recall(memory, "a") == verified()
    assert recall(memory, "b") is None
    assert memory.use()[:3] == (1, 1, 1)


def test_of_too_many_that_one_goes_which_is_over_first():
    """Whichever came first, and however often it was used."""
    memory = memory_of(max_entries=3)
    for text, seconds in (("a", 30), ("b", 10), ("c", 20)):
        put(memory, text, end=NOW + seconds)
    for _ in range(9):
        recall(memory, "b")
    put(memory, "d", end=NOW + 40)
    assert kept(memory, "abcd") == ["a", "c", "d"]
    put(memory, "e", end=NOW + 50)
    assert kept(memory, "abcde") == ["a", "d", "e"]
    put(memory, "f", end=NOW + 1)
    assert kept(memory, "abcdef") == ["a", "d", "e"]
    assert memory.use().entries == 3


def test_of_those_that_end_together_the_oldest_goes_first():
    """Within the same second, the moment itself makes no difference."""
    memory = memory_of(max_entries=3)
    for text, seconds in (("a", 60.7), ("b", 60), ("c", 60.3), ("d", 60.5)):
        put(memory, text, end=NOW + seconds)
    assert kept(memory, "abcd") == ["b", "c", "d"]
    put(memory, "e", end=NOW + 60)
    assert kept(memory, "abcde") == ["c", "d", "e"]


def test_of_too_many_bytes_that_one_goes_which_is_over_first():
    """One long text sends as many away as it needs room."""
    one = size_of_one()
    memory = memory_of(max_bytes=3 * one)
    for text, seconds in (("a", 30), ("b", 10), ("c", 20)):
        put(memory, text, end=NOW + seconds)
    assert memory.use()[2:] == (3, 3 * one)
    put(memory, "d", end=NOW + 40, size=201)
    assert kept(memory, "abcd") == ["a", "d"]
    assert memory.use().bytes == 2 * one + 1
    put(memory, "e", end=NOW + 50, size=200 + 2 * one)
    assert kept(memory, "abcde") == ["e"]
    assert memory.use().bytes == 3 * one


def test_what_is_larger_than_the_memory_is_not_remembered():
    """Nothing has to go for it."""
    one = size_of_one()
    memory = memory_of(max_bytes=one)
    put(memory, "a")
    put(memory, "b", end=NOW + 90, size=201)
    put(memory, "bb", end=NOW + 90)
    assert kept(memory, ["a", "b", "bb"]) == ["a"]
    assert memory.use()[1:] == (3, 1, one)


@pytest.mark.parametrize("bounds", [{"max_entries": 0}, {"max_bytes": 0}], ids=repr)
def test_where_a_bound_is_zero_nothing_is_remembered(bounds):
    """What was seen is counted all the same."""
    memory = memory_of(**bounds)
    for _ in range(3):
        put(memory, "a")
    assert memory.use() == (0, 3, 0, 0)


def test_a_text_is_gone_at_its_end():
    """At the very moment of its exp, and so are all others that are over."""
    memory = memory_of()
    for text in "abc":
        put(memory, text)
    put(memory, "later", end=NOW + 61)
    assert kept(memory, "abc", now=NOW + 59.999) == ["a", "b", "c"]
    assert recall(memory, "another", now=NOW + 60) is None
    assert memory.use()[2:] == (1, size_of_one() + len("ater"))
    assert recall(memory, "later", now=NOW + 60) is not None
    assert recall(memory, "later", now=NOW + 61) is None
    assert memory.use()[2:] == (0, 0)


@pytest.mark.parametrize("end", [None, NOW + 901, 253_402_300_799.0])
def test_no_text_is_kept_for_longer_than_a_quarter_of_an_hour(end):
    """Whether it is over at all, and when."""
    memory = memory_of()
    put(memory, "a", end=end)
    assert recall(memory, "a", now=NOW + 899.999) is not None
    assert recall(memory, "a", now=NOW + 900) is None
    assert memory.use()[2:] == (0, 0)


def test_an_end_between_two_seconds_is_not_outlived():
    """A text may be forgotten within the second before, and never after."""
    memory = memory_of()
    put(memory, "a", end=NOW + 60.5)
    assert recall(memory, "a", now=NOW + 59.5) is not None
    assert recall(memory, "a", now=NOW + 60.5) is None
    assert memory.use()[2:] == (0, 0)


@pytest.mark.parametrize("end", [0, NOW - 1, NOW, NOW + 0.5])
def test_a_text_that_is_as_good_as_over_is_not_remembered(end):
    """As it may be within the leeway of the policy; it counts all the same."""
    memory = memory_of()
    put(memory, "a", end=end)
    assert memory.use() == (0, 1, 0, 0)
    assert recall(memory, "a") is None


def test_a_text_that_is_taken_down_twice_has_one_place():
    """As by two requests that did not wait for each other."""
    memory = memory_of(max_entries=2)
    once = memory_of()
    for text in ("a", "b"):
        put(once, text)
        put(memory, text)
        memory.add(text, verified(), expires_at=NOW + 60, now=NOW)
    assert memory.use() == (0, 4, 2, once.use().bytes)
    put(memory, "c", end=NOW + 90)
    put(memory, "d", end=NOW + 90)
    assert kept(memory, "abcd") == ["c", "d"]


def test_other_keys_forget_all():
    """There is nothing to go back to."""
    memory = memory_of()
    put(memory, "a")
    assert recall(memory, "a", version=2) is None
    assert memory.use()[2:] == (0, 0)
    assert recall(memory, "a", version=1) is None


def test_what_other_keys_verified_is_not_used_when_it_comes_late():
    """One request saw the new keys while another was still under way with the old."""
    memory = memory_of()
    assert recall(memory, "a", version=1) is None
    assert recall(memory, "b", version=2) is None
    memory.add("a", verified(version=1), expires_at=NOW + 60, now=NOW)
    assert recall(memory, "a", version=2) is None
    assert memory.use().hits == 0
    memory.add("a", verified(version=2), expires_at=NOW + 60, now=NOW)
    assert recall(memory, "a", version=2) == verified(version=2)


def test_what_it_says_of_its_size_is_about_true():
    """Not less than it takes, and not a third more: as many as by default, of the usual length."""
    count = TokenPolicy().signature_cache_entries
    memory = memory_of(max_entries=count, max_bytes=100_000_000)
    tracemalloc.start()
    for number in range(count):
        payload = bytes(200 + number % 2)
        text = f"{number:05}{'x' * 300}"
        memory.add(
            text, VerifiedJws(payload, "at+jwt", 1), expires_at=NOW + 1 + number % 900, now=NOW
        )
    del text, payload
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    use = memory.use()
    assert use.entries == count
    assert taken < use.bytes < 1.33 * taken


async def test_the_bounds_are_those_of_the_policy(clock):
    """Of two entries the third sends the first away, and its signature is checked anew."""
    engine, key = counted(clock, policy=TokenPolicy(signature_cache_entries=2))
    tokens = [signed(payload_of(exp=NOW + seconds)) for seconds in (10, 20, 30)]
    for token in (*tokens, *reversed(tokens)):
        await engine.decode(token)
    assert (key.verified, engine.signature_cache[:3]) == (4, (2, 4, 2))


async def test_a_long_token_is_good_and_not_remembered(clock):
    """Where the memory of the policy is too small for it."""
    engine, key = counted(clock, policy=TokenPolicy(signature_cache_bytes=2000))
    long = signed(payload_of(note="x" * 2000))
    for token in (signed(payload_of()), long, long):
        assert (await engine.decode(token)).sub == "alice"
    assert (key.verified, engine.signature_cache.entries) == (3, 1)
    assert 0 < engine.signature_cache.bytes <= 2000


async def test_a_token_is_forgotten_at_its_exp(clock):
    """When the next token comes, whichever it is."""
    engine = engine_with(clock)
    await engine.decode(signed(payload_of(exp=NOW + 60)))
    assert engine.signature_cache.entries == 1
    clock.advance(60)
    refresh = signed(payload_of(type="refresh"))
    await engine.decode(refresh, type="refresh")
    assert engine.signature_cache[2:] == (0, 0)


@pytest.mark.parametrize("exp", [..., NOW + 9_000])
async def test_a_token_without_near_end_is_checked_every_quarter_of_an_hour(clock, exp):
    """Counted from its check, and not from its last use."""
    policy = TokenPolicy(required_claims={"sub", "jti", "type"})
    engine, key = counted(clock, policy=policy)
    token = signed(payload_of(exp=exp))
    for seconds in (0, 899, 1, 899, 1):
        clock.advance(seconds)
        await engine.decode(token)
    assert (key.verified, engine.signature_cache.hits) == (3, 2)


@pytest.fixture
def impatient_threads():
    """Have threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("impatient_threads")
def test_threads_may_share_it():
    """It stays whole, whatever each of them remembers and has forgotten meanwhile."""
    memory = memory_of(max_entries=5)

    def work(number):
        for turn in range(2_000):
            now, text = NOW + turn // 100, str(turn * number % 17)
            if memory.get(text, keys_version=turn // 500, now=now) is None:
                end = now + turn % 3 + 1
                memory.add(text, verified(turn // 500), expires_at=end, now=now)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, range(1, 5)))
    assert recall(memory, "a", now=NOW + 1000, version=9) is None
    assert memory.use()[2:] == (0, 0)
