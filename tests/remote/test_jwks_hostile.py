"""Issuers that fail or attack: tokens of known keys stay valid, and nothing blocks."""

import asyncio
import contextvars
import dataclasses
import gzip
import zlib
from datetime import timedelta

import httpx
import pytest

from tests.remote.conftest import NEW, OLD
from tests.remote.issuer import JWKS, Reply, engine_for, json_reply, jwks_of, run_background_tasks
from tokenward import RemoteKeySet
from tokenward.errors import KeysUnavailableError

MIB = 1_048_576
GOOD = json_reply(jwks_of(OLD)).body
PADDED = GOOD + b" " * (MIB - len(GOOD))
BOMB = zlib.compressobj(9, wbits=31)
BOMB = BOMB.compress(bytes(32 * MIB)) + BOMB.flush()
GZIP = {"content-encoding": "gzip"}
HOSTILE = {
    "500": Reply(GOOD, status=500),
    "401": Reply(GOOD, status=401),
    "204": Reply(status=204),
    "206": Reply(GOOD, status=206),
    "redirect": Reply(status=302, headers={"location": "/elsewhere"}),
    "redirect to another host": Reply(status=302, headers={"location": "{other}/elsewhere"}),
    "redirect with keys": Reply(GOOD, status=307, headers={"location": "/elsewhere"}),
    "html": Reply(b"<!doctype html><title>Sign in</title>"),
    "nothing": Reply(b""),
    "not utf-8": Reply(b"\xff\xfe" + GOOD),
    "list": Reply(b"[]"),
    "object": Reply(b"{}"),
    "empty set": Reply(b'{"keys":[]}'),
    "no list": Reply(b'{"keys":{}}'),
    "two lists": Reply(b'{"keys":[],' + GOOD[1:]),
    "nested": Reply(b"[" * 100_000),
    "only secrets": json_reply({"keys": [{"kty": "oct", "k": "c2VjcmV0" * 8, "kid": "x"}]}),
    "10 MB": Reply(b" " * MIB, chunks=10),
    "one byte too many": Reply(PADDED + b" "),
    "bomb": Reply(BOMB, headers=GZIP),
    "unasked encoding": Reply(GOOD, headers={"content-encoding": "br"}),
    "no gzip": Reply(GOOD, headers=GZIP),
    "cut gzip": Reply(gzip.compress(GOOD)[:-40], headers=GZIP),
    "never answers": Reply(never_ends=True),
    "drips": Reply(GOOD[:-1], drips=True),
}
ENDLESS = ("never answers", "drips")


def set_reply(issuer, name):
    """Set the response of the issuer; its other name counts as another host."""
    reply = HOSTILE[name]
    other = issuer.url.replace("127.0.0.1", "localhost")
    headers = {key: value.format(other=other) for key, value in reply.headers.items()}
    issuer.replies |= {
        JWKS: dataclasses.replace(reply, headers=headers),
        "/elsewhere": json_reply(jwks_of(NEW)),
    }


@pytest.mark.parametrize("name", HOSTILE)
async def test_known_keys_stay_valid_and_no_others_are_added(verifier, issuer, clock, caplog, name):
    """For every response: known keys stay, with one fetch and one warning in each cool-down."""
    token = issuer.token(OLD)
    assert await verifier.decode(token)
    set_reply(issuer, name)
    issuer.was_asked.clear()
    caplog.clear()
    for fetches in (2, 3, 4):
        clock.advance(580 if fetches == 2 else 30)
        answers = await asyncio.gather(*(verifier.decode(token) for _ in range(50)))
        assert {claims.sub for claims in answers} == {"alice"}
        if name in ENDLESS:
            await issuer.time_out()
        await run_background_tasks()
        assert issuer.asked == [JWKS] * fetches
    said = [each for each in caplog.records if each.name == "tokenward"]
    assert len(said) == 1
    assert said[0].exc_info is None
    assert issuer.url not in caplog.text.replace(f"GET {issuer.jwks_url}", "")
    issuer.publish(OLD)
    clock.advance(30)
    assert await verifier.decode(issuer.token(OLD))


@pytest.mark.parametrize("name", HOSTILE)
async def test_without_known_keys_requests_are_refused(verifier, issuer, name):
    """Without known keys, tokens are refused with an error that contains nothing of the response."""
    set_reply(issuer, name)
    for attempt in range(2):
        call = asyncio.create_task(verifier.decode(issuer.token(OLD)))
        if name in ENDLESS and attempt == 0:
            await issuer.time_out()
        with pytest.raises(KeysUnavailableError) as caught:
            await call
        assert str(caught.value) == KeysUnavailableError.message
        assert caught.value.__cause__ is caught.value.__context__ is None
    assert issuer.asked == [JWKS]


async def test_the_time_limit_of_a_fetch_can_be_set(issuer, clock):
    """A fetch is given up when the time is over, and not before."""
    issuer.replies[JWKS] = HOSTILE["never answers"]
    async with RemoteKeySet(issuer.jwks_url, timeout=timedelta(hours=1)) as keys:
        call = asyncio.create_task(keys.prepare(clock.now))
        await issuer.time_out(after=timedelta(minutes=59))
        for _ in range(1000):
            await asyncio.sleep(0)
        assert not call.done()
        asyncio.get_running_loop().travel(timedelta(minutes=1))
        with pytest.raises(KeysUnavailableError):
            await call


async def test_a_refused_connection_is_an_outage(issuer, clock):
    """A refused connection is an outage."""
    async with RemoteKeySet("http://127.0.0.1:1/keys") as keys:
        with pytest.raises(KeysUnavailableError):
            await engine_for(keys, issuer, clock).decode(issuer.token(OLD))


@pytest.mark.parametrize(
    "reply", [Reply(PADDED), Reply(gzip.compress(PADDED), headers=GZIP)], ids=["plain", "gzip"]
)
async def test_a_set_of_one_mebibyte_is_accepted(verifier, issuer, reply):
    """A set of one mebibyte is accepted, plain or with gzip."""
    issuer.replies[JWKS] = reply
    assert await verifier.decode(issuer.token(OLD))
    assert issuer.headers[0][b"accept-encoding"] == b"identity"


async def test_a_cancelled_first_caller_does_not_fail_the_others(verifier, issuer):
    """The cancellation of callers does not cancel the shared fetch."""
    issuer.gate.clear()
    calls = [asyncio.create_task(verifier.decode(issuer.token(OLD))) for _ in range(10)]
    await asyncio.to_thread(issuer.was_asked.wait)
    for call in calls[:5]:
        call.cancel()
    issuer.gate.set()
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(answer) for answer in answers[:5]} == {asyncio.CancelledError}
    assert {answer.sub for answer in answers[5:]} == {"alice"}
    assert issuer.asked == [JWKS]


async def test_the_fetch_completes_if_all_callers_are_cancelled(verifier, issuer):
    """If all callers are cancelled, the fetch completes and the next caller has the keys."""
    issuer.gate.clear()
    call = asyncio.create_task(verifier.decode(issuer.token(OLD)))
    await asyncio.to_thread(issuer.was_asked.wait)
    call.cancel()
    issuer.gate.set()
    await run_background_tasks()
    assert await verifier.decode(issuer.token(OLD))
    assert issuer.asked == [JWKS]


async def test_closing_ends_the_fetch_and_refuses_the_waiting_callers(keys, verifier, issuer):
    """Closing refuses the waiting callers; the next caller may fetch immediately."""
    await keys.aclose()
    issuer.gate.clear()
    call = asyncio.create_task(verifier.decode(issuer.token(OLD)))
    await asyncio.to_thread(issuer.was_asked.wait)
    await keys.aclose()
    with pytest.raises(KeysUnavailableError):
        await call
    issuer.gate.set()
    assert await verifier.decode(issuer.token(OLD))


async def test_the_event_loop_is_not_blocked_by_a_hanging_issuer(verifier, issuer):
    """While two hundred callers wait for an issuer, the event loop does other work."""
    issuer.replies[JWKS] = Reply(never_ends=True)
    token = issuer.token(OLD)
    waiting = asyncio.gather(*(verifier.decode(token) for _ in range(200)), return_exceptions=True)
    await asyncio.to_thread(issuer.was_asked.wait)
    for _ in range(1000):
        await asyncio.sleep(0)
    assert not waiting.done()
    await issuer.time_out()
    assert {type(answer) for answer in await waiting} == {KeysUnavailableError}


async def test_an_unknown_key_id_during_an_outage_is_not_remembered(verifier, issuer, clock):
    """An unknown key id during an outage is not remembered as absent."""
    await verifier.decode(issuer.token(OLD))
    issuer.replies[JWKS] = HOSTILE["500"]
    clock.advance(30)
    with pytest.raises(Exception, match="unknown key"):
        await verifier.decode(issuer.token(NEW))
    issuer.publish(NEW)
    clock.advance(30)
    assert await verifier.decode(issuer.token(NEW))


async def test_a_fetch_does_not_keep_the_context_of_a_request(issuer, clock):
    """The task of the fetch does not keep the context of a request alive."""
    user = contextvars.ContextVar("user", default="nobody")
    seen = []

    def answer(request):
        seen.append(user.get())
        return httpx.Response(200, content=GOOD)

    user.set("alice")
    async with (
        httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client,
        RemoteKeySet("https://login.example/keys", client=client) as keys,
    ):
        await keys.prepare(clock.now)
    assert seen == ["nobody"]


async def test_redirects_are_refused_though_the_client_follows_them(issuer, clock):
    """Redirects are refused, even with a client that follows them."""
    issuer.replies |= {JWKS: HOSTILE["redirect"], "/elsewhere": json_reply(jwks_of(OLD))}
    async with (
        httpx.AsyncClient(follow_redirects=True) as client,
        RemoteKeySet(issuer.jwks_url, client=client) as keys,
    ):
        with pytest.raises(KeysUnavailableError):
            await keys.prepare(clock.now)
    assert issuer.asked == [JWKS]


def test_a_set_outlives_its_event_loop(issuer, clock):
    """A key set can be used in a second event loop, even if the first ended during a fetch."""
    keys = RemoteKeySet(issuer.jwks_url)
    engine = engine_for(keys, issuer, clock)
    issuer.gate.clear()

    async def leave():
        asyncio.get_running_loop().create_task(engine.decode(issuer.token(OLD)))
        await asyncio.to_thread(issuer.was_asked.wait)

    asyncio.run(leave())
    issuer.gate.set()
    for _ in range(2):
        assert asyncio.run(engine.decode(issuer.token(OLD))).sub == "alice"
        clock.advance(600)
        issuer.publish(OLD)
    assert len(issuer.asked) == 3


def test_a_fetch_of_a_closed_loop_does_not_block_another_loop(clock, caplog):
    """A fetch of a closed event loop does not block another loop, which starts its own fetch."""
    never = asyncio.Event()
    is_first = True

    async def answer(request):
        nonlocal is_first
        if is_first:
            is_first = False
            await never.wait()
        return httpx.Response(200, content=GOOD)

    client = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    keys = RemoteKeySet("https://login.example/keys", client=client)
    first, second = asyncio.new_event_loop(), asyncio.new_event_loop()

    async def start():
        keys._start_fetch(clock.now)
        await asyncio.sleep(0)

    first.run_until_complete(start())
    unfinished = [*asyncio.all_tasks(first)]
    second.run_until_complete(keys.prepare(clock.now))
    assert keys.find(kid=OLD.kid, algorithm="ES256")
    assert keys._tasks.keys() == {first, second}
    for task in unfinished:
        task.cancel()
    first.run_until_complete(asyncio.gather(*unfinished, return_exceptions=True))
    first.close()
    second.run_until_complete(keys.prepare(clock.now + 600))
    assert keys._tasks.keys() == {second}
    second.run_until_complete(client.aclose())
    second.close()


async def test_the_largest_set_is_read_quickly(verifier, issuer, caplog):
    """A set of a hundred keys is read quickly; one more key is an outage."""
    jwk = jwks_of(OLD)["keys"][0]
    many = [jwk | {"kid": str(number)} for number in range(100)]
    issuer.replies[JWKS] = json_reply({"keys": [*many, jwk]})
    with pytest.raises(KeysUnavailableError):
        await verifier.decode(issuer.token(OLD))
    assert "no list of 1 to 100 'keys'" in caplog.text
    issuer.replies["/others"] = json_reply({"keys": [*many[1:], jwk]})
    async with RemoteKeySet(issuer.url + "/others") as keys:
        await keys.prepare(0)
        assert repr(keys) == "RemoteKeySet(keys=100)"
