"""What runs beside engines while a service runs: purges and fetches of keys; and closing at the end."""

import asyncio
import contextvars
import logging
import math
import random
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Iterable,
    Iterator,
    Sequence,
)
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any, Final, Protocol, runtime_checkable

from tokenward._arguments import refuse
from tokenward.errors import StoreUnavailableError
from tokenward.jose.key_source import Closable, KeySource
from tokenward.sessions.outages import OutageLog
from tokenward.stores.cancellation import raise_if_cancelled
from tokenward.stores.outages import unavailable_if_it_fails
from tokenward.stores.protocol import RevocationStore

__all__ = ["ping_store", "run_beside"]

_logger: Final = logging.getLogger("tokenward")

# A remote key set is refreshed after four fifths of at least 30 seconds, so six seconds are left.
_KEYS_SECONDS: Final = 5.0
_JITTER: Final = 0.1
_STARTS_ANYWAY: Final = (
    "The revocation store does not answer while the service starts. The service starts, and refuses "
    "requests with 503 until the store answers. %s"
)
_NOT_PURGED: Final = (
    "The revocation store could not be purged (%s). The next purge follows as scheduled. This is "
    "logged once a minute for each cause."
)
_NOT_FETCHED: Final = (
    "The keys of an issuer could not be brought up to date (%s). This is logged once a minute for each "
    "cause."
)


@runtime_checkable
class _HasTables(Protocol):
    async def create_tables(self) -> None: ...


@runtime_checkable
class _Wrapper(Protocol):
    @property
    def inner(self) -> RevocationStore: ...


async def ping_store(store: RevocationStore) -> None:
    """Check that a store can be used, within its timeout.

    Raises:
        StoreUnavailableError: the store failed, or did not answer in time.
        ConfigurationError: the store cannot be used as it is configured.
    """
    with unavailable_if_it_fails(type(store).__name__):
        async with asyncio.timeout(store.timeout_seconds):
            await store.ping()


@asynccontextmanager
async def run_beside(
    stores: Sequence[RevocationStore],
    key_sources: Sequence[KeySource],
    now: Callable[[], float],
    *,
    create_tables: bool,
    purge_every: timedelta | None,
) -> AsyncIterator[None]:
    """Open the stores of engines, run their background tasks during a block, and close everything.

    Args:
        stores: the stores of the engines; several may have the same inner store.
        key_sources: the keys of the engines.
        now: returns the time of the engines.
        create_tables: see `TokenEngine.running`.
        purge_every: see `TokenEngine.running`.

    Raises:
        ConfigurationError: `purge_every` is not a timedelta above zero, or a store cannot be used
            as it is configured.
    """
    seconds = None if purge_every is None else _checked_seconds(purge_every)
    # Several stores may wrap the same store, which is opened, purged and closed once.
    layers = {id(layer): layer for each in stores for layer in _layers_of(each)}
    outermost = {id(_layers_of(each)[-1]): each for each in stores}.values()
    sources = {id(each): each for each in key_sources}.values()

    async with AsyncExitStack() as stack:
        # Closed in reverse: first the tasks end, then stores close before their inner stores.
        for source in sources:
            if isinstance(source, Closable):
                stack.push_async_callback(source.aclose)
        for layer in reversed(layers.values()):
            stack.push_async_callback(layer.aclose)

        if create_tables:
            await _create_tables(layers.values())
        for store in outermost:
            await _refuse_mistakes(store)

        for work in _tasks_for(outermost, sources, now, seconds):
            await stack.enter_async_context(_running(work))
        yield


def _checked_seconds(purge_every: timedelta) -> float:
    if not isinstance(purge_every, timedelta) or purge_every <= timedelta(0):
        refuse("purge_every must be a timedelta above zero, or None for no purges.")
    return purge_every.total_seconds()


async def _create_tables(stores: Iterable[RevocationStore]) -> None:
    for store in stores:
        if isinstance(store, _HasTables):
            await store.create_tables()


async def _refuse_mistakes(store: RevocationStore) -> None:
    """Check that a store can be used; an outage is only logged.

    Raises:
        ConfigurationError: the store cannot be used as it is configured.
    """
    try:
        await ping_store(store)
    except StoreUnavailableError as exc:
        _logger.warning(_STARTS_ANYWAY, exc)


def _tasks_for(
    stores: Iterable[RevocationStore],
    key_sources: Iterable[KeySource],
    now: Callable[[], float],
    purge_seconds: float | None,
) -> Iterator[Coroutine[Any, Any, None]]:
    for source in key_sources:
        if source.due_at == -math.inf:  # of another issuer
            yield _keep_fresh(source, now)
    for store in stores:
        if purge_seconds is not None and store.needs_purge:
            yield _purge(store, now, purge_seconds)


def _layers_of(store: RevocationStore) -> list[RevocationStore]:
    """Return a store and the stores that it wraps, the innermost last."""
    layers = [store]
    while isinstance(layers[-1], _Wrapper):
        layers.append(layers[-1].inner)
    return layers


@asynccontextmanager
async def _running(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run a task during a block. An empty context keeps nothing of its starter alive."""
    task = asyncio.get_running_loop().create_task(work, context=contextvars.Context())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait((task,))


async def _keep_fresh(keys: KeySource, now: Callable[[], float]) -> None:
    """Fetch remote keys at once, and again before they are due."""
    await _repeat(lambda: keys.prepare(now()), lambda: _KEYS_SECONDS, OutageLog(_NOT_FETCHED), now)


async def _purge(store: RevocationStore, now: Callable[[], float], seconds: float) -> None:
    """Purge a store regularly; at other times than the other processes, also after a common start."""
    delays = _purge_delays(seconds)
    await asyncio.sleep(next(delays))
    await _repeat(lambda: store.purge(now=now()), lambda: next(delays), OutageLog(_NOT_PURGED), now)


def _purge_delays(seconds: float) -> Iterator[float]:
    yield seconds * random.random()  # noqa: S311 - not a secret
    while True:
        yield seconds * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - not a secret


async def _repeat(
    work: Callable[[], Awaitable[object]],
    delay: Callable[[], float],
    log: OutageLog,
    now: Callable[[], float],
) -> None:
    """Repeat a step until it is cancelled; its errors are logged."""
    while True:
        try:
            await work()
        except Exception as exc:  # noqa: BLE001 - a store may raise anything
            log.tell(exc, now())
        raise_if_cancelled()
        await asyncio.sleep(delay())
