"""What the feeds of a SqlStore have in common: rows, intervals, and an error."""

import asyncio
import math
from typing import Any, Final, Literal, TypeAlias, cast

from sqlalchemy import Row

from tokenward.stores.feed import Change
from tokenward.stores.sql.database import Database

__all__ = [
    "CLOCK_STEP_SECONDS",
    "MAINTAIN_EVERY_SECONDS",
    "NOT_FED",
    "ROWS_PER_PART",
    "change_of",
    "deadline_of",
    "is_revocation",
]

_Kind: TypeAlias = Literal["token", "session", "subject"]

ROWS_PER_PART: Final = 2_000
"""The rows of each part of a snapshot."""
MAINTAIN_EVERY_SECONDS: Final = 5.0
"""How often old changes are removed."""
CLOCK_STEP_SECONDS: Final = 60.0
"""A change that is so much older than it seems is still kept for long enough."""
NOT_FED: Final = (
    "The revocations of this SqlStore do not feed mirrors: call create_tables() of the MirroredStore, "
    "or create_feed() of the SqlStore."
)


def is_revocation(row: Row[Any]) -> bool:
    """Whether a row is a revocation, not a value of the store itself."""
    return not row.identity.startswith("store:")


def change_of(row: Row[Any], age_seconds: float) -> Change:
    """Return the change of a row.

    Args:
        row: a row with an identity, its end, and its moment.
        age_seconds: how long ago it was stored, by the clock of the server; zero if that is unknown.
    """
    kind, _, name = row.identity.partition(":")
    before = math.inf if row.issued_before is None else row.issued_before
    age = max(age_seconds - CLOCK_STEP_SECONDS, 0.0)
    return Change(cast("_Kind", kind), name, row.keep_until, before, age)


def deadline_of(database: Database) -> float:
    """Return the time by which a call that begins now must end, by the event loop's clock."""
    return asyncio.get_running_loop().time() + database.timeout_seconds
