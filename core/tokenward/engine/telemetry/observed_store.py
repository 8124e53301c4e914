"""A store whose calls are measured and traced."""

import asyncio
from contextlib import AbstractContextManager
from typing import Final

try:
    from opentelemetry.metrics import Histogram
    from opentelemetry.trace import Span, StatusCode, Tracer, use_span
except ImportError as _absent:
    _MISSING: Final = "Telemetry needs opentelemetry-api: install Tokenward with its extra 'otel'"
    raise ImportError(_MISSING, name=_absent.name) from _absent

from tokenward.stores.feed import FollowedStore, RevocationFeed, check_at_source
from tokenward.stores.outages import class_of
from tokenward.stores.protocol import Consumed, Consumption, Revocation, RevocationStore
from tokenward.stores.wrapper import StoreWrapper

__all__ = ["ObservedFollowedStore", "ObservedStore"]

_ERROR_TYPE: Final = "error.type"


class ObservedStore(StoreWrapper[RevocationStore]):
    """A `RevocationStore` that passes each call on to another store, and measures it.

    Made by `Telemetry.observe_store`.
    """

    __slots__ = ("_durations", "_kind", "_tracer")

    def __init__(self, inner: RevocationStore, durations: Histogram, tracer: Tracer) -> None:
        """Use a store, the histogram of the durations of its calls, and a tracer."""
        super().__init__(inner)
        self._kind = type(inner).__name__
        self._durations = durations
        self._tracer = tracer

    async def is_revoked(
        self, *, jti: str, sid: str | None, sub: str, issued_at: float | None, now: float
    ) -> bool:
        """See `RevocationStore.is_revoked`."""
        with self._observed("is_revoked"):
            return await self._inner.is_revoked(
                jti=jti, sid=sid, sub=sub, issued_at=issued_at, now=now
            )

    async def is_revoked_at_source(
        self, *, jti: str, sid: str | None, sub: str, issued_at: float | None, now: float
    ) -> bool:
        """As `is_revoked`, but ask the shared store if the inner store is a mirror of it."""
        with self._observed("is_revoked"):
            return await check_at_source(self._inner)(
                jti=jti, sid=sid, sub=sub, issued_at=issued_at, now=now
            )

    async def revoke(self, revocation: Revocation, *, now: float) -> None:
        """See `RevocationStore.revoke`."""
        with self._observed("revoke"):
            await self._inner.revoke(revocation, now=now)

    async def consume(self, consumption: Consumption, *, now: float) -> Consumed:
        """See `RevocationStore.consume`."""
        with self._observed("consume"):
            return await self._inner.consume(consumption, now=now)

    async def raise_retention(self, seconds: float) -> float:
        """See `RevocationStore.raise_retention`."""
        with self._observed("raise_retention"):
            return await self._inner.raise_retention(seconds)

    async def purge(self, *, now: float) -> int:
        """See `RevocationStore.purge`."""
        with self._observed("purge"):
            return await self._inner.purge(now=now)

    async def ping(self) -> None:
        """See `RevocationStore.ping`."""
        with self._observed("ping"):
            await self._inner.ping()

    def _observed(self, operation: str) -> "_Call":
        return _Call(self._durations, self._tracer, operation, self._kind)


class ObservedFollowedStore(ObservedStore):
    """An `ObservedStore` that a `MirroredStore` can follow, as it could follow the store inside."""

    __slots__ = ("_followed",)

    def __init__(self, inner: FollowedStore, durations: Histogram, tracer: Tracer) -> None:
        """See `ObservedStore`. Reads of the feed are not measured."""
        super().__init__(inner, durations, tracer)
        self._followed = inner

    def feed(self, seconds: float) -> RevocationFeed:
        """See `FollowedStore.feed`."""
        return self._followed.feed(seconds)


class _Call:
    """The duration and the span of one call. A generator would take longer."""

    __slots__ = ("_attributes", "_began", "_current", "_durations", "_span")

    def __init__(self, durations: Histogram, tracer: Tracer, operation: str, kind: str) -> None:
        self._durations = durations
        self._attributes = {
            "tokenward.store.operation": operation,
            "tokenward.store.type": kind,
        }
        self._span = tracer.start_span(f"{operation} {kind}", attributes=self._attributes)
        self._current: AbstractContextManager[Span] | None = None
        self._began = 0.0

    def __enter__(self) -> None:
        # Spans of the database belong into this one, unless nobody records it.
        if self._span.is_recording():
            self._current = use_span(
                self._span, record_exception=False, set_status_on_exception=False
            )
            self._current.__enter__()
        self._began = asyncio.get_running_loop().time()

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        seconds = asyncio.get_running_loop().time() - self._began
        if error is not None:
            # Also a cancellation, by which the engine ends a call that takes too long. The message
            # of an error may contain an identity, so only its class is recorded.
            self._attributes[_ERROR_TYPE] = class_of(error)
            self._span.set_attribute(_ERROR_TYPE, self._attributes[_ERROR_TYPE])
            self._span.set_status(StatusCode.ERROR)
        if self._current is not None:
            self._current.__exit__(None, None, None)
        self._span.end()
        self._durations.record(seconds, self._attributes)
