"""The test kit with routes for tokens that are bound to a DPoP key (RFC 9449)."""

from collections.abc import AsyncIterator
from importlib import import_module
from types import ModuleType
from typing import Any

import httpx
import pytest

from tests.adapters.adapters import WANTED
from tests.adapters.test_testing_kit import ACME, ALICE, HTTPS, SYNCHRONOUS, body_of
from tests.support import FrozenClock, ShopClaims
from tokenward import ConfigurationError, CookieCarrier, MemoryStore, TokenEngine
from tokenward.http.dpop import DpopNonces, DpopVerifier
from tokenward.testing import DpopClient, acting_as, signed_in
from tokenward.testing.adapters.service import contract_engine, shop_token

URL = "https://api.example/shop"
NONCES = DpopNonces("a" * 32)


@pytest.fixture(params=WANTED)
def framework(request: pytest.FixtureRequest) -> ModuleType:
    """Return the module that builds the service with one adapter."""
    return import_module(f"tests.adapters.{request.param}_kit")


@pytest.fixture
def engine(clock: FrozenClock) -> TokenEngine[ShopClaims]:
    """Return the engine of the service."""
    return contract_engine(clock)


def verifier(**options: Any) -> DpopVerifier:
    """Return the verifier of the service, behind a proxy that removes ``/shop``."""
    return DpopVerifier([URL, "https://other.example"], store=MemoryStore(), **options)


@pytest.fixture
def service(framework: ModuleType, engine: TokenEngine[ShopClaims]) -> tuple[Any, Any]:
    """Return the service and its `TokenAuth`."""
    built: tuple[Any, Any] = framework.build(engine, None, verifier())
    return built


@pytest.fixture
def auth(service: tuple[Any, Any]) -> Any:
    """Return the `TokenAuth` of the service."""
    return service[1]


@pytest.fixture
async def client(framework: ModuleType, service: tuple[Any, Any]) -> AsyncIterator[Any]:
    """Yield an asynchronous client of the service."""
    async with framework.async_client(service[0]) as client:
        yield client


async def code_of(response: Any) -> str | None:
    """Return the code of a refusal, or None."""
    code: str | None = (await body_of(response)).get("code")
    return code


async def test_a_client_has_a_key_for_a_block(client: Any, auth: Any) -> None:
    """Each request has a new proof, so a route can be called twice; after the block there is none."""
    async with signed_in(client, auth, "alice", claims=ACME, dpop=True):
        for _ in range(2):
            assert await body_of(await client.get("/bound")) == {"sub": "alice", **ACME}
            assert (await client.post("/bound?page=2")).status_code == 200
            assert (await client.get("/me")).status_code == 200
        assert await code_of(await client.get("/orders")) == "insufficient_scope"
    for path in ("/bound", "/me"):
        assert await code_of(await client.get(path)) == "token_missing"


async def test_without_a_key_the_token_is_not_bound(client: Any, auth: Any) -> None:
    """Routes that demand a bound token do not read its header, as in production; others accept it."""
    async with signed_in(client, auth, "alice", claims=ACME):
        assert await code_of(await client.get("/bound")) == "token_missing"
        assert (await client.get("/me")).status_code == 200


async def test_logins_with_keys_can_be_nested(client: Any, auth: Any) -> None:
    """Each block has its own key; a block without one sends no proof."""
    async with signed_in(client, auth, "alice", claims=ACME, dpop=True):
        async with signed_in(client, auth, "bob", claims=ACME, dpop=True):
            assert (await body_of(await client.get("/bound")))["sub"] == "bob"
        async with signed_in(client, auth, "carol", claims=ACME):
            assert (await body_of(await client.get("/me")))["sub"] == "carol"
        assert (await body_of(await client.get("/bound")))["sub"] == "alice"


async def test_the_headers_of_one_request_win(client: Any, auth: Any, clock: FrozenClock) -> None:
    """A test can send another token, or a proof that is refused."""
    async with signed_in(client, auth, "alice", claims=ACME, dpop=True):
        carol = {"authorization": f"Bearer {shop_token(sub='carol')}"}
        assert (await body_of(await client.get("/me", headers=carol)))["sub"] == "carol"
        proof = DpopClient(URL, clock=clock).proof("GET", "/bound")
        stolen = await client.get("/bound", headers={"dpop": proof})
        assert await code_of(stolen) == "token_binding_invalid"
        assert (await client.get("/bound")).status_code == 200


async def test_a_proof_has_the_time_and_the_nonce(
    framework: ModuleType, engine: TokenEngine[ShopClaims], clock: FrozenClock
) -> None:
    """Of the engine and of the verifier, also later; and one of the algorithms of the verifier."""
    app, auth = framework.build(engine, None, verifier(nonces=NONCES, algorithms=["PS256"]))
    async with (
        framework.async_client(app) as client,
        signed_in(client, auth, "alice", claims=ACME, dpop=True),
    ):
        for _ in range(3):
            assert (await client.get("/bound")).status_code == 200
            clock.advance(290)
        clock.advance(30)
        assert await code_of(await client.get("/bound")) == "token_expired"


async def test_the_key_replaces_other_carriers(
    framework: ModuleType, engine: TokenEngine[ShopClaims]
) -> None:
    """A bound token is only accepted in ``Authorization: DPoP``, so it is not sent as a cookie."""
    app, auth = framework.build(engine, [CookieCarrier()], verifier())
    async with (
        framework.async_client(app) as client,
        signed_in(client, auth, "alice", claims=ACME, dpop=True),
    ):
        assert (await client.post("/bound")).status_code == 200


async def test_a_service_without_a_verifier(
    framework: ModuleType, engine: TokenEngine[ShopClaims]
) -> None:
    """The message names what is missing."""
    _, auth = framework.build(engine, None)
    with pytest.raises(ConfigurationError, match=r"TokenAuth\(engine, dpop=DpopVerifier"):
        signed_in(httpx.AsyncClient(), auth, "alice", dpop=True)


async def test_a_redirect_gets_its_own_proof(auth: Any, service: tuple[Any, Any]) -> None:
    """An httpx client that follows redirects proves the key to the second URL, too."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] != "/old":
            await service[0](scope, receive, send)
            return
        headers = [(b"location", b"/bound")]
        await send({"type": "http.response.start", "status": 307, "headers": headers})
        await send({"type": "http.response.body"})

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(
        transport=transport, base_url=HTTPS, follow_redirects=True
    ) as client:
        async with signed_in(client, auth, "alice", claims=ACME, dpop=True):
            seen: list[int] = []

            async def hook(response: httpx.Response) -> None:
                seen.append(response.status_code)

            client.event_hooks["response"].append(hook)
            assert (await client.get("/old")).status_code == 200
        # A hook of the test is not removed.
        assert (seen, client.event_hooks) == ([307, 200], {"request": [], "response": [hook]})
        assert "authorization" not in client.headers


@pytest.mark.parametrize("framework", SYNCHRONOUS, indirect=True)
def test_synchronous_clients_with_a_key(
    framework: ModuleType, engine: TokenEngine[ShopClaims]
) -> None:
    """In a test without a loop, ``with`` works, also for the handshake of a WebSocket."""
    app, auth = framework.build(engine, None, verifier())
    client = framework.sync_client(app, HTTPS)
    with signed_in(client, auth, "alice", claims=ACME, dpop=True):
        assert client.post("/bound").json()["sub"] == "alice"
        with client.websocket_connect("/ws") as socket:
            assert socket.receive_text() == "alice"
    assert client.post("/bound").status_code == 401


async def test_acting_as_somebody_with_a_key(client: Any, auth: Any) -> None:
    """`acting_as` needs neither a token nor a proof; what else the route requires still applies."""
    with acting_as(auth, ALICE):
        assert (await body_of(await client.get("/bound")))["sub"] == "alice"
        assert await code_of(await client.get("/orders")) == "insufficient_scope"
