"""Tokens from before a migration, which name no issuer, are accepted until a date."""

import math
import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.support import NOW, OTHER_SECRET, SECRET, ShopClaims, payload_of, signed
from tokenward import (
    Claims,
    ConfigurationError,
    Issuers,
    Key,
    KeyRing,
    MemoryStore,
    TokenEngine,
    TokenExpiredError,
    TokenPolicy,
    TokenRevokedError,
)
from tokenward.engine import FormerEngine
from tokenward.errors import (
    AlgorithmMismatchError,
    FreshTokenRequiredError,
    InsufficientAuthenticationError,
    InvalidAudienceError,
    InvalidClaimError,
    InvalidIssuerError,
    InvalidSignatureError,
    MissingClaimError,
    SigningKeyError,
    WrongTokenTypeError,
)

OURS = "https://shop.example"
UNTIL = datetime.fromtimestamp(NOW + 3600, UTC)
FORMER = {"sub": "alice", "exp": int(NOW) + 7200}


@pytest.fixture
def store():
    """Return the store that both engines share."""
    return MemoryStore()


@pytest.fixture(params=["same secret", "own secret"])
def secret(request):
    """Return the secret of the former program: that of new tokens, or another one."""
    return SECRET if request.param == "same secret" else OTHER_SECRET


@pytest.fixture
def engine(clock, store):
    """Return the engine of new tokens."""
    return TokenEngine(
        KeyRing.from_secret(SECRET),
        policy=TokenPolicy(issuer=OURS),
        store=store,
        clock=clock,
    )


@pytest.fixture
def former(clock, store, secret):
    """Return the engine of former tokens, which have neither `iss` nor `type`."""
    return former_engine(clock, secret=secret, store=store)


def former_engine(clock, *, secret=SECRET, store=None, until=UNTIL, **policy):
    """Build an engine of former tokens."""
    policy = {"required_claims": {"exp", "sub"}, "type_source": "always-access", **policy}
    return FormerEngine(
        KeyRing.from_secret(secret),
        policy=TokenPolicy(**policy),
        store=store,
        clock=clock,
        until=until,
    )


@pytest.fixture
def issuers(engine, former):
    """Join them."""
    return Issuers(engine, former)


def former_token(secret, **changes):
    """Sign a token as the former program did."""
    return signed({**FORMER, **changes}, key=Key.from_secret(secret))


async def test_former_and_new_tokens_are_accepted(issuers, engine, secret):
    """New tokens keep their strict policy: they have an issuer, a type and a jti."""
    assert (await issuers.decode(former_token(secret))).sub == "alice"
    pair = await engine.issue_pair("alice")
    claims = await issuers.decode(pair.access_token)
    assert (claims.iss, claims.type, bool(claims.jti)) == (OURS, "access", True)
    assert await issuers.refresh(pair.refresh_token)
    assert ([*issuers], len(issuers)) == ([OURS], 1)


async def test_former_tokens_expire_on_the_date(issuers, clock, secret):
    """From the date on, whatever their exp; new tokens are not affected."""
    claims = await issuers.decode(former_token(secret))
    clock.now = NOW + 3599.5
    assert await issuers.decode(former_token(secret))
    assert await issuers.revalidate(claims) == 0.5
    clock.now = NOW + 3600
    for call in (issuers.decode(former_token(secret)), issuers.revalidate(claims)):
        with pytest.raises(TokenExpiredError):
            await call


async def test_their_own_expiry_still_counts(issuers, clock, secret):
    """If it is earlier than the date."""
    token = former_token(secret, exp=NOW + 60)
    assert await issuers.revalidate(await issuers.decode(token)) == 60
    clock.advance(60)
    with pytest.raises(TokenExpiredError):
        await issuers.decode(token)


async def test_a_new_refresh_token_is_not_a_former_access_token(issuers, former, engine):
    """Even if both engines have the same secret, and the former engine accepts every type."""
    token = (await engine.issue_pair("alice")).refresh_token
    with pytest.raises(WrongTokenTypeError):
        await issuers.decode(token)
    with pytest.raises((InvalidIssuerError, InvalidSignatureError)):
        await former.decode(token)


@pytest.mark.parametrize(
    ("iss", "error"),
    [
        ("https://else.example", InvalidIssuerError),
        ("", InvalidIssuerError),
        (7, InvalidClaimError),
        ([], InvalidClaimError),
        (False, InvalidClaimError),
    ],
)
async def test_only_a_token_without_issuer_is_a_former_token(issuers, secret, iss, error):
    """A token with another issuer, or with one that is not text, is refused."""
    with pytest.raises(error):
        await issuers.decode(former_token(secret, iss=iss))


async def test_of_two_issuers_in_one_token_the_last_counts(issuers, secret):
    """For the choice of the engine as for the check: no token is read in two ways."""
    twice = b'{"sub": "alice", "exp": %d, "iss": null, "iss": "%s"}' % (NOW + 60, OURS.encode())
    with pytest.raises((MissingClaimError, InvalidSignatureError)):
        await issuers.decode(signed(twice, key=Key.from_secret(secret)))


async def test_a_key_of_new_tokens_alone_verifies_no_former_token(clock, engine):
    """In both directions, unless they have the same secret."""
    issuers = Issuers(engine, former_engine(clock, secret=OTHER_SECRET))
    with pytest.raises(InvalidSignatureError):
        await issuers.decode(former_token(SECRET))
    with pytest.raises(InvalidSignatureError):
        await issuers.decode(
            signed(payload_of(iss=OURS), key=Key.from_secret(OTHER_SECRET)),
        )


async def test_tokens_of_another_purpose_are_refused_by_audience(clock, engine):
    """A program may have signed tokens to reset passwords with the same secret."""
    issuers = Issuers(engine, former_engine(clock, audience="users:auth"))
    assert await issuers.decode(former_token(SECRET, aud=["users:auth"]))
    with pytest.raises(InvalidAudienceError):
        await issuers.decode(former_token(SECRET, aud="users:reset"))
    with pytest.raises(MissingClaimError, match="aud"):
        await issuers.decode(former_token(SECRET))


async def test_a_former_token_is_never_refreshed_and_never_fresh(issuers, secret):
    """Even if it says that it is a refresh token."""
    token = former_token(secret)
    for refused in (token, former_token(secret, type="refresh", jti="j")):
        with pytest.raises(WrongTokenTypeError):
            await issuers.refresh(refused)
    claims = await issuers.decode(token)
    with pytest.raises(FreshTokenRequiredError):
        issuers.check_fresh(claims)
    with pytest.raises(InsufficientAuthenticationError):
        issuers.check_login(claims, max_age=timedelta(minutes=10))


async def test_a_former_engine_issues_nothing(clock, store):
    """Its keys only verify, also if they are a secret and the policy would allow refresh tokens."""
    former = former_engine(clock, store=store, required_claims={"type", "jti"}, type_source="claim")
    assert not former.keys.can_sign
    for call in (former.issue, former.issue_pair):
        with pytest.raises(SigningKeyError):
            await call("alice")
    with pytest.raises(WrongTokenTypeError):
        await former.refresh(former_token(SECRET, type="refresh", jti="j"))


async def test_a_change_of_its_keys_takes_effect(clock):
    """A removed key no longer verifies anything, and an expired one is dropped."""
    ring = KeyRing.from_secret(SECRET)
    policy = TokenPolicy(required_claims={"exp", "sub"}, type_source="always-access")
    former = FormerEngine(ring, policy=policy, until=UNTIL, clock=clock)
    token = former_token(SECRET)
    assert await former.decode(token)
    ring.rotate(Key.generate("ES256"), verify_for=timedelta(seconds=10), now=NOW)
    assert await former.decode(token)
    clock.advance(10)
    with pytest.raises(AlgorithmMismatchError):
        await former.decode(token)


async def test_revoking_a_subject_revokes_former_tokens(issuers, engine, clock, secret):
    """With one store for both engines; a token without iat counts as issued before."""
    token = former_token(secret)
    claims = await issuers.decode(token)
    await engine.revoke_subject("alice")
    with pytest.raises(TokenRevokedError):
        await issuers.decode(token)
    with pytest.raises(TokenRevokedError):
        await issuers.revalidate(claims)
    clock.advance(1)
    assert await issuers.decode(await engine.issue("alice"))


async def test_former_tokens_can_be_revoked(issuers, engine, secret):
    """By their jti or sid if they have one, else by their subject."""
    with pytest.raises(MissingClaimError, match="jti"):
        await issuers.revoke(former_token(secret))
    for call, member in (("revoke", "jti"), ("revoke_session", "sid")):
        token = former_token(secret, **{member: "x"})
        await getattr(issuers, call)(await issuers.decode(token))
        with pytest.raises(TokenRevokedError):
            await issuers.decode(token)
    await issuers.revoke_subject(await issuers.decode(former_token(secret)))
    with pytest.raises(TokenRevokedError):
        await issuers.decode(former_token(secret))


def test_it_has_a_claims_model(engine, clock):
    """Which may differ from that of new tokens."""
    policy = TokenPolicy(required_claims={"exp", "sub"}, type_source="always-access")
    shop = FormerEngine(KeyRing.generate(), policy=policy, claims_model=ShopClaims, until=UNTIL)
    assert shop.now() == pytest.approx(time.time(), abs=60)
    assert Issuers(engine, shop).claims_models == (Claims, ShopClaims)


async def test_revoking_through_it_does_not_keep_later_records_for_ever(issuers, store, secret):
    """Its tokens have no maximum age, which must not become that of the store."""
    await issuers.revoke_subject(await issuers.decode(former_token(secret)))
    assert await store.raise_retention(0) < math.inf


@pytest.mark.parametrize(
    "until",
    [None, timedelta(days=30), UNTIL.replace(tzinfo=None), UNTIL.timestamp(), UNTIL.date()],
    ids=repr,
)
def test_the_date_has_a_time_zone(clock, until):
    """There is always a date; a naive one would depend on the machine."""
    with pytest.raises(ConfigurationError, match="until must have a time zone"):
        former_engine(clock, until=until)


def test_the_engine_of_former_tokens_has_no_issuer(engine, former, clock):
    """And there is one at most, with at least one engine of new tokens."""
    with pytest.raises(ConfigurationError, match="for tokens without issuer"):
        former_engine(clock, issuer=OURS)
    with pytest.raises(ConfigurationError, match="keys must be a KeyRing"):
        FormerEngine(SECRET, policy=TokenPolicy(), until=UNTIL)
    with pytest.raises(ConfigurationError, match="both are a FormerEngine"):
        Issuers(engine, former, former)
    with pytest.raises(ConfigurationError, match="at least one engine that has an issuer"):
        Issuers(former)
    with pytest.raises(ConfigurationError, match="needs an issuer"):
        Issuers(engine, TokenEngine(KeyRing.generate()))
