"""A store that answers checks from the memory of the process, and what it needs of a shared store."""

from tokenward.stores.feed import (
    Change,
    FeedStart,
    FollowedStore,
    GapError,
    Reading,
    RevocationFeed,
)
from tokenward.stores.mirror.store import MirroredStore

__all__ = [
    "Change",
    "FeedStart",
    "FollowedStore",
    "GapError",
    "MirroredStore",
    "Reading",
    "RevocationFeed",
]
