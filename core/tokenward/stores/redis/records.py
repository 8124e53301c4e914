"""What a RedisStore keeps: the names of its keys, its records, and how their answers are read."""

import hashlib
import math
from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

from tokenward.stores.protocol import CLOCK_SPARE_SECONDS

__all__ = [
    "Keys",
    "MismatchedReplyError",
    "Record",
    "Reply",
    "UnreadableRecordError",
    "any_denies",
    "life_ms",
    "number_text",
    "records_of",
    "values_of",
]

Record: TypeAlias = object
"""A record, as bytes or text; None where there is none, 0 for a key of another type."""
Reply: TypeAlias = object
"""What a script has returned, or the error in its place."""

# One letter each; a capital for identities that are hashed, so that they meet no others.
_LETTERS: Final = {
    "token": b"t",
    "session": b"s",
    "subject": b"u",
    "consumed": b"c",
    "pair": b"p",
}
_LONGEST_NAME: Final = 512
# Some 30,000 years; Redis adds the time of day and refuses what does not fit 64 bits then.
_LONGEST_LIFE_MS: Final = 10**15
_SPARE_MS: Final = int(CLOCK_SPARE_SECONDS * 1000)


class UnreadableRecordError(Exception):
    """A key of the store holds what no RedisStore has written."""

    def __init__(self) -> None:
        """Say so, without the key and its content."""
        super().__init__("A key of this RedisStore holds a record that cannot be read.")


class MismatchedReplyError(Exception):
    """A reply does not belong to the call that it was read for."""

    def __init__(self) -> None:
        """Say so, without the reply."""
        super().__init__("Redis, or a proxy before it, has answered another call.")


class Keys(NamedTuple):
    """The names of the keys under one prefix."""

    prefix: bytes

    @property
    def retention(self) -> bytes:
        """The key of the store's retention; no record has its name, which has no colon at place 2."""
        return self.prefix + b"retention"

    def of(self, kind: str, identity: str) -> bytes:
        """Return the key of a record."""
        letter = _LETTERS[kind]
        # No token holds a lone surrogate, but a caller's text may: it is an identity like others.
        name = identity.encode("utf-8", "surrogatepass")
        if len(name) > _LONGEST_NAME:
            letter, name = letter.upper(), hashlib.sha256(name).hexdigest().encode()
        return b"%b%b:%b" % (self.prefix, letter, name)


def any_denies(records: Sequence[Record], issued_at: float | None, now: float) -> bool:
    """Whether any record of a token, its session and its subject denies the token.

    Raises:
        UnreadableRecordError: none that can be read does, and one cannot be read.
    """
    is_unreadable = False
    for record in records:
        if record is None:
            continue
        keep_until, moment = _numbers(record)
        if keep_until > now and (issued_at is None or issued_at < moment):
            return True
        is_unreadable |= math.isnan(keep_until) or math.isnan(moment)
    if is_unreadable:
        raise UnreadableRecordError
    return False


def _numbers(record: object) -> tuple[float, float]:
    """Return the end and the moment of a record; NaN where there is none."""
    if not isinstance(record, bytes | str):
        return math.nan, math.nan
    try:
        keep_until, moment = map(float, record.split())
    except ValueError:
        return math.nan, math.nan
    return keep_until, moment


def records_of(reply: Reply, nonce: bytes, count: int) -> Sequence[Record]:
    """Read the reply to a check of so many keys.

    Raises:
        MismatchedReplyError: it is the reply to another call.
    """
    records = values_of(reply, nonce) or [None] * count
    if len(records) != count:
        raise MismatchedReplyError
    return records


def values_of(reply: Reply, nonce: bytes) -> list[object]:
    """Return what a script has returned after the nonce.

    Raises:
        MismatchedReplyError: it is the reply to another call.
    """
    echoed, *values = reply if isinstance(reply, list) and reply else [reply]
    if (echoed.encode() if isinstance(echoed, str) else echoed) != nonce:
        raise MismatchedReplyError
    return values


def number_text(number: float) -> str:
    """Write a number so that it is read back exactly."""
    return repr(float(number))


def life_ms(keep_until: float, now: float) -> int:
    """Return for how many milliseconds Redis keeps a record; 0: for ever."""
    if keep_until == math.inf:
        return 0
    return min(math.ceil(max(keep_until - now, 0) * 1000) + _SPARE_MS, _LONGEST_LIFE_MS)
