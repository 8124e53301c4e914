"""Other libraries call the subject and the scopes by other names; the policy says which."""

import pytest

from tests.support import NOW, SECRET, ShopClaims, engine_with, payload_of, signed
from tokenward import (
    Claims,
    ConfigurationError,
    KeyRing,
    MemoryStore,
    TokenEngine,
    TokenPolicy,
    TokenRevokedError,
)
from tokenward.errors import InvalidClaimError, MissingClaimError
from tokenward.tokens.inspection import list_faults, read_unverified

IDENTITY = TokenPolicy(subject_claim="identity")
SCOPES = TokenPolicy(scope_claim="scopes")


@pytest.mark.parametrize("absent", [..., None, ""])
async def test_the_subject_is_read_from_another_claim(clock, absent):
    """Only if the token has no subject; null and empty text count as absent."""
    engine = engine_with(clock, policy=IDENTITY)
    token = signed(payload_of(sub=absent, identity="alice"))
    for _ in range(2):  # the second time from the cache
        claims = await engine.decode(token)
        assert (claims.sub, claims.extra) == ("alice", {"identity": "alice"})
    both = await engine.decode(signed(payload_of(sub="bob", identity="alice")))
    assert both.sub == "bob"


async def test_by_default_no_other_name_is_read(engine):
    """Nothing is relaxed by default."""
    with pytest.raises(MissingClaimError, match="sub"):
        await engine.decode(signed(payload_of(sub=..., identity="alice")))
    assert not (await engine.decode(signed(payload_of(scopes=["a"])))).scopes


@pytest.mark.parametrize("value", [None, "", True, 1.5, ["alice"], {"sub": "alice"}, [], {}])
async def test_an_identity_that_is_no_subject_is_not_read(clock, value):
    """A list or an object is not a subject."""
    for policy in (IDENTITY, TokenPolicy(subject_claim="identity", integer_subjects=True)):
        with pytest.raises(MissingClaimError, match="sub"):
            await engine_with(clock, policy=policy).decode(
                signed(payload_of(sub=..., identity=value))
            )


async def test_an_integer_identity_needs_the_policy_for_integers(clock):
    """As an integer subject does."""
    token = signed(payload_of(sub=..., identity=7))
    with pytest.raises(InvalidClaimError, match="sub"):
        await engine_with(clock, policy=IDENTITY).decode(token)
    policy = TokenPolicy(subject_claim="identity", integer_subjects=True)
    assert (await engine_with(clock, policy=policy).decode(token)).sub == "7"


@pytest.mark.parametrize("value", ["a b", ["a", "b"]])
async def test_the_scopes_are_read_from_another_claim(clock, value):
    """Only if the token has no scope."""
    engine = engine_with(clock, policy=SCOPES)
    assert (await engine.decode(signed(payload_of(scopes=value)))).scopes == {"a", "b"}
    own = await engine.decode(signed(payload_of(scope="c", scopes=value)))
    assert own.scopes == {"c"}


@pytest.mark.parametrize("value", [None, 7, ["a", 7], {"a": True}])
async def test_scopes_of_another_type_grant_nothing(clock, value):
    """The token is valid, without a scope."""
    claims = await engine_with(clock, policy=SCOPES).decode(signed(payload_of(scopes=value)))
    assert not claims.scopes


async def test_a_session_has_the_subject_and_the_scopes_under_their_own_names(clock):
    """After the first refresh, new tokens have `sub` and `scope`, and the session can be revoked."""
    policy = TokenPolicy(subject_claim="identity", scope_claim="scopes")
    engine = engine_with(clock, policy=policy)
    token = signed(payload_of(type="refresh", sub=..., identity="alice", scopes=["a", "b"]))
    pair = await engine.refresh(token)
    strict = engine_with(clock)
    for each, kind in ((pair.access_token, "access"), (pair.refresh_token, "refresh")):
        claims = await strict.decode(each, type=kind)
        assert (claims.sub, claims.scopes) == ("alice", {"a", "b"})
    await engine.revoke_subject("alice")
    with pytest.raises(TokenRevokedError):
        await engine.decode(signed(payload_of(sub=..., identity="alice")))


async def test_a_claims_model_cannot_change_which_claim_is_read(clock):
    """The names are those in the token, and the model still gets the other claim."""

    class Renamed(Claims):
        identity: str = ""
        name: str = ""

    for model in (Renamed, ShopClaims):
        engine = TokenEngine(
            KeyRing.from_secret(SECRET),
            policy=IDENTITY,
            claims_model=model,
            store=MemoryStore(),
            clock=clock,
        )
        claims = await engine.decode(
            signed(payload_of(sub=..., identity="alice", name="x", tenant="acme"))
        )
        assert claims.sub == "alice"


def test_a_report_about_a_token_finds_no_fault():
    """`list_faults` accepts what an engine accepts."""
    text = signed(payload_of(sub=..., identity="alice"))
    token = read_unverified(text, max_bytes=IDENTITY.max_token_bytes)
    keys = KeyRing.from_secret(SECRET)
    assert list_faults(token, IDENTITY, keys=keys, now=NOW) == []
    assert len(list_faults(token, TokenPolicy(), keys=keys, now=NOW)) == 1


@pytest.mark.parametrize("setting", ["subject_claim", "scope_claim"])
@pytest.mark.parametrize("name", ["", 7, None, "jti", "iss", "type"])
def test_the_other_name_is_not_a_registered_claim(setting, name):
    """Otherwise a token identity, for example, would be a user."""
    with pytest.raises(ConfigurationError, match=f"{setting} must be"):
        TokenPolicy(**{setting: name})
