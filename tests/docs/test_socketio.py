"""The recipe for Socket.IO, with a server and clients on a real socket."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from socket import create_server

import pytest
import socketio
import uvicorn

from tests.docs.pages import block_with, run
from tests.support import engine_with


@asynccontextmanager
async def served(app):
    """Serve an app on a free port, and yield its URL."""
    with create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
        running = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await running


class Service:
    """A running server, its engine, and its clients."""

    def __init__(self, names, url, stack):
        """Keep what the tests need."""
        self.engine, self.sio, self._url, self._stack = names["engine"], names["sio"], url, stack

    async def connect(self, auth, namespace="/"):
        """Connect a client, and return it."""
        client = socketio.AsyncClient(reconnection=False)
        self._stack.push_async_callback(client.disconnect)
        client.gone = asyncio.Event()
        client.on("disconnect", client.gone.set, namespace=namespace)
        await client.connect(
            self._url, auth=auth, namespaces=[namespace], transports=["websocket"], wait_timeout=10
        )
        return client

    async def is_refused(self, auth, namespace="/"):
        """Return the code with which a client is refused."""
        errors = []
        client = socketio.AsyncClient(reconnection=False)
        self._stack.push_async_callback(client.disconnect)
        client.on("connect_error", errors.append, namespace=namespace)
        with pytest.raises(socketio.exceptions.ConnectionError):
            await client.connect(
                self._url, auth=auth, namespaces=[namespace], transports=["websocket"]
            )
        return errors[0]["message"] if isinstance(errors[0], dict) else errors[0]


@pytest.fixture
async def service(clock):
    """Serve the recipe, whose checks are frequent, with another namespace."""
    block = block_with("socketio.md", "import socketio").replace("seconds=5", "milliseconds=1")
    names = await run(block, {"engine": engine_with(clock)})
    names = await run(block_with("socketio.md", '@sio.on("orders")'), names)
    names["sio"].on("ping", lambda sid: "pong", namespace="/admin")
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(served(names["app"]))
        yield Service(names, url, stack)


async def token_of(service, scope="orders:read"):
    """Return a token of alice."""
    return await service.engine.issue("alice", scopes=[scope])


async def test_events_read_the_claims_of_the_connection(service):
    """From the session of the connection."""
    client = await service.connect({"token": await token_of(service)})
    assert await client.call("orders") == "orders of alice"


@pytest.mark.parametrize(
    "auth",
    [
        None,
        {},
        {"token": None},
        {"token": 5},
        {"token": ["a"]},
        {"token": ""},
        "token",
        ["token"],
        5,
    ],
)
async def test_a_client_without_a_token_is_refused(service, auth):
    """Whatever it sends instead."""
    assert await service.is_refused(auth) == "token_missing"


async def test_an_insufficient_token_is_refused(service):
    """With the code of the error, also in a namespace without a handler for connections."""
    weak = {"token": await token_of(service, "x")}
    revoked = {"token": await token_of(service)}
    await service.engine.revoke(revoked["token"])
    for namespace in ("/", "/admin"):
        assert await service.is_refused(weak, namespace) == "insufficient_scope"
        assert await service.is_refused(revoked, namespace) == "token_revoked"
        assert await service.is_refused({"token": "x"}, namespace) == "token_malformed"
        assert await service.is_refused(None, namespace) == "token_missing"
    admin = await service.connect({"token": await token_of(service)}, "/admin")
    assert await admin.call("ping", namespace="/admin") == "pong"


@pytest.mark.parametrize("end", ["expired", "revoked"])
@pytest.mark.parametrize("namespace", ["/", "/admin"])
async def test_the_connection_ends_with_its_token(service, clock, namespace, end):
    """That of another user stays."""
    token = await token_of(service)
    client = await service.connect({"token": token}, namespace)
    await client.call("orders" if namespace == "/" else "ping", namespace=namespace)
    other = None
    if end == "expired":
        clock.advance(900)
    else:
        other = await service.connect(
            {"token": await service.engine.issue("b", scopes=["orders:read"])}
        )
        await service.engine.revoke(token)
    async with asyncio.timeout(60):
        await client.gone.wait()
    if other is not None:
        assert await other.call("orders") == "orders of b"


async def test_a_client_that_leaves_leaves_no_task(service):
    """The task that waits for the end of the token ends with the connection."""
    client = await service.connect({"token": await token_of(service)})
    await client.call("orders")
    tasks = waiting_tasks()
    assert len(tasks) == 1
    await client.disconnect()
    _, pending = await asyncio.wait(tasks, timeout=60)
    assert not pending


def waiting_tasks():
    """Return the tasks that wait for the end of a token."""
    return [
        task for task in asyncio.all_tasks() if task.get_coro().__qualname__ == "end_with_token"
    ]
