"""Creates the tables of a SqlStore, and its feed for mirrors."""

import math
import zlib
from typing import Final

from sqlalchemy import Connection, Table, delete, func, insert, inspect, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.schema import CreateIndex, CreateTable

from tokenward.stores.sql.feed_statements import FeedStatements
from tokenward.stores.sql.numbered_tables import TRIGGERS, NumberedTables
from tokenward.stores.sql.schema import Tables

__all__ = ["define_feed", "define_tables"]

_LOCK_SECONDS: Final = 600


async def define_tables(connection: AsyncConnection, tables: Tables) -> None:
    """Create the missing tables and indexes."""
    if tables.is_mysql:
        await _define_in_mysql(connection, tables)
        return
    if connection.dialect.name != "sqlite":
        await _lock(connection, tables)
    for table in tables.metadata.sorted_tables:
        await connection.execute(CreateTable(table, if_not_exists=True))
        for index in table.indexes:
            await connection.execute(CreateIndex(index, if_not_exists=True))


async def _define_in_mysql(connection: AsyncConnection, tables: Tables) -> None:
    await _lock_in_mysql(connection, tables)
    for table in tables.metadata.sorted_tables:
        names = await connection.run_sync(_indexes_of, table)
        if names is None:
            await connection.execute(CreateTable(table))
        for index in table.indexes:
            if index.name not in (names or ()):
                await connection.execute(CreateIndex(index))


def _indexes_of(connection: Connection, table: Table) -> set[str | None] | None:
    """Return the names of the indexes of a table; None if there is no such table."""
    inspector = inspect(connection)
    if not inspector.has_table(table.name, table.schema):
        return None
    return {each["name"] for each in inspector.get_indexes(table.name, table.schema)}


async def define_feed(connection: AsyncConnection, tables: Tables) -> None:
    """Create what is missing of a feed."""
    if connection.dialect.name != "postgresql":
        await _define_numbered_feed(connection, tables)
        return
    await _lock(connection, tables)
    statements = FeedStatements(tables)
    for statement in statements.tables:
        await connection.exec_driver_sql(statement)
    is_fed = (await connection.exec_driver_sql(statements.is_fed)).scalar_one()
    for statement in () if is_fed else statements.trigger:
        await connection.exec_driver_sql(statement)


async def _define_numbered_feed(connection: AsyncConnection, tables: Tables) -> None:
    feed = NumberedTables(tables, changes_per_read=0)
    if tables.is_mysql:
        await _lock_in_mysql(connection, tables)
    for table in (feed.changes, feed.state):
        await connection.execute(CreateTable(table, if_not_exists=True))
    since = await connection.scalar(select(feed.state.c.since))
    triggers = await connection.scalar(feed.count_triggers)
    if since is not None and triggers == TRIGGERS:
        return

    # Each statement is committed in MySQL. Readers of changes with a gap find their place no more,
    # and cannot begin again before the last statement.
    await connection.execute(delete(feed.state))
    await connection.execute(delete(feed.changes))
    state = {"one": 1, "newest": 0, "since": None, "kept": 0.0, "seen": 0.0}
    await connection.execute(insert(feed.state), state)
    for statement in feed.trigger_statements:
        await connection.exec_driver_sql(statement)
    await connection.execute(update(feed.state).values(since=math.inf, seen=feed.now))


async def _lock_in_mysql(connection: AsyncConnection, tables: Tables) -> None:
    # MySQL has no CREATE INDEX IF NOT EXISTS. The lock ends with the connection.
    lock = func.get_lock(f"tokenward:{_number(tables):x}", _LOCK_SECONDS)
    await connection.execute(select(lock))


async def _lock(connection: AsyncConnection, tables: Tables) -> None:
    # Without the lock, two workers that find no table would both create it, and one fails.
    await connection.execute(select(func.pg_advisory_xact_lock(_number(tables))))


def _number(tables: Tables) -> int:
    return zlib.crc32(f"tokenward:{tables.schema}:{tables.prefix}".encode())
