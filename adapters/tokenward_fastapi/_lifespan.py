"""`TokenAuth.lifespan`: the engine runs for as long as the app does."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from inspect import isasyncgenfunction
from typing import Any, Generic, TypeVar, overload

from fastapi import FastAPI

from tokenward import Claims, ConfigurationError
from tokenward.http import Authenticator

__all__ = ["LifespanMethod"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)
StateT = TypeVar("StateT")


class LifespanMethod(Generic[ClaimsT]):
    """The method `lifespan` of `TokenAuth`, whose constructor sets the attribute."""

    authenticator: Authenticator[ClaimsT]

    @overload
    def lifespan(
        self, *, create_tables: bool = ..., purge_every: timedelta | None = ...
    ) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]: ...
    @overload
    def lifespan(
        self,
        app_lifespan: Callable[[FastAPI], AbstractAsyncContextManager[StateT]],
        *,
        create_tables: bool = ...,
        purge_every: timedelta | None = ...,
    ) -> Callable[[FastAPI], AbstractAsyncContextManager[StateT]]: ...
    def lifespan(
        self,
        app_lifespan: Callable[[FastAPI], AbstractAsyncContextManager[Any]] | None = None,
        *,
        create_tables: bool = False,
        purge_every: timedelta | None = timedelta(hours=1),
    ) -> Callable[[FastAPI], AbstractAsyncContextManager[Any]]:
        """Return the lifespan of an app that runs the engine; see `TokenEngine.running`.

        ::

            FastAPI(lifespan=auth.lifespan())
            FastAPI(lifespan=auth.lifespan(app_lifespan))

        Args:
            app_lifespan: your own lifespan, which runs inside, with the engine open. The app gets
                its state. It may be that of another `TokenAuth`.
            create_tables: create the missing tables of an `SqlStore` at the start.
            purge_every: the time between two purges of the store; None: no purges.

        Raises:
            ConfigurationError: `app_lifespan` is a generator without ``@asynccontextmanager``.
        """
        if isasyncgenfunction(app_lifespan):
            msg = "app_lifespan must be a context manager: write @asynccontextmanager above it."
            raise ConfigurationError(msg)
        engine = self.authenticator.engine

        @asynccontextmanager
        async def run(app: FastAPI) -> AsyncIterator[Any]:
            async with engine.running(create_tables=create_tables, purge_every=purge_every):
                if app_lifespan is None:
                    yield None
                else:
                    async with app_lifespan(app) as state:
                        yield state

        return run
