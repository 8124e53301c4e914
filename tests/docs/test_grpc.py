"""The recipe for gRPC, with a server and a client on a real socket."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from itertools import count

import grpc
import pytest

from tests.docs.pages import block_with, run
from tests.support import engine_with
from tokenward import MemoryStore, StoreUnavailableError, TokenPolicy


class FailingStore(MemoryStore):
    """A store that cannot answer when it is told to."""

    fails = False

    async def is_revoked(self, *args, **keywords):
        """Fail, or answer as the memory does."""
        if self.fails:
            raise StoreUnavailableError
        return await super().is_revoked(*args, **keywords)


class Service:
    """A running server, its engine, and calls of its methods."""

    def __init__(self, names, channel):
        """Keep what the tests need."""
        self.engine, self.channel = names["engine"], channel

    async def place(self, *metadata):
        """Call the method that needs a scope, and return its response or status and details."""
        return await answer(self.channel.unary_unary("/shop.Orders/Place")(b"", metadata=metadata))

    async def who(self, *metadata):
        """Call a method that needs a valid token."""
        return await answer(self.channel.unary_unary("/shop.Orders/Who")(b"", metadata=metadata))


async def answer(call):
    """Return the response of a call, or its status and details."""
    try:
        return (await call).decode()
    except grpc.aio.AioRpcError as error:
        return error.code(), error.details()


@pytest.fixture
async def service(clock):
    """Serve the recipe on a free port."""
    orders = []
    engine = engine_with(
        clock, store=FailingStore(), policy=TokenPolicy(issuer="https://a.example")
    )

    async def orders_of(subject):
        for number in count() if subject == "endless" else range(100):
            yield f"{subject} {number}".encode()

    names = await run(block_with("grpc.md", "import grpc"), {"engine": engine})
    block = block_with("grpc.md", "async def watch(").replace(
        "orders_of(claims.sub))", "orders_of(claims.sub), check_every=tiny)"
    )
    names = await run(block, {**names, "orders_of": orders_of, "tiny": timedelta(microseconds=1)})

    async def who(request, context):
        orders.append(request)
        return names["current_claims"].get().sub.encode()

    async def collect(requests, context):
        return b",".join([request async for request in requests])

    async def echo(requests, context):
        async for request in requests:
            yield request

    handlers = {
        "Place": grpc.unary_unary_rpc_method_handler(who),
        "Who": grpc.unary_unary_rpc_method_handler(who),
        "Watch": grpc.unary_stream_rpc_method_handler(names["watch"]),
        "Collect": grpc.stream_unary_rpc_method_handler(collect),
        "Echo": grpc.stream_stream_rpc_method_handler(echo),
    }
    server = names["server"]
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("shop.Orders", handlers)])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        service = Service(names, channel)
        service.handled = orders
        yield service
    await server.stop(None)
    FailingStore.fails = False


def authorization(token, scheme="Bearer"):
    """Return the entry of the metadata with a token."""
    return ("authorization", f"{scheme} {token}")


UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED
DENIED = grpc.StatusCode.PERMISSION_DENIED


async def test_a_handler_reads_the_claims_of_its_call(service):
    """Also of concurrent calls, each of which has its own."""
    users = [f"user-{number}" for number in range(20)]
    tokens = [await service.engine.issue(user, scopes=["orders:write"]) for user in users]
    answers = await asyncio.gather(*(service.place(authorization(token)) for token in tokens))
    assert answers == users
    assert await service.who(authorization(tokens[0], scheme="bearer")) == "user-0"


async def test_the_table_of_statuses(service, clock):
    """Each refusal has its status and its code, and the handler is not called."""
    engine = service.engine
    weak = await engine.issue("alice")
    refresh = (await engine.issue_pair("alice", scopes=["orders:write"])).refresh_token
    revoked = await engine.issue("alice", scopes=["orders:write"])
    await engine.revoke(revoked)
    assert await service.place() == (UNAUTHENTICATED, "token_missing")
    assert await service.place(("authorization", weak)) == (UNAUTHENTICATED, "token_missing")
    assert await service.place(authorization("x")) == (UNAUTHENTICATED, "token_malformed")
    assert await service.place(authorization(refresh)) == (UNAUTHENTICATED, "token_type_invalid")
    assert await service.place(authorization(revoked)) == (UNAUTHENTICATED, "token_revoked")
    two = (authorization(weak), authorization(revoked))
    assert await service.place(*two) == (UNAUTHENTICATED, "invalid_request")
    assert await service.place(authorization(weak)) == (DENIED, "insufficient_scope")
    FailingStore.fails = True
    unavailable = (grpc.StatusCode.UNAVAILABLE, "store_unavailable")
    assert await service.place(authorization(weak)) == unavailable
    FailingStore.fails = False
    clock.advance(900)
    assert await service.place(authorization(weak)) == (UNAUTHENTICATED, "token_expired")
    assert service.handled == []


async def test_a_method_that_is_not_listed_needs_a_token(service):
    """Also one that does not exist, so strangers learn nothing about methods."""
    assert await service.who() == (UNAUTHENTICATED, "token_missing")
    call = service.channel.unary_unary("/shop.Orders/Nothing")
    assert await answer(call(b"")) == (UNAUTHENTICATED, "token_missing")
    token = await service.engine.issue("alice")
    code, _ = await answer(call(b"", metadata=[authorization(token)]))
    assert code == grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("sends", [True, False])
async def test_calls_of_every_kind_are_refused(service, sends):
    """Streams too, whether the client sends a message or waits."""
    for method in (
        service.channel.stream_unary("/shop.Orders/Collect"),
        service.channel.stream_stream("/shop.Orders/Echo"),
    ):
        # Not from an iterator: the client cancels such a call if the refusal comes before the message.
        call = method()
        if sends:
            with suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
                await call.write(b"order")
        assert await call.code() == UNAUTHENTICATED
        assert await call.details() == "token_missing"
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await anext(aiter(service.channel.unary_stream("/shop.Orders/Watch")(b"")))
    assert refused.value.code() == UNAUTHENTICATED

    token = [authorization(await service.engine.issue("alice"))]
    echo = service.channel.stream_stream("/shop.Orders/Echo")(iter([b"order"]), metadata=token)
    assert [message async for message in echo] == [b"order"]
    collect = service.channel.stream_unary("/shop.Orders/Collect")(
        iter([b"a", b"b"]), metadata=token
    )
    assert await answer(collect) == "a,b"


async def test_a_stream_ends_with_its_token(service, clock):
    """The client gets the reason; a stream whose token is still valid ends normally."""
    metadata = [authorization(await service.engine.issue("alice"))]
    watch = service.channel.unary_stream("/shop.Orders/Watch")
    assert len([order async for order in watch(b"", metadata=metadata)]) == 100
    metadata = [authorization(await service.engine.issue("endless"))]
    orders = aiter(watch(b"", metadata=metadata))
    assert await anext(orders) == b"endless 0"
    clock.advance(900)

    async def rest():
        return b"".join([order async for order in orders])

    assert await answer(rest()) == (UNAUTHENTICATED, "token_expired")
