"""Metrics and spans of engines and stores, as an OpenTelemetry SDK receives them."""

import asyncio
import gc
import importlib
import math
import sys
from datetime import UTC, datetime, timedelta

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from tests.support import SECRET, FrozenClock, engine_with
from tokenward import (
    ConfigurationError,
    Issuers,
    KeyRing,
    MemoryStore,
    RefreshTokenReusedError,
    RemoteKeySet,
    StoreUnavailableError,
    TokenEngine,
    TokenError,
    TokenPolicy,
    TokenRevokedError,
)
from tokenward.engine import FormerEngine
from tokenward.engine.telemetry import ObservedStore, Telemetry
from tokenward.errors import KeysUnavailableError
from tokenward.http import Authenticator, Requirement
from tokenward.keys import CombinedKeys
from tokenward.stores.mirror import FollowedStore
from tokenward.testing import RevocationStoreContract, SessionRecordsContract

RING = KeyRing.from_secret(SECRET)


class Collected:
    """An SDK that keeps what it receives."""

    def __init__(self):
        self._reader = InMemoryMetricReader()
        self._spans = InMemorySpanExporter()
        traces = TracerProvider()
        traces.add_span_processor(SimpleSpanProcessor(self._spans))
        self.tracer = traces.get_tracer("test")
        self.provider = MeterProvider([self._reader])
        self.telemetry = Telemetry(meter_provider=self.provider, tracer_provider=traces)

    def metrics(self):
        """Return the points of each metric, by its name without the prefix."""
        data = self._reader.get_metrics_data()
        scopes = [] if data is None else data.resource_metrics[0].scope_metrics
        return {
            metric.name.removeprefix("tokenward."): metric
            for each in scopes
            for metric in each.metrics
        }

    def points(self, name):
        """Return the values of a metric by their attributes; of a histogram the counts."""
        metric = self.metrics().get(name)
        points = [] if metric is None else metric.data.data_points
        return {
            tuple(
                sorted(
                    (key.removeprefix("tokenward."), value)
                    for key, value in each.attributes.items()
                )
            ): (each.count if hasattr(each, "count") else each.value)
            for each in points
        }

    def spans(self):
        return self._spans.get_finished_spans()

    def everything(self):
        """Return everything that was exported, as text."""
        metrics = self._reader.get_metrics_data().to_json()
        return metrics + "".join(each.to_json() for each in self.spans())


@pytest.fixture
def sdk():
    """Return an SDK that keeps what it receives."""
    return Collected()


NAMED = ("engine.name", "default")


async def test_an_engine_counts_what_it_issues_revokes_and_refuses(sdk, clock):
    """By the type of the token, the kind of the revocation and the code of the error."""
    engine = engine_with(clock, policy=TokenPolicy(reuse_grace=timedelta(0)))
    sdk.telemetry.observe_engine(engine)
    await engine.issue("alice")
    pair = await engine.issue_pair("alice")
    await engine.refresh(pair.refresh_token)
    with pytest.raises(RefreshTokenReusedError):
        await engine.refresh(pair.refresh_token)
    await engine.revoke_subject("alice")
    http = Authenticator(engine)
    for text in (None, "a.b.c", "a.b.c", pair.access_token):
        with pytest.raises(TokenError):
            await http.verify(text, Requirement())

    # The pair of the refused refresh was signed as well.
    assert sdk.points("tokens.issued") == {
        (NAMED, ("token.type", "access")): 4,
        (NAMED, ("token.type", "refresh")): 3,
    }
    assert sdk.points("revocations") == {
        (NAMED, ("revocation.kind", "session")): 1,
        (NAMED, ("revocation.kind", "subject")): 1,
    }
    assert sdk.points("refresh_tokens.reused") == {(NAMED,): 1}
    assert sdk.points("refusals") == {
        (NAMED, ("error.type", code)): count
        for code, count in (
            ("refresh_token_reused", 1),
            ("token_missing", 1),
            ("token_malformed", 2),
            ("token_revoked", 1),
        )
    }


async def test_the_signature_cache_is_measured(sdk, clock):
    """Its memory, its entries, its hits and its misses."""
    engine = engine_with(clock)
    sdk.telemetry.observe_engine(engine)
    token = await engine.issue("alice")
    for _ in range(3):
        await engine.decode(token)
    assert sdk.points("signature_cache.lookups") == {
        (NAMED, ("signature_cache.hit", True)): 2,
        (NAMED, ("signature_cache.hit", False)): 1,
    }
    assert sdk.points("signature_cache.entries") == {(NAMED,): 1}
    assert sdk.points("signature_cache.memory") == {(NAMED,): engine.signature_cache.bytes}
    assert sdk.points("keys.age") == sdk.points("store.mirror.lag") == {}


async def test_two_engines_have_their_own_series(sdk):
    """By their names, of which none may be used twice; an engine that is gone is not measured."""
    one, other = TokenEngine(RING), TokenEngine(RING)
    sdk.telemetry.observe_engine(one, name="one")
    sdk.telemetry.observe_engine(other, name="other")
    await other.issue("alice")
    assert sdk.points("tokens.issued") == {(("engine.name", "other"), ("token.type", "access")): 1}
    names = [("engine.name", "one"), ("engine.name", "other")]
    assert [*sdk.points("signature_cache.entries")] == [(each,) for each in names]
    with pytest.raises(ConfigurationError, match="pass a different name"):
        sdk.telemetry.observe_engine(TokenEngine(RING), name="one")
    del one
    gc.collect()
    assert [*sdk.points("signature_cache.entries")] == [(names[1],)]


def test_only_an_engine_can_be_observed(sdk):
    """Issuers have several."""
    engine = TokenEngine(RING, policy=TokenPolicy(issuer="https://a.example"))
    with pytest.raises(ConfigurationError, match="observe each of Issuers"):
        sdk.telemetry.observe_engine(Issuers(engine))


class TestObservedStore(RevocationStoreContract, SessionRecordsContract):
    """The contracts of all stores, for an ObservedStore."""

    @pytest.fixture
    async def store(self, sdk):
        """Return an empty store."""
        async with sdk.telemetry.observe_store(MemoryStore()) as opened:
            yield opened


OPERATIONS = ["is_revoked", "revoke", "consume", "raise_retention", "purge", "ping"]


class Failing(MemoryStore):
    """A store whose calls fail with a message that nobody may see."""

    def __getattribute__(self, name):
        if name in OPERATIONS:
            return self._fail
        return super().__getattribute__(name)

    async def _fail(self, *args, **kwargs):
        msg = "hunter2"
        raise OSError(msg)


def calls_of(store):
    """Return a call of each operation of a store."""
    from tests.stores.sql_support import denies, record, use

    return {
        "is_revoked": lambda: denies(store, "jti"),
        "revoke": lambda: store.revoke(record(), now=1.0),
        "consume": lambda: store.consume(use(), now=1.0),
        "raise_retention": lambda: store.raise_retention(1.0),
        "purge": lambda: store.purge(now=1.0),
        "ping": store.ping,
    }


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_each_call_of_a_store_is_a_duration_and_a_span(sdk, operation):
    """Inside the span of the caller; an error is named by its class alone."""
    with sdk.tracer.start_as_current_span("request"):
        await calls_of(sdk.telemetry.observe_store(MemoryStore()))[operation]()
        with pytest.raises(OSError, match="hunter2"):
            await calls_of(sdk.telemetry.observe_store(Failing()))[operation]()

    done = (("store.operation", operation), ("store.type", "MemoryStore"))
    failed = (("error.type", "OSError"), ("store.operation", operation), ("store.type", "Failing"))
    assert sdk.points("store.operation.duration") == {done: 1, failed: 1}
    first, second, request = sdk.spans()
    assert [first.name, second.name] == [f"{operation} MemoryStore", f"{operation} Failing"]
    assert first.parent.span_id == second.parent.span_id == request.context.span_id
    assert (first.status.status_code, "error.type" in first.attributes) == (StatusCode.UNSET, False)
    assert second.status.status_code == StatusCode.ERROR
    assert (second.attributes["error.type"], second.status.description) == ("OSError", None)
    assert second.events == ()
    assert "hunter2" not in sdk.everything()


async def test_a_call_that_takes_too_long_is_an_error(sdk, clock):
    """The engine cancels it."""

    class Slow(MemoryStore):
        timeout_seconds = 0.01

        async def is_revoked(self, **_):
            await asyncio.Event().wait()

    engine = engine_with(clock, store=sdk.telemetry.observe_store(Slow()))
    token = await engine.issue("alice")
    with pytest.raises(StoreUnavailableError):
        await engine.decode(token)
    span = sdk.spans()[-1]
    assert span.attributes["error.type"] == "asyncio.exceptions.CancelledError"


async def test_an_observed_store_runs_like_the_store_in_it(sdk):
    """Its tables are created, it is purged if it needs that, and closed."""
    events = []

    class Watched(MemoryStore):
        needs_purge = True
        timeout_seconds = 7.0

        async def create_tables(self):
            events.append("tables")

        async def aclose(self):
            events.append("closed")

    store = sdk.telemetry.observe_store(Watched())
    assert isinstance(store, ObservedStore)
    assert (store.needs_purge, store.timeout_seconds) == (True, 7.0)
    async with TokenEngine(RING, store=store).running(create_tables=True):
        assert events == ["tables"]
    assert set(events[1:]) == {"closed"}


async def test_nothing_of_a_token_is_exported(sdk, clock):
    """Neither identities nor claims, whatever is done with them."""
    engine = engine_with(clock, store=sdk.telemetry.observe_store(MemoryStore()))
    sdk.telemetry.observe_engine(engine)
    identities = [f"secret-{number}" for number in range(4)]
    subject, tenant, scope, session = identities
    pair = await engine.issue_pair(subject, claims={"tenant": tenant}, scopes=[scope])
    claims = await engine.decode(pair.access_token)
    pair = await engine.refresh(pair.refresh_token)
    await engine.revoke_session(session)
    await engine.revoke(pair.access_token)
    for text in (pair.access_token, pair.access_token[:-8] + "AAAAAAAA"):
        with pytest.raises(TokenError):
            await engine.decode(text)
    await engine.revoke_subject(subject)
    exported = sdk.everything()
    assert "token_revoked" in exported
    for text in (*identities, claims.jti, claims.sid, *pair.access_token.split(".")):
        assert text not in exported


async def test_fetches_of_keys_are_durations_and_spans(sdk, clock):
    """Also of a set in combined or former keys; the age is that of the oldest set."""
    keys = RemoteKeySet("http://127.0.0.1:1/keys")
    unused = RemoteKeySet("http://127.0.0.1:1/unused")
    until = datetime(2100, 1, 1, tzinfo=UTC)
    engine = FormerEngine(
        CombinedKeys(RING, keys, unused), until=until, policy=TokenPolicy(), clock=clock
    )
    sdk.telemetry.observe_engine(engine)
    with pytest.raises(KeysUnavailableError):
        await keys.prepare(clock.now)
    assert keys.fetched_at is None
    error = "httpx.ConnectError"
    assert sdk.points("keys.fetch.duration") == {(NAMED, ("error.type", error)): 1}
    assert sdk.points("keys.age") == {}
    (span,) = sdk.spans()
    assert (span.name, span.attributes["error.type"]) == ("fetch keys", error)
    assert span.status.status_code == StatusCode.ERROR
    assert span.end_time >= span.start_time
    assert "127.0.0.1" not in sdk.everything()


class Mirror(MemoryStore):
    """A store that follows another one; its own checks know nothing."""

    lag_seconds = math.inf
    records = 7
    fallbacks = 3

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    async def is_revoked_at_source(self, **check):
        return await self.inner.is_revoked(**check)

    async def consume(self, consumption, *, now):
        return await self.inner.consume(consumption, now=now)


async def test_a_mirror_is_measured(sdk):
    """Of whichever store around a store is one; the lag only when it has a copy."""
    mirror = Mirror(sdk.telemetry.observe_store(MemoryStore()))
    engine = TokenEngine(RING, store=sdk.telemetry.observe_store(mirror))
    sdk.telemetry.observe_engine(engine)
    assert sdk.points("store.mirror.lag") == {}
    mirror.lag_seconds = 0.25
    assert sdk.points("store.mirror.lag") == {(NAMED,): 0.25}
    assert sdk.points("store.mirror.records") == {(NAMED,): 7}
    assert sdk.points("store.mirror.fallbacks") == {(NAMED,): 3}


async def test_refresh_tokens_are_checked_in_the_store_that_a_mirror_follows(sdk, clock):
    """As without the ObservedStore around the mirror, which may be behind."""
    shared = MemoryStore()
    observed = sdk.telemetry.observe_store(Mirror(shared))
    engine = engine_with(clock, store=observed)
    pair = await engine.issue_pair("alice")
    claims = await engine.decode(pair.access_token)
    await engine_with(clock, store=shared).revoke_session(claims.sid)
    assert await engine.decode(pair.access_token)
    with pytest.raises(TokenRevokedError):
        await engine.refresh(pair.refresh_token)


async def test_a_mirror_can_follow_an_observed_store(sdk):
    """If it can follow the store inside."""

    class Followed(MemoryStore):
        def feed(self, seconds):
            return seconds

    observed = sdk.telemetry.observe_store(Followed())
    assert isinstance(observed, FollowedStore)
    assert observed.feed(5.0) == 5.0
    assert not isinstance(sdk.telemetry.observe_store(MemoryStore()), FollowedStore)


def test_every_metric_has_a_unit_and_a_description(sdk):
    """As OpenTelemetry's conventions want it."""
    engine = TokenEngine(RING)
    sdk.telemetry.observe_engine(engine)
    found = sdk.metrics()
    assert len(found) == 3
    for metric in found.values():
        assert metric.name.startswith("tokenward.")
        assert metric.unit
        assert metric.description.endswith(".")


async def test_without_an_sdk_nothing_happens():
    """The API alone measures nothing, and the engine works."""
    telemetry = Telemetry()
    engine = TokenEngine(RING, store=telemetry.observe_store(MemoryStore()), clock=FrozenClock())
    telemetry.observe_engine(engine)
    assert (await engine.decode(await engine.issue("alice"))).sub == "alice"


def test_the_missing_extra_is_named(monkeypatch):
    """The error says what to install."""
    names = [each for each in sys.modules if each.startswith("tokenward.engine.telemetry")]
    for name in names:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "opentelemetry.metrics", None)
    with pytest.raises(ImportError, match="install Tokenward with its extra 'otel'"):
        importlib.import_module("tokenward.engine.telemetry")
