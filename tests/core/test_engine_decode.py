"""The checks of `decode`, claim by claim."""

import json
from datetime import timedelta

import pytest
from pydantic import model_validator

from tests.support import NOW, SECRET, ShopClaims, engine_with, payload_of, signed
from tokenward import (
    Claims,
    InvalidTokenError,
    Key,
    KeyRing,
    TokenEngine,
    TokenExpiredError,
    TokenPolicy,
    TokenRevokedError,
)
from tokenward.errors import (
    InvalidAudienceError,
    InvalidClaimError,
    InvalidIssuerError,
    MalformedTokenError,
    MissingClaimError,
    TokenNotYetValidError,
    TokenTooOldError,
    WrongTokenTypeError,
)


async def test_a_token_of_the_flask_jwt_extended_family_is_accepted(engine):
    """Its type, fresh, jti and whole-second times have the same meaning."""
    claims = await engine.decode(signed(payload_of(fresh=True, csrf="c", role="admin")))
    assert (claims.sub, claims.type, claims.fresh, claims.csrf) == ("alice", "access", True, "c")
    assert claims.extra == {"role": "admin"}
    refresh = signed(payload_of(type="refresh", fresh=...))
    assert (await engine.decode(refresh, type="refresh")).type == "refresh"


async def test_bytes_and_text_are_the_same_token(engine):
    """A token may be given as the bytes of a header."""
    token = signed(payload_of())
    assert await engine.decode(token) == await engine.decode(token.encode())


@pytest.mark.parametrize("name", ["exp", "iat", "sub", "jti", "type"])
@pytest.mark.parametrize("value", [..., None, ""])
async def test_a_registered_claim_that_is_absent_null_or_empty_is_refused(engine, name, value):
    """By default exp, iat, sub, jti and type are required."""
    with pytest.raises(InvalidTokenError) as caught:
        await engine.decode(signed(payload_of(**{name: value})))
    assert caught.value.claim == name
    assert type(caught.value) in {MissingClaimError, InvalidClaimError}
    if value is ...:
        assert caught.value.code == "claim_missing"


@pytest.mark.parametrize("name", ["exp", "iat", "nbf"])
@pytest.mark.parametrize(
    "written",
    ["true", "false", '"1800000900"', "NaN", "Infinity", "-Infinity", "1e400", "-1", "1e15", "[]",
     "{}", "9" * 400],
)  # fmt: skip
async def test_times_are_finite_numbers(engine, name, written):
    """Booleans, texts, NaN, infinities and dates after the year 9999 are refused."""
    members = [
        f'"{key}": {written if key == name else value!r}'
        for key, value in payload_of(sub=..., jti=..., type=..., fresh=...).items()
    ]
    payload = '{"sub": "alice", "jti": "j", "type": "access", ' + ", ".join(members) + "}"
    with pytest.raises((InvalidClaimError, MalformedTokenError)):
        await engine.decode(signed(payload.encode()))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sub", 7),
        ("jti", 7),
        ("type", True),
        ("iss", ["me"]),
        ("aud", 7),
        ("aud", ["a", 7]),
        ("sid", 7),
        ("fresh", "true"),
        ("scope", 7),
        ("csrf", {}),
        ("auth_time", "now"),
    ],
)
async def test_a_claim_of_the_wrong_type_is_refused_by_name(engine, name, value):
    """The error names the claim and does not contain its value."""
    with pytest.raises(InvalidClaimError) as caught:
        await engine.decode(signed(payload_of(**{name: value})))
    assert (caught.value.claim, caught.value.code) == (name, "claim_invalid")
    assert str(value) not in str(caught.value).removesuffix(f"{name}.") or value == 7
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("payload", [b"", b"1", b"[]", b'"x"', b"null", b"{", b"\xff", b"{}{}"])
async def test_a_payload_is_one_json_object(engine, payload):
    """Any other payload is malformed, although it is signed."""
    with pytest.raises(MalformedTokenError):
        await engine.decode(signed(payload))


@pytest.mark.parametrize("written", ["NaN", "-Infinity", "1e999", "9" * 400 + ".0"])
@pytest.mark.parametrize("name", ["extra", "ratio", "history"])
async def test_no_claim_is_an_infinity(clock, written, name):
    """An infinity is refused by name and by overflow, in typed claims and in others."""

    class Measured(Claims):
        ratio: float = 0
        history: tuple[object, ...] = ()

    engine = TokenEngine(KeyRing.from_secret(SECRET), claims_model=Measured, clock=clock)
    payload = json.dumps(payload_of())[:-1]
    template = "{}" if name == "ratio" else '[{{"x": {}}}]'
    assert await engine.decode(signed(f'{payload}, "{name}": {template.format(1.5)}}}'.encode()))
    with pytest.raises((MalformedTokenError, InvalidClaimError)):
        await engine.decode(signed(f'{payload}, "{name}": {template.format(written)}}}'.encode()))


async def test_the_last_of_two_claims_with_one_name_counts(engine):
    """RFC 7519 §4 allows it; the signer wrote both, and every check uses the same one."""
    members = '"sub": "mallory", "sub": "alice", "jti": "j", "type": "access", "foo": 1, "foo": 2'
    token = signed(f'{{{members}, "iat": {NOW}, "exp": {NOW - 1}, "exp": {NOW + 9}}}'.encode())
    claims = await engine.decode(token)
    assert (claims.sub, claims.exp, claims.extra) == ("alice", NOW + 9, {"foo": 2})


@pytest.mark.parametrize("issuer", ["you", "", "ME", "me/"])
async def test_the_issuer_is_compared_exactly(clock, issuer):
    """RFC 7519 §4.1.1: another spelling is another issuer."""
    engine = engine_with(clock, policy=TokenPolicy(issuer="me"))
    assert (await engine.decode(signed(payload_of(iss="me")))).iss == "me"
    with pytest.raises(InvalidIssuerError):
        await engine.decode(signed(payload_of(iss=issuer)))


async def test_without_a_configured_issuer_any_issuer_is_accepted(engine):
    """The claim is then only read."""
    assert (await engine.decode(signed(payload_of(iss="anyone")))).iss == "anyone"


@pytest.mark.parametrize("value", [..., None])
@pytest.mark.parametrize("name", ["iss", "aud"])
async def test_a_configured_issuer_or_audience_is_required(clock, name, value):
    """Tokens of both types that lack the claim are refused."""
    engine = engine_with(clock, policy=TokenPolicy(issuer="me", audience="here"))
    payload = payload_of(**{"iss": "me", "aud": "here", name: value})
    for kind in ("access", "refresh"):
        with pytest.raises(MissingClaimError) as caught:
            await engine.decode(signed({**payload, "type": kind}), type=kind)
        assert caught.value.claim == name


@pytest.mark.parametrize("named", ["here", ["here"], ["there", "here"], ["other", "two"]])
async def test_one_audience_in_common_is_enough(clock, named):
    """A token for several services is valid at each of them."""
    engine = engine_with(clock, policy=TokenPolicy(audience=["here", "two"]))
    assert (await engine.decode(signed(payload_of(aud=named)))).sub == "alice"


@pytest.mark.parametrize("named", ["there", "HERE", "her", [], ["there"], ""])
async def test_a_token_for_another_audience_is_refused(clock, named):
    """RFC 7519 §4.1.3: a service that is not named must reject the token."""
    engine = engine_with(clock, policy=TokenPolicy(audience="here"))
    with pytest.raises(InvalidAudienceError):
        await engine.decode(signed(payload_of(aud=named)))


@pytest.mark.parametrize("named", ["anybody", ["anybody"], [], ""])
async def test_without_a_configured_audience_every_named_audience_is_refused(engine, named):
    """If no audience is configured, a token that names one is refused."""
    with pytest.raises(InvalidAudienceError):
        await engine.decode(signed(payload_of(aud=named)))


@pytest.mark.parametrize("kind", ["refresh", "id", "ACCESS", "access ", "reset-password"])
async def test_only_access_tokens_are_accepted_as_access_tokens(engine, kind):
    """Refresh tokens and tokens of unknown types are refused."""
    with pytest.raises(WrongTokenTypeError):
        await engine.decode(signed(payload_of(type=kind)))


async def test_an_unknown_expected_type_accepts_no_token(engine):
    """If a caller misspells the type, even a token with that very type is refused."""
    with pytest.raises(WrongTokenTypeError):
        await engine.decode(signed(payload_of(type="axcess")), type="axcess")


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt", "JWT", "jwt", None])
async def test_typ_at_jwt_jwt_and_none_are_accepted_for_access(engine, typ):
    """RFC 9068 §4, and the ``typ`` of older tokens."""
    header = {"alg": "HS256"} | ({} if typ is None else {"typ": typ})
    assert (await engine.decode(signed(payload_of(), header=header))).type == "access"


@pytest.mark.parametrize("typ", ["dpop+jwt", "logout+jwt", "secevent+jwt", "", "jose", "at+jwt2"])
async def test_a_token_typed_for_another_purpose_is_refused(engine, typ):
    """RFC 8725 §3.11: explicit typing separates kinds of tokens."""
    with pytest.raises(WrongTokenTypeError):
        await engine.decode(signed(payload_of(), header={"alg": "HS256", "typ": typ}))


async def test_a_refresh_token_with_the_typ_of_an_access_token_is_refused(engine):
    """Header and claim must agree, whichever type is expected."""
    token = signed(payload_of(type="refresh"), header={"alg": "HS256", "typ": "at+jwt"})
    for kind in ("access", "refresh"):
        with pytest.raises(WrongTokenTypeError):
            await engine.decode(token, type=kind)


@pytest.mark.parametrize("leeway", [0, 10])
async def test_expiry_is_exact(clock, leeway):
    """RFC 7519 §4.1.4: from exp (plus leeway) on, the token has expired."""
    engine = engine_with(clock, policy=_leeway(leeway))
    token = signed(payload_of(exp=NOW + 60))
    clock.now = NOW + 60 + leeway - 0.001
    await engine.decode(token)
    clock.now = NOW + 60 + leeway
    with pytest.raises(TokenExpiredError):
        await engine.decode(token)


@pytest.mark.parametrize("leeway", [0, 10])
@pytest.mark.parametrize("name", ["nbf", "iat"])
async def test_a_time_in_the_future_is_refused_past_the_leeway(clock, name, leeway):
    """RFC 7519 §4.1.5, and the same for ``iat``."""
    engine = engine_with(clock, policy=_leeway(leeway))
    token = signed(payload_of(**{name: NOW + 60}))
    clock.now = NOW + 60 - leeway
    await engine.decode(token)
    clock.now = NOW + 60 - leeway - 0.001
    with pytest.raises(TokenNotYetValidError) as caught:
        await engine.decode(token)
    assert caught.value.claim == name


async def test_a_token_has_a_maximum_age(clock, engine):
    """A maximum age is checked whatever the exp, and has its own error."""
    token = signed(payload_of(exp=9_999_999_999))
    clock.now = NOW + 30 * 86_400 - 1
    await engine.decode(token)
    clock.now = NOW + 30 * 86_400
    with pytest.raises(TokenTooOldError) as caught:
        await engine.decode(token)
    assert caught.value.code == "token_too_old"
    clock.now = 9_999_999_999
    with pytest.raises(TokenExpiredError):
        await engine.decode(token)


def age_limited(clock, keys, **rules):
    """Return an engine with these keys, and a token that is 300 days old and expires after a year."""
    engine = engine_with(clock, keys=keys, policy=TokenPolicy(**rules))
    old = NOW - 300 * 86_400
    return engine, payload_of(old, exp=old + 365 * 86_400)


async def test_keys_that_only_verify_set_no_maximum_age(clock):
    """A token for a year is valid until its exp, in decode, in revalidate and when it is revoked."""
    key = Key.generate("EdDSA")
    engine, payload = age_limited(clock, KeyRing.from_jwk(key.public_jwk()))
    token = signed(payload, key=key)
    claims = await engine.decode(token)
    assert await engine.revalidate(claims) == claims.exp - NOW
    await engine.revoke(token)
    with pytest.raises(TokenRevokedError):
        await engine.decode(token)
    clock.now = claims.exp
    with pytest.raises(TokenExpiredError):
        await engine.revalidate(claims)


async def test_a_maximum_age_of_the_policy_counts_for_all_keys(clock):
    """It also counts for keys that only verify, in decode and in revalidate; so does the leeway."""
    key = Key.generate("EdDSA")
    day = timedelta(days=1)
    rules = {"max_token_age": 301 * day, "leeway": timedelta(seconds=5)}
    engine, payload = age_limited(clock, KeyRing.from_jwk(key.public_jwk()), **rules)
    claims = await engine.decode(signed(payload, key=key))
    assert await engine.revalidate(claims) == 86_405
    clock.advance(86_404)
    assert await engine.decode(signed(payload, key=key)) == claims
    clock.advance(1)
    for again in (engine.revalidate(claims), engine.decode(signed(payload, key=key))):
        with pytest.raises(TokenTooOldError):
            await again


async def test_a_ring_that_gets_a_private_key_gets_a_maximum_age(clock):
    """An engine that can issue limits the age of tokens by its lifetimes."""
    key = Key.generate("EdDSA")
    ring = KeyRing.from_jwk(key.public_jwk())
    engine, payload = age_limited(clock, ring)
    assert await engine.decode(signed(payload, key=key))
    ring.replace(KeyRing(key))
    with pytest.raises(TokenTooOldError):
        await engine.decode(signed(payload, key=key))


async def test_the_model_types_and_validates_claims(clock):
    """The user's claims are typed; a missing or wrong claim is refused by name."""
    engine = TokenEngine(KeyRing.from_secret(SECRET), claims_model=ShopClaims, clock=clock)
    claims = await engine.decode(signed(payload_of(tenant="acme", roles=["a"], more=1)))
    assert type(claims) is ShopClaims
    assert (claims.tenant, claims.roles, claims.extra) == ("acme", ("a",), {"more": 1})
    with pytest.raises(MissingClaimError) as missing:
        await engine.decode(signed(payload_of()))
    with pytest.raises(InvalidClaimError) as wrong:
        await engine.decode(signed(payload_of(tenant=7)))
    assert (missing.value.claim, wrong.value.claim) == ("tenant", "tenant")


async def test_a_policy_may_require_further_claims(clock):
    """A policy may require registered and other claims beyond the five."""
    asked = {"exp", "iat", "sub", "jti", "type", "nbf", "fresh", "region"}
    engine = engine_with(clock, policy=TokenPolicy(required_claims=asked))
    own = {"region": "eu", "fresh": False}
    await engine.decode(signed(payload_of(**own)))
    for name, value in (
        ("nbf", ...),
        ("fresh", ...),
        ("region", ...),
        ("region", None),
        ("region", ""),
    ):
        with pytest.raises(MissingClaimError) as caught:
            await engine.decode(signed(payload_of(**{**own, name: value})))
        assert caught.value.claim == name
    with pytest.raises(MissingClaimError):
        await engine.decode(signed(payload_of(**own, nbf=None)))


async def test_an_error_contains_nothing_of_the_token(clock):
    """No name and no value from the token is in a message, a cause or a context."""

    class Closed(Claims, extra="forbid"):
        @model_validator(mode="after")
        def never(self):
            message = f"no {self.jti}"
            raise ValueError(message)

    engine = TokenEngine(KeyRing.from_secret(SECRET), claims_model=Closed, clock=clock)
    for payload in (payload_of(whisper="psst"), payload_of(nbf=...), payload_of(fresh="psst")):
        with pytest.raises(InvalidClaimError) as caught:
            await engine.decode(signed(payload))
        said = repr(caught.value) + str(caught.value.__cause__)
        assert "whisper" not in said
        assert "psst" not in said
        assert "5f0c8a5e" not in said


def _leeway(seconds: int) -> TokenPolicy:
    return TokenPolicy(leeway=timedelta(seconds=seconds))
