"""The programs of the page about starting and stopping a service."""

import pytest
from fastapi.testclient import TestClient

from tests.adapters.lifespans import send_lifespan, watched_engine
from tests.docs.pages import block_with, run

DONE = ["startup.complete", "shutdown.complete"]


@pytest.mark.parametrize("framework", ["fastapi", "litestar", "quart"])
async def test_each_app_opens_and_closes_its_engine(framework):
    """In each framework, with tables."""
    events = []
    block = block_with("running.md", f"from tokenward_{framework}")
    names = await run(block, {"__name__": __name__, "engine": watched_engine(events)})
    assert await send_lifespan(names["app"], "startup", "shutdown") == DONE
    assert events == ["tables", "open", "closed"]


async def test_a_program_without_a_framework_does_the_same():
    """It serves in between."""
    events = []

    async def serve():
        events.append("serves")

    names = {"engine": watched_engine(events), "serve": serve}
    await run(block_with("running.md", "await serve()"), names)
    assert events == ["tables", "open", "serves", "closed"]


async def test_the_readiness_probe_answers():
    """200 with a store that works, 503 in an outage."""
    events = []
    engine = watched_engine(events)
    names = await run(
        block_with("running.md", "from tokenward_fastapi"), {"engine": engine, "__name__": __name__}
    )
    await run(block_with("running.md", "/ready"), names)
    client = TestClient(names["app"])
    assert client.get("/ready").json() == {"status": "ready"}
    engine.store.fault = OSError()
    answer = client.get("/ready")
    assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
