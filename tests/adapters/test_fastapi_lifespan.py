"""The lifespan of a FastAPI app that runs an engine, alone or with a lifespan of the app."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI

from tests.adapters.lifespans import send_lifespan, watched_engine
from tokenward import ConfigurationError
from tokenward_fastapi import TokenAuth

DONE = ["startup.complete", "shutdown.complete"]


@pytest.fixture
def events() -> list[str]:
    """Return the list of what happens."""
    return []


@pytest.fixture
def auth(events: list[str]) -> TokenAuth[Any]:
    """Return a `TokenAuth` whose store writes down what happens to it."""
    return TokenAuth(watched_engine(events))


async def test_an_app_runs_its_engine(events: list[str], auth: TokenAuth[Any]) -> None:
    """Also together with the checks of `init_app`, and more than once."""
    app = FastAPI(lifespan=auth.lifespan(create_tables=True))
    auth.init_app(app)
    for _ in range(2):
        assert await send_lifespan(app, "startup", "shutdown") == DONE
        assert events == ["tables", "open", "closed"]
        events.clear()


async def test_the_lifespan_of_the_app_runs_inside(events: list[str], auth: TokenAuth[Any]) -> None:
    """It finds the engine open, and the app gets its state."""

    @asynccontextmanager
    async def app_lifespan(app: FastAPI) -> AsyncIterator[dict[str, str]]:
        events.append(f"{app.title} starts")
        yield {"pool": "of the app"}
        events.append(f"{app.title} ends")

    app = FastAPI(title="app", lifespan=auth.lifespan(app_lifespan))
    state: dict[str, object] = {}
    assert await send_lifespan(app, "startup", "shutdown", state=state) == DONE
    assert events == ["open", "app starts", "app ends", "closed"]
    assert state == {"pool": "of the app"}


async def test_lifespans_of_two_engines_compose(events: list[str], auth: TokenAuth[Any]) -> None:
    """The inner one ends first."""
    others: list[str] = []
    other = TokenAuth(watched_engine(others))
    app = FastAPI(lifespan=auth.lifespan(other.lifespan(purge_every=None)))
    assert await send_lifespan(app, "startup", "shutdown") == DONE
    assert events == others == ["open", "closed"]


async def test_the_engine_is_closed_if_the_app_fails_to_start(
    events: list[str], auth: TokenAuth[Any]
) -> None:
    """The server is told."""

    @asynccontextmanager
    async def app_lifespan(app: FastAPI) -> AsyncIterator[None]:
        events.append("app starts")
        raise OSError
        yield

    app = FastAPI(lifespan=auth.lifespan(app_lifespan))
    assert await send_lifespan(app, "startup", "shutdown") == ["startup.failed"]
    assert events == ["open", "app starts", "closed"]


async def test_an_app_does_not_start_with_a_store_that_cannot_be_used(events: list[str]) -> None:
    """The store is closed."""
    auth = TokenAuth(watched_engine(events, ConfigurationError("Fix it.")))
    app = FastAPI(lifespan=auth.lifespan())
    assert await send_lifespan(app, "startup", "shutdown") == ["startup.failed"]
    assert events == ["open", "closed"]


async def test_the_engine_is_closed_if_the_app_is_cancelled(
    events: list[str], auth: TokenAuth[Any]
) -> None:
    """As a server does that stops without a shutdown event."""
    app = FastAPI(lifespan=auth.lifespan())
    replies = await send_lifespan(app, "startup")
    assert replies[0] == "startup.complete"
    assert events == ["open", "closed"]


def test_a_generator_is_refused_when_the_app_is_built(auth: TokenAuth[Any]) -> None:
    """The fix is named."""

    async def app_lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield

    with pytest.raises(ConfigurationError, match="write @asynccontextmanager above it"):
        auth.lifespan(app_lifespan)  # type: ignore[call-overload]


async def test_a_wrong_interval_is_refused_when_the_app_starts(auth: TokenAuth[Any]) -> None:
    """As by the engine."""
    app = FastAPI(lifespan=auth.lifespan(purge_every=timedelta(0)))
    assert await send_lifespan(app, "startup", "shutdown") == ["startup.failed"]
