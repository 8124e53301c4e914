"""Tokens that somebody else issues: accepted where the policy says so by name, and no further."""

import pytest

from tests.support import NOW, OTHER_SECRET, engine_with, payload_of, signed
from tokenward import (
    ConfigurationError,
    InvalidClaimError,
    InvalidSignatureError,
    MissingClaimError,
    TokenExpiredError,
    TokenPolicy,
    TokenRevokedError,
    WrongTokenTypeError,
)
from tokenward.keys import Key

RFC9068 = TokenPolicy(
    issuer="https://login.example/",
    audience="shop-api",
    required_claims={"exp", "sub"},
    type_from="typ",
)
BARE = {"iss": "https://login.example/", "aud": "shop-api", "sub": "alice", "exp": NOW + 60}
AT_JWT = {"alg": "HS256", "typ": "at+jwt"}


async def test_a_token_without_type_jti_and_iat_is_taken_where_the_policy_says_so(clock):
    """What the policy does not require is empty or None in the claims."""
    claims = await engine_with(clock, policy=RFC9068).decode(signed(BARE, header=AT_JWT))
    assert (claims.sub, claims.jti, claims.type, claims.iat) == ("alice", "", "", None)


async def test_the_same_token_is_refused_by_default(engine):
    """Nothing is loosened unasked."""
    with pytest.raises(MissingClaimError):
        await engine.decode(signed({"sub": "alice", "exp": NOW + 60}, header=AT_JWT))


@pytest.mark.parametrize("typ", ["JWT", "id+jwt", ...])
async def test_a_type_from_the_header_must_be_at_jwt(clock, typ):
    """RFC 9068 §4: an ID token of the same issuer opens nothing."""
    header = {"alg": "HS256"} | ({} if typ is ... else {"typ": typ})
    with pytest.raises(WrongTokenTypeError):
        await engine_with(clock, policy=RFC9068).decode(signed(BARE, header=header))


async def test_a_type_from_the_header_is_never_refresh(clock):
    """A header cannot make a refresh token, and a claim is not asked."""
    token = signed({**BARE, "type": "refresh"}, header=AT_JWT)
    with pytest.raises(WrongTokenTypeError):
        await engine_with(clock, policy=RFC9068).decode(token, type="refresh")


async def test_a_policy_may_fix_the_type(clock):
    """An issuer whose keys sign access tokens alone need not say so in each."""
    policy = TokenPolicy(required_claims={"exp"}, type_from="always-access")
    engine = engine_with(clock, policy=policy)
    token = signed({"exp": NOW + 60, "custom": {"deep": [1]}})
    assert (await engine.decode(token)).extra == {"custom": {"deep": [1]}}
    with pytest.raises(WrongTokenTypeError):
        await engine.decode(token, type="refresh")
    with pytest.raises(WrongTokenTypeError):
        await engine.decode(signed({"exp": NOW + 60}, header={"alg": "HS256", "typ": "dpop+jwt"}))


async def test_expiry_and_signature_are_checked_all_the_same(clock):
    """Loosening which claims are required loosens nothing else."""
    engine = engine_with(clock, policy=RFC9068)
    with pytest.raises(InvalidSignatureError):
        await engine.decode(signed(BARE, header=AT_JWT, key=Key.from_secret(OTHER_SECRET)))
    with pytest.raises(MissingClaimError):
        await engine.decode(signed({**BARE, "exp": None}, header=AT_JWT))
    with pytest.raises(InvalidClaimError):
        await engine.decode(signed({**BARE, "exp": True}, header=AT_JWT))
    clock.now = NOW + 60
    with pytest.raises(TokenExpiredError):
        await engine.decode(signed(BARE, header=AT_JWT))


async def test_without_a_required_expiry_a_null_counts_as_absent(clock):
    """Where tokens may live for ever, null says no more than nothing."""
    policy = TokenPolicy(required_claims={"iat", "sub", "jti", "type"})
    engine = engine_with(clock, policy=policy)
    assert (await engine.decode(signed(payload_of(exp=None)))).expires_at is None
    with pytest.raises(TokenExpiredError):
        await engine.decode(signed(payload_of(exp=NOW)))


async def test_a_token_without_jti_cannot_be_revoked_by_itself(clock):
    """The error says what is lacking; its subject can still be revoked."""
    engine = engine_with(clock, policy=RFC9068)
    token = signed(BARE, header=AT_JWT)
    with pytest.raises(MissingClaimError, match="jti"):
        await engine.revoke(token)
    await engine.revoke_subject("alice")
    with pytest.raises(TokenRevokedError):
        await engine.decode(token)


def test_a_type_from_the_claim_needs_the_claim():
    """A policy that drops the type claim must say where the type is found."""
    with pytest.raises(ConfigurationError, match="type_from"):
        TokenPolicy(required_claims={"exp", "sub"})
