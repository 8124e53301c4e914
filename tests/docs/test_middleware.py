"""The program of the page about middleware that protects any app; tests/adapters has that of FastAPI."""

import pytest

from tests.docs.frameworks import FRAMEWORKS, app_with, assumed_by_programs, bearer
from tests.docs.pages import block_with, run
from tests.support import engine_with
from tokenward.testing.adapters.service import client_of


@pytest.mark.parametrize("framework", FRAMEWORKS)
async def test_the_middleware_in_front_of_an_app(clock, framework):
    """Every path needs a token, also one that does not exist."""
    engine = engine_with(clock)
    names = assumed_by_programs(framework, engine)
    auth = names["auth"]
    names["app"] = app_with(framework, auth, {"/me": auth.required()})
    app = (await run(block_with("middleware.md", "protected = TokenMiddleware"), names))[
        "protected"
    ]
    token = bearer(await engine.issue("alice"))
    async with client_of(app) as client:
        assert (await client.get("/none")).json()["code"] == "token_missing"
        assert (await client.get("/none", headers=token)).status_code == 404
        assert (await client.get("/me", headers=token)).json() == {"sub": "alice"}
