"""The examples that the RFCs print: tokens that must verify, and tokens that must not."""

import json
from pathlib import Path

import pytest

from tests.support import signed
from tokenward import InvalidTokenError, KeyRing, TokenEngine, TokenPolicy
from tokenward.errors import MalformedTokenError
from tokenward.jose.codec import b64url_encode
from tokenward.jose.compact import CompactJws
from tokenward.keys import Key
from tokenward.testing import FrozenClock

VECTORS = Path(__file__).parents[1] / "vectors"
FILES = ("rfc7515.json", "rfc7520.json", "rfc8037.json")


def load(kind):
    """Return the examples of all files that must be accepted, or those that must be refused."""
    examples = []
    for name in FILES:
        examples += json.loads((VECTORS / name).read_text("utf-8"))[kind]
    return [pytest.param(each, id=each["source"]) for each in examples]


def public_part_of(jwk):
    """Return a JWK without its private members; a secret is returned unchanged."""
    private = {"d", "p", "q", "dp", "dq", "qi"}
    return {name: value for name, value in jwk.items() if name not in private}


ACCEPTED = load("accepted")
REFUSED = load("refused")


def verify(token, key):
    """Verify a token with a ring of one key."""
    return CompactJws(KeyRing(key), max_bytes=16_384).verify(token)


def engine_of(*keys, remembers):
    """Return an engine that requires few claims, shortly before the exp of the RFCs' tokens."""
    policy = TokenPolicy(
        required_claims=(),
        type_source="always-access",
        signature_cache_entries=8192 if remembers else 0,
    )
    ring = KeyRing(keys[0], verifiers=keys[1:])
    return TokenEngine(ring, policy=policy, clock=FrozenClock(1_300_819_379.0))


MEMORY = pytest.mark.parametrize("remembers", [True, False], ids=["remembers", "forgets"])


def test_every_section_of_the_list_is_here():
    """The files contain each example that the engine must support."""
    assert [each.id for each in ACCEPTED] == [
        "RFC 7515, appendix A.1",
        "RFC 7515, appendix A.2",
        "RFC 7515, appendix A.3",
        "RFC 7515, appendix A.4",
        "RFC 7520, section 4.1",
        "RFC 7520, section 4.2",
        "RFC 7520, section 4.3",
        "RFC 7520, section 4.4",
        "RFC 8037, appendix A.4",
    ]


@pytest.mark.parametrize("vector", ACCEPTED)
def test_an_example_verifies_with_its_public_key(vector):
    """The token of an RFC is verified with the public half of its key and has the printed payload."""
    key = Key.from_jwk(public_part_of(vector["jwk"]), algorithm=vector["algorithm"])

    assert verify(vector["compact"], key).payload == vector["payload"].encode()


@MEMORY
@pytest.mark.parametrize("vector", ACCEPTED)
async def test_an_example_gets_the_same_from_an_engine_each_time(vector, remembers):
    """The engine returns the claims of the RFC; a payload that is not JSON is malformed."""
    key = Key.from_jwk(public_part_of(vector["jwk"]), algorithm=vector["algorithm"])
    engine = engine_of(key, remembers=remembers)
    has_claims = vector["payload"].startswith("{")
    for _ in range(3):
        if has_claims:
            claims = await engine.decode(vector["compact"])
            assert claims.model_dump(exclude_unset=True) == json.loads(vector["payload"])
        else:
            with pytest.raises(MalformedTokenError):
                await engine.decode(vector["compact"])
    use = engine.signature_cache
    seen = 3 if has_claims else 0
    assert use.hits + use.misses == seen
    assert (use.hits > 0) == (use.entries > 0) == (has_claims and remembers)


def test_enough_examples_have_claims():
    """The examples that are decoded use several algorithms."""
    named = {
        each.values[0]["algorithm"]
        for each in ACCEPTED
        if each.values[0]["payload"].startswith("{")
    }
    assert named == {"HS256", "RS256", "ES256"}


@pytest.mark.parametrize("vector", ACCEPTED)
def test_an_example_verifies_with_its_private_key(vector):
    """The private JWK of an RFC verifies the same token, and signs one that its public half verifies."""
    private = Key.from_jwk(vector["jwk"], algorithm=vector["algorithm"])
    public = Key.from_jwk(public_part_of(vector["jwk"]), algorithm=vector["algorithm"])

    assert private.can_sign
    assert verify(vector["compact"], private).payload == vector["payload"].encode()
    public.verify(b"message", private.sign(b"message"))


@pytest.mark.parametrize("vector", [each for each in ACCEPTED if each.values[0]["deterministic"]])
def test_a_deterministic_signature_is_the_printed_one(vector):
    """If an algorithm is deterministic, the signature is the one that the RFC prints."""
    key = Key.from_jwk(vector["jwk"], algorithm=vector["algorithm"])
    signing_input, _, signature = vector["compact"].rpartition(".")

    assert b64url_encode(key.sign(signing_input.encode())) == signature


@pytest.mark.parametrize("vector", ACCEPTED)
def test_an_example_is_refused_by_a_key_of_another_algorithm(vector):
    """The token of an RFC is refused by every key that is bound to another algorithm."""
    other = Key.generate("HS384" if vector["algorithm"] != "HS384" else "HS512")

    with pytest.raises(InvalidTokenError) as caught:
        verify(vector["compact"], other)
    assert caught.value.code in {"algorithm_mismatch", "key_unknown"}


SECRETS = [
    Key.from_jwk(each.values[0]["jwk"])
    for each in ACCEPTED
    if each.values[0]["algorithm"] == "HS256"
]


@pytest.mark.parametrize("vector", REFUSED)
def test_an_unsupported_example_is_refused(vector):
    """Unsecured, detached and critical-extension examples are refused for their own reasons."""
    jws = CompactJws(KeyRing(SECRETS[0], verifiers=SECRETS[1:]), max_bytes=16_384)

    with pytest.raises(InvalidTokenError) as caught:
        jws.verify(vector["compact"])
    assert caught.value.code == vector["code"]


@MEMORY
@pytest.mark.parametrize("vector", REFUSED)
async def test_an_engine_refuses_an_unsupported_example_each_time(vector, remembers):
    """An engine refuses each example for its own reason, also after a valid token of the same keys."""
    engine = engine_of(*SECRETS, remembers=remembers)
    good = signed({"sub": "alice"}, key=SECRETS[1])
    for _ in range(2):
        await engine.decode(good)
        with pytest.raises(InvalidTokenError) as caught:
            await engine.decode(vector["compact"])
        assert caught.value.code == vector["code"]
    assert engine.signature_cache.hits == (1 if remembers else 0)
