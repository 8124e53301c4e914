"""What an engine does while its service runs, and how it closes."""

import asyncio
import logging
import math
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from tests.support import SECRET, engine_with
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
from tokenward.engine import FormerEngine
from tokenward.errors import KeysUnavailableError
from tokenward.keys import CombinedKeys

RING = KeyRing.from_secret(SECRET)
HOUR = timedelta(hours=1)
TURNS = 50


class Watched(MemoryStore):
    """Writes down what happens to it, in a list that several may share."""

    needs_purge = True

    def __init__(self, events, name="store", **errors):
        super().__init__()
        self.events, self.name, self.errors = events, name, errors

    async def note(self, event):
        self.events.append(f"{self.name} {event}")
        if event in self.errors:
            raise self.errors[event]

    async def create_tables(self):
        await self.note("tables")

    async def ping(self):
        await self.note("ping")

    async def purge(self, *, now):
        await self.note("purge")
        return 0

    async def aclose(self):
        await self.note("closed")


class Wrapped(Watched):
    """A store around another."""

    def __init__(self, inner, events, name="wrapper"):
        super().__init__(events, name)
        self.inner = inner


class Remote:
    """The keys of another issuer, which are fetched in `prepare`."""

    can_sign = False
    version = 0
    due_at = -math.inf
    find = fetch_for = signing_key = print

    def __init__(self, events, error=None):
        self.events, self.error = events, error

    async def prepare(self, now):
        self.events.append("fetch")
        if self.error is not None:
            raise self.error

    async def aclose(self):
        self.events.append("keys closed")


def tasks():
    """Return how many tasks of others run."""
    return len(asyncio.all_tasks()) - 1


async def turns():
    """Let the tasks run."""
    for _ in range(TURNS):
        await asyncio.sleep(0)


async def after(time):
    """Let time pass, and what is due then."""
    await turns()
    asyncio.get_running_loop().travel(time)
    await turns()


async def test_an_engine_opens_and_closes_in_order():
    """Tables first; at the end the tasks, the store, the stores in it, and the keys."""
    events = []
    store = Wrapped(Wrapped(Watched(events), events, "middle"), events)
    engine = TokenEngine(Remote(events), store=store)
    async with engine.running(create_tables=True) as running:
        assert running is engine
        opened = ["wrapper tables", "middle tables", "store tables", "wrapper ping"]
        assert events == opened
        await turns()
        assert (events.pop(), tasks()) == ("fetch", 2)
    assert events[4:] == ["wrapper closed", "middle closed", "store closed", "keys closed"]
    assert tasks() == 0


async def test_no_task_runs_that_nothing_needs(clock):
    """A MemoryStore removes expired records itself, and a ring fetches nothing."""
    for keys, store in ((RING, MemoryStore()), (RING, None)):
        async with TokenEngine(keys, store=store).running():
            assert tasks() == 0
    async with engine_with(clock, store=Watched([])).running(purge_every=None):
        assert tasks() == 0


async def test_tables_are_created_only_on_demand():
    """A service may lack the right to do so; a store without tables has none to create."""
    events = []
    async with TokenEngine(RING, store=Watched(events)).running():
        assert events == ["store ping"]
    async with TokenEngine(RING, store=MemoryStore()).running(create_tables=True):
        pass


async def test_a_store_is_purged_once_in_each_interval():
    """First at any time within it; then never earlier or later than by a tenth."""
    for _ in range(20):
        events = []
        async with TokenEngine(RING, store=Watched(events)).running():
            await turns()
            assert events == ["store ping"]
            await after(HOUR)
            for count in range(1, 4):
                assert events[1:] == ["store purge"] * count
                await after(HOUR * 0.89)
                assert events[1:] == ["store purge"] * count
                await after(HOUR * 0.22)
        assert events[-1] == "store closed"


async def test_the_interval_can_be_chosen():
    """Here a minute."""
    events = []
    store = Watched(events)
    async with TokenEngine(RING, store=store).running(purge_every=timedelta(minutes=1)):
        for _ in range(3):
            await after(timedelta(seconds=67))
        assert events == ["store ping", *["store purge"] * 3]


@pytest.mark.parametrize("interval", [timedelta(0), timedelta(seconds=-1), 3600, "1h"])
async def test_an_interval_that_is_none_is_refused(interval):
    """Before anything is opened."""
    events = []
    with pytest.raises(ConfigurationError, match="purge_every must be a timedelta above zero"):
        async with TokenEngine(RING, store=Watched(events)).running(purge_every=interval):
            pass
    assert events == []


async def test_a_purge_that_swallows_its_cancellation_does_not_keep_the_engine_open():
    """As redis-py does before Python 3.12."""

    class Swallowing(Watched):
        async def purge(self, *, now):
            await self.note("purge")
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            return 0

    events = []
    engine = TokenEngine(RING, store=Swallowing(events))
    async with engine.running(purge_every=timedelta(seconds=10)):
        await after(timedelta(seconds=12))
    assert events == ["store ping", "store purge", "store closed"]


async def test_a_failing_purge_is_logged_once_a_minute_and_repeated(clock, caplog):
    """Without the message of the error."""
    events = []
    store = Watched(events, purge=RuntimeError("hunter2"))
    engine = TokenEngine(RING, store=store, clock=clock)
    with caplog.at_level(logging.ERROR, "tokenward"):
        async with engine.running(purge_every=timedelta(seconds=10)):
            for _ in range(4):
                await after(timedelta(seconds=12))
            assert events == ["store ping", *["store purge"] * 4]
            assert [each.getMessage()[:50] for each in caplog.records] == [
                "The revocation store could not be purged (RuntimeE"
            ]
            clock.advance(60)
            store.errors.clear()
            await after(timedelta(seconds=12))
            assert len(caplog.records) == 1
            store.errors["purge"] = OSError()
            await after(timedelta(seconds=12))
    assert len(caplog.records) == 2
    assert "hunter2" not in caplog.text


async def test_remote_keys_are_prepared_at_once_and_then_regularly(clock, caplog):
    """Whatever happens; their errors are logged once a minute for each cause."""
    events = []
    keys = Remote(events, KeysUnavailableError())
    async with TokenEngine(keys, clock=clock).running():
        assert events == []
        await turns()
        for count in range(1, 5):
            assert events == ["fetch"] * count
            await after(timedelta(seconds=5))
    assert ["could not be brought up to date" in each.message for each in caplog.records] == [True]


@pytest.mark.parametrize("error", [StoreUnavailableError("It is down."), OSError("hunter2")])
async def test_an_engine_starts_in_an_outage(error, caplog):
    """The service answers 503 until the store is back; the log says why."""
    events = []
    async with TokenEngine(RING, store=Watched(events, ping=error)).running():
        assert events == ["store ping"]
        assert "The revocation store does not answer while the service starts" in caplog.text
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize("step", ["tables", "ping"])
async def test_a_mistake_ends_the_start_and_closes_everything(step):
    """As missing tables do; no task has begun."""
    events = []
    store = Watched(events, **{step: ConfigurationError("Fix it.")})
    with pytest.raises(ConfigurationError, match=r"Fix it\."):
        async with TokenEngine(Remote(events), store=store).running(create_tables=True):
            pytest.fail("the block must not begin")
    assert events[-2:] == ["store closed", "keys closed"]
    assert "fetch" not in events
    assert tasks() == 0


async def test_everything_is_closed_after_an_error_in_the_block():
    """The error is raised."""
    events = []
    with pytest.raises(ZeroDivisionError):
        async with TokenEngine(Remote(events), store=Watched(events)).running():
            1 / 0  # noqa: B018 - the error is the point
    assert events[-2:] == ["store closed", "keys closed"]
    assert tasks() == 0


@pytest.mark.parametrize("turn", range(12))
async def test_everything_is_closed_if_the_service_is_cancelled(turn):
    """At whichever moment: while it starts, runs or fetches keys."""
    events = []

    async def serve():
        async with TokenEngine(Remote(events), store=Watched(events)).running(create_tables=True):
            await asyncio.Event().wait()

    task = asyncio.create_task(serve())
    for _ in range(turn):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert events[-2:] == (["store closed", "keys closed"] if turn else [])
    assert tasks() == 0


async def test_a_store_that_cannot_be_closed_keeps_nothing_else_open():
    """The error is raised at the end."""
    events = []
    store = Wrapped(Watched(events, closed=OSError()), events)
    with pytest.raises(OSError):  # noqa: PT011 - of the store above
        async with TokenEngine(Remote(events), store=store).running():
            pass
    assert events[-3:] == ["wrapper closed", "store closed", "keys closed"]


async def test_issuers_share_a_store_that_is_opened_and_purged_once():
    """Also by way of a PrefixedStore, which leaves closing to whoever runs the engines."""
    events = []
    shared = Watched(events)
    several = TokenPolicy(issuer=["https://a.example", "https://b.example"])
    one = TokenEngine(Remote(events), store=PrefixedStore(shared, "a"), policy=several)
    other = TokenEngine(
        RING, store=PrefixedStore(shared, "c"), policy=TokenPolicy(issuer="https://c.example")
    )
    alone = TokenEngine(RING, policy=TokenPolicy(issuer="https://d.example"))
    issuers = Issuers(one, other, alone)
    async with issuers.running(create_tables=True) as running:
        assert running is issuers
        assert events == ["store tables", "store ping"]
        await after(HOUR * 1.1)
        assert events.count("store purge") == 1
    assert [each for each in events if each.endswith("closed")] == ["store closed", "keys closed"]


async def test_combined_and_former_keys_are_kept_fresh_and_closed():
    """A source in another one is closed too, even if its neighbour cannot be."""

    class Stuck(Remote):
        async def aclose(self):
            await super().aclose()
            raise OSError

    events = []
    former = FormerEngine(
        CombinedKeys(RING, Remote(events), Stuck(events)),
        until=datetime(2100, 1, 1, tzinfo=UTC),
        policy=TokenPolicy(),
    )
    with pytest.raises(OSError):  # noqa: PT011, PT012 - of the source above
        async with former.running():
            await turns()
            assert events == ["fetch", "fetch"]
    assert events[2:] == ["keys closed", "keys closed"]
    plain = FormerEngine(RING, until=datetime(2100, 1, 1, tzinfo=UTC), policy=TokenPolicy())
    async with plain.running():
        assert tasks() == 0


async def test_an_engine_can_run_again():
    """As an app does that a test starts several times."""
    events = []
    engine = TokenEngine(Remote(events), store=Watched(events))
    for _ in range(2):
        async with engine.running():
            await turns()
        assert events == ["store ping", "fetch", "store closed", "keys closed"]
        events.clear()
