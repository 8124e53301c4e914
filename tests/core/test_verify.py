"""A requirement is applied to the text of a token, without a request."""

from datetime import timedelta

import pytest

from tests.support import NOW, engine_with, payload_of, signed
from tokenward import (
    ConfigurationError,
    Issuers,
    PermissionDeniedError,
    TokenError,
    TokenExpiredError,
    TokenPolicy,
    TokenRejectedError,
    TokenRevokedError,
)
from tokenward.errors import (
    FreshTokenRequiredError,
    InsufficientAuthenticationError,
    InsufficientScopeError,
    MalformedTokenError,
    MissingTokenError,
    WrongTokenTypeError,
)
from tokenward.http import Authenticator, QueryCarrier, RequestView, Requirement


@pytest.fixture
def verify(engine):
    """Return a function that verifies one token against one requirement."""
    authenticator = Authenticator(engine)

    async def verify(token, **requirement):
        return await authenticator.verify(token, Requirement(**requirement))

    return verify


async def test_a_valid_token_gives_its_claims(verify, engine):
    """A valid token gives its claims, as text or as bytes, whatever the carriers of the requirement."""
    token = await engine.issue("alice")
    assert (await verify(token)).sub == "alice"
    assert (await verify(token.encode(), carriers=[QueryCarrier()])).sub == "alice"


@pytest.mark.parametrize("absent", [None, "", b""], ids=repr)
async def test_an_absent_token_is_refused(verify, absent):
    """There is no result without a token, so None never means "everyone"."""
    with pytest.raises(MissingTokenError):
        await verify(absent)


@pytest.mark.parametrize("token", ["x", "a.b.c", "Bearer a.b.c", b"\xff"])
async def test_an_invalid_token_is_refused(verify, token):
    """The scheme is not part of the token."""
    with pytest.raises(MalformedTokenError):
        await verify(token)


@pytest.mark.parametrize("wrong", [1, ["a.b.c"], True])
async def test_a_token_of_another_type_is_a_mistake_of_the_program(verify, wrong):
    """A token that is neither text nor bytes raises a TypeError."""
    with pytest.raises(TypeError):
        await verify(wrong)


async def test_an_optional_requirement_is_refused(engine):
    """Otherwise the result could be None, and an absent token would pass."""
    authenticator = Authenticator(engine)
    for token in (None, await engine.issue("alice")):
        with pytest.raises(ConfigurationError, match="only if there is a token"):
            await authenticator.verify(token, Requirement(optional=True))


@pytest.mark.parametrize(
    "wrong",
    [None, "orders:read", {"scopes": ["a"]}, Requirement],
    ids=["none", "text", "dict", "class"],
)
async def test_only_a_requirement_is_a_requirement(engine, wrong):
    """A guard of an adapter, for example, is refused."""
    with pytest.raises(TypeError, match="must be a Requirement"):
        await Authenticator(engine).verify(await engine.issue("alice"), wrong)


async def test_expiry_and_revocation_are_checked(verify, engine, clock):
    """Each call decodes the token: no result is stored."""
    token, other = await engine.issue("alice"), await engine.issue("alice")
    assert await verify(token)
    await engine.revoke(token)
    with pytest.raises(TokenRevokedError):
        await verify(token)
    clock.advance(900)
    with pytest.raises(TokenExpiredError):
        await verify(other)


async def test_the_type_is_checked(verify, engine):
    """A refresh token is accepted only if the requirement names its type."""
    pair = await engine.issue_pair("alice")
    assert await verify(pair.refresh_token, type="refresh")
    with pytest.raises(WrongTokenTypeError):
        await verify(pair.refresh_token)
    with pytest.raises(WrongTokenTypeError):
        await verify(pair.access_token, type="refresh")


async def test_scopes_are_checked(verify, engine):
    """All scopes are needed, and the error names those of the requirement."""
    token = await engine.issue("alice", scopes=["a", "b"])
    assert await verify(token, scopes=["a", "b"])
    with pytest.raises(InsufficientScopeError) as caught:
        await verify(token, scopes=["b", "c"])
    assert caught.value.required == ("b", "c")


async def test_freshness_is_checked(verify, engine, clock):
    """Freshness is checked by the claim of the token, or by the age of the login."""
    fresh, stale = await engine.issue("alice", fresh=True), await engine.issue("alice")
    assert await verify(fresh, fresh=True)
    with pytest.raises(FreshTokenRequiredError):
        await verify(stale, fresh=True)
    assert await verify(signed(payload_of(auth_time=NOW - 60)), max_age=timedelta(minutes=1))
    with pytest.raises(InsufficientAuthenticationError) as caught:
        await verify(signed(payload_of(auth_time=NOW - 61)), max_age=timedelta(minutes=1))
    assert caught.value.max_age_seconds == 60


@pytest.mark.parametrize("answer", [False, None, 1, "yes"])
async def test_the_check_must_return_true(verify, engine, answer):
    """Any other result refuses the token; so does an error of the check."""
    token = await engine.issue("alice")

    async def accept(claims):
        return claims.sub == "alice"

    def reject(claims):
        raise TokenRejectedError

    assert await verify(token, check=accept)
    with pytest.raises(PermissionDeniedError):
        await verify(token, check=lambda claims: answer)
    with pytest.raises(TokenRejectedError):
        await verify(token, check=reject)


@pytest.mark.parametrize(
    "requirement",
    [
        {},
        {"type": "refresh"},
        {"scopes": ["a"]},
        {"scopes": ["b"]},
        {"fresh": True},
        {"max_age": timedelta(minutes=1)},
        {"check": lambda claims: claims.sub == "alice"},
        {"check": lambda claims: False},
    ],
    ids=["any", "refresh", "scope", "other scope", "fresh", "recent", "accepts", "denies"],
)
@pytest.mark.parametrize("kind", ["plain", "scoped", "fresh", "refresh", "expired"])
async def test_a_request_gets_the_same_answer(engine, requirement, kind):
    """The same token and requirement have the same claims or error in a request."""
    tokens = {
        "plain": await engine.issue("alice"),
        "scoped": await engine.issue("alice", scopes=["a"]),
        "fresh": await engine.issue("alice", fresh=True),
        "refresh": (await engine.issue_pair("alice")).refresh_token,
        "expired": signed(payload_of(exp=NOW)),
    }
    authenticator, token = Authenticator(engine), tokens[kind]
    headers = [(b"authorization", b"Bearer " + token.encode())]
    request = RequestView({"type": "http", "headers": headers})

    async def outcome(result):
        try:
            return await result
        except TokenError as error:
            return type(error), str(error)

    asked = Requirement(**requirement)
    assert await outcome(authenticator.verify(token, asked)) == await outcome(
        authenticator.authenticate(request, asked)
    )


async def test_several_issuers(clock):
    """The engines of several issuers verify as one engine does."""
    engine = engine_with(clock, policy=TokenPolicy(issuer="https://shop.example"))
    authenticator = Authenticator(Issuers(engine))
    token = await engine.issue("alice", scopes=["a"])
    assert (await authenticator.verify(token, Requirement(scopes=["a"]))).sub == "alice"
