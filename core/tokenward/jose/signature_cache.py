"""What good signatures vouched for, remembered: that a text is signed, and nothing besides.

Whether the token is over, meant for us or revoked is asked anew each time, of claims that are parsed
anew. A text is kept until its ``exp``, and a quarter of an hour at most.
"""

from collections import deque
from heapq import heappop, heappush
from math import inf
from threading import Lock
from typing import Final, NamedTuple, Self

from tokenward.jose.compact import VerifiedJws

__all__ = ["SignatureCache", "SignatureCacheUse"]

# What one entry takes in CPython besides the letters of the token and of its payload, and what a
# queue takes that may hold one alone.
_BYTES_BESIDES: Final = 336
_BYTES_OF_QUEUE: Final = 840
_LONGEST_SECONDS: Final = 900.0


class SignatureCacheUse(NamedTuple):
    """How well the signature cache of an engine serves."""

    hits: int
    """How often the signature of a token did not have to be verified."""
    misses: int
    """How often that of an access token which passed the policy had to be; what is refused is not counted."""
    entries: int
    """How many tokens are remembered now."""
    bytes: int
    """About how much memory they take."""

    @property
    def hit_rate(self) -> float:
        """The part of both that the hits are, from 0 to 1; 0 before the first."""
        seen = self.hits + self.misses
        return self.hits / seen if seen else 0.0


class SignatureCache:
    """A bounded number of texts with good signatures; what is over first goes first.

    All that ends within the same second stands in one queue: there are about 900 of these, however
    many texts there are, so that room is made in a time that does not grow with their number.
    Threads that share an engine share its memory.
    """

    __slots__ = (
        "_bytes", "_ending", "_hits", "_lock", "_max_bytes", "_max_entries", "_misses", "_next_end",
        "_seconds", "_verified", "_version",
    )  # fmt: skip

    def __init__(self, *, max_entries: int, max_bytes: int) -> None:
        """Take the bounds; where either is zero nothing is remembered."""
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._verified: dict[str, VerifiedJws] = {}
        # Each text that is in there, once, by the second in which it ends; and these, as a heap.
        self._ending: dict[int, deque[str]] = {}
        self._seconds: list[int] = []
        self._next_end = inf
        self._bytes = self._hits = self._misses = 0
        self._version: int | None = None
        self._lock = Lock()

    def __deepcopy__(self, memo: object) -> Self:
        """Give an empty one of the same bounds: what was vouched for here is not for a copy to say."""
        return type(self)(max_entries=self._max_entries, max_bytes=self._max_bytes)

    def recall(self, text: str, *, keys_version: int, now: float) -> VerifiedJws | None:
        """Give what is remembered of a text, if it was verified by these very keys."""
        if self._version != keys_version or now >= self._next_end:
            with self._lock:
                self._forget_over(keys_version, now)
        found = self._verified.get(text)
        # Compared once more: a key that has left meanwhile vouches for nothing.
        if found is None or found.keys_version != keys_version:
            return None
        self._hits += 1
        return found

    def remember(self, text: str, verified: VerifiedJws, *, end: float | None, now: float) -> None:
        """Take down that a text has a good signature.

        Args:
            text: the whole token; its claims have passed the policy.
            verified: what `CompactJws.verify` gave for it.
            end: its ``exp``, where it has one.
            now: the time, in seconds since 1970.
        """
        self._misses += 1
        latest = now + _LONGEST_SECONDS
        second = int(latest if end is None or end > latest else end)
        size = _size(text, verified)
        if second <= now or self._max_entries < 1 or size + _BYTES_OF_QUEUE > self._max_bytes:
            return
        with self._lock:
            is_known = text in self._verified  # by other keys, or from a request at the same time
            self._verified[text] = verified
            if is_known:
                return
            self._bytes += size
            if second in self._ending:
                self._ending[second].append(text)
            else:
                self._ending[second] = deque((text,))
                self._bytes += _BYTES_OF_QUEUE
                heappush(self._seconds, second)
                self._next_end = self._seconds[0]
            while len(self._verified) > self._max_entries or self._bytes > self._max_bytes:
                self._forget_next()

    def use(self) -> SignatureCacheUse:
        """Say how it serves."""
        return SignatureCacheUse(self._hits, self._misses, len(self._verified), self._bytes)

    def _forget_over(self, keys_version: int, now: float) -> None:
        if self._version != keys_version:
            self._version = keys_version
            self._verified.clear()
            self._ending.clear()
            self._seconds.clear()
            self._next_end = inf
            self._bytes = 0
        while now >= self._next_end:
            self._forget_next()

    def _forget_next(self) -> None:
        ending = self._ending[self._seconds[0]]
        text = ending.popleft()
        self._bytes -= _size(text, self._verified.pop(text))
        if not ending:
            del self._ending[heappop(self._seconds)]
            self._bytes -= _BYTES_OF_QUEUE
            self._next_end = self._seconds[0] if self._seconds else inf


def _size(text: str, verified: VerifiedJws) -> int:
    return len(text) + len(verified.payload) + _BYTES_BESIDES
