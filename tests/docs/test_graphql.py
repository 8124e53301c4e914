"""The recipes for GraphQL, in FastAPI and with the core alone."""

import asyncio
import json
from datetime import timedelta

import pytest

from tests.docs.frameworks import bearer
from tests.docs.pages import block_with, run
from tokenward.testing.adapters.service import client_of
from tokenward.testing.adapters.websocket_client import open_websocket
from tokenward_fastapi import TokenAuth

PAGE = "graphql.md"
PROTOCOL = "graphql-transport-ws"
QUERY = {"query": "{ orders }"}
SUBSCRIPTION = {"query": "subscription { newOrders }"}


async def schema_names(engine):
    """Return the names of the page until the schema."""

    async def orders_of(subject):
        number = 0
        while number < 2 or subject == "endless":
            yield f"{subject} {number}"
            number += 1
            await asyncio.sleep(0)

    names = {"engine": engine, "orders_of": orders_of, "__name__": __name__}
    names["tiny"] = timedelta(microseconds=1)
    block = block_with(PAGE, "import strawberry\n").replace(
        "orders_of(claims.sub))", "orders_of(claims.sub), check_every=tiny)"
    )
    return await run(block, names)


@pytest.fixture(params=["FastAPI", "core"])
async def app(request, engine):
    """Return the app of the page."""
    names = await schema_names(engine)
    if request.param == "core":
        return (await run(block_with(PAGE, "class ShopGraphQL"), names))["app"]
    names["auth"] = TokenAuth(engine)
    return (await run(block_with(PAGE, "import GraphQLRouter"), names))["app"]


async def token_of(engine, *scopes, subject="alice"):
    """Return a token."""
    return await engine.issue(subject, scopes=scopes)


async def test_a_request_needs_a_token(app, engine):
    """The refusals are those of every other route, also for the page of the explorer."""
    async with client_of(app) as client:
        for response in (
            await client.post("/graphql", json=QUERY),
            await client.get("/graphql", headers={"Accept": "text/html"}),
            await client.post("/graphql", content=b"{", headers={"Content-Type": "text/plain"}),
        ):
            assert (response.status_code, response.json()["code"]) == (401, "token_missing")
            assert response.headers["www-authenticate"] == 'Bearer realm="api"'
        token = await token_of(engine)
        await engine.revoke(token)
        response = await client.post("/graphql", json=QUERY, headers=bearer(token))
        assert response.json()["code"] == "token_revoked"


async def test_a_field_needs_a_scope(app, engine):
    """A token without the scope gets an error of GraphQL with its code."""
    async with client_of(app) as client:
        weak, strong = await token_of(engine), await token_of(engine, "orders:read")
        refused = await client.post("/graphql", json=QUERY, headers=bearer(weak))
        answer = await client.post("/graphql", json=QUERY, headers=bearer(strong))
    assert refused.json()["data"] is None
    assert refused.json()["errors"][0]["extensions"] == {"code": "insufficient_scope"}
    assert answer.json() == {"data": {"orders": ["alice 0", "alice 1"]}}


def message(kind, **members):
    """Return a message of the protocol graphql-transport-ws."""
    return json.dumps({"type": kind, **members})


@pytest.fixture
async def core_app(engine):
    """Return the app with the core alone."""
    return (await run(block_with(PAGE, "class ShopGraphQL"), await schema_names(engine)))["app"]


async def talk(app, *messages, headers=()):
    """Open a WebSocket, send messages, and return what the app did."""
    return await open_websocket(
        app,
        "/graphql",
        headers=headers,
        subprotocols=[PROTOCOL],
        messages=messages,
    )


def results_of(outcome):
    """Return the data, and the errors, of the results in a WebSocket."""
    parsed = [json.loads(each) for each in outcome.messages]
    return [each["payload"] for each in parsed if each["type"] in {"next", "error"}]


async def test_a_subscription_with_the_token_in_the_first_message(core_app, engine):
    """The events arrive; without the scope there is an error."""
    subscribe = message("subscribe", id="1", payload=SUBSCRIPTION)
    init = message("connection_init", payload={"token": await token_of(engine, "orders:read")})
    outcome = await talk(core_app, init, subscribe)
    assert [each["data"] for each in results_of(outcome)] == [
        {"newOrders": "alice 0"},
        {"newOrders": "alice 1"},
    ]
    init = message("connection_init", payload={"token": await token_of(engine)})
    (errors,) = results_of(await talk(core_app, init, subscribe))
    assert errors[0]["extensions"] == {"code": "insufficient_scope"}


@pytest.mark.parametrize(
    "params", [{}, {"token": None}, {"token": 5}, {"token": ["a"]}, {"token": "x"}]
)
async def test_a_websocket_without_a_token_is_closed(core_app, params):
    """Before any operation; also if the client does not wait, or sends no first message."""
    subscribe = message("subscribe", id="1", payload=SUBSCRIPTION)
    outcome = await talk(core_app, message("connection_init", payload=params), subscribe)
    assert (outcome.close_code, outcome.messages) == (4403, [])
    outcome = await talk(core_app, subscribe)
    assert (outcome.close_code, outcome.messages) == (4401, [])


async def test_a_websocket_of_fastapi_needs_a_token_in_the_handshake(engine):
    """The dependency protects the handshake."""
    names = {**await schema_names(engine), "auth": TokenAuth(engine)}
    app = (await run(block_with(PAGE, "import GraphQLRouter"), names))["app"]
    subscribe = message("subscribe", id="1", payload=SUBSCRIPTION)
    refused = await talk(app, message("connection_init"), subscribe)
    assert (refused.accepted, refused.status) == (False, 401)
    token = await token_of(engine, "orders:read")
    headers = [(b"authorization", f"Bearer {token}".encode())]
    outcome = await talk(app, message("connection_init"), subscribe, headers=headers)
    assert len(results_of(outcome)) == 2


async def test_a_subscription_ends_with_its_token(core_app, engine, clock):
    """And no operation begins after it."""
    sent, received = asyncio.Queue(), asyncio.Queue()
    scope = {
        "type": "websocket",
        "path": "/graphql",
        "headers": [],
        "query_string": b"",
        "subprotocols": [PROTOCOL],
    }
    running = asyncio.create_task(core_app(scope, sent.get, received.put))

    async def next_with(text):
        while text not in (found := (await received.get()).get("text", "")):
            pass
        return found

    async def send(text):
        await sent.put({"type": "websocket.receive", "text": text})

    token = await token_of(engine, "orders:read", subject="endless")
    async with asyncio.timeout(60):
        await sent.put({"type": "websocket.connect"})
        await send(message("connection_init", payload={"token": token}))
        await send(message("subscribe", id="1", payload=SUBSCRIPTION))
        await next_with("endless 0")
        clock.advance(900)
        await next_with("complete")
        await send(message("subscribe", id="2", payload=QUERY))
        assert "expired" in await next_with("errors")
        await sent.put({"type": "websocket.disconnect", "code": 1000})
        await running
