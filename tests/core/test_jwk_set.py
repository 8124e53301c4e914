"""A published set of keys: which of its members are used, and which are ignored."""

import json

import jwt as pyjwt
import pytest
from joserfc import jwt as joserfc
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jwk import KeySet as JoserfcKeySet

from tests.core.key_material import EC_KEY, JWKS, OTHER_RSA, RSA_KEY
from tokenward import Key, KeyRing
from tokenward.errors import AlgorithmMismatchError, UnknownKeyError
from tokenward.jose.compact import CompactJws
from tokenward.keys.jwk_set import JwkSet, UnusableJwkSetError

RSA = Key.from_jwk(OTHER_RSA | {"kid": "rsa"}).public_jwk()
EC, OTHER_EC = (Key.generate("ES256").public_jwk() for _ in range(2))
ED, OTHER_ED = (Key.generate("EdDSA").public_jwk() for _ in range(2))
OTHER_RSA_N = Key.from_jwk(JWKS["RSA"]).public_jwk()["n"]


def read(*members, algorithms=None, known=None):
    """Read a JWK set with these members."""
    body = json.dumps({"keys": members}).encode()
    return JwkSet.read(body, algorithms=algorithms, known=known)


def without(jwk, *names):
    """Return a JWK without some members."""
    return {name: value for name, value in jwk.items() if name not in names}


def checked_names(keys):
    """Return the key ids of a set."""
    return [published.kid for published in keys.published]


def test_a_key_is_found_by_its_id_and_algorithm():
    """As in a ring: an unknown key and another algorithm are refused."""
    keys = read(RSA, EC, OTHER_EC)
    assert len(keys) == 3
    assert keys.find(kid="rsa", algorithm="RS256").public_jwk() == RSA
    assert keys.find(kid=EC["kid"], algorithm="ES256").public_jwk() == EC
    assert keys.find(kid=None, algorithm="RS256").kid == "rsa"
    for kid, algorithm, error in (
        ("rsa", "PS256", AlgorithmMismatchError),
        ("rsa", "HS256", AlgorithmMismatchError),
        ("other", "RS256", UnknownKeyError),
        (None, "ES256", UnknownKeyError),
        (None, "HS256", AlgorithmMismatchError),
    ):
        with pytest.raises(error):
            keys.find(kid=kid, algorithm=algorithm)


NO_KEYS = [
    None,
    "key",
    [],
    {},
    {"kty": "AKP", "alg": "ML-DSA-44", "kid": "new"},
    without(EC, "y"),
    EC | {"y": EC["x"]},
    EC | {"crv": "P-999"},
    EC | {"use": "enc"},
    EC | {"key_ops": ["sign"]},
    EC | {"key_ops": "verify"},
    EC | {"alg": "ECDH-ES"},
    EC | {"alg": "RS256"},
    EC | {"alg": 1},
    EC | {"kid": 1},
    EC | {"kid": ""},
    RSA | {"n": "AQAB"},
    RSA | {"e": "AQ"},
    JWKS["oct"],
    {"kty": "oct", "alg": "HS256", "kid": "x", "k": "c2VjcmV0" * 8},
    {"kty": "oct"},
    JWKS["EC"],
    JWKS["RSA"],
    EC | {"d": "not even a key"},
]


@pytest.mark.parametrize("member", NO_KEYS, ids=range(len(NO_KEYS)))
def test_members_that_are_not_usable_keys_are_ignored(member):
    """This includes secrets and private keys. The other members are used; without any, the set is refused."""
    assert checked_names(read(member, ED)) == [ED["kid"]]
    with pytest.raises(UnusableJwkSetError):
        read(member)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"keys":null}',
        b'{"keys":[]}',
        b'{"keys":{"kty":"RSA"}}',
        b'{"keys":[],"keys":[' + json.dumps(ED).encode() + b"]}",
        b'{"keys":[' + json.dumps(ED).encode() + b"],}",
        b'{"keys":[NaN,' + json.dumps(ED).encode() + b"]}",
        b"[" * 2000,
        '{"keys":[]}'.encode("utf-16"),
    ],
    ids=range(12),
)
def test_a_document_that_is_not_a_key_set_is_refused(body):
    """The error contains nothing of the document."""
    with pytest.raises(UnusableJwkSetError) as caught:
        JwkSet.read(body, algorithms=None, known=None)
    assert str(caught.value).startswith("The document is not a J")
    assert caught.value.__context__ is None


def test_keys_that_share_an_id_are_all_ignored():
    """It is unclear which key is meant; duplicates of one key count as one."""
    shared = OTHER_EC | {"kid": EC["kid"]}
    assert checked_names(read(EC, ED, shared)) == [ED["kid"]]
    assert checked_names(read(EC, ED, EC)) == [EC["kid"], ED["kid"]]
    both_names = ED | {"alg": "Ed25519"}
    assert checked_names(read(ED, both_names, RSA)) == [ED["kid"], "rsa"]
    assert checked_names(read(ED | {"x": OTHER_ED["x"]}, both_names, RSA)) == ["rsa"]


def test_keys_of_one_id_are_told_apart_by_their_algorithm():
    """Keycloak publishes one key under several algorithms; RFC 7517 §4.5 allows different keys."""
    ps256, ec = RSA | {"alg": "PS256"}, EC | {"kid": "rsa"}
    keys = read(RSA, ps256, ec)
    for jwk in (RSA, ps256, ec):
        assert keys.find(kid="rsa", algorithm=jwk["alg"]).public_jwk() == jwk
    assert keys.skipped == ()
    with pytest.raises(AlgorithmMismatchError):
        keys.find(kid="rsa", algorithm="RS512")

    twin = RSA | {"n": OTHER_RSA_N}
    keys = read(RSA, twin, ps256)
    assert [each.position for each in keys.skipped] == [0, 1]
    with pytest.raises(AlgorithmMismatchError):
        keys.find(kid="rsa", algorithm="RS256")


PADDED = RSA | {
    "n": RSA["n"] + "=" * (-len(RSA["n"]) % 4),
    "e": RSA["e"] + "=" * (-len(RSA["e"]) % 4),
}


@pytest.mark.parametrize(
    ("odd", "jwk"),
    [
        (EC | {"use": None, "key_ops": None}, EC),
        (without(EC, "use") | {"use": "jwt-svid"}, EC),
        (PADDED, RSA),
        (
            RSA | {"x5c": ["MIIB=="], "x5t": "x", "x5t#S256": 1, "x5u": "http://x", "n": RSA["n"]},
            RSA,
        ),
    ],
)
def test_odd_members_of_real_issuers_are_read(odd, jwk):
    """Nulls, padded numbers, SPIFFE's `use` and certificates do not spoil a key."""
    assert read(odd).find(kid=jwk["kid"], algorithm=jwk["alg"]).public_jwk() == jwk


@pytest.mark.parametrize(
    ("member", "kid", "reason"),
    [
        (None, None, "not a JSON object"),
        (JWKS["oct"] | {"kid": "hunter2"}, "hunter2", "a secret or a private key"),
        (JWKS["EC"], None, "a secret or a private key"),
        ({"kty": "AKP", "alg": "ML-DSA-44", "kid": "new"}, "new", "'kty' must be one of"),
        (RSA | {"use": "enc"}, "rsa", "'use' is not 'sig'"),
        (without(RSA, "alg") | {"use": "x509-svid"}, "rsa", "'use' is not 'sig'"),
        (RSA | {"alg": "RSA-OAEP"}, "rsa", "The algorithm is unknown"),
        (RSA | {"n": RSA["n"] + "="}, "rsa", "'n' must be base64url"),
        (RSA | {"n": 7, "e": None}, "rsa", "'e' must be base64url"),
        (RSA, "rsa", "not one of the accepted algorithms"),
        (without(RSA, "alg"), "rsa", "not one of the accepted algorithms"),
        (without(EC, "alg") | {"kid": ["a"]}, None, "'kid' must be text"),
    ],
)
def test_each_skipped_member_has_a_reason(member, kid, reason):
    """The position, key id and reason of a skipped member are readable; no key material is."""
    keys = read(ED, member, EC, algorithms={"EdDSA", "ES256"})
    (skipped,) = keys.skipped
    assert (skipped.position, skipped.kid) == (1, kid)
    assert reason in skipped.reason
    assert "AQAB" not in skipped.reason
    with pytest.raises(UnusableJwkSetError) as caught:
        read(member, algorithms={"EdDSA", "ES256"})
    assert [each.reason for each in caught.value.skipped] == [skipped.reason]


def test_a_key_without_id_is_used_if_it_is_the_only_one_of_its_algorithm():
    """It is found with any key id and without one, but not if another key has its algorithm."""
    bare = without(EC, "kid")
    for kid in (None, EC["kid"], "any"):
        assert read(bare, RSA).find(kid=kid, algorithm="ES256").public_jwk() == EC
    both = read(bare, OTHER_EC)
    for kid in (None, EC["kid"], "any"):
        with pytest.raises(UnknownKeyError):
            both.find(kid=kid, algorithm="ES256")
    assert both.find(kid=OTHER_EC["kid"], algorithm="ES256")
    assert len(read(bare, bare)) == 1


@pytest.mark.parametrize(
    ("jwk", "algorithms", "expected"),
    [
        (RSA, None, "RS256"),
        (RSA, {"RS256"}, "RS256"),
        (RSA, {"PS256"}, None),
        (RSA, {"ES256"}, None),
        (without(RSA, "alg"), None, "RS256"),
        (without(RSA, "alg"), {"PS256", "RS256"}, "RS256"),
        (without(RSA, "alg"), {"ES256", "PS512", "PS384"}, "PS384"),
        (without(RSA, "alg"), {"ES256", "EdDSA"}, None),
        (RSA | {"alg": None}, {"PS256"}, None),
        (RSA | {"alg": "PS512"}, None, "PS512"),
        (without(EC, "alg"), None, "ES256"),
        (without(EC, "alg"), {"ES384", "ES256"}, "ES256"),
        (without(EC, "alg"), {"ES384"}, None),
        (without(ED, "alg"), {"EdDSA"}, "EdDSA"),
        (without(ED, "alg"), {"Ed25519"}, "EdDSA"),
        (without(ED, "alg"), {"Ed448"}, None),
        (ED, {"Ed25519"}, "EdDSA"),
        (ED, {"Ed448"}, None),
        (ED | {"alg": "Ed25519"}, {"EdDSA"}, "Ed25519"),
        (ED | {"alg": "Ed25519"}, None, "Ed25519"),
        (ED | {"alg": "Ed448"}, None, None),
        (ED | {"alg": "Ed448"}, {"EdDSA"}, None),
    ],
)
def test_a_key_is_bound_to_one_algorithm(jwk, algorithms, expected):
    """To its own algorithm, the most common of its kind, or the first accepted one; else it is ignored."""
    if expected is None:
        with pytest.raises(UnusableJwkSetError):
            read(jwk, algorithms=algorithms)
    else:
        keys = read(jwk, algorithms=algorithms)
        assert [key.algorithm.name for key in keys.keys] == [expected]


def test_a_key_that_stays_is_the_same_object():
    """A key that changed in any member is another object."""
    before = read(EC, RSA, ED)
    after = read(ED, EC, RSA | {"alg": "RS384"}, known=before)
    assert before.find(kid=EC["kid"], algorithm="ES256") is after.find(
        kid=EC["kid"], algorithm="ES256"
    )
    assert len(before.keys & after.keys) == 2
    assert read(without(ED, "kid"), known=before).keys.isdisjoint(before.keys)


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated via RFC 9864")
@pytest.mark.parametrize("parameters", [{}, {"use": "sig"}, {"key_ops": ["verify"]}], ids=str)
def test_a_set_that_joserfc_makes_is_read(parameters):
    """Tokens that joserfc signs with its keys are verified."""
    made = [
        RSAKey.generate_key(2048, {"alg": "RS256"}),
        ECKey.generate_key("P-256", {"alg": "ES256"}),
        OKPKey.generate_key("Ed25519", {"alg": "EdDSA"}),
    ]
    theirs = JoserfcKeySet(made)
    document = theirs.as_dict(private=False)
    document["keys"] = [without(each, "key_ops", "use") | parameters for each in document["keys"]]
    keys = JwkSet.read(json.dumps(document).encode(), algorithms=None, known=None)
    assert len(keys) == 3
    for key in made:
        header = {"alg": key.alg, "kid": key.kid}
        token = joserfc.encode(header, {"sub": "alice"}, key, algorithms=[key.alg])
        found = keys.find(kid=key.kid, algorithm=key.alg)
        assert json.loads(verified(found, token)) == {"sub": "alice"}


@pytest.mark.parametrize(
    ("private", "algorithm", "backend"),
    [
        (RSA_KEY, "PS256", pyjwt.algorithms.RSAPSSAlgorithm),
        (EC_KEY, "ES256", pyjwt.algorithms.ECAlgorithm),
    ],
    ids=["RSA", "EC"],
)
def test_a_set_that_pyjwt_makes_is_read(private, algorithm, backend):
    """Its JWKs have no id and no algorithm: the test adds the id, and passes the algorithm."""
    jwk = backend.to_jwk(private.public_key(), as_dict=True) | {"kid": "theirs"}
    keys = read(jwk, algorithms={algorithm})
    token = pyjwt.encode({"sub": "alice"}, private, algorithm, headers={"kid": "theirs"})
    found = keys.find(kid="theirs", algorithm=algorithm)
    assert json.loads(verified(found, token)) == {"sub": "alice"}


def verified(key, token):
    """Return the payload of a token that this key signed."""
    return CompactJws(KeyRing(key), max_bytes=len(token)).verify(token).payload
