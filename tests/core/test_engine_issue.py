"""What `issue` and `issue_pair` write into tokens, and what they refuse."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import jwt
import pytest
from pydantic import Field

from tests.support import NOW, SECRET, ShopClaims, engine_with
from tokenward import (
    NEVER,
    Claims,
    ConfigurationError,
    Key,
    KeyRing,
    TokenEngine,
    TokenExpiredError,
    TokenPair,
    TokenPolicy,
)
from tokenward.claims import RESERVED_CLAIMS
from tokenward.errors import SigningKeyError

ENDLESS = TokenPolicy(required_claims={"iat", "sub", "jti", "type"})


def raw(token: str) -> dict[str, object]:
    """Return the payload of a token without checking anything."""
    return jwt.decode(token, options={"verify_signature": False})


async def test_a_token_has_the_five_registered_claims(engine):
    """Sub, iat, exp, jti and type are in every token, other claims only on request."""
    claims = raw(await engine.issue("alice"))
    assert set(claims) == {"sub", "iat", "iat_ms", "exp", "jti", "type", "fresh"}
    assert claims["sub"] == "alice"
    assert (claims["iat"], claims["exp"]) == (NOW, NOW + 900)
    assert (claims["type"], claims["fresh"]) == ("access", False)


async def test_every_token_has_its_own_identity(engine):
    """A thousand tokens have a thousand jti, each with 128 bits."""
    identities = {raw(await engine.issue("alice"))["jti"] for _ in range(1000)}
    assert len(identities) == 1000
    assert all(len(bytes.fromhex(each)) == 16 for each in identities)


async def test_arguments_become_the_claims_of_their_names(clock):
    """Issuer, audience, scope, fresh and the caller's own claims are written as given."""
    engine = engine_with(clock, policy=TokenPolicy(issuer="me", audience=["a", "b"]))
    token = await engine.issue(
        "alice", claims={"foo": ["fiz", "baz"]}, scopes=["read", "write"], fresh=True
    )
    claims = raw(token)
    assert (claims["iss"], claims["aud"]) == ("me", ["a", "b"])
    assert (claims["scope"], claims["fresh"], claims["foo"]) == ("read write", True, ["fiz", "baz"])
    assert claims["auth_time"] == NOW


async def test_the_audience_argument_replaces_the_policys(clock):
    """A token may be intended for another service."""
    engine = engine_with(clock, policy=TokenPolicy(audience="here"))
    assert raw(await engine.issue("alice", audience="there"))["aud"] == "there"


async def test_access_tokens_are_typed_at_jwt_in_the_header(engine):
    """RFC 9068 §2.1: access tokens have at+jwt; refresh tokens must not."""
    pair = await engine.issue_pair("alice")
    assert jwt.get_unverified_header(pair.access_token) == {"alg": "HS256", "typ": "at+jwt"}
    assert jwt.get_unverified_header(pair.refresh_token) == {"alg": "HS256", "typ": "JWT"}


async def test_headers_of_the_caller_are_written(engine):
    """A header that the engine does not know is written."""
    token = await engine.issue("alice", headers={"region": "eu"})
    assert jwt.get_unverified_header(token)["region"] == "eu"
    assert (await engine.decode(token)).sub == "alice"


@pytest.mark.parametrize("name", sorted(RESERVED_CLAIMS))
async def test_callers_cannot_set_a_registered_claim(engine, name):
    """A registered claim among the caller's is refused by name, for both types of token."""
    with pytest.raises(ConfigurationError, match=name):
        await engine.issue("alice", claims={name: "x"})
    with pytest.raises(ConfigurationError, match=name):
        await engine.issue_pair("alice", claims={name: "x"})


@pytest.mark.parametrize("name", [b"sub", 1, None, ("sub",)])
async def test_names_of_claims_are_text(engine, name):
    """A name that JSON would convert to text cannot add a second `sub`."""
    with pytest.raises(TypeError, match="text"):
        await engine.issue("alice", claims={name: "mallory"})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800", object(), b"\xff"])
async def test_a_value_that_json_cannot_contain_is_refused(engine, value):
    """A value that would make the payload unreadable is refused when issuing."""
    with pytest.raises(ConfigurationError, match="JSON"):
        await engine.issue("alice", claims={"x": value})
    with pytest.raises(ConfigurationError, match="JSON"):
        await engine.issue("alice", headers={"x": value})


async def test_a_token_that_the_engine_itself_would_refuse_as_too_long_is_not_issued(clock):
    """The longest token that the policy accepts is issued, and none that is longer."""
    longest = await engine_with(clock).issue("alice", claims={"note": "x" * 300})
    exact, shorter = (
        engine_with(clock, policy=TokenPolicy(max_token_bytes=limit))
        for limit in (len(longest), len(longest) - 1)
    )

    token = await exact.issue("alice", claims={"note": "x" * 300})
    assert (await exact.decode(token)).extra == {"note": "x" * 300}
    with pytest.raises(ConfigurationError, match="longer than the max_token_bytes"):
        await shorter.issue("alice", claims={"note": "x" * 300})


async def test_the_words_nan_and_infinity_are_allowed_inside_text(engine):
    """Only the numbers are refused, not texts that contain the words."""
    token = await engine.issue("alice", claims={"x": "NaN and Infinity"})
    assert (await engine.decode(token)).extra == {"x": "NaN and Infinity"}


async def test_values_that_pydantic_can_write_are_accepted(engine):
    """Dates, UUIDs and sets become JSON as Pydantic writes them."""
    identity = UUID(int=7)
    token = await engine.issue(
        "alice", claims={"id": identity, "at": datetime(2030, 1, 1, tzinfo=UTC), "tags": {"a"}}
    )
    assert (await engine.decode(token)).extra == {
        "id": str(identity),
        "at": "2030-01-01T00:00:00Z",
        "tags": ["a"],
    }


@pytest.mark.parametrize("subject", [7, UUID(int=7), None, b"alice"])
async def test_a_subject_is_text(engine, subject):
    """A number or a UUID is refused with a message that names the fix."""
    with pytest.raises(TypeError, match=r"str\(user\.id\) for a number or a UUID"):
        await engine.issue(subject)


async def test_an_empty_subject_is_refused(engine):
    """A token without a subject is not issued."""
    with pytest.raises(ConfigurationError, match="subject"):
        await engine.issue("")


@pytest.mark.parametrize("scope", ["orders:read", b"bytes"])
async def test_scopes_are_not_one_text(engine, scope):
    """One text would be split into characters, so it is refused."""
    with pytest.raises(TypeError, match="scopes="):
        await engine.issue("alice", scopes=scope)


@pytest.mark.parametrize("scope", ["", "a b", " a", "a ", 'a"b', "a\\b", "a\nb", "é", "\x7f"])
async def test_scopes_have_only_the_characters_of_rfc_6749(engine, scope):
    """A scope with a space or a quote would be read differently by others."""
    with pytest.raises(ConfigurationError, match="scope"):
        await engine.issue("alice", scopes=["ok", scope])


@pytest.mark.parametrize("fresh", [1, "yes", None])
async def test_fresh_is_a_bool(engine, fresh):
    """A value that is only truthy is refused."""
    with pytest.raises(TypeError, match="fresh"):
        await engine.issue("alice", fresh=fresh)


@pytest.mark.parametrize("audience", ["", [], ["a", ""], [1]])
async def test_an_audience_is_not_empty(engine, audience):
    """An empty audience is refused when issuing."""
    with pytest.raises(ConfigurationError, match="audience"):
        await engine.issue("alice", audience=audience)


async def test_a_token_with_a_lifetime_of_zero_has_expired(engine):
    """Zero is a lifetime; it does not mean "not given"."""
    token = await engine.issue("alice", lifetime=timedelta(0))
    assert raw(token)["exp"] == NOW
    with pytest.raises(TokenExpiredError):
        await engine.decode(token)


async def test_the_lifetime_argument_replaces_the_policys(engine):
    """The resulting exp is in whole seconds."""
    token = await engine.issue("alice", lifetime=timedelta(seconds=90))
    assert raw(token)["exp"] == NOW + 90


async def test_times_are_whole_seconds_and_an_expiry_is_rounded_down(engine, clock):
    """Readers of whole seconds agree, and no token outlives the lifetime that was asked for."""
    clock.now = NOW + 0.789
    claims = raw(await engine.issue("alice", lifetime=timedelta(milliseconds=1500), fresh=True))
    assert (claims["iat"], claims["iat_ms"], claims["exp"]) == (NOW, 789, NOW + 2)
    assert all(type(claims[name]) is int for name in ("iat", "exp", "auth_time"))


async def test_a_token_that_never_expires_must_be_allowed(clock, engine):
    """NEVER is refused by the default policy; if allowed, the token has no exp."""
    with pytest.raises(ConfigurationError, match="lifetime is NEVER"):
        await engine.issue("alice", lifetime=NEVER)
    token = await engine_with(clock, policy=ENDLESS).issue("alice", lifetime=NEVER)
    assert "exp" not in raw(token)
    clock.advance(10**9)
    assert (await engine_with(clock, policy=ENDLESS).decode(token)).exp is None


@pytest.mark.parametrize("lifetime", [timedelta(days=31), timedelta(seconds=-1), 900, True])
async def test_a_lifetime_that_the_policy_does_not_allow_is_refused(engine, lifetime):
    """A lifetime over max_token_age, a negative one, or anything but a timedelta is refused."""
    with pytest.raises(ConfigurationError, match="lifetime"):
        await engine.issue("alice", lifetime=lifetime)


async def test_a_pair_is_one_session(engine):
    """Both tokens have one sid, which no other pair has, and the claims of the caller."""
    pair = await engine.issue_pair("alice", claims={"foo": 1}, scopes=["a"], fresh=True)
    access, refresh = raw(pair.access_token), raw(pair.refresh_token)
    other = raw((await engine.issue_pair("alice")).access_token)
    assert access["sid"] == refresh["sid"] != other["sid"]
    assert other["fresh"] is False
    assert (access["type"], refresh["type"]) == ("access", "refresh")
    assert (access["foo"], refresh["foo"]) == (1, 1)
    assert (access["fresh"], "fresh" in refresh) == (True, False)
    assert (access["exp"], refresh["exp"]) == (NOW + 900, NOW + 30 * 86_400)


async def test_a_pair_is_a_token_response(engine):
    """The fields of a pair are those of RFC 6749 §5.1, in seconds."""
    pair = await engine.issue_pair(
        "alice",
        scopes=["a", "b"],
        lifetime=timedelta(minutes=1),
        refresh_lifetime=timedelta(hours=1),
    )
    assert (pair.token_type, pair.expires_in, pair.scope) == ("Bearer", 60, "a b")
    assert raw(pair.refresh_token)["exp"] == NOW + 3600


async def test_a_pair_that_never_expires_has_no_lifetime(clock):
    """Without an expiry, expires_in is None."""
    engine = engine_with(clock, policy=ENDLESS)
    assert (await engine.issue_pair("alice", lifetime=NEVER)).expires_in is None


def test_a_pair_does_not_show_its_tokens():
    """The repr of a pair may be logged."""
    assert "secret" not in repr(TokenPair("secret-a", "secret-r", 900, csrf_token="secret-c"))


async def test_a_ring_without_a_private_key_says_why_it_cannot_issue(clock):
    """A ring that only verifies refuses to issue, with its own error."""
    private = Key.generate("EdDSA")
    public = KeyRing.from_jwk(private.public_jwk())
    with pytest.raises(SigningKeyError, match="no private part"):
        await engine_with(clock, keys=public).issue("alice")


async def test_claims_that_the_model_requires_must_be_given(clock):
    """A token that its own engine would refuse is not issued."""
    engine = TokenEngine(KeyRing.from_secret(SECRET), claims_model=ShopClaims, clock=clock)
    for claims in ({"roles": ["a"]}, {}, None):
        with pytest.raises(ConfigurationError, match="ShopClaims requires tenant"):
            await engine.issue("alice", claims=claims)
    assert (await engine.decode(await engine.issue("alice", claims={"tenant": "x"}))).tenant == "x"


async def test_a_required_claim_may_have_an_alias(clock):
    """The name in the token counts, not the name of the field."""

    class Aliased(Claims):
        tenant: str = Field(alias="https://shop.example/tenant")

    engine = TokenEngine(KeyRing.from_secret(SECRET), claims_model=Aliased, clock=clock)
    with pytest.raises(ConfigurationError, match=r"https://shop\.example/tenant"):
        await engine.issue("alice", claims={"tenant": "x"})
    token = await engine.issue("alice", claims={"https://shop.example/tenant": "x"})
    assert (await engine.decode(token)).tenant == "x"


async def test_the_callers_mapping_is_not_changed(engine):
    """Issuing changes no argument."""
    claims = {"foo": ["fiz"]}

    @engine.before_issue
    def add(draft):
        draft.claims["bar"] = 1

    await engine.issue("alice", claims=claims)
    assert claims == {"foo": ["fiz"]}


def test_an_engine_requires_a_ring():
    """A secret in place of a ring is refused with the fix."""
    with pytest.raises(ConfigurationError, match=r"KeyRing\.from_secret"):
        TokenEngine(SECRET)


@pytest.mark.parametrize("model", [dict, ShopClaims(tenant="x"), None])
def test_an_engine_requires_a_claims_model(model):
    """A value that is not a subclass of Claims is refused when the engine is built."""
    with pytest.raises(ConfigurationError, match="claims_model"):
        TokenEngine(KeyRing.from_secret(SECRET), claims_model=model)


async def test_the_keys_of_an_engine_are_those_that_it_was_given(clock):
    """`keys` is the ring itself, so that a rotation there is in effect; it cannot be replaced."""
    ring = KeyRing.generate()
    engine = engine_with(clock, keys=ring)
    assert engine.keys is ring
    with pytest.raises(AttributeError):
        engine.keys = KeyRing.generate()

    new = Key.generate("ES256")
    ring.rotate(new, verify_for=None)
    token = await engine.issue("alice")
    assert jwt.get_unverified_header(token)["kid"] == new.kid
    assert (await engine.decode(token)).sub == "alice"


def test_the_keys_of_an_engine_tell_whether_it_can_sign(clock):
    """The keys of an engine that only verifies have no private key."""
    public = Key.from_jwk(Key.generate().public_jwk())
    assert not engine_with(clock, keys=KeyRing(public)).keys.can_sign
    assert engine_with(clock).keys.can_sign
