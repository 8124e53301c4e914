"""The programs of the page about WebSockets and streams, in each framework."""

import asyncio

import pytest

from tests.docs.frameworks import FRAMEWORKS, app_of, assumed_by_programs
from tests.docs.pages import block_with, run
from tests.support import engine_with
from tokenward.testing.adapters.service import client_of
from tokenward.testing.adapters.websocket_client import open_websocket

PAGE = "websockets-and-streams.md"
WEBSOCKETS = {
    "fastapi": "await websocket.accept()",
    "litestar": '@websocket("/echo"',
    "quart": '@app.websocket("/echo")\n@auth',
}
STREAMS = {
    "fastapi": "StreamingResponse(",
    "litestar": "ServerSentEvent(",
    "quart": "make_response(",
}


@pytest.mark.parametrize("framework", FRAMEWORKS)
async def test_the_websocket(clock, framework):
    """The handler sends messages back; a handshake without a token is refused."""
    engine = engine_with(clock)
    names = assumed_by_programs(framework, engine)
    app = app_of(framework, await run(block_with(PAGE, WEBSOCKETS[framework]), names))
    headers = [(b"authorization", b"Bearer " + (await engine.issue("alice")).encode())]

    opened = await open_websocket(app, "/echo", headers=headers, messages=["hello"])
    assert opened.messages == ["hello"]
    assert (await open_websocket(app, "/echo")).status == 401


@pytest.mark.parametrize("framework", FRAMEWORKS)
async def test_the_stream(clock, framework):
    """The response has the items of the stream, and ends when the token has expired."""
    engine = engine_with(clock)

    async def events():
        yield "first"
        yield "second"
        clock.advance(3600)
        await asyncio.Event().wait()

    names = assumed_by_programs(framework, engine) | {"events": events}
    block = block_with(PAGE, STREAMS[framework]).replace("seconds=5", "microseconds=1")
    app = app_of(framework, await run(block, names))
    token = await engine.issue("alice")
    async with client_of(app) as client:
        answer = await client.get("/events", headers={"Authorization": f"Bearer {token}"})
        assert (await client.get("/events")).status_code == 401
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert [answer.text.count(item) for item in ("first", "second")] == [1, 1]
