"""The caller's own question before a refresh token is used up."""

import pytest

from tests.support import engine_with
from tokenward import MemoryStore, PermissionDeniedError, RefreshTokenReusedError, TokenRevokedError
from tokenward.errors import CsrfMissingError, InvalidSignatureError, WrongTokenTypeError


@pytest.fixture
async def pair(engine):
    """Give a pair."""
    return await engine.issue_pair("alice", claims={"tenant": "acme"})


async def is_alice(claims):
    """Answer as an async check may."""
    return claims.sub == "alice"


@pytest.mark.parametrize("check", [lambda claims: claims.extra == {"tenant": "acme"}, is_alice])
async def test_true_lets_it_through(engine, pair, check):
    """Plain or async; it sees the claims of the refresh token."""
    successor = await engine.refresh(pair.refresh_token, check=check)
    assert (await engine.decode(successor.access_token)).sub == "alice"


async def plain_none(claims):
    """Answer nothing, as a forgotten return does."""


@pytest.mark.parametrize(
    "check",
    [lambda claims: False, lambda claims: None, lambda claims: 1, lambda claims: "yes", plain_none],
    ids=["False", "None", "1", "yes", "async None"],
)
async def test_everything_but_true_is_a_no_and_uses_nothing_up(engine, pair, check):
    """However often; the token is good for its one use after that."""
    issued = []
    engine.before_issue(issued.append)
    for _ in range(3):
        with pytest.raises(PermissionDeniedError):
            await engine.refresh(pair.refresh_token, check=check)
    assert issued == []
    assert await engine.refresh(pair.refresh_token)


@pytest.mark.parametrize("error", [CsrfMissingError, LookupError, TypeError])
async def test_what_it_raises_passes_and_uses_nothing_up(engine, pair, error):
    """A TokenError of its own, or any other."""

    async def check(claims):
        raise error

    with pytest.raises(error):
        await engine.refresh(pair.refresh_token, check=check)
    assert await engine.refresh(pair.refresh_token)


async def test_it_is_asked_about_good_tokens_alone(engine, pair):
    """After the signature, the type, the times and the revocation."""
    asked = []
    for token, error in (
        (pair.refresh_token[:-4] + "AAAA", InvalidSignatureError),
        (pair.access_token, WrongTokenTypeError),
    ):
        with pytest.raises(error):
            await engine.refresh(token, check=asked.append)
    await engine.revoke(pair.refresh_token)
    with pytest.raises(TokenRevokedError):
        await engine.refresh(pair.refresh_token, check=asked.append)
    assert asked == []


async def test_it_is_asked_before_the_store_uses_the_token_up(clock):
    """And once."""
    seen = []

    class Telling(MemoryStore):
        async def consume(self, consumption, *, now):
            seen.append("used up")
            return await super().consume(consumption, now=now)

    engine = engine_with(clock, store=Telling())
    pair = await engine.issue_pair("alice")

    def check(claims):
        seen.append("asked")
        return True

    await engine.refresh(pair.refresh_token, check=check)
    assert seen == ["asked", "used up"]


async def test_a_no_hides_a_second_use_and_a_yes_finds_it(engine, pair, clock):
    """A page that is not allowed to refresh cannot end a session either."""
    successor = await engine.refresh(pair.refresh_token)
    clock.advance(10)
    with pytest.raises(PermissionDeniedError):
        await engine.refresh(pair.refresh_token, check=lambda claims: False)
    assert await engine.decode(successor.access_token)
    with pytest.raises(RefreshTokenReusedError):
        await engine.refresh(pair.refresh_token, check=lambda claims: True)
    with pytest.raises(TokenRevokedError):
        await engine.decode(successor.access_token)
