"""A token that comes again needs no signature check; one that is refused is not remembered."""

import pytest

from tests.core.counted_keys import counted
from tests.support import NOW, OTHER_SECRET, engine_with, payload_of, signed
from tokenward import InvalidTokenError, Key, TokenExpiredError, TokenPolicy
from tokenward.engine import SignatureCacheUse
from tokenward.errors import (
    InvalidAudienceError,
    InvalidClaimError,
    InvalidIssuerError,
    InvalidSignatureError,
    MalformedTokenError,
    MissingClaimError,
    TokenNotYetValidError,
    WrongTokenTypeError,
)

GOOD = signed(payload_of())
STRANGER = Key.from_secret(OTHER_SECRET)
POLICY = TokenPolicy(issuer="me", audience="here")


def use_of(engine):
    """Give hits, misses and entries."""
    return engine.signature_cache[:3]


async def test_a_token_that_comes_again_needs_no_signature_check(clock):
    """Its signature is checked once, whether it comes as text or as bytes."""
    engine, key = counted(clock)
    answers = [await engine.decode(token) for token in (GOOD, GOOD, GOOD.encode(), GOOD)]
    assert answers == [answers[0]] * 4
    assert key.verified == 1
    assert use_of(engine) == (3, 1, 1)


async def test_bytes_that_come_first_are_remembered_as_text(clock):
    """It is one token, and takes one place."""
    engine, key = counted(clock)
    for token in (GOOD.encode(), GOOD):
        await engine.decode(token)
    assert (key.verified, use_of(engine)) == (1, (1, 1, 1))


async def test_each_token_is_checked_when_it_is_first_seen(clock):
    """Also one that has the same claims and another header."""
    engine, key = counted(clock)
    other = signed(payload_of(), header={"typ": "jwt", "alg": "HS256"})
    for token in (GOOD, other, GOOD, other):
        await engine.decode(token)
    assert (key.verified, use_of(engine)) == (2, (2, 2, 2))


@pytest.mark.parametrize("bound", ["signature_cache_entries", "signature_cache_bytes"])
async def test_zero_switches_the_cache_off(clock, bound):
    """Every signature is checked, and nothing is kept."""
    engine, key = counted(clock, policy=TokenPolicy(**{bound: 0}))
    for _ in range(3):
        assert (await engine.decode(GOOD)).sub == "alice"
    assert key.verified == 3
    assert engine.signature_cache == SignatureCacheUse(hits=0, misses=3, entries=0, bytes=0)
    assert engine.signature_cache.hit_rate == 0


async def test_the_hit_rate_is_the_part_that_was_remembered(engine):
    """Nothing before the first token; then what was remembered, of all good ones."""
    assert engine.signature_cache == SignatureCacheUse(hits=0, misses=0, entries=0, bytes=0)
    rates = [engine.signature_cache.hit_rate]
    for token in (GOOD, GOOD, GOOD, GOOD, signed(payload_of(jti="another"))):
        await engine.decode(token)
        rates.append(engine.signature_cache.hit_rate)
    assert rates == [0, 0, 1 / 2, 2 / 3, 3 / 4, 3 / 5]


async def test_each_engine_has_a_memory_of_its_own(clock):
    """What one of them took is for another, of the same keys, a token that it has never seen."""
    first, second = engine_with(clock), engine_with(clock, policy=TokenPolicy(audience="there"))
    await first.decode(GOOD)
    with pytest.raises(MissingClaimError):
        await second.decode(GOOD)
    assert (use_of(first), use_of(second)) == ((0, 1, 1), (0, 0, 0))


async def test_every_decode_gives_claims_of_its_own(engine):
    """What a handler does to one of them, the next one does not see."""
    token = signed(payload_of(roles=["a"]))
    seen = [await engine.decode(token)]
    for _ in range(2):
        seen[-1].extra["roles"].append("admin")
        seen.append(await engine.decode(token))
        assert seen[-1].extra == {"roles": ["a"]}
    assert len({id(claims) for claims in seen}) == 3
    assert engine.signature_cache.hits == 2


REFUSED = {
    "a forged signature": (InvalidSignatureError, {}, STRANGER),
    "another issuer": (InvalidIssuerError, {"iss": "you"}, None),
    "another audience": (InvalidAudienceError, {"aud": "there"}, None),
    "no audience": (MissingClaimError, {"aud": ...}, None),
    "expired": (TokenExpiredError, {"exp": NOW}, None),
    "too early": (TokenNotYetValidError, {"nbf": NOW + 1}, None),
    "from the future": (TokenNotYetValidError, {"iat": NOW + 1}, None),
    "a refresh token": (WrongTokenTypeError, {"type": "refresh"}, None),
    "an unknown type": (WrongTokenTypeError, {"type": "id"}, None),
    "no subject": (MissingClaimError, {"sub": ""}, None),
    "a claim that cannot be": (InvalidClaimError, {"exp": True}, None),
}


@pytest.mark.parametrize(("error", "changes", "key"), REFUSED.values(), ids=REFUSED)
async def test_a_refused_token_is_not_remembered_and_does_not_count(clock, error, changes, key):
    """It is refused again for the same reason, after its signature was checked again."""
    engine, ours = counted(clock, policy=POLICY)
    token = signed(payload_of(**{"iss": "me", "aud": "here", **changes}), key=key)
    for _ in range(2):
        with pytest.raises(error):
            await engine.decode(token)
    assert ours.verified == 2
    assert engine.signature_cache == SignatureCacheUse(hits=0, misses=0, entries=0, bytes=0)


@pytest.mark.parametrize("payload", [b"[]", b"{", b'{"sub":NaN}'])
async def test_a_payload_of_no_claims_is_not_remembered(engine, payload):
    """Whoever signed it."""
    for _ in range(2):
        with pytest.raises((MalformedTokenError, InvalidClaimError)):
            await engine.decode(signed(payload))
    assert use_of(engine) == (0, 0, 0)


async def test_a_forged_token_is_not_taken_for_the_one_that_is_remembered(engine):
    """The same header and payload, and the signature of somebody else, of nobody, of another token."""
    await engine.decode(GOOD)
    message = GOOD.rpartition(".")[0]
    other = signed(payload_of(sub="mallory"))
    for forged in (
        signed(payload_of(), key=STRANGER),
        f"{message}.",
        f"{message}.{other.rpartition('.')[2]}",
        f"{other.rpartition('.')[0]}.{GOOD.rpartition('.')[2]}",
    ):
        for _ in range(2):
            with pytest.raises(InvalidSignatureError):
                await engine.decode(forged)
    assert use_of(engine) == (0, 1, 1)


async def test_one_letter_makes_another_token(engine):
    """At every position of one that is remembered: a letter changed, in the other case, or gone."""
    await engine.decode(GOOD)
    for at, letter in enumerate(GOOD):
        for other in ("A" if letter != "A" else "B", letter.swapcase(), "", f"{letter} "):
            changed = GOOD[:at] + other + GOOD[at + 1 :]
            if changed != GOOD:
                with pytest.raises(InvalidTokenError):
                    await engine.decode(changed)
    assert use_of(engine) == (0, 1, 1)


@pytest.mark.parametrize("kind", ["refresh", None])
async def test_a_refresh_token_is_never_remembered(clock, kind):
    """It comes once; whatever it is asked for as, its signature is checked."""
    engine, key = counted(clock)
    pair = await engine.issue_pair("alice")
    for _ in range(2):
        assert (await engine.decode(pair.refresh_token, type=kind)).type == "refresh"
    await engine.refresh(pair.refresh_token)
    assert (key.verified, use_of(engine)) == (3, (0, 0, 0))
