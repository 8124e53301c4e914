"""Open connections end when the login is too old for what their request required."""

import asyncio
import copy
import math
import time
from datetime import timedelta

import pytest

from tests.core.http_requests import view
from tests.support import NOW, engine_with, payload_of, signed
from tokenward import Claims, Issuers, KeyRing, TokenEngine, TokenPolicy
from tokenward.errors import (
    FreshTokenRequiredError,
    InsufficientAuthenticationError,
    InsufficientScopeError,
)
from tokenward.http import Authenticator, Requirement, stream_while_valid
from tokenward.testing.adapters.service import bearer

ISSUER = "https://shop.example"
MINUTE = timedelta(minutes=1)
LATE = timedelta(hours=1)


@pytest.fixture
def engine(clock):
    """Return an engine with a leeway of five seconds."""
    return engine_with(clock, policy=TokenPolicy(issuer=ISSUER, leeway=timedelta(seconds=5)))


def token_with(**claims):
    """Return a token of that issuer, by default with a login a second ago."""
    return signed(payload_of(**{"iss": ISSUER, "auth_time": NOW - 1, **claims}))


async def admitted(engine, *requirements, **claims):
    """Return the claims of one request that meets all requirements."""
    request = view(*bearer(token_with(**claims)))
    authenticator = Authenticator(engine)
    found = [await authenticator.authenticate(request, each) for each in requirements]
    assert all(each is found[0] for each in found)
    return found[0]


async def test_rfc9470_section_4_the_login_ends_as_for_a_request(engine, clock):
    """`revalidate` refuses a login from the same moment on as a request, with the same error."""
    required = Requirement(max_age=MINUTE, acr=["mfa"])
    claims = await admitted(engine, required, acr="mfa")
    assert await engine.revalidate(claims) == 64
    clock.advance(64)
    assert await engine.revalidate(claims) == 0
    await required.check_claims(engine, claims)

    clock.advance(0.5)
    errors = []
    for again in (engine.revalidate(claims), required.check_claims(engine, claims)):
        with pytest.raises(InsufficientAuthenticationError) as caught:
            await again
        errors.append((caught.value.acr, caught.value.max_age_seconds))
    assert errors == [(("mfa",), 60)] * 2


@pytest.mark.parametrize(
    ("requirements", "claims", "left"),
    [
        ([Requirement()], {}, 905),
        ([Requirement(acr=["mfa"])], {"acr": "mfa"}, 905),
        ([Requirement(fresh=True)], {"fresh": True}, 905),
        ([Requirement(fresh=True)], {"fresh": NOW + 30}, 30),
        ([Requirement(fresh=True, max_age=MINUTE)], {"fresh": True}, 64),
        ([Requirement(fresh=True, max_age=MINUTE)], {"fresh": NOW + 30}, 30),
        ([Requirement(max_age=MINUTE)], {"auth_time": ..., "fresh": True}, 65),
        ([Requirement(max_age=MINUTE), Requirement()], {}, 64),
        ([Requirement(max_age=5 * MINUTE), Requirement(max_age=MINUTE)], {}, 64),
        ([Requirement(max_age=MINUTE, optional=True)] * 2, {}, 64),
        ([Requirement(max_age=LATE)], {}, 905),
    ],
    ids=[
        "nothing", "level", "fresh", "fresh until", "fresh, age", "fresh until, age",
        "no auth_time", "two guards", "two ages", "twice", "expiry first",
    ],
)  # fmt: skip
async def test_the_earliest_end_counts(engine, requirements, claims, left):
    """The seconds that are left end with the token, or with a login of one of the requirements."""
    assert await engine.revalidate(await admitted(engine, *requirements, **claims)) == left


async def test_freshness_ends_as_for_a_request(engine, clock):
    """A token that is fresh until a time ends the connection of a fresh route at that time."""
    claims = await admitted(engine, Requirement(fresh=True), fresh=NOW + 30)
    clock.advance(29.5)
    assert await engine.revalidate(claims) == 0.5
    clock.advance(0.5)
    with pytest.raises(FreshTokenRequiredError):
        await engine.revalidate(claims)


async def test_a_requirement_that_was_not_met_leaves_nothing(engine, clock):
    """Only a requirement that admitted the request limits its connection."""
    request = view(*bearer(token_with()))
    authenticator = Authenticator(engine)
    with pytest.raises(InsufficientScopeError):
        await authenticator.authenticate(request, Requirement(max_age=MINUTE, scopes=["admin"]))

    claims = await authenticator.authenticate(request, Requirement())
    assert await engine.revalidate(claims) == 905


async def test_one_check_of_a_handler_leaves_nothing(engine):
    """`check_login` of the engine decides about a moment, not about the connection."""
    claims = await admitted(engine, Requirement())
    engine.check_login(claims, max_age=MINUTE)
    assert await engine.revalidate(claims) == 905


async def test_later_guards_of_the_request_see_the_end(engine, clock):
    """A second guard without `max_age` does not accept what the first would refuse by now."""
    request = view(*bearer(token_with()))
    authenticator = Authenticator(engine)
    await authenticator.authenticate(request, Requirement(max_age=MINUTE))
    clock.advance(65)
    with pytest.raises(InsufficientAuthenticationError):
        await authenticator.authenticate(request, Requirement())


async def test_verified_tokens_and_several_issuers(clock):
    """`verify`, for tokens outside of HTTP, and `Issuers` have the same end."""
    engine = engine_with(clock, policy=TokenPolicy(issuer=ISSUER))
    other = TokenEngine(KeyRing.generate("ES256"), policy=TokenPolicy(issuer="other"), clock=clock)
    issuers = Issuers(other, engine)
    claims = await Authenticator(issuers).verify(token_with(), Requirement(max_age=MINUTE))
    assert await issuers.revalidate(claims) == 59
    clock.advance(60)
    with pytest.raises(InsufficientAuthenticationError):
        await issuers.revalidate(claims)


async def test_a_copy_of_the_claims_has_the_same_end(engine):
    """A copy of claims keeps the limit, which no comparison or serialization shows."""
    claims = await admitted(engine, Requirement(max_age=MINUTE))
    plain = await engine.decode(token_with(jti=claims.jti))
    copies = (claims.model_copy(), claims.model_copy(deep=True), copy.copy(claims))
    assert [await engine.revalidate(each) for each in copies] == [64] * 3

    assert (claims, hash(claims), repr(claims), dict(claims)) == (
        plain, hash(plain), repr(plain), dict(plain)
    )  # fmt: skip
    assert claims.model_dump() == plain.model_dump()
    assert claims.model_dump_json() == plain.model_dump_json()
    assert Claims.model_validate(claims.model_dump()).extra == plain.extra == {}


@pytest.fixture
async def soon():
    """Return an engine, and claims whose login becomes too old in 20 ms, long before their expiry."""
    start = math.inf  # the clock stands still until then, however slow this machine is
    engine = engine_with(
        lambda: NOW + 59.98 + max(0, time.monotonic() - start), policy=TokenPolicy(issuer=ISSUER)
    )
    claims = await admitted(engine, Requirement(max_age=MINUTE), auth_time=NOW)
    start = time.monotonic()
    return engine, claims


async def test_a_socket_is_closed_on_time(soon):
    """A login that becomes too old closes the socket at that time, whatever the interval of checks."""
    engine, claims = soon
    closed = []

    async def close(code, reason):
        closed.append((code, reason))

    async with asyncio.timeout(10):
        async with Authenticator(engine).while_valid(claims, close, check_every=LATE):
            await asyncio.Event().wait()
    assert closed == [(1008, "insufficient_user_authentication")]


async def test_a_stream_ends_on_time(soon):
    """So does a stream."""
    engine, claims = soon

    async def waiting():
        yield "first"
        await asyncio.Event().wait()

    async with asyncio.timeout(10):
        stream = stream_while_valid(engine, claims, waiting(), check_every=LATE)
        assert [item async for item in stream] == ["first"]
