"""A mirror against a model: no token is accepted later than `max_staleness` after its revocation."""

import asyncio
import contextlib
from datetime import timedelta
from uuid import uuid4

import pytest
import redis.asyncio
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from tests.stores.conftest import shared_place_with_feed, url_of
from tests.stores.crash_worker import Place, removed
from tests.stores.mirror.conftest import SOURCES
from tests.stores.mirror.support import LoggedStore, Stopping, Uptime, denies, record
from tests.support import NOW
from tokenward.stores.mirror import MirroredStore

STALENESS = 60.0
ACCESS = 900.0
IDENTITIES = ("a", "é", "sha256:c")
KINDS = st.sampled_from(["token", "session", "subject"])


class Mirrors(RuleBasedStateMachine):
    """Two mirrors of one store, the faults of the store, and the model of its revocations."""

    loop: asyncio.AbstractEventLoop
    ages = (0.0, 30.0, ACCESS)

    def __init__(self):
        super().__init__()
        self.uptime = Uptime()
        self.inner = self.shared_store()
        self.mirrors = [self.open(), self.open()]
        # By kind and identity: when it was revoked, by whom, and which tokens it denies.
        self.revoked = {}

    def shared_store(self):
        """Open the store that the mirrors follow."""
        return LoggedStore()

    def followed(self):
        """Return the store as one of the mirrors sees it."""
        return self.inner

    def open(self):
        """Open a mirror, which reads when this machine says so."""
        return MirroredStore(
            self.followed(),
            max_staleness=timedelta(seconds=STALENESS),
            access_lifetime=timedelta(seconds=ACCESS),
            clock=self.uptime,
        )

    def identity(self, name):
        """Return the identity of a name."""
        return name

    def wait(self, call):
        """Run a coroutine to its end."""
        return self.loop.run_until_complete(call)

    @property
    def now(self):
        """The time of the engine, which goes as fast as the uptime."""
        return NOW + self.uptime.seconds

    @rule(kind=KINDS, identity=st.sampled_from(IDENTITIES), number=st.sampled_from([0, 1, None]))
    def revoke(self, kind, identity, number):
        """Revoke by one of the mirrors, or elsewhere."""
        identity = self.identity(identity)
        store = self.inner if number is None else self.mirrors[number]
        before = self.now if kind == "subject" else None
        revocation = record(identity, kind, keep_until=self.now + 5000, issued_before=before)
        with contextlib.suppress(ConnectionError):
            self.wait(store.revoke(revocation, now=self.now))
            acknowledged = self.revoked.setdefault((kind, identity), [])
            acknowledged.append((self.uptime.seconds, number))

    @rule(number=st.sampled_from([0, 1]))
    def read(self, number):
        """Let a mirror read; it may fail."""
        with contextlib.suppress(ConnectionError):
            self.wait(self.mirrors[number].catch_up())

    @rule(number=st.sampled_from([0, 1]))
    def restart(self, number):
        """Replace a mirror by that of a new process."""
        self.wait(self.mirrors[number].aclose())
        for acknowledged in self.revoked.values():
            acknowledged[:] = [(at, None if by == number else by) for at, by in acknowledged]
        self.mirrors[number] = self.open()

    @rule(seconds=st.sampled_from([0.5, 20, STALENESS, STALENESS + 0.1, 300, ACCESS, 1300]))
    def move_on(self, seconds):
        """Time passes, in which the processes may have been asleep."""
        self.uptime.seconds += seconds

    @rule()
    def lose_the_log(self):
        """The feed is trimmed, deleted or replaced."""
        self.inner.lose_log()

    @rule(is_down=st.booleans())
    def fail(self, is_down):
        """The store fails, or is there again."""
        self.inner.is_down = is_down

    @rule(is_complete=st.booleans())
    def complete(self, is_complete):
        """The log serves new mirrors alone, if it has everything that was revoked lately."""
        oldest = self.uptime.seconds - ACCESS - 300
        recent = sum(at >= oldest for times in self.revoked.values() for at, _ in times)
        self.inner.is_complete = is_complete and len(self.inner.log) >= recent

    @invariant()
    def no_revoked_token_is_accepted_too_late(self):
        """Nor is a token denied that nobody has revoked."""
        self.wait(self.check_all())

    async def check_all(self):
        """Check tokens of several ages in both mirrors."""
        for kind in ("token", "session", "subject"):
            for identity in map(self.identity, IDENTITIES):
                for age in self.ages:
                    for number in (0, 1):
                        await self.check(kind, identity, age, number)

    async def check(self, kind, identity, age, number):
        """Check one token, and compare the answer with the model."""
        issued_at = self.now - age
        try:
            denied = await denies(
                self.mirrors[number], identity, kind, issued_at=issued_at, now=self.now
            )
        except ConnectionError:
            assert self.inner.is_down
            return
        # A session that was revoked before the token was issued is for the engine to refuse.
        acknowledged = [
            (at, by)
            for at, by in self.revoked.get((kind, identity), [])
            if at >= self.uptime.seconds - age and at + 5000 > self.uptime.seconds
        ]
        if kind == "subject":
            acknowledged = [each for each in acknowledged if NOW + each[0] > issued_at]
        must = any(by == number or at < self.uptime.seconds - STALENESS for at, by in acknowledged)
        assert denied or not must
        if not self.revoked.get((kind, identity)):
            assert not denied

    def teardown(self):
        """Close both mirrors."""
        for mirror in self.mirrors:
            self.wait(mirror.aclose())


class Unreliable(Stopping):
    """A store that fails when the machine says so."""

    def __init__(self, store, faults):
        super().__init__(store, faults.check)
        self._faults = faults

    async def is_revoked(self, **what):
        await self._faults.check()
        return await self._store.is_revoked(**what)

    async def revoke(self, revocation, *, now):
        await self._faults.check()
        await self._store.revoke(revocation, now=now)


class Faults:
    """Whether a store is down, and how its feed is lost."""

    def __init__(self, place):
        self.is_down = False
        self._place = place

    async def check(self):
        """Fail if the store is down."""
        if self.is_down:
            raise ConnectionError

    async def lose_log(self):
        """Lose the feed, as by somebody who deletes it, or by a crash of PostgreSQL."""
        url, part = self._place.url, self._place.part
        if url.startswith("redis"):
            async with redis.asyncio.Redis.from_url(url) as client:
                await client.delete(f"{part}feed")
            return
        prefix = f"{part}." if part else ""
        table = "feed_state" if url.startswith("postgresql") else "feed"
        engine = create_async_engine(url)
        async with engine.begin() as connection:
            await connection.execute(text(f"DELETE FROM {prefix}tokenward_{table}"))  # noqa: S608
        await engine.dispose()


class MirrorsOfAPlace(Mirrors):
    """Mirrors of a real store, each with its own connections."""

    ages = (0.0, ACCESS)

    def __init__(self):
        self.faults = Faults(self.place)
        self.run = uuid4().hex
        super().__init__()

    def shared_store(self):
        return Unreliable(self.place.store(), self.faults)

    def followed(self):
        return self.shared_store()

    def identity(self, name):
        return f"{name} {self.run}"

    @rule()
    def lose_the_log(self):
        self.wait(self.faults.lose_log())

    @rule(is_down=st.booleans())
    def fail(self, is_down):
        self.faults.is_down = self.inner.is_down = is_down

    @rule()
    def complete(self):
        """Only a store in memory can be told that its log is complete."""

    def teardown(self):
        super().teardown()
        self.wait(self.inner.aclose())


@pytest.mark.parametrize("source", SOURCES)
def test_a_mirror_of_each_store_behaves_as_the_model(source, request, tmp_path, shared_places):
    """With a real feed, which is lost at any time."""
    with asyncio.Runner() as runner:
        if source == "redis":
            place = Place(request.getfixturevalue("redis_url"), f"tokenward-test-{uuid4().hex}:")
        else:
            url = url_of(source, request, tmp_path)
            place = runner.run(shared_place_with_feed(url, shared_places))
        members = {"loop": runner.get_loop(), "place": place}
        run_state_machine_as_test(
            type("Machine", (MirrorsOfAPlace,), members),
            settings=settings(max_examples=settings().max_examples // 25, stateful_step_count=15),
        )
        if source == "redis":
            runner.run(removed(place))


def test_a_mirror_behaves_as_the_model():
    """Whatever fails, and however long a process sleeps."""
    with asyncio.Runner() as runner:
        machine = type("Machine", (Mirrors,), {"loop": runner.get_loop()})
        run_state_machine_as_test(
            machine,
            settings=settings(max_examples=settings().max_examples, stateful_step_count=25),
        )


def test_the_model_finds_a_faulty_mirror():
    """One that uses its picture for too long."""

    class Late(Mirrors):
        def open(self):
            mirror = super().open()
            mirror._follower._max_staleness *= 5
            return mirror

    with asyncio.Runner() as runner:
        machine = type("Machine", (Late,), {"loop": runner.get_loop()})
        with pytest.raises(AssertionError):
            run_state_machine_as_test(
                machine,
                # Without a search for the shortest example.
                settings=settings(
                    max_examples=1000, stateful_step_count=25, phases=[Phase.generate]
                ),
            )
