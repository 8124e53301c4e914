"""A function of a Quart app that runs an engine while the app serves."""

import asyncio
from collections.abc import AsyncGenerator
from importlib.metadata import version
from typing import Any

import pytest
from quart import Quart

from tests.adapters.lifespans import send_lifespan, watched_engine
from tokenward import ConfigurationError
from tokenward_quart import TokenAuth

VERSION = tuple(int(each) for each in version("quart").split(".")[:2])
DONE = ["startup.complete", "shutdown.complete"]


@pytest.fixture
def events() -> list[str]:
    """Return the list of what happens."""
    return []


def app_of(events: list[str], fault: ConfigurationError | None = None, **options: Any) -> Quart:
    """Return an app that runs its engine."""
    auth = TokenAuth(watched_engine(events, fault))
    app = Quart(__name__)
    auth.init_app(app)
    app.while_serving(auth.lifespan(**options))
    return app


async def test_an_app_runs_its_engine_around_its_later_functions(events: list[str]) -> None:
    """Those that are registered after it find the engine open; before Quart 0.22 not at their end."""
    app = app_of(events, create_tables=True)

    @app.while_serving
    async def serve() -> AsyncGenerator[None, None]:
        events.append("app starts")
        yield
        events.append("app ends")

    assert await send_lifespan(app, "startup", "shutdown") == DONE
    ends = ["app ends", "closed"] if VERSION >= (0, 22) else ["closed", "app ends"]
    assert events == ["tables", "open", "app starts", *ends]


async def test_the_engine_is_closed_if_the_app_fails_to_start(events: list[str]) -> None:
    """At once, although Quart continues none of the functions that it has begun."""
    app = app_of(events, purge_every=None)

    @app.while_serving
    async def serve() -> AsyncGenerator[None, None]:
        events.append("app starts")
        raise OSError
        yield

    assert (await send_lifespan(app, "startup"))[0] == "startup.failed"
    assert events == ["open", "app starts", "closed"]


async def test_another_app_that_fails_closes_nothing_of_this_one(events: list[str]) -> None:
    """Each engine listens to its own app."""
    app, other = app_of(events), Quart("other")

    @other.before_serving
    async def fail() -> None:
        raise OSError

    await app.startup()
    with pytest.raises(OSError):  # noqa: PT011 - of the function above
        await other.startup()
    assert events == ["open"]
    await app.shutdown()
    assert events == ["open", "closed"]


async def test_an_app_does_not_start_with_a_store_that_cannot_be_used(events: list[str]) -> None:
    """The store is closed."""
    app = app_of(events, ConfigurationError("Fix it."))
    assert (await send_lifespan(app, "startup"))[0] == "startup.failed"
    assert events == ["open", "closed"]


def test_the_engine_is_closed_if_the_app_is_cancelled(events: list[str]) -> None:
    """When the event loop ends, because Quart itself ends nothing then."""
    app = app_of(events)
    assert asyncio.run(send_lifespan(app, "startup")) == ["startup.complete"]
    assert events == ["open", "closed"]
