"""Properties that hold for every token, every byte and every claim."""

import asyncio
import contextlib
import json
import math
from typing import NamedTuple

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from tests.core.key_material import RSA_KEY
from tests.support import NOW, SECRET, FrozenClock, engine_with, payload_of, signed
from tokenward import Claims, Key, KeyRing, TokenEngine, TokenError, TokenPolicy
from tokenward.claims import RESERVED_CLAIMS
from tokenward.jose.algorithms import ALGORITHMS

pytestmark = pytest.mark.no_cover

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
KEYS = {
    "HS256": Key.from_secret(SECRET),
    "ES256": Key.generate("ES256"),
    "EdDSA": Key.generate("EdDSA"),
    "RS256": Key(RSA_KEY, ALGORITHMS["RS256"], None),
}


class Twins(NamedTuple):
    """Two engines with the same keys and rules; one caches signatures."""

    caching: TokenEngine[Claims]
    plain: TokenEngine[Claims]


def twins(*, keys: KeyRing | None = None, **rules: object) -> Twins:
    """Return both engines."""
    policies = (TokenPolicy(**rules), TokenPolicy(**rules, signature_cache_entries=0))
    return Twins(*(engine_with(FrozenClock(), keys=keys, policy=policy) for policy in policies))


ENGINES = {name: twins(keys=KeyRing(key)) for name, key in KEYS.items()}
TOKENS = {name: signed(payload_of(), key=key) for name, key in KEYS.items()}
HS256 = ENGINES["HS256"]
# The most tolerant policy, so that more of the random input passes the first checks.
LOOSE = twins(required_claims=(), type_source="always-access")


@pytest.fixture(scope="module")
def run():
    """Yield a function that runs a coroutine to its end: one loop serves all examples."""
    with asyncio.Runner() as runner:
        yield runner.run


def decode(run, engines, token):
    """Decode a token; return its claims, or None if a TokenError refuses it.

    It is decoded twice by an engine that caches signatures, and once by an engine that does not;
    the result is always the same.
    """
    first = answer(run, engines.caching, token)
    hits = engines.caching.signature_cache.hits
    again = answer(run, engines.caching, token)
    was_hit = engines.caching.signature_cache.hits > hits
    assert first == again == answer(run, engines.plain, token)
    if isinstance(first, str):
        assert not was_hit
        return None
    assert first is not again
    # A token that expires within this second is not cached.
    is_kept = first.type != "refresh" and (first.exp is None or first.exp >= NOW + 1)
    assert was_hit == is_kept
    return first


def answer(run, engine, token):
    """Return the claims of a token, or the code of the error that refuses it."""
    try:
        return run(engine.decode(token))
    except TokenError as error:
        refusal = error
    # Each reason has its own code, and no other error hangs on to it.
    assert refusal.code not in {"error", "token_error", "token_invalid"}
    assert refusal.__cause__ is None
    return refusal.code


def test_the_unchanged_tokens_are_accepted(run):
    """The tokens that the next tests change are valid."""
    for name, token in TOKENS.items():
        assert decode(run, ENGINES[name], token).sub == "alice"


@pytest.mark.parametrize("name", KEYS)
def test_every_position_of_a_token_counts(run, name):
    """At every position, a replaced, added or removed character is refused."""
    engine, token = ENGINES[name], TOKENS[name]
    for place, letter in enumerate(token):
        other = ALPHABET[(ALPHABET.find(letter) + 1) % 64]
        for changed in (
            token[:place] + other + token[place + 1 :],
            token[:place] + token[place + 1 :],
            token[:place] + other + token[place:],
            token[:place],
        ):
            assert decode(run, engine, changed) is None


@pytest.mark.parametrize("name", KEYS)
def test_the_last_letters_of_every_segment_have_one_spelling(run, name):
    """No other character of the alphabet is accepted next to the dots or at the end."""
    engine, token = ENGINES[name], TOKENS[name]
    dots = [place for place, letter in enumerate(token) if letter == "."]
    for place in {0, dots[0] - 1, dots[0] + 1, dots[1] - 1, dots[1] + 1, len(token) - 1}:
        for letter in ALPHABET + ".=+/ \n\x00é":
            changed = token[:place] + letter + token[place + 1 :]
            assert changed == token or decode(run, engine, changed) is None


@pytest.mark.parametrize("name", KEYS)
@given(data=st.data())
def test_any_changed_character_is_refused(run, name, data):
    """A token with any character replaced, inserted or removed is refused."""
    engine, token = ENGINES[name], TOKENS[name]
    place = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.sampled_from(ALPHABET) | st.characters())
    kind = data.draw(st.sampled_from(["replace", "insert", "remove"]))
    changed = {
        "replace": token[:place] + letter + token[place + 1 :],
        "insert": token[:place] + letter + token[place:],
        "remove": token[:place] + token[place + 1 :],
    }[kind]
    assume(changed != token)

    assert decode(run, engine, changed) is None


@pytest.mark.parametrize("name", KEYS)
@given(data=st.data())
def test_any_flipped_bit_of_the_bytes_is_refused(run, name, data):
    """A token sent as bytes with one changed bit is refused."""
    engine, token = ENGINES[name], bytearray(TOKENS[name].encode())
    bit = data.draw(st.integers(0, len(token) * 8 - 1))
    token[bit // 8] ^= 1 << bit % 8

    assert decode(run, engine, bytes(token)) is None


@given(st.text(st.characters(codec=None)) | st.binary() | st.text(f"{ALPHABET}.", max_size=80))
@example("\ud800.\ud800.\ud800")
@example("..")
@example(b"..")
@example(b"\xff\xfe.\x00.\x00")
def test_any_input_raises_only_token_errors(run, token):
    """Any text and bytes are refused with a TokenError."""
    assert decode(run, HS256, token) is None


# JSON in all its ugliness: numbers that overflow, lone surrogates, names that mean something.
NASTY_NUMBERS = st.sampled_from(
    [
        *(0, -0.0, 1, -1, 2**31, 2**53 + 1, 2**63, 2**64, -(2**63) - 1, 10**400, -(10**400)),
        *(math.nan, math.inf, -math.inf, 1e308, 5e-324, 1e-400, NOW, NOW + 900, 253_402_300_800),
    ]
)
TEXTS = st.text(st.characters(codec=None), max_size=8) | st.sampled_from(
    ["", "alice", "access", "refresh", "at+jwt", "\ud800", "\x00", "NaN", "Infinity", "9999999999"]
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | NASTY_NUMBERS | TEXTS
NAMES = st.sampled_from(sorted(RESERVED_CLAIMS)) | TEXTS
JSON = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(NAMES, inner, max_size=3)
        | st.sampled_from([[[[[[[]]]]]]])
    ),
    max_leaves=6,
)


def as_json(value):
    """Return JSON, with NaN as Python writes it, and surrogates as escapes."""
    return json.dumps(value).encode()


@given(st.dictionaries(NAMES, JSON, max_size=6))
def test_any_claims_raise_only_token_errors(run, changes):
    """Any signed claims are decoded, or refused with a TokenError."""
    payload = {**payload_of(), **changes}
    for engine in (HS256, LOOSE):
        claims = decode(run, engine, signed(as_json(payload)))
        if claims is not None:
            assert isinstance(claims, Claims)
            assert claims.exp is None or claims.exp > NOW
            assert claims.iat is None or math.isfinite(claims.iat)


@given(JSON | st.dictionaries(NAMES, JSON))
@example([])
@example("text")
@example(None)
def test_any_json_raises_only_token_errors(run, value):
    """Any signed JSON payload is decoded, or refused with a TokenError."""
    token = signed(as_json(value))

    assert decode(run, HS256, token) is None or isinstance(value, dict)
    assert decode(run, LOOSE, token) is None or isinstance(value, dict)


def nested(opening, closing, depth):
    """Return valid claims with a deeply nested value."""
    return as_json(payload_of())[:-1] + b',"x":' + opening * depth + b"1" + closing * depth + b"}"


@given(st.binary(max_size=80) | st.text(max_size=40).map(str.encode))
@example(b"")
@example(b"\xef\xbb\xbf{}")
@example('{"sub":"alice"}'.encode("utf-16"))
@example(b'{"sub":"\xed\xa0\x80"}')
@example(nested(b"[", b"]", 5_000))
@example(nested(b'{"a":', b"}", 1_500))
@example(nested(b"[", b"", 6_000))
@example(as_json(payload_of())[:-1] + b',"x":' + b"9" * 10_000 + b"}")
@example(as_json(payload_of())[:-1] + b',"exp":' + b"9" * 10_000 + b"}")
@example(as_json(payload_of())[:-1] + b',"x":1e99999}')
@example(as_json(payload_of())[:-1] + b',"exp":1e99999}')
@example(as_json(payload_of())[:-1] + b',"exp":-1e99999}')
@example(as_json(payload_of())[:-1] + b',"iat":NaN}')
@example(as_json(payload_of())[:-1] + b',"x":"\\ud800"}')
@example(as_json(payload_of())[:-1] + b',"\\ud800":1}')
@example(as_json(payload_of())[:-1] + b',"sub":"\\ud800"}')
@example(as_json(payload_of())[:-1] + b',"__proto__":{},"model_config":1,"__class__":"x"}')
def test_any_signed_bytes_raise_only_token_errors(run, payload):
    """Any signed payload is decoded, or refused with a TokenError."""
    for engine in (HS256, LOOSE):
        claims = decode(run, engine, signed(payload))
        assert claims is None or isinstance(claims, Claims)


HEADER_NAMES = st.sampled_from(
    ["alg", "kid", "typ", "cty", "crit", "b64", "zip", "jwk", "jku", "x5u", "x5c", "x5t"]
)


@given(st.dictionaries(HEADER_NAMES | TEXTS, JSON, max_size=5), st.booleans())
@example({"kid": ""}, True)
@example({"kid": None}, True)
def test_any_header_raises_only_token_errors(run, header, keep_algorithm):
    """Any signed header is accepted, or refused with a TokenError."""
    if keep_algorithm:
        header = {**header, "alg": "HS256"}
    claims = decode(run, HS256, signed(payload_of(), header=as_json(header)))

    if claims is not None:
        assert header["alg"] == "HS256"
        # The engine's only secret has no id, so it verifies tokens of any key id that is text.
        assert isinstance(header.get("kid", ""), str)
        assert header.get("typ", "JWT").lower().removeprefix("application/") in {"jwt", "at+jwt"}
        assert {"crit", "b64", "zip"}.isdisjoint(header)


@given(st.binary(max_size=60) | JSON.map(as_json))
@example(b"")
@example(b'{"alg":"HS256","x":' + b"[" * 5_000 + b"]" * 5_000 + b"}")
@example(b'{"alg":"HS256","x":' + b"9" * 10_000 + b"}")
@example(b'{"alg":"HS256","alg":"HS256"}')
def test_any_header_bytes_raise_only_token_errors(run, header):
    """Any bytes as a signed header are refused with a TokenError."""
    claims = decode(run, HS256, signed(payload_of(), header=header))

    assert claims is None or json.loads(header)["alg"] == "HS256"


CLEAN_TEXTS = st.text(max_size=12)
CLEAN_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | CLEAN_TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(CLEAN_TEXTS, inner, max_size=3),
    max_leaves=8,
)
FREE_NAMES = CLEAN_TEXTS.filter(lambda name: name not in RESERVED_CLAIMS)


@given(st.dictionaries(FREE_NAMES, CLEAN_JSON, max_size=5), st.text(min_size=1, max_size=12))
@example({"a": "NaN Infinity", "b": 2**63, "c": -(2**64), "d": 1e300, "e": -0.0}, "NaN")
@example({"model_config": 1, "extra": 2, "scopes": 3, "__class__": "x", "": None}, "Infinity")
@example({"self": 1, "claims": {"sub": "mallory"}}, "\U0001f511")
def test_claims_survive_the_round_trip(run, claims, subject):
    """Any JSON claims that are issued are decoded unchanged, for access and refresh tokens."""
    pair = run(HS256.caching.issue_pair(subject, claims=claims))

    access = decode(run, HS256, pair.access_token)
    refresh = run(HS256.caching.decode(pair.refresh_token, type="refresh"))

    assert access.sub == refresh.sub == subject
    assert access.extra == refresh.extra == claims
    assert json.dumps(access.extra) == json.dumps(claims)


@given(st.dictionaries(NAMES, JSON, max_size=3), TEXTS)
def test_every_issued_token_can_be_decoded(run, claims, subject):
    """A value that the engine could not decode is refused when issuing."""
    token = None
    with contextlib.suppress(ValueError, TypeError):
        token = run(HS256.caching.issue(subject, claims=claims))

    if token is not None:
        assert decode(run, HS256, token).sub == subject
