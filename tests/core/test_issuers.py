"""Several issuers: each token is verified only by the engine of its issuer."""

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
    InsufficientAuthenticationError,
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
    """Return the store that both share."""
    return MemoryStore()


@pytest.fixture
def ours(clock, store):
    """Return the engine of the shop's own tokens."""
    return TokenEngine(
        KeyRing.from_secret(SECRET),
        policy=TokenPolicy(issuer=OURS, leeway=timedelta(seconds=5)),
        claims_model=ShopClaims,
        store=PrefixedStore(store, OURS),
        clock=clock,
    )


@pytest.fixture
def theirs(clock, store):
    """Return the engine of another issuer's tokens."""
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
    """Sign a token as the other issuer does."""
    return signed(payload_of(**{"iss": THEIRS, "aud": "shop-api", **changes}), key=key)


async def test_each_token_has_the_claims_model_and_the_rules_of_its_issuer(issuers, ours):
    """Only ``iss`` chooses the engine."""
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
    """In both directions."""
    with pytest.raises(InvalidSignatureError):
        await issuers.decode(their_token(key=Key.from_secret(SECRET)))
    with pytest.raises(InvalidSignatureError):
        await issuers.decode(their_token(iss=OURS, tenant="acme"))


@pytest.mark.parametrize(
    "iss",
    ["https://shop.example/", "https://SHOP.example", "https://login.example", "", " " + OURS, "x"],
)
async def test_an_issuer_is_compared_letter_by_letter(issuers, iss):
    """Another spelling is an unknown issuer."""
    with pytest.raises(InvalidIssuerError):
        await issuers.decode(their_token(iss=iss))


async def test_a_token_without_issuer_is_refused(issuers):
    """The engines are not tried in turn."""
    for token in (their_token(iss=...), their_token(iss=None)):
        with pytest.raises(MissingClaimError, match="iss"):
            await issuers.decode(token)


@pytest.mark.parametrize("iss", [1, True, [OURS], {"a": OURS}, 1e400])
async def test_an_issuer_that_is_not_text_is_refused(issuers, iss):
    """An issuer that is not text is refused, as by an engine."""
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
async def test_text_that_is_not_a_token_is_malformed(issuers, token):
    """It is refused by every method before any engine is called."""
    for call in (issuers.decode, issuers.refresh, issuers.revoke):
        with pytest.raises(MalformedTokenError) as caught:
            await call(token)
        assert caught.value.__context__ is None


async def test_each_issuer_has_its_own_maximum_size(issuers):
    """One issuer may have longer tokens than another."""
    with pytest.raises(MalformedTokenError, match="too long"):
        await issuers.decode(their_token(padding="x" * 1000))
    assert await issuers.decode(signed(payload_of(iss=OURS, tenant="acme", padding="x" * 1000)))


async def test_the_engine_checks_the_issuer_again(issuers, ours):
    """If a payload could be read in two ways, the reading that chose the engine does not count."""
    twice = json.dumps(payload_of(iss=OURS, tenant="acme")).encode()
    twice = twice.replace(b'"iss"', b'"iss": "' + THEIRS.encode() + b'", "iss"')
    assert (await issuers.decode(signed(twice))).iss == OURS
    with pytest.raises(InvalidTokenError):
        await issuers.decode(signed(twice, key=THEIR_KEY))


@pytest.mark.parametrize("data", [their_token(), their_token().encode()], ids=["text", "bytes"])
async def test_text_and_bytes_are_the_same(issuers, data):
    """Text and bytes are the same token, as for an engine."""
    assert await issuers.decode(data)


async def test_a_refresh_token_is_traded_by_its_issuer(issuers, ours, theirs, clock):
    """A second use ends the session of that issuer."""
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


async def test_a_revocation_of_one_issuer_does_not_affect_the_other(issuers, ours, clock):
    """The same jti, sid and sub in one store are different identities."""
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
async def test_claims_are_revoked_by_the_engine_of_their_issuer(issuers, call):
    """Claims are revoked by the engine of their `iss`, which this engine has checked."""
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


async def test_claims_of_an_unknown_issuer_are_refused(issuers):
    """No engine can be chosen for them."""
    with pytest.raises(MissingClaimError, match="iss"):
        await issuers.revoke(Claims(sub="alice", jti="x"))
    with pytest.raises(InvalidIssuerError):
        await issuers.revalidate(Claims(sub="alice", iss="x"))
    with pytest.raises(InvalidIssuerError):
        await issuers.revoke_subject(Claims(sub="alice", iss="x"))
    with pytest.raises(MissingClaimError, match="sub"):
        await issuers.revoke_subject(Claims(iss=OURS))


async def test_revalidate_returns_the_seconds_that_are_left(issuers, clock):
    """The remaining seconds include the leeway of the issuer."""
    mine = await issuers.decode(signed(payload_of(iss=OURS, tenant="acme", exp=NOW + 60)))
    other = await issuers.decode(their_token(exp=NOW + 60))
    assert (await issuers.revalidate(mine), await issuers.revalidate(other)) == (65, 60)


TENANTS = ("https://login.example/red", "https://login.example/blue")


@pytest.fixture
def tenants(clock):
    """Return the engine of several tenants of one provider, who share its keys."""
    return TokenEngine(
        KeyRing.from_secret(OTHER_SECRET),
        policy=TokenPolicy(issuer=set(TENANTS), audience="shop-api"),
        store=MemoryStore(),
        clock=clock,
    )


async def test_an_engine_verifies_the_tokens_of_each_of_its_issuers(tenants):
    """And of no other, although the keys are the same and its text is almost the same."""
    for iss in TENANTS * 2:
        assert (await tenants.decode(their_token(iss=iss))).iss == iss
    wrong = ["https://login.example/green", f"{TENANTS[0]}/", TENANTS[0].upper(), "", "a"]
    for iss in wrong * 2:
        with pytest.raises(InvalidIssuerError):
            await tenants.decode(their_token(iss=iss))
    for iss in (..., None):
        with pytest.raises(MissingClaimError, match="iss"):
            await tenants.decode(their_token(iss=iss))


async def test_an_engine_of_several_issuers_is_one_of_the_engines(issuers, ours, tenants):
    """Each of its issuers is found, and none may belong to another engine."""
    joined = Issuers(ours, tenants)
    assert [*joined] == [OURS, *sorted(TENANTS)]
    assert len(joined) == 3
    for iss in TENANTS:
        claims = await joined.decode(their_token(iss=iss))
        assert await joined.revalidate(claims) > 0
    with pytest.raises(InvalidIssuerError):
        await joined.decode(their_token(iss="https://login.example/green"))
    with pytest.raises(InvalidSignatureError):
        await joined.decode(their_token(iss=TENANTS[0], key=Key.from_secret(SECRET)))
    of_one = TokenEngine(KeyRing(THEIR_KEY), policy=TokenPolicy(issuer=TENANTS[1]))
    with pytest.raises(ConfigurationError, match="same issuer"):
        Issuers(tenants, of_one)


async def test_an_engine_of_several_issuers_issues_no_tokens(tenants):
    """It could not decide which issuer to name; a collection of one issuer is clear."""
    with pytest.raises(ConfigurationError, match="several issuers"):
        await tenants.issue("alice")
    with pytest.raises(ConfigurationError, match="several issuers"):
        await tenants.issue_pair("alice")
    single = TokenEngine(KeyRing.from_secret(SECRET), policy=TokenPolicy(issuer=[OURS]))
    assert (await single.decode(await single.issue("alice"))).iss == OURS


def test_each_engine_needs_its_own_issuer(ours, theirs):
    """This is checked when Issuers is built."""
    with pytest.raises(ConfigurationError, match="needs an issuer"):
        Issuers(ours, TokenEngine(KeyRing.from_secret(SECRET)))
    with pytest.raises(ConfigurationError, match="same issuer"):
        Issuers(ours, theirs, ours)
    with pytest.raises(ConfigurationError, match="at least one"):
        Issuers()


async def test_an_authenticator_accepts_several_issuers(issuers, clock):
    """Freshness is checked with the clock and the leeway of the token's own issuer."""
    authenticator = Authenticator(issuers)
    recent = Requirement(max_age=timedelta(minutes=1))
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
    with pytest.raises(InsufficientAuthenticationError):
        await ask(other)
    clock.advance(0.001)
    with pytest.raises(InsufficientAuthenticationError):
        await ask(mine)


class TestPrefixedStore(RevocationStoreContract):
    """A prefixed store passes the suite of every store."""

    @pytest.fixture
    async def store(self):
        """Return one, in a store that holds the same identities of another issuer."""
        async with MemoryStore() as inner, PrefixedStore(inner, OURS) as opened:
            yield opened


async def test_no_prefix_reads_like_another(clock, issuers):
    """Whatever identities an issuer writes into its tokens."""
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


async def test_a_prefixed_store_does_not_close_the_inner_store(clock):
    """Its owner closes it; a token without session has no session under the prefix."""
    inner = MemoryStore()
    store = PrefixedStore(inner, OURS)
    await store.aclose()
    assert store.timeout_seconds is inner.timeout_seconds
    assert not await store.is_revoked(jti="", sid=None, sub="", issued_at=None, now=NOW)
    assert await store.purge(now=NOW) == 0


@pytest.mark.parametrize("prefix", ["", None, b"x"])
def test_a_prefix_is_text(prefix):
    """An empty prefix is refused as well."""
    with pytest.raises(ConfigurationError):
        PrefixedStore(MemoryStore(), prefix)
