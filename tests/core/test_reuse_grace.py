"""The grace after the use of a refresh token: the same pair, or a refusal that keeps the session."""

import asyncio
from datetime import timedelta

import pytest

from tests.support import engine_with
from tokenward import (
    NEVER,
    KeyRing,
    MemoryStore,
    RefreshTokenReusedError,
    StoreUnavailableError,
    TokenPair,
    TokenPolicy,
    TokenRevokedError,
)
from tokenward.errors import RefreshTokenSupersededError
from tokenward.jose.codec import b64url_decode, b64url_encode
from tokenward.sessions.sealing import DamagedSealError, _cipher, open_pair, seal_pair

# The order n of each curve (SEC 2 §2.4 to §2.8).
ORDERS = {
    "ES256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "ES384": int("F" * 48 + "C7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973", 16),
    "ES512": int(
        "1FF" + "F" * 63 + "A51868783BF2F966B7FCC0148F709A5D03BB5C9B8899C47AEBB6FB71E91386409", 16
    ),
    "ES256K": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141,
}
NO_GRACE = TokenPolicy(reuse_grace=timedelta(0))


async def test_within_the_grace_the_same_pair_is_returned_again(engine, clock):
    """To a client whose connection broke, and to five hundred at once."""
    told = []
    engine.on_reuse(told.append)
    pair = await engine.issue_pair("alice")
    first = await engine.refresh(pair.refresh_token)
    clock.advance(9.999)
    answers = await asyncio.gather(*(engine.refresh(pair.refresh_token) for _ in range(500)))
    assert all(each == first for each in answers)
    assert await engine.decode(first.access_token)
    assert told == []


async def test_a_repeated_pair_keeps_what_a_response_leaves_out(clock):
    """Its CSRF token, and the lifetime of tokens that never expire, are those of the first answer."""
    policy = TokenPolicy(access_lifetime=NEVER, required_claims={"iat", "sub", "jti", "type"})
    engine = engine_with(clock, policy=policy)
    pair = await engine.issue_pair("alice")
    first = await engine.refresh(pair.refresh_token)

    assert await engine.refresh(pair.refresh_token) == first
    assert first.csrf_token
    assert first.expires_in is None


async def test_past_the_grace_a_second_use_ends_the_session(engine, clock):
    """The grace ends exactly at its time."""
    pair = await engine.issue_pair("alice")
    first = await engine.refresh(pair.refresh_token)
    clock.advance(10)
    with pytest.raises(RefreshTokenReusedError):
        await engine.refresh(pair.refresh_token)
    with pytest.raises(TokenRevokedError):
        await engine.decode(first.access_token)


async def test_an_older_token_is_superseded_within_its_grace(engine, clock):
    """R1 -> R2 -> R3, then R1: nothing is issued, the session stays valid, and no reuse is reported."""
    told = []
    engine.on_reuse(told.append)
    engine.on_revoke(told.append)
    first = await engine.issue_pair("alice")
    second = await engine.refresh(first.refresh_token)
    third = await engine.refresh(second.refresh_token)
    clock.advance(9.999)
    kept = len(engine._revocation.store)
    with pytest.raises(RefreshTokenSupersededError) as caught:
        await engine.refresh(first.refresh_token)
    assert caught.value.code == "refresh_token_superseded"
    assert await engine.refresh(second.refresh_token) == third
    assert len(engine._revocation.store) == kept
    assert told == []
    fourth = await engine.refresh(third.refresh_token)
    with pytest.raises(RefreshTokenSupersededError):
        await engine.refresh(second.refresh_token)
    assert await engine.decode(fourth.access_token)


async def test_a_superseded_token_ends_the_session_after_its_grace(engine, clock):
    """Refusals within the grace change nothing, and the reuse is reported once."""
    told = []
    engine.on_reuse(told.append)
    first = await engine.issue_pair("alice")
    second = await engine.refresh(first.refresh_token)
    third = await engine.refresh(second.refresh_token)
    with pytest.raises(RefreshTokenSupersededError):
        await engine.refresh(first.refresh_token)
    clock.advance(10)
    with pytest.raises(RefreshTokenReusedError):
        await engine.refresh(first.refresh_token)
    for _ in range(3):
        with pytest.raises(TokenRevokedError):
            await engine.refresh(third.refresh_token)
    assert len(told) == 1


@pytest.mark.parametrize("tabs", [2, 5, 8])
async def test_tabs_that_refresh_at_the_same_time_stay_logged_in(clock, tabs):
    """In fifty rounds, each tab refreshes with the cookie that it finds."""

    class Turning(MemoryStore):
        async def is_revoked(self, **token):
            await asyncio.sleep(0)
            return await super().is_revoked(**token)

        async def consume(self, consumption, *, now):
            await asyncio.sleep(0)
            return await super().consume(consumption, now=now)

    engine = engine_with(clock, store=Turning())
    jar = [await engine.issue_pair("alice")]

    async def tab(number):
        for _ in range(number):
            await asyncio.sleep(0)
        try:
            jar.append(await engine.refresh(jar[-1].refresh_token))
        except RefreshTokenSupersededError:
            jar.append(await engine.refresh(jar[-1].refresh_token))

    for _ in range(50):
        await asyncio.gather(*map(tab, range(tabs)))
        assert await engine.decode(jar[-1].access_token)
        clock.advance(600)


async def test_zero_grace_counts_even_if_another_engine_has_a_grace(clock):
    """An engine without grace treats a second use as theft, whatever the store returns."""
    store = MemoryStore()
    with_grace = engine_with(clock, store=store)
    without = engine_with(clock, store=store, policy=NO_GRACE)
    pair = await with_grace.issue_pair("alice")
    await with_grace.refresh(pair.refresh_token)
    with pytest.raises(RefreshTokenReusedError):
        await without.refresh(pair.refresh_token)


@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "ES512", "ES256K"])
async def test_the_twin_of_an_ecdsa_token_is_the_same_token(clock, algorithm):
    """If (r, s) is a valid signature, (r, n - s) is too: within the grace both get the same pair."""
    order = ORDERS[algorithm]
    engine = engine_with(clock, keys=KeyRing.generate(algorithm))
    pair = await engine.issue_pair("alice")
    message, _, segment = pair.refresh_token.rpartition(".")
    raw = b64url_decode(segment)
    half = len(raw) // 2
    other = order - int.from_bytes(raw[half:])
    twin = f"{message}.{b64url_encode(raw[:half] + other.to_bytes(half))}"
    successor = await engine.refresh(pair.refresh_token)
    assert await engine.refresh(twin) == successor
    assert await engine.refresh(twin.encode()) == successor


async def test_the_sealing_needs_the_signature(clock):
    """Header and claims, which others may guess, are not enough to decrypt the pair."""
    engine = engine_with(clock)
    pair = await engine.issue_pair("alice")
    successor = await engine.refresh(pair.refresh_token)
    sealed = seal_pair(pair.refresh_token, successor)
    assert open_pair(pair.refresh_token, sealed) == successor
    message, _, segment = pair.refresh_token.rpartition(".")
    raw = b64url_decode(segment)
    last = len(raw) // 2 - 1  # of the half that the key is made of
    others = [bytes(len(raw)), bytes([raw[0] ^ 1]) + raw[1:]]
    for other in (*others, raw[:last] + bytes([raw[last] ^ 1]) + raw[last + 1 :]):
        with pytest.raises(DamagedSealError):
            open_pair(f"{message}.{b64url_encode(other)}", sealed)


def test_a_pair_that_another_release_sealed_is_opened():
    """Two releases share a store while one replaces the other, so the form of a sealed pair is fixed."""
    token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.AAECAwQFBgcICQoLDA0ODw"
    sealed = b64url_decode(
        "AAECAwQFBgcICQoLvphO_LnexRHeyhIm1pximgLC9dP70lW0V1xnX4Cp2DnrNvXwWIElnac0UpC37F4LjkHvDM0T"
        "cUJpQ6GulptHh-GVdghG_Nz6eyJF5ZBAbDoAbEVAn2kEj1RBmOEzqRenz0QnXunuXGVChbObNiDloqVM2kTzsUAZ"
        "V-IOZsH2Vsv6Lxq2-pH1ShCfGt52NkpO296Lkru2nrJFSAjX3V09Km8seLqA4K3Vcfs"
    )
    assert open_pair(token, sealed) == TokenPair("a.b.c", "d.e.f", 900, csrf_token="g")


async def test_the_store_cannot_read_the_pair(clock):
    """The pair is encrypted with a key from the previous token, which no store has."""
    kept = []

    class Looking(MemoryStore):
        async def consume(self, consumption, *, now):
            kept.append(consumption)
            return await super().consume(consumption, now=now)

    engine = engine_with(clock, store=Looking())
    pair = await engine.issue_pair("alice")
    successor = await engine.refresh(pair.refresh_token.encode())
    assert await engine.refresh(pair.refresh_token) == successor
    (sealed, _) = (each.sealed for each in kept)
    for token in (successor.access_token, successor.refresh_token):
        assert token.encode() not in sealed
    with pytest.raises(DamagedSealError):
        open_pair(successor.refresh_token, sealed)


@pytest.mark.parametrize(
    "damage",
    [
        lambda sealed, token: b"garbled" * 9,
        lambda sealed, token: b"x",
        lambda sealed, token: sealed[:12],
        lambda sealed, token: sealed[:20],
        lambda sealed, token: sealed[:-1],
        lambda sealed, token: sealed[:-1] + bytes([sealed[-1] ^ 1]),
        lambda sealed, token: sealed[:12] + _cipher(token).encrypt(sealed[:12], b'"no pair"', None),
    ],
    ids=["garbled", "one byte", "nonce only", "short", "cut", "one bit", "no pair"],
)
async def test_a_damaged_seal_is_an_outage(clock, caplog, damage):
    """If the store returns another value, the refresh is refused and the session stays valid."""

    class Damaging(MemoryStore):
        async def consume(self, consumption, *, now):
            consumed = await super().consume(consumption, now=now)
            sealed = damage(consumed.sealed, pair.refresh_token) if consumed.sealed else b""
            return consumed._replace(sealed=sealed)

    engine = engine_with(clock, store=Damaging())
    pair = await engine.issue_pair("alice")
    successor = await engine.refresh(pair.refresh_token)
    with pytest.raises(StoreUnavailableError) as caught:
        await engine.refresh(pair.refresh_token)
    assert "no pair" not in repr(caught.value.__cause__)
    assert (caught.value.__cause__.__cause__, caught.value.__cause__.__context__) == (None, None)
    with pytest.raises(StoreUnavailableError):
        await engine.refresh(pair.refresh_token)
    assert caplog.text.count("DamagedSealError") == 1  # logged once a minute
    assert await engine.decode(successor.access_token)


async def test_without_grace_nothing_is_sealed(clock):
    """The store gets no pair."""
    kept = []

    class Looking(MemoryStore):
        async def consume(self, consumption, *, now):
            kept.append(consumption.sealed)
            return await super().consume(consumption, now=now)

    engine = engine_with(clock, store=Looking(), policy=NO_GRACE)
    await engine.refresh((await engine.issue_pair("alice")).refresh_token)
    assert kept == [b""]
