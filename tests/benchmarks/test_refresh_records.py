"""The script that counts what refreshes leave behind."""

import pytest

pytest.importorskip("sqlalchemy")

from benchmarks import refresh_records


@pytest.mark.parametrize("name", ["MemoryStore", "SqlStore, SQLite"])
async def test_the_records_are_those_of_the_sessions(name: str) -> None:
    """Whatever the number of refreshes."""
    left = await refresh_records.left_in(name, sessions=3, refreshes=4)
    assert left.records == 3
