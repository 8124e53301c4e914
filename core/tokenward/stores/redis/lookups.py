"""The reads of a RedisStore: the records of many checks in one script."""

import secrets
from collections.abc import Awaitable, Callable, Sequence
from itertools import islice
from typing import Final, NamedTuple

from tokenward.stores.redis.records import Record, Reply, records_of
from tokenward.stores.redis.script_runner import Call
from tokenward.stores.redis.scripts import CHECK

__all__ = ["Check", "new_nonce", "read_records"]

# Lua passes about 8,000 arguments at most in one call.
_KEYS_PER_SCRIPT: Final = 6_000


class Check(NamedTuple):
    """The keys of one check, and the event loop's time after which it is not sent."""

    keys: Sequence[bytes]
    deadline: float


async def read_records(
    checks: Sequence[Check], run_all: Callable[[Sequence[Call]], Awaitable[Sequence[Reply]]]
) -> Sequence[Sequence[Record]]:
    """Return the records of each check.

    Raises:
        MismatchedReplyError: a reply belongs to another call.
        Exception: whatever the client raised.
    """
    keys = [key for check in checks for key in check.keys]
    nonce, starts = new_nonce(), range(0, len(keys), _KEYS_PER_SCRIPT)
    parts = [keys[start : start + _KEYS_PER_SCRIPT] for start in starts]
    replies = await run_all([Call(CHECK, part, (nonce,), checks[0].deadline) for part in parts])

    records: list[Record] = []
    for part, reply in zip(parts, replies, strict=True):
        if isinstance(reply, Exception):
            raise reply
        records += records_of(reply, nonce, len(part))

    remaining = iter(records)
    return [list(islice(remaining, len(check.keys))) for check in checks]


def new_nonce() -> bytes:
    """Return an identifier of one call, unique also among the processes after a fork."""
    return secrets.token_hex(8).encode()
