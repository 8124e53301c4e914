"""The keys and the records of a RedisStore, and the parsing of its replies."""

import hashlib
import math
import re
from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

from tokenward.stores.protocol import CLOCK_SPARE_SECONDS, Consumption

__all__ = [
    "Keys",
    "MismatchedReplyError",
    "Record",
    "Reply",
    "UnreadableRecordError",
    "any_denies",
    "life_ms",
    "number_text",
    "numbers_of",
    "records_of",
    "values_of",
]

Record: TypeAlias = object
"""A record, as bytes or text; None without a record, 0 for a key of another type, or an error."""
Reply: TypeAlias = object
"""The value that a script has returned, or the error that it raised."""

# One letter each; a capital for hashed identities, so that they match no other identity.
_LETTERS: Final = {
    "token": b"t",
    "session": b"s",
    "subject": b"u",
    # The use of one token, in an earlier version.
    "consumed": b"c",
    # The open sessions of one subject.
    "list": b"l",
}
_USES: Final = b"r"
_BRACES: Final = re.compile(rb"[{}]")
_LONGEST_NAME: Final = 512
# About 30,000 years. Redis adds the present time, and refuses a sum above 64 bits.
_LONGEST_LIFE_MS: Final = 10**15
_SPARE_MS: Final = int(CLOCK_SPARE_SECONDS * 1000)


class UnreadableRecordError(Exception):
    """A key of the store holds a value that no RedisStore has written."""

    def __init__(self) -> None:
        """Describe the fault, without the key and its value."""
        super().__init__("A key of this RedisStore holds an unreadable record.")


class MismatchedReplyError(Exception):
    """A reply belongs to another call."""

    def __init__(self) -> None:
        """Describe the fault, without the reply."""
        super().__init__("Redis, or a proxy in front of it, returned the reply to another call.")


class Keys(NamedTuple):
    """The names of the keys under one prefix."""

    prefix: bytes

    @property
    def retention(self) -> bytes:
        """The key of the store's retention; record keys differ, they have a colon after one letter."""
        return self.prefix + b"retention"

    @property
    def feed(self) -> tuple[bytes, bytes]:
        """The keys of the state of the feed, and of its stream."""
        return self.prefix + b"feed-state", self.prefix + b"feed"

    def of(self, kind: str, identity: str) -> bytes:
        """Return the key of a record."""
        letter, name = _LETTERS[kind], _name_of(identity)
        if len(name) > _LONGEST_NAME:
            letter, name = letter.upper(), _hash_of(name)
        return b"%b%b:%b" % (self.prefix, letter, name)

    def of_uses(self, session: str) -> tuple[bytes, bytes]:
        """Return the keys of a session's uses and of its sealed pair, which a cluster keeps together.

        The name in braces is their hash tag. A name with braces would end it, or be no tag if empty.
        """
        letter, name = _USES, _name_of(session)
        if not name or len(name) > _LONGEST_NAME or _BRACES.search(name):
            letter, name = letter.upper(), _hash_of(name)
        record = b"%b%b:{%b}" % (self.prefix, letter, name)
        return record, record + b"p"

    def of_consumption(self, consumption: Consumption) -> tuple[bytes, bytes, bytes]:
        """Return the keys that a use needs: the two of its session, and the one of its token.

        An earlier version had a record for each consumed token. A cluster has no such records, and
        must not be asked for the last key, which is in another slot.
        """
        return (*self.of_uses(consumption.session), self.of("consumed", consumption.jti))


def _name_of(identity: str) -> bytes:
    # Tokens contain no lone surrogate, but the text of a caller may.
    return identity.encode("utf-8", "surrogatepass")


def _hash_of(name: bytes) -> bytes:
    return hashlib.sha256(name).hexdigest().encode()


def any_denies(records: Sequence[Record], issued_at: float | None, now: float) -> bool:
    """Whether any record of a token, its session and its subject denies the token.

    Raises:
        UnreadableRecordError: a record is unreadable, and no other record denies the token.
        Exception: a record could not be read, and no other record denies the token.
    """
    is_unreadable, failure = False, None
    for record in records:
        if record is None:
            continue
        if isinstance(record, Exception):
            failure = record
            continue
        keep_until, moment = numbers_of(record)
        if keep_until > now and (issued_at is None or issued_at < moment):
            return True
        is_unreadable |= math.isnan(keep_until) or math.isnan(moment)

    if failure is not None:
        raise failure
    if is_unreadable:
        raise UnreadableRecordError
    return False


def numbers_of(record: object) -> tuple[float, float]:
    """Return the end and the moment of a record; NaN if it is unreadable."""
    if not isinstance(record, bytes | str):
        return math.nan, math.nan

    try:
        keep_until, moment = map(float, record.split())
    except ValueError:
        return math.nan, math.nan
    return keep_until, moment


def records_of(reply: Reply, nonce: bytes, count: int) -> Sequence[Record]:
    """Return the records in the reply to a check, one for each key.

    Raises:
        MismatchedReplyError: the reply belongs to another call.
    """
    records = values_of(reply, nonce) or [None] * count
    if len(records) != count:
        raise MismatchedReplyError
    return records


def values_of(reply: Reply, nonce: bytes) -> list[object]:
    """Return the values that a script returned after the nonce.

    Raises:
        MismatchedReplyError: the reply belongs to another call.
    """
    echoed, *values = reply if isinstance(reply, list) and reply else [reply]

    if (echoed.encode() if isinstance(echoed, str) else echoed) != nonce:
        raise MismatchedReplyError
    return values


def number_text(number: float) -> str:
    """Return a number as text that is read back exactly."""
    return repr(float(number))


def life_ms(keep_until: float, now: float) -> int:
    """Return the milliseconds after which Redis removes a record; 0: never."""
    if keep_until == math.inf:
        return 0
    return min(math.ceil(max(keep_until - now, 0) * 1000) + _SPARE_MS, _LONGEST_LIFE_MS)
