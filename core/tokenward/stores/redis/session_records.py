"""The sessions of subjects in Redis: a hash for each subject, with a field for each session.

A field is the text ``began_at refreshed_at keep_until label``. Every script returns the nonce of its
caller first, as those of `scripts` do.
"""

from collections.abc import Awaitable, Collection, Sequence
from typing import Final, Protocol, cast

from tokenward.stores.protocol import CLOCK_SPARE_SECONDS
from tokenward.stores.redis.lookups import new_nonce
from tokenward.stores.redis.records import (
    Keys,
    Reply,
    UnreadableRecordError,
    life_ms,
    number_text,
    values_of,
)
from tokenward.stores.redis.scripts import SHARED
from tokenward.stores.session_records import SessionRecord

__all__ = ["RedisSessionRecords"]

_PATTERN: Final = "^(%S+) (%S+) (%S+) (.*)$"
_WRITE: Final = f"""{SHARED}
local function parts(text)
    local began, refreshed, ends, label = string.match(text, '{_PATTERN}')
    if not began then error('unreadable record') end
    return began, refreshed, ends, label
end
local function put(session, text, life)
    local left = redis.call('PTTL', KEYS[1])
    redis.call('HSET', KEYS[1], session, text)
    if left == -1 or life == 0 then redis.call('PERSIST', KEYS[1])
    else redis.call('PEXPIRE', KEYS[1], string.format('%.0f', math.max(left, life))) end
end
"""
# A subject that logs in again and again never loses its hash, so old fields are removed here.
_ADD: Final = f"""{_WRITE}
local expired = number(ARGV[5])
local fields = redis.call('HGETALL', KEYS[1])
for index = 1, #fields, 2 do
    local _, _, ends = parts(fields[index + 1])
    if number(ends) <= expired then redis.call('HDEL', KEYS[1], fields[index]) end
end
put(ARGV[2], ARGV[3], tonumber(ARGV[4]))
return ARGV[1]
"""
_REFRESH: Final = f"""{_WRITE}
local record = redis.call('HGET', KEYS[1], ARGV[2])
if not record then return ARGV[1] end
local began, _, ends, label = parts(record)
if number(ends) <= number(ARGV[6]) then return ARGV[1] end
local text = began .. ' ' .. ARGV[3] .. ' ' .. later(ends, ARGV[4]) .. ' ' .. label
put(ARGV[2], text, tonumber(ARGV[5]))
return ARGV[1]
"""
_OF: Final = """
local found = redis.call('HGETALL', KEYS[1])
table.insert(found, 1, ARGV[1])
return found
"""
_REMOVE: Final = """
for index = 2, #ARGV do redis.call('HDEL', KEYS[1], ARGV[index]) end
return ARGV[1]
"""


class _Run(Protocol):
    def __call__(
        self, script: str, keys: Sequence[bytes], *arguments: bytes | str | int
    ) -> Awaitable[Reply]: ...


class RedisSessionRecords:
    """The `SessionRecords` of a `RedisStore`."""

    def __init__(self, keys: Keys, run: _Run) -> None:
        """Use the keys of a store, and what runs a script in it."""
        self._keys = keys
        self._run = run

    async def add(self, subject: str, record: SessionRecord, *, now: float) -> None:
        """See `SessionRecords.add`. One script."""
        times = (record.began_at, record.refreshed_at, record.keep_until)
        text = " ".join((*map(number_text, times), record.label))
        expired = number_text(now - CLOCK_SPARE_SECONDS)
        await self._write(
            _ADD, subject, record.session, text, life_ms(record.keep_until, now), expired
        )

    async def refresh(
        self, subject: str, session: str, *, refreshed_at: float, keep_until: float, now: float
    ) -> None:
        """See `SessionRecords.refresh`. One script."""
        await self._write(
            _REFRESH,
            subject,
            session,
            number_text(refreshed_at),
            number_text(keep_until),
            life_ms(keep_until, now),
            number_text(now),
        )

    async def of(self, subject: str, *, now: float) -> Sequence[SessionRecord]:
        """See `SessionRecords.of`. One script.

        Raises:
            UnreadableRecordError: a record was written by something else.
        """
        nonce = new_nonce()
        found = values_of(await self._run(_OF, (self._key_of(subject),), nonce), nonce)
        records = [_record_of(*pair) for pair in zip(found[::2], found[1::2], strict=True)]
        return [each for each in records if each.keep_until > now]

    async def remove(self, subject: str, sessions: Collection[str], *, now: float) -> None:  # noqa: ARG002
        """See `SessionRecords.remove`. One script."""
        await self._write(_REMOVE, subject, *sessions)

    async def _write(self, script: str, subject: str, *arguments: str | int) -> None:
        nonce = new_nonce()
        values_of(await self._run(script, (self._key_of(subject),), nonce, *arguments), nonce)

    def _key_of(self, subject: str) -> bytes:
        return self._keys.of("list", subject)


def _record_of(session: object, text: object) -> SessionRecord:
    try:
        began_at, refreshed_at, keep_until, label = _text(text).split(" ", 3)
        return SessionRecord(
            _text(session), float(began_at), float(refreshed_at), float(keep_until), label
        )
    except (ValueError, TypeError) as exc:
        raise UnreadableRecordError from exc


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return str(cast("bytes", value), "utf-8")  # a TypeError for everything else
