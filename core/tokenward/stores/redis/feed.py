"""The feed of a RedisStore, for a `MirroredStore`: a stream of revocations, and the keys themselves."""

import asyncio
import math
import re
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from tokenward._arguments import refuse
from tokenward.stores.feed import Change, FeedStart, GapError, Reading
from tokenward.stores.identities import key_of
from tokenward.stores.redis.client import ClusterClient, RedisClient, hide_arguments
from tokenward.stores.redis.feed_scripts import FOLLOW
from tokenward.stores.redis.lookups import new_nonce
from tokenward.stores.redis.records import (
    Keys,
    MismatchedReplyError,
    Record,
    UnreadableRecordError,
    numbers_of,
    values_of,
)

__all__ = ["RedisFeed", "feed_entry"]

_Kind: TypeAlias = Literal["token", "session", "subject"]

_ENTRIES_PER_READ: Final = 1_000
_KEYS_PER_SCAN: Final = 1_000
_KINDS: Final[dict[bytes, _Kind]] = {b"t": "token", b"s": "session", b"u": "subject"}
_LETTERS: Final[dict[str, str]] = {kind: letter.decode() for letter, kind in _KINDS.items()}
# Glob-style patterns of Redis give these a meaning.
_SPECIAL: Final = re.compile(rb"([*?\[\]\\^-])")
# FOLLOW does not notice a smaller step of the clock.
_CLOCK_STEP_SECONDS: Final = 60.0


def feed_entry(kind: str, identity: str) -> str:
    """Return the name of an identity in the feed."""
    return f"{_LETTERS[kind]}:{key_of(identity)}"


class _Position(NamedTuple):
    """The last entry that was read, which must still be there."""

    epoch: object
    is_complete: bool
    entry: object = None
    """Its id; None: the beginning of the stream."""
    content: object = None


class RedisFeed:
    """A `RevocationFeed` of one server."""

    def __init__(
        self, client: RedisClient, keys: Keys, seconds: float, timeout_seconds: float
    ) -> None:
        """Use the client of a store; nothing is sent yet.

        Args:
            client: the client.
            keys: the names of the keys of the store.
            seconds: how long a revocation stays in the feed, at least.
            timeout_seconds: the maximum duration of each call.

        Raises:
            ConfigurationError: the client is one of a cluster, whose nodes have no common order.
        """
        if isinstance(client, ClusterClient):
            refuse("MirroredStore cannot follow a Redis Cluster: use one server, or Sentinels.")
        self._client = client
        self._keys = keys
        self._kept_ms = round(seconds * 1000)
        self._timeout = timeout_seconds

    async def start(self) -> FeedStart:
        """See `RevocationFeed.start`. From now on every `RedisStore` also writes to the stream."""
        epoch, is_complete, _, _ = await self._follow(b"-", 1)
        return FeedStart(_Position(epoch, is_complete), is_complete)

    async def snapshot(self) -> AsyncIterator[Sequence[Change]]:
        """See `RevocationFeed.snapshot`. Scans the keys of the database in steps.

        Raises:
            UnreadableRecordError: a record is unreadable.
            Exception: the client failed.
        """
        prefix = self._keys.prefix
        pattern = _SPECIAL.sub(rb"\\\1", prefix) + b"[tsuTSU]:*"
        cursor: Any = 0
        while True:
            scan = ("SCAN", cursor, "MATCH", pattern, "COUNT", _KEYS_PER_SCAN)
            cursor, names = await self._send(*scan)
            if names:
                records = await self._send("MGET", *names)
                yield [
                    _stored(name.removeprefix(prefix), record)
                    for name, record in zip(names, records, strict=True)
                    # None: it has expired since, or it is no record.
                    if record is not None
                ]
            if not int(cursor):
                return

    async def read(self, position: object) -> Reading:
        """See `RevocationFeed.read`. One script.

        Raises:
            GapError: the server has lost entries, or somebody else has removed some.
            MismatchedReplyError, UnreadableRecordError: the reply is not the one of the script.
            Exception: the client failed.
        """
        if not isinstance(position, _Position):
            raise GapError
        is_first = position.entry is None
        start = b"-" if is_first else position.entry
        epoch, is_complete, now_ms, entries = await self._follow(start, _ENTRIES_PER_READ)
        known = (position.entry, position.content)
        if epoch != position.epoch or not entries or not (is_first or entries[0] == known):
            raise GapError

        # Ages are known of entries that were there before this reader.
        has_ages = position.is_complete and is_complete
        changes = [
            _published(content, (now_ms - _time_of(entry)) / 1000 if has_ages else 0.0)
            for entry, content in entries[0 if is_first else 1 :]
            # Each epoch begins with an entry that is its own name.
            if content != epoch
        ]
        following = position._replace(entry=entries[-1][0], content=entries[-1][1])
        return Reading(changes, following, is_last=len(entries) < _ENTRIES_PER_READ)

    async def _follow(
        self, start: object, count: int
    ) -> tuple[object, bool, int, list[tuple[object, object]]]:
        """Return the epoch, whether it is complete, the time in milliseconds, and entries."""
        nonce = new_nonce()
        arguments = (nonce, new_nonce(), self._kept_ms, start, count)
        reply = await self._send("EVAL", FOLLOW, 2, *self._keys.feed, *arguments)
        match values_of(reply, nonce):
            case [epoch, 0 | 1 as is_complete, now, bytes(lines)]:
                # One text, because clients parse many small values slowly.
                entries = [line.partition(b" ") for line in lines.splitlines()]
                pairs: list[tuple[object, object]] = [(entry, text) for entry, _, text in entries]
                return epoch, is_complete == 1, int(_bytes(now)), pairs
        raise MismatchedReplyError

    async def _send(self, *command: object) -> Any:  # noqa: ANN401 - of the client
        try:
            async with asyncio.timeout(self._timeout):
                # As bytes also with a client that decodes: keys of callers need not be UTF-8.
                return await self._client.execute_command(*command, NEVER_DECODE=True)
        except Exception as exc:
            hide_arguments(exc)
            raise


def _published(content: object, age_seconds: float) -> Change:
    """Return an entry of the stream, such as ``t:name keep_until moment``."""
    letter, _, rest = _bytes(content).partition(b":")
    key, *numbers = rest.rsplit(b" ", 2)
    return _change(letter, key.decode(), b" ".join(numbers), age_seconds - _CLOCK_STEP_SECONDS)


def _stored(name: bytes, record: Record) -> Change:
    """Return the record of a key, whose name has no prefix here."""
    letter, _, identity = name.partition(b":")
    if letter.isupper():
        # The digest is the same, of the same bytes.
        return _change(letter.lower(), f"sha256:{identity.decode()}", record, 0.0)
    return _change(letter, key_of(identity.decode("utf-8", "surrogatepass")), record, 0.0)


def _change(letter: bytes, key: str, record: Record, age_seconds: float) -> Change:
    keep_until, moment = numbers_of(record)
    if letter not in _KINDS or math.isnan(keep_until) or math.isnan(moment):
        raise UnreadableRecordError
    return Change(_KINDS[letter], key, keep_until, moment, max(age_seconds, 0.0))


def _time_of(entry: object) -> int:
    return int(_bytes(entry).partition(b"-")[0])


def _bytes(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise MismatchedReplyError
    return value
