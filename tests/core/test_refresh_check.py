"""The caller's check before a refresh token is consumed."""

import pytest

from tests.support import engine_with
from tokenward import MemoryStore, PermissionDeniedError, RefreshTokenReusedError, TokenRevokedError
from tokenward.errors import CsrfMissingError, InvalidSignatureError, WrongTokenTypeError


@pytest.fixture
async def pair(engine):
    """Return a new pair."""
    return await engine.issue_pair("alice", claims={"tenant": "acme"})


async def is_alice(claims):
    """Return whether the claims are alice's, as an async check."""
    return claims.sub == "alice"


@pytest.mark.parametrize("check", [lambda claims: claims.extra == {"tenant": "acme"}, is_alice])
async def test_a_check_that_returns_true_allows_the_refresh(engine, pair, check):
    """The check may be plain or async; it gets the claims of the refresh token."""
    successor = await engine.refresh(pair.refresh_token, check=check)
    assert (await engine.decode(successor.access_token)).sub == "alice"


async def plain_none(claims):
    """Return None, as a forgotten return does."""


@pytest.mark.parametrize(
    "check",
    [lambda claims: False, lambda claims: None, lambda claims: 1, lambda claims: "yes", plain_none],
    ids=["False", "None", "1", "yes", "async None"],
)
async def test_any_other_result_refuses_and_consumes_nothing(engine, pair, check):
    """However often it is refused, the token can still be used once."""
    issued = []
    engine.before_issue(issued.append)
    for _ in range(3):
        with pytest.raises(PermissionDeniedError):
            await engine.refresh(pair.refresh_token, check=check)
    assert issued == []
    assert await engine.refresh(pair.refresh_token)


@pytest.mark.parametrize("error", [CsrfMissingError, LookupError, TypeError])
async def test_an_error_of_the_check_reaches_the_caller_and_consumes_nothing(engine, pair, error):
    """It may be a TokenError or any other error."""

    async def check(claims):
        raise error

    with pytest.raises(error):
        await engine.refresh(pair.refresh_token, check=check)
    assert await engine.refresh(pair.refresh_token)


async def test_the_check_is_called_for_valid_tokens_only(engine, pair):
    """It is called after signature, type, times and revocation were checked."""
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


async def test_the_check_is_called_before_the_store_consumes_the_token(clock):
    """The check is called once, before the store consumes the token."""
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


async def test_a_second_use_is_detected_only_if_the_check_allows_it(engine, pair, clock):
    """A page that may not refresh cannot end a session either."""
    successor = await engine.refresh(pair.refresh_token)
    clock.advance(10)
    with pytest.raises(PermissionDeniedError):
        await engine.refresh(pair.refresh_token, check=lambda claims: False)
    assert await engine.decode(successor.access_token)
    with pytest.raises(RefreshTokenReusedError):
        await engine.refresh(pair.refresh_token, check=lambda claims: True)
    with pytest.raises(TokenRevokedError):
        await engine.decode(successor.access_token)
