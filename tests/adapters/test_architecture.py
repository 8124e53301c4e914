"""docs/architecture.md follows a request through FastAPI as it is."""

from typing import Annotated

import httpx
import pytest

from tests.adapters.adapters import WANTED
from tests.architecture import functions_in, missing_calls, recorded_calls, section
from tests.support import engine_with
from tokenward import Claims, TokenEngine

pytestmark = pytest.mark.skipif("fastapi" not in WANTED, reason="the page follows FastAPI")


def client_of(engine: TokenEngine[Claims]) -> httpx.AsyncClient:
    """Return a client of the app that the page describes."""
    from fastapi import Depends, FastAPI

    from tokenward_fastapi import TokenAuth

    app = FastAPI()
    auth = TokenAuth(engine)
    auth.init_app(app)

    @app.get("/orders")
    async def orders(
        claims: Annotated[Claims, Depends(auth.required(scopes=["orders:read"]))],
    ) -> str:
        return claims.sub

    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop")


async def test_a_request_passes_through_the_functions_on_the_page(clock) -> None:
    """The functions of the table are called, in the order of the table."""
    engine = engine_with(clock)
    engine.after_decode(lambda _: None)
    token = await engine.issue("alice", scopes=["orders:read"])
    async with client_of(engine) as client:
        with recorded_calls() as calls:
            answer = await client.get("/orders", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    expected = functions_in(section("## Follow a request").partition("### Follow a refusal")[0])
    assert len(expected) > 10
    assert missing_calls(expected, calls) == []


async def test_a_refusal_passes_through_the_functions_on_the_page(clock) -> None:
    """The functions of the second table are called, in the order of the table."""
    async with client_of(engine_with(clock)) as client:
        with recorded_calls() as calls:
            answer = await client.get("/orders", headers={"Authorization": "Bearer none"})
    assert answer.status_code == 401
    expected = functions_in(section("### Follow a refusal"))
    assert len(expected) > 3
    assert missing_calls(expected, calls) == []
