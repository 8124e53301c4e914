"""An engine that is made from settings, and closes what it has opened."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any, Generic, Protocol, Self, TypeVar, overload, runtime_checkable

from tokenward.claims.model import Claims
from tokenward.engine.token_engine import TokenEngine
from tokenward.settings.model import TokenwardSettings
from tokenward.stores.protocol import RevocationStore

__all__ = ["SettingsEngine", "engine_from_settings"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)


@runtime_checkable
class _Closable(Protocol):
    async def aclose(self) -> None: ...


@runtime_checkable
class _HasTables(Protocol):
    async def create_tables(self) -> None: ...


class SettingsEngine(TokenEngine[ClaimsT], Generic[ClaimsT]):
    """A `TokenEngine` that opens its keys and its store from settings, and closes them.

    Made by `engine_from_settings`. Use it at once, and close it when the service stops::

        engine = engine_from_settings()

        async def lifespan(app):
            async with engine:
                await engine.create_tables()  # for an SQL store; or use Alembic
                yield

    It closes only what the settings opened. A store that you passed in stays open.
    """

    def __init__(
        self,
        settings: TokenwardSettings,
        *,
        claims_model: type[ClaimsT],
        store: RevocationStore | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        """Open the keys and the store; nothing is sent anywhere yet.

        Args:
            settings: see `TokenwardSettings`.
            claims_model: see `TokenEngine`.
            store: your own store, used instead of the one in the settings. You close it.
            clock: see `TokenEngine`.

        Raises:
            ConfigurationError: there are no keys, or the keys or the store are unusable.
        """
        keys = settings.to_keys()
        own_store = settings.to_store() if store is None else None
        options: dict[str, Any] = {} if clock is None else {"clock": clock}
        super().__init__(
            keys,
            policy=settings.to_policy(),
            claims_model=claims_model,
            store=own_store if store is None else store,
            **options,
        )

        self._store = own_store if store is None else store
        self._opened = [each for each in (keys, own_store) if isinstance(each, _Closable)]

    @property
    def store(self) -> RevocationStore | None:
        """The store of revocations, for `RevocationStore.purge`; None without one."""
        return self._store

    async def create_tables(self) -> None:
        """Create the missing tables of an SQL store; see `SqlStore.create_tables`.

        Does nothing for a store without tables, or without a store. The `aclose` of the engine
        does not remove the tables.

        Raises:
            DBAPIError: the database failed or refused.
        """
        if isinstance(self._store, _HasTables):
            await self._store.create_tables()

    async def aclose(self) -> None:
        """Close the keys and the store that the settings opened; the engine is unusable afterwards.

        If closing one of them fails, the other is closed nevertheless.
        """
        async with AsyncExitStack() as stack:
            for each in self._opened:
                stack.push_async_callback(each.aclose)

    async def __aenter__(self) -> Self:
        """Return the engine itself."""
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Close it; see `aclose`."""
        await self.aclose()


@overload
def engine_from_settings(
    settings: TokenwardSettings | None = ...,
    *,
    store: RevocationStore | None = ...,
    clock: Callable[[], float] | None = ...,
) -> SettingsEngine[Claims]: ...
@overload
def engine_from_settings(
    settings: TokenwardSettings | None = ...,
    *,
    claims_model: type[ClaimsT],
    store: RevocationStore | None = ...,
    clock: Callable[[], float] | None = ...,
) -> SettingsEngine[ClaimsT]: ...
def engine_from_settings(
    settings: TokenwardSettings | None = None,
    *,
    claims_model: type[ClaimsT] = Claims,  # type: ignore[assignment] # the overloads tell
    store: RevocationStore | None = None,
    clock: Callable[[], float] | None = None,
) -> SettingsEngine[ClaimsT]:
    """Return an engine that is configured by settings.

    Args:
        settings: by default those of the environment.
        claims_model: see `TokenEngine`.
        store: your own store, used instead of the one in the settings. You close it.
        clock: see `TokenEngine`.

    Returns:
        The engine, which works at once. ``async with engine`` (or `SettingsEngine.aclose`) closes
        the store and the keys that the settings opened.

    Raises:
        ConfigurationError: a setting is unknown, empty, invalid or contradicts another; there are
            no keys, or they are unusable. The message names the variables, and no value.
    """
    return SettingsEngine(
        TokenwardSettings() if settings is None else settings,
        claims_model=claims_model,
        store=store,
        clock=clock,
    )
