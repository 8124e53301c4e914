"""Purges: many short transactions, between which other writes of the process get their turn."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from tokenward.stores.sql.database import Database, is_transient
from tokenward.stores.sql.upserts import LARGEST_PURGE

__all__ = ["purge_all"]

# No caller waits for a purge with a timeout, so it may wait longer for other writers. The timeouts
# of the database end each try earlier; the seconds are for a connection that has died.
_TRIES: Final = 20
_SECONDS: Final = 30.0


async def purge_all(database: Database, some: Callable[[AsyncConnection], Awaitable[int]]) -> int:
    """Repeat a step that removes at most `LARGEST_PURGE` rows, and return how many it removed.

    Raises:
        DBAPIError, TimeoutError: the database failed; what was removed before stays removed.
    """
    removed = latest = await _purge_some(database, some)
    while latest == LARGEST_PURGE:
        latest = await _purge_some(database, some)
        removed += latest
    return removed


async def _purge_some(database: Database, some: Callable[[AsyncConnection], Awaitable[int]]) -> int:
    tries = 1
    while True:
        try:
            # Released after each try, so that other writes of this process get their turn.
            async with database.slots:
                deadline = asyncio.get_running_loop().time() + _SECONDS
                return await database.write(some, may_repeat=False, deadline=deadline)
        except DBAPIError as exc:
            if tries == _TRIES or not is_transient(exc.orig):
                raise
        tries += 1
