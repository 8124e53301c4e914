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
ED = Key.generate("EdDSA").public_jwk()


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
    assert str(caught.value) == ""
    assert caught.value.__context__ is None


def test_keys_that_share_an_id_are_all_ignored():
    """It is unclear which key is meant; duplicates of one key count as one."""
    shared = OTHER_EC | {"kid": EC["kid"]}
    assert checked_names(read(EC, ED, shared)) == [ED["kid"]]
    assert checked_names(read(EC, ED, EC)) == [EC["kid"], ED["kid"]]
    other_algorithm = RSA | {"alg": "PS256"}
    assert checked_names(read(RSA, ED, other_algorithm)) == [ED["kid"]]


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
