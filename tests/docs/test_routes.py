"""The programs of the page about protecting routes, in each framework."""

from importlib import import_module

import pytest

from tests.docs.frameworks import FRAMEWORKS, app_of, assumed_by_programs
from tests.docs.pages import block_with, names_of, run
from tokenward.testing.adapters.service import client_of

PAGE = "routes.md"
ROUTES = {
    "fastapi": "Depends(auth.optional())",
    "litestar": "guards=[auth.optional()]",
    "quart": "auth.get_claims()",
}


@pytest.mark.parametrize("framework", FRAMEWORKS)
async def test_each_requirement(framework):
    """Every form of `required` and `optional` works in all three frameworks."""
    names = await names_of(PAGE)
    kind = import_module(f"tokenward_{framework}").TokenAuth
    names["auth"] = kind(names["engine"])
    await run(block_with(PAGE, "# an access token\n"), names)


@pytest.mark.parametrize("framework", FRAMEWORKS)
async def test_reading_the_claims(framework):
    """A handler gets the claims of the token; under `optional` it gets none without a token."""
    names = {**await names_of(PAGE), "__name__": __name__}
    names |= assumed_by_programs(framework, names["engine"])
    await run(block_with(PAGE, ROUTES[framework]), names)
    token = await names["engine"].issue("alice", claims={"tenant": "acme"})
    headers = {"Authorization": f"Bearer {token}"}
    async with client_of(app_of(framework, names)) as client:
        assert (await client.get("/orders", headers=headers)).json() == {"tenant": "acme"}
        assert (await client.get("/orders")).status_code == 401
        answer = await client.get("/products", headers=headers)
        assert answer.json() == {"prices_for": "acme"}
        assert (await client.get("/products")).json() == {"prices_for": "everyone"}
        assert (
            await client.get("/products", headers=headers | {"Authorization": "Bearer x"})
        ).status_code == 401
