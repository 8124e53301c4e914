"""The reads of a RedisStore: the records of many checks in one script, or in one for each slot."""

import secrets
from collections import defaultdict
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
    checks: Sequence[Check],
    run_all: Callable[[Sequence[Call]], Awaitable[Sequence[Reply]]],
    slot_of: Callable[[bytes], int] | None,
) -> Sequence[Sequence[Record]]:
    """Return the records of each check; an error in place of a record that could not be read.

    Args:
        checks: the checks of one batch.
        run_all: runs scripts together.
        slot_of: returns the slot of a key in a cluster, where a script has keys of one slot only;
            None for a single server.

    Raises:
        MismatchedReplyError: a reply belongs to another call.
        Exception: whatever the client raised.
    """
    keys = [key for check in checks for key in check.keys]
    nonce, parts = new_nonce(), _parts(keys, slot_of)
    calls = [
        Call(CHECK, [keys[place] for place in part], (nonce,), checks[0].deadline) for part in parts
    ]
    replies = await run_all(calls)

    records: list[Record] = [None] * len(keys)
    for part, reply in zip(parts, replies, strict=True):
        failed = isinstance(reply, Exception)
        found = [reply] * len(part) if failed else records_of(reply, nonce, len(part))
        for place, record in zip(part, found, strict=True):
            records[place] = record

    remaining = iter(records)
    return [list(islice(remaining, len(check.keys))) for check in checks]


def _parts(
    keys: Sequence[bytes], slot_of: Callable[[bytes], int] | None
) -> Sequence[Sequence[int]]:
    """Return the places of the keys of each script."""
    places: Sequence[int] = range(len(keys))
    if slot_of is None:
        slots = [places]
    else:
        in_slot: defaultdict[int, list[int]] = defaultdict(list)
        for place in places:
            in_slot[slot_of(keys[place])].append(place)
        slots = [*in_slot.values()]
    return [
        slot[start : start + _KEYS_PER_SCRIPT]
        for slot in slots
        for start in range(0, len(slot), _KEYS_PER_SCRIPT)
    ]


def new_nonce() -> bytes:
    """Return an identifier of one call, unique also among the processes after a fork."""
    return secrets.token_hex(8).encode()
