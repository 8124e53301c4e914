"""Whether an engine can be used: its store and its keys."""

import asyncio
import math
import os

import pytest

from tests.support import SECRET, everything_of
from tokenward import (
    ConfigurationError,
    Issuers,
    KeyRing,
    MemoryStore,
    PrefixedStore,
    StoreUnavailableError,
    TokenEngine,
    TokenPolicy,
)
from tokenward.errors import KeysUnavailableError

RING = KeyRing.from_secret(SECRET)


class Pinged(MemoryStore):
    """Counts pings, and fails if it has an error."""

    def __init__(self, error=None):
        super().__init__()
        self.pings = 0
        self.error = error

    async def ping(self):
        self.pings += 1
        if self.error is not None:
            raise self.error


class Due:
    """Keys that are fetched from `due_at` on, and may be unavailable."""

    can_sign = False
    version = 0
    find = fetch_for = signing_key = print

    def __init__(self, due_at=-math.inf, error=None):
        self.due_at = due_at
        self.error = error
        self.prepared_at = []

    async def prepare(self, now):
        self.prepared_at.append(now)
        if self.error is not None:
            raise self.error


async def test_an_engine_asks_its_store_and_its_keys(clock):
    """Keys that are not due are not fetched."""
    store, due, fresh = Pinged(), Due(), Due(due_at=math.inf)
    for keys in (due, fresh):
        engine = TokenEngine(keys, store=store, clock=clock)
        assert await engine.ping() is None
        assert engine.store is store
    assert (store.pings, due.prepared_at, fresh.prepared_at) == (2, [clock.now], [])


async def test_an_engine_without_store_and_remote_keys_is_ready():
    """There is nothing that could fail."""
    engine = TokenEngine(RING)
    await engine.ping()
    assert engine.store is None


@pytest.mark.parametrize("outage", ["refuse", "accept"])
async def test_a_store_that_fails_is_an_outage_whatever_the_policy_says(outage):
    """Any error of a store counts; its message is not repeated."""
    store = Pinged(RuntimeError("hunter2"))
    engine = TokenEngine(RING, store=store, policy=TokenPolicy(store_outage=outage))
    with pytest.raises(StoreUnavailableError, match=r"Pinged cannot be used \(RuntimeError\)") as e:
        await engine.ping()
    assert "hunter2" not in str(e.value)
    assert e.value.__cause__ is store.error


@pytest.mark.parametrize("error", [ConfigurationError("Fix it."), StoreUnavailableError("Late.")])
async def test_what_a_store_says_itself_is_passed_on(error):
    """With its message, which names the fix."""
    with pytest.raises(type(error)) as caught:
        await TokenEngine(RING, store=Pinged(error)).ping()
    assert caught.value is error


async def test_a_store_that_does_not_answer_is_an_outage_in_time():
    """The engine keeps the limit if the store does not."""

    class Silent(MemoryStore):
        timeout_seconds = 0.01

        async def ping(self):
            await asyncio.Event().wait()

    async with asyncio.timeout(20):
        with pytest.raises(StoreUnavailableError, match="TimeoutError"):
            await TokenEngine(RING, store=Silent()).ping()


async def test_keys_that_are_not_there_are_reported(clock):
    """After the store, whose failure is reported first."""
    keys = Due(error=KeysUnavailableError())
    with pytest.raises(KeysUnavailableError):
        await TokenEngine(keys, store=MemoryStore()).ping()
    with pytest.raises(StoreUnavailableError) as caught:
        await TokenEngine(keys, store=Pinged(OSError())).ping()
    assert "KeysUnavailable" not in everything_of(caught.value)


async def test_the_engines_of_all_issuers_are_asked():
    """Once each, also an engine of several issuers; the first failure is raised."""
    stores = [Pinged(), Pinged()]
    several = TokenPolicy(issuer=["https://a.example", "https://b.example"])
    one = TokenEngine(Due(), store=stores[0], policy=several)
    other = TokenEngine(
        RING, store=PrefixedStore(stores[1], "c"), policy=TokenPolicy(issuer="https://c.example")
    )
    issuers = Issuers(one, other)
    await issuers.ping()
    assert [each.pings for each in stores] == [1, 1]
    stores[1].error = OSError()
    with pytest.raises(StoreUnavailableError):
        await issuers.ping()


async def test_a_memory_store_after_a_fork_is_not_ready(monkeypatch):
    """The worker could not revoke anything."""
    store = MemoryStore()
    await store.ping()
    monkeypatch.setattr(os, "getpid", lambda: -1)
    with pytest.raises(ConfigurationError, match="before a fork"):
        await store.ping()


def test_stores_say_whether_they_need_a_purge():
    """A PrefixedStore as its inner store."""

    class Growing(MemoryStore):
        needs_purge = True

    for inner in (MemoryStore(), Growing()):
        assert PrefixedStore(inner, "a").needs_purge is inner.needs_purge
