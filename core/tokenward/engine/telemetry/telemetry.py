"""The instruments, and how they learn of what an engine does."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import version
from typing import Any, Final, Protocol, TypeAlias, overload, runtime_checkable
from weakref import WeakKeyDictionary

from opentelemetry import metrics, trace
from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation
from opentelemetry.trace import SpanKind, StatusCode, TracerProvider

from tokenward._arguments import kind_of, refuse
from tokenward.engine.telemetry.observed_store import (
    ObservedFollowedStore,
    ObservedStore,
)
from tokenward.engine.token_engine import TokenEngine
from tokenward.errors import TokenError
from tokenward.hooks import TokenDraft
from tokenward.jose.key_source import KeySource
from tokenward.keys.remote import RemoteKeySet
from tokenward.keys.remote_source import KeyFetch
from tokenward.sessions.clock import system_time
from tokenward.stores.feed import FollowedStore
from tokenward.stores.outages import class_of
from tokenward.stores.protocol import Revocation, RevocationStore

__all__ = ["Telemetry"]

_Engine: TypeAlias = TokenEngine[Any]
_Value: TypeAlias = tuple[float, dict[str, bool]]
_ENGINE_NAME: Final = "tokenward.engine.name"
# Checks in memory take microseconds, a database or the keys of an issuer up to seconds.
_SECONDS: Final = (
    0.00001,
    0.0001,
    0.00025,
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.05,
    0.1,
    0.5,
    1,
    5,
)


@runtime_checkable
class _Sources(Protocol):
    """Keys that come from several sources."""

    @property
    def sources(self) -> tuple[KeySource, ...]: ...


@runtime_checkable
class _Wrapper(Protocol):
    """A store around another store."""

    @property
    def inner(self) -> RevocationStore: ...


@runtime_checkable
class _Mirror(Protocol):
    """A store that keeps a copy of the revocations of another store."""

    @property
    def lag_seconds(self) -> float: ...
    @property
    def records(self) -> int: ...
    @property
    def fallbacks(self) -> int: ...


class Telemetry:
    """The metrics and traces of a process. Create one, before the stores and engines.

    docs/metrics.md lists the metrics and spans. Without an OpenTelemetry SDK they go nowhere.
    """

    def __init__(
        self,
        *,
        meter_provider: MeterProvider | None = None,
        tracer_provider: TracerProvider | None = None,
    ) -> None:
        """Create the instruments.

        Args:
            meter_provider: None: the global one of OpenTelemetry.
            tracer_provider: None: the global one of OpenTelemetry.
        """
        release = version("tokenward")
        meter = metrics.get_meter("tokenward", release, meter_provider)
        self._tracer = trace.get_tracer("tokenward", release, tracer_provider)
        self._engines: WeakKeyDictionary[_Engine, str] = WeakKeyDictionary()

        self._issued = meter.create_counter(
            "tokenward.tokens.issued", "{token}", "Tokens that were signed."
        )
        self._refused = meter.create_counter(
            "tokenward.refusals", "{refusal}", "Refused tokens and requests."
        )
        self._revoked = meter.create_counter(
            "tokenward.revocations", "{revocation}", "Revoked tokens, sessions and subjects."
        )
        self._reused = meter.create_counter(
            "tokenward.refresh_tokens.reused", "{token}", "Refresh tokens that ended their session."
        )
        self._store_durations = meter.create_histogram(
            "tokenward.store.operation.duration",
            "s",
            "Duration of calls of a store.",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self._fetch_durations = meter.create_histogram(
            "tokenward.keys.fetch.duration",
            "s",
            "Duration of fetches of another issuer's keys.",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )

        for name, unit, description, measure in _GAUGES:
            callbacks = [_Callback(self._engines, measure)]
            meter.create_observable_gauge(f"tokenward.{name}", callbacks, unit, description)
        for name, unit, description, measure in _COUNTERS:
            callbacks = [_Callback(self._engines, measure)]
            meter.create_observable_counter(f"tokenward.{name}", callbacks, unit, description)

    @overload
    def observe_store(self, store: FollowedStore) -> ObservedFollowedStore: ...
    @overload
    def observe_store(self, store: RevocationStore) -> ObservedStore: ...
    def observe_store(self, store: RevocationStore) -> ObservedStore:
        """Return a store that measures and traces each call of this store; pass it to the engine."""
        if isinstance(store, FollowedStore):
            return ObservedFollowedStore(store, self._store_durations, self._tracer)
        return ObservedStore(store, self._store_durations, self._tracer)

    def observe_engine(self, engine: TokenEngine[Any], *, name: str = "default") -> None:
        """Register hooks with an engine, and with the remote key sets of its keys.

        Args:
            engine: the engine; observe each engine of `Issuers`.
            name: the value of ``tokenward.engine.name``, different for each engine.

        Raises:
            ConfigurationError: `engine` is not a `TokenEngine`, or another engine has the name.
        """
        if not isinstance(engine, TokenEngine):
            refuse(f"engine must be a TokenEngine, not {kind_of(engine)}: observe each of Issuers.")
        if name in self._engines.values():
            refuse("Another engine has this name: pass a different name for each engine.")
        self._engines[engine] = name
        own = {_ENGINE_NAME: name}

        def count_issued(draft: TokenDraft) -> None:
            self._issued.add(1, {**own, "tokenward.token.type": draft.type})

        def count_refused(error: TokenError) -> None:
            self._refused.add(1, {**own, "error.type": error.code})

        def count_revoked(revocation: Revocation) -> None:
            self._revoked.add(1, {**own, "tokenward.revocation.kind": revocation.kind})

        def count_reused(_claims: object) -> None:
            self._reused.add(1, own)

        def note_fetch(fetch: KeyFetch) -> None:
            self._note_fetch(fetch, own)

        engine.before_issue(count_issued)
        engine.on_refuse(count_refused)
        engine.on_revoke(count_revoked)
        engine.on_reuse(count_reused)
        for keys in _remote_keys_of(engine.keys):
            keys.on_fetch(note_fetch)

    def _note_fetch(self, fetch: KeyFetch, own: Mapping[str, str]) -> None:
        attributes = dict(own)
        if fetch.error is not None:
            attributes["error.type"] = class_of(fetch.error)
        self._fetch_durations.record(fetch.seconds, attributes)

        ended = int(system_time() * 1e9)
        began = ended - int(fetch.seconds * 1e9)
        span = self._tracer.start_span(
            "fetch keys", kind=SpanKind.INTERNAL, attributes=attributes, start_time=began
        )
        if fetch.error is not None:
            span.set_status(StatusCode.ERROR)
        span.end(ended)


def _remote_keys_of(keys: KeySource) -> Iterator[RemoteKeySet]:
    if isinstance(keys, RemoteKeySet):
        yield keys
    elif isinstance(keys, _Sources):
        for source in keys.sources:
            yield from _remote_keys_of(source)


def _key_age(engine: _Engine) -> Iterator[_Value]:
    times = [each.fetched_at for each in _remote_keys_of(engine.keys)]
    fetched = [each for each in times if each is not None]
    if fetched:
        yield engine.now() - min(fetched), {}


def _cache_bytes(engine: _Engine) -> Iterator[_Value]:
    yield engine.signature_cache.bytes, {}


def _cache_entries(engine: _Engine) -> Iterator[_Value]:
    yield engine.signature_cache.entries, {}


def _cache_lookups(engine: _Engine) -> Iterator[_Value]:
    use = engine.signature_cache
    yield use.hits, {"tokenward.signature_cache.hit": True}
    yield use.misses, {"tokenward.signature_cache.hit": False}


def _mirrors_of(engine: _Engine) -> Iterator[_Mirror]:
    store: object = engine.store
    while isinstance(store, _Wrapper):
        if isinstance(store, _Mirror):
            yield store
        store = store.inner


def _mirror_lag(engine: _Engine) -> Iterator[_Value]:
    for mirror in _mirrors_of(engine):
        # Infinite before the first copy is complete.
        if math.isfinite(mirror.lag_seconds):
            yield mirror.lag_seconds, {}


def _mirror_records(engine: _Engine) -> Iterator[_Value]:
    for mirror in _mirrors_of(engine):
        yield mirror.records, {}


def _mirror_fallbacks(engine: _Engine) -> Iterator[_Value]:
    for mirror in _mirrors_of(engine):
        yield mirror.fallbacks, {}


_GAUGES: Final = (
    ("keys.age", "s", "Time since the oldest keys of another issuer were fetched.", _key_age),
    ("signature_cache.memory", "By", "Memory of cached signatures.", _cache_bytes),
    ("signature_cache.entries", "{token}", "Tokens with a cached signature.", _cache_entries),
    ("store.mirror.lag", "s", "Age of the revocations in memory.", _mirror_lag),
    ("store.mirror.records", "{revocation}", "Revocations in memory.", _mirror_records),
)
_COUNTERS: Final = (
    ("signature_cache.lookups", "{lookup}", "Lookups of the signature cache.", _cache_lookups),
    ("store.mirror.fallbacks", "{check}", "Checks that asked the shared store.", _mirror_fallbacks),
)


class _Callback:
    """Measures all engines that still exist."""

    def __init__(
        self,
        engines: WeakKeyDictionary[_Engine, str],
        measure: Callable[[_Engine], Iterator[_Value]],
    ) -> None:
        self._engines = engines
        self._measure = measure

    def __call__(self, _options: CallbackOptions) -> Iterable[Observation]:
        for engine, name in list(self._engines.items()):
            for value, attributes in self._measure(engine):
                yield Observation(value, {_ENGINE_NAME: name, **attributes})
