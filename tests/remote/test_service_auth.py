"""Calls between services: one token for many requests, renewed in time, for one origin."""

import asyncio
import importlib
import sys
from datetime import timedelta

import httpx
import pytest

from tests.docs.pages import names_of
from tests.support import SECRET, FrozenClock
from tokenward import ConfigurationError, KeyRing, TokenEngine, TokenPolicy
from tokenward.http.service_auth import ServiceAuth

SERVICE = "https://orders.example"


class OrdersService:
    """A service that keeps the tokens that it is sent, and refuses them when it is told to."""

    def __init__(self):
        self.tokens = []
        self.refuses = False

    def answer(self, request):
        """Keep the token, and answer."""
        self.tokens.append(request.headers.get("Authorization", "").removeprefix("Bearer "))
        if request.url.path == "/elsewhere":
            return httpx.Response(307, headers={"Location": "https://evil.example/"})
        return httpx.Response(401 if self.refuses else 200)

    def client(self, auth):
        """Return a client of the service."""
        transport = httpx.MockTransport(self.answer)
        return httpx.AsyncClient(
            transport=transport, base_url=SERVICE, auth=auth, follow_redirects=True
        )


@pytest.fixture
def clock():
    """Return a clock that stands still."""
    return FrozenClock()


@pytest.fixture
def engine(clock):
    """Return the engine of the calling service."""
    policy = TokenPolicy(issuer="https://billing.example", audience="billing")
    return TokenEngine(KeyRing.from_secret(SECRET), policy=policy, clock=clock)


def auth_of(engine, **settings):
    """Return the calls of the service for billing."""
    defaults = {"service": SERVICE, "subject": "billing", "audience": "orders"}
    return ServiceAuth(engine, **{**defaults, **settings})


async def test_the_other_service_accepts_the_token(engine, clock):
    """The token has the audience of the other service, and the subject, scopes and claims given."""
    service = OrdersService()
    auth = auth_of(engine, scopes=["orders:read"], claims={"region": "eu"})
    async with service.client(auth) as client:
        await client.get("/orders")

    policy = TokenPolicy(issuer="https://billing.example", audience="orders")
    orders = TokenEngine(KeyRing.from_secret(SECRET), policy=policy, clock=clock)
    claims = await orders.decode(service.tokens[0])
    assert (claims.sub, claims.scopes, claims.extra["region"]) == ("billing", {"orders:read"}, "eu")
    assert claims.exp == clock() + 300


async def test_the_program_of_the_page(engine, clock):
    """Requests with the `ServiceAuth` of the page carry a token that the other service accepts."""
    service = OrdersService()
    names = await names_of("service-calls.md", engine=engine)
    await names["client"].aclose()
    async with service.client(names["service_auth"]) as client:
        await client.get("/orders")

    policy = TokenPolicy(issuer="https://billing.example", audience="orders")
    orders = TokenEngine(KeyRing.from_secret(SECRET), policy=policy, clock=clock)
    assert (await orders.decode(service.tokens[0])).scopes == {"orders:read"}


async def test_one_token_until_shortly_before_it_expires(engine, clock):
    """A token is reused until `renew_before` its expiry."""
    service = OrdersService()
    async with service.client(auth_of(engine)) as client:
        for seconds in (0, 100, 169, 1):
            clock.advance(seconds)
            await client.get("/")

    first, second, third, fourth = service.tokens
    assert first == second == third != fourth


async def test_concurrent_requests_wait_for_one_token(engine):
    """Of many requests without a token one issues it, and the others wait for it."""
    issued = 0

    @engine.before_issue
    async def count(draft):
        nonlocal issued
        issued += 1
        await asyncio.sleep(0)

    service = OrdersService()
    async with service.client(auth_of(engine)) as client:
        await asyncio.gather(*(client.get("/") for _ in range(20)))

    assert (issued, len(service.tokens), len(set(service.tokens))) == (1, 20, 1)


async def test_a_failed_issue_is_tried_again(engine):
    """An error while a token is issued reaches the caller, and the next request tries again."""
    fails = True

    @engine.before_issue
    async def fail(draft):
        if fails:
            raise RuntimeError

    service = OrdersService()
    async with service.client(auth_of(engine)) as client:
        with pytest.raises(RuntimeError):
            await client.get("/")
        fails = False
        assert (await client.get("/")).status_code == 200

    assert len(service.tokens) == 1


async def test_a_refused_token_is_replaced_by_the_next_request(engine):
    """After a 401 the request is not repeated, and the next one has a new token."""
    service = OrdersService()
    async with service.client(auth_of(engine)) as client:
        service.refuses = True
        assert (await client.post("/orders", content=b"once")).status_code == 401
        service.refuses = False
        await client.get("/")
        await client.get("/")

    refused, new, same = service.tokens
    assert refused != new == same


async def test_a_late_401_does_not_drop_the_newer_token(engine, clock):
    """The 401 to a request with an older token keeps the current one."""
    auth = auth_of(engine)

    async def start():
        flow = auth.async_auth_flow(httpx.Request("GET", SERVICE))
        request = await anext(flow)
        return flow, request.headers["Authorization"]

    slow, old = await start()
    clock.advance(280)
    _, new = await start()
    with pytest.raises(StopAsyncIteration):
        await slow.asend(httpx.Response(401))

    assert old != new == (await start())[1]


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/",
        "https://orders.example.evil.example/",
        "https://orders.example:8443/",
        "http://orders.example/",
        "https://orders.example@evil.example/",
    ],
)
async def test_no_other_origin_gets_the_token(engine, url):
    """A request to another origin is an error before anything is sent."""
    service = OrdersService()
    async with service.client(auth_of(engine)) as client:
        with pytest.raises(ConfigurationError, match="another service"):
            await client.get(url)

    assert service.tokens == []


@pytest.mark.parametrize("url", ["https://ORDERS.example:443/a", "/a", "https://orders.example"])
async def test_other_spellings_of_the_origin(engine, url):
    """Case and the default port make no other origin."""
    service = OrdersService()
    async with service.client(auth_of(engine, service="https://orders.example:443/")) as client:
        assert (await client.get(url)).status_code == 200


async def test_a_redirect_to_another_origin_has_no_token(engine):
    """A redirect away from the service is followed without the token."""
    service = OrdersService()
    async with service.client(auth_of(engine)) as client:
        await client.get("/elsewhere")

    assert service.tokens[0]
    assert service.tokens[1] == ""


def test_each_event_loop_may_issue(engine, clock):
    """A second event loop waits with its own lock."""
    auth = auth_of(engine)

    @engine.before_issue
    async def wait(draft):
        await asyncio.sleep(0)

    async def call():
        async with OrdersService().client(auth) as client:
            await asyncio.gather(client.get("/"), client.get("/"))

    asyncio.run(call())
    clock.advance(300)
    asyncio.run(call())


def test_the_synchronous_client_is_refused(engine):
    """`httpx.Client` cannot wait for the engine; the error names the class to use."""
    with (
        httpx.Client(auth=auth_of(engine)) as client,
        pytest.raises(ConfigurationError, match=r"httpx\.AsyncClient"),
    ):
        client.get(SERVICE)


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"service": "http://orders:8080"}, "allow_plain_http=True"),
        ({"service": "orders.example"}, "an origin without a path"),
        ({"service": "https://orders.example/v1"}, "an origin without a path"),
        ({"service": "https://user@orders.example"}, "an origin without a path"),
        ({"service": None}, "an origin without a path"),
        ({"lifetime": 300}, "timedeltas"),
        ({"renew_before": 30}, "timedeltas"),
        ({"lifetime": timedelta(seconds=30)}, "shorter than the lifetime"),
        ({"renew_before": timedelta(seconds=-1)}, "zero or more"),
    ],
)
def test_invalid_settings(engine, settings, fault):
    """An invalid setting is refused when the object is built."""
    with pytest.raises(ConfigurationError, match=fault):
        auth_of(engine, **settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"service": "http://orders:8080", "allow_plain_http": True},
        {"service": "http://localhost:8000"},
        {"service": "http://[::1]:8000"},
    ],
)
def test_plain_http(engine, settings):
    """Plain http is for this machine, or for a network that encrypts by itself."""
    assert auth_of(engine, **settings)


def test_the_engine_must_issue():
    """Anything except an engine is refused when the object is built."""
    with pytest.raises(ConfigurationError, match="engine must be a TokenEngine"):
        auth_of(KeyRing.from_secret(SECRET))


def test_without_httpx(monkeypatch):
    """The error names the extra to install."""
    monkeypatch.setitem(sys.modules, "httpx", None)
    monkeypatch.delitem(sys.modules, "tokenward.http.service_auth")

    with pytest.raises(ImportError, match=r"install Tokenward with its extra 'jwks'"):
        importlib.import_module("tokenward.http.service_auth")
