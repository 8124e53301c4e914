"""A store that answers checks from the memory of the process, and follows a shared store."""

import math
from collections.abc import Callable
from datetime import timedelta
from typing import Final, Protocol, runtime_checkable

from tokenward._arguments import check_methods, refuse
from tokenward.stores.feed import Change, FollowedStore
from tokenward.stores.identities import key_of
from tokenward.stores.mirror.follower import Follower
from tokenward.stores.mirror.uptime import uptime
from tokenward.stores.outages import unavailable_if_it_fails
from tokenward.stores.ownership import Ownership
from tokenward.stores.protocol import OF_STORES, Consumed, Consumption, Revocation
from tokenward.stores.wrapper import StoreWrapper

__all__ = ["MirroredStore"]

_LEAST_STALENESS: Final = timedelta(milliseconds=100)
_GREATEST_STALENESS: Final = timedelta(minutes=1)
# The clock that issued a token may be ahead of the clock that checks it by as much as a policy
# tolerates (`TokenPolicy.leeway`): the token then looks younger than it is.
_SPARE_SECONDS: Final = 300.0


@runtime_checkable
class _HasTables(Protocol):
    async def create_tables(self) -> None: ...

    async def create_feed(self) -> None: ...


class MirroredStore(StoreWrapper[FollowedStore]):
    """A `RevocationStore` that answers checks from memory, and writes to a store that it follows.

    ::

        store = MirroredStore(RedisStore("redis://localhost:6379/0"))

    Each process has its own mirror. A check is a look-up in memory while the picture of the shared
    store is at most `max_staleness` old. Otherwise, and for tokens that are older than
    `access_lifetime` or have no ``iat``, the check asks the inner store. Refresh tokens are always
    checked in the inner store. Revocations of this process count at once.

    What this weakens: for at most `max_staleness` after a revocation, other processes may accept the
    revoked access tokens. A revoked session is forgotten after `access_lifetime`, so an access token
    that is issued for it later than that is accepted; an engine issues none.

    Reading begins with the first check or `ping`; `TokenEngine.running` and the lifespan of an app
    call `ping`. `catch_up` also waits until the picture is complete.
    """

    def __init__(
        self,
        inner: FollowedStore,
        *,
        max_staleness: timedelta = timedelta(seconds=1),
        access_lifetime: timedelta = timedelta(minutes=15),
        clock: Callable[[], float] = uptime,
    ) -> None:
        """Use a shared store; nothing is read yet.

        Args:
            inner: a `RedisStore`, an `SqlStore`, or another store with a feed. To
                share it between issuers, put the `PrefixedStore` around the mirror.
            max_staleness: for how long after a revocation the tokens that it denies may be accepted;
                from 100 milliseconds to a minute. The store is read four times in this time.
            access_lifetime: the longest lifetime of access tokens. With a longer one, more memory is
                used; with a shorter one, checks of older tokens ask the inner store.
            clock: returns seconds that pass steadily, also while the machine sleeps.

        Raises:
            ConfigurationError: an argument is invalid, or the inner store has no feed.
        """
        example = "MirroredStore(RedisStore(url))"
        check_methods(inner, (*OF_STORES, "feed"), "inner", example)
        if not isinstance(max_staleness, timedelta) or not (
            _LEAST_STALENESS <= max_staleness <= _GREATEST_STALENESS
        ):
            refuse("max_staleness must be a timedelta from 100 milliseconds to a minute.")
        if not isinstance(access_lifetime, timedelta) or access_lifetime <= timedelta(0):
            refuse("access_lifetime must be a timedelta above zero.")

        super().__init__(inner)
        self._clock = clock
        self._access_seconds = access_lifetime.total_seconds()
        keep_seconds = self._access_seconds + _SPARE_SECONDS
        self._follower = Follower(
            inner.feed(keep_seconds),
            keep_seconds=keep_seconds,
            max_staleness=max_staleness.total_seconds(),
            uptime=clock,
        )
        self._fallbacks = 0
        self._ownership = Ownership("MirroredStore")

    @property
    def lag_seconds(self) -> float:
        """The age of the picture; infinity before the first one is complete."""
        return self._follower.lag_seconds

    @property
    def records(self) -> int:
        """The number of revocations in memory."""
        return len(self._follower.picture)

    @property
    def fallbacks(self) -> int:
        """The number of checks of access tokens that asked the inner store."""
        return self._fallbacks

    async def catch_up(self) -> None:
        """Read until every revocation that was acknowledged before this call counts here.

        Call it when the service starts, so that the first checks need not ask the inner store.

        Raises:
            ConfigurationError: the store was used before a fork, or in another event loop; or the
                inner store cannot be followed as it is configured.
            Exception: the inner store failed.
        """
        self._follow()
        await self._follower.catch_up()

    async def is_revoked(
        self, *, jti: str, sid: str | None, sub: str, issued_at: float | None, now: float
    ) -> bool:
        """Return whether an access token, its session or its subject is revoked.

        For a refresh token, and whenever `max_staleness` is too long, use `is_revoked_at_source`.
        """
        follower = self._follower
        if (
            self._clock() <= follower.fresh_until
            and issued_at is not None
            and now - issued_at <= self._access_seconds
        ):
            follower.now, own = now, follower.own
            if own.added and own.denies(jti, sid, sub, issued_at, now):
                return True
            return follower.picture.denies(jti, sid, sub, issued_at, now)

        self._fallbacks += 1
        follower.now = now
        self._follow()
        return await self._inner.is_revoked(jti=jti, sid=sid, sub=sub, issued_at=issued_at, now=now)

    async def is_revoked_at_source(
        self, *, jti: str, sid: str | None, sub: str, issued_at: float | None, now: float
    ) -> bool:
        """Ask the inner store whether the token, its session or its subject is revoked.

        An engine calls this for refresh tokens.
        """
        return await self._inner.is_revoked(jti=jti, sid=sid, sub=sub, issued_at=issued_at, now=now)

    async def revoke(self, revocation: Revocation, *, now: float) -> None:
        """Store a record in the inner store, and then in this process."""
        await self._inner.revoke(revocation, now=now)
        before = revocation.issued_before if revocation.kind == "subject" else None
        self._follower.now = now
        self._follower.add_own(
            Change(
                revocation.kind,
                key_of(revocation.identity),
                revocation.keep_until,
                math.inf if before is None else before,
                0.0,
            )
        )

    async def consume(self, consumption: Consumption, *, now: float) -> Consumed:
        """Consume a refresh token in the inner store."""
        return await self._inner.consume(consumption, now=now)

    async def ping(self) -> None:
        """Check that the inner store can be used and followed, and begin to read."""
        self._follow()
        await self._inner.ping()
        if self._clock() > self._follower.fresh_until:
            with unavailable_if_it_fails("MirroredStore"):
                await self._follower.probe()

    async def create_tables(self) -> None:
        """Create the tables of an `SqlStore`, and what a mirror of it needs. Do nothing for others.

        Raises:
            DBAPIError: the database failed or refused.
        """
        if isinstance(self._inner, _HasTables):
            await self._inner.create_tables()
            await self._inner.create_feed()

    async def aclose(self) -> None:
        """Stop reading, and close the inner store."""
        await self._follower.stop()
        await self._inner.aclose()

    def _follow(self) -> None:
        self._ownership.check()
        self._follower.follow()
