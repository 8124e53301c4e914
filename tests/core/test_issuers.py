"""Several issuers: each token is judged by the engine of its own issuer, and by no other."""

import json
from datetime import timedelta

import pytest

from tests.support import NOW, OTHER_SECRET, SECRET, ShopClaims, payload_of, signed
from tokenward import (
    Claims,
    ConfigurationError,
    InvalidTokenError,
    Issuers,
    Key,
    KeyRing,
    MemoryStore,
    PrefixedStore,
    RefreshTokenReusedError,
    TokenEngine,
    TokenPolicy,
    TokenRevokedError,
)
from tokenward.engine import TokenVerifier
from tokenward.errors import (
    FreshTokenRequiredError,
    InvalidAudienceError,
    InvalidClaimError,
    InvalidIssuerError,
    InvalidSignatureError,
    MalformedTokenError,
    MissingClaimError,
)
from tokenward.http import Authenticator, RequestView, Requirement
from tokenward.jose.codec import b64url_encode
from tokenward.testing import RevocationStoreContract

OURS, THEIRS = "https://shop.example", "https://login.example/"
THEIR_KEY = Key.from_secret(OTHER_SECRET)


@pytest.fixture
def store():
    """Give the store that both share."""
    return MemoryStore()


@pytest.fixture
def ours(clock, store):
    """Give the engine of the shop's own tokens."""
    return TokenEngine(
        KeyRing.from_secret(SECRET),
        policy=TokenPolicy(issuer=OURS, leeway=timedelta(seconds=5)),
        claims_model=ShopClaims,
        store=PrefixedStore(store, OURS),
        clock=clock,
    )


@pytest.fixture
def theirs(clock, store):
    """Give the engine of another issuer's tokens."""
    return TokenEngine(
        KeyRing(THEIR_KEY),
        policy=TokenPolicy(issuer=THEIRS, audience="shop-api", max_token_bytes=1000),
        store=PrefixedStore(store, THEIRS),
        clock=clock,
    )


@pytest.fixture
def issuers(ours, theirs):
    """Join them."""
    return Issuers(ours, theirs)


def their_token(*, key=THEIR_KEY, **changes):
    """Sign as the other issuer does."""
    return signed(payload_of(**{"iss": THEIRS, "aud": "shop-api", **changes}), key=key)


async def test_each_token_has_the_claims_model_and_the_rules_of_its_issuer(issuers, ours):
    """Chosen by iss alone."""
    mine = await issuers.decode(await ours.issue("alice", claims={"tenant": "acme"}))
    assert (type(mine), mine.tenant) == (ShopClaims, "acme")
    assert type(await issuers.decode(their_token())) is Claims
    with pytest.raises(InvalidAudienceError):
        await issuers.decode(their_token(aud="stock-api"))
    with pytest.raises(MissingClaimError, match="aud"):
        await issuers.decode(their_token(aud=...))
    assert [*issuers] == [OURS, THEIRS]
    assert len(issuers) == 2


async def test_a_key_of_one_issuer_does_not_sign_for_another(issuers):
    """Either way round."""
    with pytest.raises(InvalidSignatureError):
        await issuers.decode(their_token(key=Key.from_secret(SECRET)))
    with pytest.raises(InvalidSignatureError):
        await issuers.decode(their_token(iss=OURS, tenant="acme"))


@pytest.mark.parametrize(
    "iss",
    ["https://shop.example/", "https://SHOP.example", "https://login.example", "", " " + OURS, "x"],
)
async def test_an_issuer_is_compared_letter_by_letter(issuers, iss):
    """No spelling of it is another."""
    with pytest.raises(InvalidIssuerError):
        await issuers.decode(their_token(iss=iss))


async def test_a_token_without_issuer_belongs_to_nobody(issuers):
    """Nobody is asked in turn."""
    for token in (their_token(iss=...), their_token(iss=None)):
        with pytest.raises(MissingClaimError, match="iss"):
            await issuers.decode(token)


@pytest.mark.parametrize("iss", [1, True, [OURS], {"a": OURS}, 1e400])
async def test_an_issuer_that_is_no_text_is_refused(issuers, iss):
    """As the engine refuses it."""
    with pytest.raises(InvalidClaimError, match="iss"):
        await issuers.decode(their_token(iss=iss))


HEAD = b64url_encode(b'{"alg":"HS256"}')


@pytest.mark.parametrize(
    "token",
    [
        "",
        "..",
        "a.b.c",
        "a.b",
        f"{HEAD}.{b64url_encode(b'{}')}",
        f"{HEAD}.{b64url_encode(b'{}')}.a.b",
        f"{HEAD}.{b64url_encode(b'[]')}.a",
        f"{HEAD}.{b64url_encode(b'null')}.a",
        f"{HEAD}.{b64url_encode(b'{')}.a",
        f"{HEAD}.{b64url_encode(b'[' * 9000)}.a",
        f"{HEAD}._3t9.a",
        f"{HEAD}.{b64url_encode(b'{}')}=.a",
        f"{HEAD}.ü.a",
        f"{HEAD}.ü.a".encode(),
        f"{HEAD}.\ud800.a",
        "x" * 20_000,
        b"\xff" * 100,
    ],
    ids=lambda token: repr(token[:30]),
)
async def test_what_is_no_token_is_malformed(issuers, token):
    """Before any engine is asked; on every way in."""
    for call in (issuers.decode, issuers.refresh, issuers.revoke):
        with pytest.raises(MalformedTokenError) as caught:
            await call(token)
        assert caught.value.__context__ is None


async def test_the_size_is_that_of_the_issuer(issuers):
    """One issuer may have longer tokens than another."""
    with pytest.raises(MalformedTokenError, match="too long"):
        await issuers.decode(their_token(padding="x" * 1000))
    assert await issuers.decode(signed(payload_of(iss=OURS, tenant="acme", padding="x" * 1000)))


async def test_the_engine_checks_the_issuer_again(issuers, ours):
    """Two readings of one payload cannot part: what it was chosen by is not believed."""
    twice = json.dumps(payload_of(iss=OURS, tenant="acme")).encode()
    twice = twice.replace(b'"iss"', b'"iss": "' + THEIRS.encode() + b'", "iss"')
    assert (await issuers.decode(signed(twice))).iss == OURS
    with pytest.raises(InvalidTokenError):
        await issuers.decode(signed(twice, key=THEIR_KEY))


@pytest.mark.parametrize("data", [their_token(), their_token().encode()], ids=["text", "bytes"])
async def test_text_and_bytes_are_the_same(issuers, data):
    """As for an engine."""
    assert await issuers.decode(data)


async def test_a_refresh_token_is_traded_by_its_issuer(issuers, ours, theirs, clock):
    """And a second use ends the session there."""
    pair = await ours.issue_pair("alice", claims={"tenant": "acme"})
    seen = []
    following = await issuers.refresh(
        pair.refresh_token, check=lambda claims: not seen.append(claims)
    )
    assert type(seen[0]) is ShopClaims
    assert (await issuers.decode(following.access_token)).iss == OURS
    clock.advance(10)
    with pytest.raises(RefreshTokenReusedError):
        await issuers.refresh(pair.refresh_token)
    with pytest.raises(InvalidIssuerError):
        await issuers.refresh(their_token(iss="x", type="refresh"))


async def test_what_one_issuer_revokes_the_other_still_issues(issuers, ours, clock):
    """The same jti, sid and sub in one store are different ones."""
    same = {"jti": "same", "sid": "same", "sub": "alice"}
    mine = signed(payload_of(iss=OURS, tenant="acme", **same))
    other = their_token(**same)
    for revoke in (
        lambda: issuers.revoke(mine),
        lambda: issuers.revoke_subject(Claims(iss=OURS, sub="alice")),
    ):
        await revoke()
        with pytest.raises(TokenRevokedError):
            await issuers.decode(mine)
        assert await issuers.decode(other)


@pytest.mark.parametrize("call", ["revoke", "revoke_session", "revoke_subject"])
async def test_claims_are_revoked_where_they_come_from(issuers, call):
    """By the iss that their engine has checked."""
    mine = signed(payload_of(iss=OURS, tenant="acme", sid="session"))
    other = their_token(sid="session")
    claims = await issuers.decode(other)
    await getattr(issuers, call)(claims)
    with pytest.raises(TokenRevokedError):
        await issuers.decode(other)
    with pytest.raises(TokenRevokedError):
        await issuers.revalidate(claims)
    assert await issuers.decode(mine)


async def test_an_engine_revokes_the_subject_of_claims(issuers, ours, clock):
    """As the engines of several issuers do; the time is that of the first engine."""
    claims = await issuers.decode(await ours.issue("alice", claims={"tenant": "acme"}))
    await ours.revoke_subject(claims)
    for verifier in (ours, issuers):
        assert isinstance(verifier, TokenVerifier)
        with pytest.raises(TokenRevokedError):
            await verifier.revalidate(claims)
        assert verifier.now() == clock.now + 0.001
    with pytest.raises(MissingClaimError, match="sub"):
        await ours.revoke_subject(Claims())


async def test_claims_of_nobody_here_are_not_taken(issuers):
    """Their engine cannot be told."""
    with pytest.raises(MissingClaimError, match="iss"):
        await issuers.revoke(Claims(sub="alice", jti="x"))
    with pytest.raises(InvalidIssuerError):
        await issuers.revalidate(Claims(sub="alice", iss="x"))
    with pytest.raises(InvalidIssuerError):
        await issuers.revoke_subject(Claims(sub="alice", iss="x"))
    with pytest.raises(MissingClaimError, match="sub"):
        await issuers.revoke_subject(Claims(iss=OURS))


async def test_recheck_tells_what_is_left(issuers, clock):
    """By the leeway of the issuer."""
    mine = await issuers.decode(signed(payload_of(iss=OURS, tenant="acme", exp=NOW + 60)))
    other = await issuers.decode(their_token(exp=NOW + 60))
    assert (await issuers.revalidate(mine), await issuers.revalidate(other)) == (65, 60)


def test_engines_need_issuers_of_their_own(ours, theirs):
    """When it is built."""
    with pytest.raises(ConfigurationError, match="needs an issuer"):
        Issuers(ours, TokenEngine(KeyRing.from_secret(SECRET)))
    with pytest.raises(ConfigurationError, match="same issuer"):
        Issuers(ours, theirs, ours)
    with pytest.raises(ConfigurationError, match="at least one"):
        Issuers()


async def test_an_authenticator_takes_them_as_it_takes_an_engine(issuers, clock):
    """Freshness is judged by the clock and the leeway of the token's own issuer."""
    authenticator = Authenticator(issuers)
    recent = Requirement(fresh=timedelta(minutes=1))
    mine = signed(payload_of(iss=OURS, tenant="acme", auth_time=NOW))
    other = their_token(auth_time=NOW)

    async def ask(token):
        headers = [(b"authorization", b"Bearer " + token.encode())]
        request = RequestView({"type": "http", "headers": headers})
        return await authenticator.authenticate(request, recent)

    clock.advance(60)
    assert await ask(mine)
    assert await ask(other)
    clock.advance(5)
    assert await ask(mine)
    with pytest.raises(FreshTokenRequiredError):
        await ask(other)
    clock.advance(0.001)
    with pytest.raises(FreshTokenRequiredError):
        await ask(mine)


class TestPrefixedStore(RevocationStoreContract):
    """It is a store like any other."""

    @pytest.fixture
    async def store(self):
        """Give one, in a store that holds the same identities of another issuer."""
        async with MemoryStore() as inner, PrefixedStore(inner, OURS) as opened:
            yield opened


async def test_no_prefix_reads_like_another(clock, issuers):
    """Whatever identities an issuer makes up."""
    inner = MemoryStore()
    engines = {
        prefix: TokenEngine(
            KeyRing.from_secret(SECRET), store=PrefixedStore(inner, prefix), clock=clock
        )
        for prefix in ("a", "ab", "1:a", "2:ab")
    }
    for prefix, identity in (("a", "bc"), ("ab", "c"), ("1:a", "1:ac")):
        await engines[prefix].revoke_session(identity)
    for prefix, identity in (("a", "c"), ("ab", "bc"), ("2:ab", "c"), ("1:a", "c")):
        assert await engines[prefix].decode(signed(payload_of(sid=identity)))


async def test_a_prefixed_store_leaves_the_inner_one_open(clock):
    """Closing it is for whoever opened it; a token without session has none under the prefix."""
    inner = MemoryStore()
    store = PrefixedStore(inner, OURS)
    await store.aclose()
    assert store.timeout_seconds is inner.timeout_seconds
    assert not await store.is_revoked(jti="", sid=None, sub="", issued_at=None, now=NOW)
    assert await store.purge(now=NOW) == 0


@pytest.mark.parametrize("prefix", ["", None, b"x"])
def test_a_prefix_is_text(prefix):
    """And says something."""
    with pytest.raises(ConfigurationError):
        PrefixedStore(MemoryStore(), prefix)
