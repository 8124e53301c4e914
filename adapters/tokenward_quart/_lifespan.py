"""`TokenAuth.lifespan`: the engine runs for as long as the app does."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Generic, TypeVar

from quart import Quart, current_app
from quart.signals import got_serving_exception

from tokenward import Claims
from tokenward.http import Authenticator
from tokenward_quart._connection import unwrap_proxy

__all__ = ["LifespanMethod"]

ClaimsT = TypeVar("ClaimsT", bound=Claims)


class LifespanMethod(Generic[ClaimsT]):
    """The method `lifespan` of `TokenAuth`, whose constructor sets the attribute."""

    authenticator: Authenticator[ClaimsT]

    def lifespan(
        self, *, create_tables: bool = False, purge_every: timedelta | None = timedelta(hours=1)
    ) -> Callable[[], AsyncGenerator[None, None]]:
        """Return a function for ``app.while_serving`` that runs the engine; see `TokenEngine.running`.

        ::

            app.while_serving(auth.lifespan())

        Register it before your own such functions, which then find the engine open; before Quart
        0.22, which ends them in the order in which they began, not in the part after their
        ``yield``. Quart calls ``before_serving`` functions earlier than all of them. If one of them
        fails at the start, the engine is closed.

        Args:
            create_tables: create the missing tables of an `SqlStore` at the start.
            purge_every: the time between two purges of the store; None: no purges.
        """
        engine = self.authenticator.engine

        async def run() -> AsyncGenerator[None, None]:
            async with AsyncExitStack() as stack:

                async def close(_app: Quart, **_: object) -> None:
                    await stack.aclose()

                # After a failed start, Quart continues none of the functions that it has begun.
                got_serving_exception.connect(close, unwrap_proxy(current_app))
                running = engine.running(create_tables=create_tables, purge_every=purge_every)
                await stack.enter_async_context(running)
                yield

        return run
