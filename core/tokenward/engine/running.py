"""The methods of an engine for the service that it runs in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Generic, Self, TypeVar

from tokenward.claims.model import Claims
from tokenward.jose.key_source import KeySource
from tokenward.sessions.clock import EngineClock
from tokenward.sessions.revocation import RevocationChecker
from tokenward.stores.protocol import RevocationStore

__all__ = ["RunningMethods"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)


class RunningMethods(Generic[ClaimsT]):
    """The methods of `TokenEngine` for its service; its constructor sets the attributes."""

    _clock: EngineClock
    _has_store: bool
    _keys: KeySource
    _revocation: RevocationChecker[ClaimsT]

    @property
    def store(self) -> RevocationStore | None:
        """The store of revocations; None: no token can be revoked or refreshed."""
        return self._revocation.store if self._has_store else None

    async def ping(self) -> None:
        """Check that the store and the keys can be used, for a readiness probe.

        Asks the store, which takes at most its `timeout_seconds`. Fetches the keys of another issuer
        if they are due, at most once within the `cooldown` of a `RemoteKeySet`. An outage that the
        policy accepts is an error here nevertheless.

        Raises:
            StoreUnavailableError: the store failed, or did not answer in time.
            KeysUnavailableError: there are no keys that may be used.
            ConfigurationError: the store cannot be used as it is configured; the message says how to
                fix that.
        """
        from tokenward.engine.lifespan import ping_store

        if self.store is not None:
            await ping_store(self.store)

        now = self._clock.now()
        if now >= self._keys.due_at:
            await self._keys.prepare(now)

    @asynccontextmanager
    async def running(
        self, *, create_tables: bool = False, purge_every: timedelta | None = timedelta(hours=1)
    ) -> AsyncIterator[Self]:
        """Run the engine for as long as its service runs. Each adapter has a `lifespan` that does it.

        ::

            async with engine.running(create_tables=True):
                await serve()

        At the start, the store is asked whether it can be used. A mistake, such as missing tables,
        ends the start. An outage is logged: the service starts, and refuses requests with 503 until
        the store answers.

        During the block, the keys of another issuer are fetched before they are needed, and the
        store is purged if it needs that, at a random time within each interval of `purge_every`.
        Errors of both are logged, once a minute for each cause. Without either, no task runs.

        At the end, also after an error or a cancellation, the tasks end, and the store, the stores
        that it wraps and the keys are closed, in this order. Neither works afterwards, so run
        engines that share a store inside one another.

        Args:
            create_tables: create the missing tables of an `SqlStore` first.
            purge_every: the time between two purges, of which each is up to a tenth shorter or
                longer; None: no purges, because you run `tokenward purge`.

        Raises:
            ConfigurationError: the store cannot be used as it is configured, or `purge_every` is
                not a timedelta above zero.
            Exception: the tables cannot be created, or the store cannot be closed.
        """
        # Imported here with asyncio, which a program that never starts an engine does not need.
        from tokenward.engine.lifespan import run_beside

        stores = () if self.store is None else (self.store,)
        async with run_beside(
            stores,
            (self._keys,),
            self._clock.now,
            create_tables=create_tables,
            purge_every=purge_every,
        ):
            yield self
