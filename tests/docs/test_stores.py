"""The program of the page about stores."""

import sqlite3
from contextlib import closing

from tests.docs.pages import names_of
from tests.stores.conftest import redis_url  # noqa: F401 - a fixture
from tokenward import KeyRing, TokenEngine


async def test_the_sql_store(tmp_path):
    """The store creates its tables, and an engine uses it."""
    url = f"sqlite+aiosqlite:///{tmp_path / 'tokens.db'}"
    names = await names_of("stores.md", url=url, ring=KeyRing.generate())
    with closing(sqlite3.connect(tmp_path / "tokens.db")) as database:
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
    assert {"tokenward_revocations", "tokenward_sessions"} <= tables
    assert isinstance(names["engine"], TokenEngine)


async def test_the_mirror(redis_url):  # noqa: F811 - the fixture
    """An engine uses a mirror of the Redis of the tests."""
    names = await names_of("mirror.md", url=redis_url, ring=KeyRing.generate())
    async with names["store"] as store:
        await store.catch_up()
        assert names["engine"].store is store
