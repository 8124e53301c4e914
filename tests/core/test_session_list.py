"""The list of the open sessions of a subject, and its limit."""

import asyncio
import subprocess
import sys
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.core.http_requests import form
from tests.support import NOW, SECRET
from tokenward import (
    Claims,
    ConfigurationError,
    Issuers,
    KeyRing,
    MemoryStore,
    PrefixedStore,
    StoreUnavailableError,
    TokenEngine,
    TokenPolicy,
    TokenRevokedError,
)
from tokenward.engine import OpenSession, SessionList
from tokenward.errors import InvalidIssuerError, MissingClaimError, RefreshTokenReusedError
from tokenward.http import AuthenticatedUser, TokenEndpoint
from tokenward.stores.session_records import SessionRecord
from tokenward.tokens import ProviderLogin

LOGIN = ProviderLogin(issuer="https://login.example/", subject="a", session="b")
FIVE_MINUTES = 300


def at(seconds: float) -> datetime:
    """Return a time, in seconds after the time of the frozen clock."""
    return datetime.fromtimestamp(NOW + seconds, UTC)


class NoList(MemoryStore):
    """A store that keeps no list of sessions."""

    session_records = None


class Records:
    """Records that count their writes, and can fail."""

    def __init__(self, inner: Any) -> None:
        self.inner, self.writes, self.fails = inner, [], set()

    def __getattr__(self, name: str) -> Any:
        async def call(*arguments: Any, **options: Any) -> Any:
            if name in self.fails:
                raise ConnectionError
            if name != "of":
                self.writes.append(name)
            return await getattr(self.inner, name)(*arguments, **options)

        return call


class ListingStore(MemoryStore):
    """A store whose records of sessions are watched."""

    def __init__(self) -> None:
        super().__init__()
        self.records = Records(super().session_records())
        self.checks = 0
        self.is_down = False

    def session_records(self) -> Any:
        return self.records

    async def is_revoked(self, **identity: Any) -> bool:
        self.checks += 1
        if self.is_down:
            raise ConnectionError
        return await super().is_revoked(**identity)


def engine_of(clock, store=None, *, policy=None, **settings):
    """Build an engine that lists sessions."""
    return TokenEngine(
        KeyRing.from_secret(SECRET),
        policy=policy or TokenPolicy(),
        store=ListingStore() if store is None else store,
        clock=clock,
        session_list=SessionList(**settings),
    )


async def labels(engine, subject="alice"):
    """Return the labels of the open sessions of a subject."""
    return [each.label for each in await engine.sessions(subject)]


async def test_sessions_are_listed_with_begin_refresh_and_label(clock):
    """The newest first; the session is that of the tokens."""
    engine = engine_of(clock)
    phone = await engine.issue_pair("alice", label="Phone")
    clock.advance(10)
    other = await engine.issue_pair("alice")
    await engine.issue_pair("bob", label="of bob")
    clock.advance(FIVE_MINUTES)
    await engine.refresh(phone.refresh_token)
    sids = [(await engine.decode(each.access_token)).sid for each in (phone, other)]
    assert await engine.sessions("alice") == [
        OpenSession(sids[1], None, at(10), at(10)),
        OpenSession(sids[0], "Phone", at(0), at(310)),
    ]
    assert await engine.sessions("carol") == []


async def test_one_session_is_ended(clock):
    """With its tokens; a session of somebody else is not."""
    engine = engine_of(clock)
    pair = await engine.issue_pair("alice", label="Phone")
    clock.advance(1)
    await engine.issue_pair("alice", label="Laptop")
    await engine.issue_pair("bob", label="of bob")
    (of_bob,) = await engine.sessions("bob")
    assert await engine.end_session("alice", of_bob.session) is False
    assert await labels(engine, "bob") == ["of bob"]

    phone = (await engine.sessions("alice"))[1]
    assert await engine.end_session("alice", phone.session) is True
    assert await labels(engine) == ["Laptop"]
    assert await engine.end_session("alice", phone.session) is False
    assert await engine.end_session("alice", "unknown") is False
    for token, kind in ((pair.access_token, "access"), (pair.refresh_token, "refresh")):
        with pytest.raises(TokenRevokedError):
            await engine.decode(token, type=kind)


async def test_a_session_that_ended_in_another_way_is_not_listed(clock):
    """Whatever ended it, and through whichever engine that shares the store."""
    store = ListingStore()
    engine, other = engine_of(clock, store), engine_of(clock, store)
    pairs = {}
    for name, login in [("a", None), ("b", None), ("c", LOGIN), ("d", None)]:
        pairs[name] = await engine.issue_pair("alice", label=name, provider_login=login)
        clock.advance(1)
    await other.revoke_session(await engine.decode(pairs["a"].access_token))
    assert await labels(engine) == ["d", "c", "b"]
    await other.revoke_provider_login(LOGIN)
    assert await labels(engine) == ["d", "b"]
    await engine.refresh(pairs["b"].refresh_token)
    clock.advance(60)
    with pytest.raises(RefreshTokenReusedError):
        await other.refresh(pairs["b"].refresh_token)
    assert await labels(engine) == ["d"]
    await other.revoke_subject("alice")
    assert await labels(engine) == []
    clock.advance(1)
    await engine.issue_pair("alice", label="e")
    assert await labels(engine) == ["e"]


async def test_a_session_that_was_refreshed_after_its_subject_was_revoked_cannot_be(clock):
    """So the time of its begin decides, and a later session is listed."""
    engine = engine_of(clock)
    pair = await engine.issue_pair("alice", label="before")
    clock.advance(600)
    pair = await engine.refresh(pair.refresh_token)
    await engine.revoke_subject("alice")
    with pytest.raises(TokenRevokedError):
        await engine.refresh(pair.refresh_token)
    assert await labels(engine) == []


@pytest.mark.parametrize("refreshes", [0, 5])
async def test_a_session_is_listed_until_its_tokens_have_expired(clock, refreshes):
    """Each refresh makes that later; the precision is the longest that it stays in the list."""
    engine = engine_of(clock)
    pair = await engine.issue_pair("alice", label="Phone")
    for _ in range(refreshes):
        clock.advance(200)
        pair = await engine.refresh(pair.refresh_token)
    clock.advance(timedelta(days=30).total_seconds() - 1)
    assert await labels(engine) == ["Phone"]
    clock.advance(2 + FIVE_MINUTES)
    assert await labels(engine) == []


async def test_the_latest_refresh_is_written_once_in_a_while(clock):
    """Whatever the number of refreshes; and never later than the precision."""
    store = ListingStore()
    engine = engine_of(clock, store, precision=timedelta(minutes=10))
    pair = await engine.issue_pair("alice")
    store.records.writes.clear()
    for _ in range(120):
        clock.advance(30)
        pair = await engine.refresh(pair.refresh_token)
        (session,) = await engine.sessions("alice")
        late = datetime.fromtimestamp(engine.now(), UTC) - session.refreshed_at
        assert late < timedelta(minutes=10)
    assert store.records.writes == ["refresh"] * 6


async def test_the_oldest_sessions_end_if_there_are_too_many(clock):
    """At the login that is too many; ended sessions do not count."""
    engine = engine_of(clock, max_sessions=2)
    pairs = []
    for name in ("a", "b", "c"):
        clock.advance(1)
        pairs.append(await engine.issue_pair("alice", label=name))
        await engine.issue_pair("bob", label=name)
    assert await labels(engine) == ["c", "b"]
    with pytest.raises(TokenRevokedError):
        await engine.refresh(pairs[0].refresh_token)
    await engine.revoke_session(await engine.decode(pairs[1].access_token))
    clock.advance(1)
    await engine.issue_pair("alice", label="d")
    assert await labels(engine) == ["d", "c"]
    assert await labels(engine, "bob") == ["c", "b"]


async def test_the_oldest_is_the_one_that_began_first(clock):
    """Not the one that was used last; and a refresh ends no session."""
    engine = engine_of(clock, max_sessions=2)
    first = await engine.issue_pair("alice", label="a")
    clock.advance(600)
    await engine.issue_pair("alice", label="b")
    first = await engine.refresh(first.refresh_token)
    assert await labels(engine) == ["b", "a"]
    clock.advance(1)
    await engine.issue_pair("alice", label="c")
    assert await labels(engine) == ["c", "b"]


@pytest.mark.parametrize("most", [1, 3])
async def test_logins_at_the_same_time_keep_the_limit(clock, most):
    """And exactly as many sessions stay as are allowed."""
    engine = engine_of(clock, max_sessions=most)
    pairs = await asyncio.gather(*(engine.issue_pair("alice") for _ in range(10)))
    assert len(await engine.sessions("alice")) == most
    alive = 0
    for pair in pairs:
        try:
            await engine.decode(pair.access_token)
            alive += 1
        except TokenRevokedError:
            pass
    assert alive == most


async def test_a_single_refresh_token_begins_a_session_that_is_listed(clock):
    """Its name is the `jti`, also after a refresh."""
    engine = engine_of(clock)
    token = await engine.issue("alice", type="refresh")
    (session,) = await engine.sessions("alice")
    clock.advance(FIVE_MINUTES)
    pair = await engine.refresh(token)
    (after,) = await engine.sessions("alice")
    assert session.session == after.session == (await engine.decode(pair.access_token)).sid
    assert after.refreshed_at == at(FIVE_MINUTES)
    await engine.issue("alice")
    assert len(await engine.sessions("alice")) == 1


async def test_a_login_at_a_token_endpoint_has_the_label_of_its_user(clock):
    """The function that checks the password returns it."""
    engine = engine_of(clock)
    endpoint = TokenEndpoint(engine, lambda name, _: AuthenticatedUser(name, label="Laptop"))
    request = form(b"grant_type=password&username=alice&password=x")
    assert (await endpoint.respond(request)).status == 200
    assert await labels(engine) == ["Laptop"]


async def test_an_engine_from_settings_lists_sessions():
    """The settings have the rest."""
    pytest.importorskip("pydantic_settings")
    from tokenward.settings import TokenwardSettings, engine_from_settings

    settings = TokenwardSettings(_env_prefix="SHOP_", secret=SECRET)
    engine = engine_from_settings(settings, store=MemoryStore(), session_list=SessionList())
    await engine.issue_pair("alice", label="Phone")
    assert await labels(engine) == ["Phone"]


async def test_a_store_without_a_list_is_refused_when_the_engine_is_built(clock):
    """So is no store; the message says which one has a list."""
    with pytest.raises(ConfigurationError, match="NoList keeps no list of sessions: use"):
        engine_of(clock, NoList())
    with pytest.raises(ConfigurationError, match="NoList keeps no list"):
        engine_of(clock, PrefixedStore(NoList(), "x"))
    with pytest.raises(ConfigurationError, match="store"):
        TokenEngine(KeyRing.generate(), session_list=SessionList())
    with pytest.raises(ConfigurationError, match="SessionList"):
        TokenEngine(KeyRing.generate(), store=MemoryStore(), session_list=True)


async def test_without_a_list_the_methods_say_so(clock):
    """And a label is not lost without a word."""
    engine = TokenEngine(KeyRing.generate(), store=MemoryStore(), clock=clock)
    for call in (
        engine.sessions("alice"),
        engine.end_session("alice", "x"),
        engine.issue_pair("alice", label="Phone"),
    ):
        with pytest.raises(ConfigurationError, match="session_list=SessionList"):
            await call


@pytest.mark.parametrize(
    ("label", "error"),
    [
        ("", ConfigurationError),
        ("x" * 101, ConfigurationError),
        ("a\nb", ConfigurationError),
        ("\x00", ConfigurationError),
        ("\ud800", ConfigurationError),
        (7, TypeError),
        (b"Phone", TypeError),
    ],
    ids=repr,
)
async def test_a_label_is_a_short_text(clock, label, error):
    """It is checked before a token is signed or recorded, and never repeated."""
    store = ListingStore()
    engine = engine_of(clock, store)
    with pytest.raises(error, match="label"):
        await engine.issue_pair("alice", label=label)
    assert store.records.writes == []
    await engine.issue_pair("alice", label="Ä" * 100)
    assert await labels(engine) == ["Ä" * 100]


@pytest.mark.parametrize(
    "settings",
    [
        {"max_sessions": 0},
        {"max_sessions": 1_001},
        {"max_sessions": True},
        {"max_sessions": "5"},
        {"max_sessions": None},
        {"precision": timedelta(0)},
        {"precision": timedelta(hours=2)},
        {"precision": 300},
    ],
    ids=repr,
)
def test_wrong_settings_are_refused(settings):
    """Each has a lower and an upper limit."""
    with pytest.raises(ConfigurationError, match=next(iter(settings))):
        SessionList(**settings)


async def test_wrong_arguments_are_refused(clock):
    """A subject and a session are text."""
    engine = engine_of(clock)
    for subject in (7, None):
        with pytest.raises(TypeError):
            await engine.sessions(subject)
        with pytest.raises(TypeError):
            await engine.end_session(subject, "x")
        with pytest.raises(TypeError):
            await engine.end_session("alice", subject)
    with pytest.raises(ConfigurationError):
        await engine.sessions("")
    odd = TokenEngine(
        KeyRing.generate(),
        store=MemoryStore(),
        new_jti=lambda: "ä",
        session_list=SessionList(),
        clock=clock,
    )
    with pytest.raises(ConfigurationError, match="new_jti"):
        await odd.issue("alice", type="refresh")


@pytest.mark.parametrize("outage", ["refuse", "accept"])
async def test_an_outage_is_never_accepted(clock, outage):
    """Not at a login, which would not be listed, nor at a refresh, which loses nothing by it."""
    store = ListingStore()
    engine = engine_of(clock, store, policy=TokenPolicy(store_outage=outage))
    pair = await engine.issue_pair("alice", label="Phone")
    clock.advance(FIVE_MINUTES)
    store.records.fails = {"add", "refresh", "of", "remove"}
    for call in (
        lambda: engine.issue_pair("alice"),
        lambda: engine.refresh(pair.refresh_token),
        lambda: engine.sessions("alice"),
        lambda: engine.end_session("alice", "x"),
    ):
        with pytest.raises(StoreUnavailableError):
            await call()
    store.records.fails = set()
    store.is_down = True
    with pytest.raises(StoreUnavailableError):
        await engine.sessions("alice")
    store.is_down = False
    assert await engine.refresh(pair.refresh_token)
    assert await labels(engine) == ["Phone"]


async def test_issuers_do_not_see_the_sessions_of_each_other(clock):
    """A `PrefixedStore` keeps the lists apart, and no subject reaches the list of another."""
    shared = MemoryStore()
    ours = engine_of(clock, PrefixedStore(shared, "ours"))
    theirs = engine_of(clock, PrefixedStore(shared, "theirs"))
    plain = engine_of(clock, shared)
    await ours.issue_pair("alice", label="ours")
    await theirs.issue_pair("alice", label="theirs")
    assert await labels(ours) == ["ours"]
    assert await labels(theirs) == ["theirs"]
    assert await labels(plain) == []
    assert await labels(plain, "4:oursalice") == []


async def test_a_copy_of_the_engine_has_the_same_list(clock):
    """As it has the same store."""
    engine = engine_of(clock, MemoryStore())
    copy = deepcopy(engine)
    await copy.issue_pair("alice", label="Phone")
    assert await labels(engine) == ["Phone"]


async def test_the_store_removes_expired_records(clock):
    """As all others, an hour after their end."""
    store = MemoryStore()
    records = store.session_records()
    await records.add("alice", SessionRecord("a", NOW, NOW, NOW + 60, ""), now=NOW)
    assert len(store) == 1
    assert await store.purge(now=NOW + 60) == 0
    assert await store.purge(now=NOW + 60 + 3_900) == 1
    assert len(store) == 0
    assert store.session_records() is records


async def test_a_request_costs_the_same_with_a_list(clock):
    """Only a login and a refresh write to it, and no request asks it."""
    store = ListingStore()
    engine = engine_of(clock, store)
    token = (await engine.issue_pair("alice")).access_token
    store.records.writes.clear()
    store.records.fails = {"of"}
    store.checks = 0
    for _ in range(5):
        await engine.decode(token)
    assert (store.checks, store.records.writes) == (5, [])


def test_an_engine_without_a_list_does_not_import_it():
    """Nor does its store, whichever it is."""
    program = """
import asyncio, sys
from tokenward import KeyRing, MemoryStore, TokenEngine
engine = TokenEngine(KeyRing.generate(), store=MemoryStore())
pair = asyncio.run(engine.issue_pair("alice"))
asyncio.run(engine.refresh(pair.refresh_token))
late = ["tokenward.engine.session_list", "tokenward.stores.session_records", "tokenward.stores.memory_sessions"]
print([name for name in late if name in sys.modules])
"""
    found = subprocess.run(  # noqa: S603 - the same Python
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"


async def test_the_claims_of_another_issuer_name_another_user(clock):
    """Her name may be the same (RFC 7519 §4.1.2); text does not say whose subject it is."""
    own = engine_of(clock, policy=TokenPolicy(issuer="https://shop.example"))
    policy = TokenPolicy(issuer="https://partner.example")
    partner = TokenEngine(KeyRing.generate(), policy=policy, clock=clock)
    issuers = Issuers(own, partner)
    pair = await own.issue_pair("alice")
    theirs = await issuers.decode(await partner.issue("alice"))
    ours = await issuers.decode(pair.access_token)

    for asking in (lambda: own.sessions(theirs), lambda: own.end_session(theirs, ours.sid)):
        with pytest.raises(InvalidIssuerError):
            await asking()
    with pytest.raises(MissingClaimError):
        await own.sessions(Claims(iss="https://shop.example"))
    # A token from before a migration names no issuer.
    assert len(await own.sessions(Claims(sub="alice"))) == 1
    assert [each.session for each in await own.sessions(ours)] == [ours.sid]
    assert await own.end_session(ours, ours.sid)
    assert await own.sessions(ours) == []


async def test_claims_without_issuers(clock):
    """An engine whose policy names no issuer has one namespace."""
    engine = engine_of(clock)
    pair = await engine.issue_pair("alice")
    claims = await engine.decode(pair.access_token)
    assert len(await engine.sessions(claims)) == 1
