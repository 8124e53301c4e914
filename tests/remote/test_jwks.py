"""Remote key sets: when keys are fetched, and for how long they are trusted."""

import asyncio
import copy
import gc
import tracemalloc
from datetime import timedelta
from uuid import uuid4

import pytest

from tests.remote.conftest import NEW, OLD
from tests.remote.issuer import JWKS, Reply, engine_for, json_reply, jwks_of, run_background_tasks
from tests.support import payload_of, signed
from tokenward import Key, RemoteKeySet
from tokenward.errors import KeysUnavailableError, SigningKeyError, UnknownKeyError
from tokenward.keys import KeySource

DOWN = Reply(b"Internal Server Error", status=500)


def token_with_kid(issuer, kid):
    """Issue a token with any key id."""
    header = {"alg": "ES256", "kid": kid}
    return signed(payload_of(iss=issuer.url), key=OLD, header=header)


def jwk_without_id(key):
    """Return the public JWK of a key without a key id, as issuers with a single key publish it."""
    return {name: value for name, value in key.public_jwk().items() if name != "kid"}


async def test_tokens_of_the_issuer_are_accepted(verifier, issuer):
    """Keys are fetched for the first token and cached for later ones."""
    assert issuer.asked == []
    for _ in range(3):
        assert (await verifier.decode(issuer.token(OLD))).sub == "alice"
    assert issuer.asked == [JWKS]


async def test_a_remote_key_set_is_a_key_source_without_a_url_in_its_repr(keys, verifier, issuer):
    """A remote key set is a source of keys, and its repr contains no URL."""
    assert isinstance(keys, KeySource)
    assert repr(keys) == "RemoteKeySet(keys=0)"
    with pytest.raises(KeysUnavailableError):
        keys.find(kid=OLD.kid, algorithm="ES256")
    await verifier.decode(issuer.token(OLD))
    assert repr(keys) == "RemoteKeySet(keys=1)"


def test_engines_that_are_copied_share_their_remote_keys(keys):
    """A copy of a remote key set is the set itself."""
    assert copy.deepcopy(keys) is keys


async def test_an_engine_with_remote_keys_cannot_issue(verifier):
    """Such an engine cannot issue tokens, because it has no private key."""
    with pytest.raises(SigningKeyError):
        await verifier.issue("alice")


async def test_a_thousand_cold_decodes_make_one_fetch(verifier, issuer):
    """A thousand concurrent first tokens cause one fetch."""
    token = issuer.token(OLD)
    claims = await asyncio.gather(*(verifier.decode(token) for _ in range(1000)))
    assert {each.sub for each in claims} == {"alice"}
    assert issuer.asked == [JWKS]


async def test_a_thousand_cold_decodes_of_a_broken_issuer_make_one_fetch(verifier, issuer, clock):
    """A failed fetch fails all waiting tokens; there is no second fetch within the cool-down."""
    issuer.replies[JWKS] = DOWN
    token = issuer.token(OLD)
    for seconds in (0, 29):
        clock.advance(seconds)
        calls = [verifier.decode(token) for _ in range(1000)]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert {type(answer) for answer in answers} == {KeysUnavailableError}
    assert issuer.asked == [JWKS]
    clock.advance(1)
    issuer.publish(OLD)
    assert await verifier.decode(token)
    assert issuer.asked == [JWKS, JWKS]


async def test_ten_thousand_unknown_key_ids_make_one_fetch_and_no_growth(verifier, issuer, clock):
    """Unknown key ids cause neither more fetches nor a growing cache."""
    await verifier.decode(issuer.token(OLD))
    clock.advance(30)

    async def flood(size):
        tokens = [token_with_kid(issuer, uuid4().hex) for _ in range(size)]
        calls = [verifier.decode(token) for token in tokens]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert {type(answer) for answer in answers} == {UnknownKeyError}

    await flood(1000)
    tracemalloc.start()
    await flood(1000)
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(8):
        await flood(1000)
    gc.collect()
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert issuer.asked == [JWKS, JWKS]
    # Less memory than 8,000 stored key ids need.
    assert grown < 400_000
    assert await verifier.decode(issuer.token(OLD))


async def test_unknown_key_ids_cause_one_fetch_in_each_cool_down(verifier, issuer, clock):
    """A thousand key ids in turn, or one of them repeatedly, cause one fetch every 30 seconds."""
    await verifier.decode(issuer.token(OLD))
    for number in range(1000):
        clock.advance(15)
        with pytest.raises(UnknownKeyError):
            await verifier.decode(token_with_kid(issuer, str(number % 700)))
    assert len(issuer.asked) == 501


async def test_a_new_key_cannot_be_delayed_by_requests_in_advance(verifier, issuer, clock):
    """A new key is accepted after the cool-down, even if its id was requested in advance."""
    await verifier.decode(issuer.token(OLD))
    for _ in range(60):
        clock.advance(10)
        with pytest.raises(UnknownKeyError):
            await verifier.decode(token_with_kid(issuer, NEW.kid))
    issuer.publish(NEW, OLD)
    clock.advance(30)
    assert await verifier.decode(issuer.token(NEW, iat=clock.now, exp=clock.now + 9))


async def test_a_key_without_an_id_verifies_tokens_that_name_one(verifier, issuer, clock):
    """The only key of a set, and its successor, verify tokens with any key id."""
    for key in (OLD, NEW):
        issuer.replies[JWKS] = json_reply({"keys": [jwk_without_id(key)]})
        clock.advance(30)
        header = {"alg": "ES256", "kid": f"of {key.kid}"}
        token = signed(payload_of(clock.now, iss=issuer.url), key=key, header=header)
        assert await verifier.decode(token)
    assert issuer.asked == [JWKS, JWKS]


async def test_an_issuer_that_adds_key_ids(verifier, issuer, clock):
    """A token with a new key id is accepted as soon as the cool-down allows a fetch."""
    issuer.replies[JWKS] = json_reply({"keys": [jwk_without_id(OLD)]})
    assert await verifier.decode(issuer.token(OLD))
    issuer.publish(NEW)
    with pytest.raises(UnknownKeyError):
        await verifier.decode(issuer.token(NEW))
    clock.advance(30)
    assert await verifier.decode(issuer.token(NEW))
    with pytest.raises(UnknownKeyError):
        await verifier.decode(issuer.token(OLD))


async def test_a_token_of_a_new_key_causes_a_fetch(verifier, issuer, clock):
    """A token of the new key is refused within the cool-down and accepted after it."""
    await verifier.decode(issuer.token(OLD))
    issuer.publish(NEW, OLD)
    clock.advance(29)
    with pytest.raises(UnknownKeyError):
        await verifier.decode(issuer.token(NEW))
    clock.advance(1)
    calls = [verifier.decode(issuer.token(NEW)) for _ in range(100)]
    assert {each.sub for each in await asyncio.gather(*calls)} == {"alice"}
    assert await verifier.decode(issuer.token(OLD))
    assert issuer.asked == [JWKS, JWKS]


async def test_a_removed_key_no_longer_verifies(keys, verifier, issuer, clock):
    """A removed key is refused, even if the token's header is cached."""
    await verifier.decode(issuer.token(OLD))
    issuer.publish(NEW)
    clock.advance(600)
    version = keys.version
    with pytest.raises(UnknownKeyError):
        await verifier.decode(issuer.token(OLD, exp=clock.now + 900, iat=clock.now))
    assert keys.version > version
    assert await verifier.decode(issuer.token(NEW))


async def test_a_key_that_is_replaced_under_its_id_is_replaced(verifier, issuer, clock):
    """A key that is replaced under the same key id is replaced here too."""
    first, second = (Key.generate("ES256", kid="the-key") for _ in range(2))
    issuer.publish(first)
    assert await verifier.decode(issuer.token(first))
    issuer.publish(second)
    clock.advance(600)
    assert await verifier.decode(issuer.token(second))


async def test_an_unchanged_set_keeps_cached_headers(keys, verifier, issuer, clock):
    """A set with the same keys in another order does not clear cached headers."""
    issuer.publish(OLD, NEW)
    await verifier.decode(issuer.token(OLD))
    key, version = keys.find(kid=OLD.kid, algorithm="ES256"), keys.version
    issuer.publish(NEW, OLD)
    clock.advance(600)
    await verifier.decode(issuer.token(OLD))
    assert len(issuer.asked) == 2
    assert keys.find(kid=OLD.kid, algorithm="ES256") is key
    assert keys.version == version


async def test_keys_are_refreshed_in_the_background(verifier, issuer, clock):
    """Keys are refreshed in the background before they expire; no token waits for it."""
    await verifier.decode(issuer.token(OLD))
    clock.advance(479)
    await verifier.decode(issuer.token(OLD))
    assert len(issuer.asked) == 1
    issuer.gate.clear()
    clock.advance(1)
    await asyncio.gather(*(verifier.decode(issuer.token(OLD)) for _ in range(1000)))
    issuer.gate.set()
    await run_background_tasks()
    clock.advance(479)
    await verifier.decode(issuer.token(OLD, exp=clock.now + 9))
    assert len(issuer.asked) == 2


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("max-age=100", 100),
        ("public, Max-Age=100, must-revalidate", 100),
        ('max-age="100"', 100),
        ("max-age=3601", 3600),
        ("max-age=" + "9" * 5000, 3600),
        ("max-age=100, max-age=3600", 100),
        ("max-age=-1", 30),
        ("max-age=", 30),
        ("max-age=\u0661\u0660\u0660", 30),
        ("max-age=1e3", 30),
        ("max-age=0", 30),
        ("no-store", 30),
        ("no-cache, max-age=3600", 30),
        ("private", 600),
        ("", 600),
        (",,=,;", 600),
    ],
)
async def test_cache_control_is_honoured_within_bounds(issuer, clock, said, seconds):
    """Cache-Control counts from the cool-down up to an hour; an invalid value counts as zero."""
    issuer.replies[JWKS] = lambda: Reply(
        json_reply(jwks_of(OLD)).body, headers={"cache-control": said.encode().decode("latin-1")}
    )
    async with RemoteKeySet(issuer.jwks_url) as keys:
        await keys.prepare(clock.now)
        await keys.prepare(clock.now + seconds * 0.8 - 1)
        assert len(issuer.asked) == 1
        await keys.prepare(clock.now + seconds)
        assert len(issuer.asked) == 2


@pytest.mark.parametrize(("age", "seconds"), [("40", 60), ("99999", 30), ("-5", 100), ("x", 100)])
async def test_the_age_header_shortens_the_lifetime(issuer, clock, age, seconds):
    """The Age header shortens the lifetime of the keys (RFC 9111 §4.2.3)."""
    issuer.publish(OLD, cache_control="max-age=100", age=age)
    async with RemoteKeySet(issuer.jwks_url) as keys:
        await keys.prepare(clock.now)
        await keys.prepare(clock.now + seconds * 0.8 - 1)
        assert len(issuer.asked) == 1
        await keys.prepare(clock.now + seconds)
        assert len(issuer.asked) == 2


async def test_a_clock_that_is_set_back(keys, issuer, clock):
    """If the clock is set back, keys are not trusted for longer."""
    await keys.prepare(clock.now)
    await keys.prepare(clock.now - 86_400)
    assert len(issuer.asked) == 2


async def test_stale_keys_are_used_for_an_hour_during_an_outage(verifier, issuer, clock):
    """During an outage, known keys are used for an hour, with one fetch in each cool-down."""
    began = clock.now
    await verifier.decode(issuer.token(OLD))
    issuer.replies[JWKS] = DOWN

    async def ask():
        return await verifier.decode(issuer.token(OLD, iat=began, exp=clock.now + 9))

    while clock.now < began + 4199:
        assert await ask()
        await run_background_tasks()
        clock.advance(10)
    assert 100 < len(issuer.asked) < 130
    clock.now = began + 4200
    with pytest.raises(KeysUnavailableError):
        await ask()
    issuer.publish(OLD)
    clock.advance(30)
    assert await ask()


async def test_expired_keys_are_fetched_again_before_use(verifier, issuer, clock):
    """If the keys have expired, the first token waits for the new set."""
    await verifier.decode(issuer.token(OLD))
    issuer.publish(NEW)
    clock.advance(700)
    with pytest.raises(UnknownKeyError):
        await verifier.decode(issuer.token(OLD, exp=clock.now + 9))


async def test_one_set_serves_several_engines(keys, issuer, clock):
    """Several engines of one key set share a fetch."""
    for audience in ("shop", "stock"):
        engine = engine_for(keys, issuer, clock, audience=audience)
        assert await engine.decode(issuer.token(OLD, aud=audience))
    assert len(issuer.asked) == 1


async def test_lifetimes_can_be_set(issuer, clock):
    """The lifetimes of the constructor are used."""
    second = timedelta(seconds=1)
    async with RemoteKeySet(
        issuer.jwks_url, lifetime=5 * second, cooldown=second, stale_for=timedelta(0)
    ) as keys:
        await keys.prepare(clock.now)
        issuer.replies[JWKS] = DOWN
        await keys.prepare(clock.now + 4)
        await run_background_tasks()
        with pytest.raises(KeysUnavailableError):
            await keys.prepare(clock.now + 5)
        assert len(issuer.asked) == 3


async def test_skipped_keys_of_the_last_document_are_listed(issuer, keys, verifier, clock):
    """Also of a document without any usable key, while the known keys are still used."""
    other = Key.generate("ES256").public_jwk() | {"use": "enc", "kid": "enc"}
    assert keys.skipped_keys == ()
    issuer.replies[JWKS] = json_reply({"keys": [other, OLD.public_jwk()]})
    assert await verifier.decode(issuer.token(OLD))
    assert [(each.position, each.kid) for each in keys.skipped_keys] == [(0, "enc")]

    issuer.publish(OLD)
    await keys.prepare(clock.now + 600)
    assert keys.skipped_keys == ()
    issuer.replies[JWKS] = json_reply({"keys": [{"kty": "new"}, other]})
    await keys.prepare(clock.now + 1_200)
    assert ["kty" in each.reason for each in keys.skipped_keys] == [True, False]
    assert keys.find(kid=OLD.kid, algorithm="ES256")


async def test_only_the_allowed_algorithms_are_accepted(issuer, clock):
    """Keys of other algorithms in the set are ignored."""
    other = Key.generate("EdDSA")
    issuer.publish(OLD, other)
    async with RemoteKeySet(issuer.jwks_url, algorithms=["ES256", "RS256"]) as keys:
        engine = engine_for(keys, issuer, clock)
        assert await engine.decode(issuer.token(OLD))
        with pytest.raises(UnknownKeyError):
            await engine.decode(issuer.token(other))
