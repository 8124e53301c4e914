"""`TokenAuth.lifespan`: the engine runs for as long as the app does."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import Generic, TypeVar

from litestar import Litestar

from tokenward import Claims
from tokenward.http import Authenticator

__all__ = ["LifespanMethod"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)


class LifespanMethod(Generic[ClaimsT]):
    """The method `lifespan` of `TokenAuth`, whose constructor sets the attribute."""

    authenticator: Authenticator[ClaimsT]

    def lifespan(
        self, *, create_tables: bool = False, purge_every: timedelta | None = timedelta(hours=1)
    ) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
        """Return a lifespan of an app that runs the engine; see `TokenEngine.running`.

        ::

            Litestar(plugins=[auth], lifespan=[auth.lifespan()])

        The app enters its lifespans in order: those after this one find the engine open. Litestar
        calls ``on_shutdown`` hooks after all of them have ended.

        Args:
            create_tables: create the missing tables of an `SqlStore` at the start.
            purge_every: the time between two purges of the store; None: no purges.
        """
        engine = self.authenticator.engine

        @asynccontextmanager
        async def run(_app: Litestar) -> AsyncIterator[None]:
            async with engine.running(create_tables=create_tables, purge_every=purge_every):
                yield

        return run
