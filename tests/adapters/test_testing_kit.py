"""The test kit with the test clients of each framework: real tokens, and claims without a token."""

import asyncio
from collections.abc import AsyncIterator
from importlib import import_module
from types import ModuleType
from typing import Any

import httpx
import pytest

from tests.adapters.adapters import WANTED
from tests.support import FrozenClock, ShopClaims
from tokenward import (
    BearerHeader,
    Claims,
    ConfigurationError,
    CookieCarrier,
    Issuers,
    KeyRing,
    TokenEngine,
    TokenPolicy,
)
from tokenward.claims import Actor
from tokenward.http import (
    Carrier,
    HeaderCarrier,
    QueryCarrier,
    Requirement,
    WebSocketProtocolCarrier,
)
from tokenward.testing import acting_as, signed_in
from tokenward.testing.adapters.service import contract_engine, shop_token
from tokenward.testing.adapters.websocket_client import live_websocket

ACME = {"tenant": "acme"}
ALICE = ShopClaims(sub="alice", tenant="acme")
COOKIES = CookieCarrier()
HTTPS = "https://shop.example"
SYNCHRONOUS = [name for name in WANTED if name != "quart"]
"""The frameworks that have a synchronous test client."""


@pytest.fixture(params=WANTED)
def framework(request: pytest.FixtureRequest) -> ModuleType:
    """Return the module that builds the service with one adapter."""
    return import_module(f"tests.adapters.{request.param}_kit")


@pytest.fixture
def engine(clock: FrozenClock) -> TokenEngine[ShopClaims]:
    """Return the engine of the service."""
    return contract_engine(clock)


@pytest.fixture
async def client(framework: ModuleType, service: tuple[Any, Any]) -> AsyncIterator[Any]:
    """Yield an asynchronous client of the service."""
    async with framework.async_client(service[0]) as client:
        yield client


@pytest.fixture
def service(framework: ModuleType, engine: TokenEngine[ShopClaims]) -> tuple[Any, Any]:
    """Return the service and its `TokenAuth`, with the default carrier."""
    built: tuple[Any, Any] = framework.build(engine, None)
    return built


@pytest.fixture
def auth(service: tuple[Any, Any]) -> Any:
    """Return the `TokenAuth` of the service."""
    return service[1]


async def body_of(response: Any) -> dict[str, Any]:
    """Return the JSON of a response; Quart's are read with await."""
    body: dict[str, Any] = (
        response.json() if isinstance(response, httpx.Response) else await response.get_json()
    )
    return body


async def test_a_client_is_logged_in_for_a_block(client: Any, auth: Any) -> None:
    """In the block the requests carry a real token; before and after it they carry none."""
    assert (await client.get("/me")).status_code == 401
    async with signed_in(client, auth, "alice", claims=ACME) as same:
        assert same is client
        assert await body_of(await client.get("/me")) == {"sub": "alice", "tenant": "acme"}
        assert (await client.post("/me")).status_code == 200
    assert (await client.get("/me")).status_code == 401


async def test_the_token_has_what_the_test_says(client: Any, auth: Any) -> None:
    """Scopes and freshness are those of the login, and nothing more."""
    async with signed_in(client, auth, "alice", claims=ACME):
        assert (await client.get("/orders")).status_code == 403
        assert (await client.get("/fresh")).status_code == 401
    async with signed_in(client, auth, "alice", claims=ACME, scopes=["orders:read"], fresh=True):
        assert (await client.get("/orders")).status_code == 200
        assert (await client.get("/fresh")).status_code == 200


async def test_the_token_has_the_login_and_the_actor_that_the_test_says(
    client: Any, auth: Any
) -> None:
    """The level of the login, its time, and who acts for the user."""
    seen: list[Claims] = []
    auth.authenticator.engine.after_decode(seen.append)
    actor = Actor(sub="orders-api")
    for options in ({}, {"acr": "mfa", "fresh": True, "actor": actor}):
        async with signed_in(client, auth, "alice", claims=ACME, **options):
            assert (await client.get("/me")).status_code == 200
    assert [(each.acr, each.act) for each in seen] == [(None, None), ("mfa", actor)]
    assert seen[1].auth_time == seen[1].iat


async def test_the_tokens_are_real(client: Any, auth: Any, clock: FrozenClock) -> None:
    """The app verifies them: they expire and can be revoked."""
    async with signed_in(client, auth, "alice", claims=ACME):
        clock.advance(900)
        assert (await body_of(await client.get("/me")))["code"] == "token_expired"
    async with signed_in(client, auth, "alice", claims=ACME):
        assert (await client.get("/me")).status_code == 200
        await auth.authenticator.engine.revoke_subject("alice")
        assert (await body_of(await client.get("/me")))["code"] == "token_revoked"


async def test_logins_can_be_nested(client: Any, auth: Any) -> None:
    """The inner login applies in its block, then the outer one again."""
    async with signed_in(client, auth, "alice", claims=ACME):
        async with signed_in(client, auth, "bob", claims=ACME):
            assert (await body_of(await client.get("/me")))["sub"] == "bob"
        assert (await body_of(await client.get("/me")))["sub"] == "alice"


async def test_a_header_of_one_request_wins(client: Any, auth: Any) -> None:
    """A test can send another token with one request of the block, and other headers as well."""
    async with signed_in(client, auth, "alice", claims=ACME):
        response = await client.get(
            "/me", headers={"authorization": f"Bearer {shop_token(sub='carol')}"}
        )
        assert (await body_of(response))["sub"] == "carol"
        response = await client.get("/me", headers={"X-Other": "1"})
        assert (await body_of(response))["sub"] == "alice"


async def test_an_error_in_the_block_logs_the_client_out(client: Any, auth: Any) -> None:
    """A failing test leaves no login behind in a client that other tests use."""
    with pytest.raises(ZeroDivisionError):
        async with signed_in(client, auth, "alice", claims=ACME):
            raise ZeroDivisionError
    assert (await client.get("/me")).status_code == 401


@pytest.mark.parametrize("base_url", [HTTPS, HTTPS + "/"])
async def test_cookies_and_their_csrf_header(
    framework: ModuleType, engine: TokenEngine[ShopClaims], base_url: str
) -> None:
    """With a `CookieCarrier` alone, reading, writing and refreshing work as in a browser."""
    app, auth = framework.build(engine, [COOKIES])
    async with framework.async_client(app, base_url) as client:
        async with signed_in(client, auth, "alice", claims=ACME):
            assert (await client.get("/me")).status_code == 200
            assert (await client.post("/me")).status_code == 200
            assert (await client.post("/refresh")).status_code == 200
            assert (await client.post("/me")).status_code == 200
            response = await client.post("/me", headers={"X-CSRF-Token": "x"})
            assert (await body_of(response))["code"] == "csrf_mismatch"
            async with signed_in(client, auth, "bob", claims=ACME):
                assert (await body_of(await client.post("/me")))["sub"] == "bob"
            assert (await body_of(await client.post("/me")))["sub"] == "alice"
        assert (await body_of(await client.post("/me")))["code"] == "token_missing"


async def test_cookies_of_development(
    framework: ModuleType, engine: TokenEngine[ShopClaims]
) -> None:
    """Cookies for ``http://localhost`` are sent there."""
    app, auth = framework.build(engine, [CookieCarrier(development=True)])
    async with (
        framework.async_client(app, "http://127.0.0.1") as client,
        signed_in(client, auth, "alice", claims=ACME),
    ):
        assert (await client.post("/me")).status_code == 200


@pytest.mark.parametrize(
    ("carrier", "base_url"),
    [
        (COOKIES, "http://shop.example"),
        (CookieCarrier(development=True), "http://shop.example"),
        (CookieCarrier(access_name="a", csrf_name="c", domain="other.example"), HTTPS),
    ],
    ids=["Secure over http", "not localhost", "another domain"],
)
async def test_a_client_that_would_not_send_the_cookies(
    framework: ModuleType, engine: TokenEngine[ShopClaims], carrier: Carrier, base_url: str
) -> None:
    """A login whose cookies the client keeps to itself is refused, not silently without effect."""
    app, auth = framework.build(engine, [carrier])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base_url) as client:
        with pytest.raises(ConfigurationError, match="base_url='https://testserver'"):
            await signed_in(client, auth, "alice", claims=ACME).__aenter__()
        assert not list(client.cookies.jar)
        assert "x-csrf-token" not in client.headers


async def test_a_client_without_an_address(
    framework: ModuleType, engine: TokenEngine[ShopClaims]
) -> None:
    """Cookies need a client that knows the URL of the service."""
    app, auth = framework.build(engine, [COOKIES])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
        with pytest.raises(ConfigurationError, match="keeps no cookies"):
            await signed_in(client, auth, "alice", claims=ACME).__aenter__()


@pytest.mark.parametrize(
    "carriers",
    [
        [BearerHeader(name="X-Auth", scheme="Token")],
        [HeaderCarrier("Cf-Access-Jwt-Assertion")],
        [QueryCarrier(), WebSocketProtocolCarrier(), BearerHeader()],
        [BearerHeader(), COOKIES],
    ],
    ids=["own scheme", "no scheme", "the third", "header before cookie"],
)
async def test_the_first_carrier_that_fits(
    framework: ModuleType, engine: TokenEngine[ShopClaims], carriers: list[Carrier]
) -> None:
    """The token goes where the app looks for it."""
    app, auth = framework.build(engine, carriers)
    async with framework.async_client(app) as client, signed_in(client, auth, "alice", claims=ACME):
        assert (await client.post("/me")).status_code == 200


async def test_a_carrier_that_no_client_can_fill(
    framework: ModuleType, engine: TokenEngine[ShopClaims]
) -> None:
    """A token in the query is different in each URL, so there the login is refused."""
    app, auth = framework.build(engine, [QueryCarrier()])
    async with framework.async_client(app) as client:
        with pytest.raises(ConfigurationError, match="No carrier of auth"):
            await signed_in(client, auth, "alice", claims=ACME).__aenter__()


def test_wrong_arguments(auth: Any, service: tuple[Any, Any], engine: Any) -> None:
    """A client, the `TokenAuth` and an engine that issues are needed; the message names the fix."""
    client = httpx.AsyncClient()
    with pytest.raises(TypeError, match=r"client must be .* pass TestClient\(app\)"):
        signed_in(service[0], auth, "alice")
    with pytest.raises(
        TypeError,
        match="auth must be the TokenAuth of the app, not an object of the type TokenEngine",
    ):
        signed_in(client, engine, "alice")
    with pytest.raises(
        TypeError,
        match="auth must be the TokenAuth of the app, not an object of the type TokenEngine",
    ):
        acting_as(engine, ALICE).__enter__()
    with pytest.raises(
        TypeError,
        match="claims must be ShopClaims, as the engine returns it, not an object of the type dict",
    ):
        acting_as(auth, {"sub": "alice"}).__enter__()


async def test_with_in_a_running_loop(auth: Any) -> None:
    """A synchronous block cannot wait for the token in an async test."""
    client = httpx.AsyncClient()
    with pytest.raises(RuntimeError, match="write async with signed_in"):
        signed_in(client, auth, "alice", claims=ACME).__enter__()


async def test_several_issuers(framework: ModuleType, engine: TokenEngine[ShopClaims]) -> None:
    """With `Issuers` the test names the engine that issues."""
    app, auth = framework.build(Issuers(engine), None)
    async with framework.async_client(app) as client:
        with pytest.raises(TypeError, match="pass engine="):
            signed_in(client, auth, "alice")
        async with signed_in(client, auth, "alice", claims=ACME, engine=engine):
            assert (await client.get("/me")).status_code == 200


async def test_an_engine_without_sessions(framework: ModuleType, clock: FrozenClock) -> None:
    """An engine whose policy knows no refresh tokens issues an access token alone."""
    engine = TokenEngine(
        KeyRing.generate(),
        policy=TokenPolicy(type_source="typ"),
        claims_model=ShopClaims,
        clock=clock,
    )
    app, auth = framework.build(engine, None)
    async with framework.async_client(app) as client, signed_in(client, auth, "alice", claims=ACME):
        assert (await client.get("/me")).status_code == 200


@pytest.mark.parametrize("framework", SYNCHRONOUS, indirect=True)
@pytest.mark.parametrize("carriers", [None, [COOKIES]], ids=["header", "cookies"])
@pytest.mark.parametrize("is_entered", [False, True])
def test_synchronous_clients(
    framework: ModuleType,
    engine: TokenEngine[ShopClaims],
    carriers: list[Carrier] | None,
    is_entered: bool,
) -> None:
    """In a test without a loop, ``with`` works; tokens are issued in the loop of the app."""
    loops: list[object] = []
    engine.before_issue(lambda draft: loops.append(asyncio.get_running_loop()))
    engine.after_decode(lambda claims: loops.append(asyncio.get_running_loop()))
    app, auth = framework.build(engine, carriers)
    client = framework.sync_client(app, HTTPS)
    if is_entered:
        client.__enter__()

    with signed_in(client, auth, "alice", claims=ACME):
        assert client.post("/me").json()["sub"] == "alice"
        if carriers is None:
            with client.websocket_connect("/ws") as socket:
                assert socket.receive_text() == "alice"
    assert client.post("/me").status_code == 401

    if is_entered:
        client.__exit__(None, None, None)
        assert len(set(loops)) == 1


async def test_acting_as_somebody(client: Any, auth: Any) -> None:
    """In the block no token is needed, and one that is sent is ignored; after it one is needed."""
    with acting_as(auth, ALICE):
        assert await body_of(await client.get("/me")) == {"sub": "alice", "tenant": "acme"}
        assert (await client.post("/maybe")).status_code == 200
        response = await client.get("/me", headers={"Authorization": "Bearer x.y.z"})
        assert (await body_of(response))["sub"] == "alice"
        with acting_as(auth, ShopClaims(sub="bob", tenant="t")):
            assert (await body_of(await client.get("/me")))["sub"] == "bob"
        assert (await body_of(await client.get("/me")))["sub"] == "alice"
    assert (await client.get("/me")).status_code == 401
    assert "authenticate" not in vars(auth.authenticator)


@pytest.mark.parametrize(
    ("path", "changes", "code"),
    [
        ("/orders", {}, "insufficient_scope"),
        ("/orders", {"scope": "orders:read"}, None),
        ("/security", {}, "insufficient_scope"),
        ("/security", {"scope": "a"}, None),
        ("/fresh", {}, "fresh_token_required"),
        ("/fresh", {"fresh": True}, None),
        ("/checked", {"tenant": "other"}, "permission_denied"),
        ("/checked", {}, None),
        ("/refresh-only", {}, "token_type_invalid"),
        ("/refresh-only", {"type": "refresh"}, None),
        ("/me", {"type": "refresh"}, "token_type_invalid"),
        ("/maybe", {"type": "refresh"}, "token_type_invalid"),
    ],
)
async def test_what_a_route_requires_still_applies(
    client: Any, auth: Any, path: str, changes: dict[str, Any], code: str | None
) -> None:
    """Scopes, `fresh`, `check` and the type are checked against the claims of the test."""
    with acting_as(auth, ShopClaims(**{"sub": "alice", "tenant": "acme", **changes})):
        response = await client.get(path)

    assert response.status_code in ({401, 403} if code else {200})
    assert (await body_of(response)).get("code") == code


async def test_acting_in_a_websocket(service: tuple[Any, Any]) -> None:
    """A WebSocket that lasts while its token is valid gets the claims, and stays open."""
    app, auth = service
    with acting_as(auth, ALICE):
        async with live_websocket(app, "/ws") as socket:
            await socket.is_accepted()
            await asyncio.sleep(0.01)
            assert socket.outcome.close_code is None
        assert socket.outcome.messages == ["alice"]


async def test_each_request_has_its_own_claims(client: Any, auth: Any) -> None:
    """What a handler does to the claims is not seen by the next request."""
    claims = ShopClaims.model_validate({"sub": "alice", "tenant": "acme", "notes": []})
    seen: list[Any] = []
    auth.authenticator.engine.after_decode(seen.append)
    with acting_as(auth, claims):
        one, two = [await auth.authenticator.authenticate(None, Requirement()) for _ in range(2)]
    one.extra["notes"].append("x")
    assert (two.extra, claims.extra) == ({"notes": []}, {"notes": []})
    assert seen == []
