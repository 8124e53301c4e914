"""Keys: their ids, what they sign and verify, and that they never show their material."""

import copy
import dataclasses

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from tests.core.jws_tokens import CountingHmac
from tests.core.key_material import (
    EC_KEY,
    ED_KEY,
    JWKS,
    KINDS,
    MEMBERS,
    RSA_KEY,
    SECRET,
    private_text,
    public_part_of,
    public_text,
    refused,
)
from tokenward import ConfigurationError, Key, KeyRing, TokenEngine
from tokenward.errors import InvalidSignatureError, SigningKeyError
from tokenward.jose.algorithms import ALGORITHMS
from tokenward.jose.codec import b64url_decode


@pytest.mark.parametrize(
    "algorithm",
    ["none", "None", "NONE", "", "hs256", "HS257", "RSA-OAEP", None, 7, ["HS256"]],
    ids=repr,
)
@pytest.mark.parametrize("build", ["from_secret", "from_pem", "from_jwk", "generate"])
def test_an_unknown_algorithm_is_refused(build, algorithm):
    """An unknown algorithm is refused, and the message lists the known ones."""
    if algorithm is None and build in {"from_pem", "from_jwk"}:
        algorithm = "nil"
    calls = {
        "from_secret": lambda: Key.from_secret(SECRET, algorithm=algorithm),
        "from_pem": lambda: Key.from_pem(public_text(EC_KEY), algorithm=algorithm),
        "from_jwk": lambda: Key.from_jwk(public_part_of(JWKS["EC"]), algorithm=algorithm),
        "generate": lambda: Key.generate(algorithm),
    }

    refused(calls[build], error=ConfigurationError)


def test_the_message_about_an_unknown_algorithm_lists_the_table():
    """The message about an unknown algorithm names all known ones."""
    message = refused(lambda: Key.generate("none"), error=ConfigurationError)

    assert all(name in message for name in ALGORITHMS)


def test_the_table_has_these_algorithms():
    """The table has the algorithms of the design, and not `none`."""
    assert set(ALGORITHMS) == {
        *("HS256", "HS384", "HS512"),
        *("RS256", "RS384", "RS512"),
        *("PS256", "PS384", "PS512"),
        *("ES256", "ES384", "ES512", "ES256K"),
        *("EdDSA", "Ed25519", "Ed448"),
    }


def test_the_table_cannot_be_changed():
    """The table and its rows are read-only: no code can add `none` or allow shorter secrets."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        ALGORITHMS["HS256"].digest_bytes = 0
    with pytest.raises(TypeError):
        ALGORITHMS["none"] = ALGORITHMS["HS256"]


def test_the_thumbprint_of_rfc_7638():
    """The id of the RSA key of RFC 7638, section 3.1, is the thumbprint printed there."""
    jwk = {
        "kty": "RSA",
        "n": (
            "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc"
            "_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0"
            "_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhA"
            "I4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
        ),
        "e": "AQAB",
        "alg": "RS256",
    }

    assert Key.from_jwk(jwk).kid == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    assert Key.from_jwk({**jwk, "kid": "2011-04-29"}).kid == "2011-04-29"


def test_the_thumbprint_of_rfc_8037():
    """The id of the key of RFC 8037 is the thumbprint printed in its appendix A.3."""
    expected = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"

    assert Key.from_jwk(JWKS["OKP"]).kid == expected
    assert Key.from_jwk(public_part_of(JWKS["OKP"])).kid == expected


def test_a_thumbprint_does_not_depend_on_the_algorithm():
    """The same RSA key has the same id under every algorithm."""
    ids = {Key.from_jwk(JWKS["RSA"], algorithm=name).kid for name in ("RS256", "PS256", "RS512")}

    assert len(ids) == 1


def test_a_secret_jwk_has_no_key_id_by_default():
    """An `oct` JWK has the id of its `kid`, and no id without a `kid`."""
    assert Key.from_jwk(JWKS["oct"]).kid is None
    assert Key.from_jwk({**JWKS["oct"], "kid": "one"}).kid == "one"


def test_the_callers_key_id_comes_first():
    """A `kid` of the caller replaces that of the JWK and the thumbprint."""
    assert Key.from_jwk({**JWKS["EC"], "kid": "own"}, kid="mine").kid == "mine"
    assert Key.from_pem(public_text(EC_KEY), kid="mine").kid == "mine"
    assert Key.generate("ES256", kid="mine").kid == "mine"


@pytest.mark.parametrize("kid", [7, 1.5, True, [], ["own"], {}], ids=repr)
def test_a_key_id_in_a_jwk_must_be_text(kid):
    """A JWK whose `kid` is not text is refused."""
    assert "'kid'" in refused(lambda: Key.from_jwk({**JWKS["EC"], "kid": kid}))


@pytest.mark.parametrize("kid", ["", 7, b"bytes", ["own"], True], ids=repr)
@pytest.mark.parametrize(
    "build",
    [
        pytest.param(lambda kid: Key.from_secret(SECRET, kid=kid), id="from_secret"),
        pytest.param(lambda kid: Key.from_pem(public_text(EC_KEY), kid=kid), id="from_pem"),
        pytest.param(lambda kid: Key.from_jwk(JWKS["EC"], kid=kid), id="from_jwk"),
        pytest.param(lambda kid: Key.generate("EdDSA", kid=kid), id="generate"),
    ],
)
def test_a_key_id_must_be_text_that_is_not_empty(build, kid):
    """An empty key id, or one that is not text, is refused however the key is made."""
    refused(lambda: build(kid))


def test_an_empty_key_id_in_a_jwk_is_refused():
    """A JWK whose `kid` is empty is refused."""
    assert "empty" in refused(lambda: Key.from_jwk({**JWKS["EC"], "kid": ""}))


@pytest.fixture(scope="module", params=ALGORITHMS)
def generated(request):
    """Return one key of each algorithm, generated once."""
    return Key.generate(request.param)


def test_a_generated_key_signs_and_verifies(generated):
    """A key can be generated for every algorithm, and signs and verifies with it."""
    generated.verify(b"message", generated.sign(b"message"))

    assert generated.can_sign
    assert generated.algorithm in ALGORITHMS.values()
    assert (generated.kid is None) == (generated.algorithm.key_type == "oct")


def test_a_generated_key_verifies_nothing_else(generated):
    """A signature of another text, or one that is truncated, extended, empty or changed is refused."""
    signature = generated.sign(b"message")
    spoilt = bytes([signature[0] ^ 1]) + signature[1:]

    with pytest.raises(InvalidSignatureError):
        generated.verify(b"massage", signature)
    for wrong in (
        spoilt,
        signature[:-1],
        signature + b"\x00",
        b"\x00" + signature,
        b"",
        signature * 2,
    ):
        with pytest.raises(InvalidSignatureError):
            generated.verify(b"message", wrong)


def test_the_repr_of_a_generated_key_shows_no_key_material(generated):
    """The repr of a key shows its id, its algorithm and whether it signs, and nothing else."""
    expected = f"Key(kid={generated.kid!r}, algorithm={generated.algorithm.name!r}, can_sign=True)"

    assert repr(generated) == expected
    assert str(generated) == expected
    assert not hasattr(generated, "__dict__")


def test_a_generated_key_is_bound_to_the_requested_algorithm():
    """A generated key has the requested algorithm; by default it is an Ed25519 key."""
    assert [Key.generate(name).algorithm.name for name in ("HS384", "ES512", "EdDSA")] == [
        "HS384",
        "ES512",
        "EdDSA",
    ]
    assert {name: Key.generate().public_jwk()[name] for name in ("alg", "crv")} == {
        "alg": "Ed25519",
        "crv": "Ed25519",
    }


@pytest.mark.parametrize(
    ("algorithm", "curve", "names"),
    [
        ("Ed25519", "Ed25519", {"Ed25519", "EdDSA"}),
        ("EdDSA", "Ed25519", {"Ed25519", "EdDSA"}),
        ("Ed448", "Ed448", {"Ed448", "EdDSA"}),
        ("ES256", "P-256", {"ES256"}),
        ("HS256", None, {"HS256"}),
    ],
)
def test_a_key_verifies_under_each_name_of_its_algorithm(algorithm, curve, names):
    """It signs under the requested name, and verifies under the other name of the same algorithm."""
    key = Key.generate(algorithm)

    assert key.algorithm_names == names
    assert key.algorithm.name == algorithm
    assert curve is None or (key.public_jwk()["alg"], key.public_jwk()["crv"]) == (algorithm, curve)


def test_a_generated_rsa_key_has_3072_bits():
    """A generated RSA key signs with 3,072 bits."""
    key = Key.generate("PS256")
    assert len(key.sign(b"message")) == 3072 // 8
    assert int.from_bytes(b64url_decode(key.public_jwk()["n"])).bit_length() == 3072


def test_no_two_generated_keys_are_the_same():
    """Each call returns another key."""
    one, other = Key.generate("HS256"), Key.generate("HS256")

    with pytest.raises(InvalidSignatureError):
        one.verify(b"message", other.sign(b"message"))
    assert Key.generate("EdDSA").kid != Key.generate("EdDSA").kid


@pytest.mark.parametrize("kty", JWKS)
def test_a_loaded_key_does_not_show_its_material(kty):
    """The repr of a loaded key contains none of the members of its JWK."""
    key = Key.from_jwk(JWKS[kty], kid="the-id")

    assert repr(key).startswith("Key(kid='the-id', algorithm=")
    assert not any(JWKS[kty][member] in repr(key) for name, member in MEMBERS if name == kty)


def test_the_repr_of_a_secret_shows_no_key_material():
    """The repr of a secret and of its algorithm contain neither its text nor its bytes."""
    key = Key.from_secret(SECRET)

    assert repr(key) == "Key(kid=None, algorithm='HS256', can_sign=True)"
    assert SECRET not in repr(key.algorithm)


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(Key.from_pem(public_text(RSA_KEY)), id="public RSA PEM"),
        pytest.param(Key.from_pem(public_text(EC_KEY)), id="public EC PEM"),
        pytest.param(Key.from_jwk(public_part_of(JWKS["OKP"])), id="public OKP JWK"),
        pytest.param(
            Key.from_jwk({**JWKS["oct"], "key_ops": ["verify"]}), id="secret, verify only"
        ),
    ],
)
def test_a_key_without_a_private_part_cannot_sign(key):
    """Signing with a key that only verifies raises SigningKeyError, which names what is missing."""
    with pytest.raises(
        SigningKeyError, match="no private part: it can verify, but not sign"
    ) as caught:
        key.sign(b"message")

    assert caught.value.code == "key_cannot_sign"
    assert "can_sign=False" in repr(key)


@pytest.mark.parametrize(
    ("kind", "length"),
    [
        ("RSA", 256),
        ("P-256", 64),
        ("P-384", 96),
        ("P-521", 132),
        ("secp256k1", 64),
        ("Ed25519", 64),
        ("Ed448", 114),
    ],
)
def test_a_signature_has_one_length(kind, length):
    """A signature has the length of its algorithm and key; every other length is refused."""
    key = Key.from_pem(private_text(KINDS[kind][0]))
    signature = key.sign(b"message")

    assert len(signature) == length
    for wrong in (signature[:-1], signature[1:], signature + b"\x00", b"\x00" + signature, b""):
        with pytest.raises(InvalidSignatureError) as caught:
            key.verify(b"message", wrong)
        assert caught.value.code == "signature_invalid"


def test_a_signature_in_der_is_refused():
    """An ECDSA signature in the ASN.1 form of X.509 is refused: RFC 7518 has another form."""
    key = Key.from_pem(public_text(EC_KEY))

    with pytest.raises(InvalidSignatureError):
        key.verify(b"message", EC_KEY.sign(b"message", ec.ECDSA(hashes.SHA256())))


@pytest.mark.parametrize("signature", [bytes(64), bytes(63) + b"\x01", b"\xff" * 64])
def test_a_signature_of_impossible_numbers_is_refused(signature):
    """ECDSA and EdDSA signatures of zeros, or of numbers above the order, are refused."""
    for material in (EC_KEY, ED_KEY, KINDS["secp256k1"][0]):
        with pytest.raises(InvalidSignatureError):
            Key.from_pem(public_text(material)).verify(b"message", signature)


def test_a_signature_of_the_wrong_length_does_not_reach_the_crypto():
    """The length of a signature is checked before the signature is verified."""
    backend = CountingHmac()
    key = Key(SECRET.encode(), dataclasses.replace(ALGORITHMS["HS256"], backend=backend), None)
    signature = key.sign(b"message")

    for wrong in (b"", signature[:-1], signature + b"\x00"):
        with pytest.raises(InvalidSignatureError):
            key.verify(b"message", wrong)
    assert backend.asked == 0

    key.verify(b"message", signature)
    assert backend.asked == 1


@pytest.mark.parametrize(
    ("material", "algorithm"),
    [
        pytest.param(SECRET.encode(), "RS256", id="secret, RS256"),
        pytest.param(SECRET.encode(), "ES256", id="secret, ES256"),
        pytest.param(RSA_KEY, "HS256", id="RSA, HS256"),
        pytest.param(RSA_KEY.public_key(), "HS256", id="public RSA, HS256"),
        pytest.param(RSA_KEY, "ES256", id="RSA, ES256"),
        pytest.param(EC_KEY, "ES384", id="P-256, ES384"),
        pytest.param(EC_KEY.public_key(), "HS256", id="public P-256, HS256"),
        pytest.param(ED_KEY, "ES256", id="Ed25519, ES256"),
    ],
)
def test_a_key_cannot_be_built_of_material_that_its_algorithm_does_not_take(material, algorithm):
    """The constructor refuses material of another kind, so that every key can be used."""
    refused(lambda: Key(material, ALGORITHMS[algorithm], None), SECRET)


@pytest.mark.parametrize(
    "key", [Key.from_secret("s" * 32), Key.generate("EdDSA")], ids=["HS256", "EdDSA"]
)
async def test_an_engine_can_be_copied(key):
    """Frameworks copy engines: the keys stay the same, and the cache of the copy is empty."""
    engine = TokenEngine(KeyRing(key))
    token = await engine.issue("alice")
    await engine.decode(token)
    twin = copy.deepcopy(engine)
    assert twin.signature_cache == (0, 0, 0, 0)
    assert (await twin.decode(token)).sub == "alice"
    assert copy.deepcopy(key) is key
