"""The test kit with what only Quart's test client has."""

import pytest

from tests.adapters.quart_kit import build
from tests.support import FrozenClock
from tokenward import ConfigurationError, CookieCarrier, MemoryStore
from tokenward.http.dpop import DpopVerifier
from tokenward.testing import signed_in
from tokenward.testing.adapters.service import contract_engine

ACME = {"tenant": "acme"}


async def test_websockets_and_connections_carry_the_token(clock: FrozenClock) -> None:
    """`websocket` and `request` of the client send the token as `get` and `post` do."""
    app, auth = build(contract_engine(clock), None)
    client = app.test_client()
    async with signed_in(client, auth, "alice", claims=ACME):
        async with client.websocket("/ws") as socket:
            assert await socket.receive() == "alice"
        async with client.request("/me") as connection:
            await connection.send_complete()
        assert (await connection.as_response()).status_code == 200
    assert not {"open", "request", "websocket"} & vars(client).keys()


async def test_websockets_and_connections_have_proofs(clock: FrozenClock) -> None:
    """`websocket` and `request` prove the key as `get` and `post` do."""
    verifier = DpopVerifier("https://api.example", store=MemoryStore())
    app, auth = build(contract_engine(clock), None, verifier)
    client = app.test_client()
    async with signed_in(client, auth, "alice", claims=ACME, dpop=True):
        async with client.websocket("/ws") as socket:
            assert await socket.receive() == "alice"
        async with client.request("/bound", method="POST") as connection:
            await connection.send_complete()
        assert (await connection.as_response()).status_code == 200
    assert not {"open", "request", "websocket"} & vars(client).keys()


async def test_a_client_without_cookies(clock: FrozenClock) -> None:
    """A client that keeps no cookies cannot be logged in with cookies."""
    app, auth = build(contract_engine(clock), [CookieCarrier()])
    client = app.test_client(use_cookies=False)
    with pytest.raises(ConfigurationError, match="keeps no cookies"):
        await signed_in(client, auth, "alice", claims=ACME).__aenter__()
