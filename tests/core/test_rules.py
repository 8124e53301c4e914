"""Rules 1 to 12 of the engine, one by one; docs/security.md names the tests of all eighteen.

They hold with the signature cache and without it: each valid token is decoded at least twice.
"""

import ast
import asyncio
import logging
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

import tokenward
from tests.support import (
    NOW,
    OTHER_SECRET,
    SECRET,
    CountingKey,
    FrozenClock,
    engine_with,
    payload_of,
    signed,
)
from tokenward import (
    ConfigurationError,
    Key,
    KeyRing,
    MemoryStore,
    StoreUnavailableError,
    TokenError,
    TokenExpiredError,
    TokenPolicy,
    TokenRevokedError,
    errors,
)
from tokenward.errors import (
    AlgorithmMismatchError,
    InvalidAudienceError,
    InvalidClaimError,
    InvalidKeyError,
    InvalidSignatureError,
    MissingClaimError,
    WrongTokenTypeError,
)
from tokenward.http import Authenticator, Refusal, RequestView, Requirement


@pytest.fixture(params=[8192, 0], ids=["remembers", "forgets"])
def entries(request):
    """Return the number of tokens in the signature cache of the engine."""
    return request.param


@pytest.fixture
def policy_of(entries):
    """Return a function that builds a policy, with and without a signature cache."""
    return partial(TokenPolicy, signature_cache_entries=entries)


@pytest.fixture
def engine(clock, policy_of):
    """Return an engine with the default policy, with or without a signature cache."""
    return engine_with(clock, policy=policy_of())


def request_with(token):
    """Return an HTTP request with a bearer token."""
    header = (b"authorization", b"Bearer " + token.encode())
    return RequestView({"type": "http", "method": "GET", "headers": [header]})


async def decoded(engine, token):
    """Decode a token three times, from the cache if there is one; return the last claims."""
    before = engine.signature_cache.hits
    first, *others = [await engine.decode(token) for _ in range(3)]
    assert others == [first, first]
    remembers = engine.policy.signature_cache_entries > 0
    assert engine.signature_cache.hits - before in ({2, 3} if remembers else {0})
    return others[-1]


async def test_rule_1_one_signature_verification_a_request(clock, policy_of, entries):
    """A request has one signature verification, whatever its requirements and reads of claims."""
    key = CountingKey.from_secret(SECRET)
    engine = engine_with(clock, keys=KeyRing(key), policy=policy_of())
    authenticator = Authenticator(engine)
    token = await engine.issue("alice", scopes=["a"], fresh=True)
    for count in (1, 2):
        request = request_with(token)
        for requirement in (Requirement(), Requirement(scopes=["a"]), Requirement(fresh=True)):
            claims = await authenticator.authenticate(request, requirement)
            assert (claims.sub, claims.scopes) == ("alice", {"a"})
        assert key.verified == (1 if entries else count)


async def test_rule_1_claims_are_checked_in_full_on_every_path(clock, policy_of):
    """Issuer and audience are checked for access, refresh and optional tokens, and in a refresh."""
    engine = engine_with(clock, policy=policy_of(issuer="me", audience="here"))
    authenticator = Authenticator(engine)
    for kind in ("access", "refresh"):
        token = signed(payload_of(iss="you", aud="here", type=kind))
        request = request_with(token)
        for call in (
            engine.decode(token, type=kind),
            engine.refresh(token),
            authenticator.authenticate(request, Requirement(type=kind)),
            authenticator.authenticate(request, Requirement(type=kind, optional=True)),
        ):
            with pytest.raises(errors.InvalidIssuerError):
                await call


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "HS384", "RS256", "unknown", ""])
async def test_rule_2_the_algorithm_belongs_to_the_key(engine, algorithm):
    """The algorithm of the header is only compared with that of the key."""
    with pytest.raises(AlgorithmMismatchError):
        await engine.decode(signed(payload_of(), header={"alg": algorithm, "typ": "JWT"}))


def test_rule_2_none_cannot_be_expressed():
    """The table of algorithms has no row for none."""
    for build in (Key.generate, lambda name: Key.from_secret(SECRET, algorithm=name)):
        with pytest.raises(ConfigurationError):
            build("none")


@pytest.mark.parametrize(("algorithm", "size"), [("HS256", 32), ("HS384", 48), ("HS512", 64)])
def test_rule_2_a_secret_is_as_long_as_its_hash(algorithm, size):
    """RFC 7518 §3.2; RSA keys under 2,048 bits are refused as well: see test_keys_numbers."""
    assert Key.from_secret(b"x" * size, algorithm=algorithm).can_sign
    with pytest.raises(InvalidKeyError, match=str(size)):
        Key.from_secret(b"x" * (size - 1), algorithm=algorithm)


@pytest.mark.parametrize("name", ["exp", "iat", "sub", "jti", "type"])
async def test_rule_3_five_claims_are_always_required_and_checked(engine, name):
    """A claim that is absent or has a wrong type is refused."""
    with pytest.raises(MissingClaimError):
        await engine.decode(signed(payload_of(**{name: ...})))
    with pytest.raises(InvalidClaimError):
        await engine.decode(signed(payload_of(**{name: True})))


async def test_rule_3_an_audience_is_refused_if_none_is_configured(engine):
    """A token with an audience is intended for another service if the policy has none."""
    with pytest.raises(InvalidAudienceError):
        await engine.decode(signed(payload_of(aud="somebody")))


async def test_rule_3_a_type_is_never_assumed(engine):
    """Unknown and absent types are refused, unless the policy says otherwise."""
    with pytest.raises(WrongTokenTypeError):
        await engine.decode(signed(payload_of(type="id")))
    with pytest.raises(MissingClaimError):
        await engine.decode(signed(payload_of(type=...)))


async def test_rule_4_callers_claims_never_override_reserved_ones(engine):
    """Callers' claims with a reserved name are refused, and the error contains the name."""
    for name in ("sub", "exp", "type"):
        with pytest.raises(ConfigurationError, match=name):
            await engine.issue("alice", claims={name: "mallory"})


async def test_rule_5_a_token_is_its_jti_after_verification(engine):
    """Another spelling of a revoked token is revoked, and a forged token revokes nothing."""
    token = signed(payload_of())
    with pytest.raises(InvalidSignatureError):
        await engine.revoke(signed(payload_of(), key=Key.from_secret(OTHER_SECRET)))
    other = signed(payload_of(), header={"typ": "jwt", "alg": "HS256"})
    for each in (token, other):
        await decoded(engine, each)
    await engine.revoke(token)
    for each in (token, other):
        with pytest.raises(TokenRevokedError):
            await engine.decode(each)


async def test_rule_6_jti_sid_and_sub_are_checked_in_one_call(clock, policy_of):
    """The store is asked once for each decode of a token."""
    asked = []

    class Counting(MemoryStore):
        async def is_revoked(self, **token):
            asked.append(token)
            return await super().is_revoked(**token)

    engine = engine_with(clock, store=Counting(), policy=policy_of())
    pair = await engine.issue_pair("alice")
    claims = await decoded(engine, pair.access_token)
    assert asked == 3 * [
        {"jti": claims.jti, "sid": claims.sid, "sub": "alice", "issued_at": NOW, "now": NOW}
    ]


@pytest.mark.parametrize("outage", ["refuse", "accept"])
async def test_rule_6_a_store_that_does_not_answer_refuses(clock, outage, caplog, policy_of):
    """An outage refuses with 503, unless the policy accepts it explicitly; then each use is logged."""

    class Down(MemoryStore):
        async def is_revoked(self, **_):
            raise TimeoutError

    engine = engine_with(clock, store=Down(), policy=policy_of(store_outage=outage))
    if outage == "accept":
        with caplog.at_level(logging.WARNING):
            assert await decoded(engine, signed(payload_of()))
        assert len(caplog.records) == 3
        return
    for _ in range(2):
        with pytest.raises(StoreUnavailableError) as caught:
            await engine.decode(signed(payload_of()))
        assert Refusal.from_error(caught.value).status == 503


async def test_rule_7_of_concurrent_uses_of_a_refresh_token_one_wins(clock, policy_of):
    """Of a hundred concurrent uses, one gets a pair."""
    engine = engine_with(clock, policy=policy_of(reuse_grace=timedelta(0)))
    pair = await engine.issue_pair("alice")
    answers = await asyncio.gather(
        *(engine.refresh(pair.refresh_token) for _ in range(100)), return_exceptions=True
    )
    assert sum(not isinstance(each, TokenError) for each in answers) == 1


@pytest.mark.parametrize("kid", [None, "k1"])
async def test_rule_8_no_part_of_a_token_is_in_an_error_or_a_log_line(
    clock, policy_of, kid, caplog
):
    """No error or log line contains the text, a claim or a key."""
    ring = KeyRing(Key.from_secret(SECRET, kid=kid))
    engine = engine_with(clock, keys=ring, policy=policy_of())
    whisper = "wh1sper"
    tokens = [
        whisper,
        f"{whisper}.{whisper}.{whisper}",
        signed(payload_of(sub=7, jti=whisper)),
        signed(payload_of(exp=NOW - 1, sub=whisper)),
        signed(payload_of(type=whisper)),
        signed(payload_of(aud=whisper)),
        signed(f'{{"{whisper}": NaN}}'.encode()),
        signed(payload_of(), header=whisper.encode()),
        f"é{whisper}",
        signed(payload_of(), header={"alg": whisper}),
        signed(
            payload_of(sub=whisper),
            key=Key.from_secret(OTHER_SECRET),
            header={"alg": "HS256", "kid": whisper},
        ),
        signed(payload_of(sub=whisper), key=Key.from_secret(OTHER_SECRET)),
    ]
    with caplog.at_level(logging.DEBUG):
        assert await decoded(engine, signed(payload_of(sub=whisper, jti=whisper)))
        for token in tokens * 2:
            with pytest.raises(TokenError) as caught:
                await engine.decode(token)
            shown = f"{caught.value!r} {vars(caught.value)}"
            assert whisper not in shown
            assert token not in shown
            # Nor is there an error behind it that would show them.
            assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    assert caplog.records == []


async def test_rule_9_statuses_challenges_and_bodies(engine):
    """Refusals have 401 or 403, a challenge and a body with a code; test_http has the whole table."""
    for error, status in (
        (errors.MissingTokenError(), 401),
        (TokenExpiredError(), 401),
        (TokenRevokedError(), 401),
        (WrongTokenTypeError(), 401),
        (errors.InsufficientScopeError(("a",)), 403),
    ):
        refusal = Refusal.from_error(error)
        assert refusal.status == status
        assert refusal.headers["WWW-Authenticate"].startswith("Bearer ")
        assert refusal.body == {"detail": str(error), "code": error.code}


async def test_rule_10_two_engines_live_in_one_process(clock, policy_of):
    """Neither engine accepts the other's tokens, nor sees its revocations."""
    first = engine_with(clock, policy=policy_of(audience="first"))
    second = engine_with(clock, policy=policy_of(audience="second"))
    token = await first.issue("alice")
    assert await decoded(first, token)
    with pytest.raises(InvalidAudienceError):
        await second.decode(token)
    await second.revoke_subject("alice")
    assert await decoded(first, token)


def test_rule_10_no_module_keeps_state():
    """A literal list, dict or set at the top of a module must be a constant."""
    paths = sorted(Path(tokenward.__file__).parent.rglob("[!_]*.py"))
    nodes = [(path, node) for path in paths for node in ast.parse(path.read_text("utf-8")).body]
    mutable = ast.List | ast.Dict | ast.Set
    found = [each for each in nodes if isinstance(getattr(each[1], "value", None), mutable)]
    assert found
    for path, node in found:
        if isinstance(node, ast.Assign):
            assert node.targets[0].id == "__all__", path
        if isinstance(node, ast.AnnAssign):
            assert ast.unparse(node.annotation).startswith("Final"), path


async def test_rule_11_time_comes_from_one_clock(clock: FrozenClock, policy_of):
    """Expiry, revocation and freshness follow the injected clock and no other."""
    engine = engine_with(clock, policy=policy_of(access_lifetime=timedelta(seconds=10)))
    token = await engine.issue("alice")
    assert (await decoded(engine, token)).iat == NOW
    clock.advance(10)
    with pytest.raises(TokenExpiredError):
        await engine.decode(token)


async def test_rule_12_everything_but_the_signature_is_checked_again(engine, clock, entries):
    """A repeated token gives new claims, and expiry, revocation and hooks are checked each time."""
    hooked = []
    engine.after_decode(hooked.append)
    token = await engine.issue("alice", claims={"roles": ["a"]})
    first, second = await engine.decode(token), await engine.decode(token)
    first.extra["roles"].append("admin")
    assert second.extra == {"roles": ["a"]}
    assert len(hooked) == 2
    assert engine.signature_cache.hits == (1 if entries else 0)
    with pytest.raises(WrongTokenTypeError):
        await engine.decode(token, type="refresh")
    await engine.revoke(second)
    with pytest.raises(TokenRevokedError):
        await engine.decode(token)
    clock.advance(900)
    with pytest.raises(TokenExpiredError):
        await engine.decode(token)


def test_every_rule_has_a_test():
    """Each of the rules 1 to 12 has a test."""
    rules = {int(name.split("_")[2]) for name in globals() if name.startswith("test_rule_")}
    assert rules == set(range(1, 13))
