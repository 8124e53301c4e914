"""Everything but the signature of a cached token is checked again at each decode."""

from datetime import timedelta

import pytest

from tests.support import NOW, SECRET, engine_with, payload_of, signed
from tokenward import (
    KeyRing,
    MemoryStore,
    StoreUnavailableError,
    TokenEngine,
    TokenExpiredError,
    TokenPolicy,
    TokenRevokedError,
)
from tokenward.errors import TokenNotYetValidError, TokenTooOldError, WrongTokenTypeError

GOOD = signed(payload_of())


async def test_the_type_is_checked_again(engine):
    """A cached access token is refused where a refresh token is required."""
    for _ in range(2):
        await engine.decode(GOOD, type=None)
        with pytest.raises(WrongTokenTypeError):
            await engine.decode(GOOD, type="refresh")
    assert engine.signature_cache.misses == 1


REVOKE = {
    "the token": lambda engine, claims: engine.revoke(claims),
    "its text": lambda engine, claims: engine.revoke(GOOD),
    "its subject": lambda engine, claims: engine.revoke_subject("alice"),
    "its session": lambda engine, claims: engine.revoke_session("login"),
}


@pytest.mark.parametrize("revoke", REVOKE.values(), ids=REVOKE)
async def test_revocation_is_checked_again(engine, clock, revoke):
    """A cached token is refused as soon as it is revoked."""
    token = GOOD if revoke is not REVOKE["its session"] else signed(payload_of(sid="login"))
    await engine.decode(token)
    await revoke(engine, await engine.decode(token))
    clock.advance(1)
    for _ in range(2):
        with pytest.raises(TokenRevokedError):
            await engine.decode(token)
    assert engine.signature_cache.hits >= 1


@pytest.mark.parametrize("leeway", [0, 10])
async def test_expiry_is_checked_again(clock, leeway):
    """A cached token is refused exactly when it expires, including the leeway."""
    engine = engine_with(clock, policy=TokenPolicy(leeway=timedelta(seconds=leeway)))
    token = signed(payload_of(exp=NOW + 60))
    for seconds in (0, 59.999, 59.999 + leeway):
        clock.now = NOW + seconds
        await engine.decode(token)
    clock.now = NOW + 60 + leeway
    with pytest.raises(TokenExpiredError):
        await engine.decode(token)


async def test_the_maximum_age_is_checked_again(clock):
    """A cached token with a distant exp is refused at the maximum age of the policy."""
    minute = timedelta(minutes=1)
    policy = TokenPolicy(access_lifetime=minute, refresh_lifetime=minute, max_token_age=minute)
    engine = engine_with(clock, policy=policy)
    await engine.decode(GOOD)
    clock.advance(60)
    with pytest.raises(TokenTooOldError):
        await engine.decode(GOOD)
    assert engine.signature_cache.misses == 1


@pytest.mark.parametrize("name", ["iat", "nbf"])
async def test_the_start_of_validity_is_checked_again(clock, name):
    """A cached token is refused as not yet valid after the clock is set back."""
    engine = engine_with(clock)
    token = signed(payload_of(NOW - 60, **{name: NOW}))
    await engine.decode(token)
    clock.advance(-1)
    with pytest.raises(TokenNotYetValidError):
        await engine.decode(token)
    clock.advance(1)
    assert (await engine.decode(token)).sub == "alice"
    assert engine.signature_cache[1:3] == (1, 1)


async def test_hooks_run_again(engine):
    """Hooks run for a cached token with its current claims, and their refusal counts."""
    asked, hooked = [], []

    @engine.is_revoked
    def is_revoked(claims):
        asked.append(claims)
        return len(asked) > 2

    engine.after_decode(hooked.append)
    for _ in range(2):
        await engine.decode(GOOD)
    with pytest.raises(TokenRevokedError):
        await engine.decode(GOOD)
    assert (len(asked), len(hooked), engine.signature_cache.hits) == (3, 2, 2)
    assert len({id(claims) for claims in asked}) == 3


async def test_hooks_run_again_without_a_store(clock):
    """A denylist hook without a store is enough to refuse a cached token."""
    engine, denied = TokenEngine(KeyRing.from_secret(SECRET), clock=clock), set()
    engine.is_revoked(lambda claims: claims.sub in denied)
    await engine.decode(GOOD)
    denied.add("alice")
    with pytest.raises(TokenRevokedError):
        await engine.decode(GOOD)


async def test_an_unavailable_store_refuses_a_cached_token(clock):
    """A cached token is refused while the store does not answer."""

    class Breaking(MemoryStore):
        is_down = False

        async def is_revoked(self, **token):
            if self.is_down:
                raise ConnectionError
            return await super().is_revoked(**token)

    store = Breaking()
    engine = engine_with(clock, store=store)
    await engine.decode(GOOD)
    store.is_down = True
    with pytest.raises(StoreUnavailableError):
        await engine.decode(GOOD)
    store.is_down = False
    assert await engine.decode(GOOD)
    assert engine.signature_cache[1:3] == (1, 1)
