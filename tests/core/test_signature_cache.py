"""A repeated token is verified once; a refused token is not cached."""

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
    """Return hits, misses and entries of the cache."""
    return engine.signature_cache[:3]


async def test_a_repeated_token_is_verified_once(clock):
    """The signature of a repeated token is verified once, whether the token is text or bytes."""
    engine, key = counted(clock)
    answers = [await engine.decode(token) for token in (GOOD, GOOD, GOOD.encode(), GOOD)]
    assert answers == [answers[0]] * 4
    assert key.verified == 1
    assert use_of(engine) == (3, 1, 1)


async def test_text_and_bytes_of_a_token_share_an_entry(clock):
    """A token that is first bytes and then text has one entry."""
    engine, key = counted(clock)
    for token in (GOOD.encode(), GOOD):
        await engine.decode(token)
    assert (key.verified, use_of(engine)) == (1, (1, 1, 1))


async def test_each_token_is_verified_the_first_time(clock):
    """A token with the same claims and another header is another token."""
    engine, key = counted(clock)
    other = signed(payload_of(), header={"typ": "jwt", "alg": "HS256"})
    for token in (GOOD, other, GOOD, other):
        await engine.decode(token)
    assert (key.verified, use_of(engine)) == (2, (2, 2, 2))


@pytest.mark.parametrize("bound", ["signature_cache_entries", "signature_cache_bytes"])
async def test_zero_switches_the_cache_off(clock, bound):
    """With a bound of zero, every signature is verified and nothing is stored."""
    engine, key = counted(clock, policy=TokenPolicy(**{bound: 0}))
    for _ in range(3):
        assert (await engine.decode(GOOD)).sub == "alice"
    assert key.verified == 3
    assert engine.signature_cache == SignatureCacheUse(hits=0, misses=3, entries=0, bytes=0)
    assert engine.signature_cache.hit_rate == 0


async def test_the_hit_rate_is_the_share_of_hits(engine):
    """The hit rate is zero before the first token, then the share of hits among valid tokens."""
    assert engine.signature_cache == SignatureCacheUse(hits=0, misses=0, entries=0, bytes=0)
    rates = [engine.signature_cache.hit_rate]
    for token in (GOOD, GOOD, GOOD, GOOD, signed(payload_of(jti="another"))):
        await engine.decode(token)
        rates.append(engine.signature_cache.hit_rate)
    assert rates == [0, 0, 1 / 2, 2 / 3, 3 / 4, 3 / 5]


async def test_each_engine_has_its_own_cache(clock):
    """A token that one engine has verified is unknown to the cache of another engine of the same keys."""
    first, second = engine_with(clock), engine_with(clock, policy=TokenPolicy(audience="there"))
    await first.decode(GOOD)
    with pytest.raises(MissingClaimError):
        await second.decode(GOOD)
    assert (use_of(first), use_of(second)) == ((0, 1, 1), (0, 0, 0))


async def test_every_decode_returns_new_claims(engine):
    """A change that a handler makes to claims does not appear in the claims of the next decode."""
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
async def test_a_refused_token_is_neither_cached_nor_counted(clock, error, changes, key):
    """A refused token is refused again for the same reason, after its signature is verified again."""
    engine, ours = counted(clock, policy=POLICY)
    token = signed(payload_of(**{"iss": "me", "aud": "here", **changes}), key=key)
    for _ in range(2):
        with pytest.raises(error):
            await engine.decode(token)
    assert ours.verified == 2
    assert engine.signature_cache == SignatureCacheUse(hits=0, misses=0, entries=0, bytes=0)


@pytest.mark.parametrize("payload", [b"[]", b"{", b'{"sub":NaN}'])
async def test_a_payload_without_claims_is_not_cached(engine, payload):
    """A payload that is not a JSON object of claims is never stored, although its signature is valid."""
    for _ in range(2):
        with pytest.raises((MalformedTokenError, InvalidClaimError)):
            await engine.decode(signed(payload))
    assert use_of(engine) == (0, 0, 0)


async def test_a_forged_token_is_not_mistaken_for_a_cached_one(engine):
    """The cached header and payload with the signature of a stranger, none, or another token's are refused."""
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


async def test_a_changed_letter_makes_another_token(engine):
    """A cached token is refused if any letter is changed, put in the other case, or removed."""
    await engine.decode(GOOD)
    for at, letter in enumerate(GOOD):
        for other in ("A" if letter != "A" else "B", letter.swapcase(), "", f"{letter} "):
            changed = GOOD[:at] + other + GOOD[at + 1 :]
            if changed != GOOD:
                with pytest.raises(InvalidTokenError):
                    await engine.decode(changed)
    assert use_of(engine) == (0, 1, 1)


@pytest.mark.parametrize("kind", ["refresh", None])
async def test_a_refresh_token_is_never_cached(clock, kind):
    """The signature of a refresh token is always verified, whatever type is required."""
    engine, key = counted(clock)
    pair = await engine.issue_pair("alice")
    for _ in range(2):
        assert (await engine.decode(pair.refresh_token, type=kind)).type == "refresh"
    await engine.refresh(pair.refresh_token)
    assert (key.verified, use_of(engine)) == (3, (0, 0, 0))
