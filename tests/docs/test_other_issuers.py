"""The programs of the page about tokens of other issuers."""

import pytest

from tests.docs.pages import block_with, names_of, run
from tests.support import SECRET
from tokenward import KeyRing, TokenEngine, TokenPolicy
from tokenward.errors import MissingClaimError, SigningKeyError, WrongTokenTypeError
from tokenward.http import Requirement

PAGE = "other-issuers.md"
LOGIN = {"issuer": "https://login.example/", "audience": "shop-api"}


async def test_the_policy_for_another_issuer():
    """The policy requires only what the other issuer writes, and the engine issues no token."""
    engine = (await names_of(PAGE))["engine"]
    assert engine.policy.required_claims == {"exp", "sub"}
    assert engine.policy.type_source == "typ"
    with pytest.raises(SigningKeyError):
        await engine.issue("alice")


async def test_the_claims_of_an_access_token(clock):
    """A token without one of the claims is refused."""
    block = block_with(PAGE, "access_token_claims=")
    policy = (await run(f"policy = {block}", await names_of(PAGE)))["policy"]
    ring = KeyRing.from_secret(SECRET)
    issuer = TokenEngine(ring, policy=TokenPolicy(**LOGIN), clock=clock)
    engine = TokenEngine(ring, policy=policy, clock=clock)
    claims = {"token_use": "access"}
    assert await engine.decode(await issuer.issue("alice", claims=claims, scopes=["read"]))
    for refused in (
        await issuer.issue("alice", claims=claims),
        await issuer.issue("alice", scopes=["read"]),
    ):
        with pytest.raises(WrongTokenTypeError):
            await engine.decode(refused)


async def test_several_issuers(clock):
    """The engines work side by side, and a token without an issuer is refused."""
    ring = KeyRing.generate()
    names = await run(
        block_with(PAGE, "Issuers(shop, login)"), {**await names_of(PAGE), "ring": ring}
    )
    authenticator = names["auth"].authenticator
    plain = TokenEngine(ring, policy=TokenPolicy(audience="shop-api"), clock=clock)
    with pytest.raises(MissingClaimError):
        await authenticator.verify(await plain.issue("alice"), Requirement())


async def test_the_profile_of_access_tokens(clock):
    """A token without `client_id` is refused."""
    block = block_with(PAGE, "rfc9068")
    policy = (await run(f"policy = {block}", await names_of(PAGE)))["policy"]
    ring = KeyRing.from_secret(SECRET)
    issuer = TokenEngine(ring, policy=TokenPolicy(**LOGIN), clock=clock)
    engine = TokenEngine(ring, policy=policy, clock=clock)
    assert await engine.decode(await issuer.issue("alice", claims={"client_id": "web"}))
    with pytest.raises(MissingClaimError):
        await engine.decode(await issuer.issue("alice"))
