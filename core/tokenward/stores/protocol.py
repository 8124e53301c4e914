"""The protocol of revocation stores, and the records that they keep.

A store reads no clock: the engine passes the time, so that there is only one clock, which a test can
replace. All times are in seconds since 1970.
"""

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, Protocol, Self, runtime_checkable

__all__ = [
    "CLOCK_SPARE_SECONDS",
    "OF_STORES",
    "RECENT_USES",
    "Consumed",
    "Consumption",
    "Revocation",
    "RevocationStore",
]

CLOCK_SPARE_SECONDS: Final = 3_900.0
"""How long a store keeps a record after its `keep_until`: an hour and five minutes.

The clock of the process that removes records may be ahead of the clocks of the processes that still
need them, or may have been wrong for a moment.
"""

RECENT_USES: Final = 16
"""How many uses of a session's refresh tokens a store remembers at least, while their grace runs."""

OF_STORES: Final = (
    "timeout_seconds",
    "needs_purge",
    "is_revoked",
    "revoke",
    "consume",
    "raise_retention",
    "purge",
    "ping",
    "aclose",
)
"""The attributes that every `RevocationStore` must have."""


@dataclass(frozen=True, slots=True)
class Revocation:
    """The revocation of one token, session or subject."""

    kind: Literal["token", "session", "subject"]
    """The kind of `identity`."""
    identity: str
    """The ``jti`` of the token, the ``sid`` of the session, or the ``sub`` of the subject."""
    keep_until: float
    """The time at which everything that this denies has expired; ``math.inf``: keep it forever."""
    issued_before: float | None = None
    """For a subject: tokens that were issued before this time are denied; None: all tokens."""


@dataclass(frozen=True, slots=True)
class Consumption:
    """One use of a refresh token."""

    session: str
    """The ``sid`` of the token; the ``jti`` of a token without one. Its uses have one record."""
    jti: str
    """The token that is consumed."""
    successor: str
    """The ``jti`` of the refresh token that replaces it: the only one that can be consumed next."""
    sealed: bytes
    """The new pair, encrypted under the consumed token; empty without a grace.

    A store removes it when the grace has ended, and when `successor` has been consumed.
    """
    grace_until: float
    """Until when the consumed token may be used again, for the same pair."""
    keep_until: float
    """The time at which the consumed token has expired. The record of the session is kept until the
    latest one of its uses."""


class Consumed(NamedTuple):
    """The result of one use of a refresh token."""

    is_first: bool
    """True for exactly one of all uses of a token, and only in the order of the session's tokens."""
    sealed: bytes = b""
    """For a later use within the grace: the first use's sealed pair, while its successor is unused."""
    is_in_grace: bool = False
    """For a later use: whether it happened before the first use's `grace_until`."""


@runtime_checkable
class RevocationStore(Protocol):
    """A store of revocations.

    Every method may raise any exception, which the engine treats as an outage (see
    `TokenPolicy.store_outage`). Each method is one atomic step, and one round trip if there is a
    network. A call that is cancelled, or whose process dies, has had its full effect or none.
    """

    @property
    def timeout_seconds(self) -> float | None:
        """How long the engine waits for one call; None for a store that never waits."""
        ...

    @property
    def needs_purge(self) -> bool:
        """Whether `purge` must be called regularly; False: the store removes expired records itself."""
        ...

    async def is_revoked(
        self, *, jti: str, sid: str | None, sub: str, issued_at: float | None, now: float
    ) -> bool:
        """Return whether the token, its session or its subject is revoked.

        Args:
            jti: the token; empty if it has none.
            sid: the session of the token, if it has one.
            sub: the subject of the token; empty if it has none.
            issued_at: the ``iat`` of the token, in milliseconds if it is that exact. A token without
                ``iat`` counts as issued before any revocation.
            now: the time. A record whose `keep_until` has passed may be ignored.

        Returns:
            Whether at least one of the three records denies the token. All three are read at the
            same moment.
        """
        ...

    async def revoke(self, revocation: Revocation, *, now: float) -> None:
        """Store a record. Every `is_revoked` after this call returns sees it.

        A second record of the same identity never weakens the first one: the later `keep_until` and
        the later `issued_before` stand.
        """
        ...

    async def consume(self, consumption: Consumption, *, now: float) -> Consumed:
        """Consume a refresh token: read the record of its session, and write it, in one step.

        A session has one record, whatever the number of its uses. The record contains the token that
        can be consumed next, and the latest uses: at least the last one, and those of the last
        `RECENT_USES` whose grace has not ended.

        Returns:
            ``is_first`` if the session has no record, or if the token is the `successor` of the last
            use: for exactly one of all concurrent and later callers, until the record's
            `keep_until`. For the others, ``is_in_grace`` if the token is among the latest uses and
            `now` is before the `grace_until` of its first use, with the `sealed` of that use unless
            its `successor` has been consumed. Every other token of the session counts as used.
        """
        ...

    async def raise_retention(self, seconds: float) -> float:
        """Raise the time for which revocations of sessions and subjects are kept, and return it.

        One number for the whole store, shared by all processes and kept as long as its records. It
        never decreases. It allows a service with short-lived tokens to revoke a session whose refresh
        token was issued by another service that shares the store. The engine uses it to set
        `Revocation.keep_until`; the store itself does not apply it.

        Args:
            seconds: the longest lifetime of a token under the caller's policy; zero only reads;
                ``math.inf`` for tokens that never expire.

        Returns:
            The greatest value that any process has passed; zero if none has.
        """
        ...

    async def purge(self, *, now: float) -> int:
        """Remove expired records and return how many, without blocking other callers.

        A record is removed `CLOCK_SPARE_SECONDS` after its `keep_until`, not before.
        """
        ...

    async def ping(self) -> None:
        """Check that the store can be used, as a readiness probe does; see `TokenEngine.ping`.

        It takes at most `timeout_seconds`, and changes no record.

        Raises:
            StoreUnavailableError: the store failed, or did not answer in time.
            ConfigurationError: the store cannot be used as it is configured, for example because its
                tables are missing; the message says how to fix that.
        """
        ...

    async def aclose(self) -> None:
        """Close the store's connections; it must not be used afterwards. Closing twice is harmless."""
        ...

    async def __aenter__(self) -> Self:
        """Return the store itself."""
        ...

    async def __aexit__(self, *exc_info: object) -> None:
        """Close the store."""
        ...
