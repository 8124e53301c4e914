"""Threads share the signature cache of an engine."""

from tests.support import NOW
from tests.threads.support import ROUNDS, THREADS, in_threads
from tokenward.jose.compact import VerifiedJws
from tokenward.jose.signature_cache import SignatureCache


def test_a_result_is_found_with_the_version_of_its_keys_only():
    """While some threads still have the keys of before, and entries expire and are evicted."""
    cache = SignatureCache(max_entries=7, max_bytes=1_000_000)

    def work(number):
        for turn in range(ROUNDS * 10):
            version, now = turn // 50 + number % 2, NOW + turn // 100
            text = f"{turn * (number + 1) % 13}"
            found = cache.get(text, keys_version=version, now=now)
            if found is None:
                verified = VerifiedJws(f"{text} {version}".encode(), None, version)
                cache.add(text, verified, expires_at=now + 1 + turn % 3, now=now)
            else:
                assert (found.payload, found.keys_version) == (
                    f"{text} {version}".encode(),
                    version,
                )

    in_threads(work)
    assert cache.get("x", keys_version=-1, now=NOW) is None
    assert cache.use()[2:] == (0, 0)


def test_every_use_is_counted():
    """The hits and misses of all threads add up."""
    cache = SignatureCache(max_entries=100, max_bytes=1_000_000)

    def work(number):
        for turn in range(ROUNDS * 10):
            text = f"{(turn + number) % 50}"
            if cache.get(text, keys_version=0, now=NOW) is None:
                cache.add(text, VerifiedJws(b"{}", None, 0), expires_at=NOW + 9, now=NOW)

    in_threads(work)
    use = cache.use()
    assert use.hits + use.misses == THREADS * ROUNDS * 10
    assert use.entries == 50
