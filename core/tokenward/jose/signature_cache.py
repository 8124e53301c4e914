"""A cache of tokens with valid signatures. It caches nothing else about a token.

For each use of a token its claims are parsed again, and expiry, audience and revocation are checked
again. A token is cached until its ``exp``, and for at most 15 minutes.
"""

from collections import deque
from heapq import heappop, heappush
from math import inf
from threading import Lock
from typing import Final, NamedTuple, Self

from tokenward.jose.compact import VerifiedJws

__all__ = ["SignatureCache", "SignatureCacheUse"]

# The memory of an entry in CPython without the text of the token and its payload, and of a queue,
# which may hold only one entry.
_BYTES_OF_ENTRY: Final = 336
_BYTES_OF_QUEUE: Final = 840
_LONGEST_SECONDS: Final = 900.0


class SignatureCacheUse(NamedTuple):
    """How much the signature cache of an engine is used."""

    hits: int
    """How often the signature of a token was found in the cache."""
    misses: int
    """How often the signature of an accepted access token had to be verified."""
    entries: int
    """How many tokens are cached now."""
    bytes: int
    """Approximately how much memory they use."""

    @property
    def hit_rate(self) -> float:
        """The share of hits, from 0 to 1; 0 before the first use."""
        seen = self.hits + self.misses
        return self.hits / seen if seen else 0.0


class SignatureCache:
    """A limited number of tokens with valid signatures; the first to expire is removed first.

    Tokens that expire within the same second share a queue. There are at most about 900 queues, so
    the time to remove a token does not grow with the number of tokens. Threads that share an engine
    share its cache.
    """

    __slots__ = (
        "_bytes", "_expiring", "_hits", "_lock", "_max_bytes", "_max_entries", "_misses",
        "_next_expiry", "_seconds", "_verified", "_version",
    )  # fmt: skip

    def __init__(self, *, max_entries: int, max_bytes: int) -> None:
        """Take the limits; if one of them is zero, nothing is cached."""
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._verified: dict[str, VerifiedJws] = {}
        # Each cached text once, by the second in which it expires; and a heap of these seconds.
        self._expiring: dict[int, deque[str]] = {}
        self._seconds: list[int] = []
        self._next_expiry = inf
        self._bytes = self._hits = self._misses = 0
        self._version: int | None = None
        self._lock = Lock()

    def __deepcopy__(self, memo: object) -> Self:
        """Return an empty cache with the same limits: the copy may get other keys."""
        return type(self)(max_entries=self._max_entries, max_bytes=self._max_bytes)

    def get(self, text: str, *, keys_version: int, now: float) -> VerifiedJws | None:
        """Return the cached result of a text if it was verified with this version of the keys."""
        if self._version != keys_version or now >= self._next_expiry:
            with self._lock:
                self._remove_expired(keys_version, now)

        found = self._verified.get(text)
        # Compared again, because a key may have been removed meanwhile.
        if found is None or found.keys_version != keys_version:
            return None

        with self._lock:
            self._hits += 1
        return found

    def add(
        self, text: str, verified: VerifiedJws, *, expires_at: float | None, now: float
    ) -> None:
        """Cache that a text has a valid signature.

        Args:
            text: the whole token, whose claims have passed the policy.
            verified: the result of `CompactJws.verify`.
            expires_at: its ``exp``, if it has one.
            now: the time, in seconds since 1970.
        """
        latest = now + _LONGEST_SECONDS
        second = int(latest if expires_at is None or expires_at > latest else expires_at)
        size = _size(text, verified)
        with self._lock:
            self._misses += 1
            if second <= now or self._max_entries < 1 or size + _BYTES_OF_QUEUE > self._max_bytes:
                return

            is_known = text in self._verified  # with other keys, or by a simultaneous request
            self._verified[text] = verified
            if is_known:
                return

            self._bytes += size
            if second in self._expiring:
                self._expiring[second].append(text)
            else:
                self._expiring[second] = deque((text,))
                self._bytes += _BYTES_OF_QUEUE
                heappush(self._seconds, second)
                self._next_expiry = self._seconds[0]

            while len(self._verified) > self._max_entries or self._bytes > self._max_bytes:
                self._remove_next()

    def use(self) -> SignatureCacheUse:
        """Return how much the cache is used."""
        return SignatureCacheUse(self._hits, self._misses, len(self._verified), self._bytes)

    def _remove_expired(self, keys_version: int, now: float) -> None:
        if self._version != keys_version:
            self._version = keys_version
            self._verified.clear()
            self._expiring.clear()
            self._seconds.clear()
            self._next_expiry = inf
            self._bytes = 0

        while now >= self._next_expiry:
            self._remove_next()

    def _remove_next(self) -> None:
        expiring = self._expiring[self._seconds[0]]
        text = expiring.popleft()
        self._bytes -= _size(text, self._verified.pop(text))
        if not expiring:
            del self._expiring[heappop(self._seconds)]
            self._bytes -= _BYTES_OF_QUEUE
            self._next_expiry = self._seconds[0] if self._seconds else inf


def _size(text: str, verified: VerifiedJws) -> int:
    return len(text) + len(verified.payload) + _BYTES_OF_ENTRY
