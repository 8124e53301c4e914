"""Sets and maps in memory whose entries expire, split into small shards."""

from typing import Final, Generic, TypeVar

from tokenward.stores.protocol import CLOCK_SPARE_SECONDS

__all__ = ["SHARDS", "SHARD_BITS_AT", "ExpiringMap", "ExpiringSet"]

ValueT = TypeVar("ValueT")

# With a million entries a shard has about 4,000: its dict grows, and is swept, in well under 1 ms.
SHARDS: Final = 256
# Dicts use the low bits of a hash; if the shards did too, the keys of a shard would collide.
SHARD_BITS_AT: Final = 40


def _shard_of(identity: str) -> int:
    return (hash(identity) >> SHARD_BITS_AT) % SHARDS


class ExpiringSet:
    """Identities, each with the time at which it expires.

    An expired identity is no longer found. It is removed `CLOCK_SPARE_SECONDS` later, so that a
    clock that was ahead for a moment removes nothing. No step visits all identities.

    Reads need no lock; writes from several threads do.
    """

    __slots__ = ("_next", "shards")

    def __init__(self) -> None:
        self.shards: list[dict[str, float]] = [{} for _ in range(SHARDS)]
        """The time of each identity; see `has`."""
        self._next = 0

    def add(self, identity: str, *, keep_until: float) -> bool:
        """Add an identity; if it exists already, the later time stands. Return whether it is new."""
        shard = self.shards[_shard_of(identity)]
        earlier = shard.get(identity)
        if earlier is None or earlier < keep_until:
            shard[identity] = keep_until
        return earlier is None

    def remove(self, identity: str) -> None:
        """Remove an identity that is in the set."""
        del self.shards[_shard_of(identity)][identity]

    def has(self, identity: str, now: float) -> bool:
        """Whether the identity is in the set and has not expired."""
        # As in _shard_of, without the call, because this method is called for every token.
        shard = self.shards[(hash(identity) >> SHARD_BITS_AT) % SHARDS]
        return shard.get(identity, 0.0) > now

    def sweep_next(self, now: float) -> list[str]:
        """Remove the expired entries of the next shard and return them."""
        shard = self.shards[self._next]
        self._next = (self._next + 1) % SHARDS

        before = now - CLOCK_SPARE_SECONDS
        expired = [identity for identity, keep_until in shard.items() if keep_until <= before]
        for identity in expired:
            del shard[identity]
        return expired

    def __len__(self) -> int:
        """Count the identities, including the expired ones that have not been removed yet."""
        return sum(map(len, self.shards))


class ExpiringMap(ExpiringSet, Generic[ValueT]):
    """An `ExpiringSet` with a value for each identity."""

    __slots__ = ("_values",)

    def __init__(self) -> None:
        super().__init__()
        self._values: list[dict[str, ValueT]] = [{} for _ in range(SHARDS)]

    def put(self, identity: str, value: ValueT, *, keep_until: float) -> None:
        """Add an identity and set its value."""
        # The value first, so that a thread that finds the identity also finds its value.
        self.set_value(identity, value)
        self.add(identity, keep_until=keep_until)

    def set_value(self, identity: str, value: ValueT) -> None:
        """Set the value of an identity that is in the map, or is added next."""
        self._values[_shard_of(identity)][identity] = value

    def live(self, identity: str, now: float) -> ValueT | None:
        """Return the value of an identity that has not expired."""
        place = (hash(identity) >> SHARD_BITS_AT) % SHARDS
        is_live = self.shards[place].get(identity, 0.0) > now
        return self._values[place].get(identity) if is_live else None

    def get(self, identity: str) -> ValueT | None:
        """Return the value, also of an expired identity that has not been removed yet."""
        return self._values[_shard_of(identity)].get(identity)

    def remove(self, identity: str) -> None:
        """Remove an identity that is in the map, and its value."""
        super().remove(identity)
        del self._values[_shard_of(identity)][identity]

    def sweep_next(self, now: float) -> list[str]:
        """Remove the expired entries of the next shard and return them."""
        expired = super().sweep_next(now)
        for identity in expired:
            del self._values[_shard_of(identity)][identity]
        return expired
