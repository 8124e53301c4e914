"""The other processes of the tests of shared stores."""

import multiprocessing

__all__ = ["context"]

# Children are forked from a process without threads, in which everything is imported already: also
# the drivers, which would take most of the time of a short process.
context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload(
    [
        "pytest",
        "tests.stores.crash_worker",
        "tests.stores.flow_worker",
        "tests.stores.pooler_worker",
        "tests.stores.mirror.soak_worker",
        "redis.asyncio",
        "aiosqlite",
        "asyncmy",
        "asyncpg",
        "psycopg",
        "sqlalchemy.dialects.mysql.asyncmy",
        "sqlalchemy.dialects.postgresql.asyncpg",
        "sqlalchemy.dialects.postgresql.psycopg",
        "sqlalchemy.dialects.sqlite.aiosqlite",
    ]
)
