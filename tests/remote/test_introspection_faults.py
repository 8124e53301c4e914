"""Endpoints that fail or attack, and answers that are cached: nobody gets in by either."""

import asyncio
import dataclasses
import gzip
import json
import zlib
from datetime import timedelta

import httpx
import pytest

from tests.remote.introspection import OPAQUE, POLICY, Endpoint, active
from tests.remote.issuer import Reply
from tests.support import NOW
from tokenward import (
    Claims,
    InvalidTokenError,
    TokenExpiredError,
    TokenPolicy,
    TokenRevokedError,
)
from tokenward.engine.introspection import IntrospectedTokens
from tokenward.engine.introspection.sources import TokenTexts
from tokenward.errors import InvalidAudienceError, StoreUnavailableError

PATH = "/introspect"
LONG = timedelta(minutes=1)
GOOD = json.dumps(active()).encode()
JSON = {"content-type": "application/json"}
BOMB = zlib.compressobj(9, wbits=31)
BOMB = BOMB.compress(bytes(8 * 1_048_576)) + BOMB.flush()


def reply(body, **changes):
    """Return a response that says it is JSON."""
    headers = JSON | changes.pop("headers", {})
    return Reply(body, headers=headers, **changes)


def as_json(members):
    """Return a response with these members."""
    return reply(json.dumps(members).encode())


UNUSABLE = {
    "500": reply(GOOD, status=500),
    "401": reply(GOOD, status=401),
    "404": reply(b"", status=404),
    "204": reply(b"", status=204),
    "206": reply(GOOD, status=206),
    "redirect": reply(GOOD, status=307, headers={"location": "/elsewhere"}),
    "redirect to another host": reply(b"", status=308, headers={"location": "{other}/elsewhere"}),
    "html": Reply(b"<!doctype html>", headers={"content-type": "text/html"}),
    "no type": Reply(GOOD),
    "a signed answer": Reply(GOOD, headers={"content-type": "application/token-introspection+jwt"}),
    "nothing": reply(b""),
    "not utf-8": reply(GOOD.decode().encode("utf-16")),
    "list": reply(b"[" + GOOD + b"]"),
    "true": reply(b"true"),
    "object": reply(b"{}"),
    "not json": reply(GOOD[:-1]),
    "two objects": reply(GOOD + GOOD),
    "active as text": as_json(active(active="true")),
    "active as number": as_json(active(active=1)),
    "active as list": as_json(active(active=[True])),
    "active as null": reply(GOOD.replace(b"true", b"null")),
    "active in capitals": reply(GOOD.replace(b'"active"', b'"Active"')),
    "active twice": reply(b'{"active": false,' + GOOD[1:]),
    "sub twice": reply(GOOD[:-1] + b',"sub":"root"}'),
    "nan": reply(GOOD[:-1] + b',"x":NaN}'),
    "infinity": reply(GOOD[:-1] + b',"x":1e999}'),
    "lone surrogate": reply(GOOD[:-1] + b',"x":"\\ud800"}'),
    "huge number": reply(GOOD[:-1] + b',"exp":' + b"9" * 5_000 + b"}"),
    "nested": reply(GOOD[:-1] + b',"x":' + b"[" * 2_000 + b"]" * 2_000 + b"}"),
    "one byte too many": reply(GOOD + b" " * (65_537 - len(GOOD))),
    "1 MB": reply(b" " * 65_536, chunks=16),
    "bomb": reply(BOMB, headers={"content-encoding": "gzip"}),
    "unasked encoding": reply(GOOD, headers={"content-encoding": "br"}),
    "cut gzip": reply(gzip.compress(GOOD)[:-40], headers={"content-encoding": "gzip"}),
    "never answers": Reply(never_ends=True),
    "drips": reply(GOOD[:-1], drips=True),
}
ENDLESS = ("never answers", "drips")
REAL = {*ENDLESS, "redirect to another host", "1 MB", "bomb", "cut gzip"}
"""Those that need a real server, because a client in memory reads the whole body first."""


@pytest.fixture
def endpoint():
    """Return an endpoint that knows one token."""
    return Endpoint()


@pytest.fixture
def served(issuer, clock):
    """Return an engine that asks a real server, with a new client for each request."""
    issuer.replies[PATH] = as_json(active())
    options = {"policy": POLICY, "clock": clock, "bearer_token": "t", "timeout": LONG}
    return IntrospectedTokens(issuer.url + PATH, **options)


def set_reply(issuer, name):
    """Set the response of the server; its other name counts as another host."""
    found = UNUSABLE[name]
    other = issuer.url.replace("127.0.0.1", "localhost")
    headers = {key: value.format(other=other) for key, value in found.headers.items()}
    issuer.replies |= {
        PATH: dataclasses.replace(found, headers=headers),
        "/elsewhere": as_json(active()),
    }


async def test_a_real_server_is_asked(served, issuer):
    """Its body may have any length up to 64 KiB, and be compressed."""
    assert (await served.decode("a")).sub == "alice"
    issuer.replies[PATH] = reply(GOOD + b" " * (65_536 - len(GOOD)))
    assert (await served.decode("b")).sub == "alice"
    issuer.replies[PATH] = reply(gzip.compress(GOOD), headers={"content-encoding": "gzip"})
    assert (await served.decode("c")).sub == "alice"
    assert issuer.headers[-1][b"authorization"] == b"Bearer t"


@pytest.mark.parametrize("name", UNUSABLE)
async def test_nobody_gets_in_by_an_unusable_answer(endpoint, served, issuer, clock, caplog, name):
    """Each is an outage: 503, logged once a minute, with nothing of the answer or the token."""
    is_real = name in REAL
    engine = served if is_real else endpoint.engine(clock)
    if is_real:
        set_reply(issuer, name)
    else:
        endpoint.answers[OPAQUE] = UNUSABLE[name]
    for attempt in range(2):
        issuer.was_asked.clear()
        call = asyncio.create_task(engine.decode(OPAQUE))
        if name in ENDLESS:
            await issuer.time_out(LONG)
        with pytest.raises(StoreUnavailableError) as caught:
            await call
        assert str(caught.value) == StoreUnavailableError.message
        assert caught.value.__cause__ is caught.value.__context__ is None
        assert len(issuer.asked if is_real else endpoint.asked) == attempt + 1
    said = [each for each in caplog.records if each.name == "tokenward"]
    assert len(said) == 1
    assert OPAQUE not in caplog.text
    assert "alice" not in caplog.text
    issuer.replies[PATH] = as_json(active())
    endpoint.answers[OPAQUE] = active()
    assert (await engine.decode(OPAQUE)).sub == "alice"


@pytest.mark.parametrize("name", ["500", "nothing", "never answers"])
async def test_known_answers_stay_valid_during_an_outage(served, issuer, clock, name):
    """Until they are too old; then the token is refused with 503."""
    assert (await served.decode(OPAQUE)).sub == "alice"
    set_reply(issuer, name)
    clock.advance(29)
    assert (await served.decode(OPAQUE)).sub == "alice"
    clock.advance(1)
    issuer.was_asked.clear()
    call = asyncio.create_task(served.decode(OPAQUE))
    if name in ENDLESS:
        await issuer.time_out(LONG)
    with pytest.raises(StoreUnavailableError):
        await call


WRONG = {
    "list": {"sub": ["alice"]},
    "object": {"sub": {"name": "alice"}},
    "long": {"scope": "a " * 20_000},
    "scope as object": {"scope": {"orders:read": True}},
    "exp as list": {"exp": [NOW + 900]},
    "aud as object": {"aud": {"shop-api": True}},
    "csrf as number": {"csrf": 1},
    "great exp": {"exp": 10**300},
    "own extras": {"__class__": "x", "extra": {"a": 1}, "model_config": {}},
}


@pytest.mark.parametrize("name", WRONG)
async def test_hostile_members_are_refused_or_harmless(endpoint, clock, name):
    """Whatever the members are, only a `TokenError` or claims come out."""
    endpoint.answers[OPAQUE] = active(**WRONG[name])
    call = endpoint.engine(clock).decode(OPAQUE)
    (result,) = await asyncio.gather(call, return_exceptions=True)
    assert isinstance(result, InvalidTokenError) or result.sub == "alice"
    assert "alice" not in str(result) or isinstance(result, Claims)


async def test_an_active_token_is_cached_and_checked_each_time(endpoint, clock):
    """The endpoint is asked again after 30 seconds; expiry is exact all the while."""
    endpoint.answers[OPAQUE] = active(exp=NOW + 40)
    engine = endpoint.engine(clock)
    first, second = await engine.decode(OPAQUE), await engine.decode(OPAQUE)
    assert first == second
    assert first is not second
    clock.advance(30)
    await engine.decode(OPAQUE)
    assert len(endpoint.requests) == 2
    clock.advance(9.5)
    await engine.decode(OPAQUE)
    assert len(endpoint.requests) == 2
    clock.advance(0.5)
    with pytest.raises(TokenExpiredError):
        await engine.decode(OPAQUE)
    assert len(endpoint.requests) == 3


async def test_an_answer_with_a_wrong_claim_is_cached_as_well(endpoint, clock):
    """A client cannot make the service ask on and on by a token for others."""
    endpoint.answers[OPAQUE] = active(aud="other-api")
    engine = endpoint.engine(clock)
    for _ in range(3):
        with pytest.raises(InvalidAudienceError):
            await engine.decode(OPAQUE)
    assert len(endpoint.requests) == 1


async def test_an_inactive_token_is_cached_for_less_time(endpoint, clock):
    """For 5 seconds: a token that another server has just issued may not be known everywhere."""
    engine = endpoint.engine(clock)
    for seconds in (0, 4.9):
        clock.advance(seconds)
        with pytest.raises(TokenRevokedError):
            await engine.decode("new")
    endpoint.answers["new"] = active()
    clock.advance(0.1)
    assert (await engine.decode("new")).sub == "alice"
    assert endpoint.asked == ["new", "new"]


async def test_both_caches_can_be_switched_off(endpoint, clock):
    """By a time of zero, or by the limits of the policy."""
    none = timedelta(0)
    small = dataclasses.replace(POLICY, signature_cache_bytes=100)
    for options in (
        {"active_for": none, "inactive_for": none},
        {"policy": dataclasses.replace(POLICY, signature_cache_entries=0)},
        {"policy": small},
    ):
        endpoint.requests.clear()
        engine = endpoint.engine(clock, **options)
        for _ in range(2):
            await engine.decode(OPAQUE)
            with pytest.raises(TokenRevokedError):
                await engine.decode("unknown")
        assert endpoint.asked == [OPAQUE, "unknown"] * 2


async def test_the_oldest_answer_is_removed_first(endpoint, clock):
    """And invented tokens remove no answer about an active one."""
    policy = dataclasses.replace(POLICY, signature_cache_entries=2)
    engine = endpoint.engine(clock, policy=policy)
    endpoint.answers |= {"a": active(), "b": active()}
    for token in (OPAQUE, "a"):
        await engine.decode(token)
    for number in range(5):
        with pytest.raises(TokenRevokedError):
            await engine.decode(f"invented-{number}")
    endpoint.requests.clear()
    for token in (OPAQUE, "a", "b", "a", OPAQUE):
        await engine.decode(token)
    assert endpoint.asked == ["b", OPAQUE]


async def test_an_answer_is_not_used_longer_after_the_clock_is_set_back(endpoint, clock):
    """An answer from the future is too old."""
    engine = endpoint.engine(clock)
    await engine.decode(OPAQUE)
    clock.advance(-3600)
    del endpoint.answers[OPAQUE]
    with pytest.raises(TokenRevokedError):
        await engine.decode(OPAQUE)


async def test_concurrent_requests_share_one_request(endpoint, clock):
    """And none of them can cancel it for the others."""
    engine = endpoint.engine(clock)
    endpoint.gate.clear()
    calls = [asyncio.create_task(engine.decode(OPAQUE)) for _ in range(20)]
    await endpoint.was_asked.wait()
    calls[0].cancel()
    await asyncio.wait(calls[:1])
    endpoint.gate.set()
    answers = await asyncio.gather(*calls[1:])
    assert {claims.sub for claims in answers} == {"alice"}
    assert len({id(claims) for claims in answers}) == 19
    assert endpoint.asked == [OPAQUE]


async def test_concurrent_requests_share_one_outage(endpoint, clock):
    """Each is refused; the next request asks again."""
    engine = endpoint.engine(clock)
    endpoint.answers[OPAQUE] = httpx.ConnectError("secret")
    results = await asyncio.gather(
        *(engine.decode(OPAQUE) for _ in range(5)), return_exceptions=True
    )
    assert {type(each) for each in results} == {StoreUnavailableError}
    assert len({id(each) for each in results}) == 5
    endpoint.answers[OPAQUE] = active()
    assert (await engine.decode(OPAQUE)).sub == "alice"


async def test_closing_ends_the_requests_that_wait(endpoint, clock):
    """They are refused with 503; the client stays open, because it is yours."""
    engine = endpoint.engine(clock)
    endpoint.gate.clear()
    async with engine.running():
        call = asyncio.create_task(engine.decode(OPAQUE))
        await endpoint.was_asked.wait()
    with pytest.raises(StoreUnavailableError):
        await call
    endpoint.gate.set()
    assert (await engine.decode(OPAQUE)).sub == "alice"


def test_several_event_loops_may_use_one_engine(issuer, clock):
    """A closed loop leaves nothing behind."""
    issuer.replies[PATH] = as_json(active())
    options = {"policy": POLICY, "clock": clock, "bearer_token": "t", "timeout": LONG}
    engine = IntrospectedTokens(issuer.url + PATH, **options)
    for _ in range(2):
        assert asyncio.run(engine.decode(OPAQUE)).sub == "alice"
        clock.advance(30)
    assert issuer.asked == [PATH] * 2


async def test_a_connection_ends_when_its_token_is_no_longer_active(endpoint, clock):
    """`revalidate` asks again, and checks the new answer against the policy."""
    engine = endpoint.engine(clock)
    claims = await engine.decode(OPAQUE)
    clock.advance(30)
    endpoint.answers[OPAQUE] = active(exp=NOW + 100)
    assert await engine.revalidate(claims) == 70
    clock.advance(30)
    endpoint.answers[OPAQUE] = active(aud="other-api")
    with pytest.raises(InvalidAudienceError):
        await engine.revalidate(claims)
    clock.advance(30)
    del endpoint.answers[OPAQUE]
    with pytest.raises(TokenRevokedError):
        await engine.revalidate(claims)
    with pytest.raises(TypeError, match="not a copy"):
        await engine.revalidate(claims.model_copy())


def test_the_token_is_forgotten_with_its_claims():
    """So nothing grows with the number of requests. Equal claims are others."""
    texts = TokenTexts()
    first, second = Claims(sub="alice"), Claims(sub="alice")
    texts.keep(first, "first")
    texts.keep(second, "second")
    assert (texts.text_of(first), texts.text_of(second)) == ("first", "second")
    assert texts.text_of(Claims(sub="alice")) is None
    del first
    assert len(texts) == 1
    del second
    assert len(texts) == 0


async def test_ping_asks_about_a_text_that_is_no_token(endpoint, clock):
    """At most once within `inactive_for`; an outage is an error."""
    engine = endpoint.engine(clock)
    for _ in range(3):
        await engine.ping()
    assert endpoint.asked == ["ping"]
    clock.advance(5)
    endpoint.answers["ping"] = httpx.Response(401)
    with pytest.raises(StoreUnavailableError):
        await engine.ping()


async def test_an_outage_is_never_accepted(endpoint, clock):
    """Not even if the policy accepts an outage of the store: nothing is known about the token."""
    policy = TokenPolicy(
        required_claims={"exp"}, type_source="always-access", store_outage="accept"
    )
    endpoint.answers[OPAQUE] = httpx.Response(500)
    with pytest.raises(StoreUnavailableError):
        await endpoint.engine(clock, policy=policy).decode(OPAQUE)
