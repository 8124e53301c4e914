"""The lifespan of a Litestar app that runs an engine."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from litestar import Litestar

from tests.adapters.lifespans import send_lifespan, watched_engine
from tokenward import ConfigurationError
from tokenward_litestar import TokenAuth

DONE = ["startup.complete", "shutdown.complete"]


@pytest.fixture
def events() -> list[str]:
    """Return the list of what happens."""
    return []


@pytest.fixture
def auth(events: list[str]) -> TokenAuth[Any]:
    """Return a `TokenAuth` whose store writes down what happens to it."""
    return TokenAuth(watched_engine(events))


def lifespan_of(events: list[str], error: Exception | None = None) -> Any:
    """Return a lifespan of the app, which may fail."""

    @asynccontextmanager
    async def app_lifespan(app: Litestar) -> AsyncIterator[None]:
        events.append("app starts")
        if error is not None:
            raise error
        yield
        events.append("app ends")

    return app_lifespan


async def test_an_app_runs_its_engine_around_its_later_lifespans(
    events: list[str], auth: TokenAuth[Any]
) -> None:
    """The plugin alone neither opens nor closes anything; an app may run more than once."""
    app = Litestar(
        plugins=[auth], lifespan=[auth.lifespan(create_tables=True), lifespan_of(events)]
    )
    for _ in range(2):
        assert await send_lifespan(app, "startup", "shutdown") == DONE
        assert events == ["tables", "open", "app starts", "app ends", "closed"]
        events.clear()
    assert await send_lifespan(Litestar(plugins=[auth]), "startup", "shutdown") == DONE
    assert events == []


async def test_the_engine_is_closed_if_the_app_fails_to_start(
    events: list[str], auth: TokenAuth[Any]
) -> None:
    """In a later lifespan, or in an ``on_startup`` hook."""

    async def fail() -> None:
        raise OSError

    for options in ({"lifespan": [lifespan_of(events, OSError())]}, {"on_startup": [fail]}):
        events.clear()
        more: Any = options.get("lifespan", [])
        hooks: Any = options.get("on_startup", [])
        app = Litestar(
            plugins=[auth], lifespan=[auth.lifespan(purge_every=None), *more], on_startup=hooks
        )
        assert await send_lifespan(app, "startup", "shutdown") == ["startup.failed"]
        assert (events[0], events[-1]) == ("open", "closed")


async def test_an_app_does_not_start_with_a_store_that_cannot_be_used(events: list[str]) -> None:
    """The store is closed."""
    auth = TokenAuth(watched_engine(events, ConfigurationError("Fix it.")))
    app = Litestar(plugins=[auth], lifespan=[auth.lifespan()])
    assert await send_lifespan(app, "startup", "shutdown") == ["startup.failed"]
    assert events == ["open", "closed"]


async def test_the_engine_is_closed_if_the_app_is_cancelled(
    events: list[str], auth: TokenAuth[Any]
) -> None:
    """As a server does that stops without a shutdown event."""
    app = Litestar(plugins=[auth], lifespan=[auth.lifespan()])
    replies = await send_lifespan(app, "startup")
    assert replies[0] == "startup.complete"
    assert events == ["open", "closed"]
