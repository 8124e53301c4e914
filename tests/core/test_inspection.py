"""Inspection of a token: its parts without verification, and every fault of its claims."""

import asyncio
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import NOW, SECRET, FrozenClock, engine_with, payload_of, signed
from tokenward import InvalidTokenError, Key, KeyRing, TokenPolicy
from tokenward.errors import InvalidClaimError, MalformedTokenError, TokenTooOldError
from tokenward.jose.codec import b64url_encode
from tokenward.tokens import list_faults, read_unverified

SECRET_RING = KeyRing.from_secret(SECRET)
INFINITE = b64url_encode(b'{"x":1e999}')
PUBLIC_RING = KeyRing.from_jwk(Key.generate("EdDSA").public_jwk())


def faults_of(
    token: str, policy: TokenPolicy | None = None, *, keys: KeyRing = SECRET_RING, now: float = NOW
) -> list[InvalidTokenError]:
    """List the faults of a token against a policy."""
    unverified = read_unverified(token, max_bytes=100_000)
    return list_faults(unverified, policy or TokenPolicy(), keys=keys, now=now)


def told(faults: list[InvalidTokenError]) -> list[str]:
    """Return the code of each fault, and its claim if it has one."""
    return [f"{each.code} {getattr(each, 'claim', '')}".strip() for each in faults]


def test_the_parts_of_a_token_are_read_without_a_key():
    """Header, claims, the payload as it is, and the signature as text and by its length."""
    token = read_unverified(signed(payload_of()), max_bytes=16_384)
    assert token.header == {"alg": "HS256", "typ": "JWT"}
    assert token.claims == payload_of()
    assert token.payload.startswith(b'{"sub": "alice"')
    assert (token.signature, token.signature_bytes) == (signed(payload_of()).split(".")[2], 32)


def test_the_representation_of_an_unverified_token_shows_nothing_of_it():
    """The representation contains no part of the token, because it may be logged."""
    shown = repr(read_unverified(signed(payload_of()), max_bytes=16_384))
    assert "alice" not in shown
    assert "HS256" not in shown


@pytest.mark.parametrize(
    ("algorithm", "is_known"),
    [("HS256", True), ("EdDSA", True), ("none", False), ("HS257", False), (["HS256"], False)],
)
def test_only_algorithms_of_tokenward_are_known(algorithm, is_known):
    """Whatever JSON the header has for it."""
    token = read_unverified(signed(payload_of(), header={"alg": algorithm}), max_bytes=16_384)
    assert token.has_known_algorithm is is_known


@pytest.mark.parametrize(
    "token",
    [
        "",
        "a.b",
        "a.b.c.d.e",
        "e30.e30.=",
        "e30.W10.e30",
        "W10.e30.e30",
        f"e30.{INFINITE}.",
        f"{INFINITE}.e30.",
    ],
)
def test_what_is_no_token_is_refused(token):
    """Three strict base64url segments, of which two are JSON objects without infinities."""
    with pytest.raises(MalformedTokenError):
        read_unverified(token, max_bytes=16_384)


def test_a_token_above_the_limit_is_not_read():
    """The limit counts the whole compact form."""
    token = signed(payload_of())
    assert read_unverified(token, max_bytes=len(token)).claims["sub"] == "alice"
    with pytest.raises(MalformedTokenError, match="too long"):
        read_unverified(token, max_bytes=len(token) - 1)


def test_all_faults_are_listed_in_the_order_of_the_checks():
    """All faults are listed in the order of the checks, not only the first."""
    policy = TokenPolicy(
        issuer="me", audience="here", required_claims={"exp", "jti", "type", "tenant"}
    )
    token = signed(
        payload_of(iss="you", aud=["there"], type="id", jti=..., exp=1, nbf=NOW + 9, iat=NOW + 9)
    )
    assert told(faults_of(token, policy)) == [
        "claim_missing jti",
        "claim_missing tenant",
        "issuer_invalid",
        "audience_invalid",
        "token_type_invalid",
        "token_not_yet_valid iat",
        "token_not_yet_valid nbf",
        "token_expired",
    ]


def test_a_missing_claim_is_listed_once():
    """Issuer, audience and type are required by two rules each."""
    policy = TokenPolicy(
        issuer="me", audience="here", required_claims={"exp", "iss", "aud", "type"}
    )
    assert told(faults_of(signed({"iat": NOW}), policy)) == [
        f"claim_missing {name}" for name in ("aud", "exp", "iss", "type")
    ]
    assert told(faults_of(signed({"exp": NOW + 9, "type": "access"}), policy)) == [
        "claim_missing aud",
        "claim_missing iss",
    ]
    assert told(faults_of(signed(payload_of(nbf=...)), TokenPolicy(issuer="me", audience="x"))) == [
        "claim_missing iss",
        "claim_missing aud",
    ]


def test_the_header_is_checked_though_the_type_is_missing():
    """A token that was typed for another purpose is not an access token, whatever it lacks."""
    token = signed(payload_of(type=...), header={"alg": "HS256", "typ": "logout+jwt"})
    assert told(faults_of(token)) == ["claim_missing type", "token_type_invalid"]


def test_a_claim_of_the_wrong_type_is_the_only_fault():
    """Nothing more can be said of claims that cannot be read."""
    (fault,) = faults_of(signed(payload_of(exp="soon", aud="x")))
    assert isinstance(fault, InvalidClaimError)
    assert fault.claim == "exp"


def test_only_an_engine_that_issues_bounds_the_age_by_its_lifetimes():
    """Keys that only verify know no lifetimes, unless the policy names the age."""
    policy = TokenPolicy(refresh_lifetime=timedelta(hours=1))
    token = signed(payload_of(NOW - 7_200, exp=NOW + 900))
    assert [type(each) for each in faults_of(token, policy)] == [TokenTooOldError]
    assert faults_of(token, policy, keys=PUBLIC_RING) == []


TIMES = st.sampled_from([None, ..., 0, NOW - 9e6, NOW - 901, NOW - 1, NOW, NOW + 1, NOW + 900, "x"])
NAMES = st.sampled_from([None, ..., "", "a", "b", 7])
PAYLOADS = st.fixed_dictionaries(
    {
        "sub": NAMES,
        "jti": NAMES,
        "iss": NAMES,
        "tenant": NAMES,
        "aud": NAMES | st.sampled_from([[], ["a"], ["b", "c"], [""]]),
        "type": st.sampled_from([None, ..., "", "access", "refresh", "id"]),
        "exp": TIMES,
        "iat": TIMES,
        "nbf": TIMES,
        "scope": st.sampled_from([..., "", "a", [], None]),
        "fresh": st.sampled_from([..., True, None]),
        "scp": st.sampled_from([..., ..., "a", ["a"], [], 7]),
        "nonce": st.sampled_from([..., ..., None, "n"]),
    }
)
REQUIRED = st.sets(
    st.sampled_from([
        "exp", "iat", "sub", "jti", "type", "iss", "aud", "nbf", "scope", "fresh", "tenant",
    ])
)  # fmt: skip
POLICIES = st.builds(
    lambda required, source, audience, **rules: TokenPolicy(
        **audience,
        required_claims=required | ({"type"} if source == "claim" else set()),
        type_source=source,
        refresh_lifetime=timedelta(hours=1),
        **rules,
    ),
    required=REQUIRED | st.just(frozenset({"exp", "iat", "sub", "jti", "type"})),
    source=st.sampled_from(["claim", "claim", "typ", "always-access"]),
    issuer=st.sampled_from([None, "a"]),
    audience=st.sampled_from(
        [
            {"audience": None},
            {"audience": "a"},
            {"audience": ("a", "b")},
            {"audience": "a", "audience_claim": "tenant"},
        ]
    ),
    leeway=st.sampled_from([timedelta(0), timedelta(minutes=1)]),
    issuer_optional_in=st.sets(st.sampled_from(["access", "refresh"])),
    integer_subjects=st.booleans(),
    accept_id_tokens=st.booleans(),
    access_token_claims=st.sampled_from([None, None, {"tenant": "a"}, {"scope": True}]),
)
HEADERS = st.sampled_from([{}, {"typ": "JWT"}, {"typ": "at+jwt"}, {"typ": "application/AT+JWT"}, {"typ": "id"}])  # fmt: skip


@given(payload=PAYLOADS, policy=POLICIES, header=HEADERS)
def test_faults_are_listed_exactly_if_an_engine_refuses_the_token(payload, policy, header):
    """The fault that the engine raises is among them, whatever the claims and the policy are."""
    token = signed(payload_of(**payload), header={"alg": "HS256", **header})
    faults = faults_of(token, policy)
    engine = engine_with(FrozenClock(), keys=SECRET_RING, policy=policy)
    first = None
    try:
        asyncio.run(engine.decode(token, type=None))
    except InvalidTokenError as exc:
        first = exc
    assert (first is None) == (faults == [])
    assert first is None or told([first])[0] in told(faults)
