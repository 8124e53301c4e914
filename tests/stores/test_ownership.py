"""A store with connections belongs to one process and one event loop."""

import asyncio
import multiprocessing
import os

import pytest

from tokenward import ConfigurationError
from tokenward.stores.ownership import Ownership


async def check(owner):
    """Check in the running event loop."""
    owner.check()


def outcome_of(owner, pipe):
    """Send the outcome of a check in this process."""
    try:
        asyncio.run(check(owner))
    except ConfigurationError as exc:
        pipe.send(str(exc))
    else:
        pipe.send("")


def outcome_in_a_fork(owner):
    """Return the outcome of a check in a forked process."""
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()
    process = context.Process(target=outcome_of, args=(owner, there))
    process.start()
    answer = here.recv()
    process.join()
    return answer


def test_the_first_loop_owns_the_store():
    """A second event loop is refused with the fix, however the first one ended."""
    owner = Ownership("SqlStore")
    with asyncio.Runner() as first:
        first.run(check(owner))
        first.run(check(owner))
    with pytest.raises(ConfigurationError, match="This SqlStore is in use in another event loop"):
        asyncio.run(check(owner))


def test_a_store_that_was_used_before_a_fork_is_refused_after_it():
    """The child must not use the connections of its parent."""
    owner = Ownership("RedisStore")
    asyncio.run(check(owner))
    assert outcome_in_a_fork(owner).startswith(
        "This RedisStore was used before a fork: create one in each"
    )


def test_a_store_of_another_process_is_refused(monkeypatch):
    """The same as after a fork, in this process, so that coverage can measure it."""
    owner = Ownership("RedisStore")
    asyncio.run(check(owner))
    monkeypatch.setattr(os, "getpid", lambda: -1)
    with pytest.raises(ConfigurationError, match="RedisStore was used before a fork"):
        asyncio.run(check(owner))


def test_a_store_that_was_only_created_before_a_fork_can_be_used_after_it():
    """Preloading an application is safe as long as the parent sends nothing."""
    owner = Ownership("SqlStore")
    assert outcome_in_a_fork(owner) == ""
    asyncio.run(check(owner))
