"""Threads, each with its own event loop, share the sources of keys."""

import asyncio
import copy
import itertools
import sys
from datetime import timedelta

import pytest

from tests.support import NOW
from tests.threads.support import ROUNDS, in_event_loops
from tokenward import Key, KeyRing, RemoteKeySet
from tokenward.errors import KeysUnavailableError
from tokenward.keys import CombinedKeys


class UnreliableSource(KeyRing):
    """A ring that is unavailable every other time."""

    __slots__ = ("_calls",)

    async def prepare(self, now):
        """Fail every other time; engines ask each time."""
        calls = getattr(self, "_calls", 0)
        self._calls = calls + 1
        if calls % 2:
            raise KeysUnavailableError


def test_the_version_of_combined_keys_never_goes_back():
    """While one of the sources fails and recovers, in all threads at once."""
    source = UnreliableSource.generate("HS256")
    source.due_at = 0.0
    keys = CombinedKeys(KeyRing.generate("HS256"), source)

    async def work(_):
        last = keys.version
        for _ in range(ROUNDS * 10):
            await keys.prepare(NOW)
            version = keys.version
            assert version >= last
            last = version

    in_event_loops(work)


@pytest.fixture
def remote_keys():
    """Give a set that is due every second, and whose keys change with each fetch."""
    httpx = pytest.importorskip("httpx")
    sets = [{"keys": [Key.generate("Ed25519").public_jwk()]} for _ in range(3)]
    number = itertools.count()

    def answer(request):
        return httpx.Response(200, json=sets[next(number) % 3])

    # This client has no connections, so it belongs to no event loop.
    client = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    second = timedelta(seconds=1)
    return RemoteKeySet(
        "https://login.example/jwks", client=client, lifetime=second, cooldown=second
    )


def test_every_thread_can_fetch_the_keys_of_an_issuer(remote_keys):
    """No thread waits for the event loop of another, and the version never goes back."""

    async def work(_):
        last = 0
        for turn in range(ROUNDS // 4):
            await remote_keys.prepare(NOW + turn)
            # The fetches of a set that is still valid run in the background.
            for _ in range(3):
                await asyncio.sleep(0)
                version = remote_keys.version
                assert version >= last
                last = version

    in_event_loops(work)
    assert remote_keys.version > ROUNDS // 8


async def test_a_copy_of_a_remote_set_is_the_set(remote_keys):
    """A copy would fetch the keys a second time."""
    assert copy.deepcopy(remote_keys) is remote_keys


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks need Python 3.12")
async def test_a_fetch_may_start_within_the_call_that_starts_it(remote_keys):
    """The event loop of a user may run tasks eagerly."""
    asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
    await remote_keys.prepare(NOW)
    await remote_keys.prepare(NOW + 9)
    assert remote_keys.version == 1
