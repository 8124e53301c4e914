"""The programs that change the response to a refused request, in each framework."""

from typing import Any

import pytest

from tests.docs.frameworks import assumed_by_programs
from tests.docs.pages import block_with, run
from tokenward.testing.adapters.service import client_of


def service(framework: str, engine: Any) -> dict[str, Any]:
    """Return the app or the handler, with a guarded route, that a program of the page expects."""
    names = assumed_by_programs(framework, engine)
    auth = names["auth"]
    if framework == "fastapi":
        from fastapi import Depends

        names["app"].get("/orders", dependencies=[Depends(auth.required())])(lambda: "orders")
    elif framework == "litestar":
        from litestar import get

        names["orders"] = get("/orders", guards=[auth.required()], sync_to_thread=False)(orders)
    else:
        names["app"].get("/orders")(auth.required()(orders))
    return names


def orders() -> str:
    """Answer a request that was not refused."""
    return "orders"


@pytest.mark.parametrize(
    ("framework", "phrase"),
    [
        ("fastapi", "@app.exception_handler(TokenError)"),
        ("litestar", "exception_handlers={TokenError: refuse}"),
        ("quart", "@app.errorhandler(TokenError)"),
    ],
)
async def test_the_body_of_a_refusal(shop: Any, framework: str, phrase: str) -> None:
    """Each handler changes the body of what a guard refuses, and keeps status and challenge."""
    found = await run(block_with("refusals.md", phrase), service(framework, shop))
    async with client_of(found["app"]) as client:
        response = await client.get("/orders")

    assert response.json() == {"message": "A token is required."}
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == 'Bearer realm="api"'
