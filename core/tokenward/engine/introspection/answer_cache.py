"""A cache of answers about tokens, by a hash of each token, for some seconds."""

from collections import OrderedDict
from hashlib import sha256
from threading import Lock
from typing import Final, NamedTuple

from tokenward.engine.introspection.answers import Answer

__all__ = ["AnswerCache", "name_of"]

_BYTES_OF_ENTRY: Final = 400


def name_of(token: str) -> bytes:
    """Return the name under which a cache keeps the answer about a token."""
    return sha256(token.encode()).digest()


class _Entry(NamedTuple):
    answer: Answer
    since: float
    until: float


class AnswerCache:
    """A limited number of answers; the oldest is removed first."""

    __slots__ = ("_bytes", "_entries", "_lock", "_max_bytes", "_max_entries", "_seconds")

    def __init__(self, *, seconds: float, max_entries: int, max_bytes: int) -> None:
        """Take the longest time to keep an answer, and the limits; zero: nothing is kept."""
        self._seconds = seconds
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._bytes = 0
        # Not a dict, in which finding the first entry takes long after many removals.
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()
        self._lock = Lock()

    def get(self, name: bytes, now: float) -> Answer | None:
        """Return the answer about a token; None if there is none, or it is too old.

        An answer from the future is too old as well: the clock was set back.
        """
        found = self._entries.get(name)
        return found.answer if found is not None and found.since <= now < found.until else None

    def add(self, name: bytes, answer: Answer, now: float) -> None:
        """Keep an answer until the token expires, and for no longer than the cache keeps any.

        Args:
            name: the name of the token.
            answer: what the endpoint said.
            now: the time before it was asked, in seconds since 1970.
        """
        until = now + self._seconds
        if answer.exp is not None and answer.exp < until:
            until = answer.exp
        with self._lock:
            self._remove(name)
            if until <= now:
                return
            self._entries[name] = _Entry(answer, now, until)
            self._bytes += _size(answer)
            while len(self._entries) > self._max_entries or self._bytes > self._max_bytes:
                self._remove(next(iter(self._entries)))

    def _remove(self, name: bytes) -> None:
        removed = self._entries.pop(name, None)
        if removed is not None:
            self._bytes -= _size(removed.answer)


def _size(answer: Answer) -> int:
    return len(answer.payload or b"") + _BYTES_OF_ENTRY
