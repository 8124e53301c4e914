"""A model of sessions, compared with every store: random logins, refreshes, revocations."""

import asyncio
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import uuid4

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.stores.former import FormerStore
from tests.support import SECRET
from tokenward import (
    Claims,
    KeyRing,
    MemoryStore,
    RefreshTokenReusedError,
    TokenEngine,
    TokenExpiredError,
    TokenPair,
    TokenPolicy,
    TokenRevokedError,
)
from tokenward.errors import RefreshTokenSupersededError
from tokenward.stores import CLOCK_SPARE_SECONDS, RECENT_USES
from tokenward.testing import FrozenClock

FORMS = ("url", "valkey", "tls url", "sentinel url", "cluster url")
USERS = st.sampled_from(["alice", "bob"])
PICK = st.integers(min_value=0, max_value=1_000)
ACCESS_SECONDS, REFRESH_SECONDS, GRACE_SECONDS = 60, 300, 10
PATIENT = 30.0
"""Seconds for a call of a store, on however busy a machine."""
POLICY = TokenPolicy(
    access_lifetime=timedelta(seconds=ACCESS_SECONDS),
    refresh_lifetime=timedelta(seconds=REFRESH_SECONDS),
    reuse_grace=timedelta(seconds=GRACE_SECONDS),
)
# Another service that shares the store, and whose own tokens live for a second.
SHORT = TokenPolicy(access_lifetime=timedelta(seconds=1), refresh_lifetime=timedelta(seconds=1))


@dataclass
class Session:
    """The model of one session."""

    user: str
    pairs: list[tuple[TokenPair, float]]
    is_over: bool = False
    former_uses: int = 0
    """How many of its tokens an earlier version has consumed."""
    revoked: set[str] = field(default_factory=set)


class Sessions(RuleBasedStateMachine):
    """The engine under test, and the model."""

    loop: asyncio.AbstractEventLoop
    store: object
    has_former_records: bool

    def __init__(self):
        super().__init__()
        self.clock = FrozenClock()
        self.engine: TokenEngine[Claims] = TokenEngine(
            KeyRing.from_secret(SECRET), policy=POLICY, store=self.store, clock=self.clock
        )
        self.other: TokenEngine[Claims] = TokenEngine(
            KeyRing.from_secret(SECRET), policy=SHORT, store=self.store, clock=self.clock
        )
        self.former: TokenEngine[Claims] = TokenEngine(
            KeyRing.from_secret(SECRET),
            policy=POLICY,
            store=FormerStore(self.store),
            clock=self.clock,
        )
        self.run = uuid4().hex
        self.sessions: list[Session] = []
        self.purged_until = 0.0

    def wait(self, call):
        """Run a coroutine to its end."""
        return self.loop.run_until_complete(call)

    def pick(self, number):
        """Choose a session."""
        return self.sessions[number % len(self.sessions)]

    @rule(user=USERS)
    def log_in(self, user):
        """A login begins a session that no earlier revocation affects."""
        pair = self.wait(self.engine.issue_pair(f"{user} {self.run}"))
        self.sessions.append(Session(user, [(pair, self.clock.now)]))

    @precondition(lambda self: self.sessions)
    @rule(number=PICK)
    def refresh(self, number):
        """The last refresh token of a live session gives a pair; any other token does not."""
        session = self.pick(number)
        pair, issued = session.pairs[-1]
        call = self.engine.refresh(pair.refresh_token)
        if self.clock.now >= int(issued) + REFRESH_SECONDS:
            with pytest.raises(TokenExpiredError):
                self.wait(call)
        elif session.is_over:
            with pytest.raises(TokenRevokedError):
                self.wait(call)
        else:
            session.pairs.append((self.wait(call), self.clock.now))

    @precondition(lambda self: self.sessions)
    @rule(number=PICK, times=st.integers(2, RECENT_USES + 2))
    def refresh_often(self, number, times):
        """More uses than a store remembers, within one grace."""
        for _ in range(times):
            self.refresh(number)

    @precondition(lambda self: self.has_former_records and self.sessions)
    @rule(number=PICK)
    def refresh_with_an_earlier_version(self, number):
        """It has consumed the first tokens of a session, before this version has consumed any."""
        # Two engines do not order what they do within one millisecond.
        self.clock.advance(0.01)
        session = self.pick(number)
        pair, issued = session.pairs[-1]
        is_expired = self.clock.now >= int(issued) + REFRESH_SECONDS
        if session.is_over or is_expired or session.former_uses < len(session.pairs) - 1:
            return
        successor = self.wait(self.former.refresh(pair.refresh_token))
        session.pairs.append((successor, self.clock.now))
        session.former_uses += 1
        self.clock.advance(0.01)

    @precondition(lambda self: any(len(session.pairs) > 1 for session in self.sessions))
    @rule(number=PICK, which=PICK)
    def replay(self, number, which):
        """A used refresh token ends its session after its grace, and only then."""
        used = [session for session in self.sessions if len(session.pairs) > 1]
        session = used[number % len(used)]
        place = which % (len(session.pairs) - 1)
        pair, issued = session.pairs[place]
        successor, used_at = session.pairs[place + 1]
        expected = RefreshTokenReusedError
        if self.clock.now >= int(issued) + REFRESH_SECONDS:
            expected = TokenExpiredError
        elif session.is_over:
            expected = TokenRevokedError
        elif self.clock.now < used_at + GRACE_SECONDS and (
            place < session.former_uses or place >= len(session.pairs) - 1 - RECENT_USES
        ):
            expected = RefreshTokenSupersededError
            if place + 2 == len(session.pairs):
                # A purge by a clock that is ahead may remove the pair, but not the grace.
                is_purged = self.purged_until >= used_at + GRACE_SECONDS
                with suppress(RefreshTokenSupersededError) if is_purged else nullcontext():
                    assert self.wait(self.engine.refresh(pair.refresh_token)) == successor
                return
        with pytest.raises(expected):
            self.wait(self.engine.refresh(pair.refresh_token))
        session.is_over |= expected is RefreshTokenReusedError

    @precondition(lambda self: self.sessions)
    @rule(number=PICK)
    def revoke_access_token(self, number):
        """Revoke one access token, and nothing else of its session."""
        session = self.pick(number)
        token = session.pairs[-1][0].access_token
        self.wait(self.engine.revoke(token))
        session.revoked.add(token)

    @precondition(lambda self: self.sessions)
    @rule(number=PICK, elsewhere=st.booleans())
    def log_out(self, number, elsewhere):
        """Revoke one session, by the service or by another one that shares the store."""
        session = self.pick(number)
        token = session.pairs[-1][0].access_token
        claims = self.engine._validator.read_claims(self.engine._jws.verify(token).payload)
        engine = self.other if elsewhere else self.engine
        self.wait(engine.revoke_session(claims.sid))
        session.is_over = True

    @rule(user=USERS, elsewhere=st.booleans())
    def log_out_everywhere(self, user, elsewhere):
        """Revoke every session of one user, and none of the other's."""
        # Two engines do not order what they do within one millisecond.
        self.clock.advance(elsewhere)
        engine = self.other if elsewhere else self.engine
        self.wait(engine.revoke_subject(f"{user} {self.run}"))
        self.clock.advance(elsewhere)
        for session in self.sessions:
            session.is_over |= session.user == user

    @rule(seconds=st.sampled_from([0.0004, 0.5, 1, 9, 30, 59, 60, 150, 300]))
    def move_on(self, seconds):
        """Time passes."""
        self.clock.advance(seconds)

    @rule(ahead=st.sampled_from([0, 30, CLOCK_SPARE_SECONDS - 1]))
    def purge(self, ahead):
        """Removing expired records changes no result, also by a clock that is ahead."""
        self.purged_until = max(self.purged_until, self.clock.now + ahead)
        self.wait(self.store.purge(now=self.clock.now + ahead))

    @invariant()
    def every_access_token_has_the_state_of_the_model(self):
        """Valid, expired or revoked."""
        now = self.clock.now
        for session in self.sessions[-3:]:
            for pair, issued in session.pairs[-2:]:
                token = pair.access_token
                if now >= int(issued) + ACCESS_SECONDS:
                    expected = TokenExpiredError
                elif session.is_over or token in session.revoked:
                    expected = TokenRevokedError
                else:
                    assert self.wait(self.engine.decode(token)).sub
                    continue
                with pytest.raises(expected):
                    self.wait(self.engine.decode(token))


def check(store, loop, share, *, has_former_records=True):
    """Run a share of Hypothesis' examples against one store."""
    members = {"store": store, "loop": loop, "has_former_records": has_former_records}
    machine = type("Machine", (Sessions,), members)
    run_state_machine_as_test(
        machine,
        settings=settings(max_examples=settings().max_examples // share, stateful_step_count=25),
    )


@pytest.fixture
def loop():
    """Yield an event loop that lives as long as the test."""
    with asyncio.Runner() as runner:
        yield runner.get_loop()


def test_memory(loop):
    """The store in memory behaves as the model."""
    check(MemoryStore(), loop, 2, has_former_records=False)


def test_sqlite(loop, tmp_path):
    """The store in an SQLite file behaves as the model."""
    sql = pytest.importorskip("tokenward.stores.sql")
    store = sql.SqlStore(f"sqlite+aiosqlite:///{tmp_path}/tokens.db", timeout_seconds=PATIENT)
    loop.run_until_complete(store.create_tables())
    check(store, loop, 10)
    loop.run_until_complete(store.aclose())


def test_postgres(loop, postgres_driver_url):
    """The store in PostgreSQL behaves as the model."""
    sql = pytest.importorskip("tokenward.stores.sql")
    store = sql.SqlStore(
        postgres_driver_url, table_prefix=f"t{uuid4().hex[:12]}_", timeout_seconds=PATIENT
    )
    loop.run_until_complete(store.create_tables())
    try:
        check(store, loop, 10)
    finally:
        loop.run_until_complete(drop(store))


def test_mariadb(loop, mariadb_url):
    """The store in MariaDB behaves as the model."""
    sql = pytest.importorskip("tokenward.stores.sql")
    store = sql.SqlStore(mariadb_url, table_prefix=f"t{uuid4().hex[:12]}_", timeout_seconds=PATIENT)
    loop.run_until_complete(store.create_tables())
    try:
        check(store, loop, 10)
    finally:
        loop.run_until_complete(drop(store))


async def drop(store):
    """Drop the tables of this test."""
    async with store._database.engine.begin() as connection:
        await connection.run_sync(store.metadata.drop_all)
    await store.aclose()


@pytest.mark.parametrize("form", FORMS)
def test_redis(loop, request, form):
    """The store over each form of Redis behaves as the model."""
    forms = pytest.importorskip("tests.stores.redis_store.forms")
    opened = forms.opened_store(form, request.getfixturevalue)
    store = loop.run_until_complete(opened.__aenter__())
    try:
        # The earlier version refused clusters, so that none has its records.
        check(store, loop, 10, has_former_records="cluster" not in form)
    finally:
        loop.run_until_complete(opened.__aexit__(None, None, None))
