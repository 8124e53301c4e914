"""What the stores that stand before another store have in common: they pass calls on to it."""

from typing import TYPE_CHECKING, Generic, Self, TypeVar

from tokenward.stores.protocol import RevocationStore

if TYPE_CHECKING:
    from tokenward.stores.session_records import SessionRecords

__all__ = ["StoreWrapper"]

InnerT = TypeVar("InnerT", bound=RevocationStore)


class StoreWrapper(Generic[InnerT]):
    """Passes on what a wrapper does not change; the wrapper has the other methods of a store."""

    __slots__ = ("_inner",)

    def __init__(self, inner: InnerT) -> None:
        """Use the inner store."""
        self._inner = inner

    @property
    def inner(self) -> InnerT:
        """The inner store."""
        return self._inner

    @property
    def timeout_seconds(self) -> float | None:
        """The timeout of the inner store."""
        return self._inner.timeout_seconds

    @property
    def needs_purge(self) -> bool:
        """Whether the inner store needs to be purged."""
        return self._inner.needs_purge

    def session_records(self) -> "SessionRecords":
        """Return the sessions in the inner store, for an engine with a `session_list`.

        Raises:
            ConfigurationError: the inner store keeps none.
        """
        from tokenward.stores.session_records import records_in

        return records_in(self._inner)

    async def raise_retention(self, seconds: float) -> float:
        """Raise the retention of the inner store, which every user of it shares."""
        return await self._inner.raise_retention(seconds)

    async def purge(self, *, now: float) -> int:
        """Remove the expired records of the inner store, whichever store wrote them."""
        return await self._inner.purge(now=now)

    async def aclose(self) -> None:
        """Close the inner store."""
        await self._inner.aclose()

    async def __aenter__(self) -> Self:
        """Return the store itself."""
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Close the store; see `aclose`."""
        await self.aclose()
