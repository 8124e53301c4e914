"""What a store must offer so that a `MirroredStore` can follow its revocations."""

from collections.abc import AsyncIterator, Sequence
from typing import Literal, NamedTuple, Protocol, runtime_checkable

from tokenward.stores.protocol import RevocationStore

__all__ = [
    "Change",
    "FeedStart",
    "FollowedStore",
    "GapError",
    "Reading",
    "RevocationFeed",
    "check_at_source",
]


class _Check(Protocol):
    """The method `RevocationStore.is_revoked`."""

    async def __call__(
        self, *, jti: str, sid: str | None, sub: str, issued_at: float | None, now: float
    ) -> bool: ...


def check_at_source(store: RevocationStore) -> _Check:
    """Return the method of a store that checks refresh tokens.

    A refresh token is traded for new tokens, so a mirror checks it in its inner store.
    """
    # One look-up, because it runs for every refresh; `isinstance` of a protocol takes many.
    check: _Check = getattr(store, "is_revoked_at_source", store.is_revoked)
    return check


class Change(NamedTuple):
    """One revocation, as a feed delivers it."""

    kind: Literal["token", "session", "subject"]
    """The kind of identity."""
    name: str
    """The name of the identity, of `tokenward.stores.identities.key_of`."""
    keep_until: float
    """The time at which everything that this denies has expired."""
    issued_before: float
    """For a subject: tokens that were issued before this time are denied; ``math.inf``: all."""
    age_seconds: float
    """How long ago it was stored, at least; zero if that is not known."""


class FeedStart(NamedTuple):
    """The place from which a reader follows a feed."""

    position: object
    """Every revocation that is acknowledged from now on comes after it."""
    is_complete: bool
    """Whether the feed has every revocation of the time that its reader asked for."""


class Reading(NamedTuple):
    """The result of one read."""

    changes: Sequence[Change]
    """The revocations after the given position, the oldest first."""
    position: object
    """The position after the last of them."""
    is_last: bool
    """Whether there was nothing more when the store answered."""


class GapError(Exception):
    """The feed does not have everything that followed a position: the reader must start again."""

    def __init__(self) -> None:
        """Describe the fault."""
        super().__init__("The feed of revocations has a gap.")


class RevocationFeed(Protocol):
    """The revocations of a shared store, in an order that loses none.

    Every method may raise any exception. No call lasts longer than the store's `timeout_seconds`.
    """

    async def start(self) -> FeedStart:
        """Note the position, and let all processes that write to the store feed it from now on."""
        ...

    def snapshot(self) -> AsyncIterator[Sequence[Change]]:
        """Return the revocations that the store had at the start, in parts, and maybe later ones."""
        ...

    async def read(self, position: object) -> Reading:
        """Return revocations after a position, at most a few thousand.

        Every revocation that was acknowledged before the call is before the end of the feed.

        Raises:
            GapError: some of them are missing.
            Exception: the store failed.
        """
        ...


@runtime_checkable
class FollowedStore(RevocationStore, Protocol):
    """A `RevocationStore` whose revocations a `MirroredStore` can follow."""

    def feed(self, seconds: float) -> RevocationFeed:
        """Return the feed of revocations.

        Args:
            seconds: how long a revocation stays in the feed, at least.

        Raises:
            ConfigurationError: the store has no feed as it is configured.
        """
        ...
