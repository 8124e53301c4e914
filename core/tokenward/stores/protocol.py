"""What a store of revocations must do, and the records that it keeps.

A store reads no clock: the engine passes the time in, so that there is one clock (and one to
replace in a test). All times are seconds since 1970.
"""

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, Protocol, Self, runtime_checkable

__all__ = [
    "CLOCK_SPARE_SECONDS",
    "OF_STORES",
    "Consumed",
    "Consumption",
    "Revocation",
    "RevocationStore",
]

CLOCK_SPARE_SECONDS: Final = 3_900.0
"""How long a store still holds a record after its `keep_until`: an hour and five minutes.

Whoever removes records may have a clock that is ahead of the clocks of the processes that still
need them, or that was set wrong for a moment.
"""


OF_STORES: Final = (
    "timeout_seconds",
    "is_revoked",
    "revoke",
    "consume",
    "raise_retention",
    "purge",
    "aclose",
)
"""The attributes of a `RevocationStore` that every store has."""


@dataclass(frozen=True, slots=True)
class Revocation:
    """One token, session or subject that is no longer believed."""

    kind: Literal["token", "session", "subject"]
    """What `identity` identifies."""
    identity: str
    """The ``jti`` of the token, the ``sid`` of the session, or the ``sub`` of the subject."""
    keep_until: float
    """When nothing can be alive any more that this denies; ``math.inf``: never forget it."""
    issued_before: float | None = None
    """For a subject: tokens that were issued earlier than this are denied."""


@dataclass(frozen=True, slots=True)
class Consumption:
    """One use of a refresh token."""

    jti: str
    """The token that is used up."""
    successor: str
    """The ``jti`` of the refresh token that takes its place."""
    sealed: bytes
    """The new pair, encrypted under the used token; empty without grace.

    A store removes it when the grace has ended, and when `successor` has been consumed.
    """
    grace_until: float
    """Until when the direct predecessor may come again and get the same pair."""
    keep_until: float
    """When the token is over by itself. Until then the record outlives everything of its session."""


class Consumed(NamedTuple):
    """The result of a use."""

    is_first: bool
    """True for exactly one of all uses."""
    sealed: bytes = b""
    """For a later use in the grace: the first's `Consumption.sealed` while its successor is unused."""
    is_in_grace: bool = False
    """For a later use: whether it came before the first's `grace_until`."""


@runtime_checkable
class RevocationStore(Protocol):
    """The port behind which revocations are kept.

    Every method may raise anything; the engine takes that for an outage (see
    `TokenPolicy.store_outage`). Each is one atomic step, and one round trip where there is a network.
    A method that is cancelled, or whose process dies, has done all or nothing.
    """

    @property
    def timeout_seconds(self) -> float | None:
        """How long the engine waits for any one call; None for a store that never waits."""
        ...

    async def is_revoked(
        self, *, jti: str, sid: str | None, sub: str, issued_at: float | None, now: float
    ) -> bool:
        """Tell whether the token, its session or its subject is revoked.

        Args:
            jti: the token; empty where it has none.
            sid: its session, if it has one.
            sub: its subject; empty where it has none.
            issued_at: its ``iat``, to the millisecond where it says that much. A token without one counts as issued before any revocation.
            now: the time. A record whose `keep_until` has come need not be honoured.

        Returns:
            Whether at least one record denies it. Reads all three at one moment.
        """
        ...

    async def revoke(self, revocation: Revocation, *, now: float) -> None:
        """Keep a record. When this returns, every later `is_revoked` sees it.

        A second record of the same identity never weakens the first: the later `keep_until` and the
        later `issued_before` stand.
        """
        ...

    async def consume(self, consumption: Consumption, *, now: float) -> Consumed:
        """Use a refresh token up: look, and write where nothing is there, in one step.

        Returns:
            ``is_first`` for exactly one of all callers, however many and however concurrent, until
            the record's `keep_until`. For the others ``is_in_grace`` if `now` is before the first's
            `grace_until`; and then the first's `sealed`, unless its `successor` has been consumed.
        """
        ...

    async def raise_retention(self, seconds: float) -> float:
        """Raise the time for which revocations of sessions and subjects are kept, and return it.

        One number for the whole store, shared by all processes and kept as long as its records; it
        only ever grows. It is what lets a service with short-lived tokens revoke a session whose
        refresh token was issued by another service that shares the store. The engine reads it here
        and sets `Revocation.keep_until` by it; a store does not apply it by itself.

        Args:
            seconds: the longest life of a token under the caller's policy; zero only reads;
                ``math.inf`` for tokens that never expire.

        Returns:
            The greatest value that any process has given; zero where none has.
        """
        ...

    async def purge(self, *, now: float) -> int:
        """Remove expired records and return how many. Never holds up other callers.

        A record is removed `CLOCK_SPARE_SECONDS` after its `keep_until`, not before.
        """
        ...

    async def aclose(self) -> None:
        """Give back what the store holds open; it is not used afterwards."""
        ...

    async def __aenter__(self) -> Self:
        """Give the store itself."""
        ...

    async def __aexit__(self, *exc_info: object) -> None:
        """Close it."""
        ...
