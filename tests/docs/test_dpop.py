"""The programs of the page about DPoP."""

from importlib import import_module
from typing import Annotated

import httpx
import pytest
from fastapi import Depends, FastAPI
from fastapi.testclient import TestClient

from tests.docs.frameworks import FRAMEWORKS, app_with, bearer
from tests.docs.pages import ROOT, block_with, run, run_with
from tests.support import SECRET
from tokenward import Claims
from tokenward.testing import DpopClient
from tokenward.tokens import ProvenKey

PAGE = "dpop.md"
URL = "https://api.example"
ROWS = (
    '`required(dpop="required")`',
    "`required()`, with `TokenAuth(dpop=...)`",
    "`required()`, without",
)


def table():
    """Return the answers of the page by route: to a bound token, to one without proof, to a free one."""
    lines = (ROOT / "docs" / PAGE).read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    return [[cell.split()[0] for cell in row[1:]] for row in cells if row and row[0] in ROWS]


async def names_for(framework):
    """Run the first program of the page with the adapter of a framework."""
    kind = import_module(f"tokenward_{framework}").TokenAuth
    return await run_with(block_with(PAGE, "only bound tokens"), {}, TokenAuth=kind)


def client_of(app):
    """Return a client that sends requests to the public URL of the page."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=URL)


@pytest.mark.parametrize("framework", FRAMEWORKS)
async def test_the_table_of_the_page(framework):
    """Each route answers as its row says."""
    names = await names_for(framework)
    engine, auth = names["engine"], names["auth"]
    guards = {"/bound": auth.required(dpop="required"), "/any": auth.required()}
    other = type(auth)(engine)
    client = DpopClient(URL)
    bound = await engine.issue("alice", bound_to=ProvenKey(jkt=client.thumbprint))
    free = await engine.issue("alice")
    rows = []
    for app, path in (
        *((app_with(framework, auth, guards), path) for path in guards),
        (app_with(framework, other, {"/any": other.required()}), "/any"),
    ):
        requests = client.headers("GET", path, bound), bearer(bound), bearer(free)
        async with client_of(app) as http:
            statuses = [(await http.get(path, headers=each)).status_code for each in requests]
        rows.append([{200: "accepted", 401: "refused"}[each] for each in statuses])
    assert rows == table()


@pytest.fixture
async def app():
    """Return the app of the page with a login, a refresh and a route for bound tokens."""
    names = await names_for("fastapi")
    app, auth = FastAPI(), names["auth"]
    auth.init_app(app)

    async def user_of(request):
        return "alice"

    given = {**names, "app": app, "user_of": user_of, "__name__": __name__}
    await run(block_with(PAGE, "bound_to=await auth.proven_key"), given)

    @app.get("/orders")
    async def orders(claims: Annotated[Claims, Depends(auth.required(dpop="required"))]) -> str:
        return claims.sub

    app.state.names = names
    return app


async def test_the_login_and_the_refresh(app):
    """With a proof both tokens are bound; a refresh needs the same key. Without one they are free."""
    client = DpopClient(URL)
    async with client_of(app) as http:
        proof = {"DPoP": client.proof("POST", "/login")}
        pair = (await http.post("/login", headers=proof)).json()
        assert pair["token_type"] == "DPoP"
        assert (await http.post("/login")).json()["token_type"] == "Bearer"

        stranger = DpopClient(URL).headers("POST", "/refresh", pair["refresh_token"])
        assert (await http.post("/refresh", headers=stranger)).status_code == 401
        headers = client.headers("POST", "/refresh", pair["refresh_token"])
        answer = await http.post("/refresh", headers=headers)
        assert answer.headers["cache-control"] == "no-store"
        headers = client.headers("GET", "/orders", answer.json()["access_token"])
        assert (await http.get("/orders", headers=headers)).json() == "alice"


async def test_the_nonces(monkeypatch):
    """The first request gets the nonce, and the second one is accepted with it."""
    monkeypatch.setenv("DPOP_NONCE_SECRET", SECRET)
    names = await names_for("fastapi")
    names = await run(block_with(PAGE, "DPOP_NONCE_SECRET"), names)
    auth = type(names["auth"])(names["engine"], dpop=names["dpop"])
    client = DpopClient(URL)
    token = await names["engine"].issue("alice", bound_to=ProvenKey(jkt=client.thumbprint))
    async with client_of(app_with("fastapi", auth, {"/": auth.required()})) as http:
        refused = await http.get("/", headers=client.headers("GET", "/", token))
        assert (refused.status_code, refused.json()["code"]) == (401, "dpop_nonce_required")
        headers = client.headers("GET", "/", token, nonce=refused.headers["DPoP-Nonce"])
        assert (await http.get("/", headers=headers)).status_code == 200


def test_the_programs_that_test_an_app(app):
    """A test client is logged in with a key, and a `DpopClient` makes the headers of one request."""
    names = app.state.names
    given = {**names, "client": TestClient(app, base_url=URL)}
    exec(block_with(PAGE, "dpop=True):\n    assert"), given)  # noqa: S102 - our own document
    exec(block_with(PAGE, "headers = client.headers("), given)  # noqa: S102 - our own document
    assert set(given["headers"]) == {"Authorization", "DPoP"}
