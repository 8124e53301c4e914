"""The programs of the page about acting for a user, in each framework."""

from importlib import import_module

import pytest

from tests.docs.frameworks import FRAMEWORKS, app_with, bearer
from tests.docs.pages import ROOT, block_with, run, run_with
from tokenward.claims import Actor
from tokenward.http import Authenticator, Requirement
from tokenward.testing.adapters.service import client_of

PAGE = "delegation.md"
RULES = {
    "required()": None,
    'required(actor=["orders-api"])': ["orders-api"],
    "required(actor=True)": True,
    "required(actor=False)": False,
}


def table():
    """Return the answers of the page by route: without an actor, with orders-api, with another."""
    lines = (ROOT / "docs" / PAGE).read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip(" `") for cell in line.split("|")[1:-1]] for line in lines]
    return {row[0]: row[1:] for row in cells if row and row[0] in RULES}


@pytest.mark.parametrize("framework", FRAMEWORKS)
async def test_the_table_of_the_page(framework):
    """Each route answers as its row says."""
    kind = import_module(f"tokenward_{framework}").TokenAuth
    names = await run_with(block_with(PAGE, "actor=False"), {}, TokenAuth=kind)
    auth, engine = names["auth"], names["engine"]
    paths = {f"/{number}": rule for number, rule in enumerate(RULES.values())}
    app = app_with(framework, auth, {path: auth.required(actor=paths[path]) for path in paths})
    actors = (None, Actor(sub="orders-api"), Actor(sub="billing-api"))
    tokens = [await engine.issue("alice", actor=actor) for actor in actors]

    rows = []
    async with client_of(app) as client:
        for path in paths:
            answers = [await client.get(path, headers=bearer(token)) for token in tokens]
            rows.append(
                ["accepted" if each.is_success else str(each.status_code) for each in answers]
            )
    assert dict(zip(RULES, rows, strict=True)) == table()


async def test_a_token_that_a_service_sends_on(engine):
    """It names the service and the actor before it, and grants less for a shorter time."""
    names = await run(block_with(PAGE, "token_for_stock"), {"engine": engine})
    actor = Actor(sub="shop-page")
    token = await engine.issue("alice", scopes=["stock:read", "admin"], actor=actor)
    caller = await Authenticator(engine).verify(token, Requirement())
    claims = await engine.decode(await names["token_for_stock"](caller))

    assert claims.act.members() == {"sub": "orders-api", "act": {"sub": "shop-page"}}
    assert (claims.sub, claims.scope, claims.exp - claims.iat) == ("alice", "stock:read", 60)
