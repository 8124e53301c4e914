"""The programs of the page about introspection and revocation."""

import httpx

from tests.docs.pages import PAGES, blocks_of, run
from tests.support import engine_with
from tokenward.testing.adapters.service import bearer, client_of
from tokenward_fastapi import TokenAuth

PAGE = "introspection-and-revocation.md"


async def test_the_programs_run(clock, monkeypatch):
    """A caller with a password and a caller with a token are let in, others are not."""
    from fastapi import FastAPI

    secret = "a password of the orders service"
    monkeypatch.setenv("ORDERS_API_SECRET", secret)
    engine, app = engine_with(clock), FastAPI()
    names = {"engine": engine, "app": app, "auth": TokenAuth(engine)}
    (path,) = [each for each in PAGES if each.name == PAGE]
    for block in blocks_of(path):
        await run(block, names)

    data = {"token": await engine.issue("alice")}
    tokens = [await engine.issue("svc", scopes=scopes) for scopes in (["introspect"], [])]
    async with client_of(app) as client:
        auth = httpx.BasicAuth("orders-api", secret.replace(" ", "+"))
        answers = [
            await client.post("/introspect", data=data, auth=auth),
            await client.post("/introspect", data=data),
            *[
                await client.post("/internal/introspect", data=data, headers=list(bearer(token)))
                for token in tokens
            ],
            await client.post("/revoke", data=data, auth=auth),
            await client.post("/introspect", data=data, auth=auth),
        ]
    assert [each.status_code for each in answers] == [200, 401, 200, 403, 200, 200]
    assert answers[0].json()["active"] is answers[2].json()["active"] is True
    assert answers[-1].json() == {"active": False}
