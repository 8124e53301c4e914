"""Two instances of a service accept a DPoP proof once, on every store (RFC 9449 §11.1)."""

import asyncio
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest

from tests.stores.redis_store.forms import opened_store
from tests.support import IS_DEEP, NOW, SECRET, FrozenClock
from tokenward import KeyRing, PrefixedStore, TokenEngine
from tokenward.errors import DpopProofError
from tokenward.http import Authenticator, RequestView, Requirement
from tokenward.http.dpop import DpopVerifier
from tokenward.stores.mirror import MirroredStore
from tokenward.stores.protocol import CLOCK_SPARE_SECONDS
from tokenward.testing import DpopClient
from tokenward.tokens import ProvenKey

URL = "https://api.example"
COPIES = 100
ROUNDS = 20 if IS_DEEP else 3
ONCE = ["accepted", *["jti"] * (COPIES - 1)]


class Instance:
    """An instance of a service, with an engine and a verifier over its own store."""

    def __init__(self, store, clock):
        self.engine = TokenEngine(KeyRing.from_secret(SECRET), store=store, clock=clock)
        dpop = DpopVerifier(URL, store=store)
        self._authenticator = Authenticator(self.engine, dpop=dpop)

    async def outcome_of(self, headers):
        """Send a GET request to ``/orders``; return "accepted", or which check of the proof failed."""
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        scope = {"type": "http", "method": "GET", "raw_path": b"/orders", "headers": raw}
        try:
            await self._authenticator.authenticate(RequestView(scope), Requirement(dpop="required"))
        except DpopProofError as error:
            return error.check
        return "accepted"


async def token_for(client, instance):
    """Return a token that is bound to the key of a client."""
    return await instance.engine.issue("alice", bound_to=ProvenKey(client.thumbprint))


async def check_proofs(one, other):
    """Check that of all copies of a proof, one after the other or at once, one is accepted."""
    clock = FrozenClock()
    instances = [Instance(store, clock) for store in (one, other)]
    client = DpopClient(URL, clock=clock)
    token = await token_for(client, instances[0])

    copied = client.headers("GET", "/orders", token)
    outcomes = [await instances[number % 2].outcome_of(copied) for number in range(4)]
    assert outcomes == ["accepted", "jti", "jti", "jti"]
    for _ in range(ROUNDS):
        copied = client.headers("GET", "/orders", token)
        copies = (instances[number % 2].outcome_of(copied) for number in range(COPIES))
        assert sorted(await asyncio.gather(*copies)) == ONCE
    different = [client.headers("GET", "/orders", token) for _ in range(COPIES)]
    sent = (instances[number % 2].outcome_of(each) for number, each in enumerate(different))
    assert {*await asyncio.gather(*sent)} == {"accepted"}


@asynccontextmanager
async def two_redis_stores(form, fixture):
    """Yield two stores with the same keys, each with its own connections."""
    prefix = f"tokenward-test-{uuid4().hex}:"
    async with (
        opened_store(form, fixture, key_prefix=prefix) as one,
        opened_store(form, fixture, key_prefix=prefix) as other,
    ):
        yield one, other


async def test_section_11_1_instances_over_a_database(place):
    """Each database, through each driver."""
    async with place.store() as one, place.store() as other:
        await check_proofs(one, other)


@pytest.mark.parametrize("form", ["url", "sentinel url", "cluster url"])
async def test_section_11_1_instances_over_redis(request, form):
    """A server, a server that Sentinels watch, and a cluster."""
    async with two_redis_stores(form, request.getfixturevalue) as (one, other):
        await check_proofs(one, other)


async def test_section_11_1_instances_over_wrapped_stores(request):
    """A prefix and a mirror change nothing: the inner store consumes the proof."""
    async with two_redis_stores("url", request.getfixturevalue) as (one, other):
        await check_proofs(PrefixedStore(one, "shop"), PrefixedStore(other, "shop"))
        async with MirroredStore(one) as first, MirroredStore(other) as second:
            await check_proofs(first, second)


async def test_a_purge_removes_no_proof_that_is_still_valid(place):
    """It removes those that their age alone refuses, by a clock that may be an hour ahead."""
    clock = FrozenClock()
    async with place.store() as one, place.store() as other:
        first, second = Instance(one, clock), Instance(other, clock)
        client = DpopClient(URL, clock=clock)
        token = await token_for(client, first)
        copied = client.headers("GET", "/orders", token)
        assert await first.outcome_of(copied) == "accepted"
        assert await other.purge(now=NOW + 59 + CLOCK_SPARE_SECONDS) == 0
        clock.advance(59)
        assert await second.outcome_of(copied) == "jti"
        clock.advance(1)
        assert await second.outcome_of(copied) == "iat"
        assert await other.purge(now=NOW + 61 + CLOCK_SPARE_SECONDS) == 1
