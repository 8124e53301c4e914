"""Threads that use a store with connections at the same time."""

import pytest

from tests.threads.support import THREADS, in_event_loops
from tokenward import ConfigurationError
from tokenward.stores.ownership import Ownership


@pytest.mark.parametrize("attempt", range(20))
def test_one_event_loop_owns_a_store(attempt):
    """All other event loops get an error from the first call on."""
    ownership = Ownership("SqlStore")

    async def work(_):
        for _ in range(3):
            try:
                ownership.check()
            except ConfigurationError:
                return False
        return True

    owns = in_event_loops(work)
    assert (owns.count(True), owns.count(False)) == (1, THREADS - 1)
