"""The page about several tenants: a token of one tenant opens nothing of another."""

from importlib import import_module

import pytest

from tests.docs import frameworks
from tests.docs.frameworks import FRAMEWORKS, app_with, bearer
from tests.docs.pages import block_with, names_of, run
from tokenward import Key, KeyRing, MemoryStore, TokenEngine, TokenPolicy
from tokenward.testing.adapters.service import client_of

PAGE = "tenants.md"
COMPARED = {
    "fastapi": "async def tenant_claims(",
    "litestar": '@get("/{tenant:str}/orders"',
    "quart": '@app.get("/<tenant>/orders")',
}


@pytest.fixture(params=["a key for each", "one key for all"])
def rings(request):
    """Return the keys of two tenants, which are different or the same."""
    shared = KeyRing(Key.generate())
    if request.param == "one key for all":
        return {"acme": shared, "globex": shared}
    return {"acme": shared, "globex": KeyRing(Key.generate())}


async def tenants(framework, rings):
    """Return the names of the page until the engines of the tenants."""
    names = await names_of(PAGE, rings=rings, store=MemoryStore())
    return names | {"TokenAuth": import_module(f"tokenward_{framework}").TokenAuth}


async def stranger(rings):
    """Return a token that the keys of acme have signed for a tenant that does not exist."""
    policy = TokenPolicy(issuer="https://initech.shop.example", audience="shop-api")
    return await TokenEngine(rings["acme"], policy=policy).issue("alice")


async def ask(app, path, token, host="shop.example"):
    """Return status, and the code of a refusal or the body of another response."""
    async with client_of(app) as client:
        response = await client.get(path, headers={**bearer(token), "Host": host})
    if response.headers.get("content-type") != "application/json":
        return response.status_code, None
    return response.status_code, response.json().get("code", response.json())


@pytest.mark.parametrize("framework", FRAMEWORKS)
async def test_the_tenant_of_the_token(rings, framework):
    """Each token is verified by the engine of its tenant, and an unknown tenant is refused."""
    names = await tenants(framework, rings)
    auth = (await run(block_with(PAGE, "Issuers(*engines"), names))["auth"]
    app = app_with(framework, auth, {"/orders": auth.required()})
    for engine in names["engines"].values():
        assert (await ask(app, "/orders", await engine.issue("bob")))[0] == 200
    assert await ask(app, "/orders", await stranger(rings)) == (401, "issuer_invalid")


async def test_a_tenant_cannot_name_another_one(rings):
    """A token that acme's keys signed with the issuer of globex is refused, unless they are one key."""
    names = await tenants("fastapi", rings)
    auth = (await run(block_with(PAGE, "Issuers(*engines"), names))["auth"]
    app = app_with("fastapi", auth, {"/orders": auth.required()})
    forger = TokenEngine(rings["acme"], policy=names["engines"]["globex"].policy)
    status, _ = await ask(app, "/orders", await forger.issue("bob"))
    assert status == (200 if rings["acme"] is rings["globex"] else 401)


async def test_tenants_share_no_records(rings):
    """Alice of acme logs out everywhere; alice of globex stays logged in."""
    engines = (await tenants("fastapi", rings))["engines"]
    tokens = {tenant: await engine.issue("alice") for tenant, engine in engines.items()}
    await engines["acme"].revoke_subject("alice")
    assert (await engines["globex"].decode(tokens["globex"])).sub == "alice"


@pytest.mark.parametrize("framework", FRAMEWORKS)
async def test_the_tenant_of_the_url_is_compared(rings, framework):
    """A token of acme opens no URL of globex, and no URL of an unknown tenant."""
    names = await tenants(framework, rings)
    names = await run(block_with(PAGE, "Issuers(*engines"), names)
    if framework != "litestar":
        names["app"] = app_with(framework, names["auth"], {})
    names = await run(block_with(PAGE, COMPARED[framework]), names)
    app = frameworks.app_of(framework, names)
    token = await names["engines"]["acme"].issue("bob")

    assert await ask(app, "/acme/orders", token) == (200, {"orders_of": "bob"})
    for tenant in ("globex", "initech", "ACME", "acme.shop.example"):
        assert await ask(app, f"/{tenant}/orders", token) == (403, "permission_denied")
    assert (await ask(app, "/initech/orders", await stranger(rings)))[0] == 401


async def test_one_app_for_each_tenant(rings):
    """By host and by path, each app knows only the tokens of its tenant."""
    names = await tenants("fastapi", rings)
    names = await run(block_with(PAGE, "by_host = Router"), names)
    names = await run(block_with(PAGE, "by_path = Router"), names)
    token = await names["engines"]["acme"].issue("bob")
    body = {"orders_of": "bob"}
    code = "issuer_invalid" if rings["acme"] is rings["globex"] else "key_unknown"

    by_host, by_path = names["by_host"], names["by_path"]
    assert await ask(by_host, "/orders", token, "acme.shop.example") == (200, body)
    assert await ask(by_host, "/orders", token, "acme.shop.example:8000") == (200, body)
    assert await ask(by_host, "/orders", token, "globex.shop.example") == (401, code)
    for host in ("initech.shop.example", "shop.example", "acme.shop.example.evil.example"):
        assert (await ask(by_host, "/orders", token, host))[0] == 404
    assert await ask(by_path, "/acme/orders", token) == (200, body)
    assert await ask(by_path, "/globex/orders", token) == (401, code)
    assert (await ask(by_path, "/initech/orders", token))[0] == 404


async def test_one_api_behind_a_middleware_for_each_tenant(rings):
    """The sentence about apps without guards: the middleware knows the engine of its host."""
    from starlette.responses import JSONResponse
    from starlette.routing import Host, Route, Router

    from tokenward.http import Authenticator, TokenMiddleware

    engines = (await tenants("fastapi", rings))["engines"]

    async def orders(request):
        return JSONResponse({"tenant": request.state.claims.iss})

    api = Router([Route("/orders", orders)])
    app = Router(
        [
            Host(f"{tenant}.shop.example", TokenMiddleware(api, Authenticator(engine)))
            for tenant, engine in engines.items()
        ]
    )
    token = await engines["acme"].issue("bob")
    assert (await ask(app, "/orders", token, "acme.shop.example"))[0] == 200
    assert (await ask(app, "/orders", token, "globex.shop.example"))[0] == 401
